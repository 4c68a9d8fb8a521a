"""Which scenes train, which validate and which test: decided by a rule and a recorded seed.

Scenes are drawn in the order of a hash of seed and name, so that it is the same forever, on every
machine, and does not change when other scenes come or go.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geoloupe.errors import InputError

SPLITS = ("train", "val", "test")
Labels = Mapping[str, str]
"""The label of each scene by id; "" where there are no classes."""


class Rule(Protocol):
    """Assigns scenes to splits; unassigned ones are left out."""

    @property
    def about(self) -> str:
        """A phrase that says what it does."""
        ...

    def assign(self, labels: Labels, seed: int) -> dict[str, str]:
        """Return the split of each scene that has one."""
        ...


@dataclass(frozen=True)
class PerClass:
    """A fixed number of scenes of every class, drawn by seed."""

    train: int
    val: int
    test: int

    @property
    def about(self) -> str:
        """A phrase that says what it does."""
        return f"{self.train}/{self.val}/{self.test} scenes of every class"

    def assign(self, labels: Labels, seed: int) -> dict[str, str]:
        """Return the first of every class to train, the next to val and test."""
        splits: dict[str, str] = {}
        for ids in _by_class(labels).values():
            splits |= _deal(_shuffled(ids, seed), (self.train, self.val, self.test))
        return splits


@dataclass(frozen=True)
class Shares:
    """Shares of all scenes that add up to 1, each class in proportion, drawn by seed."""

    train: float
    val: float
    test: float

    @property
    def about(self) -> str:
        """A phrase that says what it does."""
        return f"{100 * self.train:g}/{100 * self.val:g}/{100 * self.test:g} % of the scenes"

    def assign(self, labels: Labels, seed: int) -> dict[str, str]:
        """Spread the classes evenly over the order of all, then cut it at the shares."""
        # The k-th of n scenes of a class is placed at (k + 1/2)/n; ties go by name.
        place = {
            name: ((rank + 0.5) / len(ids), name)
            for ids in _by_class(labels).values()
            for rank, name in enumerate(_shuffled(ids, seed))
        }
        ordered = sorted(place, key=lambda name: place[name])
        return _deal(ordered, _portions(len(ordered), (self.train, self.val, self.test)))


@dataclass(frozen=True)
class WholeLabels:
    """Shares of the labels, drawn by seed: all scenes of a label are in one split."""

    train: float
    val: float
    test: float

    @property
    def about(self) -> str:
        """A phrase that says what it does."""
        shares = f"{100 * self.train:g}/{100 * self.val:g}/{100 * self.test:g} %"
        return f"{shares} of the images, each with all its areas"

    def assign(self, labels: Labels, seed: int) -> dict[str, str]:
        """Deal the labels, and with them their scenes."""
        names = _shuffled(sorted(set(labels.values())), seed)
        splits = _deal(names, _portions(len(names), (self.train, self.val, self.test)))
        return {scene: splits[label] for scene, label in labels.items() if label in splits}


@dataclass(frozen=True)
class InOrder:
    """The first scenes by name train, the next validate, the rest tests."""

    train: int
    val: int = 0

    @property
    def about(self) -> str:
        """A phrase that says what it does."""
        return f"the first {self.train} train, the next {self.val} validate, the rest tests"

    def assign(self, labels: Labels, seed: int) -> dict[str, str]:
        """Deal the scenes in the order of their names."""
        ordered = sorted(labels)
        return _deal(ordered, (self.train, self.val, len(ordered)))


@dataclass(frozen=True)
class Archived:
    """As the archive's own folders or the publication's coordinates say."""

    val: float = 0.0  # share of the training scenes that validate, where the archive has none

    @property
    def about(self) -> str:
        """A phrase that says what it does."""
        held = f", {100 * self.val:g} % of its training scenes to validate" if self.val else ""
        return f"as the archive is split{held}"

    def among(self, given: Mapping[str, str], seed: int) -> dict[str, str]:
        """Return the archive's own splits, some training scenes held out if it validates none."""
        if not self.val or "val" in given.values():
            return dict(given)
        training = _shuffled([name for name, split in given.items() if split == "train"], seed)
        held = training[: max(round(self.val * len(training)), 1)]
        return {**given, **dict.fromkeys(held, "val")}

    def assign(self, labels: Labels, seed: int) -> dict[str, str]:
        """Return nothing: the scenes say themselves."""
        return {}


@dataclass(frozen=True)
class Listed:
    """A user's own list: lines with a split and a scene's id."""

    path: Path

    @property
    def about(self) -> str:
        """A phrase that says what it does."""
        return f"the list {self.path.name}"

    def assign(self, labels: Labels, seed: int) -> dict[str, str]:
        """Read the list; a scene that does not exist is an InputError."""
        splits: dict[str, str] = {}
        for number, line in enumerate(_lines(self.path), start=1):
            split, _, name = line.strip().partition(" ")
            name = name.strip()
            if not line.strip():
                continue
            where = f"{self.path}, line {number}"
            if split not in SPLITS or not name:
                raise InputError(f"{where}: write a split and an id, such as: test beach07")
            if name not in labels:
                raise InputError(f"{where}: {InputError.unknown('scene', name, labels)}"[:500])
            if splits.setdefault(name, split) != split:
                raise InputError(f"{where}: {name} is already in {splits[name]}")
        return splits


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list ({error})") from None


def _by_class(labels: Labels) -> dict[str, list[str]]:
    classes = defaultdict(list)
    for name, label in labels.items():
        classes[label].append(name)
    return classes


def _shuffled(ids: Iterable[str], seed: int) -> list[str]:
    def place(name: str) -> tuple[bytes, str]:
        return hashlib.sha256(f"{seed}:{name}".encode()).digest(), name

    return sorted(ids, key=place)


def _portions(total: int, shares: tuple[float, float, float]) -> tuple[int, int, int]:
    """Round shares of a total so that they add up; of three or more, none gets nothing."""
    exact = [total * share / sum(shares) for share in shares]
    counts = [int(part) for part in exact]
    by_rest = sorted(range(3), key=lambda place: (counts[place] - exact[place], place))
    for place in by_rest[: total - sum(counts)]:
        counts[place] += 1
    for place, share in enumerate(shares):
        if share > 0 and counts[place] == 0 and total >= len(shares):
            counts[counts.index(max(counts))] -= 1
            counts[place] = 1
    return counts[0], counts[1], counts[2]


def _deal(ordered: list[str], counts: tuple[int, int, int]) -> dict[str, str]:
    splits: dict[str, str] = {}
    first = 0
    for split, count in zip(SPLITS, counts, strict=True):
        splits |= dict.fromkeys(ordered[first : first + count], split)
        first += count
    return splits
