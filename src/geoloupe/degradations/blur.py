"""Point spread functions: Gaussians of many kinds, as settings that draw a kernel."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from geoloupe.degradations.ranges import check_range
from geoloupe.errors import InputError
from geoloupe.imagery.banded import Banded
from geoloupe.imagery.optics import sensor_sigma
from geoloupe.imagery.resize import cubic, mirrored
from geoloupe.settings import STRICT

Weights = NDArray[np.float64]
Range = tuple[float, float | None]
"""Drawn evenly between two ends; the upper end None stands for the scale factor."""

_WIDTHS = (0.01, 1000)  # pixels; variances, their squares, fit in as well
_WINDOW = 999  # the widest kernel


@dataclass(frozen=True, kw_only=True)
class Isotropic:
    """A round Gaussian; without `sizes` the kernel is cut at three sigmas, as for BD in MATLAB."""

    __pydantic_config__ = STRICT
    kind: Literal["isotropic"] = "isotropic"
    sigma: Range
    sizes: tuple[int, ...] = ()
    corner: bool = False  # centred on the window's first pixel: a slip of MulSR's published code

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, *_WIDTHS)
        _check_sizes(self.sizes)

    def drawn(
        self, scale: int, rng: np.random.Generator, *, offset: float, band_count: int = 1
    ) -> Weights:
        """Draw a kernel (1,k,k) whose centre lies `offset` beyond the middle pixel."""
        sigma = _draw(self.sigma, scale, rng)
        size = int(rng.choice(self.sizes)) if self.sizes else _wide_enough(sigma, offset)
        centre = 0.0 if self.corner else (size - 1) // 2 + offset
        return gaussian(size, np.eye(2) * sigma**2, centre)[None]


@dataclass(frozen=True, kw_only=True)
class Anisotropic:
    """An oval Gaussian: two variances in squared pixels, and the angle of the first in radians."""

    __pydantic_config__ = STRICT
    kind: Literal["anisotropic"] = "anisotropic"
    variances: tuple[Range, Range]
    angle: tuple[float, float] = (0.0, math.pi)
    sizes: tuple[int, ...]
    shifted: bool = False  # centred where MulSR's test puts it: at x16 outside the window

    def __post_init__(self) -> None:
        for variance in self.variances:
            check_range("variances", variance, *_WIDTHS)
        check_range("angle", self.angle, -7, 7)
        _check_sizes(self.sizes)
        if not self.sizes:
            raise ValueError("sizes must name a size of the window")

    def drawn(
        self, scale: int, rng: np.random.Generator, *, offset: float, band_count: int = 1
    ) -> Weights:
        """Draw a kernel (1,k,k) whose centre lies `offset` beyond the middle pixel."""
        size = int(rng.choice(self.sizes))
        first, second = (_draw(variance, scale, rng) for variance in self.variances)
        turn = rng.uniform(*self.angle)
        along = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        covariance = along @ np.diag([first, second]) @ along.T  # of x, y
        published = size // 2 + 0.5 * (scale - size % 2)
        centre = published if self.shifted else (size - 1) // 2 + offset
        return gaussian(size, covariance[::-1, ::-1], centre)[None]


@dataclass(frozen=True, kw_only=True)
class SensorMTF:
    """The Gaussian that passes a sensor's share of contrast at the LR image's Nyquist frequency."""

    __pydantic_config__ = STRICT
    kind: Literal["mtf"] = "mtf"
    gains: tuple[float, ...]  # one for all bands, or one a band

    def __post_init__(self) -> None:
        if not self.gains or not all(0 < gain < 1 for gain in self.gains):
            raise ValueError("gains at Nyquist must lie between 0 and 1")

    def drawn(
        self, scale: int, rng: np.random.Generator, *, offset: float, band_count: int = 1
    ) -> Weights:
        """Return kernels (1 or B,k,k) whose centre lies `offset` beyond the middle pixel."""
        return _passing(self.gains, scale, offset)


@dataclass(frozen=True, kw_only=True)
class AnySensor:
    """The Gaussian of a sensor that is drawn: its MTF at Nyquist, and how its bands differ."""

    __pydantic_config__ = STRICT
    kind: Literal["any-sensor"] = "any-sensor"
    mtf: tuple[float, float]
    spread: float = 0.0  # a band's lies at most so far from the sensor's

    def __post_init__(self) -> None:
        check_range("mtf", self.mtf, 0.01, 0.99)
        check_range("spread", (self.spread, None), 0, 0.5)

    def drawn(
        self, scale: int, rng: np.random.Generator, *, offset: float, band_count: int = 1
    ) -> Weights:
        """Draw kernels (B,k,k) whose centre lies `offset` beyond the middle pixel."""
        sensor = rng.uniform(*self.mtf)
        bands = sensor + rng.uniform(-self.spread, self.spread, band_count)
        return _passing(tuple(bands.clip(*self.mtf)), scale, offset)


@dataclass(frozen=True, kw_only=True)
class Box:
    """The mean of each block: what an ideal detector of the LR pixel's size sees."""

    __pydantic_config__ = STRICT
    kind: Literal["box"] = "box"

    def drawn(
        self, scale: int, rng: np.random.Generator, *, offset: float, band_count: int = 1
    ) -> Weights:
        """Return the kernel (1,scale,scale)."""
        return np.full((1, scale, scale), 1 / scale**2)


