"""HSENet: hybrid-scale self-similarity exploitation network.

Lei & Shi, IEEE TGRS 2021, doi 10.1109/TGRS.2021.3069889.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.convolution import conv
from geoloupe.networks.mean import MeanShift, infer_mean
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Network, Reference, Signature
from geoloupe.networks.upsample import UpBlock, factors, infer_scale

UCMERCED_MEAN = (0.4916, 0.4991, 0.4565)


@dataclass(frozen=True, kw_only=True)
class HSENetSettings:
    """The published configuration; the two switches are the paper's ablations."""

    scale: int = 4
    bands: int = 3
    features: int = 64
    modules: int = 10
    mean: tuple[float, ...] | None = None  # None: UC Merced's for three bands, else zero
    value_range: float = 1.0
    attention: bool = True  # self-similarity within a scale
    cross_scale: bool = True  # the half-size branch and the attention across scales

    def __post_init__(self) -> None:
        check_ranges(self)
        factors(self.scale)
        if self.features < 2:
            raise ValueError(f"features must be 2 or more, not {self.features}")

    @classmethod
    def tiny(cls) -> Self:
        """Make the settings that tests use."""
        return cls(scale=2, features=8, modules=1)


class NonLocal(nn.Module):
    """Every pixel of `query_map` looks at every pixel of `x`; the residual is on x (N,F,H,W)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        inner = features // 2
        self.query = conv(1, features, inner)
        self.key = conv(1, features, inner)
        self.value = conv(1, features, inner)
        self.out = conv(1, inner, features)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, query_map: Tensor | None = None) -> Tensor:
        query = self.query(x if query_map is None else query_map)
        found = attend(query, self.key(x), self.value(x))
        return x + self.out(found)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention over all pixels of maps (N,D,H,W), in memory linear in their number."""
    q, k, v = (
        x.flatten(2).transpose(-2, -1).unsqueeze(1).contiguous() for x in (query, key, value)
    )
    # Published network: no 1/sqrt(d) here. Adding it changes what every weight file means.
    found = F.scaled_dot_product_attention(q, k, v, scale=1.0)
    return found.squeeze(1).transpose(-2, -1).reshape(value.shape)


class SingleScale(nn.Module):
    """SSEM: a convolutional path gated by self-similarity at one scale (N,F,H,W)."""

    def __init__(self, features: int, *, attention: bool) -> None:
        super().__init__()
        self.head = conv(3, features, features)
        self.main = nn.ModuleList([conv(3, features, features) for _ in range(2)])
        self.similar = NonLocal(features) if attention else None
        self.gate = conv(1, features, features) if attention else None
        self.tail = conv(3, features, features)

    def forward(self, x: Tensor) -> Tensor:
        head = self.head(x).relu()
        main = head
        for layer in self.main:
            main = layer(main).relu()
        if self.similar is not None and self.gate is not None:
            main = main * torch.sigmoid(self.gate(self.similar(head)))
        return x + self.tail(main).relu()


class HybridScale(nn.Module):
    """HSEM: self-similarity at full size, at half size, and from one to the other (N,F,H,W)."""

    def __init__(self, features: int, *, attention: bool, cross_scale: bool) -> None:
        super().__init__()
        self.fine = SingleScale(features, attention=attention)
        self.coarse = SingleScale(features, attention=attention) if cross_scale else None
        self.across = NonLocal(features) if cross_scale else None
        self.tail = conv(3, features, features)

    def forward(self, x: Tensor) -> Tensor:
        merged = self.fine(x)
        if self.coarse is not None and self.across is not None:
            # The factor itself, not the ratio of the sizes, sets where odd sizes are sampled.
            small = F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
            enlarged = F.interpolate(
                self.coarse(small), size=x.shape[-2:], mode="bilinear", align_corners=False
            )
            merged = self.across(merged, enlarged)
        return x + self.tail(merged).relu()


