"""The smallest shop of coins: buyers and their payments."""
