"""What a network is made of, as plain rows to print."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any, cast

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from geoloupe import catalog
from geoloupe.networks import build, network_class
from geoloupe.networks.signature import Network


@dataclass(frozen=True)
class Overview:
    """One network of the catalog in its default configuration."""

    name: str
    task: str
    scales: tuple[int, ...]
    parameters: int
    paper: str


@dataclass(frozen=True)
class Setting:
    """One setting of a network: what it is called, its type, and its value."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True)
class LayerSummary:
    """One direct part of a network."""

    name: str
    kind: str
    purpose: str
    parameters: int


def overview() -> list[Overview]:
    """List every network of the catalog."""
    rows = []
    for name in catalog.names("network"):
        facts = network_class(name).REFERENCE
        count = parameter_count(_outline(name, {}))
        rows.append(Overview(name, facts.task, facts.scales, count, facts.paper))
    return rows


def describe(name: str, values: Mapping[str, Any]) -> tuple[list[Setting], list[LayerSummary]]:
    """List the settings of a network, with these values in place of defaults, and its parts."""
    network = _outline(name, values)
    settings = cast("Any", network).settings
    rows = [
        Setting(field.name, _type_name(field.type), getattr(settings, field.name))
        for field in fields(settings)
    ]
    parts = [_part(part_name, part) for part_name, part in network.named_children()]
    return rows, [part for part in parts if part.parameters]


def parameter_count(network: nn.Module) -> int:
    """Count the trainable numbers of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_adds(network: Network, height: int, width: int, bands: int = 3) -> int:
    """Count the multiplications of one LR image (bands,height,width), Fourier transforms left out.

    Convolutions and matrix products are counted, as published tables do; a network for one band at
    a time is asked for all of them.
    """
    signature, scale = network.signature, network.signature.scale
    meta = torch.device("meta")  # shapes without memory or time
    outline = deepcopy(network).to(meta)
    lr = torch.empty(1, signature.bands or bands, height, width, device=meta)
    guide = None
    if signature.guided:
        looks = signature.guide_bands or 1
        guide = torch.empty(1, looks, height * scale, width * scale, device=meta)
    with FlopCounterMode(display=False) as counter:
        outline.eval()(lr, guide)
    return int(counter.get_total_flops()) // 2


def _outline(name: str, values: Mapping[str, Any]) -> nn.Module:
    with torch.device("meta"):  # shapes without memory
        return build(name, **values)


def _part(name: str, part: nn.Module) -> LayerSummary:
    shown, times = part, ""
    if isinstance(part, nn.ModuleList) and len(part):
        shown, times = part[0], f"{len(part)} x "
    own = not type(shown).__module__.startswith("torch.")
    purpose = (type(shown).__doc__ or "").strip().splitlines()[0] if own else ""
    return LayerSummary(name, f"{times}{type(shown).__name__}", purpose, parameter_count(part))


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
