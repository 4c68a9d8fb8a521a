"""Unfinished work that was damaged, mixed up or planted never becomes a wrong result."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from geoloupe.errors import InputError, RunError
from geoloupe.scenes import assemble, cluster
from geoloupe.scenes import plan as planning
from geoloupe.scenes.commands import finish
from geoloupe.scenes.job import Job
from geoloupe.scenes.order import Errand
from geoloupe.scenes.upscale_order import UpscaleSettings, set_up
from geoloupe.scenes.work_folder import work_folder
from tests.scenes.work import BLOCK, OPTIONS, blocks, made, sharded, stopped, two_scenes


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make three blocks of a small scene."""
    monkeypatch.setattr(planning, "_BLOCK_BYTES", BLOCK)


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Path, Path]:
    """Two scenes of one size."""
    return two_scenes(tmp_path)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A result that is under way."""
    return tmp_path / "out.tif"


def subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    """List what may be gone when a deletion stops, in whatever order it goes."""
    return chain.from_iterable(combinations(names, count) for count in range(len(names) + 1))


def delete(folder: Path, names: tuple[str, ...]) -> None:
    """Delete files of a folder, and the folder of blocks when it is empty."""
    for name in names:
        (folder / name).unlink()
    if not blocks(folder):
        (folder / "blocks").rmdir()


@pytest.mark.parametrize("begin", [stopped, sharded])
def test_a_deletion_that_stopped_anywhere_mixes_no_scenes(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, begin: Any
) -> None:
    one, other = scenes
    right = made(other, tmp_path / "right.tif")
    still = made(one, tmp_path / "still.tif")
    folder = begin(one, target)
    kept = shutil.copytree(folder, tmp_path / "kept")
    files = sorted(str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file())
    assert len(files) in (4, 6)
    refused = 0
    for gone in subsets(files):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)
        delete(folder, gone)
        try:
            found = made(other, target, overwrite=True)
        except InputError as error:
            assert "job.json" not in gone
            assert "an unfinished run of another scene" in str(error)  # noqa: PT017
            refused += 1
            assert made(one, target, overwrite=True) == still, f"without {gone}"
            continue
        assert found == right, f"without {gone}"
    assert refused == 2 ** (len(files) - 1)


def swapped(folder: Path) -> None:
    """Let two blocks change places."""
    first, _, last = blocks(folder)
    content = first.read_bytes()
    first.write_bytes(last.read_bytes())
    last.write_bytes(content)


def copied(folder: Path) -> None:
    """Copy one block over the others."""
    first, *others = blocks(folder)
    for other in others:
        other.write_bytes(first.read_bytes())


@pytest.mark.parametrize("mix", [swapped, copied])
@pytest.mark.parametrize("begin", [stopped, sharded])
def test_blocks_in_the_place_of_others_are_made_again(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, begin: Any, mix: Any
) -> None:
    right = made(scenes[0], tmp_path / "right.tif")
    mix(begin(scenes[0], target))
    assert made(scenes[0], target) == right


@pytest.mark.parametrize("mix", [swapped, copied])
def test_mixed_up_shards_are_missing_shards(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, mix: Any
) -> None:
    right = made(scenes[0], tmp_path / "right.tif")
    mix(sharded(scenes[0], target))
    with pytest.raises(InputError, match="2 of 3 blocks are missing; run the shards"):
        finish(target)
    sharded(scenes[0], target)
    assert finish(target).path.read_bytes() == right


@pytest.mark.parametrize("begin", [stopped, sharded])
def test_blocks_of_another_job_are_made_again(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, begin: Any
) -> None:
    right = made(scenes[1], tmp_path / "right.tif")
    other = begin(scenes[0], tmp_path / "other.tif")
    folder = begin(scenes[1], target)
    for mine, theirs in zip(blocks(folder), blocks(other), strict=True):
        shutil.copy(theirs, mine)
    for pixels in other.glob("pixels*.raw"):
        shutil.copy(pixels, folder)
    assert made(scenes[1], target) == right


@pytest.mark.parametrize("mix", [swapped, copied])
def test_a_worker_believes_no_block_of_another_place(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, mix: Any
) -> None:
    right = made(scenes[0], tmp_path / "right.tif")
    folder = sharded(scenes[0], target)
    mix(folder)
    errand = cluster_errand(scenes[0], target)
    for column in range(3):
        cluster.compute_block(errand, (0, column))
    assert finish(target).path.read_bytes() == right


def cluster_errand(scene: Path, target: Path) -> Errand:
    """Return what a worker of a cluster is told of work that was begun."""
    chosen = UpscaleSettings(**{k: v for k, v in OPTIONS.items() if k != "model"})
    with ExitStack() as stack:
        ready = set_up(stack, scene, target, OPTIONS["model"], chosen, overwrite=True)
        with Job.open(target, ready.identity, alone=False) as job:
            return ready.errand(job.identity)


def test_work_goes_at_once_and_what_was_left_of_it_is_swept(
    scenes: tuple[Path, Path], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path, **_: Any) -> None:
        if folder.suffix == ".old":
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        made(scenes[0], target)
    monkeypatch.undo()
    monkeypatch.setattr(planning, "_BLOCK_BYTES", BLOCK)
    assert not work_folder(target).exists()
    (left,) = target.parent.glob(".out.tif.work.*")
    assert (left / "pixels.raw").exists()
    (target.parent / ".out.tif.work.lock").touch()  # its holder was killed too
    before = target.read_bytes()
    with pytest.raises(InputError, match="exists already"):
        made(scenes[1], target)
    assert sorted(path.name for path in target.parent.iterdir()) == ["a.tif", "b.tif", "out.tif"]
    assert target.read_bytes() == before


def test_work_whose_result_is_there_is_swept(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run may be killed when its result has its name and before its work is deleted."""

    def killed(job: Job) -> None:
        raise KeyboardInterrupt

    right = [made(scene, tmp_path / f"right-{scene.name}") for scene in scenes]
    monkeypatch.setattr(Job, "remove", killed)
    for overwrite in (False, True):
        with pytest.raises(KeyboardInterrupt):
            made(scenes[0], target, overwrite=overwrite)
        assert target.read_bytes() == right[0]
        assert blocks(work_folder(target))
    with pytest.raises(InputError, match="exists already"):
        made(scenes[0], target)
    assert not list(target.parent.glob(".*"))
    assert target.read_bytes() == right[0]
    with pytest.raises(KeyboardInterrupt):
        made(scenes[0], target, overwrite=True)
    with pytest.raises(InputError, match="has no unfinished work"):
        finish(target)
    monkeypatch.undo()
    monkeypatch.setattr(planning, "_BLOCK_BYTES", BLOCK)
    assert made(scenes[1], target, overwrite=True) == right[1]
    assert not list(target.parent.glob(".*"))


