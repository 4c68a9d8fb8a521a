"""Sharpening with a guide: its grid, its detail, and bands whose sensor sees what it saw."""

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import scipy.io
from rasterio.warp import Resampling, calculate_default_transform, reproject
from rio_cogeo.cogeo import cog_validate

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.alignment import Axis
from geoloupe.scenes import plan as planning
from geoloupe.scenes.preview import forecast, preview
from tests.scenes.pairs import (
    MTF,
    PLACE,
    coarse_place,
    ground,
    observed,
    pair,
    pan,
    read,
    rmse,
    write,
)

KNOWN: dict[str, Any] = {"mtf": MTF, "shift": (0.0, 0.0)}


def test_the_result_lies_on_the_guides_own_grid(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path)
    result = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, **KNOWN)
    with rasterio.open(result.path) as made, rasterio.open(guide) as fine:
        assert made.shape == fine.shape
        assert made.transform == fine.transform
        assert made.crs == fine.crs
        assert made.dtypes == ("uint16",) * 4
        assert made.tags()["GEOLOUPE_MODEL"] == "glp"
        assert made.tags()["GEOLOUPE_SHIFT"] == "none"
    assert cog_validate(result.path)[0]
    assert read(result.path).shape == truth.shape


@pytest.mark.parametrize(
    ("ratio", "offset"),
    [
        (2, (0, 0)),
        (2, (-0.5, -0.5)),
        (4, (0, 0)),
        (2.5, (0.3, -0.7)),
        (6, (0, 0)),
        (10 / 3, (1, 0)),
    ],
)
def test_it_beats_interpolation_by_far_on_any_two_grids(
    tmp_path: Path, ratio: float, offset: tuple[float, float]
) -> None:
    ms, guide, truth = pair(tmp_path, ratio=ratio, offset=offset)
    errors = {}
    for model in ("glp", "bicubic"):
        made = geoloupe.sharpen(ms, tmp_path / f"{model}.tif", guide=guide, model=model, **KNOWN)
        with rasterio.open(made.path) as out:  # cropped where bands end
            row, column = out.transform.f, out.transform.c
        top, left = round((PLACE.f - row) / 15), round((column - PLACE.c) / 15)
        values = read(made.path)
        part = truth[:, top : top + values.shape[1], left : left + values.shape[2]]
        errors[model] = rmse(values, part)
    assert errors["glp"] < 0.6 * errors["bicubic"]


def test_the_sensor_sees_in_the_result_what_it_saw(tmp_path: Path) -> None:
    bright = ground() + 1000.0  # no type then cuts it off at zero
    ms = write(tmp_path / "ms.tif", observed(bright, (48, 48), Axis(ratio=4)), coarse_place(4))
    guide = write(tmp_path / "pan.tif", pan(bright), PLACE)
    result = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, bound=False, **KNOWN)
    again = observed(read(result.path), (48, 48), Axis(ratio=4))
    assert np.abs(again - read(ms)).max() <= 0.5  # of thousands: both are rounded


