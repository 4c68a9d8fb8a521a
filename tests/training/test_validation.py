"""Validation shows a network what it will be shown in use, and tells it the sensor."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tools.sensor_table import degradations, gains_of, measure

import geoloupe
from geoloupe.datasets.preparation.prepared import PreparedDataset, find
from geoloupe.datasets.samples.examples import Examples
from geoloupe.degradations.named import SENSORS
from geoloupe.evaluation.cards import record_gains
from geoloupe.metrics.protocols import HSENET
from geoloupe.models.card import Card, read_weights, write_weights
from geoloupe.models.model import Model, plain_settings
from geoloupe.models.predictor import Predictor
from geoloupe.models.tuned import TunedModel
from geoloupe.networks import build
from geoloupe.training.validation import Validation
from tests.training.scenes import prepared


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """A prepared data set of drawn scenes."""
    return find(str(prepared(tmp_path_factory.mktemp("data"))))


@pytest.fixture(scope="module")
def model() -> Model:
    """A model that can be told, with factors that differ."""
    torch.manual_seed(0)
    network: Any = build("loupe", scale=2, features=4, blocks=1, knots=3)
    with torch.no_grad():
        network.factors.add_(torch.randn_like(network.factors))
    network.eval().requires_grad_(requires_grad=False)
    return Model(network, Card(name="m", network="loupe", settings=plain_settings(network)))


def test_each_image_is_enlarged_by_what_its_own_sensor_passes(
    data: PreparedDataset, model: Model
) -> None:
    examples = Examples(prepared=data, entries=data.split("train"), scale=2, degradation=SENSORS)
    telling, network = TunedModel(model), model.network
    sensors = set()
    for example in examples:
        assert example.mtf is not None
        sensors.add(example.mtf)
        each = [*example.mtf] * (3 // len(example.mtf))
        plain = Model(network.for_sensor(each), model.card)  # type: ignore[attr-defined]
        expected = Predictor.of(plain).predict(example.lr).values
        predictor = telling.predictor(example.lr, example.mtf)
        assert abs(predictor.predict(example.lr).values - expected).max() <= 1e-5
        unknown = Predictor.of(model).predict(example.lr).values
        assert abs(unknown - expected).max() > 1e-3
    assert len(sensors) > 2
    validation = Validation(examples=examples, protocol=HSENET)
    assert set(validation.measure(model, "cpu")) == {"psnr", "ssim"}


def test_evaluation_tells_each_image_too(data: PreparedDataset, model: Model) -> None:
    told = geoloupe.evaluate((model,), data, split="train", degradation="box")
    network = model.network.for_sensor(0.707)  # type: ignore[attr-defined]
    same = Model(network, model.card)
    box, unknown = (
        geoloupe.evaluate((one,), data, split="train", degradation="box")
        for one in (same, Model(model.network.for_sensor(0.4), model.card))  # type: ignore[attr-defined]
    )
    scores, right, wrong = (
        [row.scores["psnr"] for row in result.rows] for result in (told, box, unknown)
    )
    assert scores == pytest.approx(right, abs=1e-3)
    assert scores != pytest.approx(wrong, abs=1e-3)


def test_the_table_by_sensor_is_of_gains_over_interpolation(
    data: PreparedDataset, model: Model
) -> None:
    place = f"{data.folder}:train"
    table = measure(model, place, every=99)
    assert list(table) == [name for name, _ in degradations()]
    assert {len(gains) for gains in table.values()} == {1}
    wrong = measure(model, place, every=99, tell=0.7)
    assert wrong["mtf .2", 0] != table["mtf .2", 0]
    zero: Any = build("loupe", scale=2, features=4, blocks=1)
    for weight in zero.parameters():
        weight.data.zero_()
    interpolation = replace(model, network=zero.eval())
    nothing = measure(interpolation, place, every=99, consistent=False)
    assert all(abs(gain) < 0.1 for (gain,) in nothing.values())
    agreeing = measure(interpolation, place, every=99)
    assert agreeing["mtf .2", 0][0] > 0.5  # what the blur took away comes back


def test_a_card_holds_the_gains_of_each_data_set_once(tmp_path: Path) -> None:
    network: Any = build("bicubic", scale=2)
    table = {("mtf .2", 0): [0.5, 1.5], ("mtf .2", 1): [0.25, 0.25]}
    card = Card(name="m", network="bicubic", settings=plain_settings(network))
    write_weights(tmp_path, card, {})
    record_gains(gains_of({("box", 0): [9.0]}, "mine:test"), tmp_path)
    record_gains(gains_of({("box", 0): [1.0]}, "other:test"), tmp_path)
    card = record_gains(gains_of(table, "mine:test"), tmp_path)
    assert card == read_weights(tmp_path)[0]
    assert [(gain.data, gain.degradation, gain.noise, gain.mean) for gain in card.gains] == [
        ("other:test", "box", 0, 1.0),
        ("mine:test", "mtf .2", 0, 1.0),
        ("mine:test", "mtf .2", 1, 0.25),
    ]
    assert card.gains[1].worst == 0.5
    assert card.gains[1].images == 2
    assert card.gains[1].low <= 1.0 <= card.gains[1].high
