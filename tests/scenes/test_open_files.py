"""The main jobs on a system that neither renames nor deletes open files, as Windows."""

import os
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import geoloupe
from geoloupe.errors import RunError
from geoloupe.scenes import plan
from geoloupe.scenes.batch import Batch
from geoloupe.scenes.work_folder import work_folder
from tests.windows import Minding, minding

__all__ = ["minding"]

SCENE = Path(str(resources.files("geoloupe") / "sample/scene.tif"))


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut a small scene into many blocks."""
    monkeypatch.setattr(plan, "_BLOCK_BYTES", 2**16)
    monkeypatch.setattr(plan, "_TILE_BYTES", 2**18)
    monkeypatch.setattr(plan, "_MIN_MARGINS", 3)


@pytest.mark.usefixtures("many_blocks")
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("out.tif", {}),
        ("out.tif", {"uncertainty": True, "detail": True}),
        ("out.zarr", {}),
        ("out.png", {"bands": "1,2,3"}),
    ],
)
def test_a_scene_is_made_twice_and_nothing_stands_in_the_way(
    tmp_path: Path, minding: Minding, name: str, more: dict[str, Any]
) -> None:
    target = tmp_path / name
    for overwrite in (False, True):
        done = geoloupe.upscale(
            SCENE,
            target,
            model="loupe-x2",
            area="0,0,150,150@pixels",
            overwrite=overwrite,
            **more,
        )
        assert done.plan.count > 1
    assert minding.refused == []
    assert target.exists()
    assert not work_folder(target).exists()
    assert [each for each in os.listdir(tmp_path) if each.startswith(".")] == []


@pytest.mark.usefixtures("many_blocks")
def test_a_stopped_run_goes_on(tmp_path: Path, minding: Minding) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, count: int) -> None:
        if done > count // 2:
            raise StoppedError

    target = tmp_path / "out.tif"
    with pytest.raises(StoppedError):
        geoloupe.upscale(SCENE, target, model="loupe-x2", progress=stop)
    assert work_folder(target).is_dir()
    geoloupe.upscale(SCENE, target, model="loupe-x2")
    assert minding.refused == []
    assert os.listdir(tmp_path) == ["out.tif"]


def test_a_folder_of_results_remembers(tmp_path: Path, minding: Minding) -> None:
    batch = Batch.of(tmp_path, "upscale", {"model": "loupe-x2"})
    for number in range(3):
        batch.failed("scene.tif", tmp_path / f"out{number}.tif", "why")
    assert len(batch.entries()) == 3
    assert minding.refused == []
    assert len(os.listdir(tmp_path)) == 2


def test_a_product_that_a_viewer_shows_is_named_and_the_work_is_kept(
    tmp_path: Path, minding: Minding
) -> None:
    target = tmp_path / "out.tif"
    geoloupe.upscale(SCENE, target, model="nearest", scale=2)
    before = target.read_bytes()
    with target.open("rb"), pytest.raises(RunError, match="another program has it open; close it"):
        geoloupe.upscale(SCENE, target, model="bicubic", scale=2, overwrite=True)
    assert target.read_bytes() == before
    assert list((work_folder(target) / "blocks").iterdir())
    geoloupe.upscale(SCENE, target, model="bicubic", scale=2, overwrite=True)
    assert target.read_bytes() != before
    assert os.listdir(tmp_path) == ["out.tif"]
