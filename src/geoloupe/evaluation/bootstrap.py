"""How certain a difference of means is: a paired bootstrap over images."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap

from geoloupe.evaluation.rows import Result

DRAWS = 10_000
_BATCH = 500  # draws at once, since images may be many
FEW = 6  # of fewer, all may agree in sign by chance more than one time in twenty


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A model's mean minus another's on the same images, with its 95 % bootstrap interval."""

    model: str
    other: str
    metric: str
    images: int
    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval excludes zero and covers more than a few images."""
        return self.images >= FEW and (self.low > 0 or self.high < 0)


def differences(result: Result, other: str) -> list[Difference]:
    """Compare every other model with one, in every metric both have on the same images."""
    scores = {
        model: {row.image: row.scores for row in result.rows if row.model == model}
        for model in result.models
    }
    found = []
    for model in result.models:
        for metric in result.metrics if model != other else ():
            pairs = [
                (mine[metric], scores[other][image][metric])
                for image, mine in scores[model].items()
                if metric in mine and metric in scores[other].get(image, {})
            ]
            gains = [one - two for one, two in pairs if np.isfinite(one - two)]
            if gains:
                low, high = interval(gains, seed=0)
                found.append(
                    Difference(
                        model=model,
                        other=other,
                        metric=metric,
                        images=len(gains),
                        mean=float(np.mean(gains)),
                        low=low,
                        high=high,
                    )
                )
    return found


def interval(gains: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean, bias-corrected and accelerated (BCa).

    Percentiles alone are too narrow for few images. They stand in where BCa is undefined, as for
    values equal up to rounding; identical values are their own interval.
    """
    values = np.asarray(gains, np.float64)
    if len(values) < 2 or np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    draw = partial(bootstrap, (values,), np.mean, batch=_BATCH)
    # BCa divides by how much the mean moves when a value is left out, which rounding may make zero.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)
        rng = np.random.default_rng(seed)
        found = draw(n_resamples=DRAWS, method="BCa", random_state=rng)
    if not np.isfinite(found.confidence_interval).all():
        found = draw(n_resamples=0, method="percentile", bootstrap_result=found)  # the same draws
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
