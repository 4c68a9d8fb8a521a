"""What the processor of this machine does quickly."""

from functools import cache


@cache
def multiplies_bf16() -> bool:
    """Return whether the processor multiplies numbers of 16 bits (bf16) itself.

    Others emulate it, which takes longer than single precision. An Arm processor may have it too,
    but no gain was measured on one.
    """
    import torch

    asked = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # of PyTorch, by version
    return any(getattr(torch.cpu, name, bool)() for name in asked)
