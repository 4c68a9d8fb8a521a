"""Devices without double precision, by one without memory: every float64 on it is refused."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from geoloupe.models import devices
from geoloupe.networks import doubles
from geoloupe.networks.doubles import doubled
from geoloupe.networks.observation import Observation
from geoloupe.networks.sharpening.as_network import _moments
from geoloupe.networks.sharpening.injection import injected
from geoloupe.networks.sharpening.pansharpening import BDSD, GSA
from geoloupe.training import hardware


class WithoutDoubles(TorchDispatchMode):
    """Takes `meta` for a GPU that has no float64; what is copied from it are ones."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        copied = func is torch.ops.aten._to_copy.default and args[0].is_meta
        if copied and torch.device(kwargs.get("device", "meta")).type == "cpu":
            return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        made = func(*args, **kwargs)
        for each in tree_leaves(made):
            if isinstance(each, torch.Tensor) and each.is_meta and each.dtype == torch.float64:
                raise TypeError("this device has no float64")
        return made


@pytest.fixture
def poor(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a device without float64."""
    monkeypatch.setattr(doubles, "HAVE", ("cpu",))
    return torch.device("meta")


def test_the_stand_in_refuses_doubles(poor: Any) -> None:
    with WithoutDoubles(), pytest.raises(TypeError, match="no float64"):
        torch.empty(3, device=poor).double()
    with WithoutDoubles():
        assert doubled(torch.empty(3, device=poor)).device.type == "cpu"


def test_where_there_are_doubles_nothing_moves() -> None:
    assert doubled(torch.ones(3)).dtype == torch.float64
    assert doubled(torch.empty(3, device="meta")).is_meta


SENSORS = [Observation.aligned(0.3, scale=4)] * 4


def test_a_guide_s_detail_is_put_in_without_doubles_on_the_device(poor: Any) -> None:
    lr, guide = torch.empty(1, 4, 16, 16, device=poor), torch.empty(1, 2, 64, 64, device=poor)
    with WithoutDoubles(), torch.inference_mode(False):
        made = injected(lr, guide, SENSORS)
    assert (made.device.type, made.dtype, made.shape) == ("meta", torch.float32, (1, 4, 64, 64))


@pytest.mark.parametrize("method", [GSA(), BDSD()], ids=["gsa", "bdsd"])
def test_a_pan_band_is_put_in_without_doubles_on_the_device(poor: Any, method: Any) -> None:
    lr, guide = torch.empty(1, 4, 16, 16, device=poor), torch.empty(1, 1, 64, 64, device=poor)
    with WithoutDoubles():
        moments = _moments(method, lr, guide, SENSORS)
        assert moments is not None
        assert (moments.device.type, moments.dtype) == ("cpu", torch.float64)
        made = method.fitted(moments)(lr, guide, SENSORS)
    assert (made.device.type, made.dtype, made.shape) == ("meta", torch.float32, (1, 4, 64, 64))


def test_apple_s_gpu_is_taken_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    for kind in (torch.cuda, torch.xpu):
        monkeypatch.setattr(kind, "is_available", lambda: False)
    assert devices.device_of("auto").type == "cpu"
    pytest.importorskip("lightning_fabric")
    assert hardware.open_fabric(hardware.Hardware()).device.type == "cpu"
