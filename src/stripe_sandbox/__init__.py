"""A stateful stand-in for the part of Stripe that a coin store uses."""
