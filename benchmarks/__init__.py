"""Benchmarks: our work beside PostgreSQL's own, in one run on one machine, as ratios."""
