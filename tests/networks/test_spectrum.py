"""Spectra and their bands agree with the published masks, written here the slow and plain way."""

import pytest
import torch
from torch import Tensor

from geoloupe.networks import spectrum
from geoloupe.networks.tsfnet import TSFNet, TSFNetSettings


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def largest(difference: Tensor) -> float:
    return float(difference.detach().abs().max())


def textbook_spectrum(x: Tensor) -> Tensor:
    """Put frequency zero in row h/2 - 1: rows h/2 + 1 and on come first, then 0 to h/2."""
    half = x.shape[-2] // 2
    whole = torch.fft.rfft2(x + 1e-8)
    return torch.cat([whole[..., half + 1 :, :], whole[..., : half + 1, :]], dim=-2)


def textbook_gaussian(height: int, width: int) -> Tensor:
    mask = torch.empty(height, width // 2 + 1, dtype=torch.float64)
    for i in range(height):
        j = torch.arange(width // 2 + 1, dtype=torch.float64)
        down = (i - (height / 2 - 1)) ** 2 / (2 * (height / 2 / 3) ** 2)
        mask[i] = torch.exp(-(down + j**2 / (2 * (width / 2 / 3) ** 2)))
    return mask


def textbook_masks(height: int, width: int) -> list[Tensor]:
    """Write the four masks of a map, from an eighth of its size to its own."""
    masks = []
    for part in (8, 4, 2, 1):
        h, w = height // part, width // part
        mask = torch.ones(h, w // 2 + 1).double() if part == 1 else textbook_gaussian(h, w)
        if part != 8:
            mask[h // 4 : 3 * h // 4, : w // 4 + 1] -= textbook_gaussian(h // 2, w // 2)
        masks.append(mask)
    return masks


def textbook_bands(x: Tensor) -> list[Tensor]:
    spectra, (height, width) = textbook_spectrum(x), x.shape[-2:]
    bands = []
    for mask in textbook_masks(height, width):
        h, w = mask.shape[0], 2 * (mask.shape[1] - 1)
        centre = spectra[..., height // 2 - h // 2 : height // 2 + h // 2, : w // 2 + 1] * mask
        zero = h // 2 - 1
        back = torch.cat([centre[..., zero:, :], centre[..., :zero, :]], dim=-2)
        bands.append(torch.fft.irfft2(back + 1e-8, s=(h, w)))
    return bands


SIZES = [(256, 256), (16, 16), (64, 16), (48, 80)]


def eighths(height: int, width: int) -> list[tuple[int, int]]:
    return [(height // part, width // part) for part in (8, 4, 2, 1)]


@pytest.mark.parametrize("size", SIZES)
def test_frequency_bands_follow_the_published_masks(size: tuple[int, int]) -> None:
    x = noise(1, 2, *size)
    found = spectrum.frequency_bands(x, eighths(*size))
    for band, expected, side in zip(found, textbook_bands(x), eighths(*size), strict=True):
        assert band.shape[-2:] == side
        assert largest(band - expected) <= 1e-5 * largest(expected)  # masks are float32


@pytest.mark.parametrize("size", SIZES)
def test_masks_of_adjoining_bands_make_up_the_whole(size: tuple[int, int]) -> None:
    """Only the Gaussian of the size below is missing from a band, so its centre vanishes."""
    for place, (h, w) in enumerate(eighths(*size)):
        mask = spectrum.band_mask(h, w, first=place == 0, last=place == 3)
        assert mask.dtype == torch.float32
        assert largest(mask - textbook_masks(*size)[place]) <= 1e-6
        assert mask[h // 2 - 1, 0] == (1.0 if place == 0 else 0.0)


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (16, 10)])
def test_the_spectrum_is_the_textbook_one_and_can_be_undone(size: tuple[int, int]) -> None:
    x = noise(2, 3, *size)
    assert largest(spectrum.to_spectrum(x) - textbook_spectrum(x)) == 0
    assert largest(spectrum.from_spectrum(spectrum.to_spectrum(x)) - x) <= 1e-6  # the offsets


@pytest.mark.parametrize("size", [(2, 2), (4, 6), (8, 2), (16, 10)])
@pytest.mark.parametrize("sign", [1, -1])
def test_real_bins_have_a_phase_of_zero_or_plus_pi(size: tuple[int, int], sign: int) -> None:
    """Whatever sign rounding gave to their imaginary parts."""
    half, last = size[0] // 2, size[1] // 2
    whole = torch.full((1, 1, size[0], last + 1), sign * 2.0, dtype=torch.complex128)
    angle = spectrum.phase(whole - 1e-17j)
    for row in (half - 1, size[0] - 1):  # frequencies 0 and h/2
        for column in (0, last):
            expected = 0.0 if sign > 0 else torch.pi
            assert angle[0, 0, row, column].item() == pytest.approx(expected, abs=1e-6)


def test_other_bins_keep_their_angle() -> None:
    whole = spectrum.to_spectrum(noise(1, 2, 8, 6))
    difference = (spectrum.phase(whole) - whole.angle()).abs()
    real = torch.zeros(8, 4, dtype=torch.bool)
    real[[3, 3, 7, 7], [0, 3, 0, 3]] = True
    assert difference[..., ~real].eq(0).all()


def test_a_network_may_see_sizes_in_any_order() -> None:
    network = tsfnet()
    squares = [noise(1, 3, 16, 16).float(), noise(1, 3, 8, 8).float(), noise(1, 3, 4, 12).float()]
    first = [network(x) for x in squares]
    again = [network(x) for x in reversed(squares)]
    assert all(map(torch.equal, first, reversed(again)))
    assert [x.shape[-2:] for x in first] == [(256, 256), (128, 128), (64, 192)]


def tsfnet() -> TSFNet:
    torch.manual_seed(0)
    network = TSFNet(TSFNetSettings(scale=16, features=8)).eval()
    return network.requires_grad_(requires_grad=False)
