"""How much memory is left: of the machine, of containers in containers, of the process's limits."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from geoloupe.system.memory import available

GB = 10**9
V2 = "36 35 0:31 {top} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "36 35 0:31 {top} /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
OTHER = "35 34 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
NAMES = {
    "2": ("memory.max", "memory.current", "inactive_file", "active_file"),
    "1": (
        *("memory.limit_in_bytes", "memory.usage_in_bytes"),
        *("total_inactive_file", "total_active_file"),
    ),
}


class Machine:
    """A tree of the kernel's files."""

    def __init__(self, root: Path, *, free: int = 64 * GB) -> None:
        self.root = root
        self.write("proc/meminfo", f"MemTotal: 99 kB\nMemAvailable:   {free // 1024} kB\n")
        self.write("proc/self/status", "VmSize:\t3000000 kB\nVmData:\t1000000 kB\nVmRSS:\t9 kB\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def inside(self, version: str, path: str, *, top: str = "/") -> None:
        """Put the process into a cgroup, with `top` seen where cgroups are mounted."""
        line = f"4:memory:{path}\n3:cpu:/elsewhere\n" if version == "1" else f"0::{path}\n"
        self.write("proc/self/cgroup", line)
        self.write("proc/self/mountinfo", OTHER + (V1 if version == "1" else V2).format(top=top))

    def allow(
        self, version: str, path: str, limit: int | str, used: int, *, idle: int = 0, busy: int = 0
    ) -> None:
        """Give a cgroup a limit, and say what it has taken and cached."""
        folder = "sys/fs/cgroup" + ("/memory" if version == "1" else "") + path
        most, current, inactive, active = NAMES[version]
        self.write(f"{folder}/{most}", f"{limit}\n")
        self.write(f"{folder}/{current}", f"{used}\n")
        self.write(f"{folder}/memory.stat", f"anon 5\n{inactive} {idle}\n{active} {busy}\n")

    @property
    def available(self) -> int:
        """What is left of it."""
        return available(self.root)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


versions = pytest.mark.parametrize("version", ["1", "2"])


def test_a_machine_without_containers_gives_what_it_has_free(machine: Machine) -> None:
    assert machine.available == 64 * GB // 1024 * 1024


@versions
def test_a_container_leaves_its_limit_less_what_is_taken(machine: Machine, version: str) -> None:
    machine.inside(version, "/docker/abc")
    machine.allow(version, "/docker/abc", 2 * GB, GB // 2)
    assert machine.available == 3 * GB // 2


@versions
def test_the_process_s_own_container_counts_and_no_other(machine: Machine, version: str) -> None:
    machine.inside(version, "/docker/abc")
    machine.allow(version, "/docker/abc", 2 * GB, 0)
    machine.allow(version, "/docker/other", GB, 0)
    assert machine.available == 2 * GB


@versions
@pytest.mark.parametrize("least", ["", "/pod", "/pod/one"])
def test_the_smallest_on_the_way_up_counts(machine: Machine, version: str, least: str) -> None:
    machine.inside(version, "/pod/one")
    for path in ("", "/pod", "/pod/one"):
        machine.allow(version, path, GB if path == least else 8 * GB, 0)
    assert machine.available == GB


@versions
def test_what_others_took_of_an_outer_container_is_not_left(machine: Machine, version: str) -> None:
    machine.inside(version, "/pod/one")
    machine.allow(version, "/pod", 4 * GB, 3 * GB)
    machine.allow(version, "/pod/one", 2 * GB, 0)
    assert machine.available == GB


@versions
def test_no_limit_is_no_limit(machine: Machine, version: str) -> None:
    machine.inside(version, "/pod/one")
    machine.allow(version, "/pod/one", "max" if version == "2" else 2**63 - 4096, 5 * GB)
    assert machine.available == 64 * GB // 1024 * 1024


@versions
def test_pages_of_files_can_be_taken_back(machine: Machine, version: str) -> None:
    machine.inside(version, "/pod")
    machine.allow(version, "/pod", 2 * GB, 2 * GB, idle=GB, busy=GB // 2)
    assert machine.available == GB + GB // 4


def test_a_limit_that_slows_down_counts_like_one_that_kills(machine: Machine) -> None:
    machine.inside("2", "/pod")
    machine.allow("2", "/pod", 4 * GB, GB)
    machine.write("sys/fs/cgroup/pod/memory.high", f"{2 * GB}\n")
    assert machine.available == GB


@versions
def test_a_container_that_sees_itself_as_the_whole_tree(machine: Machine, version: str) -> None:
    """As Docker shows version 1: the path is the machine's, and the mount its own."""
    machine.inside(version, "/docker/abc", top="/docker/abc")
    machine.allow(version, "", 2 * GB, 0)
    assert machine.available == 2 * GB


@versions
@pytest.mark.parametrize("path", ["/docker/abc", "/../../other"])
def test_a_path_that_is_not_there_leaves_those_around_it(
    machine: Machine, version: str, path: str
) -> None:
    machine.inside(version, path)
    machine.allow(version, "", 2 * GB, 0)
    assert machine.available == 2 * GB


@versions
@pytest.mark.parametrize("missing", ["limit", "usage", "statistics", "mounts"])
def test_files_that_are_missing_say_nothing(machine: Machine, version: str, missing: str) -> None:
    machine.inside(version, "/pod/one")
    machine.allow(version, "/pod/one", GB, 0)
    folder = machine.root / ("sys/fs/cgroup" + ("/memory" if version == "1" else "") + "/pod/one")
    gone = {
        "limit": folder / NAMES[version][0],
        "usage": folder / NAMES[version][1],
        "statistics": folder / "memory.stat",
        "mounts": machine.root / "proc/self/mountinfo",
    }
    gone[missing].unlink()
    expected = GB if missing == "statistics" else 64 * GB // 1024 * 1024
    assert machine.available == expected


def test_words_that_are_no_numbers_say_nothing(machine: Machine) -> None:
    machine.inside("2", "/pod")
    machine.allow("2", "/pod", "much", 0)
    machine.write("proc/self/cgroup", "0::/pod\nnonsense\n\n")
    assert machine.available == 64 * GB // 1024 * 1024


@versions
def test_more_taken_than_allowed_leaves_nothing(machine: Machine, version: str) -> None:
    machine.inside(version, "/pod")
    machine.allow(version, "/pod", GB, 2 * GB)
    assert machine.available == 0


def test_the_process_s_own_limits_count(machine: Machine) -> None:
    limits = "Limit  Soft Limit  Hard Limit  Units\nMax data size  unlimited  unlimited  bytes\n"
    machine.write("proc/self/limits", limits + f"Max address space  {4 * GB}  unlimited  bytes\n")
    assert machine.available == 4 * GB - 3_000_000 * 1024


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="Linux tells limits there")
def test_a_limit_of_this_very_process_is_seen() -> None:
    program = "from geoloupe.system.memory import available; print(available())"

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (GB, GB))

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, preexec_fn=bound
    )
    assert 0 < int(done.stdout) < GB
