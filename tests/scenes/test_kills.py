"""Shards, workers and whole runs that are killed at any moment: the result is the same."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import geoloupe
from geoloupe.errors import InputError
from geoloupe.scenes import plan as planning
from geoloupe.scenes.commands import finish
from geoloupe.scenes.work_folder import work_folder
from tests.datasets.small import picture

OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 3, "tile": 32}
LIMIT = 600.0  # seconds that nothing here takes, however busy the machine


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make as many blocks as the processes do."""
    monkeypatch.setattr(planning, "_BLOCK_BYTES", 2**16)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of a dozen blocks."""
    values = np.random.default_rng(0).integers(1, 4000, (2, 150, 131)).astype(np.uint16)
    return picture(tmp_path / "scene.tif", values)


@pytest.fixture
def whole(scene: Path) -> bytes:
    """The file that an undisturbed run makes."""
    return geoloupe.upscale(scene, scene.with_name("whole.tif"), **OPTIONS).path.read_bytes()


def start(scene: Path, target: Path, **options: Any) -> subprocess.Popen[str]:
    """Begin a slow run in another process."""
    words = [str(scene), str(target), "0.02", json.dumps(options)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.scenes.slowly", *words],
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(found: Any, child: subprocess.Popen[str]) -> None:
    """Wait until something is there, or the process has ended."""
    began = time.monotonic()
    while not found() and child.poll() is None:
        assert time.monotonic() - began < LIMIT
        time.sleep(0.02)


def finished(target: Path) -> list[Path]:
    """List the blocks of a result that are done."""
    return list((work_folder(target) / "blocks").glob("*.safetensors"))


def workers(of: int) -> list[int]:
    """List the worker processes that a process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == of and b"spawn_main" in words:
                found.append(int(folder.name))
    return found


def ended(process: int) -> bool:
    """Tell whether a process is no more."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[
            0
        ] in "ZX"
    except OSError:
        return True


def names(folder: Path) -> list[str]:
    """List what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


slow = pytest.mark.slow
twenty = pytest.mark.parametrize("turn", range(20))


@slow
@twenty
def test_a_killed_worker_is_replaced(scene: Path, whole: bytes, turn: int) -> None:
    pytest.importorskip("distributed")
    moments, target = random.Random(turn), scene.with_name("out.tif")
    child = start(scene, target, workers=2)
    wait_for(lambda: finished(target) if turn % 2 else workers(child.pid), child)
    time.sleep(moments.uniform(0, 1))
    alive = workers(child.pid)
    if alive:
        os.kill(moments.choice(alive), 9)
    _, told = child.communicate(timeout=LIMIT)
    if child.returncode:  # killed before it was a worker
        assert "2 workers could not be started" in told
        geoloupe.upscale(scene, target, **OPTIONS)
    assert target.read_bytes() == whole
    assert names(scene.parent) == ["out.tif", "scene.tif", "whole.tif"]


@slow
@twenty
def test_a_killed_cluster_is_followed_by_another_run(scene: Path, whole: bytes, turn: int) -> None:
    """The scheduler lives in the process that is killed; its workers must not live on."""
    pytest.importorskip("distributed")
    moments, target = random.Random(turn), scene.with_name("out.tif")
    child = start(scene, target, workers=2)
    wait_for(lambda: finished(target) if turn % 4 else workers(child.pid), child)
    time.sleep(moments.uniform(0, 1))
    orphans = workers(child.pid)
    child.kill()
    child.communicate()
    more = {"workers": 2} if turn % 5 == 0 else {}
    if target.exists():
        with pytest.raises(InputError, match="exists already"):
            geoloupe.upscale(scene, target, **OPTIONS)
    elif more:
        _, told = start(scene, target, **more).communicate(timeout=LIMIT)
        assert target.exists(), told
    else:
        geoloupe.upscale(scene, target, **OPTIONS)
    assert target.read_bytes() == whole
    assert names(scene.parent) == ["out.tif", "scene.tif", "whole.tif"]
    began = time.monotonic()
    while not all(map(ended, orphans)):
        assert time.monotonic() - began < LIMIT
        time.sleep(0.1)


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=slow) for turn in range(1, 20))])
def test_a_killed_shard_is_run_again(scene: Path, whole: bytes, turn: int) -> None:
    moments, target = random.Random(turn), scene.with_name("out.tif")
    children = [start(scene, target, shard=f"{part}/3") for part in (1, 2, 3)]
    victim = turn % 3
    if turn:
        wait_for(work_folder(target).exists, children[victim])
        time.sleep(moments.uniform(0, 0.6))
    else:
        wait_for(lambda: finished(target), children[victim])
    children[victim].kill()
    for child in children:
        child.communicate(timeout=LIMIT)
    assert all(child.returncode == 0 for child in children if child is not children[victim])
    geoloupe.upscale(scene, target, shard=f"{victim + 1}/3", **OPTIONS)
    assert finish(target).path.read_bytes() == whole
    assert names(scene.parent) == ["out.tif", "scene.tif", "whole.tif"]


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=slow) for turn in range(1, 10))])
def test_of_two_runs_at_once_one_is_told(scene: Path, whole: bytes, turn: int) -> None:
    target = scene.with_name("out.tif")
    children = []
    for _ in range(2):
        children.append(start(scene, target))
        time.sleep(0.1 * (turn // 2))
    told = [child.communicate(timeout=LIMIT)[1] for child in children]
    codes = [child.returncode for child in children]
    assert sorted(codes) == [0, 1]  # the slow program shows what was raised as it is
    why = told[codes.index(1)]
    assert "another process is working on it now" in why or "exists already" in why
    assert target.read_bytes() == whole
    assert names(scene.parent) == ["out.tif", "scene.tif", "whole.tif"]


def steps_back() -> Iterator[float]:
    """Tell the time of a clock that runs backward, from far in the future."""
    now = 4e9
    while True:
        now -= 3600
        yield now


def test_a_clock_that_runs_backward_changes_nothing(
    scene: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, count: int) -> None:
        if done > count // 2:
            raise KeyboardInterrupt

    target, clock = scene.with_name("out.tif"), steps_back()
    monkeypatch.setattr(time, "time", lambda: next(clock))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(clock) * 1e9))
    with pytest.raises(KeyboardInterrupt):
        geoloupe.upscale(scene, target, progress=stop, **OPTIONS)
    for number, path in enumerate(sorted(work_folder(target).rglob("*"))):
        os.utime(path, (4e9 - number, 4e9 - number))  # made by a clock that was a century ahead
    geoloupe.upscale(scene, target, shard="1/2", **OPTIONS)
    for path in work_folder(target).rglob("*"):
        os.utime(path, (0, 0))
    geoloupe.upscale(scene, target, shard="2/2", **OPTIONS)
    assert finish(target).path.read_bytes() == whole
    os.utime(target, (0, 0))  # a result of the past is still one
    with pytest.raises(InputError, match="exists already"):
        geoloupe.upscale(scene, target, **OPTIONS)
    assert names(scene.parent) == ["out.tif", "scene.tif", "whole.tif"]
