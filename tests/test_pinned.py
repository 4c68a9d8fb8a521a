"""What was made stays what it was: products, converted checkpoints and models, by their digests.

A change of these digests changes what people get; say so in the changelog when one must change.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine
from safetensors.numpy import load_file

import geoloupe
from geoloupe.networks import network_class
from geoloupe.networks.published.name_table import published_name
from tests.program import program

PLACE = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)
MODELS = {
    "convformersr-x2": "f9e6e9c67a750d8b",
    "hsenet-x4": "0aa022d6d3b23d9b",
    "loupe-x2": "a32069c7748a8ea3",
    "loupe-x3": "0d1ce42e2ad7eadc",
    "loupe-x4": "58fa1c054e1b4bf2",
    "loupe-x8": "8060066671c9a2b9",
    "mulsr-x4": "9bef9bb1c124744d",
    "sspsr-x4": "4c6aaca1720012c8",
    "tsfnet-x8": "8a08e5c746865ae8",
}


def digest(array: Any) -> str:
    """Name exactly these numbers."""
    return hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()[:16]


def scene(path: Path) -> Path:
    """Write three bands of 16 bits with a hole, the same on every machine."""
    rows, columns = np.mgrid[0:50, 0:70]
    values = np.stack([(37 * rows * (n + 2) + 101 * columns) % 3000 + 200 for n in range(3)])
    values[:, 10:14, 20:26] = 0
    profile = {"count": 3, "height": 50, "width": 70, "dtype": "uint16", "nodata": 0}
    place = {"crs": "EPSG:32631", "transform": PLACE}
    with rasterio.open(path, "w", driver="GTiff", **profile, **place) as out:
        out.write(values.astype(np.uint16))
    return path


def test_a_product_is_what_it_was(tmp_path: Path) -> None:
    made = tmp_path / "made.tif"
    geoloupe.upscale(scene(tmp_path / "scene.tif"), made, model="nearest", scale=2)
    with rasterio.open(made) as product:
        assert digest(product.read()) == "569d6c95b90b7178"
        assert (product.crs.to_epsg(), product.nodata) == (32631, 0)
        assert product.transform == PLACE @ Affine.scale(0.5)
        assert product.overviews(1) == []


def test_interpolation_is_what_it_was(tmp_path: Path) -> None:
    """Rounding differs between processors by one at most."""
    made = tmp_path / "made.tif"
    geoloupe.upscale(scene(tmp_path / "scene.tif"), made, model="bicubic", scale=2)
    with rasterio.open(made) as product:
        values = product.read().astype(float)
    assert values.sum() == pytest.approx(70_785_504, rel=1e-7)
    assert (values**2).sum() == pytest.approx(149_564_169_688, rel=1e-7)


def test_a_converted_checkpoint_is_what_it_was(tmp_path: Path) -> None:
    chosen: Any = network_class("hsenet")
    state = chosen(chosen.Settings.tiny()).state_dict()
    ramps = {
        published_name(chosen, name): torch.arange(tensor.numel()).reshape(tensor.shape) / 1024
        for name, tensor in state.items()
    }
    torch.save(ramps, tmp_path / "published.pt")
    words = ["convert", str(tmp_path / "published.pt"), "--network", "hsenet"]
    assert program(*words, "-o", tmp_path / "mine").returncode == 0
    found = load_file(tmp_path / "mine" / "model.safetensors")
    names = "".join(f"{name}{digest(found[name])}" for name in sorted(found))
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == "b3adb665d4d1b9ba"


@pytest.mark.parametrize("name", MODELS)
def test_a_shipped_model_holds_the_weights_that_were_measured(name: str) -> None:
    """Its answers to a known image are pinned by its golden.json."""
    assert geoloupe.load(name).digest == MODELS[name]
