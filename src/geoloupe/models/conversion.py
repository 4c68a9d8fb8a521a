"""A published checkpoint -> a model of ours: read, rename, check, and say where it came from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoloupe.errors import InputError, errors_named
from geoloupe.models.card import Card, Origin
from geoloupe.models.checkpoint import read_checkpoint
from geoloupe.models.model import Model, model_from_state, plain_settings, ready
from geoloupe.models.reach import measured_margin
from geoloupe.networks import adapter_class, build, network_class
from geoloupe.networks.published.conversion import convert_state, named_weights, strip_wrappers
from geoloupe.networks.signature import Adapter

MIN_TILE = 64  # LR pixels


@dataclass(frozen=True, kw_only=True)
class Label:
    """What the user says about the weights and no file contains."""

    name: str
    bands: Sequence[str] | None = None
    licence: str | None = None


def convert_checkpoint(
    source: Path, network: str, settings: Mapping[str, Any], *, label: Label
) -> Model:
    """Convert a published checkpoint; settings are those its weights do not reveal."""
    adapter = adapter_class(network)
    if adapter is not None:
        return _adapted(source, (network, adapter), settings, label)
    chosen = network_class(network)
    content = read_checkpoint(source)
    with errors_named(source):
        values, state = convert_state(chosen, strip_wrappers(content), settings)
    built = build(network, **values)
    signature = built.signature
    card = Card(
        name=label.name,
        network=network,
        settings=plain_settings(built),
        bands=_band_names(label.bands, signature.bands, source),
        tile=signature.tile,
        margin=signature.margin,
        licence=label.licence,
        origin=Origin(file=source.name, sha256=_sha256(source)),
    )
    return model_from_state(built, state, card)


def _adapted(
    source: Path, chosen: tuple[str, type[Adapter]], settings: Mapping[str, Any], label: Label
) -> Model:
    """Convert a checkpoint of another package's network, whose reach is measured here."""
    name, adapter = chosen
    content = read_checkpoint(source)
    with errors_named(source):
        network = adapter.adapt(named_weights(content), settings)
        margin = measured_margin(network)
    multiple = getattr(network.settings, "multiple", 1)
    card = Card(
        name=label.name,
        network=name,
        settings=plain_settings(network),
        bands=_band_names(label.bands or adapter.BANDS, network.signature.bands, source),
        tile=-(-max(MIN_TILE, 4 * margin) // multiple) * multiple,  # half its side is kept, or more
        margin=margin,
        licence=label.licence,
        origin=Origin(file=source.name, sha256=_sha256(source)),
    )
    return ready(network, card)


def _band_names(
    names: Sequence[str] | None, count: int | None, source: Path
) -> tuple[str, ...] | None:
    """Check the band names against what the network takes."""
    if names is None:
        return None
    if count is not None and len(names) != count:
        raise InputError(f"{source}: its network takes {count} bands, but bands names {len(names)}")
    if not all(names) or len(set(names)) < len(names):
        raise InputError(f"bands {','.join(names)}: give each band a name of its own")
    return tuple(names)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
