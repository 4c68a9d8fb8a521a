"""What every network of the catalog must do; a new one is tried here without a test of its own."""

import re
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor, nn

from geoloupe.errors import InputError
from geoloupe.networks import build, network_class
from geoloupe.networks.published.name_table import published_name, rename
from geoloupe.networks.signature import Network, Reference, Signature
from tests.contract.samples import NAMES, NONSENSE, SAMPLES, label, make, pixels, promise, ready

every_name = pytest.mark.parametrize("name", NAMES)
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=label)
any_bands = [name for name in NAMES if promise(name).bands is None]
local = [sample for sample in SAMPLES if promise(*sample).reach == "local"]
published = [name for name in NAMES if network_class(name).PUBLISHED]
few = settings(max_examples=3, deadline=None, derandomize=True)

WORK = 20_000  # HR pixels of one drawn input at most, so that the suite stays quick
TSFNET_ROOM = 100  # its phase jumps by 2 pi, so that rounding alone may flip single bins

# Softmax does not see what is added to all keys alike, so this gradient is zero by mathematics.
WITHOUT_SLOPE = re.compile(r".*\.key\.bias")


def equal(one: Tensor, other: Tensor) -> bool:
    """Compare bit for bit; as a function, so that a failure does not print the images."""
    return bool(one.equal(other))


def room(name: str) -> float:
    """How far results may differ that are equal but for rounding."""
    return 1e-5 * (TSFNET_ROOM if name == "tsfnet" else 1)


# --- Images ---------------------------------------------------------------------------------------


