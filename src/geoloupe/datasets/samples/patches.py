"""The torch side of data: random augmented crops of examples, each fixed by its number alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from geoloupe.datasets.samples.examples import Example, Examples, Picked
from geoloupe.errors import InputError
from geoloupe.imagery.clouds import cloud_fraction
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.networks.signature import UNKNOWN_MTF

_SHIFTED_SHARE = 1 / 3  # of the samples have shifted bands
_TRIES = 50  # crops tried before a data set is called too full of holes

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PatchSettings:
    """How crops are cut and changed."""

    size: int = 48  # in LR pixels
    grow: tuple[tuple[int, int], ...] = ()  # (step, size from that step on), both rising
    per_scene: int = 1  # crops of each scene in an epoch
    flips: bool = True
    transposes: bool = True
    shuffles: bool = False  # of the bands, for networks that must not know their order
    bands: int | None = None  # per sample: drawn where an image has more, repeated if fewer
    apart: float = 0.0  # LR pixels, roughly, by which bands are shifted in a third of the samples
    mtf_error: float = 0.0  # deviation of the MTF given to a network from the true one
    rolls: bool = False  # by half the height (in whole LR pixels), as MulSR does
    least_valid: float = 1.0  # share of LR pixels that must hold data
    most_cloud: float = 1.0  # share of LR pixels that may look like cloud

    def __post_init__(self) -> None:
        if self.size < 1 or self.per_scene < 1:
            raise ValueError("size and per_scene must be 1 or more")
        stages = [(0, self.size), *self.grow]
        if any(not (a[0] < b[0] and a[1] < b[1]) for a, b in pairwise(stages)):
            raise ValueError("grow holds steps and sizes, [[5000, 64], [9000, 96]], both rising")
        if (self.bands or 1) < 1 or self.apart < 0 or self.mtf_error < 0:
            raise ValueError("bands must be 1 or more, apart and mtf_error 0 or more")
        if not (0 <= self.least_valid <= 1 and 0 <= self.most_cloud <= 1):
            raise ValueError("least_valid and most_cloud must lie between 0 and 1")

    @property
    def largest(self) -> int:
        """The size of the last crops."""
        return self.grow[-1][1] if self.grow else self.size

    def size_at(self, step: int) -> int:
        """Return the size of a step's crops."""
        return next((size for first, size in reversed(self.grow) if step >= first), self.size)


@dataclass(frozen=True)
class SomeBands:
    """A number of random bands per sample, for networks that learn them one by one.

    Its "hr" then holds these bands, and its "lr" for each of them those that it is seen with.
    """

    count: int
    around: Callable[[int, int], tuple[int, ...]]  # (band, of how many)

    def draw(self, rng: np.random.Generator, of: int) -> Picked:
        """Choose the bands of one sample."""
        chosen = [int(band) for band in rng.permutation(of)[: self.count]]
        seen = [other for band in chosen for other in self.around(band, of)]
        return Picked(lr=tuple(seen), hr=tuple(chosen))


