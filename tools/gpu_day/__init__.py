"""Everything for the day when a GPU is at hand for a quarter of an hour: see docs/training.md."""