class BasicModule(nn.Module):
    """Two convolutions, the hybrid-scale module, two convolutions, and a skip (N,F,H,W)."""

    def __init__(self, features: int, *, attention: bool, cross_scale: bool) -> None:
        super().__init__()
        self.before = nn.ModuleList([conv(3, features, features) for _ in range(2)])
        self.hybrid = HybridScale(features, attention=attention, cross_scale=cross_scale)
        self.after = nn.ModuleList([conv(3, features, features) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        deep = x
        for layer in self.before:
            deep = layer(deep).relu()
        deep = self.hybrid(deep)
        for layer in self.after:
            deep = layer(deep).relu()
        return x + deep


class HSENet(Network):
    """(N,bands,H,W) in [0, 1] -> (N,bands,H*scale,W*scale)."""

    Settings: ClassVar[type] = HSENetSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="HSENet",
        task="RGB or any fixed bands, self-similarity",
        scales=(2, 3, 4, 8),
        paper="Lei & Shi, IEEE TGRS 2021",
    )
    PUBLISHED: ClassVar[Mapping[str, str | None]] = {
        "sub_mean": None,
        "add_mean": None,
        "head.0": "head",
        "body_modulist.{n}.head.{k}.0": "body.{n}.before.{k}",
        "body_modulist.{n}.tail.{k}.0": "body.{n}.after.{k}",
        "body_modulist.{n}.body.0.tail.0.0": "body.{n}.hybrid.tail",
        **{
            f"body_modulist.{{n}}.body.0.{theirs}": f"body.{{n}}.hybrid.{ours}"
            for scale, name in (("base_scale.0", "fine"), ("down_scale.0", "coarse"))
            for theirs, ours in (
                (f"{scale}.head.0.0", f"{name}.head"),
                (f"{scale}.MB.{{k}}.0", f"{name}.main.{{k}}"),
                (f"{scale}.AB.0.theta", f"{name}.similar.query"),
                (f"{scale}.AB.0.phi", f"{name}.similar.key"),
                (f"{scale}.AB.0.g", f"{name}.similar.value"),
                (f"{scale}.AB.0.W", f"{name}.similar.out"),
                (f"{scale}.AB.1", f"{name}.gate"),
                (f"{scale}.tail.0.0", f"{name}.tail"),
            )
        },
        "body_modulist.{n}.body.0.NonLocal_base.theta": "body.{n}.hybrid.across.query",
        "body_modulist.{n}.body.0.NonLocal_base.phi": "body.{n}.hybrid.across.key",
        "body_modulist.{n}.body.0.NonLocal_base.g": "body.{n}.hybrid.across.value",
        "body_modulist.{n}.body.0.NonLocal_base.W": "body.{n}.hybrid.across.out",
        "tail.0.{k}": "upsample.{k}",
        "tail.1": "tail",
    }

    def __init__(self, settings: HSENetSettings) -> None:
        super().__init__(settings)
        self.signature = Signature(
            scale=settings.scale, bands=settings.bands, minimum=2, tile=64, margin=8
        )
        features = settings.features
        default = UCMERCED_MEAN if settings.bands == 3 else (0.0,) * settings.bands
        self.shift = MeanShift(settings.mean or default, settings.value_range)
        self.head = conv(3, settings.bands, features)
        self.body = nn.ModuleList(
            BasicModule(features, attention=settings.attention, cross_scale=settings.cross_scale)
            for _ in range(settings.modules)
        )
        self.upsample = UpBlock(features, settings.scale)
        self.tail = conv(3, features, settings.bands)

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        shallow = self.head(self.shift.remove(lr))
        deep = shallow
        for module in self.body:
            deep = module(deep)
        return (self.shift.add(self.tail(self.upsample(deep + shallow))),)

    @classmethod
    def infer(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Read the settings that the shapes tell."""
        features, bands = shapes["head.weight"][:2]
        return {
            "scale": infer_scale(shapes, "upsample"),
            "bands": bands,
            "features": features,
            "modules": len({name.split(".")[1] for name in shapes if name.startswith("body.")}),
            "attention": "body.0.hybrid.fine.gate.weight" in shapes,
            "cross_scale": "body.0.hybrid.across.out.weight" in shapes,
        }

    @classmethod
    def constants(cls, published: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read the mean and the value range from the published constant layers."""
        return infer_mean(published)
