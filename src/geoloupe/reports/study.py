"""What a study found: a page and tables for people, and every number for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geoloupe.reports.pages import Figure, Page, Pictures, Table, Viewer, render
from geoloupe.reports.table_texts import Lines, csv_text, latex, markdown
from geoloupe.storage.publish import check_folder, publish_texts

PAGE = "report.html"
TEXTS = (PAGE, "report.md", "report.tex")


@dataclass(frozen=True, kw_only=True)
class Study:
    """Findings ready to be written."""

    title: str
    lead: str  # what was found, in a sentence or two
    made: str  # how, so that it can be made again
    tables: Sequence[Table]
    drawings: Mapping[str, Figure] = field(default_factory=dict)  # by the name of their file
    first: Sequence[Viewer | Pictures] = ()  # shown behind the first table
    last: Sequence[Viewer | Pictures] = ()
    numbers: Mapping[str, Lines]  # by the name of their .csv file

    def write(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write everything; each file is whole or absent."""
        page = Page(
            title=self.title,
            lead=self.lead,
            parts=[
                self.tables[0],
                *self.first,
                *self.tables[1:],
                *self.drawings.values(),
                *self.last,
            ],
            made=f"{self.made} Every number is in the .csv files beside this page.",
        )
        texts = {
            **{name: csv_text(lines) for name, lines in self.numbers.items()},
            "report.md": markdown(self.lead, self.tables),
            "report.tex": latex(self.tables[0]),
            **{f"{name}.svg": figure.svg for name, figure in self.drawings.items()},
            PAGE: render(page),
        }
        publish_texts(folder, texts, overwrite=overwrite)


def check_study(folder: Path, numbers: Sequence[str], *, overwrite: bool) -> None:
    """Refuse a folder that cannot hold a study with these .csv files, before the work for it."""
    check_folder(folder, (*TEXTS, *numbers), overwrite=overwrite)
