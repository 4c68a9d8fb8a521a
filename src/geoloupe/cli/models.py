"""`geoloupe models`: trained models, the card of one, and models on a hub."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from geoloupe.cli.screen import print_table, say
from geoloupe.errors import InputError

if TYPE_CHECKING:
    from geoloupe.models.card import Calibration, Card


class _ShowsUnlessToldOtherwise(TyperGroup):
    """Takes `models NAME` for `models show NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name where none is."""
        if not args or args[0] not in (*self.commands, "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


models = typer.Typer(
    cls=_ShowsUnlessToldOtherwise,
    help="List the models that come along, show the card of one, push to a hub or pull from one.",
    rich_markup_mode=None,
)


@models.command()
def show(
    name: Annotated[
        str | None, typer.Argument(help="A shipped model, or a folder of weights.")
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write a copy into this new folder.")
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store the copy in half precision.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """List the models that are installed, or show the card of one."""
    from geoloupe.models.card import read_weights
    from geoloupe.models.model import load, save
    from geoloupe.models.sharpeners import load_sharpener, save_sharpener
    from geoloupe.models.shipped import shipped, shipped_sharpeners

    if name is None:
        folders = shipped() | shipped_sharpeners()
        cards = {key: read_weights(folder)[0] for key, folder in folders.items()}
        if as_json:
            shown = {key: card.model_dump(mode="json") for key, card in cards.items()}
            say(json.dumps(shown, indent=2))
        else:
            _print_list(cards)
        return
    if name in shipped_sharpeners():
        sharpener = load_sharpener(name)
        if output is not None:
            save_sharpener(sharpener, output)
        _show(sharpener.card, sharpener.digest, output, as_json=as_json)
        return
    model = load(name)
    if not model.has_weights:
        raise InputError(f"{name}: has no weights, so it has no card; see geoloupe networks {name}")
    if output is not None:
        save(model, output, half=half)
    _show(model.card, model.digest, output, as_json=as_json)


@models.command()
def push(
    name: Annotated[str, typer.Argument(help="A shipped model, or a folder of weights.")],
    to: Annotated[str, typer.Argument(help="Where to: hub:owner/name.")],
    *,
    public: Annotated[
        bool, typer.Option("--public", help="A new repository is seen by all. Default: by you.")
    ] = False,
) -> None:
    """Put a model on a hub: weights, card, a page, config.json and a STAC item."""
    from geoloupe.models.exchange import hub
    from geoloupe.models.model import load

    say(hub.push(load(name), to, public=public))


@models.command()
def pull(
    source: Annotated[str, typer.Argument(help="hub:owner/name, perhaps with @revision.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The folder to write. Default: the model's name."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing weights.")
    ] = False,
) -> None:
    """Bring a model from a hub into a folder of weights, checked name by name."""
    from geoloupe.models.exchange import hub

    folder = output or Path(hub.HubName.parse(source).repository.partition("/")[2])
    model = hub.pull(source, folder, overwrite=overwrite)
    say(f"{folder}\n  {model.card.name}, digest {model.digest}")
    say(f"  next: geoloupe upscale IMAGE --model {folder}")


def _show(card: "Card", digest: str, copied: Path | None, *, as_json: bool) -> None:
    """Print the path of a copy, or a card."""
    if copied is not None:
        say(copied)
    elif as_json:
        say(card.model_dump_json(indent=2))
    else:
        _print_card(card, digest)


def _print_list(cards: "dict[str, Card]") -> None:
    from geoloupe.models.shipped import INSTALL_PAPERS, not_installed

    rows = []
    for name, card in cards.items():
        best = card.scores[0] if card.scores else None
        gain = ""
        if best is not None and "psnr" in best.values and "psnr" in best.bicubic:
            gain = f"{best.values['psnr'] - best.bicubic['psnr']:+.2f} dB on {best.data}"
        if card.shares:
            pair = card.shares[0]
            gain = f"{-20 * math.log10(pair.model):+.2f} dB on {pair.data}, with a guide"
        scale = f"x{card.settings['scale']}" if "scale" in card.settings else "the guide's"
        rows.append([name, card.network, scale, _bands(card), gain])
    print_table(["name", "network", "scale", "bands", "over bicubic"], rows)
    say("\ngeoloupe models NAME shows its card.")
    if absent := not_installed():
        say(f"{', '.join(absent)}: in one more package, {INSTALL_PAPERS}")


def _bands(card: "Card") -> str:
    return ", ".join(card.bands or ()) or str(card.settings.get("bands", "any"))


def _print_card(card: "Card", digest: str) -> None:
    from geoloupe.evaluation.cards import gain_table
    from geoloupe.imagery.kinds import PHRASES

    facts: list[tuple[str, object]] = [
        ("network", f"{card.network}, {json.dumps(card.settings)}"),
        ("bands", _bands(card)),
        ("about", card.notes),
        ("not for", card.not_for),
        ("warns of", ", ".join(PHRASES[kind] for kind in card.unsuited)),
        ("least bands", card.least_bands),
        ("bound", None if card.bound is None else f"{card.bound:g} of the range around a pixel"),
        ("trained on", card.trained_on),
        ("licence", card.licence),
        ("digest", digest),
    ]
    if card.training is not None:
        made = card.training
        text = f"{made.recipe}, {made.steps:,} steps, {made.hours:.2f} h on {made.hardware}"
        facts += [("training", text), ("version", f"{made.version} {made.commit or ''}")]
    if card.origin is not None:
        facts.append(("made from", f"{card.origin.file}, sha256 {card.origin.sha256}"))
    print_table([card.name, ""], [[key, str(text)] for key, text in facts if text])
    if card.calibration is not None:
        _print_calibration(card.calibration)
    for score in card.scores:
        say(f"\n{score.data}, x{score.scale}, protocol {score.protocol}")
        rows = [
            [metric, f"{value:.4f}", f"{score.bicubic.get(metric, float('nan')):.4f}"]
            for metric, value in score.values.items()
        ]
        print_table(["", card.name, "bicubic"], rows, numbers={card.name, "bicubic"})
    if card.shares:
        say("\nErrors relative to interpolation's on unseen pairs, all bands and each")
    for pair in card.shares:
        both = {"all": (pair.model, pair.glp)} | pair.bands
        cells = [[band, *(f"{100 * x:.1f} %" for x in found)] for band, found in both.items()]
        heads = [f"{pair.data}, x{pair.ratio}", card.name, "glp"]
        print_table(heads, cells, numbers={card.name, "glp"})
    if card.gains:
        say("\nPSNR over bicubic by sensor, dB, with its 95 % interval; noise out of 255")
        head, lines = gain_table(card.gains)
        print_table(head, lines, numbers=set(head[1:]))


def _print_calibration(found: "Calibration") -> None:
    say(
        f"\nsigma, calibrated on {found.data} ({found.images} images) for MTF {found.mtf[0]:g} to "
        f"{found.mtf[-1]:g}: how much of the truth lay within it"
    )
    rows = [
        [
            tried.data,
            *(f"{share:.3f}" for share in tried.within.values()),
            tried.worst_class and f"{tried.worst_class_90:.3f} ({tried.worst_class})",
            f"{tried.worst_images_90:.3f}",
            f"{tried.interval_score:.2f}",
        ]
        for tried in found.cover
    ]
    shares = ["68 %", "90 %", "95 %"]
    print_table(["tried on", *shares, "worst class, 90 %", "worst images, 90 %", "score"], rows)
    say("The score is of 90 % intervals, relative to one width for all; less is better.")