@every_sample
@given(data=st.data())
@few
def test_any_size_is_enlarged_and_a_batch_is_its_images(sample: Any, data: st.DataObject) -> None:
    signature = ready(*sample).signature
    assert signature.minimum <= 8
    pixels_left = WORK // signature.scale**2
    batch = data.draw(st.integers(1, 3))
    height = data.draw(st.integers(8, min(25, max(8, pixels_left // (8 * batch)))))
    width = data.draw(st.integers(8, min(25, max(8, pixels_left // (height * batch)))))
    check_size(sample, (batch, height, width))


@every_sample
def test_the_smallest_sizes_are_enlarged(sample: Any) -> None:
    minimum = ready(*sample).signature.minimum
    for height, width in [(0, 0), (0, 1), (3, 0), (1, 4), (5, 2)]:
        check_size(sample, (2, minimum + height, minimum + width))


def check_size(sample: Any, size: tuple[int, int, int]) -> None:
    """Compare shapes, and the whole batch with each of its images."""
    network = ready(*sample)
    scale, (batch, height, width) = network.signature.scale, size
    inputs = pixels(network, size)
    whole = network.stages(*inputs)
    for stage in whole:
        assert stage.shape == (batch, inputs[0].shape[1], height * scale, width * scale)
        assert stage.isfinite().all()
    for i in range(batch):
        single = network.stages(*(x[i : i + 1] for x in inputs))
        for one, many in zip(single, whole, strict=True):
            difference = (one[0] - many[i]).abs().max()
            assert difference <= room(sample[0]) * (1 + many[i].std(correction=0))


@every_sample
def test_forward_is_the_last_stage_and_chance_plays_no_part(sample: Any) -> None:
    network = ready(*sample)
    inputs = pixels(network, (1, 9, 8))
    torch.manual_seed(1)
    once = network(*inputs)
    torch.manual_seed(2)
    assert equal(once, network.stages(*inputs)[-1])


@every_sample
def test_the_input_is_left_as_it_was(sample: Any) -> None:
    inputs = pixels(ready(*sample), (1, 8, 9))
    before = [x.clone() for x in inputs]
    ready(*sample)(*inputs)
    assert all(map(equal, inputs, before))


@every_sample
def test_memory_layout_and_gaps_do_not_matter(sample: Any) -> None:
    """A view into a larger image, as a window read from a tile is, gives the same."""
    network = ready(*sample)
    inputs = pixels(network, (2, 9, 8))
    views = [torch.cat([x, x], dim=-1)[..., : x.shape[-1]] for x in inputs]
    expected, room_left = network(*inputs), room(sample[0])
    assert torch.allclose(network(*views), expected, atol=room_left, rtol=room_left)


@pytest.mark.parametrize("bands", [1, 2, 3, 8])
@pytest.mark.parametrize("name", any_bands)
def test_any_number_of_bands_is_taken_where_that_is_promised(name: str, bands: int) -> None:
    network = ready(name)
    inputs = pixels(network, (2, 8, 9), bands=bands)
    found = network(*inputs)
    scale = network.signature.scale
    assert found.shape == (2, bands, 8 * scale, 9 * scale)
    assert found.isfinite().all()


@pytest.mark.parametrize("sample", local, ids=label)
def test_a_local_network_sees_no_farther_than_its_margin(sample: Any) -> None:
    network = ready(*sample)
    scale, margin = network.signature.scale, network.signature.margin
    height, width, top, left = 2 * margin + 5, 2 * margin + 4, 3, 2
    (lr,) = pixels(network, (1, height + top + 2, width + left + 3))
    whole = network(lr)[..., top * scale :, left * scale :]
    tile = network(lr[..., top : top + height, left : left + width])
    kept = (..., slice(margin * scale, (height - margin) * scale))
    kept = (*kept, slice(margin * scale, (width - margin) * scale))
    assert (tile[kept] - whole[kept]).abs().max() <= 1e-5


# --- Training -------------------------------------------------------------------------------------


@every_sample
def test_the_gradient_reaches_every_parameter(sample: Any) -> None:
    """From some weights and inputs at least: a ReLU may be silent for one of them."""
    waiting = {key for key, _ in ready(*sample).named_parameters()}
    for seed in range(6 if waiting else 0):
        network = make(*sample, seed=seed).train()
        loss = sum(stage.square().mean() for stage in network.stages(*pixels(network, (2, 5, 6))))
        loss.backward()
        slopes = {key: parameter.grad for key, parameter in network.named_parameters()}
        assert [key for key, slope in slopes.items() if slope is None] == []
        assert all(slope.isfinite().all() for slope in slopes.values())
        waiting -= {key for key, slope in slopes.items() if slope.any()}
        if not waiting:
            break
    assert [key for key in sorted(waiting) if not WITHOUT_SLOPE.fullmatch(key)] == []


@every_name
def test_the_gradient_reaches_the_input(name: str) -> None:
    network = ready(name)
    inputs = [x.requires_grad_() for x in pixels(network, (1, 8, 8))]
    network(*inputs).square().mean().backward()
    assert all(x.grad is not None and x.grad.any() and x.grad.isfinite().all() for x in inputs)


# --- Weights --------------------------------------------------------------------------------------


@every_sample
def test_weights_survive_a_file_byte_for_byte(sample: Any) -> None:
    network = ready(*sample)
    content = save(network.state_dict())
    other = make(*sample, seed=1).eval()
    other.load_state_dict(load(content), strict=True)
    assert save(other.state_dict()) == content
    inputs = pixels(network, (1, 8, 8))
    with torch.no_grad():
        one, copied = network(*inputs), other(*inputs)
    if "growth" in dict(sample[1]):  # its products of matrices are rounded by where they lie
        assert torch.allclose(copied, one, rtol=0, atol=1e-6)
    else:
        assert equal(copied, one)


@every_sample
def test_weights_are_independent_of_the_image_size(sample: Any) -> None:
    network = make(*sample).eval()
    before = list(network.state_dict())
    network(*pixels(network, (1, 9, 11)))
    assert list(network.state_dict()) == before


@every_sample
def test_shapes_and_the_questions_tell_what_is_needed_to_load(sample: Any) -> None:
    network = ready(*sample)
    state, chosen = network.state_dict(), type(network)
    told = chosen.infer({key: tuple(tensor.shape) for key, tensor in state.items()})
    asked = {key: getattr(network.settings, key) for key in chosen.ASK}
    again = build(sample[0], **told, **asked)  # and no setting is both told and asked for
    cast("nn.Module", again).load_state_dict(state, strict=True)
    free = ("depths", "heads") if told.get("branches") == "cnn" else ()  # nothing there has any
    for key, value in told.items():
        assert value == getattr(network.settings, key) or key in free, key
    assert again.signature.scale == network.signature.scale


@pytest.mark.parametrize("name", published)
def test_published_names_are_a_bijection_onto_ours(name: str) -> None:
    network = ready(name)
    chosen, ours = type(network), list(network.state_dict())
    targets = [target for target in chosen.PUBLISHED.values() if target is not None]
    assert len(set(targets)) == len(targets)
    # A number of theirs that ours do not hold, such as EDSR's last layer's, may be any.
    names = [published_name(chosen, key).replace("{n}", "99") for key in ours]
    assert len(set(names)) == len(ours)
    theirs = dict(zip(names, network.state_dict().values(), strict=True))
    assert list(rename(chosen, theirs)) == ours


@pytest.mark.parametrize("name", published)
def test_published_names_cover_every_parameter_and_nothing_else(name: str) -> None:
    network = ready(name)
    targets = [target for target in type(network).PUBLISHED.values() if target is not None]
    patterns = {target: stands_for(target) for target in targets}
    matches = {
        key: [t for t in targets if patterns[t].fullmatch(key)] for key in network.state_dict()
    }
    assert [key for key, found in matches.items() if not found] == []
    assert set(targets) - {target for found in matches.values() for target in found} == set()


def stands_for(template: str) -> re.Pattern[str]:
    """Make a pattern for the parameter or the module that a template names."""
    text = re.sub(r"\\\{\w+\\\}", r"\\d+", re.escape(template))
    return re.compile(rf"{text}(\.(parametrizations\.weight\.)?\w+)?")


# --- Promises -------------------------------------------------------------------------------------


@every_name
def test_a_network_is_what_the_protocol_says(name: str) -> None:
    network, chosen = ready(name), cast("Any", network_class(name))
    assert isinstance(network, Network)
    assert isinstance(network, nn.Module)
    assert isinstance(network.signature, Signature)
    assert isinstance(chosen.REFERENCE, Reference)
    assert all(isinstance(key, str) and key for key in chosen.PUBLISHED)
    known = {field.name for field in fields(chosen.Settings)}
    assert chosen.ASK.keys() <= known
    assert all(isinstance(why, str) and why for why in chosen.ASK.values())
    assert network.settings == chosen.Settings.tiny()


@every_name
def test_the_reference_fits_on_one_line_of_a_table(name: str) -> None:
    reference = network_class(name).REFERENCE
    assert all(getattr(reference, key).strip() for key in ("title", "task", "paper"))
    assert "\n" not in reference.title + reference.task + reference.paper
    assert list(reference.scales) == sorted(set(reference.scales))


@every_name
def test_every_scale_of_the_reference_can_be_built_and_tiled(name: str) -> None:
    chosen = cast("Any", network_class(name))
    for scale in chosen.REFERENCE.scales:
        with torch.device("meta"):
            signature = chosen(replace(chosen.Settings.tiny(), scale=scale)).signature
        assert signature.scale == scale
        assert 1 <= signature.minimum <= signature.tile
        assert 0 <= 2 * signature.margin < signature.tile


@every_sample
def test_the_signature_says_what_the_settings_say(sample: Any) -> None:
    network = ready(*sample)
    for key in ("scale", "bands", "guide_bands"):
        if hasattr(network.settings, key):
            assert getattr(network.signature, key) == getattr(network.settings, key)
    assert network.signature.reach in ("local", "global")


@every_name
def test_settings_are_frozen_complete_and_without_order(name: str) -> None:
    chosen = cast("Any", network_class(name))
    assert is_dataclass(chosen.Settings)
    assert chosen.Settings().scale in chosen.REFERENCE.scales  # every field has a default
    tiny = chosen.Settings.tiny()
    with pytest.raises(FrozenInstanceError):
        tiny.scale = 2
    with pytest.raises(TypeError):
        chosen.Settings(4)
    assert hash(tiny) == hash(chosen.Settings.tiny())


@pytest.mark.parametrize("scale", [-4, -1, 0])
@every_name
def test_no_factor_below_one(name: str, scale: int) -> None:
    with pytest.raises(ValueError, match="scale must be"):
        cast("Any", network_class(name)).Settings(scale=scale)


@every_name
def test_counts_start_at_one(name: str) -> None:
    chosen = cast("Any", network_class(name))
    defaults = chosen.Settings()
    for field in fields(chosen.Settings):
        if type(getattr(defaults, field.name)) is not int:
            continue
        lowest = 0 if field.name in ("overlap", "knots", "growth") else 1
        with pytest.raises(InputError, match=field.name):
            build(name, **{field.name: lowest - 1})


@pytest.mark.parametrize(("name", "values"), NONSENSE)
def test_settings_refuse_nonsense(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=" "):
        cast("Any", network_class(name)).Settings(**values)
    with pytest.raises(InputError, match=f"{name}: "):
        build(name, **values)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("convformersr", {"drop_path": 0, "mlp_ratio": 2}),
        ("edsr", {"residual_scale": 0, "value_range": 255}),
        ("hsenet", {"scale": 1, "mean": (0, -1, 2)}),
        ("sspsr", {"group": 128, "overlap": 0}),
        ("swinir", {"scale": 5, "end": "light"}),
    ],
)
def test_settings_take_edges_that_make_sense(name: str, values: dict[str, Any]) -> None:
    made = cast("Any", network_class(name)).Settings(**values)
    assert all(getattr(made, key) == value for key, value in values.items())


@every_name
def test_an_unknown_setting_is_refused_with_the_nearest_one(name: str) -> None:
    with pytest.raises(InputError, match=r"'scal'.*did you mean 'scale'"):
        build(name, scal=2)


@pytest.mark.parametrize("value", ["four", 2.5, None, [2]])
@every_name
def test_a_setting_of_the_wrong_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"{name}: scale: "):
        build(name, scale=value)


@pytest.mark.parametrize(
    ("word", "nearest"), [("hsent", "hsenet"), ("HSENet", "hsenet"), ("convformer", "convformersr")]
)
def test_an_unknown_network_is_refused_with_the_nearest_one(word: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"no network is called '{word}'.*mean '{nearest}'"):
        build(word)


def test_build_makes_what_was_asked_for() -> None:
    network = cast("Any", build("sspsr", scale=8, bands=6, group=4, overlap=1, features=16))
    assert (network.settings.scale, network.settings.bands) == (8, 6)
    assert network.settings.blocks == type(network).Settings().blocks
