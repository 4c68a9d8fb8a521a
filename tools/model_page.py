"""Write docs/models.md from the cards of the models that ship.

python -m tools.model_page
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from geoloupe.evaluation.cards import gain_table
from geoloupe.imagery.kinds import PHRASES
from geoloupe.models.card import CARD_FILE, WEIGHTS_FILE, Calibration, Card, Rounding, Shares
from geoloupe.models.model import Model, load
from geoloupe.models.precision import MIN_GAIN
from geoloupe.models.sharpeners import load_sharpener
from geoloupe.models.shipped import INSTALL_PAPERS, PAPERS, shipped, shipped_sharpeners
from geoloupe.networks.summary import parameter_count
from geoloupe.storage.publish import publish_texts

DOCS = Path(__file__).parent.parent / "docs"
PAGE = "models.md"
_HEAD = """\
# The models that ship

Written by `python -m tools.model_page` from the cards beside the weights; the tests see that it is
current. `geoloupe models NAME` shows a card, `geoloupe doctor` tries each model on an image whose
answer is known, and `python -m pytest -m slow tests/evaluation/test_shipped_scores.py` measures
every score here again (`python -m tools.sensor_table` the gains by sensor).

Scores are means over the test split named, beside bicubic interpolation of the same images. They
compare with each other; published tables have other splits and far longer training
([training.md](training.md) says how long ours was). All were trained on one kind of image: on
yours, look first (`geoloupe upscale --preview`), and measure on your own (`geoloupe compare`).
"""


_SHARPENING = """\
# Those that put a finer image's detail into bands

