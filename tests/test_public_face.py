"""The public names: documented with examples that run, and typed as their settings are."""

import doctest
import inspect as python_inspect
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy import ndimage

import geoloupe
from geoloupe.evaluation.trial import EvaluateOptions, EvaluateSettings
from geoloupe.models.model import Model
from geoloupe.scenes import options
from geoloupe.scenes.choices import PredictOptions
from geoloupe.scenes.degrade import DegradeSettings
from geoloupe.scenes.order import Resources
from geoloupe.scenes.sharpen_settings import SharpenSettings
from geoloupe.scenes.upscale_order import UpscaleSettings

NAMES = [  # in an order in which each finds what those before have made
    *(
        "load",
        "upscale",
        "upscale_array",
        "compare_widget",
        "inspect",
        "sharpen",
        "degrade",
        "prepare",
    ),
    *("evaluate", "compare", "train"),
]
FUNCTIONS = {name: getattr(geoloupe, name) for name in NAMES} | {
    "Model.__call__": Model.__call__,
    "networks.build": geoloupe.networks.build,
    "models.names": geoloupe.models.names,
    "models.describe": geoloupe.models.describe,
}


def write(path: Path, seed: int, *, bands: int = 3, side: int = 64, pixel: float = 10.0) -> None:
    """Write a smooth scene."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.random((bands, side, side)), (0, 2, 2))
    values = (40 + 170 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
    profile = {"driver": "GTiff", "count": bands, "height": side, "width": side, "dtype": "uint8"}
    place = {"crs": "EPSG:32631", "transform": Affine(pixel, 0, 5e5, 0, -pixel, 4e6)}
    with rasterio.open(path, "w", **profile, **place) as out:
        out.write(values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    write(folder / "scene.tif", 0)
    write(folder / "ms.tif", 1, bands=4)
    write(folder / "pan.tif", 1, bands=1, side=256, pixel=2.5)
    (folder / "images").mkdir()
    for number in range(10):
        write(folder / "images" / f"i{number}.tif", number, side=96)
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_the_examples_run_as_they_are_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    for name, function in FUNCTIONS.items():
        names = {"geoloupe": geoloupe, "Path": Path}
        (test,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
        assert test.examples, name
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_and_results_are_documented(name: str) -> None:
    text = python_inspect.getdoc(FUNCTIONS[name]) or ""
    parameters = list(python_inspect.signature(FUNCTIONS[name]).parameters)
    for parameter in parameters:
        assert parameter == "self" or f"{parameter}:" in text, parameter
    assert "Returns:" in text
    assert "Example:" in text


@pytest.mark.parametrize(
    ("typed", "settings"),
    [
        (options.ResourceOptions, Resources),
        (options.ArrayOptions, PredictOptions),
        (options.UpscaleOptions, UpscaleSettings),
        (options.SharpenOptions, SharpenSettings),
        (options.DegradeOptions, DegradeSettings),
        (EvaluateOptions, EvaluateSettings),
    ],
)
def test_typed_options_are_those_of_the_settings(typed: Any, settings: Any) -> None:
    expected = get_type_hints(settings)
    expected.pop("OLD_NAMES", None)
    assert get_type_hints(typed) == expected


def test_only_public_names_are_listed() -> None:
    assert dir(geoloupe) == sorted(geoloupe.__all__)
    assert set(geoloupe.networks.__all__) == {"build", "network_class"}
