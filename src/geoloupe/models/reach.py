"""How far a network looks, measured: what its tiles have to overlap."""

import torch

from geoloupe.errors import InputError
from geoloupe.networks.signature import Network

STEP, MOST = 8, 64  # LR pixels; windows of attention are whole steps
FAINT = 500  # a change smaller than the largest one by this is not seen in a result
_SIDE, _AT = 144, 64  # of the image, and the pixel that changes, in LR pixels


def measured_margin(network: Network) -> int:
    """Measure the margin in LR pixels, in whole steps, of a network in evaluation mode."""
    reach = measured_reach(network)
    return min(MOST, max(STEP, -(-reach // STEP) * STEP))


def measured_reach(network: Network) -> int:
    """Return how many LR pixels away a changed pixel changes the answer visibly."""
    bands, scale = network.signature.bands or 1, network.signature.scale
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, bands, _SIDE, _SIDE, generator=generator)
    other = image.clone()
    other[..., _AT, _AT] = (other[..., _AT, _AT] + 0.5) % 1
    with torch.inference_mode():
        change = (network(other) - network(image)).abs().amax((0, 1))
    largest = float(change.max())
    if not largest > 0:  # written so that NaN fails
        raise InputError("its answer does not depend on the image")
    places = (change > largest / FAINT).nonzero().div(scale, rounding_mode="floor")
    return int((places - _AT).abs().max())
