"""The provider: three algorithms, and the setting where the program is."""

from __future__ import annotations

from pathlib import Path

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithms import PROGRAM, InspectAlgorithm, SharpenAlgorithm, UpscaleAlgorithm

_NAME = "geoloupe"
_ICON = str(Path(__file__).parent / "icon.svg")


class GeoloupeProvider(QgsProcessingProvider):
    """What QGIS lists under geoloupe."""

    def load(self) -> bool:
        """Add the setting, then the algorithms."""
        ProcessingConfig.settingIcons[_NAME] = self.icon()
        ProcessingConfig.addSetting(
            Setting(_NAME, PROGRAM, "The program geoloupe; empty: that of the PATH", "")
        )
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self) -> None:
        """Take the setting away."""
        ProcessingConfig.removeSetting(PROGRAM)

    def loadAlgorithms(self) -> None:
        """Add the algorithms."""
        for algorithm in (UpscaleAlgorithm, SharpenAlgorithm, InspectAlgorithm):
            self.addAlgorithm(algorithm())

    def id(self) -> str:
        """Return the name in scripts: geoloupe:upscale."""
        return _NAME

    def name(self) -> str:
        """Return the name in the toolbox."""
        return _NAME

    def icon(self) -> QIcon:
        """Return the lens."""
        return QIcon(_ICON)
