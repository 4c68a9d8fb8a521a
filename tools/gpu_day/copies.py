"""Copies of a run that are small enough to be sent home, and runs that begin with such a copy.

Only the averaged weights travel, in files of a size that fits: a run that goes on from them makes
its optimiser anew, which a short warm-up forgives. Where the run's own folder is still there, it
goes on from that and loses nothing.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from geoloupe.models.model import Model, load, plain_settings, save
from geoloupe.networks.loupe import Loupe, collapse
from geoloupe.storage.publish import publish
from geoloupe.training.run_folder import CHECKPOINTS, MODEL, RECIPE_FILE
from geoloupe.training.state import checkpoints

MOST = 14 * 2**20  # bytes of one file
_NAME = re.compile(r"(.+)-(\d{8})\.(\d)of(\d)\.pt")


def copy_run(run: Path, target: Path) -> int | None:
    """Copy a run's newest checkpoint, its logs and its best model; give the step, if there is one.

    Files: as many parts as the weights need, a model of two files, and one text.
    """
    found = checkpoints(run / CHECKPOINTS)
    if not found:
        return None
    content = torch.load(found[-1], map_location="cpu", weights_only=True)
    # All that led here counts, or a run that went on from a copy would look older than it.
    step = int(content["step"] + content["before"]["steps"])
    target.mkdir(parents=True, exist_ok=True)
    parts = _shared(content.pop("average") or content["network"])
    told = {key: content[key] for key in ("step", "seconds", "before", "best")}
    written = []
    for number, weights in enumerate(parts, 1):
        path = target / f"{run.name}-{step:08}.{number}of{len(parts)}.pt"
        with publish(path, overwrite=True) as part:
            torch.save(told | {"average": weights}, part)
        written.append(path)
    for old in target.glob(f"{run.name}-*.pt"):
        if old not in written:
            old.unlink()
    logs = [run / name for name in (RECIPE_FILE, "validation.csv", "steps.csv")]
    text = "\n".join(
        f"# {log.name}\n{log.read_text(encoding='utf-8')}" for log in logs if log.exists()
    )
    (target / f"{run.name}.txt").write_text(text, encoding="utf-8")
    if (run / MODEL).is_dir():
        _copy_model(run / MODEL, target / f"{run.name}-model")
    return step


def _copy_model(folder: Path, target: Path) -> None:
    """Copy a model as it is used: convolutions that were grown to learn are plain again."""
    model = load(folder)
    if isinstance(model.network, Loupe) and model.network.settings.growth:
        collapse(model.network)
        model.network.settings = replace(model.network.settings, growth=0)
        told = {"settings": plain_settings(model.network)}
        model = Model(model.network, model.card.model_copy(update=told))
    save(model, target, overwrite=True)


def _shared(weights: dict[str, Any]) -> list[dict[str, Any]]:
    """Share tensors among files of at most so many bytes."""
    parts: list[dict[str, Any]] = [{}]
    filled = 0
    for name, tensor in weights.items():
        if filled + tensor.nbytes > MOST and parts[-1]:
            parts.append({})
            filled = 0
        parts[-1][name] = tensor.clone()
        filled += tensor.nbytes
    return parts


def newest(folder: Path, name: str) -> dict[str, Any] | None:
    """Read the newest copy of a run of which all parts are there."""
    found: dict[int, list[Path]] = {}
    wanted: dict[int, int] = {}
    for path in folder.glob(f"{name}-*.pt"):
        match = _NAME.fullmatch(path.name)
        if match and match[1] == name:
            found.setdefault(int(match[2]), []).append(path)
            wanted[int(match[2])] = int(match[4])
    whole = [step for step, paths in found.items() if len(paths) == wanted[step]]
    if not whole:
        return None
    parts = [torch.load(path, weights_only=True) for path in found[max(whole)]]
    return parts[0] | {"average": {k: v for part in parts for k, v in part["average"].items()}}


def restore(copy: dict[str, Any], recipe_text: str, run: Path) -> None:
    """Make the folder of a run of a copy, as much of it as another run needs to begin with it."""
    shutil.rmtree(run, ignore_errors=True)
    (run / CHECKPOINTS).mkdir(parents=True)
    (run / RECIPE_FILE).write_text(recipe_text, encoding="utf-8")
    content = copy | {"network": copy["average"]}
    torch.save(content, run / CHECKPOINTS / f"step-{copy['step']:08}.pt")
