"""Several devices make the file that one makes, and go on where a process of one was killed."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError, RunError
from geoloupe.scenes.work_folder import work_folder
from tests.datasets.small import picture

OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 4, "tile": 64}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of several blocks."""
    values = np.random.default_rng(0).integers(1, 4000, (4, 600, 500)).astype(np.uint16)
    return picture(tmp_path / "scene.tif", values)


def pixels(path: Path) -> Any:
    with rasterio.open(path) as product:
        return product.read()


def test_two_make_what_one_makes(scene: Path) -> None:
    one = geoloupe.upscale(scene, scene.with_name("one.tif"), **OPTIONS)
    assert one.plan.block_count >= 4
    counted: list[tuple[int, int]] = []
    two = geoloupe.upscale(
        scene,
        scene.with_name("two.tif"),
        progress=lambda *done: counted.append(done),
        **OPTIONS | {"device": "cpu,cpu"},
    )
    assert two.complete
    assert np.array_equal(pixels(scene.with_name("one.tif")), pixels(scene.with_name("two.tif")))
    assert counted[-1][0] == counted[-1][1]
    assert not work_folder(scene.with_name("two.tif")).exists()


def test_what_a_killed_process_leaves_is_gone_on_with(scene: Path) -> None:
    target = scene.with_name("out.tif")

    def kill() -> None:
        """Kill a worker once a block is there."""
        folder = work_folder(target)
        while not list(folder.glob("**/0*-0*")):
            time.sleep(0.01)
        for child in psutil.Process().children():
            if "spawn_main" in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
                return

    watcher = threading.Thread(target=kill, daemon=True)
    watcher.start()
    with pytest.raises(RunError, match="finished work is kept: run the same again to continue"):
        geoloupe.upscale(scene, target, **OPTIONS | {"device": "cpu,cpu"})
    watcher.join(30)
    assert not target.exists()
    assert work_folder(target).exists()
    geoloupe.upscale(scene, target, **OPTIONS)  # one device, the same work
    geoloupe.upscale(scene, scene.with_name("whole.tif"), **OPTIONS)
    assert np.array_equal(pixels(target), pixels(scene.with_name("whole.tif")))


def test_a_device_that_is_not_here_is_said_before_anything_is_made(scene: Path) -> None:
    with pytest.raises(InputError, match="there is no device"):
        geoloupe.upscale(scene, scene.with_name("o.tif"), **OPTIONS | {"device": "warp:0,1"})
    assert not work_folder(scene.with_name("o.tif")).exists()
