"""Train the weights that `geoloupe sharpen` begins with, on real pairs made coarser.

    python -m tools.train_guided both --data DATA -o runs/guided-both.pt
    python -m tools.train_guided s2 --begin runs/guided-both.pt --data DATA -o runs/guided-s2.pt
    python -m tools.train_guided pan --begin runs/guided-both.pt --data DATA -o runs/guided-pan.pt

Each pair is brought to its coarse pixels (Wald's protocol), so that the bands as they are become
the truth. Every example is then seen anew: turned, at a factor and an MTF that are drawn, with a
little noise, and by some bands of the guide. `python -m tools.ship_guided` measures and ships.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from benchmarks.sharpening import SENSORS, Reduced, opened, pairs, reduced
from torch import Tensor

from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.guided import Guided, GuidedSettings
from geoloupe.networks.sharpening.injection import injected

BATCH, RATE, BANDS = 4, 2e-3, 2
EDGE = 6  # pixels along the border of an example that do not count
JITTER, NOISE = 0.06, 0.02  # of the MTF, and of a band's deviation
FLAT = 1e-4  # unit values of error below which no band is more important than another
SIDES = {2: 48, 3: 48, 4: 48, 6: 72}  # pixels of an example by its factor


@dataclass(frozen=True, kw_only=True)
class Course:
    """What one set of weights learns from and what it never sees."""

    kinds: tuple[str, ...]
    odds: Mapping[int, float]  # of each factor
    steps: int
    fewest: int  # bands of a guide that are shown


LEFT_OUT = (
    "dsen2_S2A_MSIL1C_20170527_T33UUB_20m",
    "ben_S2B_MSIL2A_20180421T114349_47_56_20m",
    "ben_S2B_MSIL2A_20180502T093039_43_14_20m",
    *("11_ms", "12_ms", "l8_cloudy_ms"),
)
COURSES = {
    "both": Course(kinds=("Sentinel-2", "Landsat-7"), odds={2: 1.0}, steps=1000, fewest=1),
    "s2": Course(
        kinds=("Sentinel-2",),
        odds={2: 0.7, 3: 0.1, 6: 0.2},
        steps=1400,
        fewest=3,
    ),
    "pan": Course(
        kinds=("Landsat-7", "Landsat-8"),
        odds={2: 0.7, 3: 0.1, 4: 0.2},
        steps=1400,
        fewest=1,
    ),
}


def held_out(stem: str) -> bool:
    """Whether a scene of this name measures, and is never learned from."""
    return stem in LEFT_OUT


def lessons(course: Course, data: Path) -> Iterator[Reduced]:
    """Make all pairs of a course coarser but those that are left out."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for kind, coarse, guide in pairs(data):
            if kind not in course.kinds or held_out(coarse.stem):
                continue
            ours = opened(coarse, folder), opened(guide, folder)
            yield reduced(*ours, folder, SENSORS.get(kind))


@dataclass(frozen=True, kw_only=True)
class Example:
    """Bands as a sensor sees them, their guide and the truth."""

    lr: Tensor  # (1,C,h,w)
    guide: Tensor  # (1,G,h*ratio,w*ratio)
    truth: Tensor  # (1,C,h*ratio,w*ratio)
    gains: tuple[float, ...]
    ratio: int

    @property
    def sensors(self) -> list[Observation]:
        """The sensor of each band."""
        return [Observation.aligned(gain, scale=self.ratio) for gain in self.gains]

    def loss(self, network: Guided) -> Tensor:
        """Return the error in parts of the regression's, so that every band counts alike."""
        inner = np.s_[..., EDGE:-EDGE, EDGE:-EDGE]
        with torch.no_grad():
            plain = injected(self.lr, self.guide, self.sensors)
            usual = (plain - self.truth)[inner].abs().mean((0, 2, 3)) + FLAT
        every = Observation.aligned(*self.gains, scale=self.ratio)
        answer = every.consistent(network(self.lr, self.guide, self.sensors), self.lr)
        return ((answer - self.truth)[inner].abs().mean((0, 2, 3)) / usual).mean()


