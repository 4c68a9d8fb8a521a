"""The half spectrum of a real map, arranged as TSFNet sees it: frequency zero in the middle row."""

from functools import lru_cache

import torch
from torch import Tensor

OFFSET = 1e-8  # added before and after every published transform
SHARPNESS = 3.0  # a band's half width holds this many standard deviations


def to_spectrum(x: Tensor) -> Tensor:
    """(N,C,H,W), H and W even -> complex (N,C,H,W/2+1) with frequency zero in row H/2-1."""
    if x.dtype in (torch.bfloat16, torch.float16):
        x = x.float()  # no transform takes half precision, and a phase would not survive it
    return torch.fft.rfft2(x + OFFSET).roll(x.shape[-2] // 2 - 1, dims=-2)


def from_spectrum(spectrum: Tensor) -> Tensor:
    """Complex (N,C,H,W/2+1) arranged as by `to_spectrum` -> (N,C,H,W), without rescaling."""
    height, width = spectrum.shape[-2], 2 * (spectrum.shape[-1] - 1)
    return torch.fft.irfft2(spectrum.roll(1 - height // 2, dims=-2) + OFFSET, s=(height, width))


def phase(spectrum: Tensor) -> Tensor:
    """Angle of each bin; the four purely real bins get 0 or +pi whatever their rounding noise."""
    angle = spectrum.angle()
    rows = slice(spectrum.shape[-2] // 2 - 1, None, spectrum.shape[-2] // 2)
    columns = slice(None, None, spectrum.shape[-1] - 1)
    angle[..., rows, columns] = torch.pi * (spectrum.real[..., rows, columns] < 0)
    return angle


def frequency_bands(x: Tensor, sizes: list[tuple[int, int]]) -> list[Tensor]:
    """Split a map (N,C,H,W) into bands from low to high, band k at sizes[k] = (h,w)."""
    spectrum = to_spectrum(x)
    height = x.shape[-2]
    bands = []
    for place, (h, w) in enumerate(sizes):
        top = (height - h) // 2
        centre = spectrum[..., top : top + h, : w // 2 + 1]
        mask = band_mask(h, w, first=place == 0, last=place == len(sizes) - 1)
        bands.append(from_spectrum(centre * mask.to(x)))
    return bands


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def band_mask(height: int, width: int, *, first: bool, last: bool) -> Tensor:
    """Weights (h, w/2+1) of the frequencies between the band below (half the size) and this one."""
    mask = torch.ones(height, width // 2 + 1, dtype=torch.float64)
    if not last:
        mask = _gaussian(height, width)
    if not first:
        # The whole Gaussian of the size below is taken out, not what that band has left of it.
        mask[height // 4 : 3 * height // 4, : width // 4 + 1] -= _gaussian(height // 2, width // 2)
    return mask.float()


def _gaussian(height: int, width: int) -> Tensor:
    row = torch.arange(height, dtype=torch.float64) - (height // 2 - 1)
    column = torch.arange(width // 2 + 1, dtype=torch.float64)
    down = (row / (height / 2 / SHARPNESS)) ** 2
    along = (column / (width / 2 / SHARPNESS)) ** 2
    return torch.exp(-(down[:, None] + along[None, :]) / 2)
