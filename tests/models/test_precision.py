"""Sixteen bits are taken where they are quick and proven to cost nothing, and nowhere else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

import geoloupe
from geoloupe.errors import InputError
from geoloupe.models import precision
from geoloupe.models.card import CARD_FILE, Card, Rounding
from geoloupe.models.precision import chosen_precision
from geoloupe.models.shipped import shipped, shipped_sharpeners
from tests.scenes.pairs import MTF, pair
from tests.test_pinned import scene

CPU = torch.device("cpu")


def card(loss: float | None, quicker: float = 2.0) -> Card:
    proof = None
    if loss is not None:
        proof = Rounding(data="x:test", images=3, loss=loss, worst=loss, quicker=quicker)
    return Card(name="m", network="loupe", settings={}, bf16=proof)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: True)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("loss", "expected"), [(0.0, "bf16"), (0.01, "bf16"), (0.011, "fp32"), (None, "fp32")]
)
def test_auto_goes_by_what_was_measured(loss: float | None, expected: str) -> None:
    assert chosen_precision("auto", card(loss), CPU) == expected


@pytest.mark.usefixtures("quick")
def test_auto_is_single_precision_where_bf16_brings_nothing() -> None:
    assert chosen_precision("auto", card(0.0, quicker=1.0), CPU) == "fp32"


def test_auto_is_single_precision_where_bf16_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda: False)
    assert chosen_precision("auto", card(0.0), CPU) == "fp32"


@pytest.mark.usefixtures("quick")
def test_what_is_asked_for_is_done_and_onnxruntime_has_no_bf16() -> None:
    assert chosen_precision("fp32", card(0.0), CPU) == "fp32"
    assert chosen_precision("bf16", card(None), CPU) == "bf16"
    assert chosen_precision("auto", card(0.0), CPU, "onnxruntime") == "fp32"


@pytest.mark.parametrize("name", [*shipped(), *shipped_sharpeners()])
def test_every_shipped_card_says_what_bf16_costs(name: str) -> None:
    folder = {**shipped(), **shipped_sharpeners()}[name]
    proof = Card.model_validate_json((folder / CARD_FILE).read_text(encoding="utf-8")).bf16
    assert proof is not None
    assert proof.images > 0
    assert proof.loss <= precision.MAX_LOSS


@pytest.mark.usefixtures("quick")
def test_a_product_says_its_precision_and_differs_by_rounding(tmp_path: Path) -> None:
    source = scene(tmp_path / "scene.tif")
    made = {}
    for chosen in ("auto", "bf16", "fp32"):
        path = tmp_path / f"{chosen}.tif"
        options: Any = {"precision": chosen}
        geoloupe.upscale(source, path, model="loupe-x2", **options)
        with rasterio.open(path) as product:
            made[chosen] = product.read().astype(float)
            assert product.tags()["GEOLOUPE_PRECISION"] == ("fp32" if chosen == "fp32" else "bf16")
    assert np.array_equal(made["auto"], made["bf16"])
    difference = np.abs(made["auto"] - made["fp32"])
    assert 0 < difference.mean() < 1e-3 * np.ptp(made["fp32"])


def test_a_method_without_a_network_has_no_bf16(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    with pytest.raises(InputError, match="glp computes in fp32 only; leave out precision"):
        geoloupe.sharpen(ms, tmp_path / "a.tif", guide=guide, model="glp", precision="bf16")


@pytest.mark.usefixtures("quick")
def test_a_sharpened_product_says_its_precision_and_differs_by_rounding(tmp_path: Path) -> None:
    ms, guide, _ = pair(tmp_path)
    known, made = {"mtf": MTF, "shift": (0.0, 0.0)}, {}
    for chosen, said in (("auto", "bf16"), ("fp32", "fp32")):
        path = tmp_path / f"{chosen}.tif"
        options: Any = {"precision": chosen} | known
        geoloupe.sharpen(ms, path, guide=guide, model="guided-s2", **options)
        with rasterio.open(path) as product:
            made[chosen] = product.read().astype(float)
            assert product.tags()["GEOLOUPE_PRECISION"] == said
    difference = np.abs(made["auto"] - made["fp32"])
    assert 0 < difference.mean() < 1e-3 * np.ptp(made["fp32"])
