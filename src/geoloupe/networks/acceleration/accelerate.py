"""One place that makes a trained network fast; the networks' own files stay plain."""

from copy import deepcopy
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from geoloupe.networks.acceleration.engines import ENGINES, Run
from geoloupe.networks.acceleration.precision import keep_ends_exact
from geoloupe.networks.acceleration.rewrites import rewrite
from geoloupe.networks.acceleration.rewrites.pointwise import replace_pointwise
from geoloupe.networks.signature import Adapter, Network

Precision = Literal["fp32", "bf16"]
Engine = Literal["torch", "compile", "openvino", "onnxruntime"]


class FastNetwork(nn.Module):
    """A network ready to run: the same answers from the same weights, but for rounding."""

    def __init__(self, network: Network, run: Run) -> None:
        super().__init__()
        self.settings, self.signature = network.settings, network.signature
        self.run = run

    @torch.inference_mode()
    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the stages of the network it was made from."""
        layout = torch.channels_last
        lr = lr.contiguous(memory_format=layout)
        guide = guide if guide is None else guide.contiguous(memory_format=layout)
        return self.run(lr, guide)

    def forward(self, lr: Tensor, guide: Tensor | None = None) -> Tensor:
        """Return the last stage."""
        return self.stages(lr, guide)[-1]


def accelerate(
    network: Network, *, precision: Precision = "fp32", engine: Engine = "torch"
) -> FastNetwork:
    """Copy a network and make the copy fast: weights folded, blocks rewritten, channels last.

    An engine other than torch is compared with torch on the first image of each size.
    """
    # Softmax leaves numbers below 1e-38 behind, on which a processor is a hundred times slower;
    # from here on this thread takes them for zero.
    torch.set_flush_denormal(True)
    # Rewriting computes new weights, which is done on the processor wherever they are to be used.
    device = weights_device(network)
    if isinstance(network, Adapter):  # its parts belong to another package, which may look at them
        copy = deepcopy(network).eval().requires_grad_(False)
        return FastNetwork(network, ENGINES[engine](lambda: copy, copy, precision))
    ready = rewrite(plain_copy(network).cpu())
    replace_pointwise(ready)
    ready = ready.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if precision == "bf16":
        keep_ends_exact(ready)
    return FastNetwork(network, ENGINES[engine](lambda: plain_copy(network), ready, precision))


def weights_device(module: nn.Module) -> torch.device:
    """Return where a module's weights are; the processor if it has none."""
    weights = chain(module.parameters(), module.buffers())
    return next((weight.device for weight in weights), torch.device("cpu"))


def plain_copy(network: nn.Module) -> nn.Module:
    """Copy a network for evaluation, weight normalisation folded into plain convolutions."""
    copy = deepcopy(network).eval().requires_grad_(False)
    fold_weight_norm(copy)
    return copy


def fold_weight_norm(module: nn.Module) -> None:
    """Replace every weight-normalised convolution inside a module by a plain one."""
    for name, part in list(module.named_children()):
        if parametrize.is_parametrized(part):
            setattr(module, name, _plain(part))
        else:
            fold_weight_norm(part)


def _plain(layer: nn.Module) -> nn.Module:
    # Not remove_parametrizations: a copied module shares its class with the one it was copied from,
    # and taking the property off that class would break the original.
    assert isinstance(layer, nn.Conv2d | nn.Conv3d)
    kind = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.Conv3d
    plain = kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
    )
    plain.weight = nn.Parameter(layer.weight.detach(), requires_grad=False)
    plain.bias = layer.bias
    return plain
