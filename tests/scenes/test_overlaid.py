"""A sharpened product is compared with its input where its bands were found to lie."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.raster import quiet
from geoloupe.scenes.inspection import Inspection, inspect
from tests.scenes.pairs import MTF, PLACE, ground, pair, pan, read, write


def sharpened(folder: Path, name: str = "out.tif", **options: Any) -> Path:
    """Sharpen the pair in a folder."""
    given = {"guide": folder / "pan.tif", "mtf": MTF, "model": "glp"} | options
    return geoloupe.sharpen(folder / "ms.tif", folder / name, **given).path


def numbers(found: Inspection) -> dict[str, float]:
    return {row.name: row.value for row in found.findings}


def rewritten(product: Path, values: Any) -> Path:
    """Write a product again with other pixels and its own tags and place."""
    with quiet(), rasterio.open(product) as source:
        place = source.transform if source.crs else None
        tags = source.tags()
    copy = write(product.with_name("rewritten.tif"), values, place)
    with quiet(), rasterio.open(copy, "r+") as out:
        out.update_tags(**tags)
    return copy


@pytest.mark.parametrize("placed", [True, False], ids=["placed", "nowhere"])
def test_a_shift_that_was_undone_is_no_fault_of_the_product(tmp_path: Path, placed: bool) -> None:
    ms, _, truth = pair(tmp_path, side=300)
    wrong = PLACE @ Affine.translation(-1.4, 0.7)
    if not placed:  # the pixels themselves lie aside
        wrong = None
        for path in (ms, tmp_path / "pan.tif"):
            write(path, read(path))
        truth = np.roll(truth, (1, -1), axis=(1, 2))
    write(tmp_path / "pan.tif", pan(truth), wrong)
    product = sharpened(tmp_path)
    with quiet(), rasterio.open(product) as source:
        assert source.tags()["GEOLOUPE_SHIFT"] != "none"
    found = inspect(product, ms, guide=tmp_path / "pan.tif")
    assert "agrees with its input" in found.verdict
    assert numbers(found)["spatial"] < 0.2
    assert "HQNR" in numbers(found)


def test_a_product_that_lies_elsewhere_than_it_says_is_doubted(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path, side=300)
    write(guide, pan(truth), PLACE @ Affine.translation(-1.4, 0.7))
    product = sharpened(tmp_path)
    aside = rewritten(product, np.roll(read(product), (1, 1), axis=(1, 2)))
    found = inspect(aside, ms)
    assert numbers(found)["spatial"] == pytest.approx(2**0.5, abs=0.3)
    assert "spatial" in found.verdict


@pytest.mark.parametrize(
    ("ratio", "offset"), [(2, (-0.5, -0.5)), (2, (0.5, -1.5)), (2.5, (0.25, 0.0)), (4, (0.0, 3.0))]
)
def test_any_guide_the_bands_can_be_laid_on_will_do(
    tmp_path: Path, ratio: float, offset: tuple[float, float]
) -> None:
    ms, _, _ = pair(tmp_path, ratio=ratio, offset=offset, side=300)
    found = inspect(sharpened(tmp_path, shift=(0.0, 0.0)), ms)
    assert "agrees with its input" in found.verdict
    assert numbers(found)["spatial"] < 0.2
    assert found.scale == round(ratio)


def test_a_truth_need_not_say_where_it_lies(tmp_path: Path) -> None:
    ms, _, truth = pair(tmp_path, offset=(0.5, 0.5), side=300)
    product = sharpened(tmp_path, shift=(0.0, 0.0))
    with rasterio.open(product) as source:
        rows, columns = source.shape
    hr = write(tmp_path / "hr.tif", truth[:, :rows, :columns])
    found = inspect(product, ms, hr)
    assert numbers(found)["hallucination"] < 0.34
    shown = {name: image.values[:, 8:-8, 8:-8].astype(float) for name, image in found.shown.items()}
    errors = [np.abs(shown["truth"] - shown[name]).mean() for name in ("product", "input")]
    assert errors[0] < 0.5 * errors[1]


def test_a_product_of_another_type_or_place_is_compared_or_refused(tmp_path: Path) -> None:
    ms, _, _ = pair(tmp_path, offset=(0.5, 0.5), side=300)
    product = sharpened(tmp_path, shift=(0.0, 0.0), dtype="float32")
    found = inspect(product, ms)
    assert found.shown["product"].values.dtype == np.float32
    assert "agrees with its input" in found.verdict
    for rows, columns in ((400, 0), (0, 400), (-400, 0), (0, -400)):
        place = PLACE @ Affine.scale(2) @ Affine.translation(columns, rows)
        far = write(tmp_path / "far.tif", read(ms), place)
        with pytest.raises(InputError, match=r"out\.tif: covers no pixel of .*far\.tif"):
            inspect(product, far)


def test_a_truth_of_more_bands_is_compared_by_their_names(tmp_path: Path) -> None:
    ms, _, truth = pair(tmp_path, side=300)
    hr = write(tmp_path / "hr.tif", np.concatenate([9000 - truth[:1], truth]))
    for path, names in ((ms, "abcd"), (hr, "xabcd")):
        with quiet(), rasterio.open(path, "r+") as out:
            out.descriptions = tuple(names)
    found = inspect(sharpened(tmp_path, shift=(0.0, 0.0)), ms, hr)
    assert [band.name for band in found.shown["truth"].bands] == list("abcd")


def test_pixels_that_nest_are_compared_as_they_are(tmp_path: Path) -> None:
    ms, _, _ = pair(tmp_path, ratio=4, side=288)
    whole = sharpened(tmp_path, shift=(0.0, 0.0))
    left, top = PLACE @ (4, 8)
    right, bottom = PLACE @ (4 + 200, 8 + 160)
    part = sharpened(tmp_path, "part.tif", shift=(0.0, 0.0), area=f"{left},{bottom},{right},{top}")
    for product in (whole, part):
        assert numbers(inspect(product, ms))["nodata"] == 0
    shown = inspect(part, ms).shown["product"].values
    assert (shown == read(part)).all()


def test_a_seam_is_looked_for_where_tiles_of_the_guide_met(tmp_path: Path) -> None:
    ms, _, _ = pair(tmp_path, ratio=2, offset=(0.5, 0.5), side=300)
    product = sharpened(tmp_path, shift=(0.0, 0.0), tile=150)
    with rasterio.open(product) as source:
        tiles, width = source.tags()["GEOLOUPE_TILES"], source.width
    assert tiles != "1 x 1"
    assert numbers(inspect(product, ms))["seams"] <= 0.005
    plan = geoloupe.sharpen(
        ms,
        tmp_path / "again.tif",
        guide=tmp_path / "pan.tif",
        model="glp",
        mtf=MTF,
        tile=150,
        shift=(0.0, 0.0),
    ).plan
    values = read(product)
    (seam, *_) = plan.columns[1:]
    values[:, :, (seam.enter + seam.full) // 2 :] += 0.03 * np.ptp(ground(300))
    assert (seam.enter + seam.full) // 2 < width
    assert numbers(inspect(rewritten(product, values), ms))["seams"] > 0.005