class Patches(Dataset[dict[str, Tensor]]):
    """Training samples: "lr" (B,h,w), "hr" (B,h*s,w*s) and perhaps "guide", unit values, float32.

    With `gives_mtf`, "mtf" (B,) is the LR image's MTF, as well as a user may know it.

    Sample n is always the same, whoever asks and in whatever order: n determines the epoch, the
    scene and all rng. So any number of workers, a restart midway, and several machines agree.
    """

    def __init__(
        self,
        examples: Examples,
        settings: PatchSettings,
        seed: int,
        *,
        some: SomeBands | None = None,
        gives_mtf: bool = False,
        batch: int = 1,
    ) -> None:
        self.examples = examples
        self.settings = settings
        self.seed = seed
        self.some = some
        self.gives_mtf = gives_mtf
        self.batch = batch  # samples of a step, by which a sample's number tells its step
        for entry in examples.entries:
            height, width = examples.lr_size(entry)
            if min(height, width) < settings.largest:
                raise InputError(
                    f"{examples.prepared.name}: {entry.id} has {width} x {height} LR pixels, too "
                    f"few for patches of {settings.largest}; choose a smaller size"
                )

    def __len__(self) -> int:
        """The number of samples in an epoch; higher numbers belong to later epochs."""
        return len(self.examples) * self.settings.per_scene

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        place, rng, picked = self.begun(number)
        entry, size = self.examples.entries[place], self.size_of(number)
        for _ in range(_TRIES):
            example = self.examples.crop(entry, self.window(place, size, rng), rng, picked)
            if self._good(example.lr):
                return self._sample(example, rng)
        raise InputError(
            f"{self.examples.prepared.name}: {entry.id} has no crop of {size} LR "
            "pixels with as much data and as little cloud as required"
        )

    def begun(self, number: int) -> tuple[int, np.random.Generator, Picked | None]:
        """Return a sample's scene, rng and bands."""
        epoch, position = divmod(number, len(self))
        place = int(self._order(epoch)[position] % len(self.examples))
        rng = np.random.default_rng([self.seed, 1, number])
        return place, rng, self._picked(rng, self.examples.entries[place].parts["hr"].shape[2])

    def size_of(self, number: int) -> int:
        """Return the size of a sample in LR pixels."""
        return self.settings.size_at(number // self.batch)

    def window(self, place: int, size: int, rng: np.random.Generator) -> Window:
        """Draw where a scene is cut."""
        height, width = self.examples.lr_size(self.examples.entries[place])
        top = int(rng.integers(height - size + 1))
        left = int(rng.integers(width - size + 1))
        return Window(top=top, left=left, height=size, width=size)

    def _picked(self, rng: np.random.Generator, of: int) -> Picked | None:
        settings = self.settings
        if self.some is not None:
            return self.some.draw(rng, of)
        if settings.bands is None and not settings.apart:
            return None
        chosen = tuple(sorted(int(band) for band in rng.permutation(of)[: settings.bands]))
        moved: tuple[tuple[int, int], ...] = ()
        if settings.apart and rng.random() < _SHIFTED_SHARE:
            reach = max(round(settings.apart * self.examples.scale), 1)
            moved = tuple(
                (int(down), int(right))
                for down, right in rng.integers(-reach, reach, (len(chosen), 2), endpoint=True)
            )
        return Picked(lr=chosen, hr=chosen, moved=moved)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return _permutation(self.seed, epoch, len(self))

    def _good(self, lr: Image) -> bool:
        settings = self.settings
        return bool(lr.valid.mean() >= settings.least_valid) and (
            settings.most_cloud == 1 or cloud_fraction(lr) <= settings.most_cloud
        )

    def _sample(self, example: Example, rng: np.random.Generator) -> dict[str, Tensor]:
        change = Turn.drawn(self.settings, example.lr.grid.height, rng)
        lr, hr = change(_filled(example.lr)), change(_filled(example.hr))
        values = {"lr": lr, "hr": hr}
        if self.gives_mtf:
            values["mtf"] = self.shown_mtf(example.mtf, len(lr), rng)
        if self.settings.bands is not None or self.settings.shuffles:
            order = self.order(len(lr), rng)
            values = {name: array[order] for name, array in values.items()}
        if example.guide is not None:
            values["guide"] = change(_filled(example.guide))
        return {name: torch.from_numpy(array.copy()) for name, array in values.items()}

    def shown_mtf(
        self, mtf: tuple[float, ...] | None, bands: int, rng: np.random.Generator
    ) -> Values:
        """Return each band's MTF (B,) as a user may know it; a real pair's is unknown."""
        if mtf is None:
            return np.full(bands, UNKNOWN_MTF, np.float32)
        error = rng.normal(0, self.settings.mtf_error)
        return (np.broadcast_to(mtf, bands) + error).astype(np.float32)

    def order(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the order of the bands in a sample."""
        order = np.arange(self.settings.bands or count) % count
        return rng.permutation(order) if self.settings.shuffles else order


@dataclass(frozen=True)
class Mix(Dataset[dict[str, Tensor]]):
    """Samples from several data sets, each contributing its share."""

    parts: Sequence[Patches]
    shares: Sequence[float]
    seed: int

    def __len__(self) -> int:
        """The number of samples that cover the first data set once."""
        return round(len(self.parts[0]) * sum(self.shares) / self.shares[0])

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return self.parts[self.chosen(number)][number]

    def chosen(self, number: int) -> int:
        """Draw which data set a sample comes from."""
        rng = np.random.default_rng([self.seed, 2, number])
        shares = np.array(self.shares) / sum(self.shares)
        return int(rng.choice(len(self.parts), p=shares))


@dataclass(frozen=True)
class Scales(Dataset[dict[str, Tensor]]):
    """The same samples at several factors in turns: all of a step's are of one, drawn by step."""

    parts: Sequence[Patches | Mix]  # one for each factor
    seed: int
    batch: int

    def __len__(self) -> int:
        """The number of samples in an epoch."""
        return len(self.parts[0])

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        turn, place = divmod(number // self.batch, len(self.parts))
        order = np.random.default_rng([self.seed, 3, turn]).permutation(len(self.parts))
        return self.parts[int(order[place])][number]


@lru_cache(maxsize=16)
def _permutation(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 0, epoch]).permutation(length)


def _filled(image: Image) -> Values:
    """Return unit values (B,H,W) with zeros where data are missing."""
    unit: Any = image.in_unit().values
    return unit if image.valid.all() and not np.isnan(unit).any() else np.nan_to_num(unit, nan=0.0)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One change applied to all images (B,H,W) of a sample alike."""

    up: bool
    left: bool
    across: bool
    rolled: int  # LR pixels by which it is rolled down; 0: none
    size: int  # LR pixels

    @classmethod
    def drawn(cls, settings: PatchSettings, size: int, rng: np.random.Generator) -> Self:
        """Draw one for a size that the settings allow."""
        up, left, across, roll = (bool(coin) for coin in rng.integers(0, 2, 4))
        return cls(
            up=settings.flips and up,
            left=settings.flips and left,
            across=settings.transposes and across,
            rolled=size // 2 if settings.rolls and roll else 0,
            size=size,
        )

    def __call__(self, values: Values) -> Values:
        if self.up:
            values = values[:, ::-1]
        if self.left:
            values = values[:, :, ::-1]
        if self.across:
            values = values.transpose(0, 2, 1)
        if self.rolled:
            values = np.roll(values, self.rolled * (values.shape[1] // self.size), axis=1)
        return values
