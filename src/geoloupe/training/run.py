"""A run: a recipe becomes a folder with a log, checkpoints, pictures and at last a model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from geoloupe import catalog
from geoloupe.datasets.preparation.prepared import PreparedDataset, find
from geoloupe.datasets.samples.examples import Examples
from geoloupe.datasets.samples.patches import Mix, Patches, SomeBands
from geoloupe.degradations.loading import load_degradation
from geoloupe.errors import InputError
from geoloupe.imagery.response import SpectralResponse
from geoloupe.metrics.protocols import Protocol
from geoloupe.models.bound import usual_margin
from geoloupe.models.card import Card, Training
from geoloupe.models.model import Model, load, model_from_state, plain_settings, save
from geoloupe.networks import build
from geoloupe.storage.lock import locked
from geoloupe.storage.publish import publish_texts
from geoloupe.system.progress import Progress, silent
from geoloupe.training.batches import Share, batches
from geoloupe.training.hardware import Hardware, described, open_fabric
from geoloupe.training.log import open_log
from geoloupe.training.loop import Events, Loop
from geoloupe.training.losses import Objective
from geoloupe.training.recipe import Recipe, read_recipe, recipe_text
from geoloupe.training.state import State
from geoloupe.training.validation import Validation
from geoloupe.version import __version__, commit

RECIPE_FILE = "recipe.toml"
CHECKPOINTS, PICTURES, MODEL = "checkpoints", "pictures", "model"
_PAUSE = 120.0  # seconds between checkpoints


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a run ended with."""

    folder: Path
    model: Path
    steps: int
    seconds: float
    scores: dict[str, float]
    first: bool  # whether this is the first of several processes, the one that tells


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    hardware: Hardware | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a model; with `resume`, go on where a stopped run of the same recipe was."""
    torch.set_flush_denormal(True)
    hardware = hardware or Hardware()
    _protocol(recipe)  # a mistake in it is told at once
    fabric = open_fabric(hardware)
    if fabric.is_global_zero:
        _begin(recipe, folder, resume=resume)
    with _alone(folder) if fabric.is_global_zero else nullcontext():
        return _run(recipe, folder, hardware, fabric, progress or silent)


def _run(
    recipe: Recipe, folder: Path, hardware: Hardware, fabric: Any, progress: Progress
) -> Trained:
    """Put a run together from its recipe and go through it."""
    sets = [find(name) for name in recipe.data.sets]
    state, objective = _state(recipe)
    patches = _patches(sets, recipe, state)
    if recipe.batch % fabric.world_size:
        raise InputError(f"a batch of {recipe.batch} cannot be shared by {fabric.world_size}")
    if recipe.schedule.minutes is not None and fabric.world_size > 1:
        raise InputError("a schedule in minutes is for one process: their clocks differ")
    epoch = max(len(patches) // recipe.batch, 1)
    if not state.load(folder / CHECKPOINTS):
        _start(recipe, state)
    wrapped = _set_up(objective, state, hardware, fabric)
    share = Share(
        first=state.step,
        last=recipe.schedule.length(epoch),
        batch=recipe.batch,
        rank=fabric.global_rank,
        processes=fabric.world_size,
    )
    events = _Events(fabric, folder, recipe, sets[0], progress, state)
    source = batches(patches, share, hardware=hardware, fabric=fabric, seed=recipe.seed)
    loop = Loop(fabric=fabric, objective=wrapped, state=state, recipe=recipe, epoch=epoch)
    loop.run(source, events.of())
    events.close()
    return Trained(
        folder=folder,
        model=folder / MODEL,
        steps=state.step,
        seconds=state.seconds,
        scores=events.scores,
        first=fabric.is_global_zero,
    )


def samples_of(recipe: Recipe) -> Patches | Mix:
    """Return the training samples of a recipe, for those who measure them."""
    state, _ = _state(recipe)
    return _patches([find(name) for name in recipe.data.sets], recipe, state)


def ready_to_learn(recipe: Recipe, hardware: Hardware, fabric: Any) -> tuple[State, Any]:
    """Return a fresh state and its objective on a device, for those who measure training steps."""
    state, objective = _state(recipe)
    return state, _set_up(objective, state, hardware, fabric)


def _set_up(objective: Objective, state: State, hardware: Hardware, fabric: Any) -> Any:
    """Bring all that learns to the device; give the objective as the fabric wraps it."""
    state.move(fabric.device)
    if hardware.compiles(fabric.device):
        objective.answer = torch.compile(objective.stages)
    wrapped, state.optimiser = fabric.setup(objective, state.optimiser)
    return wrapped


class _Events:
    """What the loop calls: the log, validation, checkpoints, the best model."""

    def __init__(
        self,
        fabric: Any,
        folder: Path,
        recipe: Recipe,
        prepared: PreparedDataset,
        progress: Progress,
        state: State,
    ) -> None:
        self.fabric, self.folder, self.recipe = fabric, folder, recipe
        self.prepared, self.progress = prepared, progress
        self.log = open_log(folder, state.step) if fabric.is_global_zero else None
        self.validation = Validation(
            examples=replace(
                _examples(prepared, recipe, recipe.data.val, state),
                degradation=load_degradation(
                    recipe.validation.degradation or recipe.data.degradation
                ),
            ),
            protocol=_protocol(recipe),
        )
        self.scores: dict[str, float] = {}

    def of(self) -> Events:
        """Return them in the loop's form."""
        first = self.fabric.is_global_zero
        return Events(
            logged=self.logged if first else _nothing,
            measured=self.measured,
            kept=self.kept if first else _nothing,
            progress=self.progress if first else silent,
            pause=_PAUSE,
        )

    def logged(self, step: int, row: dict[str, float]) -> None:
        """Add a row to the log of steps."""
        assert self.log is not None
        self.log.add("steps", step, row)

    def measured(self, state: State) -> None:
        """Measure on the first process while the others wait, and keep the best model."""
        if self.fabric.is_global_zero:
            self._measure(state)
        self.fabric.barrier()

    def _measure(self, state: State) -> None:
        assert self.log is not None
        model = self._model(state)
        device = str(self.fabric.device)
        self.scores = self.validation.measure(model, device)
        self.log.add("validation", state.step, self.scores)
        if self.recipe.validation.pictures:
            picture = self.folder / PICTURES / f"step-{state.step:08}.png"
            self.validation.show(model, device, picture)
        metric = self.recipe.validation.metric
        found = self.scores[metric]
        lower = not self.validation.protocol.metrics[metric].higher_is_better
        if state.best is None or (found < state.best if lower else found > state.best):
            state.best = found
            save(model, self.folder / MODEL, overwrite=True)
            state.save(self.folder / CHECKPOINTS)  # so that best model and checkpoint agree

    def kept(self, state: State) -> None:
        """Write a checkpoint."""
        state.save(self.folder / CHECKPOINTS)

    def close(self) -> None:
        """Write out the log."""
        if self.log is not None:
            self.log.close()

    def _names(self) -> list[str]:
        return [self.prepared.name, *(Path(name).name for name in self.recipe.data.sets[1:])]

    def _model(self, state: State) -> Model:
        recipe = self.recipe
        fresh = build(recipe.network, **recipe.settings)
        card = Card(
            name=recipe.name,
            network=recipe.network,
            settings=plain_settings(fresh),
            bands=_band_names(self.prepared, fresh.signature.bands),
            bound=usual_margin(fresh.signature),
            notes=recipe.about or None,
            trained_on=f"{', '.join(self._names())}, split {recipe.data.train}",
            training=Training(
                recipe=recipe.name,
                steps=int(state.before["steps"]) + state.step,
                hours=round((state.before["seconds"] + state.seconds) / 3600, 3),
                hardware=described(self.fabric),
                split=str(self.prepared.facts.get("split", "")),
                version=__version__,
                commit=commit(),
            ),
        )
        return model_from_state(fresh, state.weights(), card)


