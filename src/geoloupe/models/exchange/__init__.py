"""Models for other programs: as files that run without geoloupe, and on a model hub."""
