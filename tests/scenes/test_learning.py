"""A scene that teaches a network more: what is learned helps, or is not used."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.errors import InputError
from geoloupe.scenes import learning
from tests.scenes.pairs import MTF, PLACE, pair, read, write

OPTIONS: dict[str, Any] = {"mtf": MTF, "shift": (0.0, 0.0), "learn": True}


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn on small windows and not for long."""
    monkeypatch.setattr(learning, "_WINDOW_COARSE_PX", 32)
    monkeypatch.setattr(learning, "_STEPS", 12)


def test_what_is_learned_is_told_and_the_same_again(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path, side=220)
    one, two = (
        geoloupe.sharpen(ms, tmp_path / f"{name}.tif", guide=guide, **OPTIONS) for name in "ab"
    )
    assert one.model == "guided-pan"
    with rasterio.open(one.path) as out:
        assert "less error on others" in out.tags()["GEOLOUPE_LEARNED"]
        assert len(out.tags()["GEOLOUPE_WEIGHTS"]) == 16
    assert one.path.read_bytes() == two.path.read_bytes()


def test_tiles_are_the_whole(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path, side=220)
    whole, cut = (
        geoloupe.sharpen(ms, tmp_path / f"{tile}.tif", guide=guide, tile=tile, **OPTIONS)
        for tile in (512, 130)
    )
    assert cut.plan.count > 3
    assert np.abs(read(whole.path) - read(cut.path)).max() <= 1


def test_what_does_not_help_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_RATE", 10.0)  # with which nothing is learned
    ms, guide, _ = pair(tmp_path, side=220)
    made = geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, **OPTIONS)
    with rasterio.open(made.path) as out:
        told = out.tags()["GEOLOUPE_LEARNED"]
    assert "used as before" in told
    best = "glp" if "the regression is" in told else "guided-pan"
    kept = OPTIONS | {"learn": False, "model": best}
    plain = geoloupe.sharpen(ms, tmp_path / "plain.tif", guide=guide, **kept)
    assert np.abs(read(made.path) - read(plain.path)).max() <= 1


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path, side=96)
    with pytest.raises(InputError, match="too few to learn from"):
        geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, **OPTIONS)
    with pytest.raises(InputError, match="gsa does not learn"):
        geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, model="gsa", **OPTIONS)
    two = write(tmp_path / "two.tif", np.concatenate([read(guide)] * 2).astype(np.float64), PLACE)
    with pytest.raises(InputError, match="too few to learn from"):  # guided-s2 learns by any guide
        geoloupe.sharpen(ms, tmp_path / "out.tif", guide=two, **OPTIONS)
    with pytest.raises(InputError, match="learn without shards"):
        geoloupe.sharpen(ms, tmp_path / "out.tif", guide=guide, shard="1/2", **OPTIONS)
