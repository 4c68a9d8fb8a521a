"""Measure what computing in bf16 costs and brings a model, and write it into its card.

    python -m tools.rounding loupe-x4 --data ucmerced:test --degradation sensors

PSNR of the same images in single precision and in bf16, as the protocol of the card's first score
has it, and the time of the quickest. `precision=auto` computes in bf16 where the mean loss is at
most 0.01 dB and it was quicker: measure on a processor that multiplies bf16.
"""

import argparse
from pathlib import Path

import numpy as np

from geoloupe.evaluation.trial import Trial
from geoloupe.models.card import Rounding, read_weights, write_weights
from geoloupe.models.sharpeners import is_sharpener
from geoloupe.models.shipped import shipped, shipped_sharpeners

_GUIDED = "wald"  # the protocol of models that sharpen with a guide


def measure(
    name: str, *, data: str, protocol: str, degradation: str | None
) -> tuple[list[float], float]:
    """Return the PSNR that each image loses, in dB, and how many times quicker it is."""
    scores: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for precision in ("fp32", "bf16"):
        trial = Trial.open(
            [name],
            data,
            protocol=protocol,
            metrics="psnr" if protocol == _GUIDED else "",
            degradation=degradation,
            precision=precision,
        )
        rows = [answer.row for answer in trial.answers()]
        scores[precision] = [row.scores["psnr"] for row in rows]
        seconds[precision] = [row.seconds for row in rows]
    pairs = zip(scores["fp32"], scores["bf16"], strict=True)
    quicker = min(seconds["fp32"]) / min(seconds["bf16"])  # of an image that nothing disturbed
    return [exact - low for exact, low in pairs if np.isfinite(exact)], quicker


def main() -> None:
    """Read the words of the command line, measure, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a model that ships, or a folder of weights")
    parser.add_argument("--data", required=True, help="SET:SPLIT")
    parser.add_argument("--degradation", help="without it, the protocol's own")
    words = parser.parse_args()
    folder = {**shipped(), **shipped_sharpeners()}.get(words.model, Path(words.model))
    card, tensors = read_weights(folder)
    protocol = card.scores[0].protocol if card.scores else _GUIDED
    loss, quicker = measure(
        str(folder) if not is_sharpener(words.model) else words.model,
        data=words.data,
        protocol=protocol,
        degradation=words.degradation,
    )
    data = Path(words.data).name  # SET:SPLIT, wherever the set lies
    data = data if words.degradation is None else f"{data}, {words.degradation}"
    found = Rounding(
        data=data,
        images=len(loss),
        loss=round(float(np.mean(loss)), 5),
        worst=round(max(loss), 5),
        quicker=round(quicker, 2),
    )
    print(
        f"{words.model}: {found.loss:+.5f} dB on the mean of {found.images}, at worst "
        f"{found.worst:+.5f}; {found.quicker:.2f} times quicker"
    )
    write_weights(folder, card.model_copy(update={"bf16": found}), tensors, overwrite=True)


if __name__ == "__main__":
    main()
