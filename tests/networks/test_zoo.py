"""Networks of another package answer as it says, on any size; all else is refused with a reason."""

import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from geoloupe import catalog
from geoloupe.errors import InputError
from geoloupe.networks import adapter_class, build
from geoloupe.networks.acceleration.accelerate import accelerate
from geoloupe.networks.zoo import Zoo


def image(*size: int) -> Tensor:
    """Make an image of noise."""
    return torch.rand(*size, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("scale", [2, 3])
def test_it_answers_as_spandrel_does_but_unclamped(spandrel: Any, scale: int) -> None:
    state = spandrel.published(scale=scale)
    state["shift"] += torch.tensor([2.0, 0.0, -2.0])[:, None, None]
    network = Zoo.adapt(state, {})
    theirs = spandrel.ModelLoader().load_from_state_dict(dict(state)).eval()
    seen = image(2, 3, 17, 22)
    before = seen.clone()
    answer = network(seen)
    assert torch.equal(seen, before)
    assert answer.shape == (2, 3, 17 * scale, 22 * scale)
    assert answer.max() > 1.5
    assert answer.min() < -1.5
    for one, other in zip(answer.split(1), seen.split(1), strict=True):
        torch.testing.assert_close(one.clamp(0, 1), theirs(other.clone()))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (5, 11), (12, 12), (13, 12), (40, 21)])
def test_any_size_goes(spandrel: Any, size: tuple[int, int]) -> None:
    network = Zoo.adapt(spandrel.published(), {})
    assert network(image(1, 3, *size)).shape == (1, 3, 2 * size[0], 2 * size[1])


def test_its_settings_are_what_spandrel_sees(spandrel: Any) -> None:
    network = Zoo.adapt(spandrel.published(scale=3), {"scale": 3})
    settings = network.settings
    assert (settings.architecture, settings.scale, settings.bands) == ("Mixer", 3, 3)
    assert (settings.multiple, settings.minimum) == (4, 12)
    assert (network.signature.scale, network.signature.bands, network.signature.minimum) == (
        3,
        3,
        1,
    )
    assert not network.training


def test_its_state_is_the_one_that_came(spandrel: Any) -> None:
    state = spandrel.published()
    names = list(state)
    network = Zoo.adapt(state, {})
    assert list(state) == names
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)
    again = Zoo.adapt(network.state_dict(), {})
    assert torch.equal(again(image(1, 3, 12, 12)), network(image(1, 3, 12, 12)))


def test_half_precision_becomes_single(spandrel: Any) -> None:
    halves = {name: value.bfloat16() for name, value in spandrel.published().items()}
    state = Zoo.adapt(halves, {}).state_dict()
    assert {value.dtype for value in state.values()} == {torch.float32}
    assert torch.equal(state["shift"], halves["shift"].float())


def test_prefixes_of_training_are_taken_off(spandrel: Any) -> None:
    state = {f"module.net.{name}": value for name, value in spandrel.published().items()}
    assert "first.1.weight" in Zoo.adapt(state, {}).state_dict()


def test_preparing_it_leaves_its_parts_alone(spandrel: Any) -> None:
    network = Zoo.adapt(spandrel.published(), {})
    seen = image(2, 3, 20, 20)
    fast, rounded = accelerate(network), accelerate(network, precision="bf16")
    answer = network(seen)
    assert torch.equal(fast(seen), answer)
    assert 0 < (rounded(seen) - answer).abs().max() < 0.05
    network.body.shift.add_(1)  # type: ignore[operator, union-attr]
    assert torch.equal(fast(seen), answer)


@pytest.mark.parametrize(
    ("marks", "changes", "message"),
    [
        ((), {"scale": 1}, "purpose Restoration and factor 1 does not enlarge"),
        (("face",), {}, "purpose FaceSR and factor 2 does not enlarge"),
        ((), {"bands": 1, "out": 1}, "makes 1 bands of 1; only RGB to RGB"),
        ((), {"bands": 4, "out": 3}, "makes 3 bands of 4; only RGB to RGB"),
        ((), {"scale": 17}, "enlarges 17 times"),
        (("square",), {}, "square images only"),
        (("noisy",), {}, "does not give one answer to one image"),
        (("pair",), {}, "does not run on a plain image"),
        (("small",), {}, r"answered with \(1, 3, 31, 34\), not \(1, 3, 32, 34\)"),
    ],
)
def test_all_but_plain_rgb_super_resolution_is_refused(
    spandrel: Any, marks: tuple[str, ...], changes: dict[str, int], message: str
) -> None:
    with pytest.raises(InputError, match=f"Mixer .*{message}"):
        Zoo.adapt(spandrel.published(*marks, **changes), {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first.1.weight": None}, r"spandrel 0\.4\.2 knows no network of these names"),
        ({"up.weight": None}, "spandrel cannot build its network .KeyError"),
        ({"mix.weight": torch.ones(3, 4, 1, 1)}, "cannot build its network .*size mismatch"),
        ({"more": torch.ones(3)}, "cannot build its network .*Unexpected key"),
        ({"shift": torch.full((3, 1, 1), torch.nan)}, "'shift' holds NaN or infinity"),
        ({"shift": torch.full((3, 1, 1), torch.inf)}, "'shift' holds NaN or infinity"),
        ({"shift": torch.ones(3, 1, 1, dtype=torch.complex64)}, "'shift' is complex"),
        ({"shift": torch.ones(0, 1, 1)}, "'shift' is empty"),
        ({"shift": torch.full((3, 1, 1), 3e38), "up.bias": torch.full((12,), 3e38)}, "not numbers"),
        ({"first.1.weight": torch.ones(4, 3, 9000, 1)}, "far larger than the file"),
        ({"layers.5000.weight": torch.ones(1)}, "numbers a layer 5000, but holds only 7 tensors"),
    ],
)
def test_what_is_no_network_of_spandrel_is_refused(
    spandrel: Any, changes: dict[str, Tensor | None], message: str
) -> None:
    changed = spandrel.published() | changes
    state = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(InputError, match=message):
        Zoo.adapt(state, {})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 4}, "its settings say scale=4, but spandrel sees scale=2"),
        ({"architecture": "SwinIR"}, "architecture=SwinIR, but spandrel sees architecture=Mixer"),
        ({"multiple": 1}, "multiple=1, but spandrel sees multiple=4"),
        ({"scala": 4}, "no setting of zoo is called 'scala'"),
        ({"scale": "two"}, "scale"),
        ({"scale": 0}, "scale must be 1 or more, not 0"),
    ],
)
def test_settings_that_disagree_are_refused(
    spandrel: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Zoo.adapt(spandrel.published(), settings)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[zoo\]'"):
        Zoo.adapt({"a": torch.ones(1)}, {})


def test_a_package_that_does_not_load_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    broken = 'raise RuntimeError("operator torchvision::nms does not exist")'
    (tmp_path / "spandrel.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    with pytest.raises(InputError, match=r"nms does not .*torchvision that belongs to torch 2"):
        Zoo.adapt({"a": torch.ones(1)}, {})


def test_it_is_an_adapter_and_no_network_of_the_catalog() -> None:
    assert adapter_class("zoo") is Zoo
    assert adapter_class("hsenet") is None
    assert "zoo" not in catalog.names("network")
    with pytest.raises(InputError, match="no network is called 'zoo'"):
        build("zoo")
