"""A Django project of our own that takes the same events with dj-stripe, for comparison."""
