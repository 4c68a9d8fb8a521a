"""A disk that fills in any phase of a run ends it with a sentence; with room again it goes on."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import rasterio.shutil

import geoloupe
from geoloupe.errors import RunError
from geoloupe.rasters import gdal_files, planes
from geoloupe.scenes import assemble, job, work_folder
from geoloupe.scenes import plan as planning
from geoloupe.scenes.commands import finish
from geoloupe.storage import publish
from tests.scenes.work import BLOCK, OPTIONS, made, two_scenes

# What begins each phase, and whether the phase writes anything.
PHASES: dict[str, tuple[Any, str, bool]] = {
    "the facts": (work_folder, "publish_texts", True),
    "room for pixels": (planes, "_reserve", True),
    "pixels": (planes.Planes, "put", True),
    "a block": (job, "write_block", True),
    "putting together": (assemble, "publish_planes", True),
    "overviews": (planes.Planes, "as_vrt", True),
    "copying": (rasterio.shutil, "copy", True),
    "reading back": (gdal_files, "same", True),  # then what became of the work is noted
    "renaming": (publish, "_move", False),
    "deleting": (work_folder, "discard", False),
}

REASONS = ("No space left", "File too large", "is the disk full?", "but the disk has 0 bytes left")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make three blocks of a small scene."""
    monkeypatch.setattr(planning, "_BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(planes, "_MIN_OVERVIEW_PX", 64)  # one overview


resource = pytest.importorskip("resource", reason="disks are made small as Linux does")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    if (
        os.geteuid()
        or shutil.which("mount") is None
        or subprocess.run(mount, check=False).returncode
    ):
        pytest.skip("only root may mount a disk that is small enough to fill")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[Callable[[], None]]:
    """Fill a disk when it is asked for; free it at the end."""
    ballast = disk / "ballast"

    def fill() -> None:
        with ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017

    try:
        yield fill
    finally:
        ballast.unlink(missing_ok=True)


@contextmanager
def limited(_: Path) -> Iterator[Callable[[], None]]:
    """Let no file grow when it is asked for, as where there is no root; end that at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def begins(owner: Any, name: str, then: Callable[[], None], at: int) -> Any:
    """Replace what begins a phase by what fills the disk first, at its second block or so."""
    phase, calls = getattr(owner, name), []

    def begun(*words: Any, **more: Any) -> Any:
        calls.append(words)
        if len(calls) == at:
            then()
        return phase(*words, **more)

    return begun


def fails_or_ends(
    scene: Path, target: Path, phase: str, how: Callable[[Path], Any], **more: Any
) -> None:
    """Run while the disk fills in a phase: a sentence and no result, or the result."""
    owner, name, writes = PHASES[phase]
    with pytest.MonkeyPatch.context() as patch, how(target.parent) as fill:
        # Before the result, the facts are renamed; a block is best the second.
        at = 2 if phase in ("a block", "renaming") else 1
        patch.setattr(owner, name, begins(owner, name, fill, at))
        if not writes:
            made(scene, target, **more)
            return
        with pytest.raises(RunError) as caught:
            made(scene, target, **more)
    assert not target.exists()
    told = str(caught.value)
    assert "\n" not in told
    assert any(why in told for why in REASONS), told


@pytest.mark.parametrize("phase", PHASES)
def test_no_file_may_grow(tmp_path: Path, phase: str) -> None:
    scene, _ = two_scenes(tmp_path)
    right = made(scene, tmp_path / "right.tif")
    target = tmp_path / "out.tif"
    fails_or_ends(scene, target, phase, limited)
    if not target.exists():
        made(scene, target)
    assert target.read_bytes() == right
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("phase", PHASES)
def test_a_disk_fills(tmp_path: Path, disk: Path, phase: str) -> None:
    scene, _ = two_scenes(tmp_path)
    right = made(scene, tmp_path / "right.tif")
    target = disk / "out.tif"
    fails_or_ends(scene, target, phase, filled)
    if not target.exists():
        made(scene, target)
    assert target.read_bytes() == right
    assert [path.name for path in disk.iterdir()] == ["out.tif"]


@pytest.mark.parametrize("phase", ["the facts", "a block"])
def test_a_disk_fills_while_shards_are_computed(tmp_path: Path, disk: Path, phase: str) -> None:
    scene, _ = two_scenes(tmp_path)
    right = made(scene, tmp_path / "right.tif")
    target = disk / "out.tif"
    fails_or_ends(scene, target, phase, filled, shard="1/1")
    geoloupe.upscale(scene, target, shard="1/1", **OPTIONS)
    assert finish(target).path.read_bytes() == right
    assert [path.name for path in disk.iterdir()] == ["out.tif"]
