"""Measure trained sharpeners on pairs that they never saw, and put them into the package.

    python -m tools.ship_guided s2 runs/guided-s2.pt --data DATA
    python -m tools.ship_guided pan runs/guided-pan.pt --data DATA

The card gets the errors beside those of `glp`, band by band, and `golden.json` what the weights
answer to a known image.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from benchmarks.sharpening import SENSORS, errors, opened, over_all, pairs, reduced

from geoloupe.models.card import Card, Shares, Training
from geoloupe.models.golden import FILE, golden_text
from geoloupe.models.sharpeners import (
    NETWORK,
    TrainedSharpener,
    load_sharpener,
    save_sharpener,
)
from geoloupe.networks.sharpening.guided import Guided, GuidedSettings
from geoloupe.storage.publish import publish_texts
from geoloupe.version import __version__
from tools.ship import HOME
from tools.train_guided import COURSES, Course, held_out

_LICENCE = (
    "Apache-2.0; trained on modified Copernicus Sentinel data (as packed by BigEarthNet, "
    "CDLA-Permissive-1.0; SSL4EO-S12, CC-BY 4.0; Major-TOM, CC-BY-SA 4.0) and public-domain USGS "
    "Landsat imagery"
)
_TOLD = {
    "s2": {
        "notes": "Puts the detail of three bands and more into coarser ones, band by band: "
        "Sentinel-2's 20 m bands by its 10 m bands, where it was trained, and up to six times.",
        "not_for": "Guides of one band (guided-pan), other days than the bands', factors above 6.",
        "trained_on": "Pairs made coarser (Wald's protocol): 10 of BigEarthNet, 4 of SSL4EO-S12, "
        "one of Major-TOM, all Sentinel-2; before them Landsat-7 too; none of those below",
        "licence": _LICENCE,
    },
    "pan": {
        "notes": "Puts the detail of a panchromatic band into coarser bands, band by band: "
        "Landsat's, where it was trained, and up to four times finer ones.",
        "not_for": "Panchromatic bands of other sensors (on GaoFen-2 errors are 40 % of "
        "interpolation's and glp's 29 %), guides of several bands (guided-s2), factors above 4.",
        "trained_on": "Pairs made coarser (Wald's protocol): 10 of Landsat-7 and 3 of Landsat-8; "
        "before them Sentinel-2 too; none of those below",
        "licence": _LICENCE,
    },
}


_BANDS = {"Landsat-7": ("red", "green", "blue", "nir", "swir1", "swir2")}  # files have no names


def measured(name: str, course: Course, data: Path) -> Iterator[Shares]:
    """Sharpen all pairs that a course left out, by the weights and by glp."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        for kind, coarse, guide in pairs(data):
            if kind not in course.kinds or not held_out(coarse.stem):
                continue
            ours = opened(coarse, folder), opened(guide, folder)
            pair = reduced(*ours, folder, SENSORS.get(kind))
            plain = errors(pair, "bicubic", folder)
            found, theirs = (errors(pair, model, folder) for model in (name, "glp"))
            each = zip(_BANDS.get(kind, pair.bands), found / plain, theirs / plain, strict=True)
            yield Shares(
                data=f"{kind} {coarse.stem.removesuffix('_ms').removesuffix('_20m')}",
                ratio=pair.ratio,
                model=round(over_all(found) / over_all(plain), 4),
                glp=round(over_all(theirs) / over_all(plain), 4),
                bands={band: (round(float(a), 4), round(float(b), 4)) for band, a, b in each},
            )


def main() -> None:
    """Store, measure, and store again with the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("course", choices=list(_TOLD))
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    words = parser.parse_args()
    kept = torch.load(words.weights, weights_only=True)
    network = Guided(GuidedSettings())
    network.load_state_dict(kept["state"])
    name = f"guided-{words.course}"
    training = Training(
        recipe=f"tools.train_guided both, then {words.course}",
        steps=kept["steps"],
        hours=round(kept["hours"], 2),
        hardware="one processor core",
        version=__version__,
    )
    card = Card(
        name=name,
        network=NETWORK,
        settings=asdict(network.settings),
        training=training,
    ).model_copy(update=_TOLD[words.course])
    folder = HOME / "sharpening" / name
    save_sharpener(TrainedSharpener(network, card), folder, overwrite=True)
    shares = tuple(measured(str(folder), COURSES[words.course], words.data))
    for row in shares:
        print(f"{row.data}: {row.model:.3f}, glp {row.glp:.3f}")
    card = card.model_copy(update={"shares": shares})
    save_sharpener(TrainedSharpener(network, card), folder, overwrite=True)
    publish_texts(folder, {FILE: golden_text(load_sharpener(folder))}, overwrite=True)


if __name__ == "__main__":
    main()
