"""A band that is marked as transparency: transparency or data, as its content says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from scipy.ndimage import distance_transform_edt

import geoloupe
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.opening import aligned, open_source
from geoloupe.scenes.degrade import degrade
from tests.datasets.small import PLACE
from tests.real_data import DATA

SIDE = 120
NAIP = DATA / "scenes" / "naip_4band_5m.tif"


def colours(side: int = SIDE, dtype: str = "uint8") -> NDArray[Any]:
    """Draw red, green and blue."""
    return np.random.default_rng(0).integers(1, 250, (3, side, side)).astype(dtype)


def infrared(side: int = SIDE, water: float = 0.3) -> NDArray[np.uint8]:
    """Draw a near infrared band of many levels, the topmost rows of it water, which is 0."""
    values = np.random.default_rng(1).integers(20, 236, (side, side)).astype(np.uint8)
    values[: int(water * side)] = 0
    return values


def feathered(side: int = SIDE, edge: int = 12) -> NDArray[np.uint8]:
    """Draw the transparency of a mosaic whose slanted outline fades over some pixels."""
    rows, columns = np.mgrid[:side, :side]
    inside = (rows + columns > side // 3) & (rows < side - 5) & (columns < side - 5)
    depth = distance_transform_edt(inside)
    return np.clip(255 * depth / edge, 0, 255).astype(np.uint8)


def write(path: Path, fourth: NDArray[Any], rgb: NDArray[Any] | None = None) -> Path:
    """Write four bands; GDAL marks the last of 8 bits as transparency, others are marked here."""
    rgb = colours(len(fourth), fourth.dtype.name) if rgb is None else rgb
    size = {"count": 4, "height": rgb.shape[1], "width": rgb.shape[2], "dtype": rgb.dtype}
    options = {"photometric": "rgb", "alpha": "yes"} if rgb.dtype != np.uint8 else {}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=PLACE, **size, **options) as out:
        out.write(np.concatenate([rgb, fourth[None]]))
    with rasterio.open(path) as made:
        assert made.colorinterp[3] is ColorInterp.alpha
    return path


def doubled(values: NDArray[Any]) -> NDArray[Any]:
    """Repeat each pixel two times down and across."""
    return values.repeat(2, -2).repeat(2, -1)


@pytest.mark.parametrize("water", [0.0, 0.3, 0.9])
def test_near_infrared_marked_as_transparency_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, water: float
) -> None:
    nir = infrared(water=water)
    path = write(tmp_path / "nir.tif", nir)
    made = geoloupe.upscale(path, tmp_path / "out.tif", model="nearest", scale=2)
    with rasterio.open(path) as before, rasterio.open(made.path) as out:
        assert out.count == 4
        assert ColorInterp.alpha not in out.colorinterp
        assert (out.read() == doubled(before.read())).all()
        assert out.dataset_mask().all()  # water is no missing data
    assert [band.colour for band in made.layout.facts.bands] == [
        "red",
        "green",
        "blue",
        "undefined",
    ]
    (said,) = [record.getMessage() for record in caplog.records]
    assert "nir.tif: band 4 is marked as transparency" in said
    assert "alpha=true" in said


@pytest.mark.parametrize(
    "alpha",
    [
        feathered(),
        feathered(edge=1),
        np.full((SIDE, SIDE), 255, np.uint8),
        (feathered() > 0).astype(np.uint8),
        feathered().astype(np.uint16) * 257,
        feathered(edge=1).astype(np.uint16),
    ],
    ids=["feathered", "hard edge", "opaque", "0 and 1", "16 bits", "16 bits up to 255"],
)
def test_transparency_stays_transparency(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, alpha: NDArray[Any]
) -> None:
    path = write(tmp_path / "drone.tif", alpha)
    made = geoloupe.upscale(path, tmp_path / "out.tif", model="nearest", scale=2)
    assert len(made.layout.facts.bands) == 3
    with rasterio.open(made.path) as out:
        assert out.colorinterp[3] is ColorInterp.alpha
        assert ((out.dataset_mask() > 0) == doubled(alpha > 0)).all()
    assert not caplog.records


@pytest.mark.parametrize("stays", [True, False])
def test_a_person_has_the_last_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stays: bool
) -> None:
    path = write(tmp_path / "a.tif", infrared() if stays else feathered())
    made = geoloupe.upscale(path, tmp_path / "o.tif", model="nearest", scale=2, alpha=stays)
    assert len(made.layout.facts.bands) == (3 if stays else 4)
    assert not caplog.records


@pytest.mark.parametrize("value", [1, 2, 137, 254])
def test_what_is_opaque_nowhere_is_no_transparency(tmp_path: Path, value: int) -> None:
    """Even if it says little: classes, or a band of one value."""
    path = write(tmp_path / "a.tif", np.full((SIDE, SIDE), value, np.uint8))
    with open_source(path) as source:
        assert len(source.bands) == (3 if value == 1 else 4)


def test_the_whole_of_a_large_scene_is_looked_at(tmp_path: Path) -> None:
    """Neither a corner without data nor a saturated one decides."""
    nir = infrared(2000, 0)
    nir[:900], nir[900:1000] = 0, 255
    with open_source(write(tmp_path / "a.tif", nir)) as source:
        assert len(source.bands) == 4
    slim = np.zeros((2000, 2000), np.uint8)
    slim[1300:1310] = 255  # what is opaque of it may lie between all that is looked at
    with open_source(write(tmp_path / "b.tif", slim)) as source:
        assert len(source.bands) == 3
        assert source.read().valid.sum() == 10 * 2000


def test_a_mask_beside_near_infrared_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", infrared())
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    mask[50:, 90:] = 0
    with rasterio.open(path, "r+") as out:
        out.write_mask(mask)
    with open_source(path) as source:
        assert len(source.bands) == 4
        assert (source.read().valid == (mask > 0)).all()


def test_a_guide_keeps_its_near_infrared(tmp_path: Path) -> None:
    nir = infrared(water=0.5)
    path = write(tmp_path / "guide.tif", nir)
    with open_source(path) as guide, aligned(guide, guide.grid) as fitted:
        image = fitted.read()
        assert (image.values[3] == nir).all()
        assert (image.values[:3] == guide.read().values[:3]).all()
        assert image.valid.all()
        far = Grid(crs=guide.grid.crs, transform=(10, 0, 5e5 - 20, 0, -10, 4e6), height=4, width=9)
    with open_source(path) as guide, aligned(guide, far) as fitted:
        assert (fitted.read().valid == (np.arange(9) >= 2)).all()
    path = write(tmp_path / "alpha.tif", feathered(edge=1))
    with open_source(path) as guide, aligned(guide, guide.grid) as fitted:
        assert (fitted.read().valid == (feathered(edge=1) > 0)).all()


def test_coarser_twins_and_data_sets_keep_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in").mkdir()
    path = write(tmp_path / "in" / "nir.tif", infrared())
    assert len(degrade(path, tmp_path / "lr.tif", scale=2).facts.bands) == 4
    caplog.clear()
    made = prepare("folder", tmp_path / "in", tmp_path / "out").prepared
    assert [len(kind.bands) for kind in made.kinds] == [4]
    assert len(caplog.records) == 1
    alpha = write(tmp_path / "in" / "nir.tif", feathered())
    with pytest.raises(InputError, match="has transparent or masked pixels"):
        prepare("folder", alpha, tmp_path / "other")


@pytest.mark.skipif(not NAIP.exists(), reason="needs the real scenes")
def test_real_near_infrared_and_real_outlines(tmp_path: Path) -> None:
    with rasterio.open(NAIP) as scene:
        values = scene.read()
    whole = write(tmp_path / "naip.tif", values[3], values[:3])
    with open_source(whole) as source:
        assert (source.read().values == values).all()
    for top in range(0, 700, 100):  # and any part of it
        part = values[:, top : top + 64, top : top + 64]
        with open_source(write(tmp_path / "part.tif", part[3], part[:3])) as source:
            assert len(source.bands) == 4, top
    outline = (values[0] > np.quantile(values[0], 0.2)).astype(np.uint8) * 255  # ragged
    with open_source(write(tmp_path / "cut.tif", outline, values[:3])) as source:
        assert len(source.bands) == 3
