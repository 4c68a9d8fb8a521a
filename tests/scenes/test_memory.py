"""Memory is what a person allows, or a part of what is free; what has no room is refused."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import geoloupe
from geoloupe.errors import InputError, OutOfMemoryError, RunError
from geoloupe.rasters.opening import open_source
from geoloupe.scenes import local, plan
from geoloupe.scenes.preview import forecast, preview
from geoloupe.scenes.upscale_order import UpscaleSettings, set_up
from geoloupe.scenes.work_folder import work_folder
from geoloupe.storage.sizes import parse_size
from tests.datasets.small import picture

BICUBIC: dict[str, Any] = {"model": "bicubic", "scale": 4}
CGROUPS = Path("/sys/fs/cgroup/memory")  # version 1, as its root may write there


def cube(folder: Path, bands: int, height: int, width: int) -> Path:
    """Write a cube of noise."""
    values = np.random.default_rng(0).random((bands, height, width), np.float32)
    return picture(folder / "cube.tif", values)


def vrt(path: Path, width: int, height: int, *, dtype: str = "UInt16", bands: int = 1) -> Path:
    """Claim a scene of any size in a few bytes."""
    told = "".join(f'<VRTRasterBand dataType="{dtype}" band="{n + 1}"/>' for n in range(bands))
    path.write_text(f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{told}</VRTDataset>')
    return path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say how much is free and how much the process holds."""

    def say(*, free: int, held: int = 0, cores: int = 2) -> None:
        monkeypatch.setattr(local, "available", lambda: free)
        monkeypatch.setattr(local, "resident", lambda: held)
        monkeypatch.setattr(os, "cpu_count", lambda: cores)

    return say


