"""Windowed attention is attention among all pixels with most pairs forbidden; caches are safe."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from geoloupe.networks import network_class, spectrum, windows
from geoloupe.networks.windows import WindowAttention


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def largest(difference: Tensor) -> float:
    return float(difference.detach().abs().max())


def pixel_attention(block: WindowAttention, x: Tensor) -> Tensor:
    """Write windowed attention (N,H,W,E) as attention among all pixels, most pairs forbidden.

    A shifted grid cuts the image at shift, shift + window, ...: what it leaves at the borders are
    smaller windows, for nothing is cyclic about an image.
    """
    n, height, width, embed = x.shape
    row, column = (
        axis.flatten()
        for axis in torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    )
    same = torch.ones(height * width, height * width, dtype=torch.bool)
    for position in (row, column):
        cell = (position - block.shift) // block.window
        same &= cell[:, None] == cell[None, :]
    reach, depth = block.window - 1, embed // block.heads
    down = (row[:, None] - row[None, :]).clamp(-reach, reach) + reach
    along = (column[:, None] - column[None, :]).clamp(-reach, reach) + reach
    bias = block.bias_table[down * (2 * block.window - 1) + along]  # (P,P,heads)
    q, k, v = block.qkv(x.reshape(n, -1, embed)).split(embed, dim=-1)
    found = []
    for head in range(block.heads):
        part = slice(head * depth, (head + 1) * depth)
        scores = q[..., part] @ k[..., part].mT / depth**0.5 + bias[..., head]
        found.append(scores.masked_fill(~same, -torch.inf).softmax(-1) @ v[..., part])
    return cast("Tensor", block.out(torch.cat(found, -1)).view_as(x))


@pytest.mark.parametrize(("window", "shift"), [(4, 0), (4, 2), (4, 1), (2, 1), (3, 1)])
@pytest.mark.parametrize("cells", [(1, 1), (1, 3), (2, 2), (3, 2)])
def test_window_attention_lets_the_right_pixels_meet(
    window: int, shift: int, cells: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    block = WindowAttention(embed=6, heads=2, window=window, shift=shift).double()
    nn.init.normal_(block.bias_table)
    x = noise(2, window * cells[0], window * cells[1], 6)
    assert largest(block(x) - pixel_attention(block, x)) <= 1e-12


# --- Caches ---------------------------------------------------------------------------------------

CACHES = (windows.relative_index, windows.shift_mask, spectrum.band_mask)


@pytest.mark.parametrize("name", ["convformersr", "tsfnet"])
def test_what_inference_has_cached_can_be_trained_with(name: str) -> None:
    for cached in CACHES:
        cached.cache_clear()
    chosen = cast("Any", network_class(name))
    network = chosen(chosen.Settings.tiny())
    x = torch.rand(1, 3, 8, 12)
    with torch.inference_mode():
        expected = network.eval()(x)
    assert any(cached.cache_info().currsize for cached in CACHES)
    found = network(x)
    found.sum().backward()
    assert largest(found - expected) <= 1e-5
    assert all(p.grad is not None for p in network.parameters())


def test_caches_tell_apart_what_must_differ() -> None:
    masks: Sequence[Tensor] = [
        windows.shift_mask(8, 8, 4, 2),
        windows.shift_mask(8, 8, 4, 1),
        windows.shift_mask(8, 16, 4, 2),
        windows.shift_mask(16, 8, 4, 2),
    ]
    assert not any(a.equal(b) for i, a in enumerate(masks) for b in masks[:i])
