"""Scenes and places that are odd but real: every type, size and band count, full disks, Ctrl+C."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

import geoloupe
from geoloupe.errors import GeoloupeError, InputError
from tests.datasets.small import PLACE

DTYPES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64"),
)
SHAPES = ((1, 1, 1), (2, 1, 7), (3, 5, 2), (4, 3, 200), (13, 17, 9), (100, 6, 5), (500, 3, 4))
# GDAL warns of many bands that are no colours; that is as it should be.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def scene(path: Path, values: Any, **more: Any) -> Path:
    """Write (B,H,W) as a placed raster."""
    count, height, width = values.shape
    profile = {"count": count, "height": height, "width": width, "dtype": values.dtype.name}
    place = {"crs": "EPSG:32631", "transform": PLACE} | more
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", driver="GTiff", **profile, **place) as out:
        out.write(values)
    return path


def noise(shape: tuple[int, int, int], dtype: str) -> Any:
    """Draw values over most of a type's range, none of which stand for missing."""
    unit = np.random.default_rng(0).uniform(0.2, 0.8, shape)
    if dtype.startswith("float"):
        return unit.astype(dtype)
    return (unit * min(float(np.iinfo(dtype).max), 1e9)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_goes_through_and_stays(tmp_path: Path, dtype: str) -> None:
    path = scene(tmp_path / "in.tif", noise((3, 14, 11), dtype))
    geoloupe.upscale(path, tmp_path / "out.tif", model="loupe-x2")
    with rasterio.open(tmp_path / "out.tif") as out, rasterio.open(path) as source:
        assert out.dtypes == (dtype,) * 3
        found, given = out.read().astype(float), source.read().astype(float)
    assert np.isfinite(found).all()
    assert found.mean() == pytest.approx(given.mean(), rel=0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_size_and_band_count_goes_through(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    path = scene(tmp_path / "in.tif", noise(shape, "uint16"))
    geoloupe.upscale(path, tmp_path / "out.tif", model="loupe-x2")
    with rasterio.open(tmp_path / "out.tif") as out:
        assert (out.count, out.height, out.width) == (shape[0], 2 * shape[1], 2 * shape[2])


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    path = scene(tmp_path / "in.tif", np.ones((1, 8, 8), np.complex64))
    with pytest.raises(InputError, match=r"in\.tif: .*complex"):
        geoloupe.upscale(path, tmp_path / "out.tif")


def test_infinities_and_nan_spread_nowhere(tmp_path: Path) -> None:
    values = noise((2, 40, 40), "float32")
    values[:, 5, 5], values[0, 30, 30], values[1, 20, 9] = np.nan, np.inf, -np.inf
    geoloupe.upscale(scene(tmp_path / "in.tif", values), tmp_path / "out.tif", model="loupe-x2")
    with rasterio.open(tmp_path / "out.tif") as out:
        found = out.read()
    holes = ~np.isfinite(values).repeat(2, 1).repeat(2, 2)
    assert np.isfinite(found[~holes]).all()
    assert not np.isfinite(found[holes]).any()


@pytest.mark.parametrize(
    "name", ["with space/in put.tif", "影像/ñandú ☂.tif", "a'b\"c/$HOME;&.tif"]
)
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    path = scene(tmp_path / name, noise((3, 12, 12), "uint8"))
    target = path.with_name(f"finer {path.name}")
    geoloupe.upscale(path, target, model="bicubic", scale=2)
    assert sorted(item.name for item in path.parent.iterdir()) == sorted([path.name, target.name])


def test_links_are_read_through_and_never_written_through(tmp_path: Path) -> None:
    real = scene(tmp_path / "real.tif", noise((3, 12, 12), "uint8"))
    (tmp_path / "link.tif").symlink_to(real)
    precious = scene(tmp_path / "precious.tif", noise((1, 4, 4), "uint8"))
    before = precious.read_bytes()
    (tmp_path / "out.tif").symlink_to(precious)
    options: dict[str, Any] = {"model": "bicubic", "scale": 2}
    with pytest.raises(InputError, match="out"):
        geoloupe.upscale(tmp_path / "link.tif", tmp_path / "out.tif", **options)
    geoloupe.upscale(tmp_path / "link.tif", tmp_path / "out.tif", overwrite=True, **options)
    assert precious.read_bytes() == before
    with pytest.raises(GeoloupeError):  # the link is the scene itself
        geoloupe.upscale(real, tmp_path / "link.tif", overwrite=True, **options)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", None])
def test_a_place_that_is_strange_or_none_is_kept(tmp_path: Path, crs: str | None) -> None:
    path = scene(tmp_path / "in.tif", noise((3, 12, 12), "uint8"), crs=crs)
    geoloupe.upscale(path, tmp_path / "out.tif", model="bicubic", scale=2)
    with rasterio.open(tmp_path / "out.tif") as out:
        assert out.crs == (None if crs is None else CRS.from_string(crs))


def command(path: Path, target: Path, *words: str) -> list[str]:
    """Give the words that enlarge a scene."""
    base = [sys.executable, "-m", "geoloupe", "upscale", str(path), "-o", str(target)]
    return [*base, "--model", "bicubic", "--set", "scale=4", *words]


def test_a_disk_that_fills_is_one_sentence_and_the_work_goes_on(tmp_path: Path) -> None:
    path = scene(tmp_path / "in.tif", noise((3, 400, 400), "uint16"))

    def small_files() -> None:
        import resource  # which Windows lacks

        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    done = subprocess.run(
        command(path, tmp_path / "out.tif"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=small_files,
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("geoloupe: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.tif").exists()
    again = subprocess.run(command(path, tmp_path / "out.tif"), capture_output=True, check=False)
    assert again.returncode == 0
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_ctrl_c_is_one_sentence_and_the_work_goes_on(tmp_path: Path) -> None:
    path = scene(tmp_path / "in.tif", noise((4, 1400, 1400), "uint16"))
    target = tmp_path / "out.tif"
    child = subprocess.Popen(
        command(path, target), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    began = time.monotonic()
    blocks = tmp_path / ".out.tif.work" / "blocks"
    while not list(blocks.glob("*.safetensors")) and child.poll() is None:
        assert time.monotonic() - began < 120
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=120)
    if child.returncode == 0:
        pytest.skip("this machine was done before it could be stopped")
    assert child.returncode == 130
    assert "run the same again to continue" in told
    assert "Traceback" not in told
    assert not target.exists()
    assert subprocess.run(command(path, target), capture_output=True, check=False).returncode == 0
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.tif", "out.tif"]
