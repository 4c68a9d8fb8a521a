"""The shift between bands and their guide: measured, undone, refused or left to a person."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from tests.scenes.pairs import MTF, PLACE, ground, pair, pan, read, rmse, write

KNOWN: dict[str, Any] = {"mtf": MTF, "shift": (0.0, 0.0)}


def test_the_shift_between_the_images_is_found_and_undone(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path, side=300)
    with rasterio.open(guide) as source:  # it says that it lies half a pixel and one from there
        wrong = source.transform @ Affine.translation(-1.0, -0.5)
    moved = write(tmp_path / "moved.tif", pan(truth), wrong)
    result = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=moved, mtf=MTF)
    (found,) = result.registrations
    assert (found.rows, found.columns) == pytest.approx((-0.5, -1.0), abs=0.1)
    assert found.corrected
    with rasterio.open(result.path) as out:
        tags = out.tags()
    assert tags["GEOLOUPE_SHIFT"] == f"{found.rows:+.2f}, {found.columns:+.2f}"
    kept = geoloupe.sharpen(ms, tmp_path / "kept.tif", guide=moved, **KNOWN)
    values = read(result.path)  # as the files say, the bands begin one column into the guide
    part = truth[:, : values.shape[1], 1 : 1 + values.shape[2]]
    assert rmse(values, part) < 0.6 * rmse(read(kept.path), part)
    right = geoloupe.sharpen(ms, tmp_path / "right.tif", guide=guide, **KNOWN)
    assert rmse(values, part) < 1.2 * rmse(read(right.path), truth)


def test_half_a_pixel_that_the_files_say_is_no_shift(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path, offset=(-0.5, -0.5), side=300)
    (found,) = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, mtf=MTF).registrations
    assert found.length < 0.1
    assert not found.corrected


def test_a_guide_that_lies_elsewhere_is_refused_unless_a_person_insists(tmp_path: Path) -> None:
    ms, _, truth = pair(tmp_path, side=300)
    moved = write(tmp_path / "moved.tif", pan(truth), PLACE @ Affine.translation(4, -1))
    with pytest.raises(InputError, match=r"lies -\d.\d\d rows and \+\d.\d\d col") as refused:
        geoloupe.sharpen(ms, tmp_path / "out.tif", guide=moved, mtf=MTF)
    assert "give shift=" in str(refused.value)
    assert not (tmp_path / "out.tif").exists()
    believed = geoloupe.sharpen(ms, tmp_path / "a.tif", guide=moved, mtf=MTF, anyway=True)
    assert not believed.registrations[0].corrected
    said = geoloupe.sharpen(ms, tmp_path / "b.tif", guide=moved, mtf=MTF, shift=(-1, 4))
    assert said.registrations[0].how == "as given"


def test_images_that_nothing_says_belong_together_are_refused(tmp_path: Path) -> None:
    ms = write(tmp_path / "ms.tif", read(pair(tmp_path, side=300)[0]))  # which lies nowhere
    elsewhere = np.ascontiguousarray(pan(ground(300))[:, ::-1].transpose(0, 2, 1))
    guide = write(tmp_path / "pan.tif", elsewhere)
    with pytest.raises(InputError, match=r"ms\.tif: shares no edges with .*pan\.tif, and neither"):
        geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, mtf=MTF)
    believed = geoloupe.sharpen(ms, tmp_path / "a.tif", guide=guide, mtf=MTF, anyway=True)
    assert not believed.registrations[0].corrected
    geoloupe.sharpen(ms, tmp_path / "b.tif", guide=guide, **KNOWN)
    ms, guide = pair(tmp_path, side=300)[0], write(guide, elsewhere, PLACE)
    placed = geoloupe.sharpen(ms, tmp_path / "c.tif", guide=guide, mtf=MTF)  # a warning will do
    assert placed.registrations[0].how == "not measured"


@pytest.mark.parametrize(("shift", "corrected"), [((0.0, 0.0), False), ((0.0, 0.3), True)])
def test_a_shift_that_a_person_gives_is_taken_unmeasured(
    tmp_path: Path, shift: tuple[float, float], corrected: bool
) -> None:
    ms, guide, _ = pair(tmp_path)
    words: dict[str, Any] = {"guide": guide, "model": "glp", "mtf": MTF}
    made = geoloupe.sharpen(ms, tmp_path / "out.tif", shift=shift, **words)
    (found,) = made.registrations
    assert (found.rows, found.columns, found.corrected) == (*shift, corrected)
    assert str(found).endswith("(as given), " + ("corrected" if corrected else "left as it is"))
    plain = geoloupe.sharpen(ms, tmp_path / "plain.tif", shift=(0.0, 0.0), **words)
    assert np.array_equal(read(made.path), read(plain.path)) != corrected


def test_a_shift_too_small_to_matter_is_told_and_left(tmp_path: Path) -> None:
    ms, _, truth = pair(tmp_path, ratio=4, side=300)
    moved = write(tmp_path / "moved.tif", pan(truth), PLACE @ Affine.translation(0.15, 0.0))
    (found,) = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=moved, mtf=MTF).registrations
    assert found.columns == pytest.approx(0.15, abs=0.06)
    assert not found.corrected  # a twentieth of a coarse pixel is a fifth of a fine one


def test_small_images_that_share_nothing_are_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ms = write(tmp_path / "ms.tif", read(pair(tmp_path, side=80)[0]))
    elsewhere = np.ascontiguousarray(pan(ground(80))[:, ::-1].transpose(0, 2, 1))
    guide = write(tmp_path / "pan.tif", elsewhere)
    geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, mtf=MTF)
    assert "its shift against" in caplog.text
    assert "could not be measured" in caplog.text


def test_where_one_band_of_a_guide_is_missing_nothing_is_compared(tmp_path: Path) -> None:
    ms, _, truth = pair(tmp_path, side=300)
    guide = np.concatenate([pan(truth), pan(truth)]).astype(np.float32)
    guide[1] = np.nan
    guide[1, :20, :20] = 500
    fine = write(tmp_path / "two.tif", guide, PLACE, nodata=np.nan)
    (found,) = geoloupe.sharpen(
        ms, tmp_path / "out.tif", guide=fine, model="glp", mtf=MTF
    ).registrations
    assert found.how == "not measured"
