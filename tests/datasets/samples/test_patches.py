"""Training samples: each decided by its number, its images changed alike, holes kept out."""

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from geoloupe import catalog
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.datasets.samples.examples import Examples, Picked
from geoloupe.datasets.samples.patches import Mix, Patches, PatchSettings, SomeBands
from geoloupe.degradations.named import BD, BI, BOX, DN, SENSORS
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.imagery.response import SpectralResponse
from tests.datasets import small
from tests.datasets.small import random

GREY = SpectralResponse(name="grey", about="", bands={"grey": (1.0, 1.0, 1.0)}, nm=(1, 2, 3))
COUNT = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreparedDataset]:
    """Scenes of one brightness each with a little texture, a cloudy one, and one of holes."""
    scenes: dict[str, Any] = {}
    for number in range(COUNT):
        values = random(3, 40 + number, 52, seed=number)
        scenes[f"s{number}.png"] = (values // 16 + 30 * number).astype(np.uint8)
    half = random(3, 40, 40) // 4 + 20
    half[:, :, 20:] = 250
    scenes["cloudy.png"] = half
    scenes["flat.png"] = np.full((3, 40, 40), 250, np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        small.enter(patch)
        yield small.prepared(tmp_path_factory.mktemp("data"), scenes)
    catalog.targets.cache_clear()


def patches(data: PreparedDataset, *names: str, scale: int = 2, **chosen: Any) -> Patches:
    more = {key: chosen.pop(key) for key in ("degradation", "guide") if key in chosen}
    entries = tuple(e for e in data.entries if (e.id in names if names else e.id[0] == "s"))
    examples = Examples(prepared=data, entries=entries, scale=scale, **more)
    return Patches(examples, PatchSettings(**({"size": 8} | chosen)), seed=3)


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one)


def scene(sample: dict[str, torch.Tensor]) -> int:
    return round((sample["hr"].min().item() * 255) // 30)


def test_a_sample_is_decided_by_its_number_alone(folder: PreparedDataset) -> None:
    data = patches(folder, degradation=DN, guide=GREY, per_scene=2)
    assert len(data) == 2 * COUNT
    expected = [data[number] for number in range(40)]
    assert [set(sample) for sample in expected] == [{"lr", "hr", "guide"}] * 40
    assert all(equal(data[n], expected[n]) for n in reversed(range(40)))
    again = patches(folder, degradation=DN, guide=GREY, per_scene=2)
    assert equal(again[33], expected[33])
    assert len({sample["lr"].numpy().tobytes() for sample in expected}) == 40


@pytest.fixture
def child_signals() -> Iterator[None]:
    """Take back the handler of SIGCHLD that PyTorch sets for good when it starts workers.

    Where other libraries have set up a small stack for signals, and the processor keeps matrices
    in its registers, the kernel kills a process that has a handler: the two do not fit the stack.
    """
    before = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("child_signals")
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where one processor is all
def test_workers_give_the_samples_that_are_given_without(folder: PreparedDataset) -> None:
    data = patches(folder, degradation=DN)
    loaded = list(DataLoader(data, batch_size=2, num_workers=2))
    assert torch.cat([batch["lr"] for batch in loaded]).equal(
        torch.stack([data[number]["lr"] for number in range(len(data))])
    )


def test_another_seed_gives_other_samples(folder: PreparedDataset) -> None:
    data = patches(folder)
    other = Patches(data.examples, data.settings, seed=4)
    assert not any(equal(data[number], other[number]) for number in range(COUNT))


@pytest.mark.parametrize("per_scene", [1, 3])
def test_every_scene_is_drawn_as_often_in_each_epoch(
    folder: PreparedDataset, per_scene: int
) -> None:
    data = patches(folder, per_scene=per_scene)
    orders = []
    for epoch in range(3):
        drawn = [scene(data[epoch * len(data) + n]) for n in range(len(data))]
        assert Counter(drawn) == dict.fromkeys(range(COUNT), per_scene)
        orders.append(tuple(drawn))
    assert len(set(orders)) == 3  # and in another order


def test_samples_are_unit_values_of_the_sizes_asked_for(folder: PreparedDataset) -> None:
    sample = patches(folder, scale=3, guide=GREY, size=5)[0]
    assert {name: tuple(t.shape) for name, t in sample.items()} == {
        "lr": (3, 5, 5),
        "hr": (3, 15, 15),
        "guide": (1, 15, 15),
    }
    for values in sample.values():
        assert values.dtype == torch.float32
        assert 0 <= values.min() <= values.max() <= 1


CHANGES = [
    {"flips": True, "transposes": False},
    {"flips": False, "transposes": True},
    {"flips": False, "transposes": False, "rolls": True},
    {"flips": True, "transposes": True, "rolls": True},
]


@pytest.mark.parametrize("size", [8, 5])
@pytest.mark.parametrize("changes", CHANGES)
def test_all_images_of_a_sample_are_changed_alike(
    folder: PreparedDataset, changes: dict[str, bool], size: int
) -> None:
    data = patches(folder, scale=3, guide=GREY, size=size, **changes)
    plain = patches(folder, scale=3, guide=GREY, size=size, flips=False, transposes=False)
    seen = set()
    for number in range(100):
        changed, as_is = data[number], plain[number]
        found = {name: _change(as_is[name], changed[name]) for name in as_is}
        assert len(set(found.values())) == 1, found
        assert found["lr"] is not None
        seen.add(found["lr"])
    flips, turns = 4 if changes["flips"] else 1, 2 if changes["transposes"] else 1
    assert len(seen) == flips * turns * (2 if changes.get("rolls") else 1)


def _change(plain: torch.Tensor, changed: torch.Tensor) -> tuple[bool, ...] | None:
    """Tell which flips, transpose and roll by half of a size of 8 or 5 LR pixels were made."""
    size = 8 if plain.shape[-1] % 8 == 0 else 5
    for n in range(16):
        up, left, turn, roll = (bool(n >> bit & 1) for bit in range(4))
        values = plain.flip([axis for axis, on in ((1, up), (2, left)) if on])
        values = values.transpose(1, 2) if turn else values
        shift = size // 2 * (plain.shape[-1] // size)
        if (values.roll(shift, 1) if roll else values).equal(changed):
            return up, left, turn, roll
    return None


def test_a_flipped_sample_is_still_degraded_by_the_recipe(folder: PreparedDataset) -> None:
    data = patches(folder, "flat", "s3", degradation=BD, size=20)
    for number in range(6):
        sample = data[number]
        assert (sample["lr"] - torch.nn.functional.avg_pool2d(sample["hr"], 2)).abs().max() < 0.05


def test_crops_with_too_much_cloud_are_drawn_again(folder: PreparedDataset) -> None:
    def cloud(sample: dict[str, torch.Tensor]) -> float:
        return (sample["lr"].min(0).values > 0.97).float().mean().item()

    some = [cloud(patches(folder, "cloudy")[number]) for number in range(20)]
    few = [cloud(patches(folder, "cloudy", most_cloud=0.25)[number]) for number in range(20)]
    assert max(some) > 0.5
    assert max(few) <= 0.3
    with pytest.raises(InputError, match=r"small: flat has no crop of 8 LR pixels with as much"):
        patches(folder, "flat", most_cloud=0.5)[0]


@pytest.fixture
def holed(folder: PreparedDataset) -> PreparedDataset:
    """The same data, where the scene `cloudy` says that 250 means no data."""
    (kind,) = folder.kinds
    return replace(folder, kinds=(replace(kind, radiometry=replace(kind.radiometry, nodata=250)),))


def test_crops_with_too_many_holes_are_drawn_again(holed: PreparedDataset) -> None:
    for number in range(20):
        assert patches(holed, "cloudy")[number]["lr"].min() > 0
    filled = [patches(holed, "cloudy", least_valid=0.0)[number] for number in range(20)]
    assert any((sample["lr"] == 0).all(0).any() for sample in filled)
    assert not any(values.isnan().any() for sample in filled for values in sample.values())
    with pytest.raises(InputError, match="small: flat has no crop"):
        patches(holed, "flat", least_valid=0.1)[0]


def test_a_network_is_told_what_the_degradation_passes(folder: PreparedDataset) -> None:
    exact = Patches(
        patches(folder, degradation=SENSORS).examples, PatchSettings(size=8), 3, gives_mtf=True
    )
    about = replace(exact.settings, mtf_error=0.02)
    roughly = Patches(exact.examples, about, 3, gives_mtf=True)
    told = torch.stack([exact[number]["mtf"] for number in range(60)])
    errors = torch.stack([roughly[number]["mtf"] for number in range(60)]) - told
    assert told.shape == (60, 3)
    assert told.dtype == torch.float32
    assert 0.11 < told.min() < 0.2
    assert 0.6 < told.max() < 0.71
    assert 0.01 < errors.std() < 0.03
    assert "mtf" not in patches(folder, degradation=SENSORS)[0]


def test_of_many_bands_some_are_drawn_and_few_are_repeated(folder: PreparedDataset) -> None:
    two = patches(folder, bands=2, degradation=BOX)
    chosen = {tuple(two[n]["hr"].shape) for n in range(20)}
    assert chosen == {(2, 16, 16)}
    five = patches(folder, bands=5, shuffles=True, degradation=DN)[3]
    for name in ("lr", "hr"):
        different = {band.numpy().tobytes() for band in five[name]}
        assert len(five[name]) == 5
        assert len(different) == 3  # a band's noise is the same in all its copies


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bands_that_lie_apart_do_so_in_both_images(folder: PreparedDataset, scale: int) -> None:
    apart = patches(folder, degradation=BOX, apart=0.3, scale=scale)
    plain = patches(folder, degradation=BOX, bands=3, scale=scale)
    moved = 0
    for number in range(30):
        sample = apart[number]
        means = torch.nn.functional.avg_pool2d(sample["hr"], scale)
        assert (sample["lr"] - means).abs().max() <= 0.51 / 255
        moved += not any(equal(sample, plain[n]) for n in (number,))
    assert moved > 0


def test_a_mix_holds_the_shares_of_its_sets(folder: PreparedDataset) -> None:
    parts = [patches(folder, "s0"), patches(folder, "s6")]
    mix = Mix(parts, (3.0, 1.0), seed=5)
    drawn = Counter(scene(mix[number]) for number in range(400))
    assert drawn[0] / 400 == pytest.approx(0.75, abs=0.06)
    assert drawn[6] == 400 - drawn[0]
    assert len(mix) == 1
    assert equal(mix[17], Mix(parts, (0.75, 0.25), seed=5)[17])


def test_scenes_too_small_for_the_size_are_told_at_once(folder: PreparedDataset) -> None:
    with pytest.raises(
        InputError, match=r"small: s0 has 13 x 10 LR pixels, too few for patches of 11"
    ):
        patches(folder, scale=4, size=11)
    patches(folder, scale=4, size=10)[0]


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"per_scene": 0}, {"least_valid": 1.1}, {"most_cloud": -0.1}]
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"size and per_scene|must lie between"):
        PatchSettings(**wrong)


