"""No command looks up a name or connects to another machine, and none leaves traces at home."""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.test_convert import published
from tests.datasets.small import picture
from tests.scenes.test_upscale import write
from tests.training.scenes import draw, prepared

ALONE = Path(__file__).parent / "alone"
RUN = "from geoloupe.cli import app; import sys; app(sys.argv[1:], standalone_mode=False)"

FILES = """
upscale scene.tif -o out.tif
upscale scene.tif -o out_x2.tif --set scale=2 --json
upscale scene.tif -o never.tif --dry-run
upscale scene.tif -o preview.tif --preview
upscale scene.tif -o shared.tif --model bicubic --shard 1/1
assemble shared.tif
inspect out.tif --lr scene.tif -o verdict
picture scene.tif -o scene.png
degrade scene.tif -o coarse.tif
models
models loupe-x4
networks
networks hsenet
convert published.pt --network srcnn --set scale=2 -o weights
doctor
"""
DATA = """
prepare folder --from images -o other
evaluate --models bicubic,loupe-x2 --data data/prepared:test --scale 2 -o scores
compare --models bicubic,loupe-x2 --data data/prepared:test --scale 2 -o report
train smoke -o run --set data.set=data/prepared --set schedule.steps=4 --set schedule.warmup=0 --set validation.every=2
finetune --from run/model --data images -o more --set schedule.steps=4 --set schedule.warmup=0 --set patches.size=16
downstream pixels --models bicubic --data data/prepared:test --scale 2 -o pixels --set classes=3
cost --models srcnn --sizes 16 --set threads=1 -o cost
"""  # noqa: E501
LONG = """
demo demo
ablate variants.toml -o ablation
upscale scene.tif -o workers.tif --model bicubic --set tile=32 --workers 2
"""
VARIANTS = """
recipe = "smoke"
[changes]
"data.set" = "data/prepared"
"schedule.steps" = 4
"schedule.warmup" = 0
"validation.every" = 2
[variants.whole]
[variants.shallow]
"settings.blocks" = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make what the commands are given."""
    values = np.random.default_rng(0).integers(1, 4000, (3, 40, 50)).astype(np.uint16)
    write(tmp_path / "scene.tif", values)
    picture(tmp_path / "picture.png", values.astype(np.uint8))
    torch.save(published("srcnn"), tmp_path / "published.pt")
    (tmp_path / "home").mkdir()
    return tmp_path


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is watched, and so are all processes that it starts."""
    paths = (str(ALONE), os.environ.get("PYTHONPATH", ""))
    watched = {
        "PYTHONPATH": os.pathsep.join(paths),
        "GEOLOUPE_TEST_NETWORK_LOG": str(folder / "network.log"),
        "HOME": str(folder / "home"),
    }
    # Programs that are told so keep silent in CI; they must everywhere.
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD")} | watched
    command = [sys.executable, "-c", RUN, *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def silent(folder: Path, commands: str) -> None:
    """Run commands one after the other: they work, ask nobody and leave nothing at home."""
    for command in commands.strip().splitlines():
        done = alone(folder, *shlex.split(command))
        log = folder / "network.log"
        assert not log.exists(), f"{command}\n{log.read_text()}"
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        kept = {path.name for path in (folder / "home").iterdir()}
        assert kept <= {".cache", ".config"}, command


def test_the_watch_sees(folder: Path) -> None:
    """The other tests could not fail without it."""
    program = "import socket; socket.getaddrinfo('example.invalid', 80)"
    environment = os.environ | {
        "PYTHONPATH": str(ALONE),
        "GEOLOUPE_TEST_NETWORK_LOG": str(folder / "network.log"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert "socket.getaddrinfo example.invalid" in (folder / "network.log").read_text()


@pytest.mark.slow
def test_files_and_models(folder: Path) -> None:
    silent(folder, FILES)


@pytest.mark.slow
def test_data_training_and_studies(folder: Path) -> None:
    pytest.importorskip("lightning_fabric", reason="needs the extra train")
    draw(folder / "images")
    prepared(folder / "data")
    silent(folder, DATA)


@pytest.mark.slow
def test_what_starts_other_processes(folder: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster")
    prepared(folder / "data")
    (folder / "variants.toml").write_text(VARIANTS)
    silent(folder, LONG)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_engines(folder: Path, engine: str) -> None:
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed (extra: export)")
    silent(folder, f"upscale scene.tif -o out.tif --model loupe-x2 --set engine={engine}")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_the_compiler(folder: Path) -> None:
    silent(folder, "upscale scene.tif -o out.tif --model loupe-x2 --set engine=compile")
