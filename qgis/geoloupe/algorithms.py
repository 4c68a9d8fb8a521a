"""Upscale, Sharpen and Inspect as Processing algorithms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from processing.core.ProcessingConfig import ProcessingConfig
from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputString,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFile,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from . import program

PROGRAM = "GEOLOUPE_PROGRAM"  # the setting, and the variable of the environment, that name it
_AUTO = "auto"
_SHARPENERS = (_AUTO, "glp", "gsa", "brovey", "bdsd", "guided-s2", "guided-pan")
_MODELS = (_AUTO, "loupe-x2", "loupe-x3", "loupe-x4", "loupe-x8", "bicubic")


class _Algorithm(QgsProcessingAlgorithm):
    """What the three have in common."""

    NAME = ""
    TITLE = ""
    HELP = ""

    def name(self) -> str:
        """Return the name in scripts."""
        return self.NAME

    def displayName(self) -> str:
        """Return the name in the toolbox."""
        return self.TITLE

    def shortHelpString(self) -> str:
        """Return the text beside the dialog."""
        return self.HELP

    def createInstance(self) -> "_Algorithm":
        """Return another of the same."""
        return type(self)()

    def run_program(self, words: list[str], feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Run the program with progress and cancel."""
        named = os.environ.get(PROGRAM) or ProcessingConfig.getSetting(PROGRAM) or ""
        try:
            path = program.find(named)
            feedback.pushCommandInfo(" ".join(["geoloupe", *words]))
            found = program.run(
                path,
                words,
                progress=lambda done, count: feedback.setProgress(100 * done / max(count, 1)),
                say=feedback.pushInfo,
                cancelled=feedback.isCanceled,
            )
        except program.ProgramError as error:
            raise QgsProcessingException(str(error)) from None
        for warning in found.get("warnings", ()):
            feedback.pushWarning(warning)
        return found

    def source(self, parameters: Any, name: str, context: QgsProcessingContext) -> str | None:
        """Return what a raster layer is read from, without QGIS's own options behind it."""
        layer = self.parameterAsRasterLayer(parameters, name, context)
        return None if layer is None else layer.source().split("|")[0]

    def add_common(self) -> None:
        """Add what upscale and sharpen share."""
        self.addParameter(
            QgsProcessingParameterString(
                "BANDS", "Bands (3,2,1 or red,green,865nm)", "", False, True
            )
        )
        self.addParameter(QgsProcessingParameterExtent("AREA", "Only this part", None, True))
        for parameter in (
            QgsProcessingParameterString(
                "SENSOR", "Sensor (empty: as the scene tells)", "", False, True
            ),
            QgsProcessingParameterString("MEMORY", "Memory limit, such as 4GB", "", False, True),
            QgsProcessingParameterString(
                "SET", "Other options: tile=128 range=0,4095", "", False, True
            ),
        ):
            flags = parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced
            parameter.setFlags(flags)
            self.addParameter(parameter)
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Result"))

    def common_words(
        self, parameters: Any, context: QgsProcessingContext, layer: str
    ) -> tuple[list[str], str]:
        """Return the words of what upscale and sharpen share, and the result's path."""
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        words = ["-o", output, "--overwrite"]
        for name, flag in (("BANDS", "--bands"), ("SENSOR", "--sensor"), ("MEMORY", "--memory")):
            text = self.parameterAsString(parameters, name, context).strip()
            words += [flag, text] if text else []
        if parameters.get("AREA"):
            raster = self.parameterAsRasterLayer(parameters, layer, context)
            box = self.parameterAsExtent(parameters, "AREA", context, raster.crs())
            sides = (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
            words += ["--area", ",".join(repr(side) for side in sides)]
        for assignment in self.parameterAsString(parameters, "SET", context).split():
            words += ["--set", assignment]
        return words, output


class UpscaleAlgorithm(_Algorithm):
    """A scene becomes a finer one."""

    NAME = "upscale"
    TITLE = "Upscale"
    HELP = (
        "Makes a raster 2, 3, 4 or 8 times finer. Place, bands, data type, nodata and tags are "
        "kept. Stopped, the same call goes on where it was. Look at a part first: choose one under "
        "'Only this part'."
    )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Declare the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Scene"))
        self.addParameter(QgsProcessingParameterEnum("MODEL", "Model", list(_MODELS), False, 0))
        self.addParameter(
            QgsProcessingParameterFile(
                "WEIGHTS",
                "Weights of your own, in place of a model",
                QgsProcessingParameterFile.Folder,
                "",
                None,
                True,
            )
        )
        self.addParameter(
            QgsProcessingParameterRasterLayer(
                "GUIDE", "A finer image, for models that take one", None, True
            )
        )
        self.add_common()

    def processAlgorithm(
        self, parameters: Any, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Run `geoloupe upscale`."""
        words, output = self.common_words(parameters, context, "INPUT")
        weights = self.parameterAsString(parameters, "WEIGHTS", context)
        model = weights or _MODELS[self.parameterAsEnum(parameters, "MODEL", context)]
        words += [] if model == _AUTO else ["--model", model]
        guide = self.source(parameters, "GUIDE", context)
        words += [] if guide is None else ["--guide", guide]
        scene = self.source(parameters, "INPUT", context)
        self.run_program(["upscale", str(scene), *words], feedback)
        return {"OUTPUT": output}


class SharpenAlgorithm(_Algorithm):
    """Coarser bands get a finer image's detail."""

    NAME = "sharpen"
    TITLE = "Sharpen"
    HELP = (
        "Puts the detail of a finer image (a panchromatic band, or Sentinel-2's bands of 10 m) "
        "into coarser bands, on the finer image's own grid. The shift between both is measured and "
        "undone."
    )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Declare the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Coarse bands"))
        self.addParameter(QgsProcessingParameterRasterLayer("GUIDE", "The finer image"))
        self.addParameter(
            QgsProcessingParameterEnum("METHOD", "Method", list(_SHARPENERS), False, 0)
        )
        self.add_common()

    def processAlgorithm(
        self, parameters: Any, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Run `geoloupe sharpen`."""
        words, output = self.common_words(parameters, context, "GUIDE")
        method = _SHARPENERS[self.parameterAsEnum(parameters, "METHOD", context)]
        words += [] if method == _AUTO else ["--model", method]
        words += ["--guide", str(self.source(parameters, "GUIDE", context))]
        scene = self.source(parameters, "INPUT", context)
        self.run_program(["sharpen", str(scene), *words], feedback)
        return {"OUTPUT": output}


class InspectAlgorithm(_Algorithm):
    """Can a product be believed?"""

    NAME = "inspect"
    TITLE = "Inspect"
    HELP = (
        "Measures a finer product against the scene it came from: brightness, colour, position, "
        "seams, invented detail. Writes a page and the numbers."
    )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Declare the parameters."""
        self.addParameter(QgsProcessingParameterRasterLayer("PRODUCT", "The finer product"))
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "The scene it was made from"))
        self.addParameter(
            QgsProcessingParameterRasterLayer("TRUTH", "The truth, if known", None, True)
        )
        self.addParameter(QgsProcessingParameterFolderDestination("OUTPUT", "Folder of the page"))
        self.addOutput(QgsProcessingOutputString("VERDICT", "Verdict"))
        self.addOutput(QgsProcessingOutputFile("PAGE", "The page"))

    def processAlgorithm(
        self, parameters: Any, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Run `geoloupe inspect`."""
        folder = self.parameterAsString(parameters, "OUTPUT", context)
        product, scene, truth = (
            self.source(parameters, name, context) for name in ("PRODUCT", "INPUT", "TRUTH")
        )
        words = ["inspect", str(product), "--lr", str(scene), "-o", folder, "--overwrite"]
        words += [] if truth is None else ["--hr", truth]
        found = self.run_program(words, feedback)
        verdict = str(found.get("verdict", ""))
        feedback.pushInfo(verdict)
        page = next(iter(sorted(Path(folder).glob("*.html"))), None)
        return {"OUTPUT": folder, "VERDICT": verdict, "PAGE": str(page or "")}
