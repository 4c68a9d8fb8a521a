"""How published tables were measured: quantisation, colour, border and metrics, as values.

None of these choices is noise: tables under different protocols must never be mixed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.spectra import Band
from geoloupe.metrics import metric as metrics
from geoloupe.metrics.metric import Metric

Quantise = Literal["truncate", "round", "none"]
Colour = Literal["bands", "luma"]
Border = Literal["scale", "none"]

_LEVELS = 255.0
# Three float32 steps at 255: what rounding takes from k/255 on its way through a network that
# changes nothing must not make it k - 1.
_ROUNDING_SLACK = 1e-4
_LUMA = (65.481, 128.553, 24.966)  # BT.601, of R, G and B in [0, 1]
_BLACK = 16.0
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What happens to an SR image and its truth before they are compared, and by what."""

    name: str
    paper: str
    quantise: Quantise
    clip: bool
    colour: Colour = "bands"
    border: Border
    metrics: Mapping[str, Metric]  # by what the paper's table calls it
    degradation: str  # the degradation of the paper's LR images
    scale: int | None = None  # the only factor it is for
    trust: bool = False  # also what SR keeps of the LR image and adds to it: `metrics.trust`

    @property
    def yardstick(self) -> str:
        """The score by which models are ranked: one where more is better."""
        rising = [name for name, metric in self.metrics.items() if metric.higher_is_better]
        if not rising:
            return "improvement"
        return "psnr" if "psnr" in rising else rising[-1]

    def score(self, sr: Image, hr: Image, scale: int) -> dict[str, float]:
        """Score one image; means over images are plain means of these numbers."""
        if self.scale not in (None, scale):
            raise InputError(f"the protocol {self.name} is for x{self.scale}, not x{scale}")
        if sr.values.shape != hr.values.shape:
            raise InputError(
                f"an SR image of {_size(sr)} cannot be compared with a truth of {_size(hr)}"
            )
        sr, hr = (self._prepared(image, scale) for image in (sr, hr))
        return {name: metric.score(sr, hr, scale) for name, metric in self.metrics.items()}

    def describe(self) -> str:
        """Return all conventions in one line."""
        steps = {"truncate": "8 bits, truncated", "round": "8 bits, rounded", "none": "floats"}
        parts = [
            steps[self.quantise] + (", clipped to [0, 1]" if self.clip else ", not clipped"),
            "all bands" if self.colour == "bands" else "luma of RGB (BT.601)",
            "border of the factor cropped" if self.border == "scale" else "no border cropped",
            *(f"{name}: {metric.about}" for name, metric in self.metrics.items()),
            *(["the measures of opensr-test, against LR and HR"] if self.trust else []),
            "mean over images",
        ]
        return "; ".join(parts)

    def _prepared(self, image: Image, scale: int) -> Image:
        image = image.in_unit()
        if self.border == "scale":
            image = _without_border(image, scale)
        image = replace(image, values=self._quantised(image.values))
        return image if self.colour == "bands" else _luma(image)

    def _quantised(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.clip:
            values = np.clip(values, 0, 1)
        if self.quantise == "none":
            return values
        levels = values.astype(np.float64) * _LEVELS
        whole = (
            np.floor(levels + _ROUNDING_SLACK) if self.quantise == "truncate" else np.rint(levels)
        )
        return np.asarray(whole / _LEVELS, np.float32)


def _without_border(image: Image, border: int) -> Image:
    height, width = image.valid.shape
    if min(height, width) <= 2 * border:
        raise InputError(f"an image of {_size(image)} has nothing inside a border of {border}")
    inside = Window(top=border, left=border, height=height - 2 * border, width=width - 2 * border)
    return image.crop(inside)


def _luma(image: Image) -> Image:
    """Return the luma (1,H,W) of the red, green and blue bands, else of the only three."""
    names = [band.common for band in image.bands]
    if all(colour in names for colour in _COLOURS):
        image = image.select([names.index(colour) for colour in _COLOURS])
    elif len(names) != 3:
        raise InputError(
            f"luma needs red, green and blue, and of the image's {len(names)} bands none are "
            "called so"
        )
    weights = np.array(_LUMA)[:, None, None]
    luma = (_BLACK + (weights * image.values.astype(np.float64)).sum(axis=0)) / _LEVELS
    return Image(
        values=luma.astype(np.float32)[None],
        valid=~np.isnan(luma),
        bands=(Band("luma"),),
        grid=image.grid,
        radiometry=image.radiometry,
    )


def _size(image: Image) -> str:
    bands, height, width = image.values.shape
    return f"{width} x {height} pixels and {bands} bands"


HSENET = Protocol(
    name="hsenet",
    paper="Lei and Shi, TGRS 2022",
    quantise="truncate",
    clip=True,
    border="scale",
    metrics={"psnr": metrics.MEAN_PSNR, "ssim": metrics.SSIM},
    degradation="bi",
)
TSFNET = Protocol(
    name="tsfnet",
    paper="Wang et al., TGRS 2024",
    quantise="round",
    clip=True,
    border="scale",
    metrics={"psnr": metrics.PSNR, "ssim": metrics.SSIM},
    degradation="bi",
)
Y_CHANNEL = Protocol(
    name="y-channel",
    paper="the custom of RGB super-resolution, as in BasicSR",
    quantise="round",
    clip=True,
    colour="luma",
    border="scale",
    metrics={"psnr": metrics.PSNR, "ssim": metrics.SSIM},
    degradation="bi",
)
SSPSR = Protocol(
    name="sspsr",
    paper="Jiang et al., TCI 2020",
    quantise="none",
    clip=False,
    border="none",
    metrics={
        "cc": metrics.CC,
        "sam": metrics.SAM_LIT,
        "rmse": metrics.RMSE,
        "ergas": metrics.ERGAS,
        "psnr": metrics.MEAN_PSNR,
        "ssim": metrics.SSIM_UNIFORM,
    },
    degradation="bi",
)
MULSR = Protocol(
    name="mulsr",
    paper="Li et al., TGRS 2023",
    quantise="none",
    clip=True,
    border="none",
    metrics={
        "psnr": metrics.PSNR,
        "ssim": metrics.SSIM,
        "sam": metrics.SAM_FORGIVING,
        "rmse": metrics.RMSE,
        "ergas": metrics.ERGAS,
    },
    degradation="mulsr-test",
)
WALD = Protocol(
    name="wald",
    paper="Wald et al., 1997: a scene is the truth of what its own sensor would see from farther",
    quantise="none",
    clip=False,
    border="none",
    metrics={
        "rmse": metrics.RMSE,
        "sam": metrics.SAM_LIT,
        "ergas": metrics.ERGAS,
        "q2n": metrics.Q2N,
        "sre": metrics.SRE,
    },
    degradation="satellite",
)
BASICRSISR = replace(
    Y_CHANNEL,
    name="basicrsisr",
    paper="Zhang et al., BasicRSISR, 2026: x4 of AID900, DOTA and DIOR1000",
    scale=4,
)
OPENSR = Protocol(
    name="opensr",
    paper="Aybar et al., opensr-test, 2024",
    quantise="none",
    clip=False,
    border="none",
    metrics={},
    degradation="satellite",  # its own sets have LR images
    trust=True,
)
