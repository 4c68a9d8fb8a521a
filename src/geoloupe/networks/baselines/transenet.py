"""TransENet: transformers that refine the enlarged map by what three depths of the LR map hold.

Lei, Shi & Mo, IEEE TGRS 2021, IEEE document 9654169.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any, ClassVar, Self

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv
from geoloupe.networks.mean import MeanShift, infer_mean
from geoloupe.networks.padding import pad_to_multiple
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale

UCMERCED_MEAN = (0.4916, 0.4991, 0.4565)
REDUCTION = 4  # features to one channel of the patches
HEAD_WIDTH = 32
LEVELS = 3


@dataclass(frozen=True, kw_only=True)
class TransENetSettings:
    """The published configuration."""

    scale: int = 4
    bands: int = 3
    features: int = 64
    blocks: int = 5  # of each of the three paths
    patch: int = 8  # pixels on a side of what becomes one token, LR and HR alike
    embed: int = 512
    hidden: int = 512
    encoder_depth: int = 8
    decoder_depth: int = 1
    heads: int = 6
    mean: tuple[float, ...] | None = None  # None: UC Merced's for three bands, else zero
    value_range: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)
        if self.features % REDUCTION:
            raise ValueError(f"features must be a multiple of {REDUCTION}, not {self.features}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(
            scale=2,
            features=8,
            blocks=1,
            patch=4,
            embed=16,
            hidden=16,
            encoder_depth=1,
            heads=1,
        )


class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution under a skip (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = conv(3, features, features)
        self.conv2 = conv(3, features, features)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x).relu())


class SelfAttention(nn.Module):
    """Every token looks at every token, normed before and skipped (N,T,E)."""

    def __init__(self, settings: TransENetSettings) -> None:
        super().__init__()
        embed, inner = settings.embed, settings.heads * HEAD_WIDTH
        self.norm = nn.LayerNorm(embed)
        self.qkv = nn.Linear(embed, 3 * inner, bias=False)
        self.out = nn.Linear(inner, embed)

    def forward(self, t: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(t)).chunk(3, dim=-1)
        return t + self.out(attend(q, k, v, embed=t.shape[-1]))


class CrossAttention(nn.Module):
    """Tokens (N,T,E) look at those of another map (N,S,E); one norm serves both."""

    def __init__(self, settings: TransENetSettings) -> None:
        super().__init__()
        embed, inner = settings.embed, settings.heads * HEAD_WIDTH
        self.norm = nn.LayerNorm(embed)
        self.query = nn.Linear(embed, inner, bias=False)
        self.key = nn.Linear(embed, inner, bias=False)
        self.value = nn.Linear(embed, inner, bias=False)
        self.out = nn.Linear(inner, embed)

    def forward(self, t: Tensor, memory: Tensor) -> Tensor:
        memory = self.norm(memory)
        q, k, v = self.query(self.norm(t)), self.key(memory), self.value(memory)
        return t + self.out(attend(q, k, v, embed=t.shape[-1]))


class FeedForward(nn.Module):
    """A perceptron, normed before and skipped (N,T,E)."""

    def __init__(self, settings: TransENetSettings) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(settings.embed)
        self.widen = nn.Linear(settings.embed, settings.hidden)
        self.narrow = nn.Linear(settings.hidden, settings.embed)

    def forward(self, t: Tensor) -> Tensor:
        return t + self.narrow(F.gelu(self.widen(self.norm(t))))


class EncoderLayer(nn.Module):
    """Tokens look at each other (N,T,E)."""

    def __init__(self, settings: TransENetSettings) -> None:
        super().__init__()
        self.among = SelfAttention(settings)
        self.feed = FeedForward(settings)

    def forward(self, t: Tensor) -> Tensor:
        return self.feed(self.among(t))


class DecoderLayer(nn.Module):
    """Tokens look at each other, then at those of another map (N,T,E), (N,S,E)."""

    def __init__(self, settings: TransENetSettings) -> None:
        super().__init__()
        self.among = SelfAttention(settings)
        self.across = CrossAttention(settings)
        self.feed = FeedForward(settings)

    def forward(self, t: Tensor, memory: Tensor) -> Tensor:
        return self.feed(self.across(self.among(t), memory))


class TransENet(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = TransENetSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="TransENet",
        task="RGB or any fixed bands, transformers after enlargement",
        scales=(2, 3, 4, 8),
        paper="Lei et al., IEEE TGRS 2021",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "sub_mean": None,
        "add_mean": None,
        "head.0": "head",
        **{
            f"{theirs}.layers.{{j}}.{k}.fn.{part}": f"{ours}.{{j}}.{layer}.{name}"
            for theirs, ours in (
                *((f"encoder_stage{i + 1}", f"encoders.{i}") for i in range(LEVELS)),
                ("encoder_up", f"encoders.{LEVELS}"),
                *((f"decoder{i + 1}", f"decoders.{i}") for i in range(LEVELS)),
            )
            for k, layer in enumerate(
                ("among", "feed") if "encoders" in ours else ("among", "across", "feed")
            )
            for part, name in {
                "among": (("norm", "norm"), ("fn.to_qkv", "qkv"), ("fn.to_out.0", "out")),
                "across": (
                    ("norm", "norm"),
                    ("fn.to_q", "query"),
                    ("fn.to_k", "key"),
                    ("fn.to_v", "value"),
                    ("fn.to_out.0", "out"),
                ),
                "feed": (("norm", "norm"), ("fn.net.0", "widen"), ("fn.net.3", "narrow")),
            }[layer]
        },
        **{
            name: target
            for i in range(LEVELS)
            for name, target in (
                (f"feat_extrat_stage{i + 1}.body.{{n}}.body.0", f"paths.{i}.{{n}}.conv1"),
                (f"feat_extrat_stage{i + 1}.body.{{n}}.body.2", f"paths.{i}.{{n}}.conv2"),
                (f"stage{i + 1}_conv1x1", f"reduce.{i}"),
                (f"patch_to_embedding_low{i + 1}", f"embed.{i}"),
            )
        },
        "upsampler.{k}": "upsample.{k}",
        "up_conv1x1": f"reduce.{LEVELS}",
        "patch_to_embedding_high": f"embed.{LEVELS}",
        "embedding_to_patch": "unembed",
        "span_conv1x1": "expand",
        "tail": "tail",
    }

    def __init__(self, settings: TransENetSettings) -> None:
        super().__init__(settings)
        # Six patches are what the published network was trained on and runs on.
        patch = settings.patch
        self.signature = Signature(
            scale=settings.scale, bands=settings.bands, tile=6 * patch, margin=patch
        )
        features, bands = settings.features, settings.bands
        inner, maps = features // REDUCTION, range(LEVELS + 1)
        default = UCMERCED_MEAN if bands == 3 else (0.0,) * bands
        self.shift = MeanShift(settings.mean or default, settings.value_range)
        self.head = conv(3, bands, features)
        self.paths = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(features) for _ in range(settings.blocks)))
            for _ in range(LEVELS)
        )
        self.upsample = UpBlock(features, settings.scale)
        self.reduce = nn.ModuleList(conv(1, features, inner) for _ in maps)
        self.embed = nn.ModuleList(nn.Linear(inner * patch**2, settings.embed) for _ in maps)
        self.encoders = nn.ModuleList(
            nn.Sequential(*(EncoderLayer(settings) for _ in range(settings.encoder_depth)))
            for _ in maps
        )
        self.decoders = nn.ModuleList(
            nn.ModuleList(DecoderLayer(settings) for _ in range(settings.decoder_depth))
            for _ in range(LEVELS)
        )
        self.unembed = nn.Linear(settings.embed, inner * patch**2)
        self.expand = conv(1, inner, features)
        self.tail = conv(3, features, bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        scale, patch = self.settings.scale, self.settings.patch
        height, width = (side * scale for side in lr.shape[-2:])
        shallow = self.head(self.shift.remove(pad_to_multiple(lr, patch)))
        # Published network: the three paths lie side by side, not one after the other.
        maps = [path(shallow) for path in self.paths]
        maps.append(self.upsample(maps[-1]))
        rows, columns = (side // patch for side in maps[-1].shape[-2:])
        *memories, t = [
            encoder(embed(to_patches(reduce(x), patch)))
            for x, reduce, embed, encoder in zip(
                maps, self.reduce, self.embed, self.encoders, strict=True
            )
        ]
        for i in reversed(range(LEVELS)):
            for layer in self.decoders[i].children():
                t = layer(t, memories[i])
        x = self.expand(from_patches(self.unembed(t), patch, rows, columns))
        return (self.shift.add(self.tail(x))[..., :height, :width],)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["head.weight"][:2]
        embed, patch_values = shapes["embed.0.weight"]

        def count(prefix: str) -> int:
            return len({name.split(".")[2] for name in shapes if name.startswith(prefix)})

        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "features": features,
            "blocks": count("paths.0."),
            "patch": isqrt(patch_values // (features // REDUCTION)),
            "embed": embed,
            "hidden": shapes["encoders.0.0.feed.widen.weight"][0],
            "encoder_depth": count("encoders.0."),
            "decoder_depth": count("decoders.0."),
            "heads": shapes["encoders.0.0.among.qkv.weight"][0] // (3 * HEAD_WIDTH),
        }

    @classmethod
    def constants(cls, published: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read the mean and the value range from the published constant layers."""
        return infer_mean(published)


def attend(query: Tensor, key: Tensor, value: Tensor, *, embed: int) -> Tensor:
    """Softmax attention in heads over all tokens (N,T,D), (N,S,D), (N,S,D) -> (N,T,D)."""
    q, k, v = (rearrange(x, "n t (h d) -> n h t d", d=HEAD_WIDTH) for x in (query, key, value))
    # Published network: scores are scaled by the embedding's width, not by the head's.
    found = F.scaled_dot_product_attention(q, k, v, scale=embed**-0.5)
    return rearrange(found, "n h t d -> n t (h d)")


def to_patches(x: Tensor, patch: int) -> Tensor:
    """(N,C,H,W) -> tokens (N, patches, patch*patch*C)."""
    return rearrange(x, "n c (i h) (j w) -> n (i j) (h w c)", h=patch, w=patch)


def from_patches(t: Tensor, patch: int, rows: int, columns: int) -> Tensor:
    """Undo `to_patches` for so many rows and columns of patches."""
    return rearrange(t, "n (i j) (h w c) -> n c (i h) (j w)", i=rows, j=columns, h=patch, w=patch)
