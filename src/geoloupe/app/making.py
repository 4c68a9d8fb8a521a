"""Routes to make: dry runs, jobs, what came of them, and whether it can be believed."""

import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from geoloupe.app.endpoints import Endpoint, asked_of, event, plainly
from geoloupe.app.jobs import FINAL, JobAsked
from geoloupe.app.scenes import NotFoundError
from geoloupe.app.state import AppState
from geoloupe.errors import InputError
from geoloupe.models.shipped import shipped, shipped_sharpeners, unknown_model
from geoloupe.storage.publish import check_target
from geoloupe.system.telling import collected_warnings

_WAIT = 5.0  # seconds after which a stream says again where a job is
_PLAIN = ("bicubic", "nearest", "glp", "brovey", "gsa", "bdsd")


class InspectAsked(BaseModel):
    """A product and what it was made from, both by the names of opened scenes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    product: str
    scene: str
    truth: str | None = None


async def forecast(state: AppState, request: Request) -> Response:
    """Say what a job would take, without doing it."""
    asked = await asked_of(state, request, JobAsked)
    return JSONResponse(await run_in_threadpool(_forecast, state, asked))


def _forecast(state: AppState, asked: JobAsked) -> dict[str, Any]:
    from geoloupe.scenes.preview import forecast as dry_run

    path, output, guide = _places(state, asked)
    options: dict[str, Any] = {"scale": asked.scale} if asked.scale else {}
    options |= {"bands": asked.bands} if asked.bands else {}
    options |= {"guide": guide} if guide else {}
    if asked.verb == "upscale":
        options |= {name: True for name in ("uncertainty", "detail") if getattr(asked, name)}
    with collected_warnings() as warnings:
        found = dry_run(
            path, output, model=asked.model, overwrite=asked.overwrite, verb=asked.verb, **options
        )
    return asdict(found) | {"target": str(found.target), "warnings": warnings}


async def create_job(state: AppState, request: Request) -> Response:
    """Queue a job."""
    asked = await asked_of(state, request, JobAsked)

    def queued() -> dict[str, Any]:
        path, output, guide = _places(state, asked)
        return state.jobs.create(asked, path, output, guide).shown

    return JSONResponse(await run_in_threadpool(queued), 201)


def _places(state: AppState, asked: JobAsked) -> tuple[Path, Path, Path | None]:
    """Return the files that a job reads and makes; all lie where the app may read and write."""
    path = state.allowed(str(state.scenes.path(asked.scene)))
    guide = None if asked.guide is None else state.allowed(str(state.scenes.path(asked.guide)))
    known = (*shipped(), *shipped_sharpeners(), *_PLAIN)
    if asked.model is not None and asked.model not in known:
        raise unknown_model("model", asked.model, known)
    if asked.output is None:
        folder = path.parent
        if not os.access(folder, os.W_OK):
            folder = state.settings.state / "products"
            folder.mkdir(exist_ok=True, mode=0o700)
        return path, state.jobs.free_output(asked, path, folder), guide
    folder = state.allowed(str(Path(asked.output).parent))
    output = folder / Path(asked.output).name
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise InputError(f"{output}: a product's name ends in .tif")
    if output.is_symlink():
        raise InputError(f"{output}: is a link; name a file of its own")
    check_target(output, overwrite=asked.overwrite)
    return path, output, guide


def list_jobs(state: AppState, _request: Request) -> list[dict[str, Any]]:
    """List all jobs."""
    return [job.shown for job in state.jobs.all()]


def one_job(state: AppState, request: Request) -> dict[str, Any]:
    """Return a job."""
    return state.jobs.get(request.path_params["job"]).shown


def cancel_job(state: AppState, request: Request) -> dict[str, Any]:
    """Stop a job."""
    return state.jobs.cancel(request.path_params["job"]).shown


def resume_job(state: AppState, request: Request) -> dict[str, Any]:
    """Go on with a job."""
    return state.jobs.resume(request.path_params["job"]).shown


def forget_job(state: AppState, request: Request) -> dict[str, Any]:
    """Take a job off the list."""
    state.jobs.forget(request.path_params["job"])
    return {"forgotten": request.path_params["job"]}


async def watch_job(state: AppState, request: Request) -> Response:
    """Tell of a job as it goes on."""
    name = request.path_params["job"]
    state.jobs.get(name)

    def events() -> Iterator[bytes]:
        for job in state.jobs.watch(name, _WAIT):
            yield event("end" if job.state in FINAL else "job", job.shown)

    return StreamingResponse(events(), media_type="text/event-stream")


def product(state: AppState, request: Request) -> Response:
    """Send what a job made."""
    path = _product(state, request)
    return FileResponse(path, media_type="image/tiff", filename=path.name)


def product_scene(state: AppState, request: Request) -> dict[str, Any]:
    """Open what a job made, with its input's stretch."""
    job = state.jobs.get(request.path_params["job"])
    made = _product(state, request)
    first = state.scenes.add(state.allowed(job.path))
    like = first["id"] if job.verb == "upscale" else None
    beside = (job.result or {}).get("beside", {})
    layers = {
        name: state.scenes.add(state.allowed(path))
        for name, path in beside.items()
        if Path(path).is_file()
    }
    return {"scene": state.scenes.add(made, like), "input": first, "beside": layers}


