"""An order: what the user asked for, opened, with everything that cannot work refused.

`upscale` and `sharpen` each make one; from there on both work the same.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geoloupe.errors import InputError
from geoloupe.models.devices import devices_of
from geoloupe.scenes.identity import JobIdentity
from geoloupe.scenes.scene import SceneRun
from geoloupe.storage.sizes import parse_size

SetUp = Callable[..., "Order"]
"""Opens an order: (stack, path, output, model, settings, *, overwrite) -> Order."""

ONLY_HOW = ("memory", "shard", "cluster", "workers", "device")
"""Settings that decide how a result is computed but not its pixels."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a job may use without changing its result."""

    memory: str | None = None  # such as 2GB; None: a part of what is free
    shard: str | None = None  # such as 2/8: only this part of the blocks
    cluster: str | None = None  # the address of a Dask scheduler
    workers: int | None = None  # processes of a Dask cluster on this machine
    device: str = "auto"  # as PyTorch names it; each of several, as in cuda:0,1, has a process

    def __post_init__(self) -> None:
        if self.memory is not None:
            parse_size(self.memory)
        if self.shard is not None:
            parse_shard(self.shard)
        devices_of(self.device)
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be 1 or more, not {self.workers}")

    @property
    def memory_bytes(self) -> int | None:
        """The memory that may be used."""
        return None if self.memory is None else parse_size(self.memory)

    @property
    def part(self) -> tuple[int, int] | None:
        """The number of the shard and how many there are."""
        return None if self.shard is None else parse_shard(self.shard)

    @property
    def alone(self) -> bool:
        """Whether this process does all of the work."""
        return not any((self.shard, self.cluster, self.workers)) and len(self.devices) == 1

    @property
    def devices(self) -> list[str]:
        """The devices that compute."""
        return devices_of(self.device)


@dataclass(frozen=True, kw_only=True)
class Order:
    """A scene ready to be computed, and the place of its result."""

    scene: SceneRun
    target: Path
    identity: JobIdentity
    inputs: tuple[str, ...]  # files that are read, so that none is overwritten
    settings: Resources
    set_up: SetUp  # reopens the order in another process

    def errand(self, identity: JobIdentity) -> "Errand":
        """Return this order as a worker can open it again, for the work in a folder."""
        call = identity.call
        if call.model is None:
            raise InputError("a cluster needs a model its workers can load: a name or a path")
        chosen: Any = replace(self.settings, cluster=None, workers=None, shard=None)
        return Errand(
            set_up=self.set_up,
            path=call.path,
            target=self.target.absolute(),
            model=call.model,
            settings=replace(chosen, guide=call.guide),
            identity=identity,
        )


@dataclass(frozen=True, kw_only=True)
class Errand:
    """An order as it is sent to another process."""

    set_up: SetUp
    path: str
    target: Path
    model: str
    settings: Resources
    identity: JobIdentity

    def open(self, stack: ExitStack) -> Order:
        """Set the order up again; raise InputError if its result would differ."""
        order = self.set_up(
            stack, self.path, self.target, self.model, self.settings, overwrite=True
        )
        for key in ("model", "tiles", "settings"):
            ours, theirs = getattr(order.identity, key), getattr(self.identity, key)
            if ours != theirs:
                raise InputError(
                    f"{self.path}: this worker would make another result: its {key} is {ours}, "
                    f"not {theirs}"
                )
        return order


@dataclass(frozen=True, kw_only=True)
class Command:
    """A kind of order: its settings, what opens it, and what makes its result in one call."""

    settings: type[Any]
    set_up: SetUp
    make: Callable[..., Any]

    def again(self, identity: JobIdentity, target: Path, *, overwrite: bool) -> Any:
        """Make a result whose work is described by its identity."""
        call = identity.call
        chosen = {**identity.settings, "guide": call.guide}
        return self.make(call.path, target, model=call.model, overwrite=overwrite, **chosen)


def parse_shard(text: str) -> tuple[int, int]:
    """Read a part such as 2/8: the second of eight."""
    first, slash, last = text.partition("/")
    if not (slash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise ValueError(f"shard is a part such as 2/8, not {text!r}")
    return int(first), int(last)
