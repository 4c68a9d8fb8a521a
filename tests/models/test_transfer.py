"""What goes to a device arrives, in the order that a GPU needs, and in batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import geoloupe
from geoloupe.errors import OutOfMemoryError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.models.predictor import Predictor
from geoloupe.models.transfer import Direct, Pinned, transfer_to
from geoloupe.networks.signature import Signature

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)


class Recording:
    """A GPU that computes on the processor and writes down what streams are told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []
        self.streams = ["network"]

    def Stream(self, _device: torch.device) -> "Stream":  # noqa: N802, as torch.cuda names it
        self.streams.append(("up", "down")[len(self.streams) - 1])
        return Stream(self.streams[-1], self.said)

    def current_stream(self, _device: torch.device) -> "Stream":
        return Stream("network", self.said)

    @contextmanager
    def stream(self, stream: "Stream") -> Iterator[None]:
        self.said.append(("on", stream.name))
        yield
        self.said.append(("off", stream.name))

    def Event(self) -> "Event":  # noqa: N802
        return Event(self.said)


@dataclass(frozen=True)
class Stream:
    name: str
    said: list[tuple[str, ...]] = field(repr=False, compare=False)

    def wait_stream(self, other: "Stream") -> None:
        self.said.append((self.name, "waits for", other.name))


@dataclass(frozen=True)
class Event:
    said: list[tuple[str, ...]]

    def record(self, stream: Stream) -> None:
        self.said.append(("event on", stream.name))

    def synchronize(self) -> None:
        self.said.append(("event waited for",))


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> tuple[Pinned, Recording]:
    """A way to the recording GPU, where memory is pinned in name only."""
    gpu = Recording()

    def copied(tensor: Tensor, source: Tensor, *, non_blocking: bool) -> Tensor:
        assert non_blocking
        gpu.said.append(("copies",))
        return copy(tensor, source)

    def sent(tensor: Tensor, place: torch.device, *, non_blocking: bool) -> Tensor:
        assert non_blocking
        gpu.said.append(("copies",))
        return tensor.clone()

    def empty(shape: Any, *, dtype: torch.dtype, pin_memory: bool) -> Tensor:
        assert pin_memory
        return torch.zeros(shape, dtype=dtype)

    copy = Tensor.copy_
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(Tensor, "to", sent)
    monkeypatch.setattr(Tensor, "copy_", copied)
    monkeypatch.setattr(
        Tensor, "record_stream", lambda _, stream: gpu.said.append(("kept for", stream.name))
    )
    monkeypatch.setattr("geoloupe.models.transfer.torch.empty", empty)
    return Pinned(device=CPU, batch=3, gpu=gpu), gpu


def test_copies_leave_the_stream_of_the_network_and_each_waits_for_what_it_needs(
    pinned: tuple[Pinned, Recording],
) -> None:
    transfer, gpu = pinned
    values = RNG.random((2, 3, 4, 5), np.float32)
    there = transfer.up(values)
    assert gpu.said == [
        *(("on", "up"), ("copies",), ("off", "up")),
        ("network", "waits for", "up"),
        ("kept for", "network"),
    ]
    gpu.said.clear()
    back = transfer.down(there + 1)
    assert gpu.said == [
        ("down", "waits for", "network"),
        *(("on", "down"), ("copies",), ("kept for", "down")),
        *(("event on", "down"), ("off", "down")),
        ("event waited for",),
    ]
    assert np.array_equal(back, values + 1)


@dataclass
class Counting:
    """A network that doubles a side, counts what it is given, and takes so many at once."""

    most: int = 1000
    batches: list[int] = field(default_factory=list)

    def __call__(self, lr: Tensor, guide: Tensor | None) -> Tensor:
        if len(lr) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.batches.append(len(lr))
        fine = lr.repeat_interleave(2, -1).repeat_interleave(2, -2)
        return fine if guide is None else fine + guide


def predictor(network: Any, batch: int, **more: Any) -> Predictor:
    return Predictor(
        network=network,
        signature=Signature(scale=2, bands=None, minimum=8),
        name="counting",
        rings=4,
        transfer=Direct(device=CPU, batch=batch),
        bound=0.1,
        **more,
    )


def images(*sizes: tuple[int, int]) -> list[tuple[Image, None]]:
    made = []
    for height, width in sizes:
        values = RNG.random((2, height, width), np.float32)
        values[0, 1, 1:3] = np.nan
        made.append((Image.of(values, radiometry=UNIT), None))
    return made


@pytest.mark.parametrize("ensemble", [False, True])
def test_a_batch_gives_what_each_image_gives_alone(ensemble: bool) -> None:
    seen = images((6, 9), (6, 9), (7, 9), (6, 9), (12, 4), (6, 9))
    network = Counting()
    found = predictor(network, 3, ensemble=ensemble).predict_all(seen)
    assert network.batches == [n for n in (3, 1, 1, 1) for _ in range(8 if ensemble else 1)]
    alone = predictor(Counting(), 1, ensemble=ensemble)
    for (image, _), answer in zip(seen, found, strict=True):
        expected = alone.predict(image)
        assert answer.grid == expected.grid
        assert np.array_equal(answer.values, expected.values, equal_nan=True)
        assert np.array_equal(answer.valid, expected.valid)


def test_a_batch_that_memory_has_no_room_for_is_halved() -> None:
    network = Counting(most=2)
    found = predictor(network, 8).predict_all(images(*[(6, 9)] * 7))
    assert network.batches == [1, 2, 2, 2]
    assert len(found) == 7


def test_one_image_too_many_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(OutOfMemoryError, match="choose a smaller tile"):
        predictor(Counting(most=0), 8).predict_all(images(*[(6, 9)] * 3))


def test_a_processor_takes_one_image_at_once() -> None:
    assert transfer_to(CPU).batch == 1


@pytest.mark.parametrize(("name", "size"), [("bicubic", (40, 66)), ("loupe-x2", (64, 100))])
def test_tiles_in_batches_make_the_product_that_single_tiles_make(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real network, where a batch may round otherwise in the last digit."""
    values = RNG.random((3, *size)).astype(np.float32)
    array = xr.DataArray(values, dims=("band", "y", "x"))
    settings: dict[str, Any] = {"model": name, "tile": 64, "precision": "fp32"}
    settings |= {"scale": 4, "tile": 24} if name == "bicubic" else {}
    one = geoloupe.upscale_array(array, **settings)
    monkeypatch.setattr(
        "geoloupe.models.predictor.transfer_to",
        lambda device: replace(transfer_to(device), batch=4),
    )
    four = geoloupe.upscale_array(array, **settings)
    assert np.abs(np.asarray(one) - np.asarray(four)).max() < 2e-6
