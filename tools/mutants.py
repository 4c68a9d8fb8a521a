"""Plant small bugs in a copy of the tree, one at a time, and print those that no test notices.

    python -m tools.mutants --count 100 --processes 4
    python -m tools.mutants --count 20 src/geoloupe/imagery/resize.py

Each bug is judged by the tests nearest to its module: the file that mirrors its path and those that
import it, else all of the mirrored folder. A survivor is a missing test or a change that changes
nothing; a person decides which. It takes hours on few processors.
"""

import argparse
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tools.planting import Mutant, mutants_of

ROOT = Path(__file__).parent.parent
SOURCE = Path("src/geoloupe")
SAMPLE = (  # where a bug makes wrong pixels or wrong numbers rather than a traceback
    "imagery/radiometry.py",
    "imagery/resize.py",
    "imagery/fill.py",
    "imagery/matching.py",
    "imagery/grid.py",
    "rasters/planes.py",
    "rasters/gdal_files.py",
    "rasters/product.py",
    "rasters/storing.py",
    "models/bands.py",
    "scenes/blend.py",
    "scenes/plan.py",
    "models/predictor.py",
    "metrics/reference.py",
    "metrics/trust.py",
    "metrics/protocols.py",
    "evaluation/bootstrap.py",
    "scenes/inspection.py",
    "scenes/seams.py",
    "studies/downstream/pixels.py",
    "degradations/blur.py",
    "degradations/noise.py",
)
_MOST = 6  # test files that judge one module
_SLACK = 4  # times as long as without a bug, and it counts as noticed
_LEAST = 60.0  # seconds that a test run may always take


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A bug in one module of the tree."""

    module: Path
    mutant: Mutant


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the tests said of a bug."""

    planted: Planted
    outcome: str  # noticed, survived, or timed out
    seconds: float


def main() -> None:
    """Read the words of the command line, plant and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", type=Path, help="a sample of the package by default")
    parser.add_argument("--count", type=int, default=100, help="bugs to plant")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=max((os.cpu_count() or 2) // 2, 1))
    words = parser.parse_args()
    modules = words.modules or [SOURCE / name for name in SAMPLE]
    chosen = sample(ROOT, modules, words.count, words.seed)
    print(f"{len(chosen)} bugs in {len({one.module for one in chosen})} modules", flush=True)
    verdicts = list(judged(ROOT, chosen, words.processes))
    report(ROOT, verdicts)


def sample(root: Path, modules: Sequence[Path], count: int, seed: int) -> list[Planted]:
    """Draw bugs, as many from each module as from any other while it has any."""
    rng = random.Random(seed)
    piles = []
    for module in modules:
        mutants = mutants_of((root / module).read_bytes())
        rng.shuffle(mutants)
        piles.append([Planted(module=module, mutant=mutant) for mutant in mutants])
    turns = max(map(len, piles), default=0)
    drawn = [pile[turn] for turn in range(turns) for pile in piles if turn < len(pile)]
    return sorted(drawn[:count], key=lambda one: (str(one.module), one.mutant))


def judged(root: Path, chosen: Sequence[Planted], processes: int) -> Iterator[Verdict]:
    """Try every bug, several at once, each in a copy of the tree of its own."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(processes) as threads:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(processes):
            copies.put(_copied(root, Path(folder) / str(number)))
        times = dict(threads.map(partial(_baseline, copies), dict.fromkeys(map(_module, chosen))))
        usable = [one for one in chosen if times[one.module] is not None]
        for verdict in threads.map(partial(_judge, copies, times), usable):
            where = f"{verdict.planted.module}:{verdict.planted.mutant.line}"
            about = verdict.planted.mutant.about
            print(f"{verdict.outcome:9} {verdict.seconds:6.1f} s  {where}  {about}", flush=True)
            yield verdict


