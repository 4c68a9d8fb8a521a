"""`python -m geoloupe` is `geoloupe`."""

from geoloupe.cli import main

main()
