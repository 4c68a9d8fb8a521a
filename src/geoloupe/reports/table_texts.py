"""Tables as texts that other programs read: comma-separated values, Markdown, LaTeX."""

import csv
import io
from collections.abc import Iterable, Sequence

from geoloupe.reports.pages import Table

_LATEX = str.maketrans(
    {letter: f"\\{letter}" for letter in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
    }
)
Lines = Iterable[Sequence[object]]


def csv_text(lines: Lines) -> str:
    """Write lines, the first of them headings."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def markdown(lead: str, tables: Sequence[Table]) -> str:
    """Write a paragraph and each table under a heading of its own."""
    parts = [lead, ""]
    for table in tables:
        parts += [f"## {table.title}", "", *([table.note, ""] if table.note else [])]
        parts.append("| " + " | ".join(table.headings) + " |")
        parts.append("|" + "".join("---:|" if number else "---|" for number in table.numeric))
        for row in table.rows:
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        parts.append("")
    return "\n".join(parts)


def latex(table: Table) -> str:
    """Write one table with the rules of the booktabs package."""
    rows = [
        " & ".join(cell.translate(_LATEX) for cell in row) + r" \\"
        for row in (table.headings, *table.rows)
    ]
    columns = "".join("r" if number else "l" for number in table.numeric)
    lines = [
        *(rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rows[0], r"\midrule"),
        *rows[1:],
        *(r"\bottomrule", r"\end{tabular}", ""),
    ]
    return "\n".join(lines)
