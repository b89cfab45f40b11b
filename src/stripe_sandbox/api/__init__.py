"""The HTTP envelope of Stripe's API: keys, versions, forms, errors, pages, repeats."""
