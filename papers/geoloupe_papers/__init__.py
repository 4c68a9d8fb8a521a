"""Trained models of the five papers' networks, as folders that geoloupe finds by their names."""