def report(state: AppState, request: Request) -> Response:
    """Send the page that says whether a product can be believed, made when it is asked for."""
    from geoloupe.scenes.inspection import inspect
    from geoloupe.scenes.inspection_page import PAGE, write_verdict

    job, made = state.jobs.get(request.path_params["job"]), _product(state, request)
    folder = state.jobs.folder(job.id)
    page = folder / PAGE
    with state.inspecting:
        if not page.exists() or page.stat().st_mtime < made.stat().st_mtime:
            write_verdict(inspect(made, state.allowed(job.path)), folder, overwrite=True)
    name = f"{made.stem}_report.html"
    return FileResponse(page, media_type="text/html", filename=name)


def _product(state: AppState, request: Request) -> Path:
    job = state.jobs.get(request.path_params["job"])
    if job.state != "done":
        raise NotFoundError(f"{job.id}: is {job.state} and has no product yet")
    return state.allowed(job.output)


async def inspect_product(state: AppState, request: Request) -> Response:
    """Measure a product."""
    asked = await asked_of(state, request, InspectAsked)
    return JSONResponse(await run_in_threadpool(_inspected, state, asked))


def _inspected(state: AppState, asked: InspectAsked) -> dict[str, Any]:
    from geoloupe.scenes.inspection import inspect

    made, scene = (state.scenes.path(name) for name in (asked.product, asked.scene))
    truth = None if asked.truth is None else state.scenes.path(asked.truth)
    with state.inspecting:
        found = inspect(made, scene, truth)
    rows = [asdict(row) | {"good": row.good} for row in found.findings]
    finite = [
        row | {"value": row["value"] if math.isfinite(row["value"]) else None} for row in rows
    ]
    return {"verdict": found.verdict, "findings": finite, "windows": found.windows}


_JOB = "/api/jobs/{job}"
ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api/forecast",
        handler=forecast,
        about="Time, memory and disk of a job, measured on one tile; nothing is written.",
        body=JobAsked,
    ),
    Endpoint(
        method="POST",
        path="/api/inspect",
        handler=inspect_product,
        about="Whether a product can be believed: a verdict and its numbers.",
        body=InspectAsked,
    ),
    Endpoint(method="GET", path="/api/jobs", handler=plainly(list_jobs), about="List all jobs."),
    Endpoint(
        method="POST",
        path="/api/jobs",
        handler=create_job,
        about="Queue a job that makes a whole scene finer.",
        body=JobAsked,
    ),
    Endpoint(method="GET", path=_JOB, handler=plainly(one_job), about="Where a job is."),
    Endpoint(
        method="DELETE",
        path=_JOB,
        handler=plainly(forget_job),
        about="Take a job that is over off the list; its product stays.",
    ),
    Endpoint(
        method="GET",
        path=f"{_JOB}/events",
        handler=watch_job,
        about="Server-sent events: `job` at every change, `end` when it is over.",
        answers="text/event-stream",
    ),
    Endpoint(
        method="POST",
        path=f"{_JOB}/cancel",
        handler=plainly(cancel_job),
        about="Stop a job; what is done of it is kept.",
    ),
    Endpoint(
        method="POST",
        path=f"{_JOB}/resume",
        handler=plainly(resume_job),
        about="Go on with a job that was stopped or failed.",
    ),
    Endpoint(
        method="GET",
        path=f"{_JOB}/product",
        handler=plainly(product),
        about="The file that a job made.",
        answers="image/tiff",
    ),
    Endpoint(
        method="POST",
        path=f"{_JOB}/open",
        handler=plainly(product_scene),
        about="Open what a job made, its input and the layers beside it as scenes.",
    ),
    Endpoint(
        method="GET",
        path=f"{_JOB}/report",
        handler=plainly(report),
        about="A page that says whether the product can be believed.",
        answers="text/html",
    ),
)
