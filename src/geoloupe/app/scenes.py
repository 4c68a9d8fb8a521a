"""The scenes that the app holds open, a few at a time, each for one thread at once."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from geoloupe.app.settings import AppSettings
from geoloupe.app.tiles import SIDE, levels_of, sample
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.displayed import fixed_limits
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.picture import Limits, admit_pictured, alike, limits_of, visible
from geoloupe.rasters.source import Source
from geoloupe.scenes.overlaid import like_input

_NAME = re.compile(r'"([^"]+)"')


class NotFoundError(InputError):
    """Nothing goes by the name that was asked for."""


@dataclass(eq=False)
class OpenScene:
    """A scene that is open."""

    key: str
    path: Path
    like: str | None  # the scene whose stretch its numbers are read with
    source: Source
    lock: Lock = field(default_factory=Lock)
    limits: dict[Any, Limits] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What a page needs to know to show it."""
        source, grid = self.source, self.source.grid
        name = _NAME.search(grid.crs or "")
        bands = [
            {"number": number, "name": band.name or f"band {number}", "nm": band.nm}
            for number, band in enumerate(source.bands, start=1)
        ]
        return {
            "id": self.key,
            "name": self.path.name,
            "path": str(self.path),
            "width": grid.width,
            "height": grid.height,
            "bands": bands,
            "visible": [index + 1 for index in visible(source)],
            "dtype": source.radiometry.dtype,
            "nodata": None if source.radiometry.nodata is None else str(source.radiometry.nodata),
            "crs": None if name is None else name[1],
            "georeferenced": grid.georeferenced,
            "transform": list(grid.transform),
            "pixel": list(grid.pixel_size),
            "levels": levels_of(grid),
            "tile": SIDE,
        }

    def stretch(self, bands: Sequence[int], cut: float) -> Limits:
        """Return what is black and white of these bands (from 0); `cut` of values may be either."""
        key = (tuple(bands), cut)
        if key not in self.limits:
            part = self.source.select(bands)
            fixed = fixed_limits(self.source)
            together = alike(part.bands)
            found = fixed or limits_of(sample(part), together=together, tails=(cut, 1 - cut))
            self.limits[key] = found
        return self.limits[key]

    def pixel(self, row: int, column: int) -> list[float | None]:
        """Return the stored values of one pixel; None where one is missing."""
        grid = self.source.grid
        if not (0 <= row < grid.height and 0 <= column < grid.width):
            raise InputError(f"{self.path.name}: has no pixel at row {row}, column {column}")
        image = self.source.read(Window(top=row, left=column, height=1, width=1))
        values, present = image.values[:, 0, 0], image.present[:, 0, 0]
        return [
            float(value) if there and np.isfinite(value) else None
            for value, there in zip(values, present, strict=True)
        ]


class Scenes:
    """Opens scenes by their paths; those not looked at for longest are closed again."""

    def __init__(self, settings: AppSettings) -> None:
        self._most = settings.open_scenes
        self._paths: dict[str, tuple[Path, str | None]] = {}
        self._open: OrderedDict[str, OpenScene] = OrderedDict()
        self._lock = Lock()

    def add(self, path: Path, like: str | None = None) -> dict[str, Any]:
        """Open a scene, and return what it is."""
        key = hashlib.sha256(f"{path}\n{like or ''}".encode()).hexdigest()[:16]
        with self._lock:
            stale = self._open.pop(key, None)  # the file may be another by now
            self._paths[key] = (path, like)
        if stale is not None:
            with stale.lock:
                stale.source.reader.close()
        with self.held(key) as scene:
            return scene.facts

    def path(self, key: str) -> Path:
        """Return the path of a scene that was opened before."""
        if key not in self._paths:
            raise NotFoundError(f"{key}: no scene of this name was opened; open it again")
        return self._paths[key][0]

    @contextmanager
    def held(self, key: str) -> Iterator[OpenScene]:
        """Return a scene for this thread alone."""
        while True:
            scene = self._take(key)
            with scene.lock:
                if self._open.get(key) is scene:  # else it was closed while we waited
                    yield scene
                    return

    def close(self) -> None:
        """Close all scenes."""
        with self._lock:
            opened, self._open = list(self._open.values()), OrderedDict()
        for scene in opened:
            with scene.lock:
                scene.source.reader.close()

    def _take(self, key: str) -> OpenScene:
        path, like = self.path(key), self._paths[key][1]
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
        if path.resolve() != path:  # what was opened before gave way to a link
            raise InputError(f"{path}: leads elsewhere by now; open it again")
        source = open_source(path, look=True, admit=admit_pictured)
        if like is not None:
            with self.held(like) as other:
                source = like_input(source, other.source)
        scene = OpenScene(key=key, path=path, like=like, source=source)
        with self._lock:
            kept = self._open.setdefault(key, scene)
            self._open.move_to_end(key)
            old = self._open.popitem(last=False)[1] if len(self._open) > self._most else None
        for gone in ({scene} if kept is not scene else set()) | ({old} if old else set()):
            with gone.lock:
                gone.source.reader.close()
        return kept
