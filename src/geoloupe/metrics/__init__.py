"""Comparing images: with a truth, without one, and what can be believed."""
