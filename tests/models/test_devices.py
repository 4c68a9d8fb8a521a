"""Devices are named as PyTorch names them, several with commas between."""

import pytest
import torch

from geoloupe.errors import InputError
from geoloupe.models.devices import device_of, devices_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cpu", ["cpu"]),
        ("auto", ["auto"]),
        ("cuda:0,1", ["cuda:0", "cuda:1"]),
        ("cuda:2, cuda:3", ["cuda:2", "cuda:3"]),
        ("xpu:0,1,cpu", ["xpu:0", "xpu:1", "cpu"]),
    ],
)
def test_names_are_told_apart(name: str, expected: list[str]) -> None:
    assert devices_of(name) == expected


@pytest.mark.parametrize("name", ["", "cuda:0,,1", "cpu,"])
def test_a_name_that_is_missing_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="name devices as in cuda:0,1"):
        devices_of(name)


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(InputError, match="there is no device 'warp:1' here; try cpu, cuda or auto"):
        device_of("warp:1")


@pytest.mark.parametrize("here", ["cuda", "xpu", "cpu"])
def test_auto_is_the_first_kind_of_gpu_that_is_here(
    here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, kind in ((torch.cuda, "cuda"), (torch.xpu, "xpu"), (torch.backends.mps, "mps")):
        monkeypatch.setattr(place, "is_available", lambda kind=kind: kind == here)
    assert device_of("auto") == torch.device(here)
