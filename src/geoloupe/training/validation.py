"""A model measured and pictured during training, with the predictor that users get."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from geoloupe.datasets.samples.examples import Example, Examples
from geoloupe.evaluation.rows import summarise
from geoloupe.evaluation.scoring import Scoring
from geoloupe.evaluation.trial import Entrant, Trial
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.image import Image
from geoloupe.metrics.protocols import Protocol
from geoloupe.models.model import Model
from geoloupe.models.tuned import TunedModel

_SHOWN = 64  # most LR pixels along a side of the picture


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The images a model is measured on, and how."""

    examples: Examples
    protocol: Protocol

    def measure(self, model: Model, device: str) -> dict[str, float]:
        """Return the protocol's means over all images."""
        trial = Trial(
            entrants=(self._entrant(model, device),),
            scoring=Scoring(protocol=self.protocol, added={}, trust=False),
            device=device,
        )
        rows = [answer.row for answer in trial.answers()]
        return dict(summarise(rows, "").mean)

    def show(self, model: Model, device: str, path: Path) -> None:
        """Draw the middle of the first image: LR pixels, the model's answer, the truth."""
        from geoloupe.rasters.picture import limits_of, visible, write_picture  # needs GDAL

        example = _middle(self.examples[0], self.examples.scale)
        sr = self._entrant(model, device).answer(example)
        scale, hr = self.examples.scale, example.hr.in_unit()
        pixels = example.lr.in_unit().repeated(scale)
        values = np.concatenate([pixels.values, sr.values, hr.values], axis=2)
        height, width = values.shape[1:]
        shown = Image.of(
            values,
            radiometry=hr.radiometry,
            bands=hr.bands,
            grid=Grid(crs=None, height=height, width=width),
        ).select(visible(hr))
        limits = limits_of(hr)
        path.parent.mkdir(exist_ok=True)
        write_picture(path, shown, limits, overwrite=True)

    def _entrant(self, model: Model, device: str) -> Entrant:
        return Entrant(model=model, tuned=TunedModel(model, device=device), examples=self.examples)


def _middle(example: Example, scale: int) -> Example:
    grid = example.lr.grid
    height, width = min(grid.height, _SHOWN), min(grid.width, _SHOWN)
    top, left = (grid.height - height) // 2, (grid.width - width) // 2
    window = Window(top=top, left=left, height=height, width=width)
    guide = example.guide
    return replace(
        example,
        lr=example.lr.crop(window),
        hr=example.hr.crop(window.finer(scale)),
        guide=None if guide is None else guide.crop(window.finer(scale)),
    )
