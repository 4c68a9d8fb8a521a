"""TSFNet's blocks in the layout that each of their steps is quick in.

Convolutions and products run on channels-last maps, transforms on contiguous planes (ten times as
fast there), and complex numbers are handled as their two real parts.
"""

import torch
from torch import Tensor, nn

from geoloupe.networks.spectrum import OFFSET
from geoloupe.networks.tsfnet import (
    HEADS,
    ChannelAttention,
    CrossFuse,
    FrequencyBlock,
    SpatialBlock,
    Stage,
)

SMALLEST_NORM = 1e-12  # as in torch.nn.functional.normalize


class GramAttention(nn.Module):
    """`ChannelAttention` from one Gram matrix of all channels (N,F,H,W).

    The scores are products of neighbours in that matrix, so q and k are read once, and the weights
    go into the output projection before it meets the pixels.
    """

    def __init__(self, plain: ChannelAttention) -> None:
        super().__init__()
        self.norm, self.local, self.temperature = plain.norm, plain.local, plain.temperature
        self.qkv = plain.qkv
        self.out = nn.Parameter(plain.out.weight.detach().flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        features = x.shape[1]
        tokens = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        qkv = self.local(self.qkv(tokens)).permute(0, 2, 3, 1)  # (N,H,W,3F), contiguous
        queries, keys, values = qkv.flatten(1, 2).split(features, dim=-1)
        per_head = features // HEADS
        scores = (queries.mT @ keys).unflatten(1, (HEADS, per_head)).unflatten(3, (HEADS, per_head))
        scores = scores.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2)  # (N,HEADS,C,C)
        q_norm = _norms(queries).view(-1, HEADS, per_head, 1)
        k_norm = _norms(keys).view(-1, HEADS, 1, per_head)
        weights = (scores / (q_norm * k_norm) * self.temperature).softmax(-1)
        heads = self.out.view(features, HEADS, per_head).transpose(0, 1)  # (HEADS,F,C)
        mix = (heads @ weights).permute(0, 1, 3, 2).flatten(1, 2)  # (N,HEADS*C,F)
        return (values @ mix).view(*qkv.shape[:3], features).permute(0, 3, 1, 2)


def _norms(tokens: Tensor) -> Tensor:
    # vector_norm down the rows of a matrix takes twenty times as long as this.
    return tokens.square().sum(1).sqrt().clamp_min(SMALLEST_NORM)


class LeanCrossFuse(nn.Module):
    """`CrossFuse` that never joins its two maps: their summaries can be joined instead."""

    def __init__(self, plain: CrossFuse) -> None:
        super().__init__()
        self.conv, self.attention = plain.conv, plain.attention
        self.of_this, self.of_first = plain.of_this, plain.of_first
        self.gates, self.out = plain.gates, plain.out

    def forward(self, d: Tensor, first: Tensor) -> Tensor:
        d = self.conv(d)
        d = self.attention(d).add_(d)
        f, s = self.of_this(d), self.of_first(first)
        mean = (f.mean(1, keepdim=True) + s.mean(1, keepdim=True)) / 2
        peak = torch.maximum(f.amax(1, keepdim=True), s.amax(1, keepdim=True))
        g0, g1 = torch.sigmoid(self.gates(torch.cat([mean, peak], dim=1))).chunk(2, dim=1)
        return self.out((f * g0).addcmul_(s, g1))


class LeanSpatialBlock(nn.Module):
    """`SpatialBlock` that writes over its own intermediate maps (N,C,H,W)."""

    def __init__(self, plain: SpatialBlock) -> None:
        super().__init__()
        self.inner, self.tail, self.act = plain.inner, plain.tail, plain.act
        self.skip = float(plain.skip.scale)

    def forward(self, x: Tensor) -> Tensor:
        deep = x
        for first, second in zip(self.inner[::2], self.inner[1::2], strict=True):
            deep = second(first(deep).relu_()).add_(deep).relu_()
        return self.act(self.tail(deep)).add_(x, alpha=self.skip)


