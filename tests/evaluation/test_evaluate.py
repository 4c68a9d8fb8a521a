"""Models on prepared data: rows, means, tables, and the published bicubic numbers."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import geoloupe
from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.errors import InputError
from geoloupe.evaluation.tables import FILES, write_tables
from geoloupe.imagery.image import Image
from geoloupe.metrics.protocols import HSENET
from geoloupe.models.card import Card
from geoloupe.models.model import Model, load
from geoloupe.networks import build
from geoloupe.storage.publish import check_folder
from tests.datasets.small import enter, prepared, random
from tests.real_data import DATA

MEASURED = {  # HSENet's protocol on the 420 test images of the UC Merced split that is at hand
    2: (30.546, 0.8737),
    3: (27.196, 0.7582),
    4: (25.338, 0.6655),
    8: (22.186, 0.4891),
    16: (20.172, 0.4137),
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedDataset:
    """Five pictures of 41 x 50."""
    enter(monkeypatch)
    return prepared(tmp_path, {f"p{n}.png": random(3, 41, 50, seed=n) for n in range(5)})


def model(name: str, network: str = "srcnn", **settings: Any) -> Model:
    """Make a network with weights by chance."""
    built = build(network, **settings)
    return Model(built, Card(name=name, network=network, settings=settings, bands=None))


@pytest.mark.slow
@pytest.mark.parametrize("scale", MEASURED)
@pytest.mark.skipif(not (DATA / "ucmerced").is_dir(), reason="the real UC Merced is not here")
def test_bicubic_rows_equal_the_measured_ones(
    scale: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "ucmerced"
    prepare("ucmerced", DATA / "ucmerced", folder)
    result = geoloupe.evaluate(("bicubic",), str(folder), scale=scale)
    (summary,) = result.summaries()
    assert summary.count == 420
    psnr, ssim = MEASURED[scale]
    assert summary.mean["psnr"] == pytest.approx(psnr, abs=0.01)
    assert summary.mean["ssim"] == pytest.approx(ssim, abs=0.0005)


def test_a_row_is_the_protocol_s_score_of_one_image(data: PreparedDataset) -> None:
    result = geoloupe.evaluate(("bicubic",), data, split="train", scale=3, metrics="rmse")
    assert [row.image for row in result.rows] == [f"p{n}" for n in range(5)]
    hr = data.image(data.entries[1])
    from geoloupe.imagery.resize import imresize

    whole = np.rint(imresize(hr.values[:, :39, :48].astype(float), 1 / 3)).clip(0, 255)
    sr = np.rint(imresize(whole, 3)).clip(0, 255).astype(np.uint8)
    truth = Image.of(hr.values[:, :39, :48], radiometry=hr.radiometry)
    expected = HSENET.score(replace(truth, values=sr), truth, 3)
    error = np.sqrt(np.mean((sr / 255 - truth.values / 255) ** 2))
    assert result.rows[1].scores["psnr"] == pytest.approx(expected["psnr"], abs=1e-3)
    assert result.rows[1].scores["ssim"] == pytest.approx(expected["ssim"], abs=1e-5)
    assert result.rows[1].scores["rmse"] == pytest.approx(error, abs=1e-4)


def test_several_models_are_measured_alike(data: PreparedDataset) -> None:
    one, two = model("one", scale=2), model("two", "lgcnet", scale=2)
    done: list[tuple[int, int]] = []
    together = geoloupe.evaluate(
        (one, two),
        data,
        split="train",
        limit=3,
        progress=lambda count, total: done.append((count, total)),
    )
    assert together.models == ["one", "two"]
    assert done == [(n, 6) for n in range(1, 7)]
    for single in (one, two):
        alone = geoloupe.evaluate((single,), data, split="train", limit=3)
        rows = [row for row in together.rows if row.model == single.card.name]
        assert [row.scores for row in alone.rows] == [row.scores for row in rows]


def test_noise_depends_on_the_seed_alone(data: PreparedDataset) -> None:
    def scores(**options: Any) -> list[float]:
        chosen = {"scale": 2, "degradation": "dn", "split": "train"} | options
        result = geoloupe.evaluate(("bicubic",), data, **chosen)
        return [row.scores["psnr"] for row in result.rows]

    assert scores() == scores()
    assert scores(limit=2) == scores()[:2]
    assert scores(seed=1) != scores()


def test_trust_needs_no_more_than_its_name(data: PreparedDataset) -> None:
    result = geoloupe.evaluate(
        ("bicubic",), data, split="train", scale=2, metrics="trust,psnr", limit=1
    )
    (row,) = result.rows
    parts = [row.scores[name] for name in ("improvement", "omission", "hallucination")]
    assert sum(parts) == pytest.approx(1.0)
    assert "psnr (plain)" in row.scores
    assert row.scores["psnr (plain)"] != row.scores["psnr"]


def test_guides_are_made_of_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch)
    cubes = prepared(tmp_path, {"c.tif": random(31, 48, 48, dtype="float32")})
    mulsr = model("mulsr", "mulsr", scale=8, features=4)
    result = geoloupe.evaluate((mulsr,), cubes, split="train", protocol="mulsr")
    assert set(result.rows[0].scores) == {"psnr", "ssim", "sam", "rmse", "ergas"}
    assert result.facts["degradation"]["name"] == "mulsr-test"


def test_tables_hold_every_number(data: PreparedDataset, tmp_path: Path) -> None:
    result = geoloupe.evaluate(("bicubic",), data, split="train", scale=2)
    folder = tmp_path / "results"
    write_tables(result, folder)
    with (folder / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["psnr"]) for row in rows] == pytest.approx(
        [row.scores["psnr"] for row in result.rows], abs=1e-5
    )
    facts = json.loads((folder / "summary.json").read_text())
    (summary,) = result.summaries()
    assert facts["models"][0]["mean"] == pytest.approx(dict(summary.mean))
    assert facts["models"][0]["images"] == 5
    assert facts["data"]["index_sha256"] == data.facts["index_sha256"]
    assert facts["protocol"]["conventions"] == HSENET.describe()
    with pytest.raises(InputError, match=r"images\.csv already; add overwrite=true"):
        check_folder(folder, FILES, overwrite=False)


def test_classes_are_summed_up_apart(data: PreparedDataset) -> None:
    result = geoloupe.evaluate(("bicubic",), data, split="train", scale=2)
    labels = ["a", "b", "a", "b", "b"]
    rows = tuple(replace(row, label=label) for row, label in zip(result.rows, labels, strict=True))
    first, second = replace(result, rows=rows).by_class()
    assert (first.label, first.count, second.label, second.count) == ("a", 2, "b", 3)
    scores = [row.scores["psnr"] for row in rows]
    assert first.mean["psnr"] == pytest.approx((scores[0] + scores[2]) / 2)
    assert second.std["psnr"] == pytest.approx(np.std([scores[i] for i in (1, 3, 4)], ddof=1))


def test_a_perfect_image_is_written_as_infinite(data: PreparedDataset, tmp_path: Path) -> None:
    result = geoloupe.evaluate(("bicubic",), data, split="train", scale=2, limit=2)
    rows = tuple(replace(row, scores={"psnr": math.inf}) for row in result.rows)
    write_tables(replace(result, rows=rows), tmp_path / "r")
    text = (tmp_path / "r" / "summary.json").read_text()
    assert json.loads(text)["models"][0]["mean"]["psnr"] == "inf"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ()}, "at least one model"),
        ({"models": ("bicubic", "bicubic")}, "two models are called 'bicubic'"),
        ({"protocol": "hsnet"}, "did you mean 'hsenet'"),
        ({"metrics": "sam,sanity"}, "no metric is called 'sanity'"),
        ({"degradation": "bicubic-down"}, "no degradation is called 'bicubic-down'"),
        ({"split": "test"}, "no split of small is called 'test'"),
        ({"scale": 64}, "p0 is too small for x64"),
        ({"limit": 0}, "limit must be 1 or more"),
        ({"protocol": "y-channel", "metrics": "ndvi-error"}, "p0: NDVI needs the bands"),
    ],
)
def test_mistakes_are_one_sentence(
    data: PreparedDataset, change: dict[str, Any], message: str
) -> None:
    options = {"models": ("bicubic",), "split": "train", "scale": 2} | change
    with pytest.raises(InputError) as caught:
        geoloupe.evaluate(options.pop("models"), data, **options)
    assert message in str(caught.value)


def test_a_factor_that_the_weights_do_not_have_is_refused(
    data: PreparedDataset, tmp_path: Path
) -> None:
    from geoloupe.models.model import save

    save(model("two", scale=2), tmp_path / "two")
    with pytest.raises(InputError, match="is an x2 model, but scale is 4"):
        geoloupe.evaluate((tmp_path / "two",), data, split="train", scale=4)
    assert not load("bicubic").has_weights
    assert load(tmp_path / "two").has_weights


def test_interpolation_takes_the_factor_of_the_weights_beside_it(data: PreparedDataset) -> None:
    result = geoloupe.evaluate(("bicubic", model("mine", scale=3)), data, split="train")
    assert {row.model: row.scale for row in result.rows} == {"bicubic": 3, "mine": 3}
