"""What the QGIS plug-in does with the program, without QGIS: words, progress, failures, cancel."""

import importlib.util
import os
import shutil
import stat
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoloupe.scenes.work_folder import work_folder
from tests.datasets.small import picture

PLACE = Path(__file__).parent.parent.parent / "qgis" / "geoloupe"


def module() -> Any:
    """Load the part that knows nothing of QGIS."""
    spec = importlib.util.spec_from_file_location("geoloupe_qgis_program", PLACE / "program.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


program = module()


@pytest.fixture
def ours(tmp_path: Path) -> str:
    """Write a file that runs this geoloupe, as one that is installed elsewhere."""
    path = tmp_path / "geoloupe"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m geoloupe "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def pretends(path: Path, body: str) -> str:
    """Write a program that only says things."""
    path.write_text(f"#!{sys.executable}\nimport sys, time, json\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_program_is_found_by_its_name_or_its_file(
    ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program.find(ours) == ours
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program.find() == shutil.which("geoloupe", path=str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(program.ProgramError, match="was not found: install it"):
        program.find()
    with pytest.raises(program.ProgramError, match="there is no program"):
        program.find(str(tmp_path / "other"))


def test_a_scene_is_made_and_tiles_are_counted(ours: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 4000, (4, 192, 192)).astype(np.uint16)
    scene = picture(tmp_path / "scene.tif", values)
    seen: list[tuple[int, int]] = []
    words = ["upscale", str(scene), "-o", str(tmp_path / "o.tif"), "--model", "bicubic"]
    words += ["--set", "tile=64", "--set", "scale=2"]
    found = program.run(ours, words, progress=lambda *done: seen.append(done))
    assert found["path"] == str(tmp_path / "o.tif")
    assert seen[-1] == (found["tiles"], found["tiles"])
    with rasterio.open(found["path"]) as product:
        assert product.width == 384


def test_a_failure_is_the_program_s_own_sentence(ours: str, tmp_path: Path) -> None:
    with pytest.raises(program.ProgramError, match=r"missing\.tif: no such file"):
        program.run(ours, ["upscale", str(tmp_path / "missing.tif")])


def test_what_it_says_meanwhile_is_passed_on(tmp_path: Path) -> None:
    talker = pretends(
        tmp_path / "talker",
        'print("a sentence", file=sys.stderr)\n'
        'print(json.dumps({"done": 1, "count": 2}), file=sys.stderr)\n'
        'print(json.dumps({"warnings": ["w"]}))',
    )
    said: list[str] = []
    seen: list[tuple[int, int]] = []
    found = program.run(talker, [], say=said.append, progress=lambda *done: seen.append(done))
    assert (said, seen, found) == (["a sentence"], [(1, 2)], {"warnings": ["w"]})


def test_an_answer_that_is_no_json_is_said(tmp_path: Path) -> None:
    with pytest.raises(program.ProgramError, match="no JSON: hello"):
        program.run(pretends(tmp_path / "p", 'print("hello")'), [])


def test_gdal_and_python_of_qgis_are_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROJ_LIB", "/of/qgis")
    asks = pretends(
        tmp_path / "p", 'import os\nprint(json.dumps({"proj": os.environ.get("PROJ_LIB")}))'
    )
    assert program.run(asks, []) == {"proj": None}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals are others elsewhere")
def test_a_cancelled_run_goes_on_where_it_was(ours: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 4000, (4, 700, 700)).astype(np.uint16)
    scene = picture(tmp_path / "scene.tif", values)
    target = tmp_path / "o.tif"
    words = ["upscale", str(scene), "-o", str(target), "--model", "loupe-x4", "--set", "tile=64"]
    begun: list[float] = []
    with pytest.raises(program.ProgramError, match="run the same again to continue"):
        program.run(
            ours,
            words,
            progress=lambda done, count: begun.append(done / count),
            cancelled=lambda: bool(begun) and begun[-1] >= 0.7,
        )
    assert not target.exists()
    assert work_folder(target).exists()
    started = time.monotonic()
    found = program.run(ours, words)
    assert found["complete"]
    assert target.exists()
    assert time.monotonic() - started < 120


def test_the_program_speaks_utf8_whatever_the_system_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    said = 'print(json.dumps({"path": "sc\\u00e8ne \\u2192.tif"}, ensure_ascii=False))'
    found = program.run(pretends(tmp_path / "geoloupe", said), [])
    assert found == {"path": "sc\u00e8ne \u2192.tif"}
