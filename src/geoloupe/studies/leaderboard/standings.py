"""Where models stand in a section under one degradation: means over images and over seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from geoloupe.evaluation.bootstrap import Difference, differences
from geoloupe.evaluation.rows import Result, Row, Summary, summarise
from geoloupe.evaluation.scoring import Scoring
from geoloupe.studies.leaderboard.cells import Measured
from geoloupe.studies.leaderboard.plan import Plan, Section


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One model: over images after the mean over seeds, and over seeds."""

    summary: Summary
    seeds: int
    by_seed: Mapping[str, float]  # deviation of the seeds' means, by metric; empty of one seed

    @property
    def name(self) -> str:
        """The model's name."""
        return self.summary.model


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """The models of a section under one degradation, the best first."""

    section: Section
    degradation: str
    yardstick: str
    metrics: tuple[str, ...]
    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...]  # from the reference, on the same images
    ahead: Difference | None  # how far the first is from the second, in the yardstick

    def gain(self, model: str) -> Difference | None:
        """Return how far a model is from the reference in the yardstick."""
        wanted = (model, self.yardstick)
        return next((row for row in self.differences if (row.model, row.metric) == wanted), None)


def groups_of(plan: Plan, measured: Measured) -> list[Group]:
    """Return every section under every degradation in which anything was measured."""
    found = []
    for section in plan.sections:
        for degradation in section.degradations:
            seeds: dict[str, list[tuple[Row, ...]]] = {}
            for cell, rows in measured.items():
                if cell.section is section and cell.degradation == degradation:
                    seeds.setdefault(cell.entry, []).append(rows)
            if seeds:
                found.append(_group(plan, section, degradation, seeds))
    return found


def _group(
    plan: Plan, section: Section, degradation: str, seeds: Mapping[str, list[tuple[Row, ...]]]
) -> Group:
    result = Result(rows=tuple(row for runs in seeds.values() for row in averaged(runs)), facts={})
    yardstick = section.protocol.yardstick
    higher = Scoring.of(section.protocol.name, plan.options.metrics).higher_is_better(yardstick)
    standings = [
        Standing(
            summary=summary, seeds=len(seeds[summary.model]), by_seed=_spread(seeds[summary.model])
        )
        for summary in result.summaries()
    ]
    lost = -math.inf if higher else math.inf
    standings.sort(key=lambda one: one.summary.mean.get(yardstick, lost), reverse=higher)
    known = plan.reference in seeds
    return Group(
        section=section,
        degradation=degradation,
        yardstick=yardstick,
        metrics=tuple(result.metrics),
        standings=tuple(standings),
        differences=tuple(differences(result, plan.reference)) if known else (),
        ahead=_ahead(result, [one.name for one in standings[:2]], yardstick),
    )


def _ahead(result: Result, names: Sequence[str], yardstick: str) -> Difference | None:
    """Compare the first of two models with the second in one score."""
    if len(names) < 2:
        return None
    rows = [
        replace(row, scores={yardstick: row.scores[yardstick]})
        for row in result.rows
        if row.model in names and yardstick in row.scores
    ]
    found = differences(Result(rows=tuple(rows), facts={}), names[1])
    return found[0] if found else None


def averaged(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """Average the scores of every image over seeds; images and scores that one lacks are left out.

    What remains is one row an image, so that seeds do not count as images.
    """
    by_image = [{row.image: row for row in run} for run in runs]
    rows = []
    for image, first in by_image[0].items():
        others = [run[image] for run in by_image if image in run]
        if len(others) < len(by_image):
            continue
        common = [name for name in first.scores if all(name in row.scores for row in others)]
        rows.append(
            Row(
                model=first.model,
                scale=first.scale,
                image=image,
                label=first.label,
                scores={name: fmean(row.scores[name] for row in others) for name in common},
                seconds=fmean(row.seconds for row in others),
                peak=max(row.peak for row in others),
            )
        )
    return rows


def _spread(runs: Sequence[Sequence[Row]]) -> dict[str, float]:
    """Return the sample's deviation of the seeds' means."""
    if len(runs) < 2:
        return {}
    means = [summarise(run, "").mean for run in runs]
    found = {}
    for name in means[0]:
        values = [mean[name] for mean in means if name in mean]
        if len(values) == len(runs) and all(map(math.isfinite, values)):
            found[name] = stdev(values)
    return found
