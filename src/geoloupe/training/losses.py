"""Training losses: differences of images (N,C,H,W), each term with its weight."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any, Self

import torch
from torch import Tensor, nn

from geoloupe.networks.signature import Network
from geoloupe.training.perceptual import PerceptualDistance

_MIN_VARIATION = 1e-4  # unit values; a band that varies less counts as if it varied this much
_SMOOTH = 1e-3  # unit values within which a Charbonnier difference is nearly a square
_EQUAL = 1e-7  # mean squared error of practically equal images: 70 dB
_MIN_RATIO_BASE = 0.02  # unit value below which a band ratio says more about noise than ground


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """The weight of each term; the sum over all stages of a network is minimised.

    `spectral_ratio` compares normalised ratios (a-b)/(a+b) of `pairs` of bands (from 1), such as
    red and near infrared for NDVI. The formula of ConvFormerSR's paper is not public; this is ours.
    """

    l1: float = 1.0
    charbonnier: float = 0.0  # L1 that is smooth at zero
    fourier: float = 0.0  # L1 of the Fourier transforms: the frequencies, which blur mixes
    perceptual: float = 0.0  # distance of the features of the network `looks`
    adversarial: float = 0.0  # how surely a discriminator tells the answer from the truth
    score: float = 0.0  # -10 log10 of each image's mean squared error: minus its PSNR in dB
    spectral_ratio: float = 0.0
    spatial_tv: float = 0.0
    spectral_tv: float = 0.0
    pairs: tuple[tuple[int, int], ...] = ()  # none: all pairs of up to four bands
    balanced: bool = False  # weight every band's difference by how much the band varies
    looks: str = "loupe-x2"  # a shipped model or a folder of weights, for `perceptual`

    def __post_init__(self) -> None:
        weights = [getattr(self, name) for name in _TERMS]
        if min(weights) < 0 or not sum(weights):
            raise ValueError("weights must be 0 or more, and one of them above 0")
        if any(min(pair) < 1 or pair[0] == pair[1] for pair in self.pairs):
            raise ValueError("pairs are of two bands, counted from 1")

    @classmethod
    def terms(cls) -> Iterator[str]:
        """List the names of the weights."""
        yield from (field.name for field in fields(cls) if field.type is float)


_TERMS = tuple(LossSettings.terms())


class Objective(nn.Module):
    """A network with its loss: what one training step calls as a whole, on any device."""

    def __init__(self, network: Network, settings: LossSettings, *, some: bool = False) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.last_settings = settings
        self.some = some
        self.distance: PerceptualDistance | None = None  # of the perceptual term
        self.mixed = False  # whether the network computes in bf16; images and loss never do
        # What is worth compiling: loss terms come and go, and spectra do not compile.
        self.answer: Callable[..., tuple[Tensor, ...]] = self.stages

    def forward(
        self,
        lr: Tensor,
        hr: Tensor,
        guide: Tensor | None = None,
        mtf: Tensor | None = None,
        *,
        late: bool = False,
        answers: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the loss of a batch; `late` in training by the final loss, if that differs.

        With `answers`, return the network's answer (N,C,H,W), too.
        """
        settings = self.last_settings if late else self.settings
        with torch.autocast(lr.device.type, torch.bfloat16, enabled=self.mixed):
            stages = self.answer(lr, guide, mtf)
        stages = tuple(stage.float() for stage in stages)
        loss = torch.stack([self.loss(stage, hr, settings) for stage in stages]).sum()
        return (loss, stages[-1]) if answers else loss

    def stages(self, lr: Tensor, guide: Tensor | None, mtf: Tensor | None) -> tuple[Tensor, ...]:
        """Return the network's answer; with `some`, LR images hold bands with neighbours."""
        network: Any = self.network
        if self.some:
            return (network.triplets(lr, guide),)
        return network.stages(lr, guide) if mtf is None else network.stages(lr, guide, mtf)

    def loss(self, sr: Tensor, hr: Tensor, settings: LossSettings | None = None) -> Tensor:
        """Compare one stage with its truth, with other settings if given."""
        settings = settings or self.settings
        difference = (sr - hr).abs()
        if settings.balanced:
            difference = difference * band_weights(hr)
        total = settings.l1 * difference.mean()
        if settings.charbonnier:
            total = total + settings.charbonnier * charbonnier(difference)
        if settings.fourier:
            total = total + settings.fourier * fourier_difference(sr, hr)
        if settings.score:
            total = total + settings.score * negative_score(sr, hr)
        if settings.perceptual and self.distance is not None:
            total = total + settings.perceptual * self.distance(sr, hr)
        if settings.spectral_ratio:
            total = total + settings.spectral_ratio * ratio_difference(sr, hr, settings.pairs)
        if settings.spatial_tv:
            total = total + settings.spatial_tv * spatial_variation(sr)
        if settings.spectral_tv:
            total = total + settings.spectral_tv * spectral_variation(sr)
        return total

    @classmethod
    def of(cls, network: Network, settings: LossSettings, bands: int | None) -> Self:
        """Join a network and its loss; most networks cannot learn some of the bands."""
        if bands is not None and not hasattr(network, "triplets"):
            title = network.REFERENCE.title
            raise ValueError(f"{title} learns all bands at once; leave out bands_at_once")
        count = network.signature.bands
        if count is not None and any(max(pair) > count for pair in settings.pairs):
            raise ValueError(f"loss.pairs name a band beyond the {count} of the network")
        return cls(network, settings, some=bands is not None)


