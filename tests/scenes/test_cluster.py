"""The same file from a Dask cluster of real processes, of which one is killed in the middle."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError, RunError
from geoloupe.scenes.work_folder import work_folder
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


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(20))
def test_a_cluster_makes_the_same_file_though_a_worker_dies(
    scene: Path, cluster: Any, turn: int
) -> None:
    whole = geoloupe.upscale(scene, scene.with_name("whole.tif"), **OPTIONS)
    blocks = whole.plan.block_count
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


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_named(scene: Path) -> None:
    with pytest.raises(InputError, match=r"tcp://127.0.0.1:9: no Dask scheduler responds there"):
        geoloupe.upscale(scene, scene.with_name("out.tif"), cluster="tcp://127.0.0.1:9", **OPTIONS)
    assert [path.name for path in scene.parent.iterdir()] == ["scene.tif"]


@pytest.mark.slow
def test_a_scheduler_that_dies_is_told_of_and_the_work_goes_on(scene: Path) -> None:
    whole = geoloupe.upscale(scene, scene.with_name("whole.tif"), **OPTIONS).path.read_bytes()
    target, finished = (
        scene.with_name("out.tif"),
        work_folder(scene.with_name("out.tif")) / "blocks",
    )
    with members() as (address, scheduler):

        def kill() -> None:
            while not list(finished.glob("*.safetensors")):
                time.sleep(0.005)
            scheduler.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(RunError, match=r"scheduler is no longer there; finished work is kept"):
            geoloupe.upscale(scene, target, cluster=address, **OPTIONS)
        killer.join()
    assert list(finished.glob("*.safetensors"))
    assert geoloupe.upscale(scene, target, **OPTIONS).path.read_bytes() == whole


@contextmanager
def members() -> Iterator[tuple[str, Any]]:
    """Start a scheduler and a worker as processes of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, module = f"tcp://127.0.0.1:{port}", "distributed.cli.dask_"
    words = ("--host", "127.0.0.1", "--port", str(port), "--dashboard-address", ":0")
    run = [sys.executable, "-m"]
    scheduler = subprocess.Popen([*run, f"{module}scheduler", *words], stderr=subprocess.DEVNULL)
    worker = subprocess.Popen(
        [*run, f"{module}worker", address, "--no-nanny", "--dashboard-address", ":0"],
        stderr=subprocess.DEVNULL,
    )
    try:
        with distributed.Client(address, timeout="120s") as client:
            client.wait_for_workers(1, timeout=120)
        yield address, scheduler
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


def test_workers_that_do_not_start_are_told_of(
    scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(**_: Any) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", dead)
    with pytest.raises(RunError, match="2 workers could not be started"):
        geoloupe.upscale(scene, scene.with_name("out.tif"), workers=2, **OPTIONS)
    assert [path.name for path in scene.parent.iterdir()] == ["scene.tif"]


def test_members_that_do_not_say_goodbye_keep_nobody(
    scene: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client waited twice as long as for an answer, and then failed with the work done."""
    close = distributed.Client.close

    def mute(client: Any, timeout: Any = None) -> None:
        close(client)
        assert timeout == 10
        raise TimeoutError("timed out after 10 s.")

    monkeypatch.setattr(distributed.Client, "close", mute)
    made = geoloupe.upscale(
        scene, scene.with_name("out.tif"), cluster=cluster.scheduler_address, **OPTIONS
    )
    assert made.complete
