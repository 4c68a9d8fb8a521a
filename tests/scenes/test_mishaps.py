"""What went wrong for people once, and must not again."""

import os
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
from geoloupe.errors import InputError, RunError
from geoloupe.rasters import product
from geoloupe.rasters.opening import open_source, stem_of
from geoloupe.scenes import plan as planning
from geoloupe.scenes.commands import finish
from geoloupe.scenes.work_folder import work_folder
from tests.datasets.small import PLACE, picture
from tests.program import program

OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 3, "tile": 32}


def scene_in(folder: Path, name: str = "scene.tif") -> Path:
    """Write a scene of several blocks."""
    values = np.random.default_rng(0).integers(1, 4000, (2, 150, 131)).astype(np.uint16)
    return picture(folder / name, values)


def stop_after(tiles: int) -> Any:
    """Stop a run as Ctrl+C does."""

    def progress(done: int, count: int) -> None:
        if done >= tiles:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("then", [{"shard": "1/1"}, {}])
def test_what_one_machine_began_others_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: dict[str, str]
) -> None:
    """Blocks that lie in their place already must not be wiped by those that come in files."""
    monkeypatch.setattr(planning, "_BLOCK_BYTES", 2**16)
    scene = scene_in(tmp_path)
    whole = geoloupe.upscale(scene, tmp_path / "whole.tif", **OPTIONS)
    target = tmp_path / "out.tif"
    with pytest.raises(KeyboardInterrupt):
        geoloupe.upscale(scene, target, progress=stop_after(20), **OPTIONS)
    assert list((work_folder(target) / "blocks").glob("*.safetensors"))
    geoloupe.upscale(scene, target, **then, **OPTIONS)
    if then:
        finish(target)
    assert target.read_bytes() == whole.path.read_bytes()


@pytest.mark.parametrize("fill", [-3.4028235e38, 3e38, np.inf])
def test_a_fill_that_no_tag_declares_is_no_value(tmp_path: Path, fill: float) -> None:
    values = (np.random.default_rng(0).random((1, 60, 60)) * 500).astype(np.float32)
    values[0, :20] = fill
    made = geoloupe.upscale(picture(tmp_path / "dem.tif", values), model="bicubic", scale=2)
    with rasterio.open(made.path) as out:
        found = out.read(1)
    assert np.isnan(found[:40]).all()
    assert np.isfinite(found[40:]).all()
    assert found[40:].max() < 700


@pytest.mark.parametrize(
    "crs", ["+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +R=6371229"]
)
def test_a_projection_that_the_format_cannot_hold_is_kept_beside(tmp_path: Path, crs: str) -> None:
    scene = tmp_path / "a.tif"
    values = np.ones((1, 20, 20), np.uint8)
    with rasterio.open(
        scene, "w", driver="GTiff", crs=CRS.from_string(crs), transform=PLACE, count=1, height=20,
        width=20, dtype="uint8",
    ) as out:  # fmt: skip
        out.write(values)
    made = geoloupe.upscale(scene, model="bicubic", scale=2)
    with rasterio.open(scene) as before, rasterio.open(made.path) as after:
        assert before.crs is not None
        assert after.crs == before.crs


def test_what_a_format_drops_of_a_coordinate_system_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    axes = 'CS[Cartesian,2],AXIS["e",east],AXIS["n",north],LENGTHUNIT["metre",1]'
    scene, target = tmp_path / "a.vrt", tmp_path / "out.tif"
    with rasterio.open(
        scene, "w", driver="VRT", crs=CRS.from_wkt(f'ENGCRS["mine",EDATUM["shaft 2"],{axes}]'),
        transform=PLACE, count=1, height=20, width=20, dtype="uint8",
    ):  # fmt: skip
        pass
    geoloupe.upscale(scene, target, model="bicubic", scale=2)
    with rasterio.open(scene) as before, rasterio.open(target) as after:
        assert after.crs.wkt.startswith('LOCAL_CS["mine"')
        assert after.bounds == before.bounds
    assert "holds only part of the scene's coordinate system" in caplog.text


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("name", ["out.tif", "out.png"])
def test_old_files_beside_a_result_do_not_speak_for_a_new_one(tmp_path: Path, name: str) -> None:
    scene = picture(tmp_path / "scene.tif", np.ones((1, 40, 40), np.uint8))
    target = tmp_path / name
    (tmp_path / f"{name}.msk").write_bytes(b"old")
    with pytest.raises(InputError, match=r"out\....\.msk: would be read together"):
        geoloupe.upscale(scene, target, **OPTIONS)
    geoloupe.upscale(scene, target, overwrite=True, **OPTIONS)
    assert not (tmp_path / f"{name}.msk").exists()
    with rasterio.open(target) as out:
        assert out.dataset_mask().all()


