"""All SQL of the back office, a module to a topic."""
