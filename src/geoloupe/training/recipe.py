"""A training recipe: everything that decides a trained model, as strict values from a TOML file."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import JsonValue

from geoloupe import catalog, settings
from geoloupe.datasets.samples.patches import PatchSettings
from geoloupe.errors import InputError, errors_named
from geoloupe.training.adversary import AdversarySettings
from geoloupe.training.losses import LossSettings
from geoloupe.training.schedule import ScheduleSettings

_SHIPPED = resources.files("geoloupe.training") / "recipes"


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which images; the data set is a prepared folder, or its name in ./data."""

    OLD_NAMES: ClassVar[Mapping[str, str]] = {"recipe": "degradation"}

    set: str | tuple[str, ...]  # validation uses the first of several
    shares: tuple[float, ...] = ()  # of the samples each of several sets contributes; none: equal
    train: str = "train"
    val: str = "val"
    degradation: str = "bi"  # of the LR images, by name or .json file
    guide: str = "nikon-d700"  # the response that makes a guide, for networks that take one
    matched: bool = False
    bands_at_once: int | None = None  # bands of each sample, at random, for networks that can
    scales: tuple[int, ...] = ()  # learned in turns, one a step, where weights serve all; none: one

    def __post_init__(self) -> None:
        if not self.set:
            raise ValueError("set must name a data set")
        if self.shares and (len(self.shares) != len(self.sets) or min(self.shares) <= 0):
            raise ValueError("shares must hold one above 0 for each set")
        if len(set(self.scales)) < len(self.scales) or min(self.scales, default=2) < 2:
            raise ValueError("scales must be different factors from 2")

    @property
    def sets(self) -> tuple[str, ...]:
        """All data sets."""
        return (self.set,) if isinstance(self.set, str) else self.set


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """Adam and its safeguards."""

    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    clip: float | None = None  # the largest gradient norm
    ema: float = 0.0  # share of the averaged weights kept at a step; 0: no average
    skip_above: float | None = None  # times the last epoch's loss; batches above are skipped

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError("rate must be above 0")
        if not all(0 <= share < 1 for share in (self.ema, *self.betas)):
            raise ValueError("ema and betas must be from 0 to below 1")
        if not (self.eps >= 0 and self.weight_decay >= 0):
            raise ValueError("eps and weight_decay must be 0 or more")


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """How and how often a model is measured during training."""

    OLD_NAMES: ClassVar[Mapping[str, str]] = {"recipe": "degradation"}

    degradation: str | None = None  # of the LR images; None: the training one
    protocol: str = "hsenet"
    metric: str = "psnr"  # by which the best model is kept
    every: int = 1000  # steps
    images: int | None = None  # only the first
    pictures: bool = True  # of the middle of the first

    def __post_init__(self) -> None:
        if self.every < 1 or (self.images is not None and self.images < 1):
            raise ValueError("every and images must be 1 or more")


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Who else is told how training goes; the .csv files and TensorBoard's always are."""

    wandb: str | None = None  # a project of Weights & Biases, kept in the run's folder


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole experiment."""

    name: str
    about: str = ""
    network: str
    settings: dict[str, JsonValue] = field(default_factory=dict)
    start: str | None = None  # weights, or a run's folder, to start from
    data: DataSettings
    patches: PatchSettings = field(default_factory=PatchSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    last_loss: LossSettings | None = None  # instead of loss while wsd's rate falls
    discriminator: AdversarySettings = field(default_factory=AdversarySettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    schedule: ScheduleSettings
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    log: LogSettings = field(default_factory=LogSettings)
    batch: int = 16
    parts: int = 1  # of a batch, learned one after the other to need less memory
    precision: Literal["fp32", "bf16"] = "fp32"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError("batch must be 1 or more")
        if self.parts < 1 or self.batch % self.parts:
            raise ValueError(f"a batch of {self.batch} cannot be cut into {self.parts} equal parts")
        if self.parts > 1 and any(loss.balanced for loss in self.losses):
            raise ValueError("loss.balanced weighs bands over a whole batch: leave parts at 1")
        if self.seed < 0:
            raise ValueError("seed must be 0 or more")
        if self.data.scales and self.settings.get("scale") not in self.data.scales:
            raise ValueError("settings.scale must be one of data.scales: the model's when unasked")
        if self.network not in catalog.names("network"):
            raise InputError.unknown("network", self.network, catalog.names("network"))

    @property
    def losses(self) -> tuple[LossSettings, ...]:
        """The loss, and the last one if that differs."""
        return (self.loss,) if self.last_loss is None else (self.loss, self.last_loss)


def shipped() -> list[str]:
    """List the recipes that come with the program."""
    return toml_names(_SHIPPED)


def read_recipe(name: str | Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read a .toml file or a shipped recipe; changes use dotted names such as `optimiser.rate`."""
    values, source = toml_values(name, _SHIPPED, "a recipe")
    for key, value in (changes or {}).items():
        change(values, key, value, source)
    return recipe_of(values, source)


def recipe_of(values: Mapping[str, Any], source: str) -> Recipe:
    """Make a recipe from plain values; an unknown key or a wrong type is an InputError."""
    with errors_named(source):
        return settings.build(Recipe, values, source)


def recipe_text(recipe: Recipe) -> str:
    """Write a recipe as TOML, including every default."""
    plain, tables = [], []
    for key, value in settings.dump(recipe).items():
        if isinstance(value, dict):
            tables += ["", f"[{key}]", *_lines(value.items())]
        else:
            plain += _lines([(key, value)])
    return "\n".join([*plain, *tables]) + "\n"


def toml_values(name: str | Path, home: Traversable, kind: str) -> tuple[dict[str, Any], str]:
    """Read a .toml file, or the one of this name in a program folder; return which, too."""
    path: Path | Traversable = Path(name)
    if Path(name).suffix != ".toml":
        if str(name) not in toml_names(home):
            raise InputError.unknown(kind.rsplit(maxsplit=1)[-1], str(name), toml_names(home))
        path = home / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), str(name)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: is not TOML ({error})") from None
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; is it in another folder?") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read as {kind} ({error})") from None


def toml_names(home: Traversable) -> list[str]:
    """List the .toml files in a program folder by name."""
    return sorted(path.name.removesuffix(".toml") for path in home.iterdir())


def change(values: dict[str, Any], name: str, value: Any, source: str) -> None:
    """Change a nested value by its dotted name, such as `optimiser.rate`."""
    steps = name.split(".")
    for step in steps[:-1]:
        values = values.setdefault(step, {})
        if not isinstance(values, dict):
            raise InputError(f"{source}: {step} has no parts; it is a single value")
    values[steps[-1]] = value


def _lines(items: Iterable[tuple[str, Any]]) -> list[str]:
    # JSON's strings, numbers, lists and booleans are TOML's too; it has no null.
    return [f"{key} = {json.dumps(value)}" for key, value in items if value is not None]
