"""What a data set is: facts about it, and scenes that can read themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from numpy.typing import NDArray

from geoloupe.datasets.splits import Rule
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.storage.tree import Tree


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What a user must know about a data set before and after getting it."""

    name: str
    about: str
    source: str  # where to get it
    terms: str
    cite: str
    layout: str  # what its folder should hold, for error messages
    rules: Mapping[str, Rule]  # how it is split; the first is the default
    sha256: Mapping[str, str] = field(default_factory=dict)  # of published archives, by file name


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneArray:
    """One array of a scene, read from the top down."""

    height: int
    width: int
    bands: tuple[Band, ...]
    radiometry: Radiometry
    blocks: Callable[[], Iterator[NDArray[Any]]]  # (B,h,W) each, all rows in all
    grid: Grid | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One image or pair of a data set: "hr" always, "lr" and "guide" where they are real."""

    id: str
    label: str = ""
    split: str | None = None  # where the archive itself says
    file: str = ""  # what to name when it is wrong
    parts: Mapping[str, Callable[[], SceneArray]]


class Dataset(Protocol):
    """Facts first, then what finds the scenes."""

    @property
    def card(self) -> DataCard:
        """What a user must know."""
        ...

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the scenes of an archive; an InputError says what is missing."""
        ...

    def tiny(self) -> Self:
        """Return the same data set with fewer and smaller scenes, for tests."""
        ...

    def fake(self, root: Path) -> None:
        """Write an archive of the same layout, for tests."""
        ...
