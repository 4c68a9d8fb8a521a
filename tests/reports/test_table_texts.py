"""Tables as other programs read them: nothing in a cell is taken for their own signs."""

import csv
import io

from geoloupe.reports.pages import Table
from geoloupe.reports.table_texts import csv_text, latex, markdown

TABLE = Table(
    title="Scores",
    note="Of one image.",
    headings=["model", "psnr & co", "share"],
    rows=[["a_b|c", "27.1 ± 0.2", "50 %"], [r"{x}\y~^#$", "28.0 ± 0.1", "9 %"]],
)


def test_latex_shows_every_sign() -> None:
    lines = latex(TABLE).splitlines()
    assert lines[0].startswith(r"\begin{tabular}{l")
    assert lines[2] == r"model & psnr \& co & share \\"
    assert lines[4] == r"a\_b|c & 27.1 $\pm$ 0.2 & 50 \% \\"
    assert lines[5] == (
        r"\{x\}\textbackslash{}y\textasciitilde{}\textasciicircum{}\#\$ & 28.0 $\pm$ 0.1 & 9 \% \\"
    )
    assert lines[6:] == [r"\bottomrule", r"\end{tabular}"]


def test_markdown_keeps_a_bar_inside_its_cell() -> None:
    text = markdown("All of it.", [TABLE])
    assert text.startswith("All of it.\n\n## Scores\n\nOf one image.\n\n| model | psnr & co |")
    assert "\n| a_b\\|c | 27.1 ± 0.2 | 50 % |\n" in text
    assert text.count("\n|") == 4


def test_comma_separated_values_come_back() -> None:
    lines = [["name", "value"], ['with "quotes", and comma', "1.5"], ["two\nlines", ""]]
    assert list(csv.reader(io.StringIO(csv_text(lines)))) == lines
    assert csv_text([["a", 1], ["b", 2]]) == "a,1\nb,2\n"