@contextmanager
def opened(scene: Path, **options: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Prepare a run, and give the scene and its blocks."""
    chosen = UpscaleSettings(scale=4, **options)
    target = scene.with_name("out.tif")
    with ExitStack() as stack:
        ready = set_up(stack, scene, target, "bicubic", chosen, overwrite=True)
        yield ready.scene, list(ready.scene.plan.blocks)


@pytest.mark.parametrize("work", [geoloupe.upscale, forecast, preview])
def test_what_has_no_room_is_refused_and_told_what_it_needs(
    tmp_path: Path, work: Any, machine: Any
) -> None:
    scene, target = cube(tmp_path, 40, 20, 24), tmp_path / "out.tif"
    machine(free=10**10, held=400_000_000)
    told = (
        r"cube\.tif: a block of it, with tiles of 24 x 20 pixels and 40 bands, needs about "
        r"3[67]\.\d MB of memory, and 2\.89 MB may be used \(470 MB less the 467 MB that the "
        r"program itself takes\); allow more memory, or choose a smaller tile or "
        r"fewer bands"
    )
    with pytest.raises(OutOfMemoryError, match=told):
        work(scene, target, memory="470MB", **BICUBIC)
    assert [path.name for path in tmp_path.iterdir()] == ["cube.tif"]


def test_without_a_word_a_part_of_what_is_free_is_used(tmp_path: Path, machine: Any) -> None:
    scene = cube(tmp_path, 40, 20, 24)
    machine(free=5_000_000)
    with pytest.raises(OutOfMemoryError, match=r"3 MB may be used \(60% of what is free\)"):
        geoloupe.upscale(scene, tmp_path / "out.tif", **BICUBIC)
    machine(free=10**9)
    geoloupe.upscale(scene, tmp_path / "out.tif", **BICUBIC)


def test_no_person_can_allow_what_is_not_there(tmp_path: Path, machine: Any) -> None:
    scene = cube(tmp_path, 40, 20, 24)
    machine(free=3_000_000)
    with pytest.raises(OutOfMemoryError, match="3 MB may be used"):
        geoloupe.upscale(scene, tmp_path / "out.tif", memory="8GB", **BICUBIC)


@pytest.mark.parametrize("memory", ["150MB", "300MB", "2GB", None])
def test_as_many_blocks_at_once_as_there_is_room_for(
    tmp_path: Path, machine: Any, memory: str | None
) -> None:
    machine(free=10**9, cores=64)
    room = 6 * 10**8 if memory is None else min(parse_size(memory) - 2**26, 10**9)
    with opened(cube(tmp_path, 12, 150, 150), tile=20, memory=memory) as (scene, blocks):
        threads, need = local.thread_count(scene, blocks, memory and parse_size(memory))
    assert threads == min(64, len(blocks), room // need)


def test_small_tiles_and_blocks_are_what_little_memory_asks_for(tmp_path: Path) -> None:
    scene = cube(tmp_path, 20, 150, 150)
    with opened(scene, tile=20, memory="4GB") as (_, few):
        pass
    with opened(scene, tile=20, memory="64MB") as (_, many):
        pass
    assert len(many) > len(few)
    assert sum(block.count for block in many) == sum(block.count for block in few)


def test_a_run_goes_on_with_less_memory_than_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Any
) -> None:
    monkeypatch.setattr(plan, "_BLOCK_BYTES", 2**20)
    machine(free=10**10)
    scene, target = cube(tmp_path, 4, 150, 131), tmp_path / "out.tif"
    options: dict[str, Any] = BICUBIC | {"tile": 32}
    whole = geoloupe.upscale(scene, tmp_path / "whole.tif", **options)

    def stop(done: int, count: int) -> None:
        if done > count // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        geoloupe.upscale(scene, target, progress=stop, **options)
    done = len(list((work_folder(target) / "blocks").glob("*.safetensors")))
    assert done
    again = geoloupe.upscale(scene, target, memory="150MB", **options)
    assert again.plan.group == whole.plan.group
    assert target.read_bytes() == whole.path.read_bytes()


def test_more_workers_than_memory_holds_are_refused(tmp_path: Path, machine: Any) -> None:
    machine(free=10**9, held=3 * 10**8)
    with pytest.raises(OutOfMemoryError, match=r"each of 5 workers needs about .* fewer workers"):
        geoloupe.upscale(cube(tmp_path, 3, 9, 9), tmp_path / "out.tif", workers=5, **BICUBIC)


@pytest.mark.parametrize(
    ("bands", "network", "side"),
    [(4, "bicubic", 256), (224, "bicubic", 68), (2000, "bicubic", 32), (224, "loupe-x4", 120)],
)
def test_only_tiles_that_are_no_part_of_the_answer_shrink_with_the_bands(
    bands: int, network: str, side: int
) -> None:
    margin = {"bicubic": 4, "loupe-x4": 15}[network]
    assert plan.tile_side(256, margin=margin, pixel=bands * 64) == side


def test_a_tile_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    scene = cube(tmp_path, 60, 10, 10)
    for asked, used in ((None, 132), (256, 256)):
        with opened(scene, tile=asked) as (ready, _):
            assert ready.plan.tile == used


def test_a_cube_is_the_same_in_small_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = cube(tmp_path, 30, 70, 60)
    whole = geoloupe.upscale(scene, tmp_path / "whole.tif", **BICUBIC)
    monkeypatch.setattr(plan, "_TILE_BYTES", 2**20)
    tiled = geoloupe.upscale(scene, tmp_path / "tiled.tif", **BICUBIC)
    assert (whole.plan.count, whole.plan.tile) == (1, 186)
    assert tiled.plan.count > 4
    with open_source(tiled.path) as one, open_source(whole.path) as other:
        assert np.abs(one.read().values - other.read().values).max() < 1e-5


MOONS = {
    "square": (2_000_000_000, 2_000_000_000),
    "wide": (200_000_000, 9),
    "tall": (9, 200_000_000),
}


@pytest.mark.parametrize("size", MOONS)
@pytest.mark.parametrize("work", [geoloupe.upscale, forecast, preview])
def test_what_no_disk_can_hold_is_refused_before_a_tile_is_thought_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Any, size: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("work was done")

    monkeypatch.setattr(plan, "Span", never)
    if size == "square":  # nor a pixel looked at, which can take as long
        monkeypatch.setattr("geoloupe.rasters.raster._radiometry", never)
        monkeypatch.setattr("geoloupe.rasters.raster._transparency", never)
    disk(monkeypatch, free=10**11)
    scene = vrt(tmp_path / "moon.vrt", *MOONS[size])
    with pytest.raises(RunError, match=r"out\.tif: takes (at least|up to) .*B to make, but"):
        work(scene, tmp_path / "out.tif", **BICUBIC)
    assert [path.name for path in tmp_path.iterdir()] == ["moon.vrt"]


def disk(monkeypatch: pytest.MonkeyPatch, *, free: int) -> None:
    """Say how much is left on the disk."""
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr("geoloupe.rasters.product.shutil.disk_usage", lambda _: usage)


def test_more_tiles_than_anybody_computes_are_refused_unlisted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = vrt(tmp_path / "moon.vrt", 40_000, 40_000, dtype="Byte")
    disk(monkeypatch, free=10**18)
    monkeypatch.setattr(plan, "_BLOCK_BYTES", 1)
    told = r"moon\.vrt: 40000 x 40000 pixels would be .* tiles in .* blocks, and at most 1,048,576"
    with pytest.raises(InputError, match=told):
        geoloupe.upscale(scene, tmp_path / "out.tif", model="nearest", scale=2, tile=4)


def run(command: list[str], *, first: str = "true") -> tuple[int, int, str]:
    """Run a program in a shell's limits; give its code, the most it held and what it said."""
    shell = ["sh", "-c", f'{first}; exec "$@"', "sh"]
    child = subprocess.Popen(
        [*shell, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    most = 0
    while child.poll() is None:
        # The program forgets its peak when it measures tiles, so it is looked at often.
        with suppress(OSError):
            status = Path(f"/proc/{child.pid}/status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+)", status):
                most = max(most, int(found[1]) * 1024)
        time.sleep(0.005)
    told, _ = child.communicate()
    return child.returncode, most, told


def program(scene: Path, *words: str) -> list[str]:
    """Give the words that enlarge a scene four times."""
    target = str(scene.with_name("out.tif"))
    base = [sys.executable, "-m", "geoloupe", "upscale", str(scene), "-o", target]
    return [*base, "--model", "bicubic", "--set", "scale=4", *words]


linux = pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")


@linux
@pytest.mark.slow
@pytest.mark.parametrize("words", [("500MB", "--set", "tile=32"), ("1GB",)])
def test_a_cube_stays_within_the_memory_that_is_allowed(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    scene = cube(tmp_path, 224, 64, 256)
    code, most, told = run(program(scene, "--memory", *words))
    assert code == 0, told
    assert most <= parse_size(words[0])


@linux
@pytest.mark.slow
def test_little_address_space_is_enough_or_told(tmp_path: Path) -> None:
    scene = cube(tmp_path, 4, 600, 500)
    bound = "ulimit -v 1500000"
    code, _, told = run(program(scene), first=bound)
    assert code == 0, told
    scene = cube(tmp_path, 400, 256, 256)
    code, _, told = run(program(scene, "--overwrite", "--set", "tile=256"), first=bound)
    assert code == 1
    assert "of memory, and" in told
    assert "Traceback" not in told


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A container of 1.5 GB."""
    folder = CGROUPS / f"geoloupe-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text("1500000000")
    except OSError:
        pytest.skip("no memory cgroup can be made here")
    yield folder
    folder.rmdir()


@linux
@pytest.mark.slow
@pytest.mark.parametrize("bands", [4, 224])
def test_a_container_s_memory_is_enough(tmp_path: Path, cgroup: Path, bands: int) -> None:
    """Without a word: a process that takes more is killed."""
    scene = cube(tmp_path, bands, 600 if bands == 4 else 64, 500)
    code, _, told = run(program(scene), first=f"echo $$ > {cgroup}/cgroup.procs")
    assert code == 0, told
    assert "oom_kill 0" in (cgroup / "memory.oom_control").read_text()
