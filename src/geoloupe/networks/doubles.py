"""Double precision on devices that have none: Apple's GPUs (mps)."""

from torch import Tensor

HAVE = ("cpu", "cuda", "meta")


def doubled(x: Tensor) -> Tensor:
    """Return a tensor in double precision, on its device, or on the processor if that has none."""
    return x.double() if x.device.type in HAVE else x.cpu().double()
