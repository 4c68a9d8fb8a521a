"""TSFNet in NCHW: explicit norms and attention, NaN looked for around every Fourier transform."""

from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from geoloupe.networks.spectrum import band_mask

OFFSET = 1e-8


def forward(network: Any, lr: Tensor, guide: Tensor | None = None) -> Tensor:
    """(N,bands,H,W), sides a multiple of 16 at the target size -> (N,bands,H*scale,W*scale)."""
    x = F.interpolate(lr, scale_factor=network.settings.scale, mode="nearest")
    image, maps = stage(network.first, x, None)
    return stage(network.second, image, with_bands(maps))[0]


def stage(module: Any, x: Tensor, first: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
    """Return the image (N,bands,H,W) and the decoder maps from H/8 to H."""
    enter = [None] * 4 if first is None else first[::-1]
    skips = [encoder_fuse(module.encoder_fuse[0], module.head(x), enter[0])]
    for k in range(3):
        deep = two_paths(module.down_paths[k], module.down[k](skips[-1]))
        skips.append(encoder_fuse(module.encoder_fuse[k + 1], deep, enter[k + 1]))
    maps = [skips[3] + fuse(module.decoder_fuse[0], two_paths(module.neck_paths[0], skips[3]))]
    for k in range(3):
        deep = two_paths(module.up_paths[k], module.up[k](maps[-1]))
        maps.append(skips[2 - k] + fuse(module.decoder_fuse[k + 1], deep))
    return x + module.tail(maps[-1]), maps


def encoder_fuse(module: Any, d: Tensor, first: Tensor | None) -> Tensor:
    """Plain in stage one; in stage two gated together with stage one's map (N,F,H,W)."""
    d = fuse(module, d)
    if first is None:
        return d
    f, s = module.of_this(d), module.of_first(first)
    both = torch.cat([f, s], dim=1)
    gates = torch.sigmoid(module.gates(mean_and_max(both)))
    answer: Tensor = module.out(f * gates[:, :1] + s * gates[:, 1:])
    return answer


def fuse(module: Any, d: Tensor) -> Tensor:
    """A convolution, then MDTA on the normalised map (N,F,H,W)."""
    d = module.conv(d)
    attention = module.attention
    return d + channel_attention(attention, layer_norm(attention.norm, d))


def layer_norm(norm: Any, x: Tensor) -> Tensor:
    """Normalise the channels of every pixel (N,F,H,W)."""
    mean = x.mean(1, keepdim=True)
    variance = (x - mean).pow(2).mean(1, keepdim=True)
    x = (x - mean) / (variance + norm.eps).sqrt()
    answer: Tensor = norm.weight.view(1, -1, 1, 1) * x + norm.bias.view(1, -1, 1, 1)
    return answer


def channel_attention(module: Any, x: Tensor) -> Tensor:
    """MDTA (N,F,H,W)."""
    qkv = module.local(module.qkv(x)).chunk(3, dim=1)
    q, k, v = (rearrange(part, "n (m c) h w -> n m c (h w)", m=8) for part in qkv)
    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    score = torch.softmax((q @ k.transpose(-2, -1)) * module.temperature, dim=-1)
    found = rearrange(score @ v, "n m c (h w) -> n (m c) h w", h=x.shape[-2])
    answer: Tensor = module.out(found)
    return answer


def two_paths(module: Any, x: Tensor) -> Tensor:
    """Half of the channels over pixels, half over frequencies (N,F,H,W)."""
    pixels, waves = x.chunk(2, dim=1)
    for block in module.spatial:
        pixels = spatial_block(block, pixels)
    for block in module.frequency:
        waves = block.tail(frequency_filter(block.filter, waves)) + block.skip(waves)
    return torch.cat([pixels, waves], dim=1)


def spatial_block(block: Any, x: Tensor) -> Tensor:
    """RSPB (N,C,H,W)."""
    deep = x
    for k in (0, 2):
        deep = (block.inner[k + 1](block.inner[k](deep).relu_()) + deep).relu_()
    answer: Tensor = block.act(block.tail(deep)) + block.skip(x)
    return answer


def frequency_filter(module: Any, x: Tensor) -> Tensor:
    """Filter the amplitude, let it guide the phase (N,C,H,W)."""
    spectrum = to_spectrum(x)
    amplitude, angle = torch.abs(spectrum), torch.angle(spectrum)
    a = module.amplitude_mix(module.amplitude_look(amplitude).relu_()).relu_()
    a = gated(module.amplitude_gate, a)
    p = torch.cat([angle, a - amplitude], dim=1)
    p = torch.sigmoid(module.phase_mix(module.phase_look(p).relu_()))
    p = gated(module.phase_gate, p) * (2.0 * torch.pi) - torch.pi
    found = torch.abs(from_spectrum(torch.complex(a * torch.cos(p), a * torch.sin(p))))
    return (found + x).relu_()


def gated(module: Any, x: Tensor) -> Tensor:
    """Weigh every position (N,C,H,W)."""
    look = module.look(mean_and_max(x)).relu_()
    answer: Tensor = x * torch.sigmoid(module.decide(look))
    return answer


def mean_and_max(x: Tensor) -> Tensor:
    """(N,C,H,W) -> (N,2,H,W)."""
    return torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], dim=1)


def to_spectrum(x: Tensor) -> Tensor:
    """(N,C,H,W) -> complex (N,C,H,W/2+1) with frequency zero in row H/2-1."""
    refuse_nan(x)
    spectrum = torch.fft.rfft2(x + OFFSET)
    start = x.shape[-2] // 2 + 1
    return torch.cat([spectrum[..., start:, :], spectrum[..., :start, :]], dim=-2)


def from_spectrum(spectrum: Tensor) -> Tensor:
    """Undo `to_spectrum`, at the size of the spectrum given."""
    height = spectrum.shape[-2]
    start = height // 2 - 1
    spectrum = torch.cat([spectrum[..., start:, :], spectrum[..., :start, :]], dim=-2)
    size = (height, 2 * (spectrum.shape[-1] - 1))
    x: Tensor = torch.fft.irfft2(spectrum + OFFSET, s=size)
    refuse_nan(x)
    return x


def refuse_nan(x: Tensor) -> None:
    """Stop at the first value that is no number."""
    if torch.isnan(x).any():
        raise FloatingPointError("NaN beside a Fourier transform")


def with_bands(maps: list[Tensor]) -> list[Tensor]:
    """Add the frequency bands of the largest map to the second half of every map."""
    half = maps[-1].shape[1] // 2
    spectrum = to_spectrum(maps[-1][:, half:])
    height = maps[-1].shape[-2]
    mixed = []
    for place, x in enumerate(maps):
        h, w = x.shape[-2:]
        top = (height - h) // 2
        mask = band_mask(h, w, first=place == 0, last=place == len(maps) - 1)
        band = from_spectrum(spectrum[..., top : top + h, : w // 2 + 1] * mask)
        mixed.append(torch.cat([x[:, :half], x[:, half:] + band], dim=1))
    return mixed
