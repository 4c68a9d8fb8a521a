"""A degradation as a value: blur, sampling, noise, clipping and JPEG, in the order of physics."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoloupe.degradations.blur import Blur, correlate, response
from geoloupe.degradations.jpeg import BLOCK, compress
from geoloupe.degradations.noise import Noise
from geoloupe.degradations.ranges import check_range
from geoloupe.degradations.sampling import REACH, Sampling, centre_offset, passed, sample, strides
from geoloupe.degradations.sensor_blur import sensor_blur
from geoloupe.errors import InputError
from geoloupe.imagery.fill import fill_missing
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.imagery.sensors.table import load_sensor

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """How HR becomes LR; where several blurs or samplings stand, an image draws one of them."""

    name: str
    about: str
    blurs: tuple[Blur, ...] = ()
    sensor: str | None = None  # instead of blurs: that of each of its bands
    chances: tuple[float, ...] = ()  # of each blur; none: all alike
    border: Literal["mirror", "repeat"] = "mirror"  # what the blur sees beyond the image
    samplings: tuple[Sampling, ...] = ("bicubic",)
    noises: tuple[Noise, ...] = ()
    clip: bool = False  # to [0, 1]
    jpeg: tuple[int, int] | None = None  # qualities between which one is drawn
    jpeg_chance: float = 1.0

    def __post_init__(self) -> None:
        if not self.samplings:
            raise ValueError("samplings must name a way to sample")
        if self.sensor is not None:
            load_sensor(self.sensor)
            if self.blurs:
                raise ValueError("sensor stands instead of blurs")
        if self.chances and (
            len(self.chances) != len(self.blurs) or min(self.chances) < 0 or not sum(self.chances)
        ):
            raise ValueError("chances must name one chance a blur")
        if self.jpeg is not None:
            check_range("jpeg", self.jpeg, 1, 100)
        if not 0 <= self.jpeg_chance <= 1:
            raise ValueError("jpeg_chance must lie in 0 to 1")

    @property
    def fixed(self) -> bool:
        """Whether nothing of it is drawn or blurred: an image has one LR image, quickly made."""
        changing = self.blurs or self.sensor or self.noises or self.jpeg
        return not changing and len(self.samplings) == 1

    def __call__(self, hr: Image, scale: int, rng: np.random.Generator) -> Image:
        """Degrade a whole image; it is stored as `hr` is, so 8 bits stay 8 bits.

        Rows and columns beyond a whole multiple of `scale` are dropped. An LR pixel holds data
        where all of its HR pixels do.
        """
        height, width = (side // scale * scale for side in (hr.grid.height, hr.grid.width))
        if not height or not width:
            size = f"{hr.grid.width} x {hr.grid.height}"
            raise InputError(f"an image of {size} pixels has no x{scale} coarser one")
        hr = hr.crop(Window(top=0, left=0, height=height, width=width))
        return self.drawn(hr, scale, rng).degrade(hr)

    def drawn(
        self, like: Image, scale: int, rng: np.random.Generator, *, width: int | None = None
    ) -> "DrawnDegradation":
        """Draw what is random about one image with the bands of `like` and its width (in LR)."""
        if self.sensor is not None:
            blurs = (sensor_blur(self.sensor, like.bands),)
            own = replace(self, sensor=None, blurs=blurs)
            return own.drawn(like, scale, rng, width=width)
        band_count = len(like.bands)
        width = like.grid.width // scale if width is None else width
        sampling = self.samplings[int(rng.integers(len(self.samplings)))]
        kernels = None
        if self.blurs:
            offset = centre_offset(scale, sampling)
            kernels = self._blur(rng).drawn(scale, rng, offset=offset, band_count=band_count)
        # Drawn strip by strip, several noises of one generator would take turns by the strip.
        generators = rng.spawn(len(self.noises)) if len(self.noises) > 1 else [rng]
        return DrawnDegradation(
            degradation=self,
            scale=scale,
            kernels=kernels,
            sampling=sampling,
            quality=self._quality(rng),
            noises=tuple(
                noise.drawn(band_count, width, own)
                for noise, own in zip(self.noises, generators, strict=False)
            ),
        )

    def _quality(self, rng: np.random.Generator) -> int | None:
        if self.jpeg is None or (self.jpeg_chance < 1 and rng.random() >= self.jpeg_chance):
            return None
        return int(rng.integers(*self.jpeg, endpoint=True))

    def _blur(self, rng: np.random.Generator) -> Blur:
        if not self.chances:
            return self.blurs[int(rng.integers(len(self.blurs)))]
        chances = np.array(self.chances) / sum(self.chances)
        return self.blurs[int(rng.choice(len(self.blurs), p=chances))]


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnDegradation:
    """A degradation drawn for one image; its windows are degraded from the top down."""

    degradation: Degradation
    scale: int
    kernels: Values | None
    sampling: Sampling
    quality: int | None
    noises: tuple[Callable[[Values], Values], ...]

    @property
    def mtf(self) -> tuple[float, ...]:
        """What share of contrast passes at Nyquist of the LR image: one for all bands, or each."""
        sampled = passed(self.scale, self.sampling)
        if self.kernels is None:
            return (sampled,)
        return tuple(sampled * response(kernel, self.scale) for kernel in self.kernels)

    @property
    def halo(self) -> int:
        """How many LR pixels around a window matter to it."""
        blur = 0 if self.kernels is None else -(-self.kernels.shape[-1] // self.scale)
        return blur + REACH

    @property
    def rows(self) -> int:
        """LR rows go through in whole multiples of this, but for the last."""
        return 1 if self.quality is None else BLOCK

    def degrade(self, hr: Image) -> Image:
        """Degrade a whole image, or the part of one that begins at its first row."""
        _, height, width = hr.values.shape
        inside = Window(top=0, left=0, height=height // self.scale, width=width // self.scale)
        return self.degrade_inside(hr, inside)

    def degrade_inside(self, hr: Image, inside: Window) -> Image:
        """Degrade an image but keep an LR window of it; what surrounds it is context."""
        values = hr.in_unit().values
        missing = np.isnan(values)
        holes = bool(missing.any())
        if holes:
            values = fill_missing(values, rings=self.halo * self.scale)
        values = self._sampled(values.astype(np.float64))[:, *inside.slices]
        for noise in self.noises:
            values = noise(values)
        if self.degradation.clip:
            values = values.clip(0, 1)
        if self.quality is not None:
            values = compress(values, self.quality)
        lr = values.astype(np.float32)
        if holes:
            lr[_in_blocks(missing, self.scale)[:, *inside.slices]] = np.nan
        image = Image(
            values=lr,
            valid=np.any(~np.isnan(lr), axis=0),
            bands=hr.bands,
            grid=hr.grid.coarser(self.scale).window(inside),
            radiometry=UNIT,
        )
        return image.in_radiometry(hr.radiometry)

    def _sampled(self, values: Values) -> Values:
        if self.kernels is not None and self.sampling == "strided":
            kept = strides(self.scale)
            return correlate(values, self.kernels, self.degradation.border, kept=kept)
        if self.kernels is not None:
            values = correlate(values, self.kernels, self.degradation.border)
        return sample(values, self.scale, self.sampling)


def _in_blocks(missing: NDArray[np.bool_], scale: int) -> NDArray[np.bool_]:
    """Return for (B,H*scale,W*scale) which blocks (B,H,W) miss any pixel."""
    bands, height, width = missing.shape
    blocks = missing.reshape(bands, height // scale, scale, width // scale, scale)
    return np.any(blocks, axis=(2, 4))
