"""How well a data set's real image pairs are aligned, measured once and recorded."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from geoloupe.datasets.preparation.prepared import Entry, PreparedDataset
from geoloupe.imagery.grid import Window
from geoloupe.imagery.registration import Shift, check_registration, measure_shift
from geoloupe.storage.publish import publish_texts

REPORT = "registration.csv"
_MAX_SIDE = 1024  # finer pixels per side that are examined, in the middle of the image
_MIN_CONFIDENCE = 0.5  # confidence below which a shift is a guess
_MAX_SHIFT_PX = 0.5  # finer pixels of shift worth reporting


@dataclass(frozen=True, kw_only=True)
class PairShift:
    """How far the finer image of a scene lies below and right of the coarser."""

    scene: str
    coarser: str
    finer: str
    scale: int
    shift: Shift  # in pixels of the finer


def registration_notes(prepared: PreparedDataset) -> list[str]:
    """Measure all real pairs unless already done, write the report, and sum it up in a line."""
    if not any(len(entry.parts) > 1 for entry in prepared.entries):
        return []
    path = prepared.folder / REPORT
    if path.exists():
        return [f"alignment of the pairs: {path}"]
    found = list(registrations(prepared))
    publish_texts(prepared.folder, {REPORT: _csv(found)})
    sure = [item.shift.length for item in found if item.shift.confidence >= _MIN_CONFIDENCE]
    if not sure:
        return [f"no pair's alignment could be measured; every guess: {path}"]
    far = sum(length > _MAX_SHIFT_PX for length in sure)
    return [
        f"pairs are {median(sure):.2f} finer pixels apart (median of {len(sure)} of {len(found)} "
        f"measured), {far} more than {_MAX_SHIFT_PX}; each: {path}"
    ]


def registrations(prepared: PreparedDataset) -> Iterator[PairShift]:
    """Measure LR against HR and HR against the guide, where they are real."""
    for entry in prepared.entries:
        for coarser, finer in (("lr", "hr"), ("hr", "guide")):
            if coarser not in entry.parts or finer not in entry.parts:
                continue
            low, high = entry.parts[coarser].shape, entry.parts[finer].shape
            scale = high[0] // low[0]
            if scale < 1 or (low[0] * scale, low[1] * scale) != high[:2]:
                continue  # without a common grid there is no comparison; refused when used
            yield PairShift(
                scene=entry.id,
                coarser=coarser,
                finer=finer,
                scale=scale,
                shift=_shift(prepared, entry, (coarser, finer), scale),
            )


def _shift(prepared: PreparedDataset, entry: Entry, parts: tuple[str, str], scale: int) -> Shift:
    height, width, _ = entry.parts[parts[0]].shape
    rows, columns = (min(side, max(_MAX_SIDE // scale, 1)) for side in (height, width))
    window = Window(
        top=(height - rows) // 2, left=(width - columns) // 2, height=rows, width=columns
    )
    coarse = prepared.image(entry, parts[0], window).in_unit().values.astype(np.float64)
    fine = prepared.image(entry, parts[1], window.finer(scale)).in_unit().values.astype(np.float64)
    if scale == 1:
        return measure_shift(coarse, fine)
    return check_registration(coarse, fine, scale)


def _csv(found: list[PairShift]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scene", "coarser", "finer", "scale", "rows", "columns", "confidence"])
    for item in found:
        shift = item.shift
        writer.writerow(
            [
                *(item.scene, item.coarser, item.finer, item.scale),
                *(f"{shift.rows:.2f}", f"{shift.columns:.2f}", f"{shift.confidence:.2f}"),
            ]
        )
    return text.getvalue()
