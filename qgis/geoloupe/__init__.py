"""A QGIS plug-in that runs geoloupe: a Processing provider and nothing else."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """Return the plug-in; QGIS calls this."""
    from .plugin import GeoloupePlugin

    return GeoloupePlugin()
