"""Sharpeners by name: trained weights, and methods that need none."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from geoloupe import catalog
from geoloupe.errors import InputError, errors_named
from geoloupe.models.bound import GUIDED_MARGIN
from geoloupe.models.card import Array, Card, read_weights, write_weights
from geoloupe.models.model import Model
from geoloupe.models.shipped import shipped_sharpeners
from geoloupe.networks.published.conversion import agree
from geoloupe.networks.published.name_table import shown
from geoloupe.networks.sharpening.as_network import SharpeningNetwork, SharpeningSettings
from geoloupe.networks.sharpening.guided import Guided, GuidedSettings
from geoloupe.networks.sharpening.method import Method

CLASSICAL = "glp"  # for guides no weights were tried on
SEVERAL, ONE = "guided-s2", "guided-pan"  # by the guide's number of bands
NETWORK = "guided"  # what cards call the network
_MIN_GUIDE_BANDS = 3  # least bands of a guide, as in training
_MAX_FACTOR = {SEVERAL: 6.5, ONE: 4.5}  # larger factors were not trained


@dataclass(frozen=True)
class TrainedSharpener:
    """A network trained to sharpen, and what is known about it."""

    network: Guided
    card: Card

    @property
    def digest(self) -> str:
        """A name for exactly these weights."""
        return digest_of(self.network)


def default_sharpener(
    guide_bands: int, ratios: Sequence[float], sensors: Sequence[str | None]
) -> str:
    """Return the sharpener for these sensors, with a guide of a number of bands and factors.

    Panchromatic bands differ: on GaoFen-2, weights trained on Landsat's lose to glp.
    """
    name = weights_for(guide_bands)
    if guide_bands == 1:
        learned = all(sensor is not None and sensor.startswith("landsat") for sensor in sensors)
    else:
        learned = guide_bands >= _MIN_GUIDE_BANDS
    fits = learned and max(ratios) <= _MAX_FACTOR[name] and name in shipped_sharpeners()
    return name if fits else CLASSICAL


def weights_for(guide_bands: int) -> str:
    """Return the name of the weights for a guide of this number of bands."""
    return ONE if guide_bands == 1 else SEVERAL


def is_sharpener(name: str | Path) -> bool:
    """Return whether a name or a folder of weights is a sharpener's."""
    if str(name) in shipped_sharpeners():
        return True
    if str(name) in catalog.names("network"):
        return False
    path = Path(name)
    if path.exists():
        return read_weights(path)[0].network == NETWORK
    return str(name) in catalog.names("sharpener")


def sharpening_model(name: str | Path, scale: int) -> Model:
    """Return a method or trained weights as a model of a factor, for comparison tables."""
    card, method = card_of(str(name)), make_sharpener(str(name))
    network = SharpeningNetwork(SharpeningSettings(scale=scale), method)
    own = {"bound": GUIDED_MARGIN, "settings": {"scale": scale}}
    return Model(network.eval().requires_grad_(False), card.model_copy(update=own))


def card_of(name: str) -> Card:
    """Return what is known about a method or trained weights."""
    if name in catalog.names("sharpener"):
        return Card(name=name, network=NETWORK, settings={})
    return load_sharpener(name).card


def make_sharpener(name: str) -> Method:
    """Make a method from a catalog name, shipped weights or a folder of weights."""
    if name in catalog.names("sharpener"):
        made: Method = cast("Any", catalog.resolve("sharpener", name))()
        return made
    return load_sharpener(name).network


def load_sharpener(name_or_path: str | Path) -> TrainedSharpener:
    """Load a sharpener's weights by name, or from their file or folder."""
    name = str(name_or_path)
    path = shipped_sharpeners().get(name, Path(name))
    if not path.exists():
        known = [*shipped_sharpeners(), *catalog.names("sharpener")]
        raise InputError.unknown("sharpener", name, known)
    card, arrays = read_weights(path)
    with errors_named(path):
        return TrainedSharpener(_built(card, arrays), card)


def save_sharpener(model: TrainedSharpener, folder: Path, *, overwrite: bool = False) -> None:
    """Write a sharpener as a folder of weights in 16 bits, each file whole or absent."""
    arrays = {
        name: x.half().cpu().contiguous().numpy() for name, x in model.network.state_dict().items()
    }
    write_weights(folder, model.card, arrays, overwrite=overwrite)


def digest_of(network: Guided) -> str:
    """Name exactly the weights of a network: a continued run must have the same."""
    found = hashlib.sha256(repr(sorted(asdict(network.settings).items())).encode())
    for tensor in network.state_dict().values():
        found.update(tensor.cpu().numpy().tobytes())
    return found.hexdigest()[:16]


def _built(card: Card, arrays: Mapping[str, Array]) -> Guided:
    """Build the network that a card describes and load it strictly."""
    if card.network != NETWORK:
        raise InputError(f"these weights are for {card.network}, which cannot sharpen with a guide")
    try:
        inferred = {
            "looks": arrays["look.weight"].shape[0],
            "width": arrays["head.weight"].shape[0],
            "depth": sum(name.startswith("body.") for name in arrays) // 2,
        }
    except (KeyError, IndexError):
        raise InputError("lacks tensors of the network guided") from None
    # Before anything is built: a card must not demand an endless network.
    agree(card.settings, inferred, ("its card says", "its tensors have"))
    network = Guided(GuidedSettings(**inferred))
    wanted = {name: tuple(x.shape) for name, x in network.state_dict().items()}
    wrong = [name for name in {*wanted, *arrays} if _shape(arrays, name) != wanted.get(name)]
    if wrong:
        raise InputError(f"has other tensors than the network guided: {shown(sorted(wrong))}")
    state = {name: torch.tensor(array).float() for name, array in arrays.items()}
    if not all(bool(x.isfinite().all()) for x in state.values()):
        raise InputError("holds NaN or infinity")
    network.load_state_dict(state)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.requires_grad_(False).eval()


def _shape(arrays: Mapping[str, Array], name: str) -> tuple[int, ...] | None:
    return arrays[name].shape if name in arrays else None
