"""Building blocks agree with textbook computations, written here the slow and plain way."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from geoloupe.networks import build, network_class
from geoloupe.networks.hsenet import NonLocal, attend
from geoloupe.networks.mean import MeanShift, infer_mean
from geoloupe.networks.mulsr import MulSR, neighbours
from geoloupe.networks.padding import pad_to_multiple
from geoloupe.networks.sspsr import SSPSR, SSPSRSettings, group_starts
from geoloupe.networks.upsample import UpBlock, factors, infer_scale


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def largest(difference: Tensor) -> float:
    return float(difference.detach().abs().max())


# --- HSENet: attention over all pixels ------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3)])
def test_attention_is_an_unscaled_softmax_over_all_pixels(size: tuple[int, int]) -> None:
    query, key, value = (2 * noise(2, 6, *size, seed=seed) for seed in range(3))
    scores = torch.einsum("ndp,ndq->npq", query.flatten(2), key.flatten(2))
    weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
    expected = torch.einsum("npq,ndq->ndp", weights, value.flatten(2)).view_as(value)
    assert largest(attend(query, key, value) - expected) <= 1e-12


def test_queries_come_from_one_map_and_all_else_from_the_other() -> None:
    torch.manual_seed(0)
    block = NonLocal(6).double()
    nn.init.normal_(block.out.weight)
    x, other = noise(1, 6, 4, 3), noise(1, 6, 4, 3, seed=1)
    expected = x + block.out(attend(block.query(other), block.key(x), block.value(x)))
    assert largest(block(x, other) - expected) == 0
    assert largest(block(x) - block(x, x)) == 0
    assert largest(block(x) - block(x, other)) > 1e-3


def test_a_fresh_non_local_block_changes_nothing() -> None:
    x = noise(1, 6, 4, 3).float()
    assert largest(NonLocal(6)(x) - x) == 0


PEAK = """
import resource, torch
from geoloupe.networks.hsenet import attend

torch.set_num_threads(1)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def grown(side, training):
    before = peak()
    maps = [torch.rand(1, 8, side, side, requires_grad=training) for _ in range(3)]
    found = attend(*maps)
    if training:
        found.sum().backward()
    return peak() - before

grown(8, True)
print(grown(96, True), grown(192, False))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_memory_of_attention_is_linear_in_the_pixels() -> None:
    """All pairs of 96 x 96 pixels would take 340 MB, of 192 x 192 pixels 5.4 GB."""
    answer = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, timeout=300
    )
    small, large = map(float, answer.stdout.split())
    assert small < 64
    assert large < 128


# --- ConvFormerSR: widths -------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [60, 122, 123, 245, 246])
def test_the_width_inside_an_attention_block_is_read_exactly(hidden: int) -> None:
    """The ratio of widths is what settings hold, and 60 * (123 / 60) is a little less than 123."""
    chosen = cast("Any", network_class("convformersr"))
    with torch.device("meta"):
        network = chosen(replace(chosen.Settings.tiny(), embed=60, mlp_ratio=hidden / 60))
        told = chosen.infer({key: tuple(x.shape) for key, x in network.state_dict().items()})
        again = chosen(replace(network.settings, mlp_ratio=told["mlp_ratio"]))
    for made in (network, again):
        assert made.groups[0].blocks[0].mlp[0].out_features == hidden


# --- Padding, means, enlargement ------------------------------------------------------------------