@pytest.mark.parametrize(
    ("model", "precision", "most"),
    [
        ("guided-pan", "fp32", 1),
        ("guided-s2", "fp32", 1),
        ("guided-pan", "bf16", 5),  # of 6,000: processors round other sizes in other ways
        *((method, "auto", 1) for method in ("glp", "gsa", "brovey", "bdsd", "bicubic")),
    ],
)
def test_tiles_are_the_whole(
    tmp_path: Path, model: str, precision: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = model.startswith("guided")  # which sees farther
    known = KNOWN | {"precision": precision}
    side, tile = (300, 210) if learned else (192, 96)
    ms, guide, _ = pair(tmp_path, side=side, ratio=2.5, offset=(-0.5, 0.25))
    whole = geoloupe.sharpen(ms, tmp_path / "one.tif", guide=guide, model=model, **known)
    monkeypatch.setattr(planning, "_BLOCK_BYTES", 2**14)
    cut = geoloupe.sharpen(ms, tmp_path / "cut.tif", guide=guide, model=model, tile=tile, **known)
    assert (whole.plan.count, cut.plan.count > 8, cut.plan.block_count > 3) == (1, True, True)
    apart = np.abs(read(whole.path) - read(cut.path))
    assert apart.max() <= most
    assert (apart > 1).mean() < 1e-4
    assert (apart > 0).mean() < 0.001  # where a value lay between two whole numbers


def test_gain_and_offset_of_the_guide_do_not_matter(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path)
    other = write(tmp_path / "other.tif", 5000 - 0.4 * pan(truth) / 1.7, PLACE)
    one, two = (
        read(geoloupe.sharpen(ms, tmp_path / f"{g.stem}.o.tif", guide=g, model="glp", **KNOWN).path)
        for g in (guide, other)
    )
    assert rmse(one, two) < 0.1 * rmse(one, truth)


def test_nodata_of_either_side_is_nodata(tmp_path: Path) -> None:
    _, _, truth = pair(tmp_path)
    ms = np.rint(observed(truth, (96, 96), Axis(ratio=2))).astype(np.uint16)
    ms[:, :20, :30] = 0
    fine = np.rint(pan(truth)).astype(np.uint16)
    fine[:, -25:] = 7
    coarse = write(tmp_path / "holed.tif", ms, coarse_place(2), nodata=0)
    guide = write(tmp_path / "fine.tif", fine, PLACE, nodata=7)
    values = read(geoloupe.sharpen(coarse, tmp_path / "out.tif", guide=guide, **KNOWN).path)
    holes = (values == 0).all(0)
    assert holes[:40, :60].all()
    assert holes[-25:].all()
    assert holes.sum() == 40 * 60 + 25 * 192
    plain = read(
        geoloupe.sharpen(
            tmp_path / "ms.tif", tmp_path / "p.tif", guide=tmp_path / "pan.tif", **KNOWN
        ).path
    )
    assert rmse(values, plain) != 0
    near = np.s_[:, 44:60, 64:90]
    assert np.abs(values - plain)[near].max() < 0.1 * np.ptp(truth)


def test_holes_are_marked_by_a_mask_where_bands_have_no_nodata(tmp_path: Path) -> None:
    ms, _, truth = pair(tmp_path)
    fine = np.rint(pan(truth)).astype(np.uint16)
    fine[:, 100:120, 30:70] = 0
    guide = write(tmp_path / "fine.tif", fine, PLACE, nodata=0)
    result = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, **KNOWN)
    with rasterio.open(result.path) as out:
        mask = out.dataset_mask() == 0
    assert mask[100:120, 30:70].all()
    assert mask.sum() == 20 * 40


def test_extents_that_differ_are_cropped_to_whole_pixels_of_the_guide(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path)
    part = write(tmp_path / "part.tif", read(ms)[:, 10:70, 5:], coarse_place(2, (20, 10)))
    result = geoloupe.sharpen(part, tmp_path / "out.tif", guide=guide, **KNOWN)
    assert (result.grid.height, result.grid.width) == (120, 182)
    assert result.grid.transform[2] == PLACE.c + 150
    assert result.grid.transform[5] == PLACE.f - 300
    assert rmse(read(result.path), truth[:, 20:140, 10:]) < 100
    far = write(tmp_path / "far.tif", read(ms), coarse_place(2, (2000, 0)))
    with pytest.raises(InputError, match=r"far\.tif: shows another place"):
        geoloupe.sharpen(far, tmp_path / "no.tif", guide=guide)


def test_other_coordinate_systems_warp_the_bands_and_never_the_guide(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path, side=240)
    with rasterio.open(ms) as source, warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # rasterio's own
        place, width, height = calculate_default_transform(
            source.crs, "EPSG:4326", source.width, source.height, *source.bounds
        )
        values = np.zeros((4, height, width), np.uint16)
        reproject(
            rasterio.band(source, [1, 2, 3, 4]),
            values,
            dst_transform=place,
            dst_crs="EPSG:4326",
            resampling=Resampling.cubic,
            dst_nodata=0,
        )
    other = write(tmp_path / "degrees.tif", values, place, crs="EPSG:4326", nodata=0)
    result = geoloupe.sharpen(other, tmp_path / "out.tif", guide=guide, mtf=MTF)
    with rasterio.open(result.path) as made, rasterio.open(guide) as fine:
        assert made.crs == fine.crs
        column, row = ~fine.transform @ (made.transform.c, made.transform.f)
    assert abs(column - round(column)) + abs(row - round(row)) < 1e-6
    values = read(result.path)
    part = truth[:, round(row) : round(row) + values.shape[1], round(column) :][
        ..., : values.shape[2]
    ]
    seen = (values > 0).all(0)
    assert seen.mean() > 0.9
    plain = geoloupe.sharpen(other, tmp_path / "b.tif", guide=guide, model="bicubic", mtf=MTF)
    errors = [
        np.sqrt(((v - part)[:, seen][..., 2000:-2000] ** 2).mean())
        for v in (values, read(plain.path))
    ]
    assert errors[0] < 0.8 * errors[1]


