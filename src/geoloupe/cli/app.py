"""`geoloupe app`: a page to view scenes and enlarge them, on this machine only."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from geoloupe.cli.screen import say
from geoloupe.errors import InputError


def app(
    scene: Annotated[
        Path | None, typer.Argument(help="A scene to open first; its folder becomes readable.")
    ] = None,
    *,
    folder: Annotated[
        list[Path] | None,
        typer.Option(help="A folder to read and write; repeatable. Default: this folder."),
    ] = None,
    port: Annotated[int, typer.Option(help="Default: any free port.", min=0, max=65535)] = 0,
    state: Annotated[
        Path | None, typer.Option(help="Where jobs, previews and uploads are kept.")
    ] = None,
    upload_limit: Annotated[
        str, typer.Option(help="The largest file that can be dropped on the page.")
    ] = "2GB",
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Look at scenes, preview models and run them in a browser; nothing leaves this machine."""
    missing = [name for name in ("starlette", "uvicorn") if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(f"app needs {' and '.join(missing)}: pip install 'geoloupe[app]'")
    from geoloupe.app.security import Secrets
    from geoloupe.app.server import serve
    from geoloupe.app.settings import AppSettings, default_state
    from geoloupe.app.state import AppState
    from geoloupe.storage.sizes import parse_size

    try:
        most = parse_size(upload_limit)
    except ValueError as error:
        raise InputError(f"--upload-limit: {error}") from None
    first = None if scene is None else _existing(scene)
    roots = [_existing(each, folder=True) for each in folder or ()]
    if first is not None:
        roots.insert(0, first.parent)
    settings = AppSettings(
        roots=tuple(dict.fromkeys(roots or [Path.cwd().resolve()])),
        state=(state or default_state()).expanduser().resolve(),
        upload_bytes=most,
    )
    settings.prepare()

    def ready(address: str) -> None:
        say(f"{address}\n  open it in a browser on this machine; Ctrl+C stops the server")
        if browser:
            typer.launch(address)

    serve(AppState.of(settings, Secrets(), first), port, ready)


def _existing(path: Path, *, folder: bool = False) -> Path:
    if not path.exists() or (folder and not path.is_dir()):
        raise InputError(f"{path}: no such {'folder' if folder else 'file'}")
    return path.resolve()
