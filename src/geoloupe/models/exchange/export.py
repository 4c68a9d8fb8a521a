"""A model as a file for other programs, which carries the proof that it answers as the model."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

import numpy as np
from torch import Tensor

from geoloupe.errors import InputError, RunError
from geoloupe.models.exchange.forms import FORMS, Form, Save
from geoloupe.models.exchange.graph import FixedOptions, Graph
from geoloupe.models.model import Model
from geoloupe.storage.publish import check_target, publish
from geoloupe.version import __version__

KEY = "geoloupe"  # of what we say in a file
TOLERANCE = 1e-4  # unit values
_KEPT = 32  # values of each answer that are written down
_INPUT = (
    "0.5 + 0.25 sin(9 y + 0.7 b) cos(13 x - 0.3 b) + 0.15 (1 where x + y > 1), for row y and "
    "column x divided by their number, and band b from 0; a guide alike, on its own pixels"
)
_MEANS = "0 is dark and 1 is bright; values of an image are brought to that before, and back after"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a file answered to a known image beside what the model did."""

    height: int
    width: int
    largest_difference: float  # unit values
    answers: tuple[float, ...]  # some of the model's, evenly spaced in its order


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """A file that was made, and its proof."""

    path: Path
    files: tuple[Path, ...]
    bands: tuple[str, ...]
    mtf: float | None
    tile: int | None
    trials: tuple[Trial, ...]

    @property
    def largest_difference(self) -> float:
        """How far the file's answers are from the model's at the most, in unit values."""
        return max(trial.largest_difference for trial in self.trials)


def export_model(
    model: Model,
    path: Path,
    *,
    resolution: float | None = None,
    overwrite: bool = False,
    **fixed: Unpack[FixedOptions],
) -> ExportedFile:
    """Write a model as .onnx, .xml (OpenVINO) or .pt2 (torch.export), read back before it counts.

    Args:
        model: With weights or without.
        path: The new file, whose suffix chooses the format.
        resolution: The side of an LR pixel in metres, for programs that ask for it.
        overwrite: Replace old files.
        **fixed: bands, tile and mtf: see `FixedOptions`.

    Returns:
        The files, and how far their answers are from the model's.
    """
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path}: models are exported as {', '.join(FORMS)}")
    if resolution is not None and not resolution > 0:
        raise InputError(f"resolution={resolution:g}: is the side of a pixel in metres")
    form.check()
    for file in form.files(path):
        check_target(file, overwrite=overwrite)
    graph = Graph.of(model, **fixed)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Path(folder) / f"model{path.suffix.lower()}"
        save, trials = _proven(form, graph, made)
        marks = {KEY: json.dumps(_facts(form, graph, trials))} | deepness(graph, resolution)
        save(made, marks)
        _try(form, graph, made)  # the very file that is published
        if form.marks(made) != marks:
            raise RunError(f"{path}: what it says of itself cannot be read back")
        _publish(form, made, path, overwrite=overwrite)
    return ExportedFile(
        path=path,
        files=form.files(path),
        bands=graph.bands,
        mtf=graph.mtf,
        tile=graph.tile,
        trials=trials,
    )


def deepness(graph: Graph, resolution: float | None) -> dict[str, str]:
    """Return the properties by which the QGIS plug-in Deepness sets itself up.

    It runs models of one input, reads each value as JSON, takes lengths in centimetres, and places
    answers of whole tiles side by side, so that tiles must not overlap.
    """
    if graph.guide_bands:
        return {}
    values: dict[str, Any] = {
        "model_type": "Superresolution",
        "class_names": dict(enumerate(graph.bands)),
        "tile_size": graph.tile or graph.model.tile,
        "tiles_overlap": 0,
    }
    if resolution is not None:
        values["resolution"] = 100 * resolution
    return {key: json.dumps(value) for key, value in values.items()}


def read_marks(path: Path) -> dict[str, str]:
    """Read what an exported file says of itself."""
    form = FORMS.get(path.suffix.lower())
    if form is None or not path.is_file():
        raise InputError(f"{path}: is no exported model ({', '.join(FORMS)})")
    form.check()
    return form.marks(path)


def _proven(form: Form, graph: Graph, path: Path) -> tuple[Save, tuple[Trial, ...]]:
    """Build a file and try it; what its runtime makes of it is not believed but compared."""
    try:
        save = form.build(graph)
        save(path, {})
        return save, _try(form, graph, path)
    except RunError:
        raise
    except Exception as error:  # noqa: BLE001 (exporters and runtimes have failures of their own kinds)
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        name = graph.model.card.name
        if graph.tile is None:
            raise InputError(
                f"{name} cannot be exported to {form.title} for images of any size ({reason}); "
                f"name the one size that it is to take, such as tile={graph.model.tile}"
            ) from None
        raise RunError(f"{name} cannot be exported to {form.title} ({reason})") from None


def _try(form: Form, graph: Graph, path: Path) -> tuple[Trial, ...]:
    """Run a file on known images, each compared with the model's own answer."""
    run = form.load(path)
    trials = []
    for height, width in graph.sides:
        expected = graph.answer(height, width)
        found = run(graph.inputs(height, width))
        gap = _difference(found, expected)
        if not gap <= TOLERANCE:  # written so that NaN fails
            raise RunError(
                f"{graph.model.card.name}: the {form.title} file gives another answer than the "
                f"model (they differ by {gap:.1e}), so it was not kept"
            )
        places = np.linspace(0, expected.numel() - 1, _KEPT).astype(np.int64)
        kept = tuple(round(float(value), 6) for value in expected.flatten()[places])
        trials.append(Trial(height=height, width=width, largest_difference=gap, answers=kept))
    return tuple(trials)


def _difference(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float((found - expected).abs().max())


def _facts(form: Form, graph: Graph, trials: Sequence[Trial]) -> Mapping[str, Any]:
    """Return what we say of a file: what it is, and the proof."""
    model, signature = graph.model, graph.model.network.signature
    return {
        "made_by": f"geoloupe {__version__}",
        "model": model.card.name,
        "digest": model.digest,
        "network": model.card.network,
        "scale": signature.scale,
        "bands": graph.bands,
        "guide_bands": graph.guide_bands,
        "mtf": graph.mtf,
        "tile": graph.tile or model.tile,
        "margin": model.margin,
        "bound": model.card.bound,
        "values": _MEANS,
        "licence": model.card.licence,
        "not_for": model.card.not_for,
        "proof": {
            "runtime": f"{form.runtime} {version(form.runtime)}",
            "input": _INPUT,
            "tolerance": TOLERANCE,
            "trials": [asdict(trial) for trial in trials],
        },
    }


def _publish(form: Form, made: Path, path: Path, *, overwrite: bool) -> None:
    """Make the files appear, that of the name last; each whole or absent."""
    with ExitStack() as files:
        for source, target in reversed(list(zip(form.files(made), form.files(path), strict=True))):
            part = files.enter_context(publish(target, overwrite=overwrite))
            shutil.copyfile(source, part)
