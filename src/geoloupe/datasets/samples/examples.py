"""What a network sees: an LR image with its HR truth and, for some, a guide."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from geoloupe.datasets.preparation.prepared import Entry, PreparedDataset
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.named import BI
from geoloupe.degradations.sampling import passed
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.matching import Line
from geoloupe.imagery.response import SpectralResponse

_KEPT = 2**27  # most values of LR images kept in memory


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """An LR image, its truth of `scale` times the size, and a guide of the truth's size or none."""

    id: str
    label: str
    lr: Image
    hr: Image
    guide: Image | None
    mtf: tuple[float, ...] | None = None  # at Nyquist of the LR pixels: of all bands or of each


@dataclass(frozen=True, kw_only=True)
class Picked:
    """The bands wanted of an example; its guide is made from all bands anyway."""

    lr: tuple[int, ...]
    hr: tuple[int, ...]
    moved: tuple[tuple[int, int], ...] = ()  # HR rows and columns by which each LR band is shifted


@dataclass(frozen=True, kw_only=True)
class Examples(Sequence[Example]):
    """The scenes of a split, degraded when read; real LR images are used as they are."""

    prepared: PreparedDataset
    entries: tuple[Entry, ...]
    scale: int
    degradation: Degradation = BI
    seed: int = 0
    guide: SpectralResponse | None = None  # makes a guide where the data set has none
    guided: bool = True  # False: no guide, even where the data set has one
    matched: bool = False  # real LR images get the mean and contrast of their HR image's bands
    _lines: dict[str, Line] = field(default_factory=dict, init=False, repr=False)
    _kept: dict[str, Image] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Example:  # type: ignore[override]
        """Return a whole scene; its noise depends only on the seed and its name."""
        entry = self.entries[index]
        height, width = self.lr_size(entry)
        whole = Window(top=0, left=0, height=height, width=width)
        return self.crop(entry, whole, self.rng(entry))

    def rng(self, entry: Entry) -> np.random.Generator:
        """Return the rng of one scene."""
        return np.random.default_rng([self.seed, zlib.crc32(entry.id.encode())])

    def lr_size(self, entry: Entry) -> tuple[int, int]:
        """Return height and width of a scene's LR image."""
        height, width, _ = entry.parts["hr"].shape
        real = entry.parts.get("lr")
        if real is None:
            return height // self.scale, width // self.scale
        if (real.shape[0] * self.scale, real.shape[1] * self.scale) != (height, width):
            raise InputError(
                f"{self.prepared.name}: {entry.id} is a real pair of factor "
                f"{height / real.shape[0]:g}, not {self.scale}"
            )
        return real.shape[0], real.shape[1]

    def crop(
        self,
        entry: Entry,
        window: Window,
        rng: np.random.Generator,
        picked: Picked | None = None,
    ) -> Example:
        """Return an LR window with its truth, exactly as cut from the whole scene's LR image."""
        fine = window.finer(self.scale)
        mtf: tuple[float, ...] | None = None
        if "lr" in entry.parts:
            lr, hr = self._real(entry, window), self.prepared.image(entry, "hr", fine)
        elif self.keeping:
            lr, hr = self._whole(entry).crop(window), self.prepared.image(entry, "hr", fine)
            mtf = (passed(self.scale, self.degradation.samplings[0]),)
        else:
            way = _Downscale(self.degradation, self.scale, picked)
            lr, hr, mtf = self._degraded(entry, "hr", way, window, rng)
        guide = self._guide(entry, fine, hr)
        if picked is not None:
            lr = lr if len(lr.bands) == len(picked.lr) else lr.select(picked.lr)
            hr = hr.select(picked.hr)
        return Example(id=entry.id, label=entry.label, lr=lr, hr=hr, guide=guide, mtf=mtf)

    @cached_property
    def keeping(self) -> bool:
        """Whether LR images stay in memory once made: they are always the same, and small."""
        pixels = sum(float(np.prod(entry.parts["hr"].shape)) for entry in self.entries)
        return self.degradation.fixed and pixels / self.scale**2 < _KEPT

    def _whole(self, entry: Entry) -> Image:
        if entry.id not in self._kept:
            height, width = self.lr_size(entry)
            whole = Window(top=0, left=0, height=height, width=width)
            rng = np.random.default_rng(0)  # a fixed degradation draws nothing
            made = self._degraded(entry, "hr", _Downscale(self.degradation, self.scale), whole, rng)
            self._kept[entry.id] = made[0]
        return self._kept[entry.id]

    def _real(self, entry: Entry, window: Window) -> Image:
        lr = self.prepared.image(entry, "lr", window)
        if not self.matched:
            return lr
        if entry.id not in self._lines:  # for the whole scene, so that all its crops agree
            whole = (self.prepared.image(entry, part).in_unit().values for part in ("lr", "hr"))
            self._lines[entry.id] = Line.between(*whole)
        unit = lr.in_unit()
        return replace(unit, values=self._lines[entry.id](unit.values))

    def _degraded(
        self,
        entry: Entry,
        part: str,
        way: "_Downscale",
        window: Window,
        rng: np.random.Generator,
    ) -> tuple[Image, Image, tuple[float, ...]]:
        """Read a window with its surroundings, degrade it or some of its bands, and cut both.

        The third value is the MTF of the degradation.
        """
        scale = way.scale
        height, width = (side // scale for side in entry.parts[part].shape[:2])
        if not height or not width:
            raise InputError(f"{entry.id} is too small for x{scale}")
        band = way.seen(self.prepared.image(entry, part, Window(top=0, left=0, height=1, width=1)))
        drawn = way.degradation.drawn(band, scale, rng, width=window.width)
        top, left = max(window.top - drawn.halo, 0), max(window.left - drawn.halo, 0)
        bottom = min(window.top + window.height + drawn.halo, height)
        right = min(window.left + window.width + drawn.halo, width)
        wide = Window(top=top, left=left, height=bottom - top, width=right - left)
        inside = Window(
            top=window.top - top,
            left=window.left - left,
            height=window.height,
            width=window.width,
        )
        image = way.moved(self.prepared.image(entry, part, wide.finer(scale)))
        lr = drawn.degrade_inside(way.seen(image), inside)
        return lr, image.crop(inside.finer(scale)), drawn.mtf

    def _guide(self, entry: Entry, fine: Window, hr: Image) -> Image | None:
        """Return the data set's own guide at the truth's size, else one made from the truth."""
        if not self.guided:
            return None
        real = entry.parts.get("guide")
        if real is None:
            return None if self.guide is None else self.guide.seen(hr)
        height, width, _ = entry.parts["hr"].shape
        finer = real.shape[0] // height
        if not finer or real.shape[:2] != (height * finer, width * finer):
            raise InputError(
                f"{self.prepared.name}: the guide of {entry.id} has {real.shape[1]} x "
                f"{real.shape[0]} pixels where a multiple of {width} x {height} is expected"
            )
        if finer == 1:
            return self.prepared.image(entry, "guide", fine)
        # A finer guide is brought to the truth's pixels as the truth is to the LR's, without noise.
        clean = replace(self.degradation, noises=(), jpeg=None)
        way, rng = _Downscale(clean, finer), np.random.default_rng(0)
        return self._degraded(entry, "guide", way, fine, rng)[0]


@dataclass(frozen=True)
class _Downscale:
    """How an image is made coarser, and which of its bands; None: all."""

    degradation: Degradation
    scale: int
    picked: Picked | None = None

    def seen(self, image: Image) -> Image:
        """Select the bands that become coarser."""
        return image if self.picked is None else image.select(self.picked.lr)

    def moved(self, image: Image) -> Image:
        """Shift bands against each other by whole pixels; the edge repeats, holes forbid it."""
        if self.picked is None or not self.picked.moved or not image.present.all():
            return image
        values = image.values.copy()
        _, height, width = values.shape
        for band, (down, right) in zip(self.picked.lr, self.picked.moved, strict=True):
            rows = (np.arange(height) - down).clip(0, height - 1)
            columns = (np.arange(width) - right).clip(0, width - 1)
            values[band] = image.values[band][rows[:, None], columns]
        return replace(image, values=values)
