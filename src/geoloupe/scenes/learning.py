"""A network that learns more of a scene from the scene itself, in about a minute.

Bands and guide are made coarser by the factor between them, so that the bands themselves
become the truth: Wald's protocol as a lesson. What is learned there is assumed to hold one scale
finer, as regression assumes of its lines. Windows that were not learned from decide whether it
is used. It starts from the weights it is given.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geoloupe.errors import InputError
from geoloupe.imagery.alignment import Axis
from geoloupe.imagery.grid import Window
from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.guided import Guided
from geoloupe.networks.sharpening.injection import injected
from geoloupe.networks.sharpening.method import CONSISTENT_STEPS, Sharpener
from geoloupe.scenes.fusion import Coarse, Reading

_log = logging.getLogger(__name__)

_WINDOW_COARSE_PX = 48  # coarse pixels of a window; more for large factors, so that some are left
_MIN_COARSER_PX = 8  # pixels of such a window after it is made coarser
_MAX_WINDOWS = 9  # windows along each axis at most
_MIN_CLEAR_WINDOWS = 6  # of them with data everywhere: fewer say nothing about a scene
_HELD_OUT_EVERY = 4  # every fourth window decides and is not learned from
_EDGE = 6  # pixels along a window's border that do not count
_STEPS, _BATCH, _RATE, _BANDS = 400, 4, 1e-3, 2
_MIN_ERROR = 1e-4  # unit values of error below which all bands matter alike


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A window whose truth is known."""

    truth: Tensor  # (1,C,h,w)
    lr: Tensor  # (1,C,h/ratio,w/ratio)
    guide: Tensor  # (1,G,h,w)
    sensors: tuple[Observation, ...]

    def some(self, bands: Sequence[int]) -> "Lesson":
        """Return the same with a few bands."""
        chosen = list(bands)
        return Lesson(
            truth=self.truth[:, chosen],
            lr=self.lr[:, chosen],
            guide=self.guide,
            sensors=tuple(self.sensors[band] for band in chosen),
        )

    def agreed(self, answer: Tensor, *, steps: int = 1) -> Tensor:
        """Make an answer agree with the bands, as answers to tiles are."""
        first = self.sensors[0]
        gains = tuple(sensor.mtf[0] for sensor in self.sensors)
        every = Observation(mtf=gains, down=first.down, across=first.across)
        return every.consistent(answer, self.lr, steps=steps)

    def missed(self, answer: Tensor) -> Tensor:
        """Return each band's mean difference from the truth, (C,)."""
        inner = slice(_EDGE, -_EDGE)
        return (answer - self.truth)[..., inner, inner].abs().mean((0, 2, 3))


@dataclass(frozen=True, kw_only=True)
class Learned:
    """How the learning went."""

    before: float  # error on windows that were not learned from, in unit values
    after: float
    windows: int
    otherwise: str  # what did best without it

    @property
    def better(self) -> bool:
        """Whether it is worth using."""
        return self.after < self.before

    def __str__(self) -> str:
        """Return a one-line summary."""
        share = 100 * (1 - self.after / self.before) if self.before else 0.0
        used = "used" if self.better else f"so {self.otherwise} used as before"
        return f"learned from {self.windows} windows: {share:+.1f} % less error on others, {used}"


