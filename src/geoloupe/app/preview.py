"""A box of a scene through a model, drawn tile by tile while it is computed."""

import base64
import json
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from geoloupe.app.scenes import Scenes
from geoloupe.app.settings import AppSettings
from geoloupe.errors import GeoloupeError, InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.rasters.picture import Limits, picture_bytes
from geoloupe.rasters.product import write_image
from geoloupe.storage.moving import forget

_KEPT_MODELS = 3


class PreviewAsked(BaseModel):
    """A box in the scene's own pixels, and what to compute of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene: str
    top: int = Field(ge=0)
    left: int = Field(ge=0)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    model: str = "loupe-x4"
    scale: int | None = Field(default=None, ge=1, le=16)
    bands: tuple[int, ...] = ()  # one or three to draw, from 1; none: those of the scene
    cut: float = Field(default=0.005, ge=0, lt=0.5)


@dataclass(eq=False)
class Previews:
    """Computes one preview at a time; a newer one ends the one before."""

    settings: AppSettings
    scenes: Scenes
    _newest: str = ""
    _computing: Lock = field(default_factory=Lock)
    _models: OrderedDict[tuple[str, int | None], Any] = field(default_factory=OrderedDict)

    def lines(self, asked: PreviewAsked) -> Iterator[bytes]:
        """Compute a box; each line is JSON: a cell with its picture, or what came of it all."""
        name = self._newest = secrets.token_hex(8)
        try:
            with self._computing:
                for event in self._events(asked, name):
                    yield json.dumps(event).encode() + b"\n"
        except GeoloupeError as error:
            yield json.dumps({"error": str(error)}).encode() + b"\n"

    def warm(self, model: str = "loupe-x4") -> None:
        """Load what the first preview needs, so that it does not wait for it."""
        self._model(model, None)

    def _events(self, asked: PreviewAsked, name: str) -> Iterator[dict[str, Any]]:
        path = self.scenes.path(asked.scene)
        window = Window(top=asked.top, left=asked.left, height=asked.height, width=asked.width)
        with ExitStack() as stack:
            from geoloupe.scenes.boxes import open_box

            model = self._model(asked.model, asked.scale)
            box = open_box(stack, path, window, model=model)
            fine = window.finer(box.scene.scale)
            count = len(box.layout.facts.bands)
            if fine.height * fine.width * count > self.settings.preview_values:
                raise InputError(
                    f"{path.name}: a preview of {fine.width} x {fine.height} pixels in {count} "
                    "bands is too large; draw a smaller box, or run the whole scene"
                )
            shown, limits = self._stretch(asked, count)
            radiometry = box.layout.radiometry
            bands = tuple(facts.band for facts in box.layout.facts.bands)
            values = radiometry.from_unit(
                np.full((count, fine.height, fine.width), np.nan, np.float32)
            )
            whole = [len(box.cells), box.scene.scale]
            yield {"count": whole[0], "scale": whole[1], "model": box.model}
            for done, cell in enumerate(box.cells, start=1):
                if self._newest != name:
                    return
                image = box.compute(cell)
                place = cell.core.finer(box.scene.scale)
                event: dict[str, Any] = {"done": done, "count": whole[0], "cell": _plain(place)}
                if image is not None:
                    rows, columns = _inside(place, fine)
                    values[:, rows, columns] = image.values
                    png = picture_bytes(image.select(shown), limits)
                    event["png"] = base64.b64encode(png).decode()
                yield event
            grid = box.layout.grid.window(fine)
            made = Image.of(values, radiometry=radiometry, bands=bands, grid=grid)
            target = self.settings.previews_folder / f"{name}.tif"
            self._make_room()
            write_image(target, made, facts=box.layout.facts)
        facts = self.scenes.add(target, asked.scene)
        yield {"scene": facts, "box": _plain(window), "scale": whole[1], "model": box.model}

    def _stretch(self, asked: PreviewAsked, count: int) -> tuple[list[int], Limits]:
        """Return the bands to draw and their stretch, those of the scene itself."""
        with self.scenes.held(asked.scene) as scene:
            chosen = [number - 1 for number in asked.bands or scene.facts["visible"]]
            inside = all(0 <= index < count for index in chosen)
            if len(chosen) not in (1, 3) or not inside:
                chosen = [0]
            return chosen, scene.stretch(chosen, asked.cut)

    def _model(self, name: str, scale: int | None) -> Any:
        """Load a model, or take the one that was loaded before."""
        from geoloupe.models.model import load

        key = (name, scale)
        if key not in self._models:
            self._models[key] = load(name) if scale is None else load(name, scale=scale)
            if len(self._models) > _KEPT_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def _make_room(self) -> None:
        """Delete the oldest previews."""
        kept = sorted(self.settings.previews_folder.glob("*.tif"), key=_age)
        for path in kept[: max(len(kept) + 1 - self.settings.previews, 0)]:
            forget(path)  # Windows keeps what the app itself has open


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _plain(window: Window) -> dict[str, int]:
    return {key: getattr(window, key) for key in ("top", "left", "height", "width")}


def _inside(part: Window, whole: Window) -> tuple[slice, slice]:
    top, left = part.top - whole.top, part.left - whole.left
    return slice(top, top + part.height), slice(left, left + part.width)
