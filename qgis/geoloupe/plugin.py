"""The plug-in as QGIS sees it: it brings a Processing provider."""

from __future__ import annotations

from qgis.core import QgsApplication

from .provider import GeoloupeProvider


class GeoloupePlugin:
    """Adds the provider while it is loaded."""

    def __init__(self) -> None:
        self.provider = None

    def initProcessing(self) -> None:
        """Add the provider; what qgis_process calls."""
        self.provider = GeoloupeProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Add the provider to the toolbox."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider away."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
