"""Faster forms of blocks, for inference only; each gives what the plain block gives.

The table says which function rewrites a block of a class. A function takes the plain module, whose
parts are rewritten already, and returns what stands in its place; it may change what it is given,
since it is always given a copy.
"""

from collections.abc import Callable
from importlib import import_module

from torch import nn

Rewrite = Callable[[nn.Module], nn.Module]

_HERE, _NETWORKS = "geoloupe.networks.acceleration.rewrites", "geoloupe.networks"
TABLE = {
    f"{_NETWORKS}.baselines.edsr:EDSR": f"{_HERE}.tail:merge_tail",
    f"{_NETWORKS}.baselines.rcan:RCAN": f"{_HERE}.tail:merge_tail",
    f"{_NETWORKS}.baselines.swinir:SwinIR": f"{_HERE}.tail:merge_tail",
    f"{_NETWORKS}.baselines.ttst:TTST": f"{_HERE}.tail:merge_tail",
    f"{_NETWORKS}.baselines.vdsr:NormedLayer": f"{_HERE}.vdsr:fold_norm",
    f"{_NETWORKS}.convformersr:ConvFormerSR": f"{_HERE}.tail:merge_tail",
    f"{_NETWORKS}.convformersr:EnhancedAttentionBlock": f"{_HERE}.convformersr:FusedBlock",
    f"{_NETWORKS}.convformersr:ResidualBlock": f"{_HERE}.convformersr:FoldedResidual",
    f"{_NETWORKS}.hsenet:BasicModule": f"{_HERE}.hsenet:LeanBasicModule",
    f"{_NETWORKS}.hsenet:HSENet": f"{_HERE}.tail:merge_tail",
    f"{_NETWORKS}.hsenet:NonLocal": f"{_HERE}.hsenet:BlockedNonLocal",
    f"{_NETWORKS}.hsenet:SingleScale": f"{_HERE}.hsenet:LeanSingleScale",
    f"{_NETWORKS}.loupe:Differences": f"{_HERE}.loupe:FixedDifferences",
    f"{_NETWORKS}.loupe:GrownConv": f"{_NETWORKS}.loupe:collapse",
    f"{_NETWORKS}.loupe:Loupe": f"{_HERE}.loupe:merge_factors",
    f"{_NETWORKS}.loupe:LoupeBlock": f"{_HERE}.loupe:LeanBlock",
    f"{_NETWORKS}.mulsr:CrossFusion": f"{_HERE}.mulsr:FlatFusion",
    f"{_NETWORKS}.mulsr:MulSR": f"{_HERE}.mulsr:merge_last",
    f"{_NETWORKS}.mulsr:Unit": f"{_HERE}.mulsr:LeanUnit",
    f"{_NETWORKS}.sspsr:SpatialSpectralBlock": f"{_HERE}.sspsr:FusedBlock",
    f"{_NETWORKS}.sspsr:Unit": f"{_HERE}.tail:merge_tail",
    f"{_NETWORKS}.tsfnet:ChannelAttention": f"{_HERE}.tsfnet:GramAttention",
    f"{_NETWORKS}.tsfnet:CrossFuse": f"{_HERE}.tsfnet:LeanCrossFuse",
    f"{_NETWORKS}.tsfnet:FrequencyBlock": f"{_HERE}.tsfnet:PlanarFrequencyBlock",
    f"{_NETWORKS}.tsfnet:SpatialBlock": f"{_HERE}.tsfnet:LeanSpatialBlock",
    f"{_NETWORKS}.tsfnet:Stage": f"{_HERE}.tsfnet:merge_down",
    f"{_NETWORKS}.windows:WindowAttention": f"{_HERE}.windows:IndexedWindows",
}


def rewrite(module: nn.Module) -> nn.Module:
    """Rewrite a module from its parts upward and return what stands in its place."""
    for name, part in list(module.named_children()):
        setattr(module, name, rewrite(part))
    kind = type(module)
    target = TABLE.get(f"{kind.__module__}:{kind.__qualname__}")
    if target is not None:
        place, _, attribute = target.partition(":")
        replacement: Rewrite = getattr(import_module(place), attribute)
        return replacement(module)
    return module
