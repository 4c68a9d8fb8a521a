"""Validation shows a network what it will be shown in use, and tells it the sensor."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from tools.sensor_table import degradations, measure

import geoloupe
from geoloupe.datasets.examples import Examples
from geoloupe.datasets.prepared import Prepared, find
from geoloupe.degradations.recipes import SENSORS
from geoloupe.files.weights import Card
from geoloupe.inference.model import Model, plain_settings
from geoloupe.inference.predictor import Predictor
from geoloupe.inference.telling import Telling
from geoloupe.metrics.protocols import HSENET
from geoloupe.networks import build
from geoloupe.training.validation import Validation
from tests.training.scenes import prepared


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
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


def test_each_image_is_enlarged_by_what_its_own_sensor_passes(data: Prepared, model: Model) -> None:
    examples = Examples(prepared=data, entries=data.split("train"), scale=2, recipe=SENSORS)
    telling, network = Telling(model), model.network
    sensors = set()
    for example in examples:
        assert example.mtf is not None
        sensors.add(example.mtf)
        each = [*example.mtf] * (3 // len(example.mtf))
        plain = Model(network.told(each), model.card)  # type: ignore[attr-defined]
        expected = Predictor.of(plain).predict(example.lr).values
        predictor = telling.predictor(example.lr, example.mtf)
        assert abs(predictor.predict(example.lr).values - expected).max() <= 1e-5
        unknown = Predictor.of(model).predict(example.lr).values
        assert abs(unknown - expected).max() > 1e-3
    assert len(sensors) > 2
    validation = Validation(examples=examples, protocol=HSENET)
    assert set(validation.measure(model, "cpu")) == {"psnr", "ssim"}


def test_evaluation_tells_each_image_too(data: Prepared, model: Model) -> None:
    told = geoloupe.evaluate((model,), data, split="train", recipe="box")
    network = model.network.told(0.707)  # type: ignore[attr-defined]
    same = Model(network, model.card)
    box, unknown = (
        geoloupe.evaluate((one,), data, split="train", recipe="box")
        for one in (same, Model(model.network.told(0.4), model.card))  # type: ignore[attr-defined]
    )
    scores, right, wrong = (
        [row.scores["psnr"] for row in result.rows] for result in (told, box, unknown)
    )
    assert scores == pytest.approx(right, abs=1e-3)
    assert scores != pytest.approx(wrong, abs=1e-3)


def test_the_table_by_sensor_is_of_gains_over_interpolation(data: Prepared, model: Model) -> None:
    place = f"{data.folder}:train"
    table = measure(model, place, limit=1, tell=None)
    assert list(table) == [name for name, _ in degradations()]
    assert {len(values["gains"]) for values in table.values()} == {1}
    wrong = measure(model, place, limit=1, tell=0.7)
    assert wrong["mtf .2, noise 0"] != table["mtf .2, noise 0"]
    zero: Any = build("loupe", scale=2, features=4, blocks=1)
    for weight in zero.parameters():
        weight.data.zero_()
    nothing = measure(replace(model, network=zero.eval()), place, limit=1, tell=None)
    assert all(abs(values["gains"][0]) < 0.1 for values in nothing.values())
