"""Trees of the kernel's files, as machines and containers show them."""

from pathlib import Path

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
