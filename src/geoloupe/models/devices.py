"""Where models run, by PyTorch's names: one device, or several with a process each."""

import torch

from geoloupe.errors import InputError


def device_of(name: str) -> torch.device:
    """Find a device by its PyTorch name; "auto" is a GPU if there is one.

    Of several, as in "cuda:0,1", it is the first.
    """
    if name == "auto":
        return torch.device(_best())
    first = devices_of(name)[0]
    try:
        return torch.empty(0, device=first).device
    except (RuntimeError, AssertionError):
        raise InputError(f"there is no device {first!r} here; try cpu, cuda or auto") from None


def devices_of(name: str) -> list[str]:
    """List the devices of a name: "cuda:0,1" is cuda:0 and cuda:1."""
    kind, found = "", []
    for word in name.split(","):
        place = word.strip()
        if place.isdecimal() and kind:
            place = f"{kind}:{place}"
        if not place:
            raise InputError(f"device={name}: name devices as in cuda:0,1")
        kind = place.partition(":")[0]
        found.append(place)
    return found


def _best() -> str:
    """Name the best device of this machine; Apple's GPUs (mps) wait to be asked for.

    Nobody has compared what they compute with the known answers.
    """
    if torch.cuda.is_available():
        return "cuda"
    return "xpu" if torch.xpu.is_available() else "cpu"
