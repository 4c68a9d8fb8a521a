"""The same file from a Dask cluster of real processes, of which one is killed in the middle."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError
from geoloupe.inference.job import work_folder
from tests.datasets.small import picture

distributed = pytest.importorskip("distributed")

# Dask leaves sockets to the garbage collector when its worker processes are killed.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 8, "tile": 64}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start a scheduler and two worker processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as found:
        yield found


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of several blocks."""
    values = np.random.default_rng(0).integers(1, 4000, (4, 600, 500)).astype(np.uint16)
    return picture(tmp_path / "scene.tif", values)


@pytest.mark.parametrize(
    "turn", [0, *(pytest.param(turn, marks=pytest.mark.slow) for turn in range(1, 20))]
)
def test_a_cluster_makes_the_same_file_though_a_worker_dies(
    scene: Path, cluster: Any, turn: int
) -> None:
    whole = geoloupe.upscale(scene, scene.with_name("whole.tif"), **OPTIONS)
    blocks = sum(len(row) for row in whole.plan.blocks)
    assert blocks >= 4
    target = scene.with_name("out.tif")
    victim = next(iter(cluster.workers.values())).pid

    def kill() -> None:
        finished = work_folder(target) / "blocks"
        while not list(finished.glob("*.safetensors")):
            time.sleep(0.005)
        time.sleep(0.02 * turn)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    seen: list[int] = []
    result = geoloupe.upscale(
        scene,
        target,
        cluster=cluster.scheduler_address,
        progress=lambda done, count: seen.append(done),
        **OPTIONS,
    )
    killer.join()
    assert result.complete
    assert seen[-1] == whole.plan.count
    assert target.read_bytes() == whole.path.read_bytes()
    assert not work_folder(target).exists()


def test_workers_can_be_started_here(scene: Path) -> None:
    result = geoloupe.upscale(scene, scene.with_name("out.tif"), workers=1, **OPTIONS)
    with rasterio.open(result.path) as out:
        assert out.shape == (4800, 4000)


def test_a_scheduler_that_is_not_there_is_named(scene: Path) -> None:
    with pytest.raises(InputError, match=r"tcp://127.0.0.1:9: no Dask scheduler answers there"):
        geoloupe.upscale(scene, scene.with_name("out.tif"), cluster="tcp://127.0.0.1:9", **OPTIONS)
    assert [path.name for path in scene.parent.iterdir()] == ["scene.tif"]
