"""`python -m stripe_sandbox`, the same as `stripe-sandbox`."""

from stripe_sandbox.cli import main

main(prog_name="stripe-sandbox")
