"""The commands that make results from scenes, and how work once begun is finished."""

from pathlib import Path
from typing import Any

from geoloupe.errors import InputError
from geoloupe.scenes.job import Job
from geoloupe.scenes.order import Command
from geoloupe.scenes.sharpen import SHARPEN
from geoloupe.scenes.upscale import UPSCALE
from geoloupe.scenes.work_folder import read_job, sweep, work_folder

COMMANDS: dict[str, Command] = {"sharpen": SHARPEN, "upscale": UPSCALE}


def finish(target: Path, *, overwrite: bool = False) -> Any:
    """Put together a result whose blocks were computed as shards."""
    sweep(target)
    identity = read_job(target)
    call, blocks = identity.call, identity.blocks
    if call.model is None:
        raise InputError(f"{target}: was begun with a model from a program; finish it there")
    missing = blocks - Job(folder=work_folder(target), identity=identity).finished()
    if missing > 0:
        raise InputError(
            f"{target}: {missing} of {blocks} blocks are missing; run the shards that did not "
            f"finish, or the same {call.verb} without a shard for everything missing"
        )
    if call.verb not in COMMANDS:
        raise InputError(f"{target}: was begun by {call.verb}, which this version lacks")
    return COMMANDS[call.verb].again(identity, target, overwrite=overwrite)
