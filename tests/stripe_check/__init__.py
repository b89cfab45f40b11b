"""What we ask of Stripe, asked of Stripe: `make stripe-check`, with a test key. Not a part of `make test`."""
