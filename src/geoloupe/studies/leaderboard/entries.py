"""Who takes part: models by name, or several trained alike but for the seed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from geoloupe.errors import InputError
from geoloupe.training.run_folder import MODEL


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a leaderboard: a model, or the same recipe trained with several seeds."""

    name: str
    models: tuple[str, ...]  # names of models or folders of weights, one a seed


def read_entries(words: Iterable[str]) -> list[Entry]:
    """Read lists such as "bicubic,loupe-x4" and "mine=runs/a,runs/b".

    Within a list, what follows NAME= are the seeds of NAME. A run's folder stands for its model.
    """
    found: list[tuple[str, list[str]]] = []
    for word in words:
        several = False
        for part in (part.strip() for part in word.split(",") if part.strip()):
            name, equals, place = (piece.strip() for piece in part.partition("="))
            if equals and not (name and place):
                raise InputError(f"{part}: write it as name=runs/a,runs/b")
            several = several or bool(equals)
            if equals:
                found.append((name, [place]))
            elif several:
                found[-1][1].append(part)
            else:
                found.append((_name(part), [part]))
    return [Entry(name=name, models=tuple(map(_model, places))) for name, places in found]


def refuse_twins(entries: Iterable[Entry]) -> None:
    """Refuse two entries of one name."""
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}; name one as other={name}")


def _name(place: str) -> str:
    """Name what is given without a name: by its run, where it is the model in a run's folder."""
    path = Path(place)
    return path.parent.name if path.name == MODEL and path.parent.name else path.name


def _model(place: str) -> str:
    """Return the weights that a person means: a run's folder holds them."""
    inside = Path(place) / MODEL
    return str(inside) if inside.is_dir() else place
