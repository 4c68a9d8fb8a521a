"""Where training runs: devices, processes, and what carries tensors between them."""

import logging
import os
import platform
from dataclasses import dataclass
from typing import Any

import torch

from geoloupe.errors import InputError

ACCELERATORS = ("auto", "cpu", "cuda")
PLACES = ("auto", "loaded", "device")


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Where training runs; results depend on it only by rounding."""

    accelerator: str = "auto"
    devices: int | str = "auto"
    nodes: int = 1
    workers: int | None = None  # loading processes; None: none on a CPU, 4 per GPU
    # Where samples are made: loaded by the CPU, or on the device, which then keeps all
    # images. Auto: on a GPU, if it knows how to make them.
    samples: str = "auto"
    compiled: bool = True  # a GPU's steps are compiled, which takes a minute or two at the start

    def __post_init__(self) -> None:
        if self.accelerator not in ACCELERATORS:
            raise InputError.unknown("accelerator", self.accelerator, ACCELERATORS)
        if self.samples not in PLACES:
            raise InputError.unknown("place of samples", self.samples, PLACES)
        if isinstance(self.devices, int) and self.devices < 1:
            raise InputError(f"devices must be 1 or more, or auto, not {self.devices}")
        if self.workers is not None and self.workers < 0:
            raise InputError(f"workers must be 0 or more, not {self.workers}")

    def compiles(self, device: torch.device) -> bool:
        """Return whether what every step repeats is compiled for a device."""
        return self.compiled and device.type == "cuda"


def open_fabric(hardware: Hardware) -> Any:
    """Start the fabric that carries tensors to devices and between processes."""
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise InputError("training needs more packages: pip install 'geoloupe[train]'") from None
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it announces its settings
    if hardware.accelerator == "cuda" and not torch.cuda.is_available():
        raise InputError("accelerator cuda: PyTorch sees no GPU here; see geoloupe doctor")
    devices, nodes = hardware.devices, hardware.nodes
    if "LOCAL_WORLD_SIZE" in os.environ:  # torchrun has started this and its siblings
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    devices = 1 if devices == "auto" else devices
    found = "cuda" if torch.cuda.is_available() else "cpu"  # Fabric would also take Apple's GPUs
    fabric = Fabric(
        accelerator=found if hardware.accelerator == "auto" else hardware.accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy="auto" if (devices, nodes) == (1, 1) else "ddp",
        precision="32-true",  # its mixed precision rounds all inputs, even the truth
    )
    fabric.launch()
    torch.backends.cudnn.benchmark = fabric.device.type == "cuda"  # all batches have one size
    torch.backends.cudnn.allow_tf32 = False  # float32 means float32, not TF32's 10 bits
    return fabric


def loaders(hardware: Hardware, fabric: Any) -> int:
    """Choose how many processes load images."""
    if hardware.workers is not None:
        return hardware.workers
    return 4 if fabric.device.type == "cuda" else 0


def described(fabric: Any) -> str:
    """Return where a model was trained, for its card."""
    if fabric.device.type == "cuda":
        return f"{fabric.world_size} x {torch.cuda.get_device_name(fabric.device)}"
    return f"{torch.get_num_threads()} threads of {platform.machine()}, {fabric.world_size} process"
