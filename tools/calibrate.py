"""Measure how sure a model may be, and write it into the card beside its weights.

    python -m tools.calibrate loupe-x4 --data ucmerced:val --tried ucmerced:test --every 3

Sigma is fitted on the first split and tried on the second, on sensors that the model is told
rightly and wrongly, and with noise. MODEL is a model that ships or a folder of weights. The page of
models is written from the cards: run `python -m tools.model_page` after it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from geoloupe.datasets.preparation.prepared import PreparedDataset
from geoloupe.evaluation.calibration import MTF, Sample, Seen, calibrated, cover
from geoloupe.evaluation.trial import open_data
from geoloupe.models.card import Calibration, Cover, read_weights, write_weights
from geoloupe.models.model import Model, load
from geoloupe.models.shipped import shipped

_OTHERS = (
    Seen(mtf=0.25, told=0.3),
    Seen(mtf=0.35, told=0.3),
    Seen(mtf=0.3, told=0.3, noise=1),
    Seen(mtf=0.3, told=0.3, noise=2),
)


def main() -> None:
    """Read the words of the command line, calibrate, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", required=True, help="what sigma is fitted on: SET:SPLIT")
    parser.add_argument("--tried", required=True, help="what it is tried on: SET:SPLIT")
    parser.add_argument("--every", type=int, default=1, help="try only every Nth image")
    words = parser.parse_args()
    folder = shipped().get(words.model, Path(words.model))
    model = load(folder)
    found = calibrated(model, *open_data(words.data, "val"))
    covers = []
    for tried in _tried(model, found, *open_data(words.tried, "test"), every=words.every):
        print(_line(tried), flush=True)
        covers.append(tried)
    card, tensors = read_weights(folder)
    found = found.model_copy(update={"cover": tuple(covers)})
    write_weights(folder, card.model_copy(update={"calibration": found}), tensors, overwrite=True)


def _tried(
    model: Model, found: Calibration, prepared: PreparedDataset, split: str, *, every: int
) -> Iterator[Cover]:
    scale = model.network.signature.scale
    for seen in (*(Seen(mtf=gain, told=gain) for gain in MTF), *_OTHERS):
        examples = seen.examples(prepared, split, scale=scale, every=every)
        sample = Sample.of(model, examples, told=seen.told)
        data = f"{prepared.name}:{split}, {seen}"
        yield cover(found, sample, told=seen.told, data=data)


def _line(tried: Cover) -> str:
    shares = " ".join(f"{level} %: {share:.3f}" for level, share in tried.within.items())
    return (
        f"{tried.data}: {shares}, {tried.worst_class} {tried.worst_class_90}, "
        f"{tried.classes_below_80} classes below .8, images {tried.worst_images_90:.3f}, "
        f"rank {tried.rank_correlation:.3f}, sparsification {tried.sparsification:.3f}, "
        f"interval score {tried.interval_score:.3f}"
    )


if __name__ == "__main__":
    main()
