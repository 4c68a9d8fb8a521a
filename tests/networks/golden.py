"""What the published implementations computed, and the weights that they computed it with.

The weights are not stored: they are a pure function of a parameter's name, its shape and a gain.
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from geoloupe.networks import network_class

FOLDER = Path(__file__).parent.parent / "golden"
UCMERCED_MEAN = (0.4916, 0.4991, 0.4565)
CONFIG_KEYS = {"scale": "scale", "overlap": "n_ovls", "mean": "rgb_mean"}  # ours -> theirs


@dataclass(frozen=True)
class Golden:
    """One case: a published network's configuration, parameters, inputs and outputs."""

    network: str
    config: dict[str, Any]
    gain: float
    shapes: dict[str, list[int]]
    parameter_count: int
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def published_state(self) -> dict[str, Tensor]:
        """Make what a checkpoint of the published network would hold."""
        state = {name: weight(name, shape, self.gain) for name, shape in self.shapes.items()}
        if "sub_mean.weight" in state:
            return state | mean_layers(UCMERCED_MEAN)
        if self.network == "vdsr":
            return state | fresh_statistics(state)
        return state

    def given(self) -> dict[str, Any]:
        """Answer what the weights do not tell."""
        asked = {key: CONFIG_KEYS[key] for key in network_class(self.network).ASK}
        answers = {key: self.config.get(theirs, 0.0) for key, theirs in asked.items()}
        return {key: tuple(a) if isinstance(a, list) else a for key, a in answers.items()}


def cases() -> list[str]:
    """List the network cases: <model>-<case>."""
    return sorted(path.stem for path in FOLDER.glob("*-*.safetensors") if "config" in facts(path))


def read(case: str) -> Golden:
    """Read one case."""
    path = FOLDER / f"{case}.safetensors"
    told = facts(path)
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    return Golden(
        network=told["model"],
        config=json.loads(told["config"]),
        gain=float(told["gain"]),
        shapes=json.loads(told["parameters"]),
        parameter_count=int(told["parameter_count"]),
        inputs=_part(tensors, "in."),
        outputs=_part(tensors, "out."),
    )


def facts(path: Path) -> dict[str, str]:
    """Read what a golden file says about itself."""
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def weight(name: str, shape: list[int], gain: float) -> Tensor:
    """Make the weights that the published implementation was given under this name."""
    seed = zlib.crc32(name.encode())
    noise = np.random.RandomState(seed).standard_normal(shape).astype(np.float32)
    last = name.rpartition(".")[2]
    if last == "weight_g":
        values = gain * (1 + 0.1 * noise)
    elif last == "bias":
        values = 0.1 * noise
    elif last == "relative_position_bias_table":
        values = 0.5 * noise
    elif last in ("weight", "weight_v") and len(shape) >= 2:
        values = gain * noise / np.sqrt(np.prod(shape[1:]))
    else:
        values = 1 + 0.1 * noise
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def mean_layers(mean: tuple[float, ...]) -> dict[str, Tensor]:
    """Make the constant layers that take a mean away and put it back."""
    identity = torch.eye(len(mean)).view(len(mean), len(mean), 1, 1)
    return {
        "sub_mean.weight": identity,
        "sub_mean.bias": -torch.tensor(mean),
        "add_mean.weight": identity.clone(),
        "add_mean.bias": torch.tensor(mean),
    }


def fresh_statistics(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make the statistics of batch norms that have seen nothing; their weights have one axis."""
    norms = [name for name, tensor in state.items() if name.endswith(".weight") and tensor.ndim < 2]
    statistics = {}
    for name in norms:
        layer, count = name.removesuffix(".weight"), len(state[name])
        statistics[f"{layer}.running_mean"] = torch.zeros(count)
        statistics[f"{layer}.running_var"] = torch.ones(count)
        statistics[f"{layer}.num_batches_tracked"] = torch.tensor(0)
    return statistics


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
