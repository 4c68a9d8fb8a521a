"""Every command that takes long, killed at any moment: no half result, and it can be run again.

The commands that go on where they stopped have tests of their own beside this; here is what holds
for all: what has the name of a result is whole, and the same words then make the whole result.
"""

import random
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.program import program
from tests.training.scenes import draw

SMALL = "--set schedule.steps=20 --set schedule.warmup=0 --set validation.every=10"
COMMANDS = {
    "prepare": "prepare folder --from images -o out/data",
    "degrade": "degrade images/scene0.tif -o out/lr.tif --degradation mtf --scale 2",
    "upscale": "upscale images/scene0.tif -o out/finer.tif --model loupe-x2 --set tile=48",
    "sharpen": "sharpen images/scene1.tif --guide pan.tif -o out/sharp.tif --model glp",
    "inspect": "inspect finer.tif --lr images/scene0.tif -o out/trust",
    "picture": "picture finer.tif -o out/picture.png",
    "demo": "demo out/demo",
    "export": "export loupe-x2 -o out/loupe.onnx",
    "train": f"train smoke -o out/run --set data.set=data/mine {SMALL}",
    "finetune": f"finetune --from loupe-x2 --data images -o out/further {SMALL} "
    "--set patches.size=16 --set batch=2",
    "evaluate": "evaluate --models bicubic,loupe-x2 --data data/mine:train -o out/rows",
    "compare": "compare --models bicubic,loupe-x2 --data data/mine:train -o out/report",
    "leaderboard": "leaderboard --models bicubic,loupe-x2 --data data/mine:train "
    "--set cost=false -o out/board",
    "downstream": "downstream indices --models bicubic,loupe-x2 --data data/four:train "
    "-o out/indices",
    "cost": "cost --models srcnn,loupe-x2 --sizes 16,32 -o out/cost",
    "ablate": "ablate mine.toml -o out/ablation",
}
AGAIN = {"train": "train --resume out/run", "finetune": "train --resume out/further"}
ABLATION = """
recipe = "smoke"

[changes]
"data.set" = "data/mine"
"schedule.steps" = 10
"schedule.warmup" = 0
"validation.every" = 10

[variants.whole]

[variants.shallow]
"settings.blocks" = 1
"""
KILLS = 4
# What times or dates: the same command writes something else the second time.
CHANGING = (".html", ".json", ".svg", ".log", ".toml", ".csv", ".md", ".safetensors", ".pt", ".tex")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what the commands read."""
    folder = tmp_path_factory.mktemp("home")
    draw(folder / "images")
    draw(folder / "infrared", bands=(0, 1, 2, 3))
    (folder / "mine.toml").write_text(ABLATION)
    for words in (
        "prepare folder --from images -o data/mine",
        "prepare folder --from infrared -o data/four",
        "upscale images/scene0.tif -o finer.tif --model loupe-x2",
        "upscale images/scene1.tif -o pan.tif --model bicubic --set scale=2 --bands 1",
    ):
        done = program(*shlex.split(words), cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def made(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder whose names are results', and what they hold."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") or part == "tensorboard" for part in path.parts)
    }


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_moment_it_can_be_run_again(home: Path, command: str) -> None:
    words, out = shlex.split(COMMANDS[command]), home / "out"
    again = shlex.split(AGAIN.get(command, COMMANDS[command]))
    start = time.monotonic()
    subprocess.run(_program(words), cwd=_emptied(home), check=True, capture_output=True)
    took, whole = time.monotonic() - start, made(out)
    rng = random.Random(command)
    for _ in range(KILLS):
        child = subprocess.Popen(
            _program(words),
            cwd=_emptied(home),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(took * rng.uniform(0.3, 1))
        child.kill()
        child.wait()
        left = made(out)
        half = [
            name
            for name, content in left.items()
            if name in whole and not name.endswith(CHANGING) and content != whole[name]
        ]
        assert not half, half
        assert not [name for name, content in left.items() if not content], "an empty result"
        resumed = again if out.exists() and command in AGAIN and any(out.iterdir()) else words
        done = program(*resumed, cwd=home)
        there = done.returncode == 2 and "already" in done.stderr  # killed when all was made
        assert done.returncode == 0 or there, done.stderr
        assert set(made(out)) == set(whole)
        assert not [path for path in out.rglob("*") if path.suffix in (".part", ".work", ".lock")]


def _program(words: list[str]) -> list[str]:
    return [sys.executable, "-m", "geoloupe", *words]


def _emptied(home: Path) -> Path:
    shutil.rmtree(home / "out", ignore_errors=True)
    (home / "out").mkdir()
    return home
