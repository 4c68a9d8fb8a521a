"""Validates a model during training: measures it, and keeps the best."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from geoloupe import catalog
from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.degradations.loading import load_degradation
from geoloupe.errors import InputError
from geoloupe.metrics.protocols import Protocol
from geoloupe.models.bound import usual_margin
from geoloupe.models.card import Card, Training
from geoloupe.models.model import Model, model_from_state, plain_settings, save
from geoloupe.networks import build
from geoloupe.training.hardware import described
from geoloupe.training.recipe import Recipe
from geoloupe.training.run_folder import CHECKPOINTS, MODEL, PICTURES
from geoloupe.training.setup import examples_of, scales_of
from geoloupe.training.state import State
from geoloupe.training.validation import Validation
from geoloupe.version import __version__, commit


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Measures a run's weights by its recipe's validation."""

    recipe: Recipe
    folder: Path
    prepared: PreparedDataset  # the first of the recipe's data sets
    validations: Mapping[int, Validation]  # for each factor
    device: str
    hardware: str  # for the card

    @classmethod
    def of(
        cls, recipe: Recipe, folder: Path, prepared: PreparedDataset, state: State, fabric: Any
    ) -> "Judge":
        """Make the judge of a run; a metric that its protocol lacks is an InputError."""
        degradation = recipe.validation.degradation or recipe.data.degradation
        examples = examples_of(prepared, recipe, recipe.data.val, state)
        examples = replace(examples, degradation=load_degradation(degradation))
        return cls(
            recipe=recipe,
            folder=folder,
            prepared=prepared,
            validations={
                scale: Validation(
                    examples=replace(examples, scale=scale), protocol=protocol_of(recipe)
                )
                for scale in scales_of(recipe, state)
            },
            device=str(fabric.device),
            hardware=described(fabric),
        )

    def measure(self, state: State) -> dict[str, float]:
        """Return the scores of the current weights; the best so far become the run's model."""
        model = self._model(state)
        scores = self._scores(model)
        if self.recipe.validation.pictures:
            picture = self.folder / PICTURES / f"step-{state.step:08}.png"
            scale, validation = next(iter(self.validations.items()))
            validation.show(model.at(scale), self.device, picture)
        metric = self.recipe.validation.metric
        found = scores[metric]
        lower = not protocol_of(self.recipe).metrics[metric].higher_is_better
        if state.best is None or (found < state.best if lower else found > state.best):
            state.best = found
            save(model, self.folder / MODEL, overwrite=True)
            state.save(self.folder / CHECKPOINTS)  # so that best model and checkpoint agree
        return scores

    def _scores(self, model: Model) -> dict[str, float]:
        """Return the protocol's means; of several factors their mean, and then those of each."""
        found = {
            scale: validation.measure(model.at(scale), self.device)
            for scale, validation in self.validations.items()
        }
        first, *others = found.values()
        if not others:
            return first
        means = {name: fmean(scores[name] for scores in found.values()) for name in first}
        return means | {
            f"{name}_x{scale}": value
            for scale, scores in found.items()
            for name, value in scores.items()
        }

    def _model(self, state: State) -> Model:
        """Return the network with its current weights, and the card of this run."""
        recipe = self.recipe
        network = build(recipe.network, **recipe.settings)
        names = [self.prepared.name, *(Path(name).name for name in recipe.data.sets[1:])]
        card = Card(
            name=recipe.name,
            network=recipe.network,
            settings=plain_settings(network),
            bands=_band_names(self.prepared, network.signature.bands),
            scales=recipe.data.scales,
            bound=usual_margin(network.signature),
            notes=recipe.about or None,
            trained_on=f"{', '.join(names)}, split {recipe.data.train}",
            training=Training(
                recipe=recipe.name,
                steps=int(state.before["steps"]) + state.step,
                hours=round((state.before["seconds"] + state.seconds) / 3600, 3),
                hardware=self.hardware,
                split=str(self.prepared.facts.get("split", "")),
                version=__version__,
                commit=commit(),
            ),
        )
        return model_from_state(network, state.weights(), card)


def protocol_of(recipe: Recipe) -> Protocol:
    """Return the protocol of a recipe's validation; a metric that it lacks is an InputError."""
    chosen = recipe.validation
    protocol = cast("Protocol", catalog.resolve("protocol", chosen.protocol))
    if chosen.metric not in protocol.metrics:
        raise InputError.unknown(f"metric of {chosen.protocol}", chosen.metric, protocol.metrics)
    return protocol


def _band_names(prepared: PreparedDataset, count: int | None) -> tuple[str, ...] | None:
    """Name a model's bands where the data set does, so that scenes are matched by name."""
    truth = prepared.kinds[prepared.entries[0].parts["hr"].kind]
    names = [band.common for band in truth.bands]
    if count is None or count != len(names) or None in names or len(set(names)) < len(names):
        return None
    return tuple(str(name) for name in names)
