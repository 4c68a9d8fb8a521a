"""Weights that carry their own contract: tensors in one safetensors file, the card in its header.

A folder of weights holds `model.safetensors` and `card.json`, a copy of the card for people.
"""

import json
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from safetensors import SafetensorError, numpy

from geoloupe.errors import InputError, RunError
from geoloupe.imagery.kinds import Kind
from geoloupe.storage.publish import check_folder, publish

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
CARD_KEY = "geoloupe"
FORMAT = 2  # 0.1 wrote 1, which is read as 2: it said less, and one thing nobody needed
RETIRED = ("value_range",)
MAX_HEADER = 16 * 2**20  # bytes; ten thousand tensors take one megabyte

Array = NDArray[np.generic]


class CardModel(BaseModel):
    """The base of everything in cards: frozen, strict about names, without NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Origin(CardModel):
    """What the weights were made from."""

    file: str
    sha256: str


class Score(CardModel):
    """One row of measured quality, next to bicubic interpolation's."""

    protocol: str
    data: str
    scale: int
    values: dict[str, float]
    bicubic: dict[str, float] = {}


class Shares(CardModel):
    """Errors (RMSE) of a sharpened pair relative to interpolation's, by Wald's protocol."""

    data: str
    ratio: int
    model: float
    glp: float
    bands: dict[str, tuple[float, float]]  # the same two for each band


class Gain(CardModel):
    """The mean gain in PSNR over bicubic interpolation where sensor and noise are known."""

    data: str
    degradation: str
    noise: float  # its deviation, of 255
    mean: float
    low: float  # of the mean's 95 % interval
    high: float
    worst: float  # image
    images: int


class Rounding(CardModel):
    """What computing in bf16 costs and gains, compared with single precision."""

    data: str  # and what was done to it
    images: int
    loss: float  # dB, on the mean
    worst: float  # dB, of an image
    quicker: float = 1.0  # times, on a processor with bf16 multiplication


class Cover(CardModel):
    """How often the truth lay within sigma on some images, as shares of one."""

    data: str  # and what was done to it
    images: int
    within: dict[str, float]  # "68", "90", "95": of all pixels
    worst_class: str = ""
    worst_class_90: float | None = None
    classes_below_80: int = 0  # of the class whose truth lay least within sigma for 90 %
    worst_images_90: float  # the 5 % quantile of images
    rank_correlation: float  # of sigma with the error's size; a constant has none
    sparsification: float  # how far sigma's order is from the errors'; 1: as far as random
    interval_score: float  # of 90 % intervals, relative to the best constant's; less is better


class Calibration(CardModel):
    """What turns an answer's roughness into sigma: see `inference.doubt`."""

    data: str
    images: int
    mtf: tuple[float, ...] = Field(min_length=1)  # rising; calibrated no farther
    ratios: tuple[float, ...] = Field(min_length=2)  # of near and far roughness, rising
    sigmas: tuple[tuple[float, ...], ...]  # for each MTF, relative to the far roughness
    factors: tuple[tuple[float, float, float], ...]  # for each MTF: sigma for 68, 90 and 95 %
    cover: tuple[Cover, ...] = ()

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for name in ("mtf", "ratios"):
            values = getattr(self, name)
            if any(two <= one for one, two in pairwise(values)) or min(values) < 0:
                raise ValueError(f"{name} must rise from 0 or more")
        if not len(self.mtf) == len(self.sigmas) == len(self.factors):
            raise ValueError("each mtf needs a row of sigmas and one of factors")
        if any(len(row) != len(self.ratios) or min(row) < 0 for row in self.sigmas):
            raise ValueError("a row of sigmas needs one of 0 or more for each ratio")
        return self


class Training(CardModel):
    """How weights were made."""

    recipe: str
    steps: int
    hours: float
    hardware: str
    split: str = ""
    version: str = ""
    commit: str | None = None


