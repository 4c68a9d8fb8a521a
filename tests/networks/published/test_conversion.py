"""Published weights under any wrapping become exactly the tensors that the network holds."""

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from geoloupe import catalog
from geoloupe.errors import InputError
from geoloupe.networks import build, network_class
from geoloupe.networks.published.conversion import agree, ask, convert_state, strip_wrappers
from geoloupe.networks.published.name_table import published_name, rename
from geoloupe.networks.published.weight_norm import modern
from geoloupe.networks.signature import Network

WITH_WEIGHTS = [name for name in catalog.names("network") if network_class(name).PUBLISHED]

HSENET_NAMES = (
    "head.0.bias",
    "body_modulist.7.head.1.0.weight",
    "body_modulist.12.body.0.base_scale.0.AB.0.theta.weight",
    "body_modulist.12.body.0.down_scale.0.AB.0.theta.weight",
    "body_modulist.0.body.0.down_scale.0.MB.1.0.bias",
    "body_modulist.3.body.0.NonLocal_base.W.weight",
    "tail.0.2.weight",
    "tail.1.weight",
)


def tiny(name: str, **changes: Any) -> nn.Module:
    """Make a network of test settings in which no weight is zero, so that each one counts."""
    chosen = cast("Any", network_class(name))
    torch.manual_seed(5)
    network: nn.Module = chosen(replace(chosen.Settings.tiny(), **changes)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def as_published(network: nn.Module) -> dict[str, Tensor]:
    """Name a network's state as published files do."""
    chosen = cast("type[Network]", type(network))
    state = network.state_dict()
    return {published_name(chosen, name).replace("{n}", "16"): state[name] for name in state}


def asked(network: nn.Module) -> dict[str, Any]:
    """Answer what weights do not tell."""
    settings = cast("Any", network).settings
    return {key: getattr(settings, key) for key in cast("Any", network).ASK}


def answer(network: Any) -> Tensor:
    """Run a network on one small image."""
    signature = network.signature
    generator = torch.Generator().manual_seed(1)
    bands, side = signature.bands or 1, max(signature.minimum, 4)
    lr = torch.rand(1, bands, side, side, generator=generator)
    large = side * signature.scale
    guide = torch.rand(1, signature.guide_bands, large, large, generator=generator)
    with torch.no_grad():
        return cast("Tensor", network(lr, guide if signature.guide_bands else None))


WRAPPINGS = {
    "plain": lambda state: state,
    "parallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "compiled": lambda state: {f"module._orig_mod.{name}": value for name, value in state.items()},
    "averaged": lambda state: {
        "params": {name: torch.zeros_like(value) for name, value in state.items()},
        "params_ema": state,
    },
    "training": lambda state: {
        "epoch": 3,
        "model": {f"module.{name}": value for name, value in state.items()},
        "optimizer": {"state": {"exp_avg": torch.zeros(3)}, "lr": 0.1},
    },
    "lightning": lambda state: {
        "state_dict": {f"model.{name}": value for name, value in state.items()},
        "hyper_parameters": {"scale": 4},
    },
    "unknown": lambda state: {"my_favourite": state, "epoch": 1},
    "modern weight norm": lambda state: {modern(name): value for name, value in state.items()},
}


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_round_trip_through_published_names(name: str) -> None:
    network = tiny(name)
    chosen = network_class(name)
    values, state = convert_state(chosen, as_published(network), asked(network))
    settings = cast("Any", network).settings
    agree({key: getattr(settings, key) for key in values}, values, ("they say", "we have"))
    wanted = network.state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)
    ours = cast("nn.Module", build(name, **values)).eval()
    ours.load_state_dict(state, strict=True)
    assert torch.equal(answer(ours), answer(network))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("name", ["hsenet", "mulsr", "vdsr"])
def test_wrappings_come_off(name: str, wrapping: str) -> None:
    network = tiny(name)
    wrapped = WRAPPINGS[wrapping](as_published(network))
    _, state = convert_state(network_class(name), strip_wrappers(wrapped), asked(network))
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())


def test_table_translates_what_published_files_hold() -> None:
    chosen = network_class("hsenet")
    tensors = {name: torch.full((1,), float(i)) for i, name in enumerate(HSENET_NAMES)}
    renamed = rename(chosen, tensors | {"sub_mean.weight": torch.ones(1)})
    assert [int(value) for value in renamed.values()] == list(range(len(HSENET_NAMES)))
    assert tuple(published_name(chosen, ours) for ours in renamed) == HSENET_NAMES
    assert renamed.keys() <= tiny("hsenet", modules=13, scale=4).state_dict().keys()


@pytest.mark.parametrize(
    ("mean", "value_range"), [((0.1, 0.5, 0.25), 1.0), ((0.5, 0.3, 0.2), 255.0)]
)
def test_mean_is_read_from_the_constant_layers(mean: tuple[float, ...], value_range: float) -> None:
    network = tiny("hsenet", mean=mean, value_range=value_range)
    published = as_published(network) | {
        "sub_mean.weight": torch.eye(3).view(3, 3, 1, 1),
        "sub_mean.bias": -torch.tensor(mean) * value_range,
    }
    values, state = convert_state(network_class("hsenet"), published, {})
    assert values["mean"] == pytest.approx(mean)
    assert values["value_range"] == value_range
    ours = cast("nn.Module", build("hsenet", **values)).eval()
    ours.load_state_dict(state)
    torch.testing.assert_close(answer(ours), answer(network))


