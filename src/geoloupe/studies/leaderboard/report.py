"""A leaderboard as one page, one .csv file, and tables in Markdown."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from geoloupe.evaluation.bootstrap import DRAWS, FEW, Difference
from geoloupe.evaluation.published import Published, published
from geoloupe.evaluation.tables import published_tables
from geoloupe.reports.drawings import bars, points
from geoloupe.reports.pages import Figure, Page, Table, render
from geoloupe.reports.table_texts import csv_text, markdown
from geoloupe.storage.publish import publish_texts
from geoloupe.studies.leaderboard.board import Board
from geoloupe.studies.leaderboard.plan import Section
from geoloupe.studies.leaderboard.standings import Group, Standing
from geoloupe.version import __version__

PAGE, NUMBERS, TABLES = "leaderboard.html", "leaderboard.csv", "leaderboard.md"
TITLE = "Leaderboard"
_LEAST_MB = 0.1  # drawn for less, since the axis is logarithmic

_HEAD = [
    *("kind", "data", "split", "protocol", "scale", "degradation", "model", "metric", "value"),
    *("deviation over images", "deviation over seeds", "images", "seeds"),
    *("difference from", "difference", "low", "high", "sure", "source"),
]


def write_board(board: Board, folder: Path) -> None:
    """Write the page and the tables, over those of before; each file is whole or absent."""
    tables = tables_of(board)
    page = Page(
        title=TITLE,
        lead=lead(board),
        parts=[*tables, *figures_of(board).values()],
        made=f"{made(board)} Every number is in {NUMBERS} beside this page.",
    )
    texts = {
        NUMBERS: csv_text([_HEAD, *_lines(board)]),
        TABLES: markdown(f"{lead(board)} {made(board)}", tables),
        PAGE: render(page),
    }
    publish_texts(folder, texts, overwrite=True)


def lead(board: Board) -> str:
    """Say who is first in each section, and how sure that is."""
    said = []
    for group in board.groups:
        if group.degradation != group.section.degradations[0]:
            continue
        best = group.standings[0].name
        gain, ahead = group.gain(best), group.ahead
        words = [f"{group.section.title}: {best} is first"]
        if gain is not None:
            words.append(_from(gain))
        if ahead is not None and (gain is None or ahead.other != gain.other):
            words.append(_from(ahead))
        said.append(", ".join(words) + ".")
    return " ".join(said)


def _from(row: Difference) -> str:
    doubt = "" if row.sure else ", which may be chance"
    if row.images < FEW:
        doubt = ", on too few images to say that it holds on others"
    return (
        f"{row.mean:+.2f} from {row.other} in {row.metric} ({row.low:+.2f} to {row.high:+.2f})"
        f"{doubt}"
    )


def made(board: Board) -> str:
    """Say what was measured, so that it can be measured again."""
    parts = []
    for section in board.plan.sections:
        count = max(
            (cell.images for cell in board.plan.cells if cell.section is section), default=0
        )
        whole = len(section.prepared.split(section.split))
        images = f"{count} of {whole} images"
        parts.append(
            f"{section.title}: {images}, split by rule {section.prepared.facts['split']['rule']}; "
            f"{section.protocol.describe()}."
        )
    options = board.plan.options
    parts.append(
        f"Seed {options.seed}, {options.precision}; models that take the MTF are told that of each "
        f"degradation. geoloupe {__version__}."
    )
    return " ".join(parts)


def tables_of(board: Board) -> list[Table]:
    """Tabulate everything for readers."""
    tables = [_overview(board)] if len(board.plan.sections) > 1 else []
    for section in board.plan.sections:
        groups = [group for group in board.groups if group.section is section]
        if groups:
            tables.append(_section_table(board, section, groups))
        for table in published_tables(_published(section)):
            tables.append(
                Table(
                    title=f"{table.title}: {section.title}",
                    note=table.note,
                    headings=table.headings,
                    rows=table.rows,
                )
            )
    if board.costs:
        tables.append(_cost_table(board))
    if board.refused:
        tables.append(
            Table(
                title="What could not be measured",
                headings=["model", "section", "LR by", "reason"],
                rows=[
                    [one.cell.entry, one.cell.section.title, one.cell.degradation, one.why]
                    for one in board.refused
                ],
            )
        )
    return tables


def figures_of(board: Board) -> dict[str, Figure]:
    """Draw quality against time and memory, and gains by degradation, by the name of a file."""
    figures: dict[str, Figure] = {}
    for number, section in enumerate(board.plan.sections, start=1):
        groups = [group for group in board.groups if group.section is section]
        if not groups:
            continue
        clean = groups[0]
        costs = {
            one.name: (board.costs[one.name, section.scale], one.summary.mean[clean.yardstick])
            for one in clean.standings
            if (one.name, section.scale) in board.costs and clean.yardstick in one.summary.mean
        }
        side = board.plan.board.side
        if costs:
            figures[f"time-{number}"] = Figure(
                title=f"Quality and time: {section.title}",
                svg=points(
                    {name: (cost.seconds, score) for name, (cost, score) in costs.items()},
                    f"seconds for an image of {side} x {side} LR pixels",
                    clean.yardstick,
                ),
            )
            figures[f"memory-{number}"] = Figure(
                title=f"Quality and memory: {section.title}",
                svg=points(
                    {
                        name: (max(cost.peak_bytes / 1e6, _LEAST_MB), score)
                        for name, (cost, score) in costs.items()
                    },
                    f"peak MB for an image of {side} x {side} LR pixels",
                    clean.yardstick,
                ),
            )
        if len(groups) > 1 and all(group.differences for group in groups):
            figures[f"degradations-{number}"] = _gains(section, groups)
    return figures


def _gains(section: Section, groups: Sequence[Group]) -> Figure:
    names = [one.name for one in groups[0].standings if groups[0].gain(one.name)]
    gains = {
        name: [gain.mean if (gain := group.gain(name)) else 0.0 for group in groups]
        for name in names
    }
    other = groups[0].differences[0].other
    return Figure(
        title=f"Gain by degradation: {section.title}",
        svg=bars(
            [group.degradation for group in groups], gains, f"{groups[0].yardstick} above {other}"
        ),
    )


def _overview(board: Board) -> Table:
    """Tabulate the yardstick of every section on its own degradation."""
    clean = [group for group in board.groups if group.degradation == group.section.degradations[0]]
    rows = []
    for entry in board.plan.entries:
        row = [entry.name]
        for group in clean:
            one = next((one for one in group.standings if one.name == entry.name), None)
            row.append("" if one is None else _mean(one, group.yardstick))
        rows.append(row)
    return Table(
        title="Everywhere",
        note="The score that ranks each section, on the LR images of its protocol.",
        headings=["model", *(f"{group.section.title}: {group.yardstick}" for group in clean)],
        rows=rows,
    )


def _section_table(board: Board, section: Section, groups: Sequence[Group]) -> Table:
    yardstick, metrics = groups[0].yardstick, groups[0].metrics
    several = any(one.seeds > 1 for group in groups for one in group.standings)
    seeds = (
        " ± is the deviation over seeds; a row is the mean over its seeds, image by image, and "
        "intervals are over images, so another seed may differ by more."
        if several
        else ""
    )
    return Table(
        title=section.title,
        note=f"Ranked by {yardstick}, first on the LR images of the protocol, then on harder "
        f"ones. The gain is over {board.plan.reference} on the same images, with its 95 % "
        f"bootstrap interval (BCa, {DRAWS:,} draws); it is sure where the interval excludes zero "
        f"and images are {FEW} or more.{seeds}",
        headings=["model", "LR by", *metrics, f"gain in {yardstick}", "sure", "seeds", "images"],
        rows=[
            [
                one.name,
                group.degradation,
                *(_mean(one, metric) for metric in metrics),
                *_gain(group, one.name),
                str(one.seeds),
                str(one.summary.count),
            ]
            for group in groups
            for one in group.standings
        ],
    )


def _gain(group: Group, model: str) -> tuple[str, str]:
    gain = group.gain(model)
    if gain is None:
        return "", ""
    interval = f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
    return interval, "yes" if gain.sure else "no"


def _mean(one: Standing, metric: str) -> str:
    if metric not in one.summary.mean:
        return ""
    spread = f" ± {one.by_seed[metric]:.4f}" if metric in one.by_seed else ""
    return f"{one.summary.mean[metric]:.4f}{spread}"


def _cost_table(board: Board) -> Table:
    side, threads = board.plan.board.side, board.plan.board.threads
    return Table(
        title="Time and memory",
        note=f"One image of {side} x {side} LR pixels on this machine, "
        f"{f'{threads} threads' if threads else 'all threads'}; median of three runs after a "
        "warm-up, in a process of its own. Memory is what it takes beyond the loaded network.",
        headings=["model and factor", "parameters", "Gmadd", "seconds", "peak MB"],
        rows=[
            [
                f"{name}, x{scale}",
                f"{cost.parameters:,}",
                f"{cost.multiply_adds / 1e9:.2f}",
                f"{cost.seconds:.4f}",
                f"{cost.peak_bytes / 1e6:.0f}",
            ]
            for (name, scale), cost in board.costs.items()
        ],
    )


def _published(section: Section) -> list[Published]:
    return published(section.prepared.name, section.scale, section.protocol.name)


def _lines(board: Board) -> Iterator[list[str]]:
    """Yield one line for each number, as `_HEAD` says."""
    for group in board.groups:
        for one in group.standings:
            for metric, value in one.summary.mean.items():
                yield _measured_line(group, one, metric, value)
    for section in board.plan.sections:
        for row in _published(section):
            for metric, value in row.scores.items():
                place = [*_place(section), "", row.model, metric, f"{value:g}"]
                yield ["published", *place, *[""] * 9, f"{row.source}. {row.differences}"]
    for (name, scale), cost in board.costs.items():
        for metric, number in (
            ("seconds", f"{cost.seconds:.6f}"),
            ("peak bytes", str(cost.peak_bytes)),
            ("parameters", str(cost.parameters)),
            ("multiply-adds", str(cost.multiply_adds)),
        ):
            yield ["cost", "", "", "", str(scale), "", name, metric, number, *[""] * 10]


def _measured_line(group: Group, one: Standing, metric: str, value: float) -> list[str]:
    wanted = (one.name, metric)
    found = next((row for row in group.differences if (row.model, row.metric) == wanted), None)
    difference = [""] * 5
    if found is not None:
        numbers = (f"{number:.9f}" for number in (found.mean, found.low, found.high))
        difference = [found.other, *numbers, str(found.sure)]
    spread = f"{one.by_seed[metric]:.9f}" if metric in one.by_seed else ""
    return [
        "measured",
        *_place(group.section),
        *(group.degradation, one.name, metric, f"{value:.9f}"),
        *(f"{one.summary.std[metric]:.9f}", spread, str(one.summary.count), str(one.seeds)),
        *difference,
        "",
    ]


def _place(section: Section) -> list[str]:
    return [section.data, section.split, section.protocol.name, str(section.scale)]
