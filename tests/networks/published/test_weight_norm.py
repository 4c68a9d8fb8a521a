"""Magnitude and direction fold into the weight they stand for, and a weight splits into them."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from geoloupe.networks.published.weight_norm import PAIR, fit, historic, modern, plain_shapes

PAIRED = {f"a{PAIR}0", f"a{PAIR}1", "a.bias"}


def paired(layer: nn.Module) -> tuple[dict[str, Tensor], Tensor]:
    """Return the state of a weight-normalised layer and the weight that it computes with."""
    torch.manual_seed(0)
    normed = weight_norm(layer)
    state = {f"a.{name}": value.clone() for name, value in normed.state_dict().items()}
    state[f"a{PAIR}0"] *= 1.7  # so that the magnitude is not the direction's own
    normed.load_state_dict({name.removeprefix("a."): value for name, value in state.items()})
    return state, normed.weight.detach()


@pytest.mark.parametrize("layer", [nn.Conv2d(3, 8, 3), nn.Conv3d(2, 4, (1, 3, 3)), nn.Linear(5, 3)])
def test_fold_and_split(layer: nn.Module) -> None:
    state, weight = paired(layer)
    folded = fit(state, {"a.weight", "a.bias"})
    assert folded.keys() == {"a.weight", "a.bias"}
    torch.testing.assert_close(folded["a.weight"], weight)
    split = fit(folded, PAIRED)
    assert split.keys() == PAIRED
    torch.testing.assert_close(split[f"a{PAIR}0"], state[f"a{PAIR}0"])
    torch.testing.assert_close(fit(split, {"a.weight", "a.bias"})["a.weight"], weight)


def test_what_fits_already_stays() -> None:
    state, _ = paired(nn.Conv2d(3, 8, 3))
    assert fit(state, PAIRED) == state
    plain = {"a.weight": torch.ones(2, 2)}
    assert fit(plain, {"a.weight"}) == plain


def test_names_old_and_new() -> None:
    assert modern("x.0.weight_g") == f"x.0{PAIR}0"
    assert modern("x.0.weight_v") == f"x.0{PAIR}1"
    for name in ("x.weight_g", "x.weight_v", "x.weight", "x.bias", "weight_gain"):
        assert historic(modern(name)) == name
    assert modern("x.bias") == "x.bias"


def test_a_pair_also_tells_the_shape_of_its_weight() -> None:
    shapes = plain_shapes(paired(nn.Conv2d(3, 8, 5))[0])
    assert shapes["a.weight"] == shapes[f"a{PAIR}1"] == (8, 3, 5, 5)
    assert shapes[f"a{PAIR}0"] == (8, 1, 1, 1)
