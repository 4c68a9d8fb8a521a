"""Folders and files that may not be written or read: a sentence, and the work is kept."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import geoloupe
from geoloupe.errors import GeoloupeError
from geoloupe.scenes import plan as planning
from geoloupe.scenes.commands import finish
from geoloupe.scenes.work_folder import work_folder
from tests.scenes.work import BLOCK, OPTIONS, blocks, made, sharded, stopped, two_scenes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rights differ elsewhere")
# Root's rights to read and write whatever the modes of files say.
_OVERRIDING = 1 << 1 | 1 << 2 | 1 << 3


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make three blocks of a small scene."""
    monkeypatch.setattr(planning, "_BLOCK_BYTES", BLOCK)


@contextmanager
def as_others() -> Iterator[None]:
    """Obey the modes of files, as those do who are not root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, before = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0
    fewer = (ctypes.c_uint32 * 6)(*before)
    fewer[0] &= ~_OVERRIDING  # of the effective ones; they are taken back from the permitted ones
    assert libc.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


CLOSED: dict[str, Callable[[Path], tuple[Path, int]]] = {
    "the folder of the result": lambda work: (work.parent, 0o500),
    "the work, for writing": lambda work: (work, 0o500),
    "the work": lambda work: (work, 0),
    "the blocks, for writing": lambda work: (blocks(work)[0].unlink() or work / "blocks", 0o500),
    "the blocks": lambda work: (work / "blocks", 0),
    "the facts": lambda work: (work / "job.json", 0),
    "the pixels": lambda work: (work / "pixels.raw", 0o400),
    "the mask": lambda work: (work / "pixels.mask.raw", 0),
}


@pytest.mark.parametrize("case", CLOSED)
def test_what_is_closed_is_named_and_the_work_is_kept(tmp_path: Path, case: str) -> None:
    scene, _ = two_scenes(tmp_path)
    right = made(scene, tmp_path / "right.tif")
    target = tmp_path / "out" / "out.tif"
    target.parent.mkdir()
    work = stopped(scene, target)
    closed, mode = CLOSED[case](work)
    before = closed.stat().st_mode
    closed.chmod(mode)
    try:
        with as_others(), pytest.raises(GeoloupeError) as caught:
            made(scene, target)
    finally:
        closed.chmod(before)
    told = str(caught.value)
    assert "\n" not in told
    assert "Permission denied" in told or "cannot be written to" in told
    assert str(closed) in told or str(work) in told or str(target) in told
    assert (work / "job.json").exists()
    assert made(scene, target) == right


def test_a_closed_folder_is_told_of_before_anything_is_made(tmp_path: Path) -> None:
    scene, _ = two_scenes(tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    # Whether root may write is asked of the system before; it does not know that root may not.
    told = r"closed.*(cannot be written to|Permission denied)"
    with as_others(), pytest.raises(GeoloupeError, match=told):
        made(scene, closed / "out.tif")
    assert not list(closed.iterdir())


def test_a_disk_that_became_read_only_is_told_of(tmp_path: Path) -> None:
    scene, _ = two_scenes(tmp_path)
    right = made(scene, tmp_path / "right.tif")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if (
        os.geteuid()
        or shutil.which("mount") is None
        or subprocess.run(mount, check=False).returncode
    ):
        pytest.skip("only root may mount a disk")
    try:
        work = stopped(scene, disk / "out.tif")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(GeoloupeError, match="cannot be written to"):
            made(scene, disk / "out.tif")
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert len(blocks(work)) == 3
        assert made(scene, disk / "out.tif") == right
        assert [path.name for path in disk.iterdir()] == ["out.tif"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0, reason="only root can be two people")
def test_a_second_person_finishes_what_the_first_began() -> None:
    """Both may write to the folder; what each makes is the other's to read and to delete."""
    # Not in pytest's folder, into which nobody else may look.
    with tempfile.TemporaryDirectory() as shared:
        folder = Path(shared)
        folder.chmod(0o777)
        scene, _ = two_scenes(folder)
        right = made(scene, folder / "right.tif")
        sharded(scene, folder / "warm.tif")  # all modules are read while root may
        finish(folder / "warm.tif")
        target, libc = folder / "out.tif", ctypes.CDLL(None)
        mask = os.umask(0)
        try:
            geoloupe.upscale(scene, target, shard="1/2", **OPTIONS)
            libc.setfsuid(65534)
            geoloupe.upscale(scene, target, shard="2/2", **OPTIONS)
            assert {path.stat().st_uid for path in blocks(work_folder(target))} == {0, 65534}
            assert finish(target).path.read_bytes() == right
            assert target.stat().st_uid == 65534
        finally:
            libc.setfsuid(0)
            os.umask(mask)
        assert not list(folder.glob(".*"))
