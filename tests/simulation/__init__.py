"""The simulator: the real application under a seeded scheduler that buys, spends, kills and loses."""
