"""Blocks on a Dask cluster: workers compute, and each block becomes a file in the job's folder.

Workers and this process must see that folder, the scene and the weights under the same names.
Workers may come and go: a lost block is computed again elsewhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch

from geoloupe.errors import InputError, RunError
from geoloupe.scenes.job import Job
from geoloupe.scenes.order import Errand, Order, Resources
from geoloupe.scenes.plan import Block
from geoloupe.scenes.work_folder import work_folder
from geoloupe.system.progress import Progress

_CLOSE_TIMEOUT_S = 10  # seconds that a scheduler or workers may take to shut down
_BLOCKS_PER_THREAD = 4  # blocks handed out per thread of the cluster, so that none waits


def compute_on_cluster(
    order: Order,
    job: Job,
    blocks: Sequence[Block],
    *,
    progress: Progress,
    before: int = 0,
) -> None:
    """Have all blocks computed by workers; returns when their files exist.

    Progress counts tiles, including those finished `before`.
    """
    errand = order.errand(job.identity)
    done, count = before, before + sum(block.count for block in blocks)
    with _client(order.settings) as client, _losses():
        for block in _finished(client, errand, blocks):
            done += block.count
            progress(done, count)
    lost = [block.name for block in blocks if not job.done(block)]
    if lost:
        raise RunError(
            f"{job.folder}: workers finished {len(lost)} blocks that are missing; do they see "
            "this folder under the same name?"
        )


def _finished(client: Any, errand: Errand, blocks: Sequence[Block]) -> Iterator[Block]:
    """Hand out blocks, a few at a time, and yield each finished one."""
    from distributed import as_completed

    waiting = iter(blocks)
    by_key: dict[str, Block] = {}

    def submit(block: Block) -> Any:
        place = (block.row, block.column)
        key = f"geoloupe-{errand.identity.tiles}-{block.name}-{id(blocks)}"
        by_key[key] = block
        return client.submit(compute_block, errand, place, key=key, pure=False, retries=2)

    room = _BLOCKS_PER_THREAD * max(sum(client.nthreads().values()), 1)
    futures = as_completed([submit(block) for _, block in zip(range(room), waiting, strict=False)])
    for future in futures:
        future.result()
        yield by_key[future.key]
        following = next(waiting, None)
        if following is not None:
            futures.add(submit(following))


@contextmanager
def _losses() -> Iterator[None]:
    """Turn Dask's report of dead members into one sentence."""
    from distributed import CancelledError
    from distributed.client import ClosedClientError
    from distributed.scheduler import KilledWorker

    again = "finished work is kept: run the same again to continue"
    try:
        yield
    except KilledWorker:
        raise RunError(
            f"several workers died on one block; do they have enough memory? {again.capitalize()}"
        ) from None
    except (CancelledError, ClosedClientError, OSError, TimeoutError) as error:
        raise RunError(f"the Dask scheduler is no longer there; {again} ({error})") from None


def compute_block(errand: Errand, place: tuple[int, int]) -> None:
    """Compute one block and keep it: a worker's job."""
    order, job = _opened(errand)
    block = order.scene.plan.block_rows[place[0]][place[1]]
    if not job.done(block):
        job.save(block, order.scene.compute(block, lambda: None))


_OPEN: dict[str, tuple[Order, Job]] = {}  # the last order of this worker, by its work


def _opened(errand: Errand) -> tuple[Order, Job]:
    """Open a scene and a model once in each worker process."""
    key = errand.identity.digest
    found = _OPEN.get(key)
    if found is None:
        torch.set_num_threads(1)
        order = errand.open(ExitStack())
        found = order, Job(folder=work_folder(errand.target), identity=errand.identity)
        _OPEN.clear()
        _OPEN[key] = found
    return found


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
            raise InputError(f"{address}: no Dask scheduler responds there ({error})") from None
        yield _left(stack, client)


def _started(cluster: Any, count: int | None) -> Any:
    """Start worker processes on this machine."""
    try:
        # No dashboard: it would listen on the whole network, on a port nobody knows.
        return cluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
        )
    except (OSError, RuntimeError, TimeoutError) as error:
        raise RunError(
            f"{count} workers could not be started ({error}); run the same again, with fewer if "
            "memory is short"
        ) from None


def _left(stack: ExitStack, member: Any) -> Any:
    """Close a client or a cluster at the end; the work is done then and waits for nothing."""

    def close() -> None:
        with suppress(OSError, TimeoutError):
            member.close(timeout=_CLOSE_TIMEOUT_S)

    stack.callback(close)
    return member