def _protocol(recipe: Recipe) -> Protocol:
    """Return how the run measures; a metric that it lacks is told before hours of training."""
    chosen = recipe.validation
    protocol = cast("Protocol", catalog.resolve("protocol", chosen.protocol))
    if chosen.metric not in protocol.metrics:
        raise InputError.unknown(f"metric of {chosen.protocol}", chosen.metric, protocol.metrics)
    return protocol


def _begin(recipe: Recipe, folder: Path, *, resume: bool) -> None:
    """Make the run's folder, or see that it is of the same recipe."""
    path = folder / RECIPE_FILE
    if folder.is_file():
        raise InputError(f"{folder}: is a file; name a folder for the run")
    if not path.exists():
        if resume:
            raise InputError(f"{folder}: holds no run; start one without --resume")
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: is not empty; name a new folder for the run")
        publish_texts(folder, {RECIPE_FILE: recipe_text(recipe)})
        return
    if not resume:
        raise InputError(f"{folder}: holds a run already; add --resume, or name another folder")
    if read_recipe(path) != recipe:
        raise InputError(f"{folder}: holds a run of another recipe; see its {RECIPE_FILE}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second process out of the run's folder, and clear away what a killed one left."""
    busy = f"{folder}: another process trains in it right now"
    gone = f"{folder}: its {RECIPE_FILE} is gone"
    with locked(folder / RECIPE_FILE, busy=busy, gone=gone):
        for part in folder.rglob(".*.part*"):
            part.unlink(missing_ok=True)
        yield


def _state(recipe: Recipe) -> tuple[State, Objective]:
    torch.manual_seed(recipe.seed)
    network = build(recipe.network, **recipe.settings)
    module = cast("nn.Module", network)
    to_channels_last(module)
    chosen = recipe.optimiser
    optimiser = torch.optim.AdamW(
        [weight for weight in module.parameters() if weight.requires_grad],
        lr=chosen.rate,
        betas=chosen.betas,
        eps=chosen.eps,
        weight_decay=chosen.weight_decay,
    )
    state = State(
        network=network,
        optimiser=optimiser,
        average={name: tensor.clone() for name, tensor in module.state_dict().items()}
        if chosen.ema
        else None,
    )
    try:
        objective = Objective.of(network, recipe.loss, recipe.data.bands_at_once)
        objective.last_settings = recipe.last_loss or recipe.loss
        objective.mixed = recipe.precision == "bf16"
    except ValueError as error:
        raise InputError(f"{recipe.name}: {error}") from None
    return state, objective


def _start(recipe: Recipe, state: State) -> None:
    """Begin a fresh run with a model's weights, or where another run is now."""
    if recipe.start is None:
        return
    folder = Path(recipe.start)
    if (folder / RECIPE_FILE).is_file():
        state.branch(folder / CHECKPOINTS)
        return
    begun = load(recipe.start)
    module, other = (cast("nn.Module", net) for net in (state.network, begun.network))
    theirs, ours = plain_settings(begun.network), plain_settings(state.network)
    # A plain network is a good beginning of one that has more, where more changes nothing at first;
    # and one of another factor, where the network knows how to begin with it.
    added = {key: 0 for key in getattr(state.network, "ADDED", ()) if theirs.get(key) == 0}
    begins = getattr(state.network, "begun_with", None)
    other_scale = {"scale": theirs.get("scale")} if begins else {}
    if begun.card.network != recipe.network or theirs != ours | added | other_scale:
        raise InputError(f"{recipe.start}: has other settings than the recipe's network")
    given = other.state_dict()
    weights = begins(given) if begins else {**module.state_dict(), **given}
    module.load_state_dict(weights)
    if state.average is not None:
        for name, tensor in weights.items():
            state.average[name].copy_(tensor)


def to_channels_last(module: nn.Module) -> None:
    """Store the weights of convolutions as they run the quickest."""
    for weight in module.parameters():
        if weight.dim() == 4:  # MulSR has convolutions in three dimensions, which stay as they are
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def _patches(sets: Sequence[PreparedDataset], recipe: Recipe, state: State) -> Patches | Mix:
    """Return the samples of all data sets."""
    told = state.network.signature.takes_mtf
    parts = [
        Patches(
            _examples(prepared, recipe, recipe.data.train, state),
            recipe.patches,
            recipe.seed,
            some=_some_bands(recipe, state),
            gives_mtf=told,
        )
        for prepared in sets
    ]
    shares = recipe.data.shares or (1.0,) * len(parts)
    return parts[0] if len(parts) == 1 else Mix(parts, shares, recipe.seed)


def _examples(prepared: PreparedDataset, recipe: Recipe, split: str, state: State) -> Examples:
    signature = state.network.signature
    guide = SpectralResponse.named(recipe.data.guide) if signature.guide_bands else None
    return Examples(
        prepared=prepared,
        entries=prepared.split(split)[: _limit(recipe, split)],
        scale=signature.scale,
        degradation=load_degradation(recipe.data.degradation),
        seed=recipe.seed,
        guide=guide,
        guided=guide is not None,
        matched=recipe.data.matched,
    )


def _some_bands(recipe: Recipe, state: State) -> SomeBands | None:
    if recipe.data.bands_at_once is None:
        return None
    around = cast("Any", state.network).around
    return SomeBands(recipe.data.bands_at_once, around)


def _limit(recipe: Recipe, split: str) -> int | None:
    return recipe.validation.images if split == recipe.data.val else None


def _band_names(prepared: PreparedDataset, count: int | None) -> tuple[str, ...] | None:
    """Name a model's bands where the data set does, so that scenes are matched by name."""
    truth = prepared.kinds[prepared.entries[0].parts["hr"].kind]
    names = [band.common for band in truth.bands]
    if count is None or count != len(names) or None in names or len(set(names)) < len(names):
        return None
    return tuple(str(name) for name in names)


def _nothing(*_: Any) -> None:
    """Do nothing: another process does it."""