def learn(
    network: Guided, reading: Reading, groups: Sequence[Coarse], size: tuple[int, int]
) -> Learned:
    """Teach a network with all groups of a scene; undo what does not help.

    The same scene teaches the same on one machine: one thread, one seed, a fixed number of steps.
    """
    lessons = [lesson for group in groups for lesson in _lessons(reading, group, size)]
    if len(lessons) < _MIN_CLEAR_WINDOWS:
        raise InputError(
            f"{groups[0].source.name}: {len(lessons)} windows of it hold data everywhere, too few "
            "to learn from; leave out learn"
        )
    held = lessons[::_HELD_OUT_EVERY]
    ours = [lesson for index, lesson in enumerate(lessons) if index % _HELD_OUT_EVERY]
    weights = {name: x.clone() for name, x in network.state_dict().items()}
    known = {"the weights are": _score(held, network), "the regression is": _score(held, injected)}
    best = min(known, key=lambda name: known[name])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _taught(network.requires_grad_(True).train(), ours)
    finally:
        torch.set_num_threads(threads)
    network.requires_grad_(False).eval()
    found = Learned(
        before=known[best], after=_score(held, network), windows=len(ours), otherwise=best
    )
    _log.info("%s: %s", groups[0].source.name, found)
    if not found.better:
        network.load_state_dict(weights)
    if not found.better and best == "the regression is":
        for tensor in network.tail.parameters():
            torch.nn.init.zeros_(tensor)
    return found


def _taught(network: Guided, lessons: Sequence[Lesson]) -> None:
    optimizer = torch.optim.Adam(network.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, total_steps=_STEPS, pct_start=0.1
    )
    rng = np.random.default_rng(0)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        for _ in range(_BATCH):
            lesson = lessons[int(rng.integers(len(lessons)))]
            count = len(lesson.sensors)
            bands = rng.choice(count, min(_BANDS, count), replace=False)
            part = lesson.some([int(band) for band in bands])
            with torch.no_grad():  # a band is weighted by what is left to learn
                usual = part.missed(injected(part.lr, part.guide, part.sensors)) + _MIN_ERROR
            answer = part.agreed(network(part.lr, part.guide, part.sensors))
            (part.missed(answer) / usual / _BATCH).mean().backward()
        optimizer.step()
        schedule.step()


def _score(lessons: Sequence[Lesson], sharpener: Sharpener) -> float:
    with torch.inference_mode():
        errors = [
            lesson.missed(
                lesson.agreed(
                    sharpener(lesson.lr, lesson.guide, lesson.sensors), steps=CONSISTENT_STEPS
                )
            ).mean()
            for lesson in lessons
        ]
    return float(torch.stack(errors).mean())


def _lessons(reading: Reading, group: Coarse, size: tuple[int, int]) -> Iterator[Lesson]:
    """Make coarser windows, spread over a scene, of those with data everywhere."""
    meeting = group.meeting
    side = max(_WINDOW_COARSE_PX, int(np.ceil(_MIN_COARSER_PX * meeting.greatest)))
    whole = Window(top=0, left=0, height=size[0], width=size[1])
    under, _ = meeting.part(whole)
    for top in _starts(under.height, side):
        for left in _starts(under.width, side):
            place = Window(top=under.top + top, left=under.left + left, height=side, width=side)
            found = _lesson(reading, group, meeting.over(place, size))
            if found is not None:
                yield found


def _starts(length: int, side: int) -> list[int]:
    count = min(length // side, _MAX_WINDOWS)
    return [(length - side) * index // max(count - 1, 1) for index in range(count)]


def _lesson(reading: Reading, group: Coarse, window: Window) -> Lesson | None:
    guide = reading.guide_at(window)
    seen = reading.seen(window, group, guide)
    if np.isnan(guide.values).any() or not seen.coarse.present.all():
        return None
    down, across = (
        Axis(ratio=side.axis.ratio) for side in (seen.meeting.down, seen.meeting.across)
    )
    sensors = tuple(Observation(mtf=(g,), down=down, across=across) for g in group.optics.mtf)
    height, width = (int(side) for side in seen.lr.shape[-2:])
    size = int(height / down.ratio), int(width / across.ratio)
    middle = group.sensors(seen.meeting)[len(sensors) // 2]
    with torch.no_grad():
        lr = [
            sensor.observe(band, size)
            for sensor, band in zip(sensors, seen.lr.split(1, dim=1), strict=True)
        ]
        return Lesson(
            truth=seen.lr,
            lr=torch.cat(lr, dim=1),
            guide=middle.observe(seen.guide, (height, width)),
            sensors=sensors,
        )
