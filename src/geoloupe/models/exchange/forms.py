"""The kinds of file that other programs run: ONNX, OpenVINO's and PyTorch's own.

Each is written, marked with what it is, and run again as a stranger would, by its own runtime.
"""

import json
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from geoloupe.errors import InputError, RunError
from geoloupe.models.exchange.graph import Graph
from geoloupe.networks.acceleration.engines import silent_openvino

Run = Callable[[tuple[Tensor, ...]], Tensor]
Save = Callable[[Path, Mapping[str, str]], None]
"""Writes what was built into a file, with what is said of it."""
OPSET = 18
_ROOT = "geoloupe"  # where OpenVINO and PyTorch keep what we say of a file


class Form(ABC):
    """A kind of file."""

    title: str
    runtime: str  # the package that runs it
    needs: tuple[str, ...]

    def files(self, path: Path) -> tuple[Path, ...]:
        """List the files that it consists of, that of its name last."""
        return (path,)

    def check(self) -> None:
        """Refuse it where a package is missing."""
        for name in self.needs:
            try:
                version(name)
            except ModuleNotFoundError:
                raise InputError(
                    f"{self.title} needs more packages: pip install 'geoloupe[export]'"
                ) from None

    @abstractmethod
    def build(self, graph: Graph) -> Save:
        """Bring a graph into this form; it can be saved more than once."""

    @abstractmethod
    def marks(self, path: Path) -> dict[str, str]:
        """Read what a file says of itself."""

    @abstractmethod
    def load(self, path: Path) -> Run:
        """Open a file in its own runtime."""


class Onnx(Form):
    """Open Neural Network Exchange, as ONNX Runtime, QGIS plug-ins and many others run it."""

    title, runtime, needs = "ONNX", "onnxruntime", ("onnx", "onnxruntime")

    def build(self, graph: Graph) -> Save:
        """Trace a graph; what is said of it goes to the model's properties."""
        import onnx

        _refuse_fourier(graph)
        free = {name: {2: f"{name}_height", 3: f"{name}_width"} for name in (*graph.names, "sr")}
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what is constant: whether it is, is tried later
            path = Path(folder) / "model.onnx"
            torch.onnx.export(
                graph.module,
                graph.inputs(*graph.sides[0]),
                path,
                input_names=list(graph.names),
                output_names=["sr"],
                opset_version=OPSET,
                dynamo=False,
                dynamic_axes=free if graph.tile is None else None,
            )
            model = onnx.load(path)
        model.doc_string = f"{graph.model.card.name}, by geoloupe"

        def save(path: Path, marks: Mapping[str, str]) -> None:
            onnx.helper.set_model_props(model, dict(marks))
            onnx.checker.check_model(model)
            onnx.save(model, path)

        return save

    def marks(self, path: Path) -> dict[str, str]:
        """Read the model's properties."""
        import onnx

        model = onnx.load(path, load_external_data=False)
        return {entry.key: entry.value for entry in model.metadata_props}

    def load(self, path: Path) -> Run:
        """Open a file in ONNX Runtime."""
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # what fails is raised too
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [port.name for port in session.get_inputs()]

        def run(inputs: tuple[Tensor, ...]) -> Tensor:
            arrays = [x.numpy() for x in inputs]
            return torch.from_numpy(session.run(None, dict(zip(names, arrays, strict=True)))[0])

        return run


class _Seen(TorchDispatchMode):
    """Notes the names of the operations that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


def _refuse_fourier(graph: Graph) -> None:
    """Refuse what ONNX lacks before PyTorch's exporter finds it, which prints the whole graph."""
    with _Seen() as seen, torch.no_grad():
        graph.module(*graph.inputs(*graph.sides[0]))
    if any("fft" in name for name in seen.names):
        name = graph.model.card.name
        raise RunError(f"{name} cannot be exported to ONNX, which has no Fourier transforms for it")


class OpenVino(Form):
    """OpenVINO's intermediate representation: an .xml, and a .bin beside it."""

    title, runtime, needs = "OpenVINO", "openvino", ("onnx", "onnxruntime", "openvino")

    def files(self, path: Path) -> tuple[Path, ...]:
        """List the weights' file and the graph's."""
        return path.with_suffix(".bin"), path

    def build(self, graph: Graph) -> Save:
        """Convert what ONNX makes of a graph; the file is of single precision."""
        openvino = silent_openvino()
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            traced = Path(folder) / "model.onnx"
            Onnx().build(graph)(traced, {})
            model = openvino.convert_model(os.fspath(traced))

        def save(path: Path, marks: Mapping[str, str]) -> None:
            for key, value in marks.items():
                model.set_rt_info(value, [_ROOT, key])
            openvino.save_model(model, path, compress_to_fp16=False)

        return save

    def marks(self, path: Path) -> dict[str, str]:
        """Read the model's run-time information."""
        model = silent_openvino().Core().read_model(path)
        if not model.has_rt_info([_ROOT]):
            return {}
        found = model.get_rt_info([_ROOT])
        return {str(key): str(value) for key, value in found.value.items()}

    def load(self, path: Path) -> Run:
        """Open a file for the processor, in single precision."""
        core = silent_openvino().Core()
        hints = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        compiled = core.compile_model(core.read_model(path), "CPU", hints)

        def run(inputs: tuple[Tensor, ...]) -> Tensor:
            return torch.from_numpy(compiled([x.numpy() for x in inputs])[0])

        return run


class Exported(Form):
    """PyTorch's exported programs: `torch.export.load(path).module()` runs them."""

    title, runtime, needs = "torch.export", "torch", ()

    def build(self, graph: Graph) -> Save:
        """Export a graph; no pickled example of its inputs is kept in the file."""
        free = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
        inputs = graph.inputs(*graph.sides[0])
        shapes = None if graph.tile is not None else tuple(free for _ in inputs)
        program = torch.export.export(graph.module, inputs, dynamic_shapes=shapes, strict=False)
        program.example_inputs = None

        def save(path: Path, marks: Mapping[str, str]) -> None:
            said = {f"{_ROOT}.json": json.dumps(dict(marks))}
            torch.export.save(program, path, extra_files=said)

        return save

    def marks(self, path: Path) -> dict[str, str]:
        """Read the file that lies beside the program in its archive."""
        found = {f"{_ROOT}.json": ""}
        torch.export.load(path, extra_files=found)
        read: dict[str, str] = json.loads(found[f"{_ROOT}.json"] or "{}")
        return read

    def load(self, path: Path) -> Run:
        """Open a file in PyTorch."""
        module: Any = torch.export.load(path).module()

        def run(inputs: tuple[Tensor, ...]) -> Tensor:
            with torch.inference_mode():
                found: Tensor = module(*inputs)
            return found

        return run


FORMS: dict[str, Form] = {".onnx": Onnx(), ".xml": OpenVino(), ".pt2": Exported()}
