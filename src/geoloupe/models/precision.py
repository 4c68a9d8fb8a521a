"""In how many bits a model computes: in 16 where that is quicker, and proven to cost nothing."""

from typing import Literal

import torch

from geoloupe.models.card import Card
from geoloupe.networks.acceleration.accelerate import Engine, Precision
from geoloupe.system.processor import multiplies_bf16

PrecisionChoice = Literal["auto", "fp32", "bf16"]
MAX_LOSS = 0.01  # dB of PSNR that may be lost on the mean


def chosen_precision(
    choice: PrecisionChoice, card: Card, device: torch.device, engine: Engine = "torch"
) -> Precision:
    """Return the precision of a choice; "auto" is bf16 if the device and the card allow it."""
    if choice != "auto":
        return choice
    proven = card.bf16 is not None and card.bf16.loss <= MAX_LOSS
    return "bf16" if proven and engine != "onnxruntime" and _is_quick_on(device) else "fp32"


def _is_quick_on(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and multiplies_bf16()