def test_a_cube_of_a_mat_file_goes_by_its_size(tmp_path: Path) -> None:
    truth = ground()
    ms = observed(truth, (64, 64), Axis(ratio=3)).astype(np.float32)
    scipy.io.savemat(tmp_path / "cube.mat", {"cube": ms.transpose(1, 2, 0)})
    scipy.io.savemat(
        tmp_path / "rgb.mat", {"rgb": pan(truth).transpose(1, 2, 0).astype(np.float32)}
    )
    result = geoloupe.sharpen(
        tmp_path / "cube.mat", tmp_path / "out.tif", guide=tmp_path / "rgb.mat", **KNOWN
    )
    assert result.ratios == (3.0,)
    assert rmse(read(result.path), truth) < 200


def test_a_forecast_writes_nothing_and_a_preview_is_a_part(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    options = {"guide": guide, "verb": "sharpen"} | KNOWN
    found = forecast(ms, tmp_path / "out.tif", **options)
    assert (found.width, found.height, found.bands) == (192, 192, 4)
    path = preview(ms, tmp_path / "out.tif", **options)
    assert path.name == "out_preview.tif"
    assert not (tmp_path / "out.tif").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"guide": None}, r"ms\.tif: no finer image is known to guide it"),
        ({"guide": "ms.tif"}, r"ms\.tif: .*so it is not finer"),
        ({"guide": "flat.tif"}, r"ms\.tif: .*flat\.tif does not say where it lies"),
        ({"model": "glpp"}, "no sharpener is called 'glpp'; did you mean 'glp'"),
        ({"bands": "ultraviolet"}, "ultraviolet"),
        ({"model": "gsa", "guide": "two.tif"}, r"two\.tif: gsa needs a guide of 1 band"),
        ({"shift": (1.0, float("nan"))}, "shift is two numbers"),
        ({"tiel": 3}, "tile"),
    ],
)
def test_what_cannot_work_is_said_at_once(
    tmp_path: Path, words: dict[str, Any], message: str
) -> None:
    ms, guide, truth = pair(tmp_path)
    write(tmp_path / "flat.tif", pan(truth))
    write(tmp_path / "two.tif", np.concatenate([pan(truth), pan(truth)]), PLACE)
    options: dict[str, Any] = {"guide": guide} | words
    if isinstance(words.get("guide"), str):
        options["guide"] = tmp_path / words["guide"]
    with pytest.raises(InputError, match=message):
        geoloupe.sharpen(ms, tmp_path / "out.tif", **options)
    assert not list(tmp_path.glob("*out*"))


def test_nothing_is_written_over_and_a_shell_is_told(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    words = [sys.executable, "-m", "geoloupe", "sharpen", str(ms), "--guide", str(guide)]
    before = guide.read_bytes()
    done = subprocess.run([*words, "-o", str(guide)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert guide.read_bytes() == before
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"warnings"' in done.stdout
    assert (tmp_path / "ms_sharp.tif").exists()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr


@pytest.mark.parametrize(("model", "tile"), [("glp", 120), ("guided-pan", 210)])
def test_tiles_are_the_whole_beside_holes_too(
    tmp_path: Path, model: str, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = ground(288)
    ms = np.rint(observed(truth, (96, 96), Axis(ratio=3))).astype(np.uint16)
    ms[:, :40, :50] = 0
    ms[1, 60:64, 60:64] = 0
    fine = np.rint(pan(truth)).astype(np.uint16)
    fine[:, 200:, 150:] = 0
    coarse = write(tmp_path / "holed.tif", ms, coarse_place(3), nodata=0)
    guide = write(tmp_path / "fine.tif", fine, PLACE, nodata=0)
    known = KNOWN | ({"precision": "fp32"} if model == "guided-pan" else {})
    whole = geoloupe.sharpen(coarse, tmp_path / "one.tif", guide=guide, model=model, **known)
    cut = geoloupe.sharpen(
        coarse, tmp_path / "cut.tif", guide=guide, model=model, tile=tile, **known
    )
    assert cut.plan.count > 3
    one, other = read(whole.path), read(cut.path)
    assert ((one == 0) == (other == 0)).all()
    assert (one[1, 180:192, 180:192] == 0).all()
    assert (one[0, 180:192, 180:192] > 0).all()
    assert np.abs(one - other).max() <= 1
