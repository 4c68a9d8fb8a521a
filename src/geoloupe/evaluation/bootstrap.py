"""How sure a difference of means is: a paired bootstrap over images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from geoloupe.evaluation.rows import Result
from geoloupe.reports.pages import Table

_DRAWS = 10_000
_BATCH = 500  # draws at once, since images may be many
FEW = 6  # of fewer, all may lean to one side by chance more often than one time in twenty


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
        """Whether the interval leaves zero out, and is of more than a few images."""
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

    Percentiles alone are too narrow for few images. Values that are all alike have no interval.
    """
    values = np.asarray(gains, np.float64)
    if len(values) < 2 or np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=_DRAWS,
        batch=_BATCH,
        method="BCa",
        random_state=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def difference_table(found: Sequence[Difference]) -> Table:
    """Show differences to a person."""
    return Table(
        title="How sure the differences are",
        note="95 % bootstrap interval (BCa) of the mean over images, 10,000 draws. A "
        f"difference whose interval holds zero, or of fewer than {FEW} images, may be chance.",
        headings=["model and other", "metric", "difference", "from", "to", "sure"],
        rows=[
            [
                f"{row.model} and {row.other}",
                row.metric,
                *(f"{value:+.4f}" for value in (row.mean, row.low, row.high)),
                "yes" if row.sure else "no",
            ]
            for row in found
        ],
    )


def difference_lines(found: Sequence[Difference]) -> list[list[str]]:
    """Return differences to a program."""
    head = ["model", "other", "metric", "images", "mean", "low", "high", "sure"]
    return [head] + [
        [
            *(row.model, row.other, row.metric, str(row.images)),
            *(f"{value:.9f}" for value in (row.mean, row.low, row.high)),
            str(row.sure),
        ]
        for row in found
    ]
