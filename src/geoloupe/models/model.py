"""A network with its weights and its card: what every command runs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Unpack, cast

import numpy as np
import torch
from pydantic import JsonValue
from torch import Tensor

from geoloupe import catalog
from geoloupe.errors import InputError, errors_named
from geoloupe.models.calling import PixelsT, call
from geoloupe.models.card import (
    CARD_FILE,
    WEIGHTS_FILE,
    Array,
    Card,
    read_weights,
    write_weights,
)
from geoloupe.models.predictor import PredictorOptions
from geoloupe.models.shipped import shipped, shipped_sharpeners, unknown_model
from geoloupe.models.tuned import TunedModel
from geoloupe.networks import adapter_class, build, network_class
from geoloupe.networks.published.conversion import agree, expected_state
from geoloupe.networks.published.name_table import shown
from geoloupe.networks.signature import Network
from geoloupe.storage.publish import check_folder


@dataclass(frozen=True)
class Model:
    """A network in evaluation mode, and what is known about it."""

    network: Network
    card: Card
    _tuned: dict[Any, TunedModel] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __call__(
        self,
        pixels: PixelsT,
        guide: Any = None,
        *,
        value_range: tuple[float, float] | None = None,
        mtf: float | tuple[float, ...] | None = None,
        **options: Unpack[PredictorOptions],
    ) -> PixelsT:
        """Return pixels enlarged, as the same kind of value.

        The whole array goes through the network at once: `geoloupe.upscale` cuts scenes into tiles.
        No gradient passes; train `model.network`.

        Args:
            pixels: A NumPy array or a tensor (H,W), (C,H,W) or (N,C,H,W) of floats in [0, 1] or of
                bytes, an Image, or an xarray.DataArray. NaN is missing.
            guide: For models with a guide, of the same kind and the result's size.
            value_range: The values that map to the network's 0 and 1, for arrays of other ranges.
            mtf: The share of contrast that the sensor passes at Nyquist, for all bands or each.
                With it, models that take it sharpen as much as was lost, and what the sensor would
                see of the result is the image itself, apart from noise.
            **options: device, precision, engine, ensemble and bound, as `upscale` takes them.

        Returns:
            The same kind of value, `scale` times as large.

        Example:
            >>> import geoloupe, numpy as np
            >>> model = geoloupe.load("loupe-x4")
            >>> model(np.zeros((3, 16, 16), np.float32)).shape
            (3, 64, 64)
        """
        return call(self, pixels, guide, value_range=value_range, mtf=mtf, **options)

    def tuned(self, *, consistent: bool, **options: Unpack[PredictorOptions]) -> TunedModel:
        """Return the model ready to run with these options; the last ones are kept ready."""
        key = (consistent, tuple(sorted(options.items())))
        if key not in self._tuned:
            self._tuned.clear()
            self._tuned[key] = TunedModel(self, consistent=consistent, **options)
        return self._tuned[key]

    @property
    def tile(self) -> int:
        """The side of a tile in LR pixels: part of the answer of a network that sees globally."""
        return self.card.tile or self.network.signature.tile

    @property
    def scales(self) -> tuple[int, ...]:
        """The factors it enlarges by: usually one."""
        own = self.network.signature.scale
        return (own, *self.card.scales) if self.network.ANY_SCALE else (own,)

    def at(self, scale: int) -> "Model":
        """Return the model at another of its factors, with the same weights."""
        own = self.network.signature.scale
        if scale == own:
            return self
        if scale not in self.scales:
            raise InputError(f"{self.card.name} enlarges {own} times, not {scale}")
        settings = {**self.card.settings, "scale": scale}
        card = self.card.model_copy(update={"settings": settings})
        return model_from_state(build(card.network, **settings), self.network.state_dict(), card)

    @property
    def digest(self) -> str:
        """A name for exactly these weights and settings."""
        found = hashlib.sha256(json.dumps(plain_settings(self.network), sort_keys=True).encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            found.update(name.encode())
            found.update(tensor.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()[:16]

    @property
    def has_weights(self) -> bool:
        """Whether the network was trained; interpolation was not."""
        return next(self.network.parameters(), None) is not None

    @property
    def margin(self) -> int:
        """The context in LR pixels that a tile discards on each side."""
        margin = self.card.margin
        return self.network.signature.margin if margin is None else margin


_DEFAULT, _DEFAULT_SCALE = "loupe", 4


def default_model(scale: int | None) -> str:
    """Return the name of the shipped model of a scale; interpolation is never chosen unasked."""
    name = f"{_DEFAULT}-x{scale or _DEFAULT_SCALE}"
    if name in shipped():
        return name
    known = [name for name in shipped() if name.rpartition("-x")[0] == _DEFAULT]
    raise InputError(
        f"no model for scale {scale} comes with geoloupe, only {', '.join(known)}; name "
        "other weights, or the model bicubic to interpolate"
    )


def load(name_or_path: str | Path, **settings: Any) -> Model:
    """Load a model.

    Args:
        name_or_path: The name of a shipped model, a folder or file of weights, or the name of a
            network without weights, such as "bicubic".
        **settings: Of such a network; for others they must agree with the weights, or name one of
            several factors that these were trained for, as in `load("mine", scale=4)`.

    Returns:
        A model, ready to be called.

    Example:
        >>> geoloupe.load("loupe-x4").network.signature.scale
        4
    """
    name = str(name_or_path)
    if name in catalog.names("network"):
        return _without_weights(name, settings)
    path = Path(name_or_path)
    if path.exists():
        return _with_weights(path, settings)
    if name in shipped():
        return _with_weights(shipped()[name], settings)
    if name in shipped_sharpeners():
        raise InputError(f"{name} sharpens bands with a guide and does not enlarge: use sharpen")
    if path.suffix or len(path.parts) > 1:
        raise InputError(f"{path}: no such file or folder of weights")
    known = [*shipped(), *catalog.names("network")]
    raise unknown_model("model or weights folder", name, known)


def save(model: Model, folder: Path, *, half: bool = False, overwrite: bool = False) -> None:
    """Write a model as a folder of weights, each file whole or absent; `half` uses 16 bits."""
    state = model.network.state_dict()
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).cpu().contiguous()
        for name, tensor in state.items()
    }
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    write_weights(folder, model.card, arrays, overwrite=overwrite)


def refuse_target(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that cannot hold weights, before the work that makes them."""
    check_folder(folder, (WEIGHTS_FILE, CARD_FILE), overwrite=overwrite)


