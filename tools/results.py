"""Write docs/results.md from leaderboards of the models that ship.

    python -m tools.results FOLDER [--work WORK]

FOLDER holds the archives `ucmerced`, `landsat7` and `hyperspectral` as the tests know them; each is
prepared once in WORK (default: build/results), where measured cells stay too, so that a stopped run
goes on and only what has changed is measured anew.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import FACTS
from geoloupe.reports.table_texts import markdown
from geoloupe.storage.publish import publish_texts
from geoloupe.studies.leaderboard.board import leaderboard
from geoloupe.studies.leaderboard.entries import read_entries
from geoloupe.studies.leaderboard.report import figures_of, lead, made, tables_of, write_board

DOCS = Path(__file__).parent.parent / "docs"
PAGE = "results.md"
_ABU = """\
train abu-airport-1
train abu-airport-2
train abu-urban-4
val abu-airport-3
test abu-urban-5
"""
_HEAD = """\
# Results

Written by `python -m tools.results FOLDER` from leaderboards of the models that ship, on data sets
as [data.md](data.md) prepares them. Each section begins with the command that makes it.

**These are parts of the test splits**, small enough to be measured in minutes on a processor: each
section says how many images of how many, and under which protocol ([protocols.md](protocols.md)).
Models are trained once, so nothing here says how much another seed would change. Time and memory
are of a machine with {cores} cores and no GPU that others used too. How useful such images are
downstream, and what the parts of a network are worth, is in [studies.md](studies.md). The models of
the five papers come by `pip install 'geoloupe[papers]'`.
"""


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One leaderboard of the page."""

    name: str
    title: str
    models: str
    data: str
    protocol: str
    scale: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The command that makes it."""
        words = [f"geoloupe leaderboard --models {self.models} --data {self.data}:test"]
        words += [f"--protocol {self.protocol} --scale {self.scale}"]
        for name, value in self.options.items():
            text = str(value).lower() if isinstance(value, bool) else value
            words.append(f"--set {name}={text}")
        return " ".join([*words, f"-o {self.name}"])


CHAPTERS = (
    Chapter(
        name="aerial-x4",
        title="Aerial pictures, four times finer",
        models="bicubic,nearest,loupe-x4,hsenet-x4",
        data="ucmerced",
        protocol="hsenet",
        scale=4,
        options={"every": 10},
    ),
    Chapter(
        name="aerial-x8",
        title="Aerial pictures, eight times finer",
        models="bicubic,loupe-x8,tsfnet-x8",
        data="ucmerced",
        protocol="tsfnet",
        scale=8,
        options={"every": 20, "side": 32},
    ),
    Chapter(
        name="landsat-x2",
        title="Landsat-7, twice as fine",
        models="bicubic,loupe-x2,convformersr-x2",
        data="landsat7",
        protocol="sspsr",
        scale=2,
    ),
    Chapter(
        name="airborne-x4",
        title="An airborne scene of 205 bands, four times finer",
        models="bicubic,loupe-x4,sspsr-x4",
        data="abu",
        protocol="sspsr",
        scale=4,
        options={"robust": "mtf", "side": 24},
    ),
)


def main(words: Sequence[str]) -> None:
    """Prepare the sets, measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.results", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, default=Path("build/results"))
    given = parser.parse_args(words)
    sets = prepared(given.folder, given.work)
    write(CHAPTERS, sets, given.work, DOCS)
    sys.stdout.write(f"{DOCS / PAGE}\n")


def prepared(archives: Path, work: Path) -> dict[str, Path]:
    """Prepare what is not prepared yet; return the folders by name."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "abu.txt").write_text(_ABU, encoding="utf-8")
    known = {
        "ucmerced": ("ucmerced", archives / "ucmerced", None),
        "landsat7": ("landsat7", archives / "landsat7", None),
        "abu": ("cubes", archives / "hyperspectral", str(work / "abu.txt")),
    }
    folders = {}
    for name, (kind, source, split) in known.items():
        folders[name] = work / name
        if not (folders[name] / FACTS).exists():
            prepare(kind, source, folders[name], split=split)
    return folders


def write(chapters: Sequence[Chapter], sets: Mapping[str, Path], work: Path, docs: Path) -> None:
    """Measure every chapter, and write the page and its drawings into `docs`."""
    parts = [_HEAD.format(cores=os.cpu_count())]
    for chapter in chapters:
        board = leaderboard(
            read_entries([chapter.models]),
            [f"{sets[chapter.data]}:test"],
            work / "boards" / chapter.name,
            protocols=(chapter.protocol,),
            scales=(chapter.scale,),
            **chapter.options,
        )
        write_board(board, work / "boards" / chapter.name)
        drawings = {
            f"board-{chapter.name}-{name.removesuffix('-1')}.svg": figure
            for name, figure in figures_of(board).items()
        }
        publish_texts(
            docs / "results",
            {name: figure.svg for name, figure in drawings.items()},
            overwrite=True,
        )
        tables = markdown("", tables_of(board)).replace("\n## ", "\n### ").strip()
        parts += [
            f"## {chapter.title}\n\n```text\n{chapter.command}\n```\n",
            f"{lead(board)} {made(board)}\n",
            f"{tables}\n",
            "\n".join(f"![{figure.title}](results/{name})" for name, figure in drawings.items()),
            "",
        ]
    publish_texts(docs, {PAGE: "\n".join(parts)}, overwrite=True)


if __name__ == "__main__":
    main(sys.argv[1:])
