"""The `geoloupe` program: its commands, and failures as one clean sentence."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from geoloupe.cli.ablate import ablate
from geoloupe.cli.app import app as app_command
from geoloupe.cli.assemble import assemble
from geoloupe.cli.compare import compare
from geoloupe.cli.convert import convert
from geoloupe.cli.cost import cost
from geoloupe.cli.degrade import degrade
from geoloupe.cli.demo import demo
from geoloupe.cli.doctor import doctor
from geoloupe.cli.downstream import downstream
from geoloupe.cli.evaluate import evaluate
from geoloupe.cli.export import export
from geoloupe.cli.inspect import inspect
from geoloupe.cli.leaderboard import leaderboard
from geoloupe.cli.models import models
from geoloupe.cli.networks import networks
from geoloupe.cli.picture import picture
from geoloupe.cli.prepare import prepare
from geoloupe.cli.screen import (
    PlainFormatter,
    escape_what_cannot_be_printed,
    in_flags,
    say,
)
from geoloupe.cli.sensors import sensors
from geoloupe.cli.sharpen import sharpen
from geoloupe.cli.train import finetune, train
from geoloupe.cli.upscale import upscale
from geoloupe.errors import GeoloupeError
from geoloupe.system.allocator import keep_freed_memory
from geoloupe.version import __version__

INTERRUPTED = 130  # what shells expect of a program that was stopped with Ctrl+C
STOPPED = "stopped; finished work is kept where possible: run the same again to continue"

app = typer.Typer(
    name="geoloupe",
    help="Super-resolution for remote-sensing imagery.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    *(
        upscale,
        sharpen,
        assemble,
        inspect,
        picture,
        degrade,
        prepare,
        train,
        finetune,
        evaluate,
        compare,
    ),
    *(leaderboard, downstream, cost, ablate),
    *(demo, networks, sensors, convert, export, doctor),
):
    app.command()(command)
app.command("app")(app_command)
app.add_typer(models, name="models")


def main(words: Sequence[str] | None = None, *, name: str = "geoloupe") -> NoReturn:
    """Run the program and leave with its exit code: 2 for wrong input, 1 for a failed run.

    Args:
        words: What to do; None: as the process was told.
        name: What its help calls the program.
    """
    escape_what_cannot_be_printed()
    if hasattr(signal, "SIGBREAK"):  # Ctrl+Break on Windows, which would end it without a word
        signal.signal(signal.SIGBREAK, signal.default_int_handler)
    # GDAL's own complaints: our messages say what matters in them, the rest confuses.
    logging.getLogger("rasterio").addHandler(logging.NullHandler())
    ours = logging.StreamHandler()
    ours.setFormatter(PlainFormatter())
    logging.getLogger("geoloupe").addHandler(ours)
    keep_freed_memory()
    try:
        app(None if words is None else list(words), prog_name=name)
    except GeoloupeError as error:
        _leave(in_flags(str(error)), error.exit_code)
    except MemoryError:
        _leave("out of memory; choose a smaller --set tile=, or smaller batches or images", 1)
    except KeyboardInterrupt:
        _leave(STOPPED, INTERRUPTED)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            _leave(STOPPED, INTERRUPTED)
        raise
    sys.exit(0)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Super-resolution for remote-sensing imagery."""


def _leave(message: str, code: int) -> NoReturn:
    say(f"geoloupe: {message}", to_errors=True)
    if code == INTERRUPTED:
        # Everything is cleaned up; threads still computing would crash the interpreter's exit.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)
