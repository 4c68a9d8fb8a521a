"""A prepared data set: raw pixels in a few large mapped files, and an index of scenes."""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.splits import SPLITS
from geoloupe.errors import InputError
from geoloupe.imagery.grid import IDENTITY, Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band

FACTS = "dataset.json"
INDEX = "index.jsonl"
FORMAT = 1
FOLDER_VARIABLE = "GEOLOUPE_DATA"


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Where one array (H,W,B) lies in a file of raw numbers, and what its numbers mean."""

    file: str
    offset: int
    shape: tuple[int, int, int]
    kind: int  # which of the data set's kinds of bands and radiometry
    crc: int
    transform: tuple[float, float, float, float, float, float] = IDENTITY
    crs: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One scene of the index."""

    id: str
    split: str
    label: str
    parts: Mapping[str, Pixels]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Bands and radiometry, shared by many arrays."""

    bands: tuple[Band, ...]
    radiometry: Radiometry


@dataclass(frozen=True, kw_only=True)
class PreparedDataset:
    """An open prepared data set; cheap to send to another process."""

    folder: Path
    facts: Mapping[str, Any]
    kinds: tuple[Kind, ...]
    entries: tuple[Entry, ...]
    _maps: dict[str, NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder finished by `geoloupe prepare`."""
        if not (folder / FACTS).is_file():
            raise InputError(f"{folder}: holds no prepared data set; make it with geoloupe prepare")
        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            if facts["format"] != FORMAT:
                raise InputError(f"{folder}: was prepared by another version; prepare it again")
            index = (folder / INDEX).read_bytes()
            if hashlib.sha256(index).hexdigest() != facts["index_sha256"]:
                raise InputError(f"{folder}: {INDEX} is damaged; prepare the data set again")
            entries = tuple(read_entry(line) for line in index.decode().splitlines())
            kinds = tuple(_read_kind(kind) for kind in facts["kinds"])
            for part in (part for entry in entries for part in entry.parts.values()):
                if part.shape[2] != len(kinds[part.kind].bands):
                    raise ValueError(f"{part.shape[2]} bands, which {FACTS} contradicts")
            for name, size in facts["sizes"].items():
                if (folder / name).stat().st_size != size:
                    raise InputError(f"{folder}: {name} is cut short; prepare the data set again")
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{folder}: is damaged; prepare it again ({error})") from None
        return cls(folder=folder, facts=facts, kinds=kinds, entries=entries)

    def verify(self) -> None:
        """Refuse pixels that have changed since writing, as by a disk or a copy."""
        for entry in self.entries:
            for pixels in entry.parts.values():
                values = self._mapped(pixels, np.dtype(self.kinds[pixels.kind].radiometry.dtype))
                if zlib.crc32(values.data) != pixels.crc:
                    raise InputError(
                        f"{self.folder / pixels.file}: the pixels of {entry.id} have changed "
                        "since they were prepared; delete the folder and prepare it again"
                    )

    @property
    def name(self) -> str:
        """The data set's name."""
        return str(self.facts["name"])

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of scenes of each split."""
        splits = [entry.split for entry in self.entries]
        return {split: splits.count(split) for split in SPLITS if split in splits}

    def split(self, name: str) -> tuple[Entry, ...]:
        """Return the scenes of one split."""
        if name not in self.counts:
            raise InputError.unknown(f"split of {self.name}", name, self.counts)
        return tuple(entry for entry in self.entries if entry.split == name)

    def image(self, entry: Entry, part: str = "hr", window: Window | None = None) -> Image:
        """Read a window of an array, or all of it; only its own bytes are touched."""
        if part not in entry.parts:
            raise InputError(
                f"{self.name}: {entry.id} has no {part}; it has {', '.join(entry.parts)}"
            )
        pixels = entry.parts[part]
        kind = self.kinds[pixels.kind]
        height, width, _ = pixels.shape
        grid = Grid(crs=pixels.crs, transform=pixels.transform, height=height, width=width)
        values = self._mapped(pixels, np.dtype(kind.radiometry.dtype))
        if window is not None:
            values, grid = values[window.slices], grid.window(window)
        return Image.of(
            np.ascontiguousarray(values.transpose(2, 0, 1)),
            radiometry=kind.radiometry,
            grid=grid,
            bands=kind.bands,
        )

    def _mapped(self, pixels: Pixels, dtype: np.dtype[Any]) -> NDArray[Any]:
        if pixels.file not in self._maps:
            self._maps[pixels.file] = np.memmap(self.folder / pixels.file, np.uint8, "r")
        size = int(np.prod(pixels.shape)) * dtype.itemsize
        part = self._maps[pixels.file][pixels.offset : pixels.offset + size]
        return np.asarray(part).view(dtype).reshape(pixels.shape)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the mapped files behind when sent to another process."""
        return self.__dict__ | {"_maps": {}}


def find(name_or_path: str) -> PreparedDataset:
    """Open a prepared data set by its folder, or by name below GEOLOUPE_DATA (else ./data)."""
    for folder in (Path(name_or_path), default_folder(name_or_path)):
        if (folder / FACTS).is_file():
            return PreparedDataset.open(folder)
    raise InputError(
        f"{name_or_path}: no prepared data set there, nor in {default_folder(name_or_path)}; "
        f"make it with geoloupe prepare, or say where yours are with {FOLDER_VARIABLE}"
    )


def default_folder(name: str) -> Path:
    """Return the default folder of a data set by name."""
    return Path(os.environ.get(FOLDER_VARIABLE, "data")) / name


def read_entry(line: str) -> Entry:
    """Read one line of the index."""
    values = json.loads(line)
    parts = {}
    for name, part in values.pop("parts").items():
        lists = {key: tuple(part[key]) for key in ("shape", "transform") if key in part}
        parts[name] = Pixels(**part | lists)
    return Entry(**values, parts=parts)


def _read_kind(values: Mapping[str, Any]) -> Kind:
    radiometry = dict(values["radiometry"])
    limits = {key: tuple(radiometry[key]) for key in ("low", "high", "zero") if key in radiometry}
    return Kind(
        bands=tuple(Band(**band) for band in values["bands"]),
        radiometry=Radiometry(**radiometry | limits),
    )
