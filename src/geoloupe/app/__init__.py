"""The local app: a page and a REST face on this machine alone (an extra: `geoloupe[app]`)."""
