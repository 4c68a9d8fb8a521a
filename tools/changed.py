"""Run the tests nearest to what changed since a branch, for as long as one cares to wait.

    python -m tools.changed                 # since main, or since the last commit on main itself
    python -m tools.changed --since v0.1.0 --seconds 120

A module's tests are the file that mirrors its path and those that import it; a changed test file is
run itself, and a changed helper runs the tests that import it.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tools.mutants import ROOT, SOURCE, nearest_tests

_ALWAYS = "tests/test_layers.py"  # any change may break a layer


class Deadline:
    """A plug-in of pytest that lets no test begin after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.left = 0
        self.failed = 0
        self._until = time.monotonic() + seconds
        self._files: set[str] = set()

    @property
    def files(self) -> list[str]:
        """The files of tests that were left out."""
        return sorted(self._files)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Leave a test out once time is up: True says that it has been dealt with."""
        if time.monotonic() < self._until:
            return None
        self.left += 1
        self._files.add(item.nodeid.partition("::")[0])
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what failed."""
        self.failed += report.failed


def changed_files(root: Path, since: str) -> list[Path]:
    """List what differs from where this branch left `since`, committed or not."""
    left = _git(root, "merge-base", "HEAD", since)[0]
    named = _git(root, "diff", "--name-only", left)
    named += _git(root, "ls-files", "--others", "--exclude-standard")
    return [Path(name) for name in dict.fromkeys(named)]


def nearest(root: Path, changed: Iterable[Path]) -> list[str]:
    """List the test files for changed files, those that mirror a module first."""
    found: list[list[str]] = []
    for path in changed:
        if path.suffix != ".py" or not (root / path).exists():
            continue
        if path.is_relative_to(SOURCE):
            found.append(nearest_tests(root, path))
        elif path.name.startswith("test_"):
            found.append([path.as_posix()])
        else:
            found.append(_importing(root, path))
    turns = max(map(len, found), default=0)
    near = [tests[turn] for turn in range(turns) for tests in found if turn < len(tests)]
    return list(dict.fromkeys(near))


def _importing(root: Path, module: Path) -> list[str]:
    """List the test files that import a module of `tools`, `tests` or `benchmarks`."""
    package, name = ".".join(module.parent.parts), module.stem
    whole = f"{package}.{name}" if package else name
    starts = (f"from {whole} import", f"import {whole}")
    named = f"from {package} import"
    return [
        path.relative_to(root).as_posix()
        for path in sorted((root / "tests").rglob("test_*.py"))
        if any(
            line.startswith(starts) or (line.startswith(named) and name in line.split())
            for line in map(str.strip, path.read_text(encoding="utf-8").splitlines())
        )
    ]


def run(tests: Sequence[str], seconds: float) -> int:
    """Run test files until time is up, say what was left out, and return the exit code."""
    deadline = Deadline(seconds)
    code = int(pytest.main(["-q", "-m", "not slow", *tests], plugins=[deadline]))
    if deadline.left:
        names = "\n  ".join(deadline.files)
        print(
            f"{deadline.left} tests left out after {seconds:g} s; `make test` runs them:\n  {names}"
        )
    nothing_ran = code == pytest.ExitCode.NO_TESTS_COLLECTED and deadline.failed == 0
    return 0 if nothing_ran else code


def _git(root: Path, *words: str) -> list[str]:
    """Run git and return the lines that it prints."""
    done = subprocess.run(
        ["git", *words], cwd=root, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout.splitlines()


def main() -> None:
    """Read the words of the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", default="main", help="a branch, tag or commit")
    parser.add_argument("--seconds", type=float, default=40, help="no test begins after these")
    words = parser.parse_args()
    tests = nearest(ROOT, changed_files(ROOT, words.since))
    print(f"{len(tests)} test files for what changed since {words.since}", flush=True)
    sys.exit(run(list(dict.fromkeys([*tests, _ALWAYS])), words.seconds))


if __name__ == "__main__":
    main()
