"""`python -m geoloupe` is `geoloupe`."""

from geoloupe.cli import main

if __name__ == "__main__":
    main()
