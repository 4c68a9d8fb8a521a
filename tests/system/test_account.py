"""What macOS and Windows say of this process, by stand-ins for their libraries."""

import ctypes
import struct
import sys
import time
from typing import Any

import pytest

from geoloupe.system import account, measuring, memory
from geoloupe.system.account import Held, held

MB = 2**20


class Kernel:
    """Windows' kernel32, as far as it is asked."""

    def __init__(self, answer: int = 1) -> None:
        self.answer = answer

    def K32GetProcessMemoryInfo(self, process: Any, place: Any, size: Any) -> int:  # noqa: N802
        assert process.value == 2 ** (8 * ctypes.sizeof(ctypes.c_void_p)) - 1
        assert size.value == len(place) == 72
        assert place.raw[:4] == struct.pack("<I", 72)
        place.raw = struct.pack("<II8Q", 72, 9, 300 * MB, 200 * MB, *range(6))
        return self.answer


class Mach:
    """The system's library of macOS, as far as it is asked."""

    def __init__(self, answer: int = 0) -> None:
        self.answer = answer

    def task_info(self, task: Any, flavour: int, place: Any, count: Any) -> int:
        assert task.value == 77
        assert (flavour, len(place), count._obj.value) == (20, 48, 12)
        place.raw = struct.pack("<3Q6i", 900 * MB, 200 * MB, 300 * MB, *range(6))
        return self.answer


@pytest.fixture
def own_task(monkeypatch: pytest.MonkeyPatch) -> None:
    class Number(ctypes.c_uint32):
        @classmethod
        def in_dll(cls, library: Any, name: str) -> Any:
            assert name == "mach_task_self_"
            return ctypes.c_uint(77)

    monkeypatch.setattr(account.ctypes, "c_uint32", Number)


def test_windows_is_asked_for_its_counters() -> None:
    assert account._by_windows(Kernel()) == Held(now=200 * MB, most=300 * MB)
    assert account._by_windows(Kernel(answer=0)) is None


@pytest.mark.usefixtures("own_task")
def test_macos_is_asked_for_its_task() -> None:
    assert account._by_mach(Mach()) == Held(now=200 * MB, most=300 * MB)
    assert account._by_mach(Mach(answer=5)) is None


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_each_system_is_asked_its_own_way(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"_by_windows": Held(1, 2), "_by_mach": Held(3, 4)}
    for name, answer in answers.items():
        monkeypatch.setattr(account, name, lambda library, answer=answer: answer)
    libraries = type("Libraries", (), {"kernel32": None})
    monkeypatch.setattr(ctypes, "windll", libraries, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    expected = Held(1, 2) if platform == "win32" else Held(3, 4)
    assert held() == expected
    assert (memory.resident(), memory.resident_peak()) == expected


def test_linux_has_its_own_files() -> None:
    assert sys.platform != "linux" or held() is None


def test_a_system_that_lacks_the_question_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "windll", object(), raising=False)
    assert held() is None


def test_where_no_peak_is_forgotten_memory_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100 * MB]
    monkeypatch.setattr(measuring, "forget_peak", lambda: False)
    monkeypatch.setattr(measuring, "resident_peak", lambda: 900 * MB)  # of long ago
    monkeypatch.setattr(measuring, "resident", lambda: now[0])
    with measuring.PeakMemory() as found:
        now[0] = 400 * MB
        time.sleep(0.2)
        now[0] = 150 * MB
        time.sleep(0.05)
    assert found.peak == 300 * MB


def test_a_new_peak_is_exact_however_short(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([200 * MB, 700 * MB])
    monkeypatch.setattr(measuring, "forget_peak", lambda: False)
    monkeypatch.setattr(measuring, "resident_peak", lambda: next(peaks))
    monkeypatch.setattr(measuring, "resident", lambda: 100 * MB)
    with measuring.PeakMemory() as found:
        pass
    assert found.peak == 600 * MB


def test_real_work_is_seen_by_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "forget_peak", lambda: False)
    with measuring.PeakMemory() as found:
        taken = bytearray(b"x") * (200 * MB)
        time.sleep(0.1)
        del taken
    assert 150 * MB < found.peak < 600 * MB