def drawn(pair: Reduced, course: Course, rng: np.random.Generator) -> Example:
    """Cut an example out of a pair and see it anew."""
    ratio = int(rng.choice(list(course.odds), p=list(course.odds.values())))
    height, width = pair.truth.shape[1:]
    side = min(SIDES[ratio], height // ratio * ratio, width // ratio * ratio)
    top, left = (int(rng.integers(length - side + 1)) for length in (height, width))
    part = np.s_[:, top : top + side, left : left + side]
    bands = rng.choice(len(pair.truth), min(BANDS, len(pair.truth)), replace=False)
    count = int(rng.integers(course.fewest, len(pair.guide) + 1))
    looks = rng.choice(len(pair.guide), count, replace=False)
    turn = int(rng.integers(8))
    truth, guide = (_turned(x[part], turn) for x in (pair.truth[bands], pair.guide[looks]))
    jitter = rng.uniform(-JITTER, JITTER, len(bands))
    gains = tuple(
        float(np.clip(pair.mtf[band] + more, 0.1, 0.5))
        for band, more in zip(bands, jitter, strict=True)
    )
    every = Observation.aligned(*gains, scale=ratio)
    lr = every.observe(truth, (side // ratio, side // ratio))
    return Example(
        lr=_noisy(lr, rng).float(),
        guide=_noisy(guide, rng).float(),
        truth=truth.float(),
        gains=gains,
        ratio=ratio,
    )


def _turned(values: np.ndarray, turn: int) -> Tensor:
    """Turn (C,H,W) by one of the eight ways of a square, (1,C,H,W)."""
    flipped = values[..., ::-1] if turn > 3 else values
    return torch.from_numpy(np.rot90(flipped, turn % 4, axes=(1, 2)).copy()).double()[None]


def _noisy(x: Tensor, rng: np.random.Generator) -> Tensor:
    deviation = rng.uniform(0, NOISE) * x.std((2, 3), keepdim=True)
    return x + deviation * torch.from_numpy(rng.standard_normal(x.shape))


def train(
    network: Guided, course: Course, data: Path, steps: int, *, seed: int = 0
) -> Iterator[tuple[int, float]]:
    """Teach a network; tell its steps and the hours they took now and then."""
    rng = np.random.default_rng(seed)
    known = list(lessons(course, data))
    weights = np.array([np.sqrt(pair.truth[0].size) for pair in known])
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.1
    )
    started, recent = time.monotonic(), []
    for step in range(steps):
        optimizer.zero_grad()
        for _ in range(BATCH):
            pair = known[rng.choice(len(known), p=weights / weights.sum())]
            loss = drawn(pair, course, rng).loss(network)
            (loss / BATCH).backward()
            recent.append(loss.item())
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 199 or step + 1 == steps:
            passed, error = time.monotonic() - started, np.mean(recent[-800:])
            print(f"{step + 1} steps, {passed:.0f} s, loss {error:.4f}", flush=True)
            yield step + 1, passed / 3600


def main() -> None:
    """Train and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("course", choices=list(COURSES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--begin", type=Path, help="weights to go on with")
    parser.add_argument("-o", "--output", type=Path, required=True)
    words = parser.parse_args()
    course = COURSES[words.course]
    torch.manual_seed(0)
    network = Guided(GuidedSettings())
    before = {"steps": 0, "hours": 0.0}
    if words.begin is not None:
        before = torch.load(words.begin, weights_only=True)
        network.load_state_dict(before["state"])
    words.output.parent.mkdir(parents=True, exist_ok=True)
    seed = int(before["steps"])  # what goes on sees other draws
    for steps, hours in train(network, course, words.data, words.steps or course.steps, seed=seed):
        told = {"steps": before["steps"] + steps, "hours": before["hours"] + hours}
        torch.save({"state": network.state_dict(), **told}, words.output)


if __name__ == "__main__":
    main()
