"""The program as a person runs it: results, and one sentence for each mistake."""

import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geoloupe import __version__
from geoloupe.cli.screen import in_flags
from tests.program import program


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run geoloupe in a process of its own."""
    return program(*words)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Write a small picture without georeference."""
    values = np.arange(3 * 10 * 8, dtype=np.uint8).reshape(3, 10, 8)
    path = tmp_path / "picture.png"
    profile = {"driver": "PNG", "count": 3, "height": 10, "width": 8, "dtype": "uint8"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as out:
            out.write(values)
    (tmp_path / "picture.png.aux.xml").unlink(missing_ok=True)
    return path


def test_a_picture_becomes_a_picture(picture: Path) -> None:
    done = run("upscale", picture)
    assert (done.returncode, done.stderr) == (0, "")
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(picture.with_name("picture_x4.png")) as out,
    ):
        assert (out.driver, out.count, *out.shape) == ("PNG", 3, 40, 32)


def test_the_demo_runs_twice_and_says_what_it_is(tmp_path: Path) -> None:
    for _ in range(2):
        done = run("demo", tmp_path / "demo")
        assert (done.returncode, done.stderr) == (0, "")
        assert "scene_x4.tif" in done.stdout
        assert (tmp_path / "demo" / "demo.html").stat().st_size < 6e6
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "scene.tif").write_text("mine")
    done = run("demo", tmp_path / "mine")
    assert done.returncode == 2
    assert (tmp_path / "mine" / "scene.tif").read_text() == "mine"


def test_networks_are_listed_and_shown() -> None:
    table = run("networks")
    assert table.returncode == 0
    for name in ("hsenet", "convformersr", "tsfnet", "mulsr", "sspsr", "13,564,392"):
        assert name in table.stdout
    one = run("networks", "hsenet", "--set", "scale=2")
    assert "modules" in one.stdout
    assert "5,285,635" in one.stdout
    assert run("--version").stdout.strip() == __version__


MISTAKES = {
    "a missing file": (["upscale", "nothing.tif"], "nothing.tif: no such file"),
    "an empty file": (["upscale", "empty.tif"], "empty.tif: is empty"),
    "a text file": (["upscale", "text.tif"], "text.tif"),
    "a folder": (["upscale", "."], "is a folder"),
    "no such band": (["upscale", "picture.png", "--bands", "1,9"], "there is no band 9"),
    "no such model": (["upscale", "picture.png", "--model", "bicubc"], "did you mean 'bicubic'"),
    "a model without weights": (
        ["upscale", "picture.png", "--model", "hsenet"],
        "geoloupe convert",
    ),
    "no such setting": (["upscale", "picture.png", "--set", "tiel=3"], "did you mean 'tile'"),
    "no such engine": (["upscale", "picture.png", "--set", "engine=x"], "engine"),
    "a folder that is not there": (
        ["upscale", "picture.png", "-o", "no/out.png"],
        "does not exist",
    ),
    "a suffix that is none": (["upscale", "picture.png", "-o", "out.xyz"], "out.xyz"),
    "no such network": (["networks", "sspr"], "did you mean 'sspsr'"),
    "no such network setting": (["networks", "hsenet", "--set", "scal=2"], "did you mean 'scale'"),
    "an impossible factor": (["networks", "mulsr", "--set", "scale=3"], "scale must be even"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_helpful_sentence(
    mistake: str, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    Path("empty.tif").touch()
    Path("text.tif").write_text("this is no raster\n")
    before = sorted(path.name for path in Path().iterdir())
    words, says = MISTAKES[mistake]
    done = run(*words)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in Path().iterdir()) == before


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("choose tile=64 or so", "choose --set tile=64 or so"),
        ("choose another name or overwrite=true", "choose another name or --overwrite"),
        ("choose them with bands=3,2,1", "choose them with --bands 3,2,1"),
        ("try it with --set anyway=true", "try it with --set anyway=true"),
        ("/tmp/tile=3/scene.tif: is no raster", "/tmp/tile=3/scene.tif: is no raster"),
        (
            "say shift=0.5,-1; if not, anyway=true",
            "say --set shift=0.5,-1; if not, --set anyway=true",
        ),
    ],
)
def test_settings_in_messages_are_said_as_on_the_command_line(message: str, expected: str) -> None:
    assert in_flags(message) == expected
