"""How many bits a model computes in: 16 where that is faster and proven to cost nothing."""

from typing import Literal

import torch

from geoloupe.models.card import Card
from geoloupe.networks.acceleration.accelerate import Engine, Precision
from geoloupe.system.processor import multiplies_bf16

PrecisionChoice = Literal["auto", "fp32", "bf16"]
MAX_LOSS = 0.01  # dB of PSNR that may be lost on average
MIN_GAIN = 1.05  # least speed-up: some networks spend their time elsewhere


def chosen_precision(
    choice: PrecisionChoice, card: Card, device: torch.device, engine: Engine = "torch"
) -> Precision:
    """Resolve a choice of precision; "auto" is bf16 if the device and the card allow it."""
    if choice != "auto":
        return choice
    found = card.bf16
    pays = found is not None and found.loss <= MAX_LOSS and found.quicker >= MIN_GAIN
    return "bf16" if pays and engine != "onnxruntime" and _is_quick_on(device) else "fp32"


def _is_quick_on(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and multiplies_bf16()
