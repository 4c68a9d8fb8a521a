"""Write docs/choosing.md, which model for which sensor, from the cards of the models that ship.

python -m tools.choosing_page
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from geoloupe.imagery.sensors.table import load_sensor, sensors
from geoloupe.models.card import Card, Gain
from geoloupe.models.model import load
from geoloupe.models.sharpeners import load_sharpener
from geoloupe.models.shipped import shipped, shipped_sharpeners
from geoloupe.storage.publish import publish_texts

DOCS = Path(__file__).parent.parent / "docs"
PAGE = "choosing.md"
OWN = "loupe-x"  # the models for any bands of any optical sensor
KINDS = {  # the data of the gains, as a reader calls them
    "ucmerced:test": "aerial photographs of 0.3 m (UC Merced)",
    "rgb:test": "aerial photographs of 0.16 to 0.4 m (Estonia)",
    "octave:test": "Sentinel-2, NAIP and aerial scenes made coarser",
    "pan:test": "Landsat's panchromatic band",
}
BLURS = ("mtf .2", "mtf .3", "mtf .4", "box")  # from the softest to the sharpest
_NOISE = 1  # of 255: the most that a usual scene has
_HEAD = """\
# Which model for which sensor

Written by `python -m tools.choosing_page` from the cards of the models; the tests see that it is
current.

| you have | take |
|---|---|
| Sentinel-2, and want all bands at 10 m | [`sharpen`](tasks/sentinel-2.md) |
| MS and PAN, such as Landsat of Level 1 | [`sharpen`](tasks/ms-and-pan.md) |
| a hyperspectral cube and a finer image of the same day | `sharpen` |
| an airborne cube, aligned RGB four times finer | `upscale --model mulsr-x4` (`geoloupe[papers]`) |
| bands of any optical sensor and nothing finer | `upscale`, a `loupe` of your factor |
| a mosaic of a drone or an aircraft | [`upscale --sensor aerial`](tasks/drone-mosaic.md) |
| radar, temperature, elevation, a map of classes | none of them: interpolate |

A finer image of the same place was seen; what a model adds was not. So `sharpen` first. Of factors,
take the smallest that serves you: at eight times, most detail is only likely.

## What `upscale` gains

PSNR over bicubic interpolation in dB, on images that training never saw, made coarser by each blur:
without noise, and with noise of 1 of 255. The MTF is what the sensor leaves of the contrast of the
finest pattern; *sharp* is an average over whole pixels, with no blur beyond.
"""
_SENSORS = """\
## Where your sensor stands

Mean of its multispectral bands. Take the column nearest to it; [sensors.md](sensors.md) has the
figures of each band and their sources.

| sensor | MTF |
|---|---:|"""
_SHARPEN = """\

## What `sharpen` gains

Errors (RMSE) relative to interpolation's on pairs that training never saw, by Wald's protocol; less
is better. `glp` is a regression without training, the default for guides of other sensors.

| pair | model | its error | `glp` |
|---|---|---:|---:|"""
_OTHERS = """\

## The models of the five papers

They prove that the systems train and ship here; each saw one kind of image for an hour or two of
one core. They are a package of their own: `pip install 'geoloupe[papers]'`. Gains in dB of PSNR
over bicubic on test images of their own kind, each under its own protocol, so that they do not
compare with each other.

| model | for | gain |
|---|---|---:|"""


def page() -> str:
    """Return the whole page."""
    cards = [load(name).card for name in shipped()]
    own = [card for card in cards if card.name.startswith(OWN)]
    others = [card for card in cards if not card.name.startswith(OWN)]
    lines = [_HEAD]
    for data, kind in KINDS.items():
        lines += _gains(kind, [(card, data) for card in own])
    lines += [_SENSORS, *_sensors(), _SHARPEN, *_shares(), _OTHERS, *_scores(others), ""]
    return "\n".join(lines)


def _gains(kind: str, of: Sequence[tuple[Card, str]]) -> Iterator[str]:
    yield f"**On {kind}**\n"
    yield "| model | MTF 0.2 | MTF 0.3 | MTF 0.4 | sharp |"
    yield "|---|---:|---:|---:|---:|"
    for card, data in of:
        found = {(gain.degradation, gain.noise): gain for gain in card.gains if gain.data == data}
        if found:
            cells = [_cell(found[blur, 0], found[blur, _NOISE]) for blur in BLURS]
            yield f"| `{card.name}` | {' | '.join(cells)} |"
    yield ""


def _cell(clean: Gain, noisy: Gain) -> str:
    return f"{clean.mean:+.1f}, {noisy.mean:+.1f}"


def _sensors() -> Iterator[str]:
    for name in sensors():
        yield f"| `{name}` | {load_sensor(name).typical_mtf:.2f} |"


def _shares() -> Iterator[str]:
    for name in shipped_sharpeners():
        for share in load_sharpener(name).card.shares:
            pair = f"{share.data}, {share.ratio:g} times".replace("_", r"\_")
            yield f"| {pair} | `{name}` | {share.model * 100:.0f} % | {share.glp * 100:.0f} % |"


def _scores(cards: Sequence[Card]) -> Iterator[str]:
    for card in cards:
        for score in card.scores:
            if "psnr" in score.bicubic:
                gain = score.values["psnr"] - score.bicubic["psnr"]
                yield f"| `{card.name}` | {score.data}, protocol `{score.protocol}` | {gain:+.2f} |"


def main() -> None:
    """Write the page."""
    publish_texts(DOCS, {PAGE: page()}, overwrite=True)


if __name__ == "__main__":
    main()
