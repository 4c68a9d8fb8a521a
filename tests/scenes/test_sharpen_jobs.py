"""Sharpening that is killed, shared or sent away makes the same file."""

import json
import pickle
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import geoloupe
from geoloupe.errors import InputError
from geoloupe.scenes import cluster
from geoloupe.scenes import plan as planning
from geoloupe.scenes import sharpen_order as sharpening
from geoloupe.scenes.commands import finish
from geoloupe.scenes.fusion import Fusion
from geoloupe.scenes.job import Job
from geoloupe.scenes.sharpen_order import set_up
from geoloupe.scenes.sharpen_settings import SharpenSettings
from geoloupe.scenes.work_folder import work_folder
from tests.scenes.pairs import MTF, pair

OPTIONS: dict[str, Any] = {"tile": 96, "mtf": MTF, "model": "gsa"}
LIMIT = 600.0  # seconds that nothing here takes, however busy the machine


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make as many blocks as the processes do."""
    monkeypatch.setattr(planning, "_BLOCK_BYTES", 2**15)


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, Path]:
    """Bands and their guide."""
    ms, guide, _ = pair(tmp_path)
    return ms, guide


@pytest.fixture
def whole(images: tuple[Path, Path], tmp_path: Path) -> bytes:
    """The file that an undisturbed run makes."""
    made = geoloupe.sharpen(images[0], tmp_path / "whole.tif", guide=images[1], **OPTIONS)
    assert made.plan.block_count > 3
    return made.path.read_bytes()


def test_killed_at_any_moment_it_goes_on(
    images: tuple[Path, Path], whole: bytes, tmp_path: Path
) -> None:
    target = tmp_path / "out.tif"
    words = [str(images[0]), str(target), str(images[1]), json.dumps(OPTIONS)]
    child = subprocess.Popen([sys.executable, "-m", "tests.scenes.sharpens_slowly", *words])
    began = time.monotonic()
    while not list((work_folder(target) / "blocks").glob("*.safetensors")):
        assert child.poll() is None
        assert time.monotonic() - began < LIMIT
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not target.exists()
    again: list[int] = []
    geoloupe.sharpen(
        images[0],
        target,
        guide=images[1],
        progress=lambda done, _: again.append(done),
        **OPTIONS,
    )
    assert again[0] > 1  # not from the beginning
    assert target.read_bytes() == whole


def test_shards_are_put_together(images: tuple[Path, Path], whole: bytes, tmp_path: Path) -> None:
    target = tmp_path / "shared.tif"
    for part in ("1/2", "2/2"):
        with pytest.raises(InputError, match=r"blocks are missing|no unfinished work"):
            finish(target)
        shard = geoloupe.sharpen(images[0], target, guide=images[1], shard=part, **OPTIONS)
        assert not shard.complete
    assert finish(target).path.read_bytes() == whole


@pytest.mark.parametrize("model", ["gsa", "guided-pan"])
def test_workers_of_a_cluster_make_it(tmp_path: Path, model: str) -> None:
    pytest.importorskip("distributed")
    ms, guide, _ = pair(tmp_path, side=192 if model == "gsa" else 320)
    options = OPTIONS | {"model": model, "tile": 96 if model == "gsa" else 190}
    whole = geoloupe.sharpen(ms, tmp_path / "whole.tif", guide=guide, **options).path.read_bytes()
    target = tmp_path / "cluster.tif"
    chosen = SharpenSettings(**{k: v for k, v in options.items() if k != "model"}, guide=guide)
    with ExitStack() as stack:
        ready = set_up(stack, ms, target, model, chosen, overwrite=False)
        with Job.open(target, ready.identity, alone=False) as job:
            errand = pickle.loads(pickle.dumps(ready.errand(job.identity)))
            for block in ready.scene.plan.blocks:  # each as a worker does it, from the errand
                cluster.compute_block(errand, (block.row, block.column))
    assert finish(target).path.read_bytes() == whole


def test_shards_with_trained_weights_are_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms, guide, _ = pair(tmp_path, side=320)
    options = {"tile": 190, "mtf": MTF, "guide": guide, "model": "guided-pan"}
    made = geoloupe.sharpen(ms, tmp_path / "whole.tif", **options)
    assert (made.model, made.plan.block_count > 3) == ("guided-pan", True)
    target = tmp_path / "shared.tif"
    geoloupe.sharpen(ms, target, shard="1/2", **options)
    with monkeypatch.context() as patch:  # another version of the weights does not go on with it
        patch.setattr(sharpening, "digest_of", lambda _: "another")
        with pytest.raises(InputError, match="unfinished"):
            geoloupe.sharpen(ms, target, shard="2/2", **options)
    geoloupe.sharpen(ms, target, shard="2/2", **options)
    assert finish(target).path.read_bytes() == made.path.read_bytes()


def test_other_choices_do_not_go_on_with_it(
    images: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, count = Fusion.compute, []

    def stopping(self: Any, block: Any, done: Any) -> Any:
        count.append(block)
        if len(count) == 3:
            raise KeyboardInterrupt
        return compute(self, block, done)

    target = tmp_path / "out.tif"
    with monkeypatch.context() as patch:
        patch.setattr(Fusion, "compute", stopping)
        with pytest.raises(KeyboardInterrupt):
            geoloupe.sharpen(images[0], target, guide=images[1], **OPTIONS)
    for change in ({"model": "glp"}, {"shift": (0.5, 0)}, {"bands": "1,2"}):
        with pytest.raises(InputError, match="unfinished"):
            geoloupe.sharpen(images[0], target, guide=images[1], **OPTIONS | change)
