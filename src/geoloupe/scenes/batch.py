"""A folder of results that remembers: of many scenes, what was made, from what and how.

Run again, a batch makes only what is missing, failed or has changed. The memory is a table that a
person reads, too: `geoloupe-summary.json`, and the same as `.csv`.
"""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoloupe.errors import InputError
from geoloupe.scenes.identity import absolute, identities
from geoloupe.scenes.order import ONLY_HOW
from geoloupe.storage.lock import locked
from geoloupe.storage.publish import head_of, publish_texts
from geoloupe.version import __version__

SUMMARY, TABLE = "geoloupe-summary.json", "geoloupe-summary.csv"
_SAID_ELSEWHERE = frozenset({*ONLY_HOW, "overwrite", "progress"})
_FILES = ("model", "guide", "area")  # settings that may name files
_PATIENCE = 10.0  # seconds that another batch may hold the summary
_COLUMNS = ("scene", "outcome", "product", "error", "warnings", "width", "height", "bands", "dtype")

Outcome = Literal["begun", "made", "kept", "failed"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one scene the last time it was asked for, and what is known of its product."""

    scene: str
    place: str  # the scene as any folder finds it
    outcome: Outcome
    product: str
    error: str = ""
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, JsonValue] = field(default_factory=dict)  # what --json says of the product
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)  # files with size and time of change
    wrote: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__

    def still_true(self, scene: str, settings: Mapping[str, JsonValue]) -> bool:
        """Return whether the files that are there are what these settings make of a scene."""
        return (
            bool(self.wrote)
            and self.place == absolute(scene)
            and (self.version, dict(self.settings)) == (__version__, dict(settings))
            and all(dict(known) == identities(*known) for known in (self.read, self.wrote))
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The memory of a folder of results, for one set of settings."""

    folder: Path
    settings: Mapping[str, JsonValue]

    @classmethod
    def of(cls, folder: Path, verb: str, options: Mapping[str, Any]) -> "Batch":
        """Prepare the memory of a folder; InputError if another program's file has its name."""
        given = {name: value for name, value in options.items() if name not in _SAID_ELSEWHERE}
        # The same words name other files in another folder.
        given |= {name: absolute(given[name]) for name in _FILES if given.get(name) is not None}
        settings = json.loads(json.dumps({"command": verb} | given, default=str, sort_keys=True))
        batch = cls(folder=folder, settings=settings)
        batch.entries()
        return batch

    def entries(self) -> dict[str, Entry]:
        """Read what is known, by the product's name."""
        path = self.folder / SUMMARY
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["scenes"]
            entries = TypeAdapter(list[Entry]).validate_python(found)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            raise InputError(
                f"{path}: is not the summary of a batch, or is damaged; move it away"
            ) from None
        return {entry.product: entry for entry in entries}

    def kept(self, scene: str, target: Path) -> Entry | None:
        """Return what is known of a product that need not be made again, and note that."""
        known = self.entries().get(target.name)
        if known is not None and known.outcome == "begun":  # and killed before more was noted
            known = replace(known, wrote=identities(head_of(target)) if target.exists() else {})
        if known is None or not known.still_true(scene, self.settings):
            return None
        kept = replace(known, outcome="kept", error="")
        self.note(kept)
        return kept

    def begun(self, scene: str, target: Path) -> None:
        """Note what is worked on; a product that lies there already is somebody's."""
        if not target.exists():
            self.note(
                Entry(
                    scene=scene,
                    place=str(absolute(scene)),
                    outcome="begun",
                    product=target.name,
                    settings=self.settings,
                    read=identities(scene),
                )
            )

    def made(self, scene: str, result: Any, facts: dict[str, Any], warnings: list[str]) -> None:
        """Note a product and its layers."""
        texts = (self.settings.get(name) for name in _FILES)
        named = [str(text) for text in texts if text is not None and Path(str(text)).exists()]
        self.note(
            Entry(
                scene=scene,
                place=str(absolute(scene)),
                outcome="made",
                product=result.path.name,
                warnings=tuple(warnings),
                facts=json.loads(json.dumps(facts, default=str)),
                settings=self.settings,
                read=identities(*result.inputs, *_files(named)),
                wrote=identities(head_of(result.path), *result.beside.values()),
            )
        )

    def failed(self, scene: str, target: Path, error: str) -> None:
        """Note why a product could not be made."""
        place = str(absolute(scene))
        new = Entry(scene=scene, place=place, outcome="failed", product=target.name)
        # A product that lies there stays known as what it is: of its own scene.
        known = self.entries().get(target.name, new)
        self.note(replace(known, scene=scene, outcome="failed", error=error))

    def note(self, entry: Entry) -> None:
        """Write an entry in place of what was known of its product."""
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = f"{self.folder}: another program holds {SUMMARY}; run the same again"
        with locked(self.folder / SUMMARY, busy=busy, patience=_PATIENCE):
            entries = self.entries() | {entry.product: entry}
            several = [entries[name] for name in sorted(entries)]
            document = {"scenes": [asdict(one) for one in several]}
            texts = {SUMMARY: json.dumps(document, indent=2) + "\n", TABLE: _table(several)}
            publish_texts(self.folder, texts, overwrite=True)

    @property
    def table(self) -> Path:
        """The table for people."""
        return self.folder / TABLE


def _files(named: list[str]) -> list[str]:
    """List files and what folders such as those of weights hold."""
    return [
        str(file)
        for name in named
        for file in (sorted(Path(name).rglob("*")) if Path(name).is_dir() else [Path(name)])
        if file.is_file()
    ]


def _table(entries: list[Entry]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*_COLUMNS, "seconds"))
    for entry in entries:
        known = {**entry.facts, **asdict(entry), "warnings": "; ".join(entry.warnings)}
        rows.writerow([known.get(name, "") for name in (*_COLUMNS, "seconds")])
    return text.getvalue()
