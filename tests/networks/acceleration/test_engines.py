"""Other engines give PyTorch's answer or are refused."""

import importlib.util
import shutil
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geoloupe.errors import InputError, RunError
from geoloupe.networks import build
from geoloupe.networks.acceleration import engines
from geoloupe.networks.acceleration.accelerate import accelerate

# PyTorch's compiler loads parts that warn of their own age.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

TINY = {
    "hsenet": {"scale": 2, "features": 8, "modules": 1},
    "convformersr": {"scale": 2, "embed": 16, "depths": (1,), "heads": (2,), "window": 4},
    "sspsr": {"bands": 5, "group": 3, "overlap": 1, "features": 16, "blocks": 1},
    "srcnn": {"scale": 2},
}


def needs(engine: str) -> None:
    """Skip without an engine; importing it here would have it report to its makers."""
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed (extra: export)")


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_an_engine_gives_the_same_answer_at_every_size(name: str, engine: Any) -> None:
    needs(engine)
    network = build(name, **TINY[name])
    plain, other = accelerate(network), accelerate(network, engine=engine)
    bands = network.signature.bands or 3
    for size in ((8, 8), (12, 9), (8, 8)):
        lr = torch.rand(1, bands, *size)
        assert torch.allclose(plain(lr), other(lr), atol=1e-4)


def test_openvino_in_half_precision_is_close() -> None:
    needs("openvino")
    network = build("sspsr", **TINY["sspsr"])
    lr = torch.rand(1, 5, 8, 9)
    rough = accelerate(network, engine="openvino", precision="bf16")
    assert torch.allclose(rough(lr), accelerate(network)(lr), atol=0.05)
    assert torch.allclose(rough(lr), accelerate(network)(lr), atol=0.05)


REPORTING = """
import sys, types

class Telemetry:
    told = []
    def __init__(self, *_, **__): pass
    def __getattr__(self, name): return lambda *_, **__: self.told.append(name)

reporter, backend = types.ModuleType("openvino_telemetry"), types.ModuleType("backend")
reporter.Telemetry, reporter.backend, backend.backend_ga4 = Telemetry, backend, None
Telemetry.backend = types.SimpleNamespace(app_name="OVC")
sys.modules |= {"openvino_telemetry": reporter, "openvino_telemetry.backend": backend}
import openvino
assert Telemetry.told, "OpenVINO reports in another way"
Telemetry.told.clear()
import torch
from geoloupe.networks import build
from geoloupe.networks.acceleration.accelerate import accelerate
accelerate(build("srcnn", scale=2), engine="openvino")(torch.rand(1, 3, 16, 16))
assert not Telemetry.told, Telemetry.told
assert sys.modules["openvino_telemetry"] is reporter
"""


def test_openvino_that_others_imported_reports_nothing_of_ours() -> None:
    needs("openvino")
    command = [sys.executable, "-W", "ignore", "-c", REPORTING]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
@pytest.mark.parametrize("name", TINY)
def test_the_compiler_gives_the_same_answer(name: str) -> None:
    network = build(name, **TINY[name])
    plain, other = accelerate(network), accelerate(network, engine="compile")
    lr = torch.rand(1, network.signature.bands or 3, 12, 9)
    for _ in range(2):
        assert torch.allclose(plain(lr), other(lr), atol=1e-4)


class Half(nn.Module):
    """A network whose only stage is half of its input."""

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        return (lr / 2,)


def wrong(error: float) -> engines.Run:
    """Make an engine that is off by this much."""
    return engines._Proven(
        lambda *inputs: lambda lr, guide: (lr / 2 + error,),
        engines.run_torch(Half, Half(), "fp32"),
        "fp32",
        name="wrong",
    )


def test_a_wrong_engine_is_refused() -> None:
    lr = torch.rand(1, 1, 4, 4)
    assert torch.equal(wrong(1e-6)(lr, None)[0], lr / 2)
    for error in (1e-2, float("nan")):
        with pytest.raises(RunError, match=r"another answer than PyTorch.*use engine=torch"):
            wrong(error)(lr, None)


def test_a_failing_engine_is_one_sentence() -> None:
    def build_nothing(*inputs: Tensor) -> engines.Run:
        raise ValueError("first line\nsecond line")

    engine = engines._Proven(build_nothing, Half().stages, "fp32", name="broken")
    with pytest.raises(RunError, match=r"cannot run this network \(first line\); use engine="):
        engine(torch.rand(1, 1, 2, 2), None)


def test_a_missing_engine_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[export\]'"):
        accelerate(build("srcnn"), engine="openvino")


def test_onnxruntime_has_no_half_precision() -> None:
    with pytest.raises(InputError, match="fp32 only"):
        accelerate(build("srcnn"), engine="onnxruntime", precision="bf16")