def report(root: Path, verdicts: Sequence[Verdict]) -> None:
    """Print what survived as a reader of the code would see it, and the share that did not."""
    survivors = [one for one in verdicts if one.outcome == "survived"]
    for one in survivors:
        path = root / one.planted.module
        before = path.read_bytes()
        after = one.planted.mutant.plant(before)
        was, now = (text.decode().splitlines() for text in (before, after))
        print(f"\n{one.planted.module}:{one.planted.mutant.line}  {one.planted.mutant.about}")
        for line in difflib.unified_diff(was, now, lineterm="", n=1):
            if not line.startswith(("---", "+++", "@@")):
                print(f"  {line}")
    noticed = len(verdicts) - len(survivors)
    share = noticed / len(verdicts) if verdicts else 0.0
    print(f"\n{noticed} of {len(verdicts)} noticed ({share:.0%}), {len(survivors)} survived")


def nearest_tests(root: Path, module: Path) -> list[str]:
    """Find the tests nearest to a module, nearest first."""
    inside = module.relative_to(SOURCE)
    mirror = Path("tests") / inside.parent / f"test_{inside.name}"
    dotted = ".".join(("geoloupe", *inside.with_suffix("").parts))
    importing = sorted(
        path.relative_to(root)
        for path in (root / "tests").rglob("test_*.py")
        if any(
            line.startswith((f"from {dotted} ", f"import {dotted}"))
            for line in map(str.strip, path.read_text(encoding="utf-8").splitlines())
        )
    )
    importing.sort(key=lambda path: path.parent != mirror.parent)
    near = [mirror] if (root / mirror).exists() else []
    near += [path for path in importing if path != mirror]
    folder = mirror.parent
    while not near:
        near = sorted(path.relative_to(root) for path in (root / folder).glob("test_*.py"))
        folder = folder.parent
    return [path.as_posix() for path in near[:_MOST]]


def _module(one: Planted) -> Path:
    return one.module


def _copied(root: Path, place: Path) -> Path:
    """Copy what git knows or would take, so that no bug is ever planted in the working tree."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=root, check=True, capture_output=True)
    for name in filter(None, done.stdout.decode().split("\0")):
        if (root / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, place / name)
    return place


@contextmanager
def _lent(copies: "SimpleQueue[Path]") -> Iterator[Path]:
    place = copies.get()
    try:
        yield place
    finally:
        copies.put(place)


def _baseline(copies: "SimpleQueue[Path]", module: Path) -> tuple[Path, float | None]:
    """Time a module's tests without a bug; None where they fail even so."""
    with _lent(copies) as place:
        code, seconds = _run(place, nearest_tests(place, module), None)
    if code == 0:
        return module, seconds
    print(f"{module}: its tests do not pass without a bug, and judge none", file=sys.stderr)
    return module, None


def _judge(
    copies: "SimpleQueue[Path]", times: dict[Path, float | None], planted: Planted
) -> Verdict:
    usual = times[planted.module]
    assert usual is not None
    with _lent(copies) as place:
        path = place / planted.module
        before = path.read_bytes()
        path.write_bytes(planted.mutant.plant(before))
        try:
            tests = nearest_tests(place, planted.module)
            code, seconds = _run(place, tests, max(usual * _SLACK, _LEAST))
        finally:
            path.write_bytes(before)
    outcome = {0: "survived", None: "timed out"}.get(code, "noticed")
    return Verdict(planted=planted, outcome=outcome, seconds=seconds)


def _run(place: Path, tests: Sequence[str], limit: float | None) -> tuple[int | None, float]:
    """Run tests in a copy; the code is None where they took longer than the limit."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    surroundings = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(place / part) for part in ("src", "papers", ".")),
        "PYTHONDONTWRITEBYTECODE": "1",  # a bug of the same length in the same second is another
        "OMP_NUM_THREADS": "1",
    }
    began = time.monotonic()
    with subprocess.Popen(
        [*words, "-m", "not slow", *tests],
        cwd=place,
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:  # with all that the tests started
                os.killpg(process.pid, signal.SIGKILL)
    return code, time.monotonic() - began


if __name__ == "__main__":
    main()
