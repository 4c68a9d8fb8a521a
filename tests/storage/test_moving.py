"""Open files stand in the way on Windows: what is waited for, what is left, and what is said."""

import logging
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from geoloupe.errors import RunError
from geoloupe.rasters import planes
from geoloupe.storage import moving, names
from geoloupe.storage.lock import lock_of, locked
from geoloupe.storage.moving import forget
from geoloupe.storage.publish import publish
from tests.windows import Minding, minding

__all__ = ["minding"]


def put(path: Path, text: str) -> None:
    """Publish a text."""
    with publish(path, overwrite=True) as part:
        part.write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("minding")
def test_a_file_that_is_open_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_PATIENCE", 10.0)
    path = tmp_path / "scene.tif"
    put(path, "old")
    looking = path.open("rb")
    threading.Timer(0.3, looking.close).start()
    began = time.monotonic()
    put(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert time.monotonic() - began >= 0.25
    assert os.listdir(tmp_path) == ["scene.tif"]


@pytest.mark.usefixtures("minding")
def test_a_file_that_stays_open_is_named_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "scene.tif"
    put(path, "old")
    with (
        path.open("rb"),
        pytest.raises(RunError, match=r"scene.tif: .*another program has it open"),
    ):
        put(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["scene.tif"]


@pytest.mark.usefixtures("minding")
def test_the_first_failure_is_told_even_if_its_part_cannot_be_deleted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened = []

    def fail() -> None:
        with publish(tmp_path / "scene.tif") as part:
            opened.append(part.open("wb"))
            raise RuntimeError("the first failure")

    with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError, match="the first failure"):
        fail()
    assert "is open in another program" in caplog.text
    opened[0].close()


def test_elsewhere_what_may_not_be_deleted_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*path: object, **where: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(names, "WINDOWS", False)
    monkeypatch.setattr(os, "unlink", refuse)
    began = time.monotonic()
    for act in (forget, moving.clear_away, moving.remove):
        with pytest.raises(PermissionError):
            act(tmp_path / "scene.tif")
    assert time.monotonic() - began < 1


def test_a_mapped_file_counts_as_open(tmp_path: Path, minding: Minding) -> None:
    path = tmp_path / "pixels.raw"
    path.write_bytes(bytes(4096))
    mapped = np.memmap(path, np.uint8, "r")
    forget(path)
    assert minding.refused == [str(path)]
    del mapped
    forget(path)
    assert not path.exists()


@pytest.mark.usefixtures("minding")
def test_a_lock_is_deleted_after_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.touch()
    for _ in range(3):
        with locked(path, busy="busy"):
            assert lock_of(path).exists()
        assert not lock_of(path).exists()


def test_a_lock_that_is_just_being_deleted_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = os.open, [1, 2]

    def opening(path: object, *rest: int) -> int:
        if str(path).endswith(".lock") and refusals:
            refusals.pop()
            raise PermissionError(13, "Access is denied")
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(names, "WINDOWS", True)
    monkeypatch.setattr(os, "open", opening)
    with locked(tmp_path / "job.json", busy="busy"):
        assert refusals == []


@pytest.mark.usefixtures("minding")
def test_a_full_disk_is_told_although_the_file_was_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(planes, "_allocate", full)
    with pytest.raises(OSError, match="No space left"):
        planes._reserve(tmp_path / "pixels.raw", 100)
    assert os.listdir(tmp_path) == []
