"""Peak memory of one case in one form, measured in a process of its own: a peak never falls."""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.cases import CASES, Case, build
from benchmarks.forms import Form, prepare
from geoloupe.system.allocator import keep_freed_memory


@dataclass(frozen=True)
class Footprint:
    """What one run took from a fresh process."""

    peak_bytes: int  # above the level with torch and the network loaded; packed weights count
    seconds: float  # processor time of the first call


def footprint(case: Case, form: Form, *, keep_freed: bool) -> Footprint:
    """Measure in a new process; the time of its first call comes with it."""
    command = [sys.executable, "-m", "benchmarks.memory", case.name, form.kind]
    command += [form.precision, form.engine]
    if keep_freed:
        command.append("--keep-freed-memory")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return Footprint(**json.loads(done.stdout.splitlines()[-1]))


def resident_peak() -> int:
    """Return the largest resident size of this process so far, in bytes.

    Linux hands `ru_maxrss` down from the parent, so its own count for this program is preferred.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Let the peak start from the present size where Linux allows it; loading reaches above it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Measure one form of one case in this process and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("case", "kind", "precision", "engine"):
        parser.add_argument(name)
    parser.add_argument("--keep-freed-memory", action="store_true")
    chosen = parser.parse_args()
    if chosen.keep_freed_memory:
        keep_freed_memory()
    torch.set_num_threads(1)
    case = CASES[chosen.case]
    network = build(case)
    forget_peak()
    level = resident_peak()
    form = Form(kind=chosen.kind, precision=chosen.precision, engine=chosen.engine)
    with torch.no_grad():
        run = prepare(form, case, network)
        start = time.process_time()
        run()
        seconds = time.process_time() - start
    print(json.dumps({"peak_bytes": resident_peak() - level, "seconds": seconds}))


if __name__ == "__main__":
    main()
