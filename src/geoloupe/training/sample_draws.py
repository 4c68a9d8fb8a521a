"""The randomness of training samples as numbers: all that a device needs to make them.

The CPU draws them as for samples that it makes itself, and in the same order, except noise, which
the device draws. So sample n is the same on both up to rounding; where there is noise, this and
the draws that follow it, those of turns and of the MTF error, differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from geoloupe.datasets.preparation.prepared import Entry
from geoloupe.datasets.samples.examples import Examples, Picked
from geoloupe.datasets.samples.patches import Mix, Patches, Scales, Turn
from geoloupe.degradations.blur import AnySensor, Blur, Box, Matlab, SensorMTF
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.noise import GaussianNoise, NormalNoise
from geoloupe.degradations.sampling import centre_offset, passed
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT

STORED = ("uint8", "uint16")  # how images are stored
_SHARP = (AnySensor, Box, Matlab, SensorMTF)  # separable kernels

Taps = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SampleDraws(Dataset[dict[str, Tensor]]):
    """The draws of numbered samples, each a tensor; B is the number of bands of a sample.

    "scene" () counts all scenes of all data sets; "corner" (2,) is in LR pixels; "bands" and "slot"
    (B,) say which band of the scene stands where, and which of them are copies of one; "moved"
    (B,2) is in HR pixels; "down" and "across" (B,K) are the blur's filters; "std" () is of the
    noise; "turn" (3,) is up, left, across; "mtf" (B,) is the MTF that the network gets.
    """

    parts: Sequence[Patches]
    patches: Patches | Mix
    taps: int  # K: of the widest filter
    firsts: tuple[int, ...] = field(default=())  # of each part's scenes

    def __len__(self) -> int:
        """The number of samples in an epoch."""
        return len(self.patches)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        part = self.patches.chosen(number) if isinstance(self.patches, Mix) else 0
        patches = self.parts[part]
        place, rng, picked = patches.begun(number)
        entry = patches.examples.entries[place]
        picked = picked or _all(entry)
        window = patches.window(place, patches.size_of(number), rng)
        drawn = _Blurred.drawn(patches.examples, picked, window.width, rng)
        turn = Turn.drawn(patches.settings, window.height, rng)
        count = len(picked.lr)
        mtf = patches.shown_mtf(drawn.mtf, count, rng) if patches.gives_mtf else None
        changed = patches.settings.bands is not None or patches.settings.shuffles
        order = patches.order(count, rng) if changed else np.arange(count)
        down, across = (drawn.filters(axis, count, self.taps)[order] for axis in (0, 1))
        # Where LR images are kept, bands are not moved: they are degraded before they are picked.
        moves = () if patches.examples.keeping else picked.moved
        moved = np.array(moves or [(0, 0)] * count)
        values: dict[str, Any] = {
            "scene": np.int64(self.firsts[part] + place),
            "corner": np.array([window.top, window.left]),
            "bands": np.array(picked.lr)[order],
            "slot": order,
            "moved": moved[order],
            "down": down.astype(np.float32),
            "across": across.astype(np.float32),
            "std": np.float32(drawn.std),
            "turn": np.array([turn.up, turn.left, turn.across]),
        }
        if mtf is not None:
            values["mtf"] = mtf[order]
        return {name: torch.as_tensor(value) for name, value in values.items()}

    @cached_property
    def scenes(self) -> list[tuple[Patches, Entry]]:
        """All scenes in the order of "scene" numbers."""
        return [(part, entry) for part in self.parts for entry in part.examples.entries]


def draws_of(patches: Patches | Mix | Scales) -> SampleDraws:
    """Make the draws of samples that a device can make."""
    assert not isinstance(patches, Scales), "foreign() says so"
    parts = list(patches.parts) if isinstance(patches, Mix) else [patches]
    firsts = np.cumsum([0, *(len(part.examples) for part in parts)])
    examples = parts[0].examples
    taps = _most_taps(examples.degradation, examples.scale)
    return SampleDraws(parts=parts, patches=patches, taps=taps, firsts=tuple(map(int, firsts[:-1])))


def foreign(patches: Patches | Mix | Scales) -> str | None:
    """Return what about samples no device can make; None if it can make all."""
    if isinstance(patches, Scales):
        return "samples of several factors"
    parts = list(patches.parts) if isinstance(patches, Mix) else [patches]
    return next((why for part in parts if (why := _foreign_part(part)) is not None), None)


def _foreign_part(patches: Patches) -> str | None:
    examples, settings = patches.examples, patches.settings
    entries, kinds = examples.entries, examples.prepared.kinds
    used = {kinds[entry.parts["hr"].kind].radiometry for entry in entries}
    checks = {
        "samples with a guide": examples.guided and _has_guide(examples),
        "some bands at a time": patches.some is not None,
        "rolls": settings.rolls,
        "samples chosen by their clouds": settings.most_cloud < 1,
        "real pairs": any("lr" in entry.parts for entry in entries),
        "images with holes": any(kind.nodata is not None for kind in used),
        "images not of 8 or 16 bits": any(k.dtype not in STORED for k in used),
        f"the degradation {examples.degradation.name}": not _simple(examples.degradation),
    }
    return next((name for name, found in checks.items() if found), None)


def _has_guide(examples: Examples) -> bool:
    return examples.guide is not None or any("guide" in e.parts for e in examples.entries)


def _simple(degradation: Degradation) -> bool:
    """Return whether a degradation is two filters, one pixel of each block, and normal noise."""
    blurred = degradation.samplings == ("strided",) and len(degradation.blurs) > 0
    return (
        (blurred or (degradation.fixed and degradation.samplings == ("bicubic",)))
        and all(isinstance(blur, _SHARP) for blur in degradation.blurs)
        and len(degradation.noises) <= 1
        and all(isinstance(noise, GaussianNoise) for noise in degradation.noises)
        and (degradation.sensor, degradation.jpeg) == (None, None)
        and (degradation.border, degradation.clip) == ("mirror", False)
    )


@dataclass(frozen=True, kw_only=True)
class _Blurred:
    """The kernels (1 or B,k,k) drawn for a sample, its noise and its MTF."""

    kernels: Taps
    std: float
    mtf: tuple[float, ...]

    @classmethod
    def drawn(
        cls, examples: Examples, picked: Picked, width: int, rng: np.random.Generator
    ) -> "_Blurred":
        """Draw as `Examples.crop` does, which draws nothing where LR images are kept."""
        degradation, scale = examples.degradation, examples.scale
        if degradation.fixed:
            if not examples.keeping:
                degradation.drawn(_like(len(picked.lr)), scale, rng, width=width)
            return cls(kernels=_bicubic(scale), std=0.0, mtf=(passed(scale, "bicubic"),))
        drawn = degradation.drawn(_like(len(picked.lr)), scale, rng, width=width)
        noise = drawn.noises[0] if drawn.noises else None
        assert drawn.kernels is not None
        return cls(
            kernels=drawn.kernels,
            std=noise.std if isinstance(noise, NormalNoise) else 0.0,
            mtf=drawn.mtf,
        )

    def filters(self, axis: int, count: int, taps: int) -> Taps:
        """Return the filters down (0) or across (1), (count,taps), anchored as the kernels are."""
        short = self.kernels.sum(2 - axis)
        size = short.shape[1]
        first = (taps - 1) // 2 - (size - 1) // 2
        filters = np.zeros((count, taps))
        filters[:, first : first + size] = short
        return filters


def _most_taps(degradation: Degradation, scale: int) -> int:
    if degradation.fixed:
        return len(_bicubic(scale)[0])
    return max(_widest(blur, scale) for blur in degradation.blurs)


def _widest(blur: Blur, scale: int) -> int:
    plain = SensorMTF(gains=(blur.mtf[0],)) if isinstance(blur, AnySensor) else blur
    offset = centre_offset(scale, "strided")
    return int(plain.drawn(scale, np.random.default_rng(0), offset=offset).shape[-1])


@lru_cache(maxsize=8)
def _bicubic(scale: int) -> Taps:
    """Return the kernel (1,k,k) of which MATLAB's bicubic takes one pixel of each block."""
    offset = centre_offset(scale, "strided")
    return Matlab().drawn(scale, np.random.default_rng(0), offset=offset)


@lru_cache(maxsize=64)
def _like(bands: int) -> Image:
    """Make an image with a number of bands, all that a degradation looks at."""
    return Image.of(np.zeros((bands, 1, 1), np.float32), radiometry=UNIT)


def _all(entry: Entry) -> Picked:
    bands = tuple(range(entry.parts["hr"].shape[2]))
    return Picked(lr=bands, hr=bands)
