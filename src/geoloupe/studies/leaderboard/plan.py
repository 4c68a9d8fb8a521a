"""What a leaderboard measures: sections, and the cells in them, each named by all it depends on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from geoloupe import catalog, settings
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.degradations.loading import load_degradation
from geoloupe.errors import InputError
from geoloupe.evaluation.scoring import Scoring
from geoloupe.evaluation.trial import (
    EvaluateSettings,
    load_entrant,
    on_common_bands,
    open_data,
)
from geoloupe.metrics.protocols import Protocol
from geoloupe.models.model import Model
from geoloupe.models.sharpeners import is_sharpener
from geoloupe.studies.leaderboard.entries import Entry
from geoloupe.version import __version__

OWN = "its own LR"  # of data sets that have LR images


@dataclass(frozen=True, kw_only=True)
class BoardSettings:
    """Options of a leaderboard besides those of `evaluate`."""

    reference: str | None = None  # the model that others are compared with; None: the first
    # Degradations beside the protocol's own; "none" leaves them out
    robust: str | tuple[str, ...] = ("mtf", "noise", "jpeg")
    cost: bool = True  # measure time and memory
    side: int = 64  # LR pixels along a side of the image that time and memory are measured on
    threads: int | None = None  # that they are measured with

    @property
    def harder(self) -> tuple[str, ...]:
        """The degradations beside the protocol's own."""
        named = self.robust.split(",") if isinstance(self.robust, str) else self.robust
        return tuple(name.strip() for name in named if name.strip() not in ("", "none"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """One table: models of one factor on one split under one protocol."""

    prepared: PreparedDataset
    split: str
    protocol: Protocol
    scale: int
    entries: Mapping[str, tuple[Model, ...]]  # by name; a model for each seed
    degradations: tuple[str, ...]  # the first is the protocol's own
    data: str = ""  # what the data set is called: several may be of one kind, in their own folders

    @cached_property
    def digests(self) -> dict[str, tuple[str, ...]]:
        """Names for exactly the weights of every entry, one a seed."""
        return {
            name: tuple(model.digest for model in models) for name, models in self.entries.items()
        }

    @property
    def title(self) -> str:
        """What is measured, in one line."""
        return f"{self.data}:{self.split}, {self.protocol.name}, x{self.scale}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One model with one seed in a section under one degradation: one file."""

    section: Section
    degradation: str
    entry: str
    number: int  # of its seed, from 0
    options: EvaluateSettings

    @property
    def model(self) -> Model:
        """The model to be measured."""
        return self.section.entries[self.entry][self.number]

    @property
    def digest(self) -> str:
        """A name for exactly its weights."""
        return self.section.digests[self.entry][self.number]

    @property
    def images(self) -> int:
        """How many images it sees."""
        every, limit = self.options.every, self.options.limit
        return len(self.section.prepared.split(self.section.split)[::every][:limit])

    @cached_property
    def key(self) -> str:
        """A name for everything that the scores depend on."""
        section, card = self.section, self.model.card
        degraded = None if self.degradation == OWN else load_degradation(self.degradation)
        facts = {
            "version": __version__,
            "network": card.network,
            "weights": self.digest,
            "card": [card.bands, card.bound, card.least_bands],
            "data": [section.prepared.facts["index_sha256"], section.split],
            "protocol": [section.protocol.name, section.protocol.describe()],
            "degradation": None if degraded is None else settings.dump(degraded),
            "options": {**settings.dump(self.options), "device": "any"},
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def file(self) -> str:
        """The name of its file, which ends in its key."""
        words = [self.entry, str(self.number), self.section.title, self.degradation]
        plain = "-".join("".join(c if c.isalnum() else "-" for c in word) for word in words)
        return f"{plain[:120]}-{self.key}.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """All that a leaderboard measures."""

    sections: tuple[Section, ...]
    entries: tuple[Entry, ...]
    reference: str
    board: BoardSettings
    options: EvaluateSettings

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, section by section, the protocol's own degradation first."""
        return tuple(
            Cell(
                section=section,
                degradation=degradation,
                entry=entry,
                number=number,
                options=self.options,
            )
            for section in self.sections
            for degradation in section.degradations
            for entry, models in section.entries.items()
            for number in range(len(models))
        )


def make_plan(
    entries: Sequence[Entry],
    data: Sequence[str],
    protocols: Sequence[str],
    scales: Sequence[int],
    board: BoardSettings,
    options: EvaluateSettings,
) -> Plan:
    """Open models and data; every mistake in them is refused before anything is measured."""
    reference = board.reference or entries[0].name
    if reference not in (names := [entry.name for entry in entries]):
        raise InputError.unknown("model of this leaderboard", reference, names)
    sets, known = open_all(data, protocols, board, options)
    trained = _trained(entries)
    wanted = sorted(set(scales) or {scale for _, scale in trained.values() if scale})
    if not wanted:
        raise InputError("none of these models has a factor of its own; name the scales to measure")
    sections = [
        section
        for prepared, split in sets
        for protocol in known
        for scale in wanted
        if (
            section := _section(
                prepared,
                split,
                protocol,
                scale,
                trained,
                tuple(dict.fromkeys([options.degradation or protocol.degradation, *board.harder])),
            )
        )
        is not None
    ]
    if not sections:
        factors = ", ".join(f"x{scale}" for scale in wanted)
        raise InputError(f"nothing to measure: no model, data set and protocol is for {factors}")
    return Plan(
        sections=tuple(_named(sections)),
        entries=tuple(entries),
        reference=reference,
        board=board,
        # What differs from cell to cell is not among what all share.
        options=replace(options, scale=None, degradation=None, protocol=EvaluateSettings.protocol),
    )


def _named(sections: Sequence[Section]) -> list[Section]:
    """Call data sets by their folders, and by as much of the path as tells them apart."""
    folders = {section.prepared.folder.resolve() for section in sections}
    names = [folder.name for folder in folders]
    found = []
    for section in sections:
        folder = section.prepared.folder.resolve()
        alone = names.count(folder.name) == 1
        name = folder.name if alone else f"{folder.parent.name}/{folder.name}"
        found.append(replace(section, data=name))
    return found


def open_all(
    data: Sequence[str],
    protocols: Sequence[str],
    board: BoardSettings,
    options: EvaluateSettings,
) -> tuple[list[tuple[PreparedDataset, str]], list[Protocol]]:
    """Open data sets and protocols; mistakes in what models are measured on are refused here."""
    if not data or not protocols:
        raise InputError("a leaderboard needs data and protocols")
    for name in (*board.harder, *([options.degradation] if options.degradation else [])):
        load_degradation(name)
    sets = [open_data(name, "test") for name in dict.fromkeys(data)]
    for prepared, split in sets:
        prepared.split(split)
    known = [
        cast("Protocol", catalog.resolve("protocol", name)) for name in dict.fromkeys(protocols)
    ]
    for protocol in known:
        Scoring.of(protocol.name, options.metrics)
    return sets, known


Trained = Mapping[str, tuple[tuple[Model | str, ...], int | None]]
"""By entry: loaded models and their factor; or names, and None, of those that take any factor."""


def _trained(entries: Sequence[Entry]) -> Trained:
    """Load what has a factor of its own."""
    found: dict[str, tuple[tuple[Model | str, ...], int | None]] = {}
    for entry in entries:
        loaded = [load_entrant(model, None) for model in entry.models]
        if any(is_sharpener(name) for name in entry.models) or not loaded[0].has_weights:
            found[entry.name] = (entry.models, None)
            continue
        scales = {model.network.signature.scale for model in loaded}
        if len(scales) > 1:
            raise InputError(f"{entry.name}: its models enlarge {sorted(scales)} times; name each")
        found[entry.name] = (tuple(loaded), scales.pop())
    return found


def _section(
    prepared: PreparedDataset,
    split: str,
    protocol: Protocol,
    scale: int,
    trained: Trained,
    degradations: tuple[str, ...],
) -> Section | None:
    """Return one section; None where the protocol or the data have another factor."""
    own = _own_factor(prepared, split)
    if protocol.scale not in (None, scale) or own not in (None, scale):
        return None
    models = {
        name: tuple(load_entrant(model, scale) for model in found)
        for name, (found, factor) in trained.items()
        if factor in (None, scale)
    }
    if not models:
        return None
    flat = [model for found in models.values() for model in found]
    named = {", ".join(model.card.bands) for model in flat if model.card.bands}
    if len(named) > 1:
        raise InputError(
            f"these models see different bands: {'; '.join(sorted(named))}; give each a "
            "leaderboard of its own"
        )
    common = iter(on_common_bands(flat))
    return Section(
        prepared=prepared,
        split=split,
        protocol=protocol,
        scale=scale,
        entries={name: tuple(next(common) for _ in found) for name, found in models.items()},
        degradations=degradations if own is None else (OWN,),
    )


def _own_factor(prepared: PreparedDataset, split: str) -> int | None:
    """Return the factor of a data set's own LR images; None if it has none."""
    for entry in prepared.split(split):
        if "lr" in entry.parts:
            return int(entry.parts["hr"].shape[0] // entry.parts["lr"].shape[0])
    return None