def test_padding_reflects_without_repeating_the_edge() -> None:
    padded = pad_to_multiple(torch.arange(15.0).view(1, 1, 3, 5), 4)
    assert padded.shape == (1, 1, 4, 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    assert padded[0, 0, :, 0].tolist() == [0, 5, 10, 5]


def test_padding_repeats_the_last_pixel_where_reflection_has_no_more() -> None:
    padded = pad_to_multiple(torch.arange(9.0).view(1, 1, 3, 3), 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 0, 0, 0]
    assert padded[0, 0, :, 0].tolist() == [0, 3, 6, 3, 0, 0, 0, 0]
    assert pad_to_multiple(torch.tensor([[[[7.0]]]]), 4).equal(torch.full((1, 1, 4, 4), 7.0))
    line = pad_to_multiple(torch.arange(5.0).view(1, 1, 1, 5), 8)
    assert line[0, 0].tolist() == [[0, 1, 2, 3, 4, 3, 2, 1]] * 8


@given(height=st.integers(1, 9), width=st.integers(1, 9), multiple=st.integers(1, 16))
@settings(max_examples=60, deadline=None)
def test_padding_keeps_the_image_and_adds_less_than_a_multiple(
    height: int, width: int, multiple: int
) -> None:
    x = noise(2, 3, height, width)
    padded = pad_to_multiple(x, multiple)
    assert padded[..., :height, :width].equal(x)
    for side, grown in zip((height, width), padded.shape[-2:], strict=True):
        assert grown % multiple == 0
        assert side <= grown < side + multiple


def test_the_mean_is_taken_away_and_put_back() -> None:
    shift = MeanShift((0.1, 0.6), 255.0).double()
    x = noise(2, 2, 3, 4)
    removed = shift.remove(x)
    assert largest(removed[:, 1] - (x[:, 1] - 0.6) * 255) <= 1e-4  # the mean is a float32
    assert largest(shift.add(removed) - x) <= 1e-15 * 255
    assert list(shift.state_dict()) == []


@pytest.mark.parametrize("value_range", [1.0, 255.0])
def test_the_mean_is_read_from_published_constants(value_range: float) -> None:
    told = infer_mean({"sub_mean.bias": torch.tensor([-0.3, -0.25]) * value_range})
    assert told["value_range"] == value_range
    assert told["mean"] == pytest.approx((0.3, 0.25))
    assert infer_mean({"head.bias": torch.zeros(2)}) == {}


@pytest.mark.parametrize(
    ("scale", "steps"), [(1, []), (2, [2]), (3, [3]), (8, [2, 2, 2]), (9, [3, 3]), (6, [2, 3])]
)
def test_a_scale_is_split_into_steps(scale: int, steps: list[int]) -> None:
    assert factors(scale) == steps
    block = UpBlock(4, scale)
    assert block(torch.rand(1, 4, 2, 3)).shape == (1, 4, 2 * scale, 3 * scale)
    shapes = {f"up.{key}": tuple(tensor.shape) for key, tensor in block.state_dict().items()}
    assert infer_scale(shapes, "up") == scale


@pytest.mark.parametrize(("scale", "left"), [(5, 5), (10, 5), (7, 7), (-1, -1), (-2, -2), (0, 0)])
def test_other_scales_have_no_steps(scale: int, left: int) -> None:
    with pytest.raises(ValueError, match=rf"scale must be .*{left}"):
        factors(scale)


# --- MulSR and SSPSR: bands -----------------------------------------------------------------------


def test_a_band_is_seen_with_its_neighbours_in_the_published_order() -> None:
    assert [neighbours(i, 31) for i in (0, 1, 15, 29, 30)] == [
        (1, 2, 0),
        (0, 2, 1),
        (14, 16, 15),
        (28, 30, 29),
        (29, 28, 30),
    ]
    assert [neighbours(i, 3) for i in range(3)] == [(1, 2, 0), (0, 2, 1), (1, 0, 2)]
    assert [neighbours(i, 2) for i in range(2)] == [(1, 1, 0), (0, 0, 1)]
    assert neighbours(0, 1) == (0, 0, 0)


@given(st.integers(1, 200), st.data())
@settings(max_examples=60, deadline=None)
def test_neighbours_exist_and_are_near(count: int, data: st.DataObject) -> None:
    band = data.draw(st.integers(0, count - 1))
    near = neighbours(band, count)
    assert near[-1] == band
    assert all(0 <= other < count and abs(other - band) <= 2 for other in near)
    assert len(set(near)) == min(count, 3)


def test_bands_together_and_alone_are_the_same() -> None:
    network, (lr, guide) = mulsr(), mulsr_input()
    together = network.bands(lr, guide, range(4))
    assert largest(together - network(lr, guide)) <= 1e-6
    assert largest(together[:, [3, 1]] - network.bands(lr, guide, [3, 1])) <= 1e-6
    triplet = lr[:, list(neighbours(2, 4))]
    assert largest(together[:, 2:3] - network.one_band(triplet, guide)[1]) <= 1e-6


def test_bands_farther_than_the_neighbours_play_no_part() -> None:
    network, (lr, guide) = mulsr(), mulsr_input()
    changed = lr.clone()
    changed[:, 3] += 1
    difference = (network(changed, guide) - network(lr, guide)).abs().amax((0, 2, 3))
    assert difference[:2].eq(0).all()
    assert difference[2:].gt(0).all()


def test_a_guide_must_be_given() -> None:
    with pytest.raises(ValueError, match="needs a guide"):
        mulsr()(torch.rand(1, 3, 8, 8))


def mulsr() -> MulSR:
    torch.manual_seed(0)
    return cast("MulSR", cast("Any", build("mulsr", scale=4, features=4)).eval())


def mulsr_input() -> tuple[Tensor, Tensor]:
    return noise(2, 4, 5, 3).float(), noise(2, 3, 20, 12).float()


@pytest.mark.parametrize(
    ("bands", "group", "overlap", "expected"),
    [
        (31, 4, 1, [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]),
        (7, 3, 1, [0, 2, 4]),
        (8, 3, 1, [0, 2, 4, 5]),
        (5, 5, 0, [0]),
        (5, 5, 4, [0]),
        (1, 1, 0, [0]),
    ],
)
def test_groups_start_where_published(
    bands: int, group: int, overlap: int, expected: list[int]
) -> None:
    assert group_starts(bands, group, overlap) == expected


@given(st.integers(1, 200), st.data())
@settings(max_examples=60, deadline=None)
def test_groups_hold_every_band_and_end_at_the_last(bands: int, data: st.DataObject) -> None:
    group = data.draw(st.integers(1, bands))
    overlap = data.draw(st.integers(0, group - 1))
    starts = group_starts(bands, group, overlap)
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert starts[-1] + group == bands
    steps = [later - earlier for earlier, later in pairwise(starts)]
    assert all(step == group - overlap for step in steps[:-1])
    assert all(step <= group - overlap for step in steps)


def test_the_average_of_overlapping_groups_is_what_they_agree_on() -> None:
    network = sspsr(scale=2)
    network.branch = nn.Identity()
    lr = noise(2, 7, 4, 5).float()
    assert largest(network.by_groups(lr) - lr) <= 1e-6


def test_groups_may_run_in_any_portions() -> None:
    """One batch holds all groups of a small image and one group of a large one."""
    network = sspsr(scale=4)
    small = noise(2, 7, 6, 6).float()
    large = small.repeat(1, 1, 8, 8)
    for lr in (small, large):
        groups = torch.stack([lr[:, s : s + 3] for s in network.starts])
        expected = torch.stack([network.branch(group) for group in groups])
        assert largest(network.run_branches(groups) - expected) <= 1e-5


def test_branches_of_their_own_with_equal_weights_are_a_shared_one() -> None:
    shared, own = sspsr(scale=4), sspsr(scale=4, shared=False)
    weights = shared.state_dict()
    own.load_state_dict({key: weights[without_index(key)] for key in own.state_dict()})
    lr = noise(1, 7, 5, 4).float()
    assert largest(shared(lr) - own(lr)) <= 1e-6


def without_index(key: str) -> str:
    branch, _, rest = key.partition(".")
    return f"branch.{rest.partition('.')[2]}" if branch == "branch" else key


def sspsr(**values: Any) -> SSPSR:
    torch.manual_seed(0)
    sizes = {"bands": 7, "group": 3, "overlap": 1, "features": 16, "blocks": 1}
    return SSPSR(SSPSRSettings(**sizes, **values)).eval().requires_grad_(requires_grad=False)