def test_unfinished_work_beside_an_old_result_is_kept(
    scenes: tuple[Path, Path], target: Path
) -> None:
    made(scenes[1], target)
    folder = stopped(scenes[0], target, overwrite=True)
    with pytest.raises(InputError, match="exists already"):
        made(scenes[0], target)
    assert len(blocks(folder)) == 3


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_none_of_ours_is_never_deleted(
    scenes: tuple[Path, Path], target: Path, overwrite: bool
) -> None:
    mine = work_folder(target) / "diary.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(InputError, match=r"\.out\.tif\.work: is in the way"):
        made(scenes[0], target, overwrite=overwrite)
    assert mine.read_text() == "mine"


PLANTED = ["pixels.raw", "pixels.mask.raw", "pixels.vrt", "job.json", "blocks", ".", "published"]


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("name", [*PLANTED, "blocks/00000-00001.safetensors"])
def test_a_link_in_unfinished_work_is_refused_by_name(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, name: str, begun: bool
) -> None:
    folder = stopped(scenes[0], target)
    victim = tmp_path / "victim"
    planted = folder / name
    if not begun:  # only what is planted lies in the folder
        kept = folder.rename(tmp_path / "kept")
        planted.parent.mkdir(parents=True, exist_ok=True)
        (kept / name).rename(victim) if (kept / name).exists() else victim.touch()
    elif planted.exists():
        planted.rename(victim)
    else:
        victim.write_text("precious")
    planted.symlink_to(victim)
    before = contents(victim)
    for call in (lambda: made(scenes[0], target), lambda: finish(target)):
        with pytest.raises(InputError, match="is a link") as caught:
            call()
        assert str(planted) in str(caught.value)
    assert contents(victim) == before
    assert planted.is_symlink()


