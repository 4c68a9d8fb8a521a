"""A small network that names what a scene shows, for asking what sharpened scenes are good for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.datasets.preparation.prepared import Entry, PreparedDataset
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.system.progress import Progress

_WIDTHS = (32, 64, 96, 128)
_BATCH = 32
_RATE = 3e-3
_CROP = 7 / 8  # of the shorter side that training sees of a scene


class SceneNetwork(nn.Module):
    """Four convolutions, then mean and maximum over all pixels: (N,B,H,W) -> (N,classes)."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = bands
        for width, kernel, stride in zip(_WIDTHS, (7, 3, 3, 3), (2, 2, 2, 1), strict=True):
            layers += [
                nn.Conv2d(inputs, width, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            inputs = width
        self.look = nn.Sequential(*layers)
        self.decide = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * inputs, classes))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.look(x)
        answer: Tensor = self.decide(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], dim=1))
        return answer


@dataclass(frozen=True, kw_only=True, eq=False)
class Classifier:
    """A trained network and the names of what it knows."""

    network: SceneNetwork
    labels: tuple[str, ...]
    mean: Tensor  # (B,1,1), as the deviation
    deviation: Tensor

    @classmethod
    def trained(
        cls,
        prepared: PreparedDataset,
        entries: Sequence[Entry],
        *,
        epochs: int,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Self:
        """Learn the labels of scenes as they are stored, in their full size."""
        labels = tuple(sorted({entry.label for entry in entries}))
        if len(labels) < 2:
            raise InputError(f"{prepared.name}: its scenes have no classes to tell apart")
        mean, deviation = _statistics(prepared, entries)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = SceneNetwork(len(mean), len(labels))
            learner = cls(network=network, labels=labels, mean=mean, deviation=deviation)
            learner._learn(prepared, entries, epochs, np.random.default_rng(seed), progress)
        return learner

    def name(self, image: Image) -> str:
        """Return the class of a scene."""
        with torch.inference_mode():
            values = np.nan_to_num(image.in_unit().values)
            answer = self.network(self._normal(torch.from_numpy(values))[None])
        return self.labels[int(answer.argmax())]

    def _normal(self, values: Tensor) -> Tensor:
        if len(values) != len(self.mean):
            raise InputError(f"the classifier learned {len(self.mean)} bands, not {len(values)}")
        return (values - self.mean) / self.deviation

    def _learn(
        self,
        prepared: PreparedDataset,
        entries: Sequence[Entry],
        epochs: int,
        rng: np.random.Generator,
        progress: Progress | None,
    ) -> None:
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=_RATE, weight_decay=1e-2)
        count = -(-len(entries) // _BATCH) * epochs
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=count)
        side = int(_CROP * min(min(entry.parts["hr"].shape[:2]) for entry in entries))
        self.network.train()
        done = 0
        for _ in range(epochs):
            order = rng.permutation(len(entries))
            for start in range(0, len(entries), _BATCH):
                chosen = [entries[index] for index in order[start : start + _BATCH]]
                scenes = torch.stack([self._crop(prepared, entry, side, rng) for entry in chosen])
                truth = torch.tensor([self.labels.index(entry.label) for entry in chosen])
                optimiser.zero_grad(set_to_none=True)
                with torch.autocast("cpu", torch.bfloat16):
                    answer = self.network(scenes)
                F.cross_entropy(answer.float(), truth, label_smoothing=0.1).backward()
                optimiser.step()
                schedule.step()
                done += 1
                if progress is not None:
                    progress(done, count)
        self.network.eval()

    def _crop(
        self, prepared: PreparedDataset, entry: Entry, side: int, rng: np.random.Generator
    ) -> Tensor:
        """Cut a square at random, turned and mirrored at random: (B,side,side)."""
        height, width = entry.parts["hr"].shape[:2]
        top, left = (int(rng.integers(room + 1)) for room in (height - side, width - side))
        window = Window(top=top, left=left, height=side, width=side)
        unit = np.nan_to_num(prepared.image(entry, "hr", window).in_unit().values)
        turned = np.rot90(unit, int(rng.integers(4)), (1, 2))
        if rng.integers(2):
            turned = turned[:, :, ::-1]
        return self._normal(torch.from_numpy(np.ascontiguousarray(turned)))


def _statistics(prepared: PreparedDataset, entries: Sequence[Entry]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of every band (B,1,1) over some of the scenes."""
    some = entries[:: max(len(entries) // 50, 1)]
    pixels: list[NDArray[np.float32]] = []
    for entry in some:
        unit = prepared.image(entry, "hr").in_unit().values
        pixels.append(unit.reshape(len(unit), -1)[:, ::97])
    whole = torch.from_numpy(np.nan_to_num(np.concatenate(pixels, axis=1)))
    return whole.mean(1)[:, None, None], whole.std(1).clamp(min=1e-6)[:, None, None]
