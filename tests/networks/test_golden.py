"""With the published weights, every network computes what the published one does."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from geoloupe.networks import network_class
from geoloupe.networks.published.conversion import convert_state
from geoloupe.networks.published.name_table import rename
from tests.networks import golden

CASES = golden.cases()
# What published counts hold beside ours: two constant layers, which we derive, and in HAUNet one
# projection that is never used.
MEAN_LAYERS = 2 * (3 * 3 + 3)
LEFT_OUT = {
    **dict.fromkeys(("hsenet", "rcan", "transenet"), MEAN_LAYERS),
    "haunet": 96 * 96 + 96,
}


def converted(case: golden.Golden) -> Any:
    """Build the network that the converter finds in the published weights."""
    chosen = cast("Any", network_class(case.network))
    values, state = convert_state(chosen, case.published_state(), case.given())
    network = chosen(chosen.Settings(**values)).eval()
    network.load_state_dict(state, strict=True)
    return network


def run(network: Any, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Enter the network where the golden input does; name what comes out as the golden does."""
    if "upsampled" in inputs:
        return {"output": network.refine(inputs["upsampled"])}
    if "bicubic" in inputs:
        return {"output": network.refine(inputs["lr"], inputs["bicubic"])}
    if "bands" in inputs:
        correction, output = network.one_band(inputs["bands"], inputs["guide"])
        return {"correction": correction, "output": output}
    *first, output = network.stages(inputs["lr"])
    return {"output": output} | ({"stage_one": first[0]} if first else {})


def test_every_published_network_has_a_case() -> None:
    assert {golden.read(case).network for case in CASES} == {
        *("convformersr", "hsenet", "mulsr", "sspsr", "tsfnet"),
        *("dcm", "lgcnet", "srcnn", "vdsr"),
        *("essaformer", "haunet", "rcan", "swinir", "transenet", "ttst"),
    }


@pytest.mark.parametrize("name", CASES)
def test_same_weights_give_the_published_output(name: str) -> None:
    case = golden.read(name)
    with torch.inference_mode():
        found = run(converted(case), case.inputs)
    assert found.keys() == case.outputs.keys()
    # TSFNet's phase jumps by 2 pi, so that rounding alone may flip single bins.
    largest, mean = (1e-3, 1e-4) if case.network == "tsfnet" else (1e-4, 1e-4)
    for key, expected in case.outputs.items():
        assert found[key].shape == expected.shape
        error, room = (found[key] - expected).abs(), 1 + expected.std()
        assert error.max() <= largest * room, key
        assert error.mean() <= mean * room, key


@pytest.mark.parametrize("name", CASES)
def test_as_many_parameters_as_published(name: str) -> None:
    case = golden.read(name)
    published = case.published_state()
    kept = rename(network_class(case.network), published)
    left_out = sum(x.numel() for x in published.values()) - sum(x.numel() for x in kept.values())
    assert count(converted(case)) + left_out == case.parameter_count


SWINIR_LIGHT = {"embed": 60, "depths": (6,) * 4, "heads": (6,) * 4, "end": "light"}
CONVFORMER_96 = {"embed": 96, "scale": 3}
PAVIA = {"bands": 102}
CAVE = {"bands": 31, "group": 4, "overlap": 1, "blocks": 8}


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("essaformer", {"scale": 4}, 11_640_832),
        ("haunet", {"scale": 2}, 2_630_786),
        ("haunet", {"scale": 3}, 2_643_761),
        ("haunet", {"scale": 4}, 2_661_926),
        ("rcan", {"scale": 2}, 15_444_667),
        ("rcan", {"scale": 3}, 15_629_307),
        ("rcan", {"scale": 4}, 15_592_379),
        ("swinir", {"scale": 2}, 11_752_487),
        ("swinir", {"scale": 3}, 11_937_127),
        ("swinir", {"scale": 4}, 11_900_199),
        ("swinir", {"scale": 4, **SWINIR_LIGHT}, 929_628),
        ("transenet", {"scale": 2}, 37_311_195),
        ("transenet", {"scale": 3}, 37_495_835),
        ("transenet", {"scale": 4}, 37_458_907),
        ("ttst", {"scale": 4}, 18_366_555),
        ("hsenet", {"scale": 2}, 5_285_659),
        ("hsenet", {"scale": 3}, 5_470_299),
        ("hsenet", {"scale": 4}, 5_433_371),
        ("convformersr", {"scale": 2}, 6_502_783),
        ("convformersr", {"scale": 3}, 6_687_423),
        ("convformersr", {"scale": 4}, 6_650_495),
        ("convformersr", {"scale": 3, "bands": 4}, 6_688_540),
        ("convformersr", {"scale": 3, "bands": 6}, 6_690_774),
        ("convformersr", CONVFORMER_96, 16_485_075),
        ("tsfnet", {"scale": 4}, 3_127_934),
        ("tsfnet", {"scale": 8}, 3_127_934),
        ("tsfnet", {"scale": 16}, 3_127_934),
        ("mulsr", {"scale": 8}, 4_635_548),
        ("mulsr", {"scale": 16}, 4_635_548),
        ("sspsr", {"scale": 4}, 13_564_392),
        ("sspsr", {"scale": 8}, 15_924_712),
        ("sspsr", {**PAVIA, "scale": 4}, 13_384_654),
        ("sspsr", {**PAVIA, "scale": 8}, 15_744_974),
        ("sspsr", {**CAVE, "scale": 4}, 26_077_475),
        ("sspsr", {**CAVE, "scale": 8}, 28_437_795),
    ],
)
def test_published_configurations_have_the_published_size(
    name: str, values: dict[str, Any], expected: int
) -> None:
    chosen = cast("Any", network_class(name))
    with torch.device("meta"):  # no memory, no initialisation
        network = chosen(chosen.Settings(**values))
    assert count(network) + LEFT_OUT.get(name, 0) == expected


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
