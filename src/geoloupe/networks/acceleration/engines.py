"""What can run a prepared network: PyTorch itself, its compiler, OpenVINO, ONNX Runtime.

Each engine is a function of a maker of the plain network, the prepared one and the precision. All
but torch are proven at run time: the first image of each size also goes through torch, and an
engine whose answer differs is refused. Compilers have been seen to miscompile a network silently.
"""

import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geoloupe.errors import InputError, RunError

Run = Callable[[Tensor, Tensor | None], tuple[Tensor, ...]]
Plain = Callable[[], nn.Module]
_REPORTER = "openvino_telemetry"
TOLERANCE = {"fp32": 1e-4, "bf16": 3e-2}  # of 1 + the standard deviation of the answer


def run_torch(plain: Plain, ready: nn.Module, precision: str) -> Run:
    """Run the prepared network as it is."""
    return _Stages(ready, precision)


def run_compiled(plain: Plain, ready: nn.Module, precision: str) -> Run:
    """Run the prepared network through torch.compile."""
    if compiler() is None:
        raise InputError(f"engine=compile needs a C++ compiler ({', '.join(_compilers())})")
    stages = _Stages(ready, precision)
    compiled = torch.compile(stages, dynamic=False)
    return _Proven(lambda *inputs: compiled, stages, precision, name="compile")


def run_openvino(plain: Plain, ready: nn.Module, precision: str) -> Run:
    """Run the plain network through OpenVINO, one model for each size."""
    try:
        openvino = silent_openvino()
    except ImportError:
        raise InputError(_missing("openvino")) from None

    def build(*inputs: Tensor) -> Run:
        core = openvino.Core()
        model = openvino.convert_model(
            _Stages(plain()), example_input=inputs, input=[list(x.shape) for x in inputs]
        )
        hint = {"INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision]}
        threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
        compiled = core.compile_model(model, "CPU", hint | threads)

        def run(*given: Tensor | None) -> tuple[Tensor, ...]:
            arrays = [x.contiguous().numpy() for x in given if x is not None]
            found = compiled(arrays)
            return tuple(torch.from_numpy(found[port]) for port in compiled.outputs)

        return run

    return _Proven(build, _Stages(ready, precision), precision, name="openvino")


def run_onnxruntime(plain: Plain, ready: nn.Module, precision: str) -> Run:
    """Run the plain network through ONNX Runtime, one session for each size."""
    if precision != "fp32":
        raise InputError("engine=onnxruntime computes in fp32 only; leave precision out")
    try:
        import onnx  # noqa: F401 (the exporter needs it)
        import onnxruntime
    except ImportError:
        raise InputError(_missing("onnxruntime")) from None
    onnxruntime.disable_telemetry_events()  # which its builds for Windows send

    def build(*inputs: Tensor) -> Run:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "network.onnx"
            torch.onnx.export(_Stages(plain()), inputs, path, opset_version=18, dynamo=False)
            session = onnxruntime.InferenceSession(path, options)
        names = [port.name for port in session.get_inputs()]

        def run(*given: Tensor | None) -> tuple[Tensor, ...]:
            arrays = [x.contiguous().numpy() for x in given if x is not None]
            found = session.run(None, dict(zip(names, arrays, strict=True)))
            return tuple(torch.from_numpy(array) for array in found)

        return run

    return _Proven(build, _Stages(ready, precision), precision, name="onnxruntime")


def compiler() -> str | None:
    """Return the path of the C++ compiler that PyTorch's compiler would call, if there is one."""
    return next(filter(None, map(shutil.which, _compilers())), None)


def _compilers() -> tuple[str, ...]:
    return ("cl", "clang-cl") if sys.platform == "win32" else ("g++", "clang++")


ENGINES: dict[str, Callable[[Plain, nn.Module, str], Run]] = {
    "torch": run_torch,
    "compile": run_compiled,
    "openvino": run_openvino,
    "onnxruntime": run_onnxruntime,
}


class _Stages(nn.Module):
    """A network whose forward gives all stages, in float32 whatever it computes in."""

    def __init__(self, network: Any, precision: str = "fp32") -> None:
        super().__init__()
        self.network, self.low = network, precision == "bf16"

    def forward(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        if not self.low:
            return self.network.stages(lr, guide)
        with torch.autocast(lr.device.type, torch.bfloat16, cache_enabled=False):
            return tuple(stage.float() for stage in self.network.stages(lr, guide))


class _Proven:
    """An engine that is built for each size of input and compared with torch there once."""

    def __init__(
        self, build: Callable[..., Run], reference: Run, precision: str, *, name: str
    ) -> None:
        self.build, self.reference, self.precision, self.name = build, reference, precision, name
        self.known: dict[tuple[torch.Size | None, ...], Run] = {}

    def __call__(self, lr: Tensor, guide: Tensor | None) -> tuple[Tensor, ...]:
        sizes = (lr.shape, guide.shape if guide is not None else None)
        if sizes in self.known:
            return self.known[sizes](lr, guide)
        expected = self.reference(lr, guide)
        inputs = (lr,) if guide is None else (lr, guide)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tracers warn that sizes are fixed; here they are
                run = self.build(*inputs)
                found = run(lr, guide)
        except Exception as error:  # noqa: BLE001 (each engine has failures of its own kinds)
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise RunError(
                f"the engine {self.name} cannot run this network ({reason}); use engine=torch"
            ) from None
        for ours, theirs in zip(expected, found, strict=True):
            gap = ((ours - theirs).abs().max() / (1 + ours.std())).item()
            if not gap <= TOLERANCE[self.precision]:  # written so that NaN fails
                raise RunError(
                    f"the engine {self.name} gives another answer than PyTorch (they differ by "
                    f"{gap:.1e}); use engine=torch"
                )
        self.known[sizes] = run
        return expected


def silent_openvino() -> Any:
    """Import OpenVINO so that it reports to nobody and leaves no id in the person's home.

    It reports by a package of its own, and has a stand-in for where that is not installed.
    """
    before = sys.modules.get(_REPORTER)
    sys.modules[_REPORTER] = None  # type: ignore[assignment] # so it cannot be imported
    try:
        import openvino
        from openvino.tools.ovc import telemetry_stub
    finally:
        del sys.modules[_REPORTER]
        if before is not None:
            sys.modules[_REPORTER] = before
    if before is not None:  # a program that uses us imported OpenVINO before
        for name, module in list(sys.modules.items()):
            if name.startswith("openvino.") and getattr(module, "tm", None) is before:
                module.tm = telemetry_stub  # type: ignore[attr-defined]
    return openvino


def _missing(package: str) -> str:
    return f"engine={package} needs more packages: pip install 'geoloupe[export]'"
