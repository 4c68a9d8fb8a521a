"""Our commands within rasterio's program: the same words, files, messages and exit codes."""

from pathlib import Path

import pytest
import rasterio

from tests.program import program, rio
from tests.scenes.pairs import pair
from tests.scenes.test_outputs import scene

BICUBIC = ("--model", "bicubic", "--set", "scale=2")


def test_rio_lists_both_commands_among_its_own() -> None:
    done = rio("--help")
    assert done.returncode == 0, done.stderr
    assert "upscale    Enlarge scenes by super-resolution." in done.stdout
    assert "sharpen    Sharpen coarse bands by a finer image." in done.stdout
    assert "warp" in done.stdout


def test_their_help_is_the_programs() -> None:
    done = rio("sharpen", "--help")
    assert done.returncode == 0
    assert "Usage: rio sharpen" in done.stdout
    assert "--guide" in done.stdout


def test_rio_upscale_makes_the_same_bytes(tmp_path: Path) -> None:
    path = scene(tmp_path)
    assert program("upscale", path, "-o", tmp_path / "a.tif", *BICUBIC).returncode == 0
    done = rio("upscale", path, "-o", tmp_path / "b.tif", *BICUBIC)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    assert str(tmp_path / "b.tif") in done.stdout
    again = rio("upscale", path, "-o", tmp_path / "b.tif", *BICUBIC)
    assert again.returncode == 2
    assert again.stderr.endswith("b.tif: exists already; choose another name or --overwrite\n")


def test_rio_sharpen_takes_a_guide(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    done = rio("sharpen", ms, "--guide", guide, "-o", tmp_path / "out.tif", "-q")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    with rasterio.open(tmp_path / "out.tif") as made, rasterio.open(guide) as fine:
        assert made.shape == fine.shape


@pytest.mark.parametrize(("before", "count"), [((), 1), (("-v",), 1), (("-q",), 0)])
def test_a_warning_is_said_as_loud_as_rio_is_told(
    tmp_path: Path, before: tuple[str, ...], count: int
) -> None:
    words = ("upscale", scene(tmp_path), "-o", tmp_path / "out.tif", "--stac", *BICUBIC)
    done = rio(*before, *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("does not say when it was taken") == count