def model_from_state(network: Network, state: Mapping[str, Tensor], card: Card) -> Model:
    """Load a state strictly into a fresh network and make it ready to run."""
    network.load_state_dict(dict(state), strict=True)
    return ready(network, card)


def ready(network: Network, card: Card) -> Model:
    """Return a network that has its weights as a model ready to run."""
    network.requires_grad_(False).eval()
    return Model(network, card)


def plain_settings(network: Network) -> dict[str, JsonValue]:
    """List all settings of a network as a card holds them."""
    return cast("dict[str, JsonValue]", json.loads(json.dumps(asdict(network.settings))))


def _without_weights(name: str, settings: Mapping[str, Any]) -> Model:
    network = build(name, **settings)
    if network.state_dict():
        title = network.REFERENCE.title
        raise InputError(
            f"{title} needs weights: name their file or folder instead; geoloupe convert makes "
            f"them from published ones, as in: "
            f"geoloupe convert published.pt --network {name} -o weights/my-{name}"
        )
    return model_from_state(
        network, {}, Card(name=name, network=name, settings=plain_settings(network))
    )


def _with_weights(path: Path, settings: Mapping[str, Any]) -> Model:
    card, arrays = read_weights(path)
    with errors_named(path):
        scale = settings.get("scale") if settings.get("scale") in card.scales else None
        asked = {key: value for key, value in settings.items() if scale is None or key != "scale"}
        agree(asked, card.settings, ("you asked for", "these weights have"))
        adapter = adapter_class(card.network)
        if adapter is None:
            _refuse_strangers(card, arrays)
        state = {name: torch.tensor(array) for name, array in arrays.items()}
        if adapter is not None:
            return ready(adapter.adapt(state, card.settings), card)
        model = model_from_state(build(card.network, **card.settings), state, card)
        return model if scale is None else model.at(scale)


def _refuse_strangers(card: Card, arrays: Mapping[str, Array]) -> None:
    """Refuse tensors other than exactly those of the card's network, before it is built."""
    network = network_class(card.network)
    shapes = {name: array.shape for name, array in arrays.items()}
    try:
        inferred = network.infer(shapes)
    except (LookupError, ArithmeticError, ValueError, TypeError):
        inferred = {}  # wrong names or shapes are reported below
    counts = {key: value for key, value in inferred.items() if isinstance(value, int)}
    # Before anything is built: a card must not demand an endless network.
    agree(card.settings, counts, ("its card says", "its tensors have"))
    expected = expected_state(network, card.settings)
    title = network.REFERENCE.title
    if missing := sorted(expected.keys() - shapes.keys()):
        raise InputError(f"lacks {_tensors(missing)} of {title}: {shown(missing)}")
    if extra := sorted(shapes.keys() - expected.keys()):
        raise InputError(f"holds {_tensors(extra, 'extra ')} for {title}: {shown(extra)}")
    for name, wanted in expected.items():
        _refuse_other_kind(name, arrays[name], wanted)


def _refuse_other_kind(name: str, array: Array, wanted: Tensor) -> None:
    """Refuse a tensor of the wrong shape or type, or that no working network holds."""
    if array.shape != tuple(wanted.shape):
        raise InputError(
            f"{shown([name])} has shape {array.shape}, but the card's settings need "
            f"{tuple(wanted.shape)}"
        )
    stored, needed = str(array.dtype), str(wanted.dtype).removeprefix("torch.")
    if stored != needed and (stored, needed) != ("float16", "float32"):
        raise InputError(f"{shown([name])} holds {array.dtype}, not {wanted.dtype}")
    if not np.isfinite(array).all():
        raise InputError(f"{shown([name])} holds NaN or infinity")


def _tensors(names: list[str], kind: str = "") -> str:
    return f"{len(names)} {kind}tensor{'s' * (len(names) != 1)}"