def test_plain_weight_splits_for_a_normalised_layer() -> None:
    network = tiny("mulsr")
    published = as_published(network)
    plain = {
        name.replace("weight_v", "weight"): value
        for name, value in published.items()
        if not name.endswith("weight_g")
    }
    _, state = convert_state(network_class("mulsr"), plain, {"scale": 4})
    names = ("hsi_head.weight_g", "hsi_head.weight_v")
    g, v = rename(network_class("mulsr"), dict.fromkeys(names, torch.ones(1)))
    assert torch.equal(state[v], plain["hsi_head.weight"])
    assert state[g].shape == (len(state[v]), 1, 1, 1)
    torch.testing.assert_close(state[g].flatten(), state[v].flatten(1).square().sum(1).sqrt())


def test_weights_in_other_precisions_become_float32() -> None:
    network = tiny("srcnn")
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        published = {name: value.to(dtype) for name, value in as_published(network).items()}
        _, state = convert_state(network_class("srcnn"), published, asked(network))
        assert {value.dtype for value in state.values()} == {torch.float32}
        (ours,) = rename(network_class("srcnn"), {"conv1.weight": torch.ones(1)})
        assert torch.equal(state[ours], published["conv1.weight"].float())


def test_batch_counters_of_old_files_are_optional() -> None:
    network = tiny("vdsr")
    published = {k: v for k, v in as_published(network).items() if "num_batches" not in k}
    _, state = convert_state(network_class("vdsr"), published, asked(network))
    assert state.keys() == network.state_dict().keys()


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_foreign_weights_are_recognised(name: str) -> None:
    asked_for = "hsenet" if name != "hsenet" else "srcnn"
    with pytest.raises(InputError, match=rf"use network={name}$"):
        convert_state(network_class(asked_for), as_published(tiny(name)), {"scale": 4})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("tail.1.bias"), r"lacks 1 parameters of HSENet: 'tail.1.bias'"),
        (lambda s: s.pop("head.0.weight"), r"lacks 'head.0.weight', which every HSENet has"),
        (lambda s: s.update(extra=torch.ones(1)), r"1 of its \d+ names are not .*'extra'"),
        (
            lambda s: s.update({"tail.0.6.weight": torch.ones(1)}),
            r"holds 1 names too many for HSENet: 'tail.0.6.weight'",
        ),
        (
            lambda s: s.update({"tail.1.weight": torch.ones(3, 9, 3, 3)}),
            r"'tail.1.weight' has shape \(3, 9, 3, 3\), but .*\(3, 8, 3, 3\).* on .*features",
        ),
        (lambda s: s.update({"head.0.weight": torch.ones(8)}), r"shapes that no HSENet has"),
        (lambda s: s.update({"tail.1.bias": torch.tensor([1, 2, 3])}), r"holds int64"),
        (lambda s: s.update({"tail.1.bias": torch.ones(3) * 1j}), r"is complex"),
        (lambda s: s.update({"tail.1.bias": torch.tensor([1, 2, torch.nan])}), r"NaN or infinity"),
        (
            lambda s: s.update({"tail.1.bias": torch.full((3,), 1e300, dtype=torch.float64)}),
            r"NaN or inf",
        ),
        (lambda s: s.update({"tail.1.bias": torch.ones(0)}), r"'tail.1.bias' holds no numbers"),
        (lambda s: s.update({"sub_mean.bias": torch.full((3,), torch.nan)}), r"NaN"),
        (lambda s: s.update({"sub_mean.bias": torch.ones(2)}), r"mean has 2 values"),
    ],
)
def test_what_is_wrong_is_said(change: Any, message: str) -> None:
    published = as_published(tiny("hsenet"))
    change(published)
    with pytest.raises(InputError, match=message) as caught:
        convert_state(network_class("hsenet"), published, {})
    assert "\n" not in str(caught.value)


def test_a_given_setting_may_repeat_but_not_contradict() -> None:
    published = as_published(tiny("hsenet"))
    assert convert_state(network_class("hsenet"), published, {"scale": 2})[0]["scale"] == 2
    with pytest.raises(InputError, match=r"you asked for scale=4, but the weights have scale=2"):
        convert_state(network_class("hsenet"), published, {"scale": 4})
    agree({"mean": [0.1, 0.2]}, {"mean": (0.1 + 1e-9, 0.2)}, ("they say", "we have"))
    with pytest.raises(InputError, match=r"mean=0.1,0.2"):
        agree({"mean": [0.1, 0.2]}, {"mean": (0.1, 0.2, 0.3)}, ("they say", "we have"))


def test_a_setting_that_no_weight_tells_is_asked_for() -> None:
    with pytest.raises(InputError, match=r"do not tell scale \(.*such as scale=8$"):
        convert_state(network_class("mulsr"), as_published(tiny("mulsr")), {})
    ask(network_class("mulsr"), {"scale": 8})


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(InputError, match=r"no setting of HSENet is called 'scala'"):
        convert_state(network_class("hsenet"), as_published(tiny("hsenet")), {"scala": 4})


def test_a_network_without_weights_has_nothing_to_convert() -> None:
    with pytest.raises(InputError, match="Bicubic has no published weights"):
        convert_state(network_class("bicubic"), {"a": torch.ones(1)}, {})


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"a": {}, "b": {}}, {"model": {}}])
def test_content_without_weights_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="holds no weights"):
        strip_wrappers(content)
