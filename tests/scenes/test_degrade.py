"""`degrade` on real rasters: place, nodata, strips, tags."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.transform import Affine

from geoloupe import settings
from geoloupe.degradations.loading import load_degradation
from geoloupe.degradations.named import BI, DN
from geoloupe.errors import InputError, RunError
from geoloupe.imagery.resize import imresize
from geoloupe.rasters.source import Source
from geoloupe.scenes import degrade as module
from geoloupe.scenes.degrade import degrade

TURNED = Affine(9.0, 3.0, 500_000.0, 3.0, -9.0, 4_000_000.0)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A turned 3-band scene of 101 x 67 with a corner of nodata 0."""
    values = np.random.default_rng(0).integers(1, 4000, (3, 67, 101)).astype(np.uint16)
    values[:, :8, :8] = 0
    path = tmp_path / "scene.tif"
    profile = {"count": 3, "height": 67, "width": 101, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=TURNED, **profile) as out:
        out.write(values)
        out.descriptions = ("red", "green", "nir")
    return path


def test_geometry_bands_and_nodata(scene: Path, tmp_path: Path) -> None:
    degrade(scene, tmp_path / "lr.tif", scale=4)
    with rasterio.open(scene) as hr, rasterio.open(tmp_path / "lr.tif") as lr:
        assert lr.shape == (16, 25)
        assert np.allclose(tuple(lr.transform), tuple(hr.transform @ Affine.scale(4)), atol=0)
        assert (lr.crs, lr.nodata, lr.descriptions) == (hr.crs, 0, hr.descriptions)
        values = lr.read()
        assert (values[:, :2, :2] == 0).all()
        assert (values[:, 2:, 2:] > 0).all()
        expected = imresize(hr.read()[:, :64, :100].astype(float), 1 / 4)
        far = (slice(None), slice(5, None), slice(5, None))
        assert np.abs(values[far] - expected[far]).max() <= 0.5 + 1e-3
        assert settings.build(type(BI), json.loads(lr.tags()["GEOLOUPE_DEGRADATION"]), "tag") == BI


@pytest.mark.parametrize("degradation", ["bi", "bd", "dn", "mulsr-train"])
def test_strips_change_nothing(
    scene: Path, tmp_path: Path, degradation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    degrade(scene, tmp_path / "whole.tif", scale=2, degradation=degradation, seed=3)
    monkeypatch.setattr(module, "_STRIP", 1)
    degrade(scene, tmp_path / "strips.tif", scale=2, degradation=degradation, seed=3)
    with (
        rasterio.open(tmp_path / "whole.tif") as whole,
        rasterio.open(tmp_path / "strips.tif") as strips,
    ):
        assert (whole.read() == strips.read()).all()


def test_a_recipe_file_and_a_response(scene: Path, tmp_path: Path) -> None:
    mine = settings.dump(DN) | {"name": "mine"}
    (tmp_path / "mine.json").write_text(json.dumps(mine))
    assert load_degradation(str(tmp_path / "mine.json")).name == "mine"
    cube = tmp_path / "cube.tif"
    profile = {"count": 31, "height": 8, "width": 8, "dtype": "float32"}
    with rasterio.open(cube, "w", crs="EPSG:32631", transform=TURNED, **profile) as out:
        out.write(np.full((31, 8, 8), 0.25, np.float32))
    degrade(cube, tmp_path / "rgb.tif", scale=1, response="nikon-d700")
    with rasterio.open(tmp_path / "rgb.tif") as rgb:
        assert rgb.descriptions == ("red", "green", "blue")
        assert np.allclose(rgb.read(), 0.25)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"degradation": "bicubic"}, "no degradation is called 'bicubic'"),
        ({"scale": 128}, "101 x 67 pixels are too few to be made 128 times coarser"),
        ({"scale": 0}, "scale must be 1 or more"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"response": "nikon-d700"}, r"scene.tif: the response nikon-d700 needs the wavelengths"),
        ({"degradation": "mtf-worldview-3"}, r"scene.tif: 8 blur kernels do not fit 3 bands"),
        ({"degradation": "nowhere.json"}, "nowhere.json: cannot be read"),
    ],
)
def test_mistakes_are_told_and_leave_nothing(
    scene: Path, tmp_path: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        degrade(scene, tmp_path / "lr.tif", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


def test_the_scene_itself_is_never_the_target(scene: Path) -> None:
    virtual = scene.with_name("virtual.vrt")
    rasterio.shutil.copy(scene, virtual, driver="VRT")
    for name in (scene, virtual):
        with pytest.raises(InputError, match="input of this very run"):
            degrade(name, scene, overwrite=True)


@pytest.mark.parametrize(
    ("width", "height", "told"),
    [
        (2_000_000_000, 2_000_000_000, r"lr\.tif: takes at least .*B to make, but the disk has"),
        (
            1_000_000_000,
            4,
            r"moon\.vrt: a strip of its 1000000000 columns needs about .* of memory",
        ),
    ],
)
def test_what_a_file_merely_claims_is_refused_unread(
    tmp_path: Path, width: int, height: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("pixels were read")

    monkeypatch.setattr(Source, "read", never)
    path = tmp_path / "moon.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">'
        '<VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
    )
    with pytest.raises(RunError, match=told):
        degrade(path, tmp_path / "lr.tif")
    assert [item.name for item in tmp_path.iterdir()] == ["moon.vrt"]
