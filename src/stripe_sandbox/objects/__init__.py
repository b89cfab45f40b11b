"""Stripe's objects: each module knows the full shape of one of them."""
