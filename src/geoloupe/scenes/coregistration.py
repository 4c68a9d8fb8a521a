"""How far a guide is shifted from the bands it is to sharpen: measured, reported, undone.

Edges of the bands are compared with those of the guide as the bands' own sensor sees it, in windows
spread over the scene; the median of the confident ones counts. A guide is never resampled: the
bands are placed where it says they lie.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import scipy  # whose parts are imported when they are used
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.meeting import Meeting
from geoloupe.imagery.registration import Shift, measure_shift
from geoloupe.networks.doubles import doubled
from geoloupe.scenes.fusion import Coarse, Reading

_log = logging.getLogger(__name__)

MAX_SHIFT_PX = 2.0  # guide pixels up to which a shift is undone; more means another place or day
_WINDOW_PX = 384  # guide pixels of a window, about
_MIN_COARSE_PX = 48  # coarse pixels of it, at least
_WINDOWS = 3  # windows along each axis
_BANDS = 4  # of the coarse image that are examined
_SEARCH_COARSE_PX = 4  # coarse pixels of shift to search
_MIN_CONFIDENCE = 0.5  # least confidence for a window to count
_MIN_CORRECTION_PX = 0.1  # guide pixels below which correcting gains nothing
_ERROR_COARSE_PX = 0.05  # coarse pixels by which a measurement may be wrong


@dataclass(frozen=True, kw_only=True)
class Registration:
    """How many guide pixels the guide lies below and right of where the bands say."""

    rows: float = 0.0
    columns: float = 0.0
    windows: int = 0  # that agree on it
    unlike: bool = False  # the images show edges enough, and share none
    how: str = "not measured"
    corrected: bool = False

    @property
    def length(self) -> float:
        """The distance in guide pixels."""
        return float(np.hypot(self.rows, self.columns))

    def __str__(self) -> str:
        """Return a one-line summary."""
        if self.how == "not measured":
            return "the shift between guide and bands could not be measured"
        undone = "corrected" if self.corrected else "left as it is"
        return (
            f"the guide lies {self.rows:+.2f} rows and {self.columns:+.2f} columns off, in its own "
            f"pixels ({self.how}), {undone}"
        )


def registered(
    reading: Reading,
    group: Coarse,
    size: tuple[int, int],
    *,
    shift: tuple[float, float] | None,
    anyway: bool,
) -> tuple[Coarse, Registration]:
    """Place a group where the guide says it lies; `shift` and `anyway` are the user's choice.

    A shift that is too great to be one is an InputError, unless anyway; so are images of which
    nothing says that they show one place.
    """
    if shift is not None:
        found = Registration(
            rows=shift[0], columns=shift[1], how="as given", corrected=shift != (0.0, 0.0)
        )
    else:
        found = measured(reading, group, size)
        _judge(reading, group, found, anyway=anyway)
        least = max(_MIN_CORRECTION_PX, _ERROR_COARSE_PX * group.meeting.greatest)
        found = replace(found, corrected=least <= found.length <= MAX_SHIFT_PX)
    _log.info("%s: %s", group.source.name, found)
    if not found.corrected:
        return group, found
    return replace(group, meeting=group.meeting.moved(found.rows, found.columns)), found


def measured(reading: Reading, group: Coarse, size: tuple[int, int]) -> Registration:
    """Measure the shift on windows of a product of `size`, (H, W)."""
    shifts = [_shift(reading, group, window) for window in _windows(group.meeting, size)]
    sure = [shift for shift in shifts if shift.confidence >= _MIN_CONFIDENCE]
    if not sure:
        large = min(group.meeting.down.count, group.meeting.across.count) >= _MIN_COARSE_PX
        return Registration(unlike=large and any(shift.compared for shift in shifts))
    return Registration(
        rows=round(median(shift.rows for shift in sure), 2),
        columns=round(median(shift.columns for shift in sure), 2),
        windows=len(sure),
        how=f"measured on {len(sure)} of {len(shifts)} windows",
    )


def _judge(reading: Reading, group: Coarse, found: Registration, *, anyway: bool) -> None:
    """Refuse a shift that is too great, and warn of anything else worth knowing."""
    names = group.source.name, reading.guide.name
    placed = group.source.grid.georeferenced and reading.guide.grid.georeferenced
    if found.unlike and not (placed or anyway):
        raise InputError(
            f"{names[0]}: shares no edges with {names[1]}, and neither says where it lies, so "
            "they may show different places; if they show one outline, give shift=0,0"
        )
    if not found.windows:
        _log.warning(
            "%s: its shift against %s could not be measured (too small, flat, or too different); "
            "their georeference is trusted",
            *names,
        )
    elif found.length > MAX_SHIFT_PX:
        message = (
            f"{names[0]}: {names[1]} lies {found.rows:+.2f} rows and {found.columns:+.2f} columns "
            f"of its own pixels away from it ({found.how}), more than {MAX_SHIFT_PX:g}"
        )
        if not anyway:
            raise InputError(
                f"{message}; if that is so, give shift={found.rows:g},{found.columns:g}; if "
                "the files are right, anyway=true; else fix their georeference"
            )
        _log.warning("%s; their georeference is trusted", message)


def _shift(reading: Reading, group: Coarse, window: Window) -> Shift:
    guide = reading.guide_at(window)
    seen = reading.seen(window, group, guide)
    absent = np.isnan(guide.values[list(reading.looked)]).any(0)
    rows, columns = seen.meeting.down.under(window.height), seen.meeting.across.under(window.width)
    unit = seen.coarse.in_unit().values
    bands = np.unique(np.linspace(0, len(unit) - 1, _BANDS).round().astype(int))
    absent |= np.isnan(unit[bands]).any(0)[rows][:, columns]
    if absent.all():
        return Shift()
    ratio = group.meeting.ratio
    around = 4 * int(np.ceil(ratio)) + 1  # what interpolation and the sensor mix into a pixel
    valid = ~scipy.ndimage.maximum_filter(absent, around) if absent.any() else ~absent
    sensors = group.sensors(seen.meeting)
    size = (window.height, window.width)
    middle = sensors[int(bands[len(bands) // 2])]
    with torch.inference_mode():
        chosen = seen.lr[:, bands.tolist()]
        like = _explained(chosen, middle.observe(seen.guide, unit.shape[1:]))
        through, enlarged = (middle.interpolate(part, size)[0] for part in (like, chosen))
    return measure_shift(
        _array(enlarged),
        _array(through),
        valid=valid,
        limit=int(np.ceil(_SEARCH_COARSE_PX * ratio)),
        detail=max(ratio / 2, 1.0),
    )


def _explained(bands: Tensor, low: Tensor) -> Tensor:
    """Return what bands (1,C,h,w) are as mixtures of the guide's (1,G,h,w), by regression.

    Shadows and tree crowns shift one colour against another: a band is compared with its like.
    """
    known = doubled(low[0].flatten(1))
    known = known - known.mean(1, keepdim=True)
    sought = doubled(bands[0].flatten(1))
    weights = torch.linalg.pinv(known @ known.T, rtol=1e-6, hermitian=True) @ (known @ sought.T)
    return (weights.T @ known).reshape(bands.shape).to(bands)


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.cpu().numpy()


def _windows(meeting: Meeting, size: tuple[int, int]) -> Iterator[Window]:
    """Spread windows over the product."""
    side = max(_WINDOW_PX, int(np.ceil(_MIN_COARSE_PX * meeting.ratio)))
    height, width = min(side, size[0]), min(side, size[1])
    for top in _starts(size[0], height):
        for left in _starts(size[1], width):
            yield Window(top=top, left=left, height=height, width=width)


def _starts(length: int, side: int) -> list[int]:
    count = min(-(-length // side), _WINDOWS)
    room = length - side
    return [room * index // (count - 1) for index in range(count)] if count > 1 else [0]
