"""`rio upscale` and `rio sharpen`: the same commands within rasterio's program, as plug-ins."""

import logging

import click

# Words go on to the command as they are; its own --help describes them.
_AS_THEY_ARE = {"ignore_unknown_options": True, "help_option_names": []}
_WORDS = click.argument("words", nargs=-1, type=click.UNPROCESSED)


@click.command(context_settings=_AS_THEY_ARE, short_help="Enlarge scenes by super-resolution.")
@_WORDS
@click.pass_context
def upscale(context: click.Context, words: tuple[str, ...]) -> None:
    """Enlarge scenes, as `geoloupe upscale` does."""
    _run(context, "upscale", words)


@click.command(context_settings=_AS_THEY_ARE, short_help="Sharpen coarse bands by a finer image.")
@_WORDS
@click.pass_context
def sharpen(context: click.Context, words: tuple[str, ...]) -> None:
    """Put a finer image's detail into coarser bands, as `geoloupe sharpen` does."""
    _run(context, "sharpen", words)


def _run(context: click.Context, verb: str, words: tuple[str, ...]) -> None:
    """Run a command of the program, with what rio was told of networks and logging."""
    from geoloupe.cli import main

    # rio prints what loggers say, and so does the program: once is enough, and GDAL's own
    # complaints are for those who ask for them.
    logging.getLogger("geoloupe").propagate = False
    logging.getLogger("rasterio").propagate = context.obj["verbosity"] > 0
    with context.obj["env"]:
        main([verb, *words], name="rio")
