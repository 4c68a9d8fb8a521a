"""Full-scale quality of a product sharpened by a panchromatic band, where no truth is known.

The QNR family of `metrics.no_reference`, on windows spread over the product.
"""

from collections.abc import Mapping
from statistics import fmean

from geoloupe.errors import InputError
from geoloupe.imagery.grid import spread_windows
from geoloupe.metrics.no_reference import d_lambda, d_lambda_khan, d_s
from geoloupe.rasters.source import Source

MEANINGS = {
    "D_lambda": "change in similarity between bands, 0 is best",
    "D_lambda (Khan)": "difference of what the bands' sensor would see, 0 is best",
    "D_s": "change in similarity of the bands to the guide, 0 is best",
    "QNR": "(1 - D_lambda) (1 - D_s), 1 is best",
    "HQNR": "(1 - D_lambda (Khan)) (1 - D_s), 1 is best",
}


def full_scale(
    fine: Source, coarse: Source, guide: Source, scale: int, *, side: int, along: int
) -> Mapping[str, float]:
    """Measure a product by its guide, on at most `along` windows of `side` LR pixels each way."""
    if len(guide.bands) != 1:
        raise InputError(
            f"{guide.name}: has {len(guide.bands)} bands, but these measures need a guide of one"
        )
    if (guide.grid.height, guide.grid.width) != (fine.grid.height, fine.grid.width):
        raise InputError(f"{guide.name}: differs in size from {fine.name}")
    rows: list[dict[str, float]] = []
    for window in spread_windows(coarse.grid, side=side, along=along):
        over = window.finer(scale)
        made, pan = (source.read(over).in_unit().values for source in (fine, guide))
        ms = coarse.read(window).in_unit().values
        try:
            rows.append(
                {
                    "D_lambda": d_lambda(made, ms),
                    "D_lambda (Khan)": d_lambda_khan(made, ms),
                    "D_s": d_s(made, ms, pan[0]),
                }
            )
        except InputError:  # no data: skip this window only
            continue
    if not rows:
        raise InputError(f"{fine.name}: no window of it and of {guide.name} holds data")
    means = {name: fmean(row[name] for row in rows) for name in rows[0]}
    near = 1 - means["D_s"]
    means["QNR"] = (1 - means["D_lambda"]) * near
    means["HQNR"] = (1 - means["D_lambda (Khan)"]) * near
    return means