def contents(path: Path) -> dict[str, bytes]:
    """Read a file, or all files of a folder."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.mark.parametrize("name", ["pixels.raw", "pixels.mask.raw"])
def test_pixels_that_have_a_second_name_are_not_written_to(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, name: str
) -> None:
    folder = stopped(scenes[0], target)
    for block in blocks(folder):
        block.unlink()
    (folder / name).write_bytes(b"precious")
    (tmp_path / "victim").hardlink_to(folder / name)
    with pytest.raises(InputError, match=r"pixels.*\.raw: has a second name"):
        made(scenes[0], target)
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_planted_lock_is_refused(scenes: tuple[Path, Path], target: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.tif.work.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match=r"\.out\.tif\.work\.lock: is a link"):
        made(scenes[0], target)
    assert not (tmp_path / "victim").exists()


CUT = {
    "in a row": lambda file: os.truncate(file, file.stat().st_size // 2 + 31),
    "at a row": lambda file: os.truncate(file, 2560),
    "to nothing": lambda file: os.truncate(file, 0),
    "to a hole": lambda file: (os.truncate(file, 0), os.truncate(file, 10_240)),
    "longer": lambda file: os.truncate(file, 2 * file.stat().st_size),
    "away": lambda file: file.unlink(),
}


@pytest.mark.parametrize("name", ["pixels.raw", "pixels.mask.raw"])
@pytest.mark.parametrize("how", CUT)
def test_cut_pixels_are_made_again(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, name: str, how: str
) -> None:
    right = made(scenes[0], tmp_path / "right.tif")
    CUT[how](stopped(scenes[0], target) / name)
    assert made(scenes[0], target) == right


@pytest.mark.parametrize("name", ["pixels.raw", "pixels.mask.raw"])
def test_shards_are_not_misled_by_pixels_that_were_cut(
    scenes: tuple[Path, Path], target: Path, tmp_path: Path, name: str
) -> None:
    right = made(scenes[0], tmp_path / "right.tif")
    os.truncate(stopped(scenes[0], target) / name, 301)
    sharded(scenes[0], target)
    assert finish(target).path.read_bytes() == right


def test_pixels_that_vanish_while_they_are_read_are_told_of(
    scenes: tuple[Path, Path], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_across = assemble._Canvas.put_across

    def cut(canvas: Any, *blocks: Any) -> None:
        put_across(canvas, *blocks)
        os.truncate(work_folder(target) / "pixels.raw", 301)

    monkeypatch.setattr(assemble._Canvas, "put_across", cut)
    with pytest.raises(RunError, match=r"pixels\.raw: was truncated while in use"):
        made(scenes[0], target)


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_all_of_the_work_obeys_the_umask(
    scenes: tuple[Path, Path], target: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        folder = stopped(scenes[0], target)
    finally:
        os.umask(before)
    for path in folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o777 if path.is_dir() else 0o666) & ~umask, path


def test_other_scenes_and_guides_are_named_in_plain_words(
    scenes: tuple[Path, Path], target: Path
) -> None:
    stopped(scenes[0], target)
    with pytest.raises(InputError) as caught:
        made(scenes[1], target)
    assert str(caught.value) == (
        f"{target}: an unfinished run of another scene lies in {work_folder(target)}: "
        f"{scenes[0]}, not {scenes[1]}; make the same choices to finish it, or delete that folder"
    )


def test_a_result_that_appears_before_the_work_begins_is_not_worked_for(
    scenes: tuple[Path, Path], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Job.open

    def late(*words: Any, **more: Any) -> Any:
        target.write_bytes(b"of another run")
        return opened(*words, **more)

    monkeypatch.setattr(Job, "open", late)
    seen: list[int] = []
    with pytest.raises(InputError, match="exists already"):
        made(scenes[0], target, progress=lambda done, _: seen.append(done))
    assert not seen
    assert target.read_bytes() == b"of another run"
    assert not work_folder(target).exists()


def test_a_worker_of_work_that_was_ended_writes_nothing(
    scenes: tuple[Path, Path], target: Path
) -> None:
    folder = stopped(scenes[0], target)
    errand = cluster_errand(scenes[0], target)
    shutil.rmtree(folder)
    with pytest.raises(RunError, match="its work is gone"):
        cluster.compute_block(errand, (0, 0))
    assert not folder.exists()
    stopped(scenes[1], target)
    (blocks(folder)[0]).unlink()
    with pytest.raises(RunError, match="other work has begun"):
        cluster.compute_block(errand, (0, 0))
    assert len(blocks(folder)) == 2
