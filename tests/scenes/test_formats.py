"""What people bring: every kind of file, and what each says of place, bands and missing data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.rpc import RPC

import geoloupe
from geoloupe.rasters.opening import open_source
from tests.datasets.small import PLACE

# rasterio warns while a file is made that has no place yet, or never will have.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SHAPE = (3, 40, 56)
SIZE: dict[str, Any] = {"count": 3, "height": 40, "width": 56}
PLACED = {"crs": "EPSG:32631", "transform": PLACE}


def noise(dtype: str, most: int = 250) -> np.ndarray:
    """Draw values from 1 up."""
    return np.random.default_rng(0).integers(1, most, SHAPE).astype(dtype)


def write(path: Path, values: np.ndarray, **profile: Any) -> Path:
    """Write a raster by the driver that the options name."""
    with rasterio.open(path, "w", dtype=values.dtype, **(SIZE | PLACED | profile)) as out:
        out.write(values)
    return path


def jpeg2000(folder: Path) -> Path:
    options = {"driver": "JP2OpenJPEG", "reversible": True, "quality": 100}
    return write(folder / "a.jp2", noise("uint16"), **options)


def striped(folder: Path) -> Path:
    options = {"tiled": False, "compress": "lzw", "interleave": "pixel", "BIGTIFF": "YES"}
    return write(folder / "a.tif", noise("uint16"), **options)


def virtual(folder: Path) -> Path:
    path = write(folder / "inner.tif", noise("int16"))
    rasterio.shutil.copy(path, folder / "a.vrt", driver="VRT")
    return folder / "a.vrt"


def envi(folder: Path) -> Path:
    path = write(folder / "a.img", noise("float32") / 250, driver="ENVI")
    header = path.with_suffix(".hdr")
    text = "wavelength units = Micrometers\nwavelength = {0.66, 0.56, 0.48}\n"
    header.write_text(header.read_text() + text)
    return path


def webp(folder: Path) -> Path:
    return write(folder / "a.webp", noise("uint8"), driver="WEBP", lossless=True)


@pytest.mark.parametrize("make", [jpeg2000, striped, virtual, envi, webp])
def test_every_kind_of_file_goes_through(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    made = geoloupe.upscale(path, tmp_path / "out.tif", model="nearest", scale=2)
    with rasterio.open(path) as before, rasterio.open(made.path) as after:
        assert after.shape == (80, 112)
        assert after.dtypes[0] == before.dtypes[0]
        assert after.crs == before.crs
        if before.crs:  # without a place, bounds are in pixels
            assert after.bounds == pytest.approx(before.bounds, abs=1e-9)
        assert (after.read() == before.read().repeat(2, 1).repeat(2, 2)).all()


def test_wavelengths_choose_bands_and_stay(tmp_path: Path) -> None:
    made = geoloupe.upscale(
        envi(tmp_path), tmp_path / "out.tif", bands="480nm,0.66um", model="bicubic", scale=2
    )
    with open_source(made.path) as source:
        assert [band.nm for band in source.bands] == pytest.approx([480, 660])


def test_ground_control_points_move_with_the_pixels(tmp_path: Path) -> None:
    points = [GroundControlPoint(row=r, col=c, x=c, y=-r, z=5.0) for r in (0, 40) for c in (0, 56)]
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **SIZE) as out:
        out.gcps = (points, CRS.from_epsg(4326))
        out.write(noise("uint8"))
    made = geoloupe.upscale(path, tmp_path / "out.tif", model="bicubic", scale=4)
    with rasterio.open(made.path) as after:
        found, crs = after.gcps
        assert crs == CRS.from_epsg(4326)
        wanted = [(4 * p.row, 4 * p.col, p.x, p.y, p.z) for p in points]
        assert [(p.row, p.col, p.x, p.y, p.z) for p in found] == wanted


def test_rpcs_point_to_the_same_ground(tmp_path: Path) -> None:
    slope = [0.0] * 20
    rpcs = RPC(
        height_off=0, height_scale=1, lat_off=50, lat_scale=1, long_off=10, long_scale=1,
        line_off=20, line_scale=20, samp_off=28, samp_scale=28,
        line_num_coeff=[0.0, 0.0, -1.0, *slope[3:]], line_den_coeff=[1.0, *slope[1:]],
        samp_num_coeff=[0.0, 1.0, *slope[2:]], samp_den_coeff=[1.0, *slope[1:]],
    )  # fmt: skip
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **SIZE) as out:
        out.rpcs = rpcs
        out.write(noise("uint8"))
    made = geoloupe.upscale(path, tmp_path / "out.tif", model="bicubic", scale=2)
    with rasterio.open(made.path) as after:
        found = after.rpcs
        # RPC pixels count from the centre of the first, so an edge -0.5 stays where it is.
        assert (found.line_off + 0.5, found.samp_off + 0.5) == (2 * 20.5, 2 * 28.5)
        assert (found.line_scale, found.samp_scale) == (40, 56)
        assert found.lat_off == rpcs.lat_off


def test_alpha_and_an_inner_mask_are_enlarged_exactly(tmp_path: Path) -> None:
    mask = np.full(SHAPE[1:], 255, np.uint8)
    mask[5:9, 7:30] = 0
    wanted = mask.repeat(3, 0).repeat(3, 1)
    masked = tmp_path / "mask.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            masked, "w", driver="GTiff", dtype="uint8", tiled=True, **SIZE, **PLACED
        ) as out,
    ):
        out.write(noise("uint8"))
        out.write_mask(mask)
        out.build_overviews([2], Resampling.nearest)
    opaque = tmp_path / "alpha.tif"
    with rasterio.open(
        opaque, "w", driver="GTiff", dtype="uint8", **(SIZE | {"count": 4}), **PLACED
    ) as out:
        out.write(np.concatenate([noise("uint8"), mask[None]]))
        out.colorinterp = [*out.colorinterp[:3], ColorInterp.alpha]
    for path in (masked, opaque):
        made = geoloupe.upscale(
            path, path.with_name(f"{path.stem}_x3.tif"), model="bicubic", scale=3
        )
        with rasterio.open(made.path) as after:
            assert (after.dataset_mask() == wanted).all()


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "uint32", "float64"])
def test_scale_and_offset_tags_are_kept_and_used(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", dtype=kind, **SIZE, **PLACED) as out:
        out.write(noise(kind))
        out.scales, out.offsets = (0.004,) * 3, (-0.1,) * 3
    made = geoloupe.upscale(path, tmp_path / "out.tif", model="bicubic", scale=2)
    with rasterio.open(made.path) as after:
        assert after.scales == (0.004,) * 3
        assert after.offsets == (-0.1,) * 3
        assert after.tags()["GEOLOUPE_RANGE"].startswith("25 to 275")


def test_a_header_in_another_encoding_costs_names_not_the_scene(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene, target = tmp_path / "a.img", tmp_path / "out.tif"
    with rasterio.open(
        scene, "w", driver="ENVI", count=2, height=20, width=20, dtype="uint16", **PLACED
    ) as out:
        out.write(np.ones((2, 20, 20), np.uint16))
    (tmp_path / "a.img.aux.xml").unlink(missing_ok=True)
    header = tmp_path / "a.hdr"
    header.write_bytes(header.read_bytes().replace(b"Band 1", "Grün".encode("latin-1")))
    geoloupe.upscale(scene, target, model="bicubic", scale=2)
    with rasterio.open(target) as after:
        assert after.crs == CRS.from_epsg(32631)
        assert (after.read() == 1).all()
    assert "a.img: has text that is not UTF-8; the affected descriptions" in caplog.text