def charbonnier(difference: Tensor) -> Tensor:
    """Return the mean of differences, those near zero counting as their squares do."""
    return (difference.square() + _SMOOTH**2).sqrt().mean()


def fourier_difference(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean absolute difference of real and imaginary parts of the images' spectra."""
    spectra = [torch.fft.rfft2(image, norm="ortho") for image in (sr, hr)]
    return torch.view_as_real(spectra[0] - spectra[1]).abs().mean()


def negative_score(sr: Tensor, hr: Tensor) -> Tensor:
    """Return the mean over images of 10 log10 of their mean squared error, which is minus PSNR."""
    errors = (sr - hr).square().mean((1, 2, 3)).clamp(min=_EQUAL)
    return 10 * errors.log10().mean()


def band_weights(hr: Tensor) -> Tensor:
    """Return a weight for each band (B,1,1): the inverse of its deviation, 1 for the most varied.

    A cube's bands differ a hundredfold in brightness. Unweighted, the dark ones are not learned,
    and protocols that average band scores punish that.
    """
    deviation = hr.std((0, 2, 3)).clamp(min=_MIN_VARIATION)[:, None, None]
    return deviation.max() / deviation


def ratio_difference(sr: Tensor, hr: Tensor, pairs: tuple[tuple[int, int], ...]) -> Tensor:
    """Return the mean absolute difference of normalised band ratios, dark pixels counting less."""
    one, other = zip(*(pairs or _all_pairs(sr.shape[1])), strict=True)
    a, b = (torch.tensor(side, device=sr.device) - 1 for side in (one, other))
    ratios = [
        (image[:, a] - image[:, b]) / (image[:, a] + image[:, b]).clamp(min=_MIN_RATIO_BASE)
        for image in (sr, hr)
    ]
    return (ratios[0] - ratios[1]).abs().mean()


def spatial_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels, down plus across."""
    down = (image[:, :, 1:] - image[:, :, :-1]).square().mean()
    across = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().mean()
    return down + across


def spectral_variation(image: Tensor) -> Tensor:
    """Return twice the mean squared difference of neighbouring bands."""
    return 2 * (image[:, 1:] - image[:, :-1]).square().mean()


def _all_pairs(count: int) -> list[tuple[int, int]]:
    if count < 2:
        raise ValueError("a spectral ratio needs two bands")
    return list(combinations(range(1, min(count, 4) + 1), 2))
