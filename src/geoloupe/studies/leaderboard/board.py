"""A leaderboard from plan to files; a stopped one goes on where it stopped."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from geoloupe import settings
from geoloupe.errors import InputError
from geoloupe.evaluation.trial import EvaluateSettings
from geoloupe.storage.publish import publish_texts
from geoloupe.studies.leaderboard.cells import Refused, measure
from geoloupe.studies.leaderboard.costs import Costs, measure_costs
from geoloupe.studies.leaderboard.entries import Entry, refuse_twins
from geoloupe.studies.leaderboard.plan import BoardSettings, Plan, make_plan, open_all
from geoloupe.studies.leaderboard.standings import Group, groups_of
from geoloupe.system.progress import Progress, silent

MARK = "leaderboard.json"
_MARK_TEXT = '{"format": 1}\n'


class Watch(Protocol):
    """Returns what shows the progress of some work, in a `with` statement."""

    def __call__(self, unit: str) -> AbstractContextManager[Progress]:
        """Begin to show how many of a unit are done."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Board:
    """All that was measured."""

    plan: Plan
    groups: tuple[Group, ...]
    costs: Costs
    refused: tuple[Refused, ...]


def unwatched(unit: str) -> AbstractContextManager[Progress]:
    """Show nothing."""
    return nullcontext(silent)


def leaderboard(
    entries: Sequence[Entry],
    data: Sequence[str],
    folder: Path,
    *,
    protocols: Sequence[str] = ("hsenet",),
    scales: Sequence[int] = (),
    watch: Watch = unwatched,
    **options: Any,
) -> Board:
    """Measure models on data sets under protocols, each once.

    Args:
        entries: The models; the first is what others are compared with, unless `reference` is set.
        data: Prepared data sets, their folders or names, each optionally with ":split".
        folder: Where what is measured is kept, a file a cell.
        protocols: Names of protocols.
        scales: The factors; by default those of the models with weights.
        watch: Shows the progress.
        **options: Those of BoardSettings and EvaluateSettings.

    Returns:
        Where the models stand; `write_board` makes the page and the tables.
    """
    if not entries:
        raise InputError("a leaderboard needs models")
    refuse_twins(entries)
    board, trial = split_options(options)
    plan = make_plan(entries, data, protocols, scales, board, trial)
    begin(folder)
    with watch("images") as progress:
        measured, refused = measure(plan.cells, folder, progress=progress)
    costs: Costs = {}
    if board.cost:
        with watch("models timed") as progress:
            costs = measure_costs(plan, folder, progress=progress)
    return Board(
        plan=plan,
        groups=tuple(groups_of(plan, measured)),
        costs=costs,
        refused=tuple(refused),
    )


def check(data: Sequence[str], protocols: Sequence[str], options: Mapping[str, Any]) -> None:
    """Refuse mistakes in what models are measured on, before hours of training."""
    board, trial = split_options(options)
    open_all(data, protocols, board, trial)


def split_options(options: Mapping[str, Any]) -> tuple[BoardSettings, EvaluateSettings]:
    """Return the options of the leaderboard and those of the measuring."""
    ours = {field.name for field in fields(BoardSettings)}
    theirs = {field.name for field in fields(EvaluateSettings)} - {"scale", "protocol"}
    for name in options:
        if name not in ours | theirs:
            raise InputError.unknown("setting of a leaderboard", name, ours | theirs)
    board = {name: value for name, value in options.items() if name in ours}
    trial = {name: value for name, value in options.items() if name in theirs}
    return (
        settings.build(BoardSettings, board, "leaderboard"),
        settings.build(EvaluateSettings, trial, "leaderboard"),
    )


def begin(folder: Path) -> None:
    """Make the folder of a leaderboard; one that holds anything else is refused."""
    if folder.is_file():
        raise InputError(f"{folder}: is a file; name a folder for the leaderboard")
    if (folder / MARK).exists():
        return
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty and holds no leaderboard; name a new folder")
    publish_texts(folder, {MARK: _MARK_TEXT})
