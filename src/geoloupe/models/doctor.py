"""What is installed here, and whether the shipped models work: for bug reports."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from geoloupe.errors import GeoloupeError
from geoloupe.models.golden import TOLERANCE, largest_error
from geoloupe.models.model import Model, load
from geoloupe.models.sharpeners import TrainedSharpener, load_sharpener
from geoloupe.models.shipped import PAPERS, shipped, shipped_sharpeners
from geoloupe.networks.acceleration.engines import compiler
from geoloupe.rasters.drivers import NEEDED, WELCOME, drivers, gdal_version
from geoloupe.storage.sizes import size_text
from geoloupe.system.allocator import keep_freed_memory
from geoloupe.system.memory import available
from geoloupe.version import __version__

_PACKAGES = ("numpy", "scipy", "h5py", "rasterio", "pydantic", "safetensors", "matplotlib")
_EXTRAS = {
    "train": ("lightning-fabric", "tensorboard"),
    "cluster": ("dask", "distributed"),
    "export": ("onnx", "onnxruntime", "openvino"),
    "hub": ("huggingface-hub",),
    "papers": ("geoloupe-papers",),
    "studies": ("scikit-learn",),
    "zoo": ("spandrel",),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    subject: str
    message: str
    sound: bool = True  # False: something does not work, and `message` says what to do


def checkup() -> Iterator[Finding]:
    """Check everything, the quick things first."""
    yield Finding("geoloupe", f"{__version__} in {Path(__file__).parent.parent}")
    yield Finding("python", f"{platform.python_version()}, {sys.executable}")
    yield Finding("system", f"{platform.platform()}, {os.cpu_count()} processors")
    yield Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads, {_speed()}")
    yield Finding("gpu", _gpu())
    yield Finding("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    for extra, names in _EXTRAS.items():
        missing = [name for name in names if _version(name) is None]
        message = ", ".join(f"{name} {_version(name)}" for name in names if name not in missing)
        advice = f"not installed: pip install 'geoloupe[{extra}]'" if missing else ""
        yield Finding(f"extra {extra}", "; ".join(part for part in (message, advice) if part))
    yield _files()
    yield Finding("engines", ", ".join(_engines()))
    kept = "freed memory is kept" if keep_freed_memory() else "freed memory is returned each time"
    yield Finding("memory", f"{size_text(available())} free; {kept}")
    yield from _models()


def _models() -> Iterator[Finding]:
    """Try every shipped model on its known image."""
    for name, folder in shipped().items():
        yield _tried(name, folder, load)
    for name, folder in shipped_sharpeners().items():
        yield _tried(name, folder, load_sharpener)


def _tried(name: str, folder: Path, loads: Callable[[str], Model | TrainedSharpener]) -> Finding:
    try:
        error = largest_error(loads(name), folder)
    except GeoloupeError as failure:
        package = "geoloupe-papers" if name in PAPERS else "geoloupe"
        return Finding(f"model {name}", f"{failure}; install {package} again", sound=False)
    if error > TOLERANCE:
        message = f"is {error:.1e} off its expected answer; report this with all lines here"
        return Finding(f"model {name}", message, sound=False)
    return Finding(f"model {name}", f"answers as expected, to {error:.0e}")


def _files() -> Finding:
    present = drivers()
    lacking = [name for name in NEEDED if name not in present]
    if lacking:
        return Finding(
            "files",
            f"GDAL {gdal_version()} lacks {', '.join(lacking)}; install rasterio's own wheel",
            sound=False,
        )
    also = [name for name in WELCOME if name in present]
    without = [name for name in WELCOME if name not in present]
    message = f"GDAL {gdal_version()} with {', '.join([*NEEDED, *also])}"
    return Finding("files", message + (f"; without {', '.join(without)}" if without else ""))


def _engines() -> Iterator[str]:
    yield "torch"
    if compiler() is not None:
        yield "compile"
    for name in ("openvino", "onnxruntime"):
        if _version(name) is not None:
            yield name


def _speed() -> str:
    """Return which instructions PyTorch uses; bf16 pays where the processor supports it."""
    capability = str(torch.backends.cpu.get_cpu_capability())
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return capability
    native = [flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags]
    return f"{capability}, bf16 by {native[0]}" if native else f"{capability}, no native bf16"


def _gpu() -> str:
    if not torch.cuda.is_available():
        apple = torch.backends.mps.is_available()
        return "Apple's, which device=mps uses; no answer of it was checked" if apple else "none"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ", ".join(names)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