@dataclass(frozen=True, kw_only=True)
class Matlab:
    """The kernel of MATLAB's antialiased bicubic; sampled at block centres it is that method."""

    __pydantic_config__ = STRICT
    kind: Literal["matlab"] = "matlab"

    def drawn(
        self, scale: int, rng: np.random.Generator, *, offset: float, band_count: int = 1
    ) -> Weights:
        """Return the kernel (1,k,k), whose centre lies `offset` beyond the middle pixel."""
        size = 4 * scale + (0 if offset else 1)
        taps = cubic((np.arange(size) - (size - 1) // 2 - offset) / scale)
        taps /= taps.sum()
        return np.outer(taps, taps)[None]


Blur = Isotropic | Anisotropic | SensorMTF | AnySensor | Box | Matlab


def _check_sizes(sizes: tuple[int, ...]) -> None:
    if not all(1 <= size <= _WINDOW for size in sizes):
        raise ValueError(f"sizes must lie within 1 to {_WINDOW}")


def gaussian(size: int, covariance: Weights, centre: float) -> Weights:
    """Sample a Gaussian on (size,size) pixels, rows first, and make it sum to 1."""
    inverse = np.linalg.inv(covariance)
    axis = np.arange(size) - centre
    y, x = axis[:, None], axis[None, :]
    form = inverse[0, 0] * y * y + (inverse[0, 1] + inverse[1, 0]) * y * x + inverse[1, 1] * x * x
    # Relative to the peak inside, or a far centre would underflow to a sum of zero.
    weights = np.exp(-0.5 * (form - form.min()))
    return weights / weights.sum()


def correlate(
    values: Weights,
    kernels: Weights,
    border: Literal["mirror", "repeat"] = "mirror",
    *,
    kept: slice = slice(None),
) -> Weights:
    """Blur (B,H,W) by kernels (1 or B,k,k) anchored at pixel (k - 1) // 2, not flipped.

    Of the result's rows and columns only those `kept` are made.
    """
    if len(kernels) not in (1, len(values)):
        raise InputError(f"{len(kernels)} blur kernels do not fit {len(values)} bands")
    if len(kernels) == 1:
        return _correlate(values, kernels[0], border, kept)
    pairs = zip(values, kernels, strict=True)
    return np.stack([_correlate(band, kernel, border, kept) for band, kernel in pairs])


def response(kernel: Weights, scale: int) -> float:
    """Return the contrast that a kernel (k,k) passes at half the LR sampling rate.

    It is the mean of both axes; for a sensor's kernel it is the MTF at Nyquist.
    """
    turn = np.exp(1j * np.pi / scale * np.arange(len(kernel)))
    return float(np.mean([abs(kernel.sum(axis) @ turn) for axis in (0, 1)]))


def _correlate(values: Weights, kernel: Weights, border: str, kept: slice) -> Weights:
    size = len(kernel)
    before = (size - 1) // 2
    rows, columns = (_reach(side, before, size, border) for side in values.shape[-2:])
    down, across = kernel.sum(1), kernel.sum(0)
    total = down.sum()
    if total and np.abs(np.outer(down, across) / total - kernel).max() < 1e-14 * kernel.max():
        # Round and upright Gaussians are a product of two short filters.
        return _filter(across / total, columns, kept).columns(
            _filter(down, rows, kept).rows(values)
        )
    padded = values[..., rows[:, None], columns]
    flipped = kernel[::-1, ::-1].reshape((1,) * (values.ndim - 2) + kernel.shape)
    result: Weights = oaconvolve(padded, flipped, mode="valid", axes=(-2, -1))
    return result[..., kept, kept]


def _filter(taps: Weights, index: NDArray[np.int64], kept: slice) -> Banded:
    runs = _runs(index, len(taps))[kept]
    return Banded(weights=np.broadcast_to(taps, runs.shape), index=runs)


def _reach(length: int, before: int, size: int, border: str) -> NDArray[np.int64]:
    position = np.arange(-before, length + size - 1 - before)
    return mirrored(position, length) if border == "mirror" else position.clip(0, length - 1)


def _runs(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.lib.stride_tricks.sliding_window_view(index, size)


def _passing(gains: tuple[float, ...], scale: int, offset: float) -> Weights:
    sigmas = [sensor_sigma(gain, scale) for gain in gains]
    size = max(_wide_enough(sigma, offset, reach=4) for sigma in sigmas)
    centre = (size - 1) // 2 + offset
    return np.stack([gaussian(size, np.eye(2) * sigma**2, centre) for sigma in sigmas])


def _draw(bounds: Range, scale: int, rng: np.random.Generator) -> float:
    low, high = bounds
    return float(rng.uniform(low, scale if high is None else high))


def _wide_enough(sigma: float, offset: float, reach: float = 3) -> int:
    """Return an odd size, or an even one when the centre falls between two pixels."""
    return math.ceil(sigma * reach) * 2 + (2 if offset else 1)
