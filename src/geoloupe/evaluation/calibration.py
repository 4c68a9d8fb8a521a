"""How certain a model may be: sigma is fitted on images of known truth, and tried on others.

Images are made coarser as a sensor of known MTF sees them, and enlarged like scenes. The table
that turns roughness into sigma (`inference.doubt`) is fitted to the errors, then scaled until 68 of
100 pixels lie within sigma: conformal prediction, whose promise is an average over images like
those it saw.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.samples.examples import Example, Examples
from geoloupe.degradations.blur import SensorMTF
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.noise import GaussianNoise
from geoloupe.errors import InputError
from geoloupe.evaluation.trial import in_bands_of
from geoloupe.imagery.grid import Window
from geoloupe.imagery.noise import noise_level
from geoloupe.models.card import Calibration, Cover
from geoloupe.models.doubt import LEVELS, Roughness, Table, enlarged
from geoloupe.models.model import Model
from geoloupe.scenes.choices import PredictOptions, predictor_for
from geoloupe.scenes.layers import rounding_steps
from geoloupe.scenes.optics import Optics

MTF = (0.12, 0.2, 0.3, 0.4, 0.5)
_PIXELS = 2000  # of an image that are examined
_KNOTS = 10  # of the table
_SHAPED = 0.9  # share of errors below the table's shape, before scaling
_PARTS = 100  # of the pixels, by certainty
_SEED = 0

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is done to images: the sensor's MTF, the MTF the model is given, and noise."""

    mtf: float
    told: float
    noise: float = 0.0  # its deviation, in 255ths of the range

    def __str__(self) -> str:
        """Return a short description."""
        other = "" if self.mtf == self.told else f" told as {self.told:g}"
        return f"MTF {self.mtf:g}{other}, noise {self.noise:g}"

    def examples(
        self, prepared: PreparedDataset, split: str, *, scale: int, every: int = 1
    ) -> Examples:
        """Return every `every`-th image of a split under this MTF and noise."""
        noise = (GaussianNoise(std=(self.noise, self.noise)),) if self.noise else ()
        degradation = Degradation(
            name="calibration",
            about="a Gaussian of one MTF, and noise",
            blurs=(SensorMTF(gains=(self.mtf,)),),
            samplings=("strided",),
            noises=noise,
        )
        entries = prepared.split(split)[::every]
        return Examples(prepared=prepared, entries=entries, scale=scale, degradation=degradation)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """Some pixels (N,) of one image: their errors, and the roughness of all of it."""

    label: str
    rough: Roughness
    scale: int
    chosen: NDArray[np.int64]  # where they are in (B,H,W)
    error: Values
    rounding: Values  # the steps they are stored in

    @classmethod
    def of(cls, model: Model, example: Example, *, told: float, seed: int) -> Self:
        """Enlarge an image like a scene of an MTF, and compare it with its truth."""
        noise = tuple(np.nan_to_num(noise_level(example.lr)).tolist())
        optics = Optics(mtf=(told,) * len(example.lr.bands), noise=noise, how="as given")
        sr = predictor_for(model, optics, PredictOptions(device="cpu")).predict(example.lr)
        inside = Window(top=0, left=0, height=sr.grid.height, width=sr.grid.width)
        error = np.abs(sr.values - example.hr.crop(inside).in_unit().values)
        steps = np.broadcast_to(rounding_steps(example.lr.radiometry), error.shape)
        known = np.flatnonzero(~np.isnan(error))
        rng = np.random.default_rng([_SEED, seed])
        chosen = rng.choice(known, min(_PIXELS, len(known)), replace=False)
        scale = model.network.signature.scale
        return cls(
            label=example.label,
            rough=Roughness.of(sr.values, scale),
            scale=scale,
            chosen=chosen,
            error=error.reshape(-1)[chosen].astype(np.float64),
            rounding=steps.reshape(-1)[chosen].astype(np.float64),
        )

    def sigma(self, table: Table) -> Values:
        """Return sigma of each (N,)."""
        rough = self.rough
        fine = enlarged(table.sigma(rough.near, rough.far), self.scale).reshape(-1)[self.chosen]
        return np.sqrt(fine.astype(np.float64) ** 2 + self.rounding**2 / 12)

    @property
    def cells(self) -> tuple[Values, Values]:
        """The near and the far roughness of the LR pixel of each (N,)."""
        near, far = (
            cells.repeat(self.scale, 1).repeat(self.scale, 2).reshape(-1)[self.chosen]
            for cells in (self.rough.near, self.rough.far)
        )
        return near.astype(np.float64), far.astype(np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Some pixels of each of many images, (N,) all together."""

    images: tuple[Pixels, ...]

    @classmethod
    def of(cls, model: Model, examples: Iterable[Example], *, told: float) -> Self:
        """Enlarge images like scenes of an MTF, and compare them with their truth."""
        if model.network.signature.guided:
            raise InputError(f"{model.card.name}: models with a guide are not calibrated yet")
        return cls(
            images=tuple(
                Pixels.of(model, in_bands_of(model, example), told=told, seed=seed)
                for seed, example in enumerate(examples)
            )
        )

    @cached_property
    def error(self) -> Values:
        """The error of each (N,)."""
        return np.concatenate([image.error for image in self.images])

    @cached_property
    def cells(self) -> tuple[Values, Values]:
        """The near and the far roughness of the LR pixel of each (N,)."""
        near, far = zip(*(image.cells for image in self.images), strict=True)
        return np.concatenate(near), np.concatenate(far)

    def sigma(self, table: Table) -> Values:
        """Return sigma of each (N,)."""
        return np.concatenate([image.sigma(table) for image in self.images])


def fit(samples: Mapping[float, Sample], *, data: str) -> Calibration:
    """Fit the table of every MTF to its images."""
    near, far = np.concatenate([sample.cells for sample in samples.values()], axis=1)
    ratios = near[far > 0] / far[far > 0]
    knots = np.unique(np.quantile(ratios, np.linspace(0.02, 0.98, _KNOTS)).round(4))
    gains = sorted(samples)
    rows = [_row(samples[gain], knots) for gain in gains]
    return Calibration(
        data=data,
        images=max(len(sample.images) for sample in samples.values()),
        mtf=tuple(gains),
        ratios=tuple(knots.tolist()),
        sigmas=tuple(sigmas for sigmas, _ in rows),
        factors=tuple(factors for _, factors in rows),
    )


def cover(calibration: Calibration, sample: Sample, *, told: float, data: str) -> Cover:
    """Measure how often the truth of other images lay within sigma."""
    table = Table.at(calibration, told)
    sigma = sample.sigma(table)
    within = {
        level: sample.error <= sigma * factor
        for level, factor in zip(LEVELS, table.factors, strict=True)
    }
    starts = np.cumsum([len(image.error) for image in sample.images])[:-1]
    by_image = [inside.mean() for inside in np.split(within[90], starts)]
    by_class = _by_class(sample, by_image)
    worst = min(by_class, key=lambda label: by_class[label]) if by_class else ""
    return Cover(
        data=data,
        images=len(sample.images),
        within={str(level): round(float(inside.mean()), 4) for level, inside in within.items()},
        worst_class=worst,
        worst_class_90=round(by_class[worst], 4) if worst else None,
        classes_below_80=sum(share < 0.8 for share in by_class.values()),
        worst_images_90=round(float(np.quantile(by_image, 0.05)), 4),
        rank_correlation=round(_rank_correlation(sigma, sample.error), 4),
        sparsification=round(sparsification(sigma, sample.error), 4),
        interval_score=round(interval_score(sigma * table.factors[1], sample.error), 4),
    )


def _by_class(sample: Sample, by_image: Sequence[float]) -> dict[str, float]:
    """Average the images' values over each class, if there are classes."""
    labels = np.array([image.label for image in sample.images])
    shares = np.array(by_image)
    classes = [str(label) for label in np.unique(labels) if label]
    return {label: float(shares[labels == label].mean()) for label in classes}


def sparsification(sigma: Values, error: Values) -> float:
    """Return how far sigma's order is from the errors': 0 is their order, 1 a constant's.

    The rms error of what is left when the least certain pixels are removed, share by share, is
    compared with what is left when the worst are.
    """
    ours, best = (_left(error, np.argsort(-key, kind="stable")) for key in (sigma, error))
    constant = np.sqrt((error**2).mean())
    return float((ours - best).sum() / max((constant - best).sum(), 1e-12))


def interval_score(half: Values, error: Values) -> float:
    """Compare 90 % intervals with the best of constant width: their widths, and what they miss."""

    def mean(half: Values) -> float:
        return float((2 * half + 20 * np.maximum(error - half, 0)).mean())

    constant = np.full_like(error, np.quantile(error, 0.9))
    return mean(half) / max(mean(constant), 1e-12)


def _left(error: Values, order: NDArray[np.int64]) -> Values:
    square = error[order] ** 2
    counts = np.arange(len(square), 0, -1)
    left: Values = np.sqrt(square[::-1].cumsum()[::-1] / counts)
    return left[:: max(len(left) // _PARTS, 1)]


def _rank_correlation(one: Values, other: Values) -> float:
    ranks = [np.argsort(np.argsort(values)).astype(np.float64) for values in (one, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _row(sample: Sample, knots: Values) -> tuple[tuple[float, ...], tuple[float, float, float]]:
    """Fit sigmas and factors of one MTF: a shape by the errors around each knot, then scaled."""
    near, far = sample.cells
    rough = far > 0
    errors = sample.error[rough] / far[rough]
    middles = (knots[1:] + knots[:-1]) / 2
    nearest = np.searchsorted(middles, near[rough] / far[rough])
    shape = [np.quantile(errors[nearest == knot], _SHAPED) for knot in range(len(knots))]
    table = Table(
        ratios=tuple(knots.tolist()),
        sigmas=tuple(np.maximum.accumulate(shape).tolist()),
        factors=(1.0, 1.0, 1.0),
    )
    sigma = sample.sigma(table)
    least = np.quantile(sample.error[rough] / sigma[rough], [level / 100 for level in LEVELS])
    sigmas = tuple(round(float(value * least[0]), 4) for value in table.sigmas)
    first, second, third = (round(float(value / least[0]), 3) for value in least)
    return sigmas, (first, second, third)


def calibrated(
    model: Model,
    prepared: PreparedDataset,
    split: str,
    *,
    mtf: Sequence[float] = MTF,
    every: int = 1,
) -> Calibration:
    """Calibrate a model on the images of a split, for sensors of these MTFs."""
    scale = model.network.signature.scale
    samples = {}
    for gain in mtf:
        seen = Seen(mtf=gain, told=gain)
        examples = seen.examples(prepared, split, scale=scale, every=every)
        samples[gain] = Sample.of(model, examples, told=gain)
    return fit(samples, data=f"{prepared.name}:{split}")