def test_some_bands_are_those_of_the_whole_sample(folder: PreparedDataset) -> None:
    plain = {"size": 8, "flips": False, "transposes": False}
    for number in range(6):
        data = patches(folder, guide=GREY, **plain)
        some = Patches(
            data.examples, data.settings, 3, some=SomeBands(2, lambda n, of: ((n + 1) % of, n))
        )
        sample = some[number]
        assert (len(sample["lr"]), len(sample["hr"]), len(sample["guide"])) == (4, 2, 1)
        assert equal(sample, some[number])


@pytest.mark.parametrize("degradation", [BI, BD])
def test_picked_bands_are_exactly_those_of_the_whole(
    folder: PreparedDataset, degradation: Any
) -> None:
    examples = patches(folder, degradation=degradation, guide=GREY).examples
    entry, window = examples.entries[1], Window(top=3, left=2, height=8, width=9)
    whole, part = (
        examples.crop(entry, window, np.random.default_rng(0), picked)
        for picked in (None, Picked(lr=(2, 0), hr=(1,)))
    )
    assert np.array_equal(part.lr.values, whole.lr.values[[2, 0]])
    assert np.array_equal(part.hr.values, whole.hr.values[[1]])
    assert whole.guide is not None
    assert part.guide is not None
    assert np.array_equal(part.guide.values, whole.guide.values)
