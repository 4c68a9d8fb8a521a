"""Damaged files are refused in a sentence or give a right result: no traceback, hang or crash."""

import json
import os
import queue
import random
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.mutations import MUTATIONS, OF_PRODUCTS
from tests.fuzz.seeds import CASE, PRODUCT, Seed, seeds
from tests.fuzz.worker import MADE, REFUSED

_PATIENCE = 60.0  # seconds for one small file
# How many cases the slow test judges, perhaps of one kind alone: GEOLOUPE_FUZZ=1500:product.
CASES, _, ALONE = os.environ.get("GEOLOUPE_FUZZ", "2000").partition(":")
SHARES = {
    **{"scene": 5, "product": 3, "weights": 2, "checkpoint": 1, "recipe": 2, "job": 1},
    **{"dataset": 1},
}


class Judge:
    """A worker process that is started again when it crashes or hangs."""

    def __init__(self) -> None:
        self._start()

    def __call__(self, kind: str, path: Path) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{kind} {path}\n")
        self.process.stdin.flush()
        try:
            line = self.answers.get(timeout=_PATIENCE)
        except queue.Empty:
            line = "hang"
        if line in ("", "hang"):
            self.stop()
            self._start()
            return "a hang" if line else "a crash"
        return str(json.loads(line))

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.answers: queue.Queue[str] = queue.Queue()
        output, answers = self.process.stdout, self.answers

        def listen() -> None:
            assert output is not None
            for line in output:
                answers.put(line)
            answers.put("")

        threading.Thread(target=listen, daemon=True).start()


def run(folder: Path, numbers: range, shares: dict[str, int]) -> Counter[str]:
    """Damage sound files by number and judge each; give how often each verdict fell."""
    known = seeds(folder / "seeds")
    judge = Judge()
    verdicts: Counter[str] = Counter()
    try:
        for number in numbers:
            verdicts[_case(folder / CASE, known, shares, number, judge)] += 1
    finally:
        judge.stop()
    return verdicts


def _case(
    folder: Path, known: dict[str, list[Seed]], shares: dict[str, int], number: int, judge: Judge
) -> str:
    rng = random.Random(number)
    (kind,) = rng.choices(list(shares), list(shares.values()))
    ways = OF_PRODUCTS if kind == PRODUCT else MUTATIONS
    seed, mutate = rng.choice(known[kind]), rng.choice(ways)
    shutil.copytree(seed.folder, folder)
    path = folder / seed.file
    content = mutate(bytearray(path.read_bytes()), rng)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    verdict = judge(kind, path)
    shutil.rmtree(folder)
    if verdict in (MADE, REFUSED):
        return f"{kind} {verdict}"
    return f"{number}: {kind}, {mutate.__name__} of {seed.file}: {verdict}"


def test_damaged_files(tmp_path: Path) -> None:
    verdicts = run(tmp_path, range(300), SHARES)
    expected = {f"{kind} {verdict}" for kind in SHARES for verdict in (MADE, REFUSED)}
    assert set(verdicts) <= expected, sorted(set(verdicts) - expected)
    assert {f"{kind} {REFUSED}" for kind in SHARES} <= set(verdicts)


@pytest.mark.slow
def test_many_damaged_files(tmp_path: Path) -> None:
    shares = {ALONE: 1} if ALONE else SHARES
    verdicts = run(tmp_path, range(int(CASES)), shares)
    expected = {f"{kind} {verdict}" for kind in shares for verdict in (MADE, REFUSED)}
    sys.stdout.write("".join(f"{count:6} {name}\n" for name, count in verdicts.items()))
    assert set(verdicts) <= expected, sorted(set(verdicts) - expected)
