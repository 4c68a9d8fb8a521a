"""ConvFormerSR with Swin's windows: every call builds the masks and gathers the biases anew."""

from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from geoloupe.networks.windows import relative_index

Size = tuple[int, int]


def forward(network: Any, lr: Tensor, guide: Tensor | None = None) -> Tensor:
    """(N,bands,H,W) -> (N,bands,H*scale,W*scale)."""
    settings = network.settings
    height, width = lr.shape[-2:]
    pad = (0, -width % settings.window, 0, -height % settings.window)
    shallow = network.shallow(network.shift.remove(F.pad(lr, pad, mode="reflect")))
    size = (shallow.shape[-2], shallow.shape[-1])
    tokens, c = network.patch_norm(to_tokens(shallow)), shallow
    for i, group in enumerate(network.groups):
        tokens = attention_group(group, tokens, size)
        u = network.to_cnn[i](to_map(network.norm(tokens), size))
        for block in network.residual[i]:
            c = c + 0.2 * block.conv2(F.leaky_relu_(block.conv1(c), 0.2))
        c = fusion(network.fusion[i], c, u)
    deep = F.leaky_relu_(network.before_upsample(network.after_body(c) + shallow), 0.01)
    sr = network.shift.add(network.tail(network.upsample(deep)))
    answer: Tensor = sr[..., : height * settings.scale, : width * settings.scale]
    return answer


def attention_group(group: Any, tokens: Tensor, size: Size) -> Tensor:
    """RAG on tokens (N,H*W,E)."""
    deep = tokens
    for block in group.blocks:
        deep = attention_block(block, deep, size)
    return tokens + to_tokens(group.conv(to_map(deep, size)))


def attention_block(block: Any, tokens: Tensor, size: Size) -> Tensor:
    """Shifted windows beside a convolutional path (N,H*W,E)."""
    n = block.norm1(tokens)
    whole = block.expand(F.gelu(block.squeeze(to_map(n, size))))
    whole = to_tokens(channel_attention(block.channels, whole))
    tokens = tokens + windowed(block.windows, n, size) + 0.01 * whole
    answer: Tensor = tokens + block.mlp(block.norm2(tokens))
    return answer


def windowed(attention: Any, tokens: Tensor, size: Size) -> Tensor:
    """Roll, cut into windows, attend, put together, roll back (N,H*W,E)."""
    window, shift = attention.window, attention.shift
    x = rearrange(tokens, "n (h w) e -> n h w e", h=size[0])
    if shift:
        x = torch.roll(x, shifts=(-shift, -shift), dims=(1, 2))
    cut = "n (i h) (j w) e -> (n i j) (h w) e"
    join = "(n i j) (h w) e -> n (i h) (j w) e"
    windows = rearrange(x, cut, h=window, w=window)
    # Public code also builds an all-zero mask for each unshifted block; that is left out here.
    mask = shift_mask(size, window, shift) if shift else None
    found = attend(attention, windows, mask)
    x = rearrange(found, join, i=size[0] // window, j=size[1] // window, h=window)
    if shift:
        x = torch.roll(x, shifts=(shift, shift), dims=(1, 2))
    return x.flatten(1, 2)


def attend(attention: Any, windows: Tensor, mask: Tensor | None) -> Tensor:
    """Multi-head attention inside windows (N*windows,P,E), mask (windows,P,P)."""
    heads = attention.heads
    q, k, v = rearrange(attention.qkv(windows), "b p (t m d) -> t b m p d", t=3, m=heads)
    q = q * q.shape[-1] ** -0.5
    score = q @ k.transpose(-2, -1)
    index = relative_index(attention.window)
    bias = attention.bias_table[index.flatten()].view(*index.shape, heads)
    score = score + bias.permute(2, 0, 1).contiguous().unsqueeze(0)
    if mask is not None:
        score = score.unflatten(0, (-1, mask.shape[0])) + mask[None, :, None]
        score = score.flatten(0, 1)
    found = torch.softmax(score, dim=-1) @ v
    answer: Tensor = attention.out(rearrange(found, "b m p d -> b p (m d)"))
    return answer


def shift_mask(size: Size, window: int, shift: int) -> Tensor:
    """Number the regions that the roll brought together, window by window: (windows,P,P)."""
    label = torch.zeros(1, *size, 1)
    parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    count = 0
    for rows in parts:
        for columns in parts:
            label[:, rows, columns, :] = count
            count += 1
    label = rearrange(label, "n (i h) (j w) e -> (n i j) (h w e)", h=window, w=window)
    apart = label.unsqueeze(1) - label.unsqueeze(2)
    return apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)


def channel_attention(module: Any, x: Tensor) -> Tensor:
    """CAM over the whole image (N,E,H,W)."""
    flat = x.flatten(2)
    energy = torch.bmm(flat, flat.permute(0, 2, 1))
    energy = torch.max(energy, -1, keepdim=True)[0].expand_as(energy) - energy
    found = torch.bmm(torch.softmax(energy, dim=-1), flat)
    answer: Tensor = module.gamma * found.view_as(x) + x
    return answer


def fusion(module: Any, c: Tensor, u: Tensor) -> Tensor:
    """FFM of the CNN's map and the transformer's (N,E,H,W)."""
    summary = torch.cat([c.mean(1, keepdim=True), c.max(1, keepdim=True)[0]], dim=1)
    spatial = torch.sigmoid(module.where(summary)) * c
    mean, peak = F.adaptive_avg_pool2d(u, 1), F.adaptive_max_pool2d(u, 1)
    channel = torch.sigmoid(module.which(mean) + module.which(peak)) * u
    answer: Tensor = module.from_cnn(spatial) + module.from_transformer(channel)
    return answer


def to_map(tokens: Tensor, size: Size) -> Tensor:
    """(N,H*W,E) -> (N,E,H,W)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, *size)


def to_tokens(x: Tensor) -> Tensor:
    """(N,E,H,W) -> (N,H*W,E)."""
    return x.flatten(2).transpose(1, 2)
