"""The program in a process of its own, forked from one that has imported everything already.

What runs is the same; the two seconds that importing takes are paid once a test worker.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_SERVER = """
import json, os, sys
import rasterio, torch
import geoloupe.cli, geoloupe.evaluation.report, geoloupe.scenes.commands, geoloupe.scenes.preview

for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    code = 1
    try:
        os.chdir(call["cwd"])
        os.environ.clear()
        os.environ.update(call["env"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(call[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["geoloupe", *call["words"]]
        geoloupe.cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
"""


@cache
def _server(_worker: int) -> Any:
    """Start the process that forks; it ends with this one."""
    return subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def program(
    *words: str | Path, cwd: str | Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `geoloupe WORDS` with these variables of the environment besides."""
    command = ["geoloupe", *map(str, words)]
    env = os.environ | variables
    if not hasattr(os, "fork"):
        whole = [sys.executable, "-m", *command]
        return subprocess.run(whole, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    server = _server(os.getpid())
    with TemporaryDirectory() as name:
        folder = Path(name)
        call = {
            "words": command[1:],
            "cwd": str(cwd or Path.cwd()),
            "env": dict(env),
            "out": str(folder / "out"),
            "err": str(folder / "err"),
        }
        server.stdin.write(json.dumps(call) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = ((folder / part).read_text() for part in ("out", "err"))
    return subprocess.CompletedProcess(command, code, out, err)


_RIO = """
import sys, tomllib
from importlib.metadata import EntryPoint
from rasterio.rio.main import main_group

with open(sys.argv.pop(1), "rb") as file:
    group = "rasterio.rio_plugins"
    plugins = tomllib.load(file)["project"]["entry-points"][group]
for name, place in plugins.items():
    main_group.add_command(EntryPoint(name, place, group).load(), name)
main_group(prog_name="rio")
"""


def rio(*words: str | Path, cwd: str | Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run rasterio's `rio WORDS` with our plug-ins, as an installation would have them."""
    project = Path(__file__).parent.parent / "pyproject.toml"
    command = [sys.executable, "-c", _RIO, str(project), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
