"""The provider in QGIS itself, headless: the algorithms are listed and make what geoloupe makes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

import geoloupe
from tests.scenes.pairs import MTF, pair

QGIS = shutil.which("qgis_process.bin") or shutil.which("qgis_process")  # Debian's is a script
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(QGIS is None, reason="QGIS is not installed"),
]
PLUGINS = Path(__file__).parent.parent.parent / "qgis"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of its own in which the plug-in is enabled."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    process(folder, "plugins", "enable", "geoloupe")
    return folder


def process(home: Path, *words: str) -> str:
    """Run qgis_process with this geoloupe."""
    program = home / "geoloupe"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m geoloupe "$@"\n')
    program.chmod(0o700)
    env = os.environ | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_PLUGINPATH": str(PLUGINS),
        "GEOLOUPE_PROGRAM": str(program),
    }
    assert QGIS is not None
    done = subprocess.run([QGIS, *words], env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_algorithms_are_listed(home: Path) -> None:
    listed = process(home, "list")
    for name in ("upscale", "sharpen", "inspect"):
        assert f"geoloupe:{name}" in listed


def test_a_part_is_upscaled_as_the_program_does_it(home: Path, tmp_path: Path) -> None:
    ms, _, _ = pair(tmp_path)
    with rasterio.open(ms) as scene:
        left, bottom, right, _ = scene.bounds
        crs = scene.crs.to_string()
    top = bottom + (right - left) / 2
    said = process(
        home,
        *("run", "geoloupe:upscale", f"--INPUT={ms}", "--MODEL=5", "--SET=scale=2"),
        *(f"--AREA={left},{right},{bottom},{top} [{crs}]", f"--OUTPUT={tmp_path / 'q.tif'}"),
    )
    assert "OUTPUT:" in said
    area = f"{left},{bottom},{right},{top}"
    geoloupe.upscale(ms, tmp_path / "own.tif", model="bicubic", scale=2, area=area)
    with rasterio.open(tmp_path / "q.tif") as one, rasterio.open(tmp_path / "own.tif") as other:
        assert np.array_equal(one.read(), other.read())


def test_bands_are_sharpened_and_inspected(home: Path, tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    product = tmp_path / "q.tif"
    mtf = ",".join(map(str, MTF)) if isinstance(MTF, tuple) else MTF
    said = process(
        home,
        *("run", "geoloupe:sharpen", f"--INPUT={ms}", f"--GUIDE={guide}", "--METHOD=1"),
        *(f"--SET=mtf={mtf} shift=0,0", f"--OUTPUT={product}"),
    )
    assert product.exists(), said
    with rasterio.open(product) as made, rasterio.open(guide) as fine:
        assert made.shape == fine.shape


def test_a_failure_is_the_program_s_own_sentence(home: Path, tmp_path: Path) -> None:
    ms, _, _ = pair(tmp_path)
    said = process(
        home,
        *("run", "geoloupe:upscale", f"--INPUT={ms}", "--BANDS=99", "--MODEL=5"),
        f"--OUTPUT={tmp_path / 'q.tif'}",
    )
    assert "there is no band 99" in said
    assert not (tmp_path / "q.tif").exists()
