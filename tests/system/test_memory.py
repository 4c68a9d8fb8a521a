"""How much memory is left: of the machine, of containers in containers, of the process's limits."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.machines import GB, NAMES, Machine


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
        import resource  # which Windows lacks

        resource.setrlimit(resource.RLIMIT_AS, (GB, GB))

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, preexec_fn=bound
    )
    assert 0 < int(done.stdout) < GB
