"""A trial opens everything once, and answers everything once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy import ndimage

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.errors import InputError
from geoloupe.evaluation import comparison
from geoloupe.evaluation.comparison import compare
from geoloupe.evaluation.trial import Trial
from geoloupe.models import predictor, tuned
from geoloupe.models.predictor import Predictor
from tests.datasets.small import enter, picture, prepared, random


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Five pictures of 24 x 36."""
    enter(monkeypatch)
    made = prepared(tmp_path, {f"p{n}.png": random(3, 24, 36, seed=n) for n in range(5)})
    return f"{made.folder}:train"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is opened, made ready and answered."""
    count: Counter[str] = Counter()

    def counted(where: Any, name: str) -> None:
        plain: Callable[..., Any] = getattr(where, name)

        def call(*args: Any, **more: Any) -> Any:
            count[name] += 1
            return plain(*args, **more)

        monkeypatch.setattr(where, name, staticmethod(call) if isinstance(where, type) else call)

    counted(PreparedDataset, "open")
    counted(predictor, "accelerate")
    predict = Predictor.predict

    def answer(self: Predictor, *images: Any) -> Any:
        count["predict"] += 1
        return predict(self, *images)

    monkeypatch.setattr(tuned.Predictor, "predict", answer)
    return count


def test_three_models_are_compared_by_one_pass(data: str, calls: Counter[str]) -> None:
    found = compare(["bicubic", "nearest", "loupe-x2"], data)  # on noise, nearest is the best
    assert calls == {"open": 1, "accelerate": 3, "predict": 15}
    assert len(found.shown) == 4


def test_what_is_shown_fits_into_memory(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for four images of five, the closest of those that were kept are shown."""
    monkeypatch.setattr(comparison, "_KEPT_BYTES", 0)
    found = compare(["nearest", "bicubic"], data, scale=2)
    assert all("or close to it" in shown.why for shown in found.shown)
    for shown in found.shown:
        assert shown.answers["bicubic"].values.shape == (3, 24, 36)


def test_models_of_one_factor_share_their_images(data: str) -> None:
    trial = Trial.open(["nearest", "bicubic", "loupe-x4"], data)
    assert len({id(entrant.examples) for entrant in trial.entrants}) == 1
    names = [answer.row.model for answer in trial.answers()]
    assert names == ["nearest"] * 5 + ["bicubic"] * 5 + ["loupe-x4"] * 5
    other = Trial.open(["loupe-x2", "loupe-x4"], data)
    assert [entrant.examples.scale for entrant in other.entrants] == [2, 4]
    sizes = {answer.row.model: answer.example.lr.values.shape for answer in other.answers()}
    assert sizes == {"loupe-x2": (3, 12, 18), "loupe-x4": (3, 6, 9)}


def test_methods_that_sharpen_are_measured_beside_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On bands that are parts of their guide, whoever looks at the guide does better."""
    enter(monkeypatch)
    rng = np.random.default_rng(0)
    for number in range(3):
        fine = ndimage.gaussian_filter(rng.random((96, 96)), 1.0)
        fine = (fine - fine.min()) / np.ptp(fine) * 8000 + 500
        coarse = fine.reshape(48, 2, 48, 2).mean((1, 3))
        bands = np.stack([coarse, 0.5 * coarse + 200]).astype(np.uint16)
        for end, values in (("pan", fine[None].astype(np.uint16)), ("ms", bands)):
            path = picture(tmp_path / "in" / f"p{number}_{end}.tif", values)
            with rasterio.open(path, "r+") as out:
                side = 960 / values.shape[1]
                out.transform = Affine(side, 0, 5e5, 0, -side, 4e6)
    (tmp_path / "list").write_text("".join(f"test p{number}\n" for number in range(3)))
    made = prepare("pan", tmp_path / "in", tmp_path / "out", split=str(tmp_path / "list"))
    data = f"{made.prepared.folder}:test"
    found = compare(["bicubic", "glp", "gsa", "guided-pan"], data, protocol="wald", scale=2)
    rmse = {row.model: row.mean["rmse"] for row in found.result.summaries()}
    assert max(rmse[name] for name in ("glp", "gsa", "guided-pan")) < 0.5 * rmse["bicubic"]
    assert found.metric == "sre"
    assert found.best == min(rmse, key=lambda name: rmse[name])


def test_every_nth_image_is_taken_before_the_limit(data: str) -> None:
    trial = Trial.open(["nearest"], data, scale=2, every=2)
    assert [answer.row.image for answer in trial.answers()] == ["p0", "p2", "p4"]
    trial = Trial.open(["nearest"], data, scale=2, every=2, limit=2)
    assert [answer.row.image for answer in trial.answers()] == ["p0", "p2"]
    with pytest.raises(InputError, match="every must be 1 or more, not 0"):
        Trial.open(["nearest"], data, every=0)