class PlanarFrequencyBlock(nn.Module):
    """`FrequencyBlock` with transforms on planes and real arithmetic (N,C,H,W)."""

    def __init__(self, plain: FrequencyBlock) -> None:
        super().__init__()
        self.filter, self.tail = plain.filter, plain.tail
        self.skip = float(plain.skip.scale)

    def forward(self, x: Tensor) -> Tensor:
        planes = _to_planes(x.float())  # no transform takes bfloat16
        height = planes.shape[-2]
        spectrum = torch.fft.rfft2(planes + OFFSET).roll(height // 2 - 1, dims=-2)
        a, p = self.guided(_to_pixels(spectrum.real), _to_pixels(spectrum.imag))
        a, p = a.float(), p.float()  # complex numbers have no bfloat16 either
        real, imaginary = _to_planes(a * p.cos()), _to_planes(p.sin().mul_(a))
        spectrum = torch.complex(real, imaginary).roll(1 - height // 2, dims=-2).add_(OFFSET)
        found = torch.fft.irfft2(spectrum, s=planes.shape[-2:]).abs_().add_(planes).relu_()
        return self.tail(_to_pixels(found)).add_(x, alpha=self.skip)

    def guided(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        """Filter the amplitude and the phase of a spectrum (N,C,H,W/2+1), zero in row H/2-1."""
        part = self.filter
        amplitude = (real * real).addcmul_(imaginary, imaginary).sqrt_()
        phase = torch.atan2(imaginary, real)
        rows = slice(phase.shape[-2] // 2 - 1, None, phase.shape[-2] // 2)
        columns = slice(None, None, phase.shape[-1] - 1)
        phase[..., rows, columns] = torch.pi * (real[..., rows, columns] < 0)
        a = part.amplitude_mix(part.amplitude_look(amplitude).relu_()).relu_()
        a = part.amplitude_gate(a)
        p = part.phase_look(torch.cat([phase, a - amplitude], dim=1)).relu_()
        p = part.phase_gate(torch.sigmoid(part.phase_mix(p)))
        return a, p.mul_(2 * torch.pi).sub_(torch.pi)


def _to_planes(x: Tensor) -> Tensor:
    """Make every channel a plane of its own."""
    # A copy that gathers and transposes at once takes ten times as long as one after the other.
    return x.contiguous(memory_format=torch.channels_last).contiguous()


def _to_pixels(x: Tensor) -> Tensor:
    """Make the channels of every pixel neighbours."""
    return x.contiguous().contiguous(memory_format=torch.channels_last)


def merge_down(stage: nn.Module) -> nn.Module:
    """Make each step down (convolution, pixel unshuffle, 1 x 1) one 4 x 4 convolution, stride 2.

    Nothing non-linear stands between them, and the second only looks at what the first computed
    inside the image, so borders need no care.
    """
    assert isinstance(stage, Stage)
    stage.down = nn.ModuleList(_merged_down(step) for step in stage.down)
    return stage


def _merged_down(step: nn.Module) -> nn.Conv2d:
    assert isinstance(step, nn.Sequential)
    first, unshuffle, mix = step
    assert isinstance(first, nn.Conv2d)
    assert isinstance(unshuffle, nn.PixelUnshuffle)
    assert isinstance(mix, nn.Conv2d)
    assert unshuffle.downscale_factor == 2
    features = mix.out_channels
    merged = nn.Conv2d(first.in_channels, features, 4, stride=2, padding=1, bias=False)
    inner = mix.weight.detach().double().view(features, first.out_channels, 2, 2)
    kernel = torch.zeros(merged.weight.shape, dtype=torch.float64)
    for i in range(2):
        for j in range(2):
            tap = torch.einsum("om,mchw->ochw", inner[:, :, i, j], first.weight.detach().double())
            kernel[:, :, i : i + 3, j : j + 3] += tap
    merged.weight = nn.Parameter(kernel.to(first.weight), requires_grad=False)
    return merged