def test_inputs_are_never_written_over(tmp_path: Path) -> None:
    scene = scene_in(tmp_path, "a_preview.tif")
    before = scene.read_bytes()
    words = ("upscale", scene, "-o", tmp_path / "a.tif", "--preview", "--overwrite")
    assert program(*words).returncode == 2
    assert program("picture", scene, "-o", scene, "--overwrite").returncode == 2
    named = f"GTIFF_DIR:1:{scene}"
    assert program("upscale", named, "-o", scene, "--overwrite").returncode == 2
    assert scene.read_bytes() == before


def test_results_of_several_scenes_do_not_fall_on_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = scene_in(tmp_path / "a"), scene_in(tmp_path / "b")
    done = program("upscale", one, two, "-o", tmp_path)
    assert done.returncode == 2
    assert "would be made from both" in done.stderr
    assert program("upscale", one, "-o", tmp_path, "--set", "scale=2").returncode == 0
    assert (tmp_path / "scene.tif").exists()
    names = ["x/c.mat:one", "x/c.mat:two", "S2.SAFE:20m", "S2B_T.SAFE.zip", "/d/e.tif", ".hidden"]
    stems = [stem_of(name) for name in names]
    assert stems == ["c_one", "c_two", "S2_20m", "S2B_T", "e", ".hidden"]


def test_a_second_run_leaves_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_BLOCK_BYTES", 2**16)  # as the processes have
    scene, target = scene_in(tmp_path), tmp_path / "out.tif"
    command = [sys.executable, "-m", "tests.scenes.slowly", str(scene), str(target), "0.05"]
    first = subprocess.Popen(command)
    while not list((work_folder(target) / "blocks").glob("*.safetensors")):
        assert first.poll() is None
        time.sleep(0.02)
    with pytest.raises(InputError, match="another process is working on it now"):
        geoloupe.upscale(scene, target, **OPTIONS)
    second = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    second.send_signal(signal.SIGINT)
    second.wait()
    assert first.wait(timeout=120) == 0
    assert target.exists()
    assert not work_folder(target).exists()


def test_missing_pixels_of_pictures_are_transparent_or_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 255, (3, 30, 30)).astype(np.uint8)
    values[:, :10] = 0
    scene = tmp_path / "a.tif"
    size = {"count": 3, "height": 30, "width": 30, "dtype": "uint8", "nodata": 0}
    with rasterio.open(
        scene, "w", driver="GTiff", crs="EPSG:32631", transform=PLACE, **size
    ) as out:
        out.write(values)
    made = geoloupe.upscale(scene, tmp_path / "a.png", scale=2, model="nearest")
    with open_source(made.path) as source:
        image = source.read()
    assert not image.valid[:20].any()
    assert image.valid[20:].all()
    with pytest.raises(InputError, match="JPEG cannot hold a mark for missing pixels"):
        geoloupe.upscale(scene, tmp_path / "a.jpg", model="bicubic", scale=2)


def test_assembling_does_not_depend_on_the_folder_one_is_in(tmp_path: Path) -> None:
    scene_in(tmp_path)
    (tmp_path / "sub").mkdir()
    words = ("upscale", "scene.tif", "-o", "out.tif", "--model", "bicubic", "--shard", "1/1")
    assert program(*words, cwd=tmp_path).returncode == 0
    done = program("assemble", "../out.tif", cwd=tmp_path / "sub")
    assert done.returncode == 0, done.stderr


MISTAKES = {
    "an option of its own": (("--set", "model=nearest"), "--set model: cannot be set this way"),
    "a place of its own": (("--set", "path=x"), "--set path: cannot be set this way"),
    "no workers": (("--workers", "0"), "workers must be 1 or more"),
    "dots for a wavelength": (("--bands", "...nm"), "no band is called"),
    "endless memory": (("--memory", "1e400"), "memory is a size"),
    "a file in the way": (("-o", "blocked.tif"), "blocked.tif"),
    "a link to nowhere": (("-o", "dangling.tif"), "dangling.tif: exists already"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_sentence(tmp_path: Path, case: str) -> None:
    words, message = MISTAKES[case]
    scene_in(tmp_path)
    (tmp_path / ".blocked.tif.work").write_text("mine")
    (tmp_path / "dangling.tif").symlink_to(tmp_path / "nowhere.tif")
    done = program("upscale", "scene.tif", *words, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / ".blocked.tif.work").read_text() == "mine"


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 240 + ".tif")
    assert geoloupe.upscale(scene_in(tmp_path), target, **OPTIONS).path.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"scene.tif", target.name}


def test_a_full_disk_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    scene, target = scene_in(tmp_path), tmp_path / "out.tif"
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RunError, match=r"no room for .* of pixels \(No space left on device\)"):
        geoloupe.upscale(scene, target, **OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]
    monkeypatch.undo()
    few = product.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(product.shutil, "disk_usage", lambda _: few)
    with pytest.raises(RunError, match=r"takes up to .* MB to make, but the disk has 1 KB left"):
        geoloupe.upscale(scene, target, **OPTIONS)
