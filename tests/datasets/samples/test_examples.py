"""What a network is shown: crops are cut as from the whole; real images are taken as they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloupe import catalog
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.samples.examples import Example, Examples
from geoloupe.degradations.degradation import Degradation
from geoloupe.degradations.named import BD, BI, DN, MTF
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.image import Image
from geoloupe.imagery.resize import imresize
from geoloupe.imagery.response import SpectralResponse
from tests.datasets import small
from tests.datasets.small import random


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedDataset]:
    scenes: dict[str, Any] = {
        "byte.png": random(3, 67, 90),
        "float.tif": random(2, 50, 41, dtype="float32"),
        "square.png": random(3, 256, 256),
        "short.png": random(3, 40, 40),
        "speck.png": random(3, 3, 9),
        "pair.tif": random(2, 24, 36, dtype="uint16", seed=1),
        "lr/pair.tif": random(2, 12, 18, dtype="uint16", seed=2),
        "guide/pair.tif": random(1, 24, 36, dtype="uint16", seed=3),
        "sharp.tif": random(2, 24, 36, dtype="uint16", seed=4),
        "guide/sharp.tif": random(1, 72, 108, dtype="uint16", seed=5),
        "odd.tif": random(2, 24, 36, dtype="uint16", seed=4),
        "guide/odd.tif": random(1, 35, 36, dtype="uint16", seed=5),
    }
    with pytest.MonkeyPatch.context() as patch:
        small.enter(patch)
        yield small.prepared(tmp_path_factory.mktemp("data"), scenes)
    catalog.targets.cache_clear()


def only(data: PreparedDataset, name: str, scale: int = 2, **more: Any) -> Examples:
    entries = tuple(entry for entry in data.entries if entry.id == name)
    assert entries
    return Examples(prepared=data, entries=entries, scale=scale, **more)


def same(one: Image | None, other: Image | None) -> bool:
    if one is None or other is None:
        return one is other
    facts = [
        (image.grid, image.bands, image.radiometry, image.values.dtype) for image in (one, other)
    ]
    return facts[0] == facts[1] and np.array_equal(one.values, other.values)


def cut(whole: Example, window: Window, scale: int) -> Example:
    fine = window.finer(scale)
    guide = None if whole.guide is None else whole.guide.crop(fine)
    lr, hr = whole.lr.crop(window), whole.hr.crop(fine)
    return Example(id=whole.id, label=whole.label, lr=lr, hr=hr, guide=guide)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["byte", "float"]),
    st.sampled_from([BI, BD, MTF]),
    st.sampled_from([2, 3, 4, 8]),
    st.data(),
)
def test_a_crop_is_the_same_window_of_the_whole(
    data: PreparedDataset, name: str, degradation: Degradation, scale: int, draw: st.DataObject
) -> None:
    examples = only(data, name, scale, degradation=degradation)
    (entry,) = examples.entries
    height, width = examples.lr_size(entry)
    top, left = draw.draw(st.integers(0, height - 1)), draw.draw(st.integers(0, width - 1))
    window = Window(
        top=top,
        left=left,
        height=draw.draw(st.integers(1, height - top)),
        width=draw.draw(st.integers(1, width - left)),
    )
    expected = cut(examples[0], window, scale)
    found = examples.crop(entry, window, np.random.default_rng(9))
    assert same(found.lr, expected.lr)
    assert same(found.hr, expected.hr)


@pytest.mark.parametrize("degradation", [BI, BD])
@pytest.mark.parametrize(("scale", "side"), [(2, 128), (3, 85), (4, 64), (8, 32)])
def test_a_whole_scene_is_the_recipe_applied_to_it(
    data: PreparedDataset, degradation: Degradation, scale: int, side: int
) -> None:
    (example,) = only(data, "square", scale, degradation=degradation)
    hr = data.image(next(entry for entry in data.entries if entry.id == "square"))
    assert example.lr.values.shape == (3, side, side)
    assert example.hr.values.shape == (3, side * scale, side * scale)
    assert np.array_equal(example.hr.values, hr.values[:, : side * scale, : side * scale])
    assert same(example.lr, degradation(hr, scale, np.random.default_rng(0)))
    assert example.guide is None


def test_noise_depends_on_the_seed_and_the_name_alone(data: PreparedDataset) -> None:
    def lr(index: int, examples: Examples) -> Any:
        return examples[index].lr.values

    both = Examples(prepared=data, entries=data.entries[:2], scale=2, degradation=DN, seed=4)
    turned = Examples(prepared=data, entries=data.entries[1::-1], scale=2, degradation=DN, seed=4)
    assert np.array_equal(lr(1, both), lr(0, turned))
    assert np.array_equal(lr(1, both), lr(1, both))
    assert not np.array_equal(
        lr(0, only(data, "byte", degradation=DN)), lr(0, only(data, "byte", degradation=DN, seed=1))
    )
    draws = {examples.rng(entry).random() for examples in (both,) for entry in data.entries}
    assert len(draws) == len(data.entries)


def test_a_real_pair_is_taken_as_it_is(data: PreparedDataset) -> None:
    examples = only(data, "pair", 2, degradation=BD)
    (entry,) = examples.entries
    (whole,) = examples
    assert same(whole.lr, data.image(entry, "lr"))
    assert same(whole.hr, data.image(entry))
    assert same(whole.guide, data.image(entry, "guide"))
    window = Window(top=3, left=5, height=4, width=6)
    found, expected = examples.crop(entry, window, examples.rng(entry)), cut(whole, window, 2)
    for part in ("lr", "hr", "guide"):
        assert same(getattr(found, part), getattr(expected, part)), part


def test_a_real_pair_of_another_factor_is_refused(data: PreparedDataset) -> None:
    with pytest.raises(InputError, match="small: pair is a real pair of factor 2, not 4"):
        only(data, "pair", 4)[0]


def test_a_finer_guide_is_brought_to_the_size_of_the_truth(data: PreparedDataset) -> None:
    examples = only(data, "sharp", 2)
    (entry,) = examples.entries
    (whole,) = examples
    expected = BI(data.image(entry, "guide"), 3, np.random.default_rng(0))
    assert same(whole.guide, expected)
    window = Window(top=3, left=5, height=4, width=6)
    found = examples.crop(entry, window, examples.rng(entry))
    assert same(found.guide, expected.crop(window.finer(2)))


def test_a_guide_of_no_whole_factor_is_refused(data: PreparedDataset) -> None:
    with pytest.raises(InputError, match="small: the guide of odd has 36 x 35 pixels where"):
        only(data, "odd", 2)[0]


def test_a_guide_is_made_of_the_truth_where_there_is_none(data: PreparedDataset) -> None:
    eye = SpectralResponse(name="eye", about="", bands={"grey": (1.0, 0.0, 1.0)}, nm=(1, 2, 3))
    examples = only(data, "byte", 4, guide=eye)
    (whole,) = examples
    assert same(whole.guide, eye.seen(whole.hr))
    assert whole.guide.values.shape == (1, 64, 88)
    window = Window(top=3, left=5, height=4, width=6)
    found = examples.crop(examples.entries[0], window, examples.rng(examples.entries[0]))
    assert same(found.guide, whole.guide.crop(window.finer(4)))
    pair = only(data, "pair", 2, guide=eye)  # a real one is preferred
    assert same(pair[0].guide, data.image(pair.entries[0], "guide"))


def test_a_scene_without_one_lr_pixel_is_refused(data: PreparedDataset) -> None:
    with pytest.raises(InputError, match="speck is too small for x4"):
        only(data, "speck", 4)[0]


def test_real_pairs_can_be_given_the_brightness_of_their_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.enter(monkeypatch)
    hr = random(2, 24, 36, dtype="uint16", seed=1)
    lr = imresize(hr.astype(float), 1 / 2) * np.array([0.5, 2.0])[:, None, None] + 40
    data = small.prepared(tmp_path, {"pair.tif": hr, "lr/pair.tif": lr.astype(np.float32)})
    plain, matched = (
        Examples(prepared=data, entries=data.entries, scale=2, matched=matched)
        for matched in (False, True)
    )
    entry = data.entries[0]
    truth = plain[0].hr.in_unit().values
    found = matched[0].lr.in_unit().values
    for band in range(2):
        assert found[band].mean() == pytest.approx(truth[band].mean(), rel=1e-4)
        assert found[band].std() == pytest.approx(truth[band].std(), rel=1e-4)
    window = Window(top=2, left=3, height=4, width=5)
    crop = matched.crop(entry, window, np.random.default_rng(0)).lr
    assert (crop.in_unit().values == found[:, *window.slices]).all()
