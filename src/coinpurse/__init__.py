"""Sell in-app coins through Stripe and keep every coin safe afterwards."""
