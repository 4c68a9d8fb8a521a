"""Work that is stopped, continued, divided and put together ends in the very same file."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError, RunError
from geoloupe.scenes import local
from geoloupe.scenes import plan as planning
from geoloupe.scenes.commands import finish
from geoloupe.scenes.identity import identities
from geoloupe.scenes.preview import forecast, preview
from geoloupe.scenes.work_folder import work_folder
from tests.program import program

OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 3, "tile": 32}
PLACE = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make many blocks of small scenes."""
    monkeypatch.setattr(planning, "_BLOCK_BYTES", 2**16)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of noise with a hole; a corner is nodata."""
    values = np.random.default_rng(0).integers(1, 4000, (2, 150, 131)).astype(np.uint16)
    values[:, 60:80, 40:90] = 0
    values[:, -40:, -50:] = 0
    path = tmp_path / "scene.tif"
    profile = {"count": 2, "height": 150, "width": 131, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=PLACE, **profile) as out:
        out.write(values)
    return path


@pytest.fixture
def whole(scene: Path) -> bytes:
    """The file that an undisturbed run makes."""
    target = scene.with_name("whole.tif")
    result = geoloupe.upscale(scene, target, **OPTIONS)
    assert result.plan.block_count > 9
    return target.read_bytes()


def test_blocks_blend_to_what_one_block_makes(
    scene: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_BLOCK_BYTES", 2**30)
    single = geoloupe.upscale(scene, scene.with_name("single.tif"), **OPTIONS)
    assert len(single.plan.block_rows) == 1
    with rasterio.open(single.path) as one, rasterio.open(scene.with_name("whole.tif")) as many:
        assert (one.read() == many.read()).all()


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_killed_again_and_again_it_ends_in_the_same_bytes(
    scene: Path, whole: bytes, seed: int
) -> None:
    _killed_runs(scene, kills=5, seed=seed)
    assert scene.with_name("out.tif").read_bytes() == whole


def _killed_runs(scene: Path, *, kills: int, seed: int) -> None:
    target = scene.with_name("out.tif")
    moments = random.Random(seed)
    for _ in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.scenes.slowly", str(scene), str(target), "0.02"]
        )
        began = time.monotonic()
        while not work_folder(target).exists() and child.poll() is None:
            assert time.monotonic() - began < 60
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 1.2))
        child.kill()
        child.wait()
        if target.exists():
            break
    if target.exists():  # it was killed when its result was there
        with pytest.raises(InputError, match="exists already"):
            geoloupe.upscale(scene, target, **OPTIONS)
    else:
        geoloupe.upscale(scene, target, **OPTIONS)
    assert not work_folder(target).exists()
    assert {path.name for path in scene.parent.iterdir()} == {"scene.tif", "whole.tif", "out.tif"}


def test_what_is_done_is_not_done_again(
    scene: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = scene.with_name("out.tif")
    tiles: list[int] = []

    def stop(done: int, count: int) -> None:
        tiles.append(done)
        if done > count // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        geoloupe.upscale(scene, target, progress=stop, **OPTIONS)
    assert not target.exists()
    kept = len(list((work_folder(target) / "blocks").glob("*.safetensors")))
    assert kept > 2
    seen: list[int] = []
    geoloupe.upscale(scene, target, progress=lambda done, count: seen.append(done), **OPTIONS)
    assert seen[0] > 1
    assert target.read_bytes() == whole


def test_damaged_pixels_of_an_unfinished_run_are_made_again(scene: Path, whole: bytes) -> None:
    target = scene.with_name("out.tif")
    _half(scene, target)
    raw = work_folder(target) / "pixels.raw"
    content = bytearray(raw.read_bytes())
    content[: len(content) // 2] = bytes(len(content) // 2)
    raw.write_bytes(content)
    geoloupe.upscale(scene, target, **OPTIONS)
    assert target.read_bytes() == whole


def test_damaged_block_files_are_named_and_made_again(scene: Path, whole: bytes) -> None:
    target = scene.with_name("out.tif")
    _half(scene, target)
    blocks = sorted((work_folder(target) / "blocks").glob("*.safetensors"))
    for block in blocks[:3]:  # as a power cut leaves them
        block.write_bytes(block.read_bytes()[:50])
    spoilt = bytearray(blocks[3].read_bytes())
    spoilt[-1] ^= 1
    blocks[3].write_bytes(spoilt)
    with pytest.raises(RunError, match=r"was damaged and has been deleted; run the same again"):
        geoloupe.upscale(scene, target, **OPTIONS)
    geoloupe.upscale(scene, target, **OPTIONS)
    assert target.read_bytes() == whole


def test_work_that_does_not_say_what_it_is_of_is_named(scene: Path) -> None:
    target = scene.with_name("out.tif")
    _half(scene, target)
    (work_folder(target) / "job.json").write_text("{}")
    with pytest.raises(InputError, match=r"job\.json: does not describe a job; delete"):
        finish(target)
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        finish(Path("."))


def _half(scene: Path, target: Path) -> None:
    def stop(done: int, count: int) -> None:
        if done > count // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        geoloupe.upscale(scene, target, progress=stop, **OPTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": 2}, "settings scale was 3, now 2"),
        ({"tile": 30}, "settings tile was 32, now 30"),
        ({"range": (0, 2000)}, "settings range was None"),
        ({"model": "nearest"}, "model name was bicubic, now nearest"),
    ],
)
def test_other_choices_do_not_continue(scene: Path, change: dict[str, Any], message: str) -> None:
    target = scene.with_name("out.tif")
    _half(scene, target)
    with pytest.raises(InputError) as caught:
        geoloupe.upscale(scene, target, **OPTIONS | change)
    assert message in str(caught.value)
    assert str(work_folder(target)) in str(caught.value)


def test_another_scene_under_the_same_name_does_not_continue(scene: Path) -> None:
    target = scene.with_name("out.tif")
    _half(scene, target)
    with rasterio.open(scene, "r+") as out:
        out.write(out.read() + 1)
    with pytest.raises(InputError, match=r"scene .*scene\.tif was \d+ bytes of"):
        geoloupe.upscale(scene, target, **OPTIONS)


def test_another_file_behind_a_virtual_scene_does_not_continue(scene: Path) -> None:
    virtual, target = scene.with_name("scene.vrt"), scene.with_name("out.tif")
    rasterio.shutil.copy(scene, virtual, driver="VRT")
    _half(virtual, target)
    with rasterio.open(scene, "r+") as out:
        out.write(out.read() + 1)
    with pytest.raises(InputError, match=r"scene .*scene\.tif was \d+ bytes of"):
        geoloupe.upscale(virtual, target, **OPTIONS)


def test_statistics_beside_a_scene_do_not_stop_it(scene: Path, whole: bytes) -> None:
    target = scene.with_name("out.tif")
    _half(scene, target)
    scene.with_name("scene.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")
    geoloupe.upscale(scene, target, **OPTIONS)
    assert target.read_bytes() == whole


def test_a_start_that_fails_leaves_nothing(scene: Path) -> None:
    def stop(done: int, count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        geoloupe.upscale(scene, scene.with_name("out.tif"), progress=stop, **OPTIONS)
    assert [path.name for path in scene.parent.iterdir()] == ["scene.tif"]


def test_shards_are_put_together(scene: Path, whole: bytes) -> None:
    target = scene.with_name("out.tif")
    for part in ("2/3", "1/3"):
        result = geoloupe.upscale(scene, target, shard=part, **OPTIONS)
        assert not result.complete
    with pytest.raises(InputError, match=r"blocks are missing; run the shards"):
        finish(target)
    last = geoloupe.upscale(scene, target, shard="3/3", **OPTIONS)
    assert (last.complete, last.pending) == (False, 0)
    assert finish(target).complete
    assert target.read_bytes() == whole


def test_assemble_finishes_what_shards_left(scene: Path, whole: bytes) -> None:
    target = scene.with_name("out.tif")
    geoloupe.upscale(scene, target, shard="1/2", **OPTIONS)
    done = program("assemble", target)
    assert done.returncode == 2
    assert "blocks are missing" in done.stderr
    with pytest.raises(InputError, match="has no unfinished work"):
        finish(scene.with_name("other.tif"))


@pytest.mark.parametrize("wrong", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_a_shard_is_a_part(scene: Path, wrong: str) -> None:
    with pytest.raises(InputError, match="shard is a part such as 2/8"):
        geoloupe.upscale(scene, scene.with_name("out.tif"), shard=wrong, **OPTIONS)


@pytest.mark.parametrize("memory", ["200MB", "8 GB", "1.5GiB"])
def test_memory_changes_nothing_but_how(
    scene: Path, whole: bytes, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = scene.with_name("out.tif")
    monkeypatch.setattr(local, "resident", lambda: 0)  # else tests before this one count
    geoloupe.upscale(scene, target, memory=memory, **OPTIONS)
    assert target.read_bytes() == whole


def test_blocks_for_which_memory_ran_out_are_tried_alone(
    scene: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from geoloupe.scenes.scene import Enlargement

    compute = Enlargement.compute
    failed: list[str] = []

    def short(self: Enlargement, block: planning.Block, done: Any) -> Any:
        if block.column == 1 and block.name not in failed:
            failed.append(block.name)
            raise MemoryError
        return compute(self, block, done)

    monkeypatch.setattr(Enlargement, "compute", short)
    target = scene.with_name("out.tif")
    geoloupe.upscale(scene, target, **OPTIONS)
    assert failed
    assert target.read_bytes() == whole


def test_a_forecast_writes_nothing_and_fits(scene: Path) -> None:
    found = forecast(scene, **OPTIONS)
    result = geoloupe.upscale(scene, scene.with_name("out.tif"), **OPTIONS)
    assert (found.width, found.height, found.tiles) == (393, 450, result.plan.count)
    assert found.blocks == result.plan.block_count
    assert min(found.memory, found.disk, found.seconds) > 0
    tags = result.layout.facts.tags
    told = (tags["GEOLOUPE_SENSOR"], tags["GEOLOUPE_MTF"], tags["GEOLOUPE_RANGE"])
    assert (found.sensor, found.mtf, found.range) == told


def test_a_preview_is_a_part_of_the_result(scene: Path) -> None:
    path = preview(scene, scene.with_name("out.tif"), **OPTIONS)
    result = geoloupe.upscale(scene, scene.with_name("out.tif"), **OPTIONS)
    with rasterio.open(path) as part, rasterio.open(result.path) as all_of_it:
        window = all_of_it.window(*part.bounds)
        assert all(80 <= side <= 96 for side in part.shape)  # one tile of 32 or a little less
        inner = (slice(None), slice(24, 72), slice(24, 72))
        assert (part.read()[inner] == all_of_it.read(window=window)[inner]).all()


def test_scripts_are_told_in_json(scene: Path) -> None:
    def run(*words: str) -> Any:
        return json.loads(program("upscale", scene, "--json", *words).stdout)

    assert run("--dry-run")["tiles"] == 1
    assert Path(run("--preview")["path"]).exists()
    found = run()
    assert (found["width"], found["complete"]) == (524, True)
    assert Path(found["path"]).exists()


def test_several_scenes_go_into_a_folder_and_failures_are_counted(
    scene: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.tif").write_bytes(b"nothing")
    (tmp_path / "out").mkdir()
    words = [str(tmp_path / "broken.tif"), str(scene), "-o", str(tmp_path / "out"), "-q"]
    done = program("upscale", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "1 of 2 scenes failed" in done.stderr
    assert (tmp_path / "out" / "scene.tif").exists()


def test_files_are_told_apart_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.zip").write_bytes(b"123")
    (tmp_path / "P.SAFE").mkdir()
    monkeypatch.chdir(tmp_path)
    inside = identities(f"/vsizip/{tmp_path}/a.zip/x/y.jp2", "a.zip", tmp_path / "a.zip")
    assert list(inside) == [str(tmp_path / "a.zip")]
    assert inside[str(tmp_path / "a.zip")].startswith("3 bytes of ")
    assert (
        identities("P.SAFE")
        == identities(tmp_path / "P.SAFE")
        == {str(tmp_path / "P.SAFE"): "there"}
    )
    assert identities("https://x.org/a.tif") == {"https://x.org/a.tif": "there"}
    assert identities("a.tif.aux.xml") == {}
