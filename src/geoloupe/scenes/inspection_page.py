"""An inspection as files: a page with its verdict, and its numbers."""

from pathlib import Path

from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.rasters.picture import limits_of
from geoloupe.reports.pages import Page, Table, Viewer, layer, render
from geoloupe.reports.table_texts import csv_text
from geoloupe.scenes.inspection import Inspection
from geoloupe.storage.publish import check_folder, publish_texts

PAGE, NUMBERS = "inspection.html", "inspection.csv"


def check_verdict(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot hold it, before any work."""
    check_folder(folder, (PAGE, NUMBERS), overwrite=overwrite)


def write_verdict(found: Inspection, folder: Path, *, overwrite: bool = False) -> None:
    """Write the page and the numbers."""
    lines: list[list[object]] = [["measure", "value", "unit", "limit", "good"]]
    for row in found.findings:
        limit = "" if row.limit is None else f"{row.limit:g}"
        lines.append([row.name, f"{row.value:.6g}", row.unit.strip(), limit, row.good])
    texts = {NUMBERS: csv_text(lines), PAGE: render(_page(found))}
    publish_texts(folder, texts, overwrite=overwrite)


def _page(found: Inspection) -> Page:
    product = found.shown["product"]
    limits = limits_of(product)
    layers = [layer(name, image, limits) for name, image in found.shown.items()]
    if found.doubt is not None:
        brightest = max(float(found.doubt.max()), 0.02)
        doubt = Image.of(found.doubt[None].astype("float32"), radiometry=UNIT)
        layers.append(layer(found.doubt_name, doubt, ((0.0,), (brightest,))))
    rows = [
        [
            row.name,
            f"{row.value:.4g}{row.unit}",
            "" if row.limit is None else f"{row.limit:g}{row.unit}",
            ("" if row.limit is None else "good") if row.good else "look",
            row.meaning,
        ]
        for row in found.findings
    ]
    return Page(
        title=f"Can {Path(found.product).name} be trusted?",
        lead=found.verdict,
        parts=[
            Viewer(
                title="A part of it",
                note="All layers but the last show the same stretch of values.",
                size=(product.grid.width, product.grid.height),
                layers=layers,
                pair=(0, 1),
            ),
            Table(
                title="Measured",
                note=f"Means over {found.windows} windows; the seams are checked everywhere. "
                f"{found.unmeasured}".rstrip(),
                headings=["measure", "value", "good up to", "", "is"],
                rows=rows,
            ),
        ],
    )
