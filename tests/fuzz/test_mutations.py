"""Damaged files are refused in a sentence or give a right result: no traceback, hang or crash."""

import json
import queue
import random
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scipy.io
from rasterio.windows import Window

from tests.datasets.small import PLACE, picture
from tests.datasets.small import random as noise
from tests.real_data import DATA

_PATIENCE = 60.0  # seconds for one small file
_EXTREMES = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"\x01\x00\x00\x00",
    b"\x00\x00\x80\x7f",
)


def seeds(folder: Path) -> list[Path]:
    """Make small files of many kinds, and cut small parts out of real ones."""
    folder.mkdir()
    values = noise(3, 40, 48)
    made = [picture(folder / "a.png", values), picture(folder / "a.tif", values)]
    profile = {"count": 3, "height": 40, "width": 48, "dtype": "uint16", "nodata": 0}
    for number, options in enumerate(
        (
            {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16},
            {"compress": "lzw", "predictor": 2, "interleave": "pixel"},
            {"driver": "ENVI"},
            {"driver": "JP2OpenJPEG", "reversible": True, "quality": 100},
        )
    ):
        suffix = {"ENVI": ".img", "JP2OpenJPEG": ".jp2"}.get(str(options.get("driver")), ".tif")
        path = folder / f"b{number}{suffix}"
        with rasterio.open(
            path, "w", crs="EPSG:32631", transform=PLACE, **profile | options
        ) as out:
            out.write(noise(3, 40, 48).astype(np.uint16) + 1)
        made.append(path)
    scipy.io.savemat(folder / "c.mat", {"data": noise(20, 24, 5), "map": noise(20, 24)})
    made.append(folder / "c.mat")
    for path in sorted((DATA / "scenes").glob("*.tif")) if DATA.is_dir() else []:
        with rasterio.open(path) as real:
            height, width = min(real.height, 48), min(real.width, 48)
            part = Window(0, 0, width, height)
            cut = real.profile | {"height": height, "width": width, "tiled": False}
            cut = {k: v for k, v in cut.items() if not k.startswith("block")}
            with rasterio.open(folder / path.name, "w", **cut) as out:
                out.write(real.read(window=part))
        made.append(folder / path.name)
    return made


def truncated(content: bytearray, dice: random.Random) -> bytearray:
    return content[: dice.randrange(len(content))]


def flipped(content: bytearray, dice: random.Random) -> bytearray:
    for _ in range(dice.randrange(1, 9)):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    return content


def flipped_in_front(content: bytearray, dice: random.Random) -> bytearray:
    for _ in range(dice.randrange(1, 5)):
        content[dice.randrange(min(len(content), 300))] = dice.randrange(256)
    return content


def flipped_at_the_end(content: bytearray, dice: random.Random) -> bytearray:
    for _ in range(dice.randrange(1, 5)):
        content[-dice.randrange(1, min(len(content), 400))] = dice.randrange(256)
    return content


def zeroed(content: bytearray, dice: random.Random) -> bytearray:
    first = dice.randrange(len(content))
    last = min(first + dice.randrange(1, 200), len(content))
    content[first:last] = bytes(last - first)
    return content


def cut_out(content: bytearray, dice: random.Random) -> bytearray:
    first = dice.randrange(len(content))
    del content[first : first + dice.randrange(1, 100)]
    return content


def doubled(content: bytearray, dice: random.Random) -> bytearray:
    first = dice.randrange(len(content))
    part = content[first : first + dice.randrange(1, 100)]
    content[first:first] = part
    return content


def extreme(content: bytearray, dice: random.Random) -> bytearray:
    near = dice.choice((min(len(content), 400), len(content)))
    place = dice.randrange(max(near - 4, 1))
    content[place : place + 4] = dice.choice(_EXTREMES)
    return content


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    *(truncated, flipped, flipped_in_front, flipped_at_the_end),
    *(zeroed, cut_out, doubled, extreme),
)


class Judge:
    """A worker process that is started again when it crashes or hangs."""

    def __init__(self) -> None:
        self._start()

    def __call__(self, path: Path) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{path}\n")
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


def run(folder: Path, numbers: range) -> Counter[str]:
    """Mutate seed files by number and judge each; give how often each verdict fell."""
    files = seeds(folder / "seeds")
    judge = Judge()
    verdicts: Counter[str] = Counter()
    try:
        for number in numbers:
            dice = random.Random(number)
            seed, mutate = dice.choice(files), dice.choice(MUTATIONS)
            case = folder / "case"
            case.mkdir()
            for companion in seed.parent.glob(f"{seed.stem}.*"):
                if companion.suffix in (".hdr", ".xml"):
                    shutil.copy(companion, case)
            path = case / seed.name
            path.write_bytes(mutate(bytearray(seed.read_bytes()), dice))
            verdict = judge(path)
            kind = verdict if verdict in ("made", "refused") else "wrong"
            if kind == "wrong":
                verdict = f"{number}: {mutate.__name__} of {seed.name}: {verdict}"
            verdicts[verdict] += 1
            shutil.rmtree(case)
    finally:
        judge.stop()
    return verdicts


def test_two_hundred_damaged_files(tmp_path: Path) -> None:
    verdicts = run(tmp_path, range(200))
    assert set(verdicts) == {"made", "refused"}, verdicts


@pytest.mark.slow
def test_two_thousand_damaged_files(tmp_path: Path) -> None:
    verdicts = run(tmp_path, range(2000))
    assert set(verdicts) == {"made", "refused"}, verdicts
