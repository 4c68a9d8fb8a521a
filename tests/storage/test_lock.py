"""One holder, or several that share; a lock leaves nothing behind and survives renames."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import portalocker
import pytest

from geoloupe.errors import InputError
from geoloupe.storage import lock
from geoloupe.storage.lock import locked

HOLD = """
import sys
import threading
from pathlib import Path
from geoloupe.storage.lock import locked
with locked(Path(sys.argv[1]), shared=sys.argv[2] == "shared", busy="busy"):
    print("held", flush=True)
    sys.stdin.read()
"""

# Each enters many times, and fails if another is inside.
CONTEND = """
import os, sys
from pathlib import Path
from geoloupe.errors import InputError
from geoloupe.storage.lock import locked
path, entered = Path(sys.argv[1]), 0
while entered < 150:
    try:
        with locked(path, busy="busy"):
            os.close(os.open(path.with_name("inside"), os.O_CREAT | os.O_EXCL))
            path.with_name("inside").unlink()
            entered += 1
    except InputError:
        pass
"""


def holder(path: Path, how: str) -> subprocess.Popen[str]:
    """Hold a lock in another process."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


@pytest.mark.parametrize("theirs", ["shared", "alone"])
@pytest.mark.parametrize("mine", ["shared", "alone"])
def test_only_those_that_share_hold_it_together(tmp_path: Path, theirs: str, mine: str) -> None:
    mark = tmp_path / "mark"
    mark.touch()
    child = holder(mark, theirs)
    if (theirs, mine) == ("shared", "shared"):
        with locked(mark, shared=True, busy="busy", gone="gone"):
            pass
    else:
        with (
            pytest.raises(InputError, match="busy"),
            locked(mark, shared=mine == "shared", busy="busy"),
        ):
            pass
    assert (tmp_path / ".mark.lock").exists()
    child.communicate()
    assert child.returncode == 0
    with locked(mark, busy="busy"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mark"]


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    child = holder(tmp_path / ".work", "alone")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with locked(tmp_path / ".work", busy="busy"):
        assert [path.name for path in tmp_path.iterdir()] == [".work.lock"]
    assert not list(tmp_path.iterdir())


def test_what_is_held_may_be_renamed_and_others_stay_out(tmp_path: Path) -> None:
    work = tmp_path / ".work"
    work.mkdir()
    with locked(work, busy="busy", gone="gone"):
        work.rename(tmp_path / "away")
        with pytest.raises(InputError, match="busy"), locked(work, busy="busy", gone="gone"):
            pass
    with pytest.raises(InputError, match="gone"), locked(work, busy="busy", gone="gone"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["away"]


def test_no_two_are_inside_though_the_lock_is_deleted_each_time(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONTEND, str(tmp_path / "mark")]
    children = [subprocess.Popen(command) for _ in range(3)]
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    assert not list(tmp_path.iterdir())


def test_a_disk_that_cannot_lock_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def never(*_: object) -> None:
        raise portalocker.LockException(OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)))

    lock._warn.cache_clear()
    monkeypatch.setattr(portalocker, "lock", never)
    for _ in range(2):
        with locked(tmp_path / "mark", busy="busy") as sure:
            assert not sure
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"{tmp_path}: this disk cannot lock files" in record.getMessage()
    assert not list(tmp_path.iterdir())


def test_a_lock_that_can_only_be_read_can_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user began; root, as whom tests may run, is refused nothing."""
    opened = os.open

    def refused(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, flags, mode)

    (tmp_path / ".mark.lock").touch()
    monkeypatch.setattr(os, "open", refused)
    with (
        locked(tmp_path / "mark", busy="busy"),
        pytest.raises(InputError, match="busy"),
        locked(tmp_path / "mark", busy="busy"),
    ):
        pass


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".mark.lock").symlink_to(tmp_path / "victim")
    with (
        pytest.raises(InputError, match=r"\.mark\.lock: is a link"),
        locked(tmp_path / "mark", busy="busy"),
    ):
        pass
    assert not (tmp_path / "victim").exists()


def test_those_that_share_wait_a_moment_for_one_that_is_alone(tmp_path: Path) -> None:
    """Who sweeps before it joins the others must not turn them away."""
    child = holder(tmp_path / "mark", "alone")
    threading.Timer(0.5, child.communicate).start()
    with locked(tmp_path / "mark", shared=True, busy="busy"):
        assert child.wait(timeout=60) == 0
