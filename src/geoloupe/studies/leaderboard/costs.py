"""What the models of a leaderboard cost on this machine, each measured once in its own process."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from geoloupe import settings
from geoloupe.errors import GeoloupeError
from geoloupe.models.model import Model
from geoloupe.storage.publish import publish_texts
from geoloupe.studies.cost import Cost, CostSettings, costs
from geoloupe.studies.leaderboard.plan import Plan, Section
from geoloupe.system.progress import Progress, silent
from geoloupe.version import __version__

COSTS = "costs"

Costs = dict[tuple[str, int], Cost]
"""By entry and factor."""


def cost_settings(plan: Plan, section: Section) -> CostSettings:
    """Return how a model of a section is measured."""
    first = section.prepared.split(section.split)[0]
    return CostSettings(
        sizes=(plan.board.side,),
        scale=section.scale,
        bands=first.parts["hr"].shape[2],
        threads=plan.board.threads,
        precision=plan.options.precision,
        device="cpu" if plan.options.device == "auto" else plan.options.device,
    )


def measure_costs(plan: Plan, folder: Path, *, progress: Progress = silent) -> Costs:
    """Measure the first seed of every entry at every factor; what cannot be is left out."""
    words = {entry.name: entry.models[0] for entry in plan.entries}
    wanted: dict[tuple[str, int], tuple[Section, Model]] = {}
    for section in plan.sections:
        for name, models in section.entries.items():
            wanted.setdefault((name, section.scale), (section, models[0]))
    found: Costs = {}
    for done, ((name, scale), (section, model)) in enumerate(wanted.items(), start=1):
        chosen = cost_settings(plan, section)
        file = f"{''.join(c if c.isalnum() else '-' for c in name)}-x{scale}-{_key(model, chosen)}"
        kept = _read(folder / COSTS / f"{file}.json")
        if kept is None:
            try:
                measured: Sequence[Cost] = costs([words[name]], chosen)
            except GeoloupeError:  # what needs a scene's own guide has no cost of a plain image
                measured = ()
            if measured:
                kept = measured[0]
                text = json.dumps(asdict(kept), indent=1) + "\n"
                publish_texts(folder / COSTS, {f"{file}.json": text}, overwrite=True)
        if kept is not None:
            found[name, scale] = kept
        progress(done, len(wanted))
    return found


def _key(model: Model, chosen: CostSettings) -> str:
    """Name the weights, how they are measured, and the machine."""
    machine = [platform.node(), platform.machine(), os.cpu_count()]
    facts = [__version__, model.card.network, model.digest, settings.dump(chosen), machine]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _read(path: Path) -> Cost | None:
    try:
        return Cost(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
