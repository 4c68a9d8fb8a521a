"""Blocks on a Dask cluster: workers compute, each block becomes a file in the folder of the job.

Workers and this process must see that folder, the scene and the weights under the same names.
Workers may come and go: a block that was lost is computed again elsewhere.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from geoloupe import settings
from geoloupe.errors import InputError, RunError
from geoloupe.scenes.job import Job
from geoloupe.scenes.plan import Block
from geoloupe.scenes.running import Order, Resources, set_up_again
from geoloupe.scenes.work_folder import work_folder
from geoloupe.system.progress import Progress

_PARTING = 10  # seconds that a scheduler or workers may take to say goodbye
_AHEAD = 4  # blocks that are handed out for each thread of the cluster, so that none waits


def compute_on_cluster(
    ready: Order,
    job: Job,
    blocks: Sequence[Block],
    chosen: Resources,
    *,
    progress: Progress,
    before: int = 0,
) -> None:
    """Have all blocks computed by workers; ends when their files are there.

    Progress counts tiles, with those that were finished `before`.
    """
    if ready.job["call"]["model"] is None:
        raise InputError("a cluster needs a model that its workers can load: a name or a path")
    done, count = before, before + sum(block.count for block in blocks)
    call = _call(ready, job, chosen)
    with _client(chosen) as client, _losses():
        for block in _finished(client, call, blocks):
            done += block.count
            progress(done, count)
    lost = [block.name for block in blocks if not job.done(block)]
    if lost:
        raise RunError(
            f"{job.folder}: workers finished {len(lost)} blocks that are not there; do they see "
            "this folder under the same name?"
        )


def _call(ready: Order, job: Job, chosen: Resources) -> dict[str, Any]:
    """Return what a worker needs to do the same, as plain values."""
    plain = settings.dump(chosen) | {"cluster": None, "workers": None, "shard": None}
    call = ready.job["call"]
    return {
        "verb": call["verb"],
        "path": call["path"],
        "model": call["model"],
        "target": str(ready.target.absolute()),
        "settings": plain | {"guide": call["guide"]},
        "job": dict(job.facts),
    }


def _finished(client: Any, call: Mapping[str, Any], blocks: Sequence[Block]) -> Iterator[Block]:
    """Hand out blocks, not all at once, and yield each that is done."""
    from distributed import as_completed

    waiting = iter(blocks)
    by_key: dict[str, Block] = {}

    def submit(block: Block) -> Any:
        place = (block.row, block.column)
        key = f"geoloupe-{call['job']['tiles']}-{block.name}-{id(blocks)}"
        by_key[key] = block
        return client.submit(compute_block, dict(call), place, key=key, pure=False, retries=2)

    room = _AHEAD * max(sum(client.nthreads().values()), 1)
    futures = as_completed([submit(block) for _, block in zip(range(room), waiting, strict=False)])
    for future in futures:
        future.result()
        yield by_key[future.key]
        following = next(waiting, None)
        if following is not None:
            futures.add(submit(following))


@contextmanager
def _losses() -> Iterator[None]:
    """Turn what Dask says of members that died into a sentence."""
    from distributed import CancelledError
    from distributed.client import ClosedClientError
    from distributed.scheduler import KilledWorker

    again = "what is done is kept: run the same again to go on"
    try:
        yield
    except KilledWorker:
        raise RunError(
            f"several workers died at one block; do they have memory enough? {again.capitalize()}"
        ) from None
    except (CancelledError, ClosedClientError, OSError, TimeoutError) as error:
        raise RunError(f"the Dask scheduler is not there any more; {again} ({error})") from None


def compute_block(call: Mapping[str, Any], place: tuple[int, int]) -> None:
    """Compute one block and keep it: what a worker does."""
    ready, job = _opened(json.dumps(call, sort_keys=True))
    block = ready.scene.plan.blocks[place[0]][place[1]]
    if not job.done(block):
        piece = ready.scene.compute(block, lambda: None)
        job.save(block, piece, ready.scene.scale)


@lru_cache(maxsize=1)
def _opened(call: str) -> tuple[Order, Job]:
    """Open a scene and a model once in each worker process."""
    told = json.loads(call)
    torch.set_num_threads(1)
    ready = set_up_again(ExitStack(), told)
    for key in ("model", "tiles", "settings"):
        if told["job"][key] != ready.job[key]:
            raise InputError(
                f"{told['path']}: this worker would make something else: its {key} is "
                f"{ready.job[key]}, not {told['job'][key]}"
            )
    return ready, Job(folder=work_folder(Path(told["target"])), facts=told["job"])


@contextmanager
def _client(chosen: Resources) -> Iterator[Any]:
    """Connect to a scheduler, or start worker processes here."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError("clusters need more packages: pip install 'geoloupe[cluster]'") from None
    with ExitStack() as stack:
        address: Any = chosen.cluster
        if chosen.cluster is None:
            address = _left(stack, _started(LocalCluster, chosen.workers))
        try:
            client = Client(address, timeout="20s")
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(f"{address}: no Dask scheduler answers there ({error})") from None
        yield _left(stack, client)


def _started(cluster: Any, count: int | None) -> Any:
    """Start worker processes on this machine."""
    try:
        # No dashboard: it would listen to the whole network, on a port that nobody is told.
        return cluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
        )
    except (OSError, RuntimeError, TimeoutError) as error:
        raise RunError(
            f"{count} workers could not be started ({error}); run the same again, with fewer if "
            "memory is short"
        ) from None


def _left(stack: ExitStack, member: Any) -> Any:
    """Have a client or a cluster closed at the end; the work is done then, and waits for none."""

    def close() -> None:
        with suppress(OSError, TimeoutError):
            member.close(timeout=_PARTING)

    stack.callback(close)
    return member
