"""Turn an archive into a prepared data set: checked, split, written once; always resumable.

Scenes go in a fixed order into a few raw files, and a journal records each one on disk. A stopped
run is resumed after the last of them, and ends in the same bytes. The folder counts as prepared
when its facts exist, which are written last.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from geoloupe import catalog
from geoloupe.datasets.preparation.journal import Journal, remove_journal
from geoloupe.datasets.preparation.pair_alignment import registration_notes
from geoloupe.datasets.preparation.prepared import FACTS, FORMAT, INDEX, PreparedDataset
from geoloupe.datasets.scenes import DataCard, Dataset, Scene
from geoloupe.datasets.splits import SPLITS, Archived, Listed, Rule
from geoloupe.errors import InputError
from geoloupe.storage.publish import publish_texts
from geoloupe.storage.tree import Tree, open_tree
from geoloupe.system.progress import Progress

LIST = "split.txt"


@dataclass(frozen=True)
class Outcome:
    """A prepared data set and notes about it."""

    prepared: PreparedDataset
    notes: tuple[str, ...]


def prepare(
    name: str | Dataset,
    source: Path,
    target: Path,
    *,
    split: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Prepare a data set for training and evaluation. After a stop, the same call resumes.

    Args:
        name: A data set of the catalog, such as "ucmerced", or "folder" for your own images.
        source: The folder, .zip or file that holds it.
        target: The folder for the prepared data set.
        split: A rule of the data set by name, or a file that lists "split scene"; by default, the
            data set's own.
        seed: For rules that draw.
        progress: Called with the number of finished scenes and of all.

    Returns:
        The prepared data set, and notes on what was found in it.

    Example:
        >>> done = geoloupe.prepare("folder", Path("images"), Path("prepared"))
        >>> sorted(done.prepared.counts)
        ['test', 'train', 'val']
    """
    dataset = name
    if isinstance(dataset, str):
        dataset = cast("Dataset", catalog.resolve("dataset", dataset))
    tree = open_tree(source)
    scenes = dataset.scenes(tree)
    rule_name, rule = _rule(dataset.card, scenes, split)
    chosen = _assigned(dataset.card, scenes, rule, seed)
    header = {
        "format": FORMAT,
        "name": dataset.card.name,
        "split": {"rule": rule_name, "about": rule.about, "seed": seed},
        "scenes": _digest("\n".join(f"{split} {scene.id}" for scene, split in chosen)),
    }
    notes = _archive_notes(dataset.card, tree)
    if (target / FACTS).exists():
        done = _sound(target, header)
        notes.append("was already prepared, and is intact")
        return Outcome(done, (*notes, *registration_notes(done)))
    with Journal.open(target, header) as journal:
        _write(journal, chosen, progress)
        _finish(journal, dataset.card, header)
    prepared = PreparedDataset.open(target)
    left = len(scenes) - len(chosen)
    if left:
        notes.append(f"{left} scenes are in no split and were left out")
    return Outcome(prepared, (*notes, *_size_notes(prepared), *registration_notes(prepared)))


def _sound(target: Path, header: Mapping[str, Any]) -> PreparedDataset:
    """Open an already prepared data set; one prepared differently is an InputError."""
    done = PreparedDataset.open(target)
    if any(done.facts[key] != value for key, value in header.items()):
        raise InputError(
            f"{target}: holds {done.name} prepared differently; choose another folder, "
            "or delete this one"
        )
    remove_journal(target)  # of a run killed at its very last step
    done.verify()
    return done


def _rule(card: DataCard, scenes: Sequence[Scene], split: str | None) -> tuple[str, Rule]:
    if split is None:
        if any(scene.split for scene in scenes):
            return "archive", Archived()
        return next(iter(card.rules.items()))
    if split in card.rules:
        return split, card.rules[split]
    path = Path(split)
    if path.is_file():
        return "list", Listed(path)
    raise InputError(f"{InputError.unknown('split rule', split, card.rules)}; or name a list file")


def _assigned(
    card: DataCard, scenes: Sequence[Scene], rule: Rule, seed: int
) -> list[tuple[Scene, str]]:
    """Return every used scene with its split, in writing order."""
    given = {scene.id: scene.split for scene in scenes if scene.split}
    labels = {scene.id: scene.label for scene in scenes}
    assert len(labels) == len(scenes), f"{card.name}: scenes share an id"
    splits = rule.among(given, seed) if isinstance(rule, Archived) else rule.assign(labels, seed)
    if not splits:
        raise InputError(f"{card.name}: the rule '{rule.about}' gives no scene to any split")
    used = [(scene, splits[scene.id]) for scene in scenes if scene.id in splits]
    return sorted(used, key=lambda pair: (SPLITS.index(pair[1]), pair[0].id))


def _write(
    journal: Journal, chosen: Sequence[tuple[Scene, str]], progress: Progress | None
) -> None:
    done = len(journal.lines)
    for count, (scene, split) in enumerate(chosen[done:], start=done + 1):
        journal.add(scene, split)
        if progress is not None:
            progress(count, len(chosen))


def _finish(journal: Journal, card: DataCard, header: dict[str, Any]) -> None:
    """Turn the journal into the index and, last of all, write the facts."""
    journal.flush()
    kinds: list[Any] = []
    lines = []
    for line in journal.lines:
        entry = json.loads(line)
        for part in entry["parts"].values():
            if part["kind"] not in kinds:
                kinds.append(part["kind"])
            part["kind"] = kinds.index(part["kind"])
        lines.append(json.dumps(entry, sort_keys=True))
    index = "\n".join(lines) + "\n"
    entries = [json.loads(line) for line in lines]
    listed = "\n".join(f"{entry['split']} {entry['id']}" for entry in entries)
    counts = Counter(entry["split"] for entry in entries)
    facts = header | {
        "about": card.about,
        "source": card.source,
        "terms": card.terms,
        "cite": card.cite,
        "counts": dict(counts),
        "sizes": journal.sizes(),
        "kinds": kinds,
        "index_sha256": _digest(index),
    }
    texts = {
        INDEX: index,
        LIST: listed + "\n",
        FACTS: json.dumps(facts, indent=2, sort_keys=True) + "\n",
    }
    publish_texts(journal.folder, texts, overwrite=True)
    remove_journal(journal.folder)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _archive_notes(card: DataCard, tree: Tree) -> list[str]:
    known = card.sha256.get(tree.root.name)
    if known is None or not tree.root.is_file():
        return []
    with tree.root.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    return ["is the archive as published" if found == known else "differs from the known archive"]


def _size_notes(prepared: PreparedDataset) -> list[str]:
    sizes = Counter(entry.parts["hr"].shape[:2] for entry in prepared.entries)
    (height, width), usual = sizes.most_common(1)[0]
    others = len(prepared.entries) - usual
    return [
        f"{usual} scenes of {width} x {height} pixels"
        + (f", {others} of other sizes" * (others > 0))
    ]
