"""What every metric and every protocol of the catalog promises."""

from dataclasses import replace

import numpy as np
import pytest

from geoloupe import catalog
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.metrics.metric import Metric
from geoloupe.metrics.protocols import Protocol

METRICS = catalog.names("metric")
PROTOCOLS = catalog.names("protocol")
REFLECTANCE = Radiometry(dtype="uint16", high=(10_000.0,), nodata=0)
BANDS = tuple(Band(name) for name in ("blue", "green", "red", "nir"))


def metric_of(name: str) -> Metric:
    metric = catalog.resolve("metric", name)
    assert isinstance(metric, Metric)
    return metric


def scene(seed: int = 0) -> Image:
    values = np.random.default_rng(seed).integers(1, 9000, (4, 45, 38)).astype(np.uint16)
    return Image.of(values, radiometry=REFLECTANCE, bands=BANDS)


def worse(image: Image, by: int) -> Image:
    noise = np.random.default_rng(9).integers(0, by, image.values.shape)
    return replace(image, values=(image.values + noise).astype(np.uint16))


@pytest.mark.parametrize("name", METRICS)
def test_the_truth_scores_best_and_less_truth_less(name: str) -> None:
    metric, hr = metric_of(name), scene()
    assert metric.name == name
    assert metric.score(hr, hr, 4) == pytest.approx(metric.best, abs=1e-9)
    near, far = (metric.score(worse(hr, by), hr, 4) for by in (500, 5000))
    assert (near > far) == metric.higher_is_better
    assert (metric.best > near) == metric.higher_is_better


@pytest.mark.parametrize("name", METRICS)
def test_nodata_never_counts(name: str) -> None:
    metric, sr, hr = metric_of(name), worse(scene(), 900), scene()
    holed = sr.values.copy()
    holed[:, 10:20, 5:30] = 0
    score = metric.score(Image.of(holed, radiometry=REFLECTANCE, bands=BANDS), hr, 4)
    truth = hr.values.copy()
    truth[:, 10:20, 5:30] = 9999
    other = Image.of(truth, radiometry=REFLECTANCE, bands=BANDS)
    assert metric.score(Image.of(holed, radiometry=REFLECTANCE, bands=BANDS), other, 4) == score


@pytest.mark.parametrize("name", METRICS)
def test_the_order_of_bands_does_not_matter(name: str) -> None:
    metric, sr, hr = metric_of(name), worse(scene(), 900), scene()
    turned = [image.select([2, 0, 3, 1]) for image in (sr, hr)]
    # Numbers with more than two parts do not commute: Q4 depends on the order a little.
    room = 0.05 if name == "q2n" else 1e-9
    assert metric.score(*turned, 4) == pytest.approx(metric.score(sr, hr, 4), rel=room)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_black_and_flat_images_have_a_score(name: str, level: float) -> None:
    flat = Image.of(np.full((4, 16, 16), level, np.float32), radiometry=UNIT, bands=BANDS)
    other = scene().in_unit()
    other = Image.of(other.values[:, :16, :16].copy(), radiometry=UNIT, bands=BANDS)
    metric = metric_of(name)
    assert metric.score(flat, flat, 4) == pytest.approx(metric.best)
    for pair in ((flat, other), (other, flat)):
        assert np.isfinite(metric.score(*pair, 4))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_are_whole(name: str) -> None:
    protocol = catalog.resolve("protocol", name)
    assert isinstance(protocol, Protocol)
    assert protocol.name == name
    assert protocol.degradation in catalog.names("degradation")
    hr = scene()
    for key, score in protocol.score(hr, hr, 4).items():
        assert score == pytest.approx(protocol.metrics[key].best, abs=1e-9)
