"""Put a trained and measured model into the package.

    python -m tools.ship runs/mine/model mine --notes "What it is for." --not-for "What it is not."

It makes plain convolutions of grown ones, stores weights in 16 bits, writes the card, and writes
down what the model answers to one known image, which `geoloupe doctor` and the tests try again
wherever the package is installed. Measure the result with `geoloupe evaluate --models
src/geoloupe/weights/mine,bicubic ... --cards`. Models of the five papers go into `papers`, which
has a wheel of its own.
"""

import argparse
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from geoloupe.imagery.kinds import PHRASES
from geoloupe.models.golden import FILE, golden_text
from geoloupe.models.model import Model, load, plain_settings, save
from geoloupe.models.shipped import PAPERS, PAPERS_PACKAGE
from geoloupe.networks.loupe import Loupe, collapse
from geoloupe.storage.publish import publish_texts

ROOT = Path(__file__).parent.parent
HOME = ROOT / "src" / "geoloupe" / "weights"
PAPERS_HOME = ROOT / "papers" / PAPERS_PACKAGE


def main() -> None:
    """Read the words of the command line and ship."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("name")
    parser.add_argument("--notes", required=True, help="what it is for")
    parser.add_argument("--not-for", required=True)
    parser.add_argument("--unsuited", nargs="*", choices=list(PHRASES), default=list(PHRASES))
    parser.add_argument("--least-bands", type=int, help="scenes of fewer are refused")
    parser.add_argument("--licence", required=True)
    parser.add_argument("--overwrite", action="store_true")
    words = parser.parse_args()
    model = plain(load(words.weights))
    told = {
        "name": words.name,
        "notes": words.notes,
        "not_for": words.not_for,
        "unsuited": tuple(words.unsuited),
        "least_bands": words.least_bands,
        "licence": words.licence,
    }
    card = model.card.model_copy(update=told)
    folder = home(words.name)
    save(Model(model.network, card), folder, half=True, overwrite=words.overwrite)
    stored = load(folder)
    publish_texts(folder, {FILE: golden_text(stored)}, overwrite=True)


def home(name: str) -> Path:
    """Return the folder of a model in this tree."""
    return (PAPERS_HOME if name in PAPERS else HOME) / name


def plain(model: Model) -> Model:
    """Return the model without what served its learning only: its answers are the same."""
    if not isinstance(model.network, Loupe) or not model.network.settings.growth:
        return model
    network = deepcopy(model.network)
    collapse(network)
    network.settings = replace(network.settings, growth=0)
    card = model.card.model_copy(update={"settings": plain_settings(network)})
    return Model(network, card)


if __name__ == "__main__":
    main()