`geoloupe sharpen` takes them where they fit. Errors (RMSE) are shares of interpolation's by Wald's
protocol on pairs that training never saw, less is better, beside the regression `glp`'s of the same
pairs; `python -m tools.ship_guided` measures them.
"""


def page() -> str:
    """Return the whole page."""
    enlarge = (line for name in shipped() for line in _section(name))
    sharpen = (line for name in shipped_sharpeners() for line in _sharpener(name))
    return "\n".join([_HEAD, *enlarge, _SHARPENING, *sharpen])


def _precision(found: Rounding) -> str:
    """Say what bf16 costs."""
    cost = f"{max(found.loss, 0):.5f} dB on the mean of {found.images} images ({found.data})"
    if found.quicker < MIN_GAIN:
        return f"fp32: bf16 costs {cost} and was not quicker"
    return (
        f"bf16 where the processor multiplies it: {found.quicker:.1f} times quicker for {cost}; "
        "`precision=fp32` asks for more digits"
    )


def _facts(card: Card, model: Model) -> Iterator[str]:
    """Yield the rows of a table of what the model is and takes."""
    signature = model.network.signature
    settings = ", ".join(f"{key} {json.dumps(value)}" for key, value in card.settings.items())
    size = (shipped()[card.name] / WEIGHTS_FILE).stat().st_size / 1e6
    yield from ("| | |", "|---|---|")
    if card.name in PAPERS:
        yield f"| comes by | `{INSTALL_PAPERS}` |"
    yield f"| network | {card.network}: {settings} |"
    yield f"| factor | {signature.scale} |"
    named = f" ({', '.join(card.bands)})" if card.bands else ""
    yield f"| bands | {signature.bands or 'any'}{named} |"
    if signature.guide_bands:
        yield f"| guide | {signature.guide_bands} bands at the size of the result |"
    if card.least_bands is not None:
        yield f"| refuses | scenes of fewer than {card.least_bands} bands, unless `anyway=true` |"
    if card.bound is not None:
        yield f"| answers | go at most {card.bound:g} of the range around a pixel beyond it |"
    if card.bf16 is not None:
        yield f"| computes in | {_precision(card.bf16)} |"
    count = parameter_count(model.network)
    yield f"| size | {count:,} parameters, {size:.2f} MB |"
    yield f"| not for | {card.not_for} |"
    if card.unsuited:
        yield f"| warns of | {', '.join(PHRASES[kind] for kind in card.unsuited)} |"
    yield f"| trained on | {card.trained_on} |"


def _section(name: str) -> Iterator[str]:
    folder = shipped()[name]
    card = Card.model_validate(json.loads((folder / CARD_FILE).read_text(encoding="utf-8")))
    model = load(folder)
    yield from (f"## {name}", "", card.notes or "", "")
    yield from _facts(card, model)
    if card.training is not None:
        training = card.training
        yield (
            f"| training | recipe `{training.recipe}`, best after {training.steps:,} steps, "
            f"{training.hours:.2f} hours, {training.hardware} |"
        )
    yield f"| licence | {card.licence} |"
    yield f"| digest | `{model.digest}` |"
    if card.calibration is not None:
        yield from _calibration(card.calibration)
    yield ""
    yield from ("| data | protocol | score | model | bicubic |", "|---|---|---|---:|---:|")
    for score in card.scores:
        for metric, value in score.values.items():
            plain = score.bicubic.get(metric)
            told = "" if plain is None else f"{plain:.4f}"
            where = f"{score.data}, x{score.scale}"
            yield f"| {where} | {score.protocol} | {metric} | {value:.4f} | {told} |"
    yield ""
    if card.gains:
        head, rows = gain_table(card.gains)
        yield from ("PSNR over bicubic by sensor, in dB, with its 95 % interval:", "")
        yield from (_line(head), _line(["---", *["---:"] * (len(head) - 1)]))
        yield from (*map(_line, rows), "")


def _sharpener(name: str) -> Iterator[str]:
    folder = shipped_sharpeners()[name]
    model = load_sharpener(folder)
    card, training = model.card, model.card.training
    size = (folder / WEIGHTS_FILE).stat().st_size / 1e6
    settings = ", ".join(f"{key} {json.dumps(value)}" for key, value in card.settings.items())
    yield from (f"## {name}", "", card.notes or "", "")
    yield from ("| | |", "|---|---|")
    yield f"| network | {card.network}: {settings} |"
    if card.bf16 is not None:
        yield f"| computes in | {_precision(card.bf16)} |"
    count = sum(x.numel() for x in model.network.parameters())
    yield f"| size | {count:,} parameters, {size:.2f} MB |"
    yield f"| not for | {card.not_for} |"
    yield f"| trained on | {card.trained_on} |"
    if training is not None:
        yield (
            f"| training | `{training.recipe}`, {training.steps:,} steps, {training.hours:.2f} "
            f"hours, {training.hardware} |"
        )
    yield f"| licence | {card.licence} |"
    yield f"| digest | `{model.digest}` |"
    yield ""
    for row in card.shares:
        yield from _shares(row)
    worse = [
        f"{band} of {row.data}"
        for row in card.shares
        for band, (ours, theirs) in row.bands.items()
        if ours > theirs
    ]
    if worse:
        yield from (f"Worse than glp: {', '.join(worse)}.", "")


def _shares(row: Shares) -> Iterator[str]:
    """Show one pair: all bands, then each."""
    yield _line([f"{row.data}, x{row.ratio}", "all bands", *row.bands])
    yield _line(["---", *["---:"] * (len(row.bands) + 1)])
    for number, (name, whole) in enumerate((("model", row.model), ("glp", row.glp))):
        each = [f"{100 * both[number]:.1f} %" for both in row.bands.values()]
        yield _line([name, f"{100 * whole:.1f} %", *each])
    yield ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _calibration(found: Calibration) -> Iterator[str]:
    yield (
        f"| sigma | calibrated on {found.data} ({found.images} images) for MTF {found.mtf[0]:g} to "
        f"{found.mtf[-1]:g} |"
    )
    yield ""
    yield "| sigma tried on | images | 68 % | 90 % | 95 % | worst class, 90 % | interval score |"
    yield "|---|---:|---:|---:|---:|---|---:|"
    for tried in found.cover:
        shares = " | ".join(f"{share:.3f}" for share in tried.within.values())
        worst = f"{tried.worst_class_90:.3f} ({tried.worst_class})" if tried.worst_class else ""
        yield (
            f"| {tried.data} | {tried.images} | {shares} | {worst} | {tried.interval_score:.2f} |"
        )


def main() -> None:
    """Write the page."""
    publish_texts(DOCS, {PAGE: page()}, overwrite=True)


if __name__ == "__main__":
    main()