class Card(CardModel):
    """Everything about a model that is not a tensor."""

    format: Literal[2] = 2
    name: str = Field(min_length=1)
    network: str
    settings: dict[str, JsonValue]
    bands: tuple[str, ...] | None = None  # None: any
    scales: tuple[int, ...] = ()  # it was trained for, where its weights serve several
    tile: int | None = Field(default=None, ge=1)  # in LR pixels; None: what the network prefers
    margin: int | None = Field(default=None, ge=0)
    # How far its answers may exceed the pixels around, in parts of their range, as it was
    # scored; None: scored without a bound
    bound: float | None = Field(default=None, ge=0)
    least_bands: int | None = Field(default=None, ge=1)  # scenes with fewer are refused
    licence: str | None = None
    origin: Origin | None = None
    trained_on: str | None = None
    training: Training | None = None
    scores: tuple[Score, ...] = ()
    shares: tuple[Shares, ...] = ()  # of sharpening with a guide, on pairs it never saw
    gains: tuple[Gain, ...] = ()  # by data and degradation
    bf16: Rounding | None = None  # None: its cost was not measured
    calibration: Calibration | None = None  # of sigma; None: its uncertainty is unknown
    notes: str | None = None
    not_for: str | None = None
    unsuited: tuple[Kind, ...] = ()  # scenes it was not made for, as a program can recognise them

    @model_validator(mode="before")
    @classmethod
    def _brought_up(cls, values: Any) -> Any:
        """Update a card of an earlier version."""
        if not isinstance(values, dict) or values.get("format") != 1:
            return values
        kept = {key: value for key, value in values.items() if key not in RETIRED}
        return kept | {"format": FORMAT}

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.bands is not None and (
            not all(self.bands) or len(set(self.bands)) < len(self.bands)
        ):
            raise ValueError(f"bands must have different names, not {', '.join(self.bands)}")
        if self.tile and self.margin and 2 * self.margin >= self.tile:
            raise ValueError(f"margin {self.margin} leaves nothing of tile {self.tile}")
        return self


def read_weights(path: Path) -> tuple[Card, dict[str, Array]]:
    """Read a weights file or a folder of weights; raise InputError for anything doubtful."""
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{file}: no such weights file")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    card = parse_card(_card_text(data, file), file)
    try:
        return card, numpy.load(data)
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        why = ascii(str(error))[1:-1][:200]  # quotes the file, which may hold terminal escapes
        raise InputError(f"{file}: corrupt weights ({why})") from None


def write_weights(
    folder: Path, card: Card, tensors: Mapping[str, Array], *, overwrite: bool = False
) -> None:
    """Write a folder of weights, each file whole or absent."""
    check_folder(folder, (WEIGHTS_FILE, CARD_FILE), overwrite=overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot make this folder ({error.strerror})") from None
    try:
        with publish(folder / WEIGHTS_FILE, overwrite=overwrite) as part:
            part.write_bytes(weights_bytes(card, tensors))
        with publish(folder / CARD_FILE, overwrite=overwrite) as part:
            part.write_bytes(card_bytes(card))
    except OSError as error:
        raise RunError(f"{folder}: could not be written ({error.strerror})") from None


def weights_bytes(card: Card, tensors: Mapping[str, Array]) -> bytes:
    """Make the bytes of a weights file."""
    return numpy.save(dict(tensors), {CARD_KEY: card.model_dump_json()})


def card_bytes(card: Card) -> bytes:
    """Make the bytes of the card for people."""
    return (json.dumps(card.model_dump(mode="json"), indent=2) + "\n").encode()


def parse_card(text: str, file: Path) -> Card:
    """Read a card from its JSON; `file` is the card's file, for messages."""
    try:
        values = json.loads(text)
        version = values.get("format") if isinstance(values, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise InputError(f"{file}: its card has format {version}, from a newer geoloupe")
        return Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])[:80]
        raise InputError(f"{file}: corrupt card ({where}: {first['msg']})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{file}: corrupt card (not JSON)") from None


def _card_text(data: bytes, file: Path) -> str:
    """Find the card in the header of a safetensors file."""
    if len(data) < 9 or data[8:9] != b"{":
        raise InputError(
            f"{file}: not a safetensors file; geoloupe convert makes one from a checkpoint"
        )
    (length,) = struct.unpack("<Q", data[:8])
    if length + 8 > len(data):
        raise InputError(f"{file}: truncated; its header alone takes {length + 8:,} bytes")
    if length > MAX_HEADER:
        raise InputError(f"{file}: no weights file has a header of {length:,} bytes")
    try:
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        text = metadata.get(CARD_KEY)
    except (ValueError, AttributeError, RecursionError):
        raise InputError(f"{file}: corrupt safetensors header") from None
    if not isinstance(text, str):
        raise InputError(
            f"{file}: has no geoloupe card; convert weights from elsewhere with geoloupe convert"
        )
    return text
