"""Jobs: scenes that are made as a whole, one after the other, each remembered in a small file."""

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from geoloupe.app.children import Child
from geoloupe.app.scenes import NotFoundError
from geoloupe.app.settings import AppSettings
from geoloupe.errors import InputError
from geoloupe.rasters.opening import stem_of
from geoloupe.storage.names import alike
from geoloupe.storage.publish import publish

State = Literal["queued", "running", "stopped", "failed", "done"]
FINAL = ("stopped", "failed", "done")
_FILE = "job.json"
_PAUSE = 0.15  # seconds between two looks at a process
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class TooManyError(InputError):
    """More wait than may."""


class JobAsked(BaseModel):
    """A whole scene, and what to make of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene: str
    verb: Literal["upscale", "sharpen"] = "upscale"
    model: str | None = None
    scale: int | None = Field(default=None, ge=1, le=16)
    bands: str | None = Field(default=None, pattern=r"^[^-].{0,500}$")
    guide: str | None = None  # a scene's name, as `scene` is one
    uncertainty: bool = False
    detail: bool = False
    output: str | None = None  # a path; none: a new name beside the scene
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is remembered of a job."""

    id: str
    verb: str
    path: str
    output: str
    words: tuple[str, ...]  # of the command line, after the verb
    model: str | None = None
    state: State = "queued"
    created: float = 0.0
    began: float | None = None  # this time, if it was stopped before
    ended: float | None = None
    before: int | None = None  # tiles that were done when it began this time
    done: int = 0
    count: int = 0
    error: str | None = None
    result: dict[str, Any] | None = None
    pid: int | None = None
    born: str | None = None  # tells its process from a later one of the same number

    @property
    def shown(self) -> dict[str, Any]:
        """What a page is told."""
        hidden = ("pid", "born", "words", "before")
        told = {key: value for key, value in asdict(self).items() if key not in hidden}
        return told | {"name": Path(self.path).name, "seconds_left": self._seconds_left()}

    def _seconds_left(self) -> float | None:
        fresh = self.done - (self.before or 0)
        if self.state != "running" or self.began is None or fresh < 1:
            return None
        return (time.time() - self.began) / fresh * (self.count - self.done)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a job that was remembered; ValueError if it is none."""
        values = json.loads(file.read_text(encoding="utf-8"))
        known = {each.name for each in fields(cls)}
        if not isinstance(values, dict) or not set(values) <= known:
            raise ValueError(f"{file} is no job")
        values["words"] = tuple(values.get("words", ()))
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"{file} is no job ({error})") from None


@dataclass(eq=False)
class Jobs:
    """Runs jobs one at a time; every change is written down before it is told."""

    settings: AppSettings
    _jobs: dict[str, Job] = field(default_factory=dict)
    _changed: Condition = field(default_factory=Condition)
    _child: Child | None = None
    _current: str | None = None
    _ending: bool = False
    _thread: Thread | None = None

    def start(self) -> None:
        """Remember the jobs of an earlier server, and begin to work."""
        for file in sorted(self.settings.jobs_folder.glob(f"*/{_FILE}")):
            with suppress(OSError, ValueError):
                job = Job.read(file)
                self._jobs[job.id] = job
        for job in list(self._jobs.values()):
            if job.state == "running" and not self._adopted(job).alive():
                self._end(job.id, None)
        self._thread = Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop what runs, which can be resumed, and wait for it."""
        with self._changed:
            self._ending = True
            if self._child is not None:
                self._child.stop()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=20)

    def all(self) -> list[Job]:
        """List the jobs, the newest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: -job.created)

    def get(self, name: str) -> Job:
        """Return a job."""
        with self._changed:
            if name not in self._jobs:
                raise NotFoundError(f"{name}: there is no job of this name")
            return self._jobs[name]

    def create(self, asked: JobAsked, path: Path, output: Path, guide: Path | None) -> Job:
        """Queue a job; too many that wait are refused."""
        waiting = [job for job in self.all() if job.state in ("queued", "running")]
        if len(waiting) >= self.settings.jobs:
            raise TooManyError(f"{len(waiting)} jobs wait already; cancel one, or wait")
        if any(alike(job.output) == alike(output) for job in waiting):
            raise InputError(f"{output}: another job makes this file")
        job = Job(
            id=secrets.token_hex(8),
            verb=asked.verb,
            path=str(path),
            output=str(output),
            words=_words(asked, path, output, guide),
            model=asked.model,
            created=time.time(),
        )
        self._put(job)
        self._forget_old()
        return job

    def free_output(self, asked: JobAsked, path: Path, folder: Path) -> Path:
        """Return a new name for a product in a folder."""
        taken = {alike(job.output) for job in self.all() if job.state != "done"}
        made = asked.model or ("sharpened" if asked.verb == "sharpen" else "finer")
        made += f"_x{asked.scale}" if asked.scale and f"x{asked.scale}" not in made else ""
        stem = _UNSAFE.sub("-", f"{stem_of(str(path))}_{made}")[:120]
        number = 1
        while True:
            new = folder / f"{stem}{f'-{number}' if number > 1 else ''}.tif"
            if not new.exists() and alike(new) not in taken:
                return new
            number += 1

    def cancel(self, name: str) -> Job:
        """Stop a job; what is done of it is kept."""
        with self._changed:
            job = self.get(name)
            if job.state == "queued":
                self._put(replace(job, state="stopped", ended=time.time()))
            elif job.state == "running" and self._current == name and self._child is not None:
                self._child.stop()
        return self.get(name)

    def resume(self, name: str) -> Job:
        """Queue a job again that was stopped or failed."""
        job = self.get(name)
        if job.state not in ("stopped", "failed"):
            raise InputError(f"{name}: is {job.state} and cannot be resumed")
        self._put(replace(job, state="queued", error=None, ended=None, before=None, pid=None))
        return self.get(name)

    def forget(self, name: str) -> None:
        """Remove a job from the list; its product stays."""
        with self._changed:
            if self.get(name).state not in FINAL:
                raise InputError(f"{name}: is not over; cancel it first")
            self._remove(name)

    def folder(self, name: str) -> Path:
        """Return where a job's own files lie."""
        return self.settings.jobs_folder / self.get(name).id

    def watch(self, name: str, wait: float) -> Iterator[Job]:
        """Return a job now and after each change, until it is over; again after `wait` at most."""
        job = self.get(name)
        while True:
            yield job
            if job.state in FINAL:
                return
            self._await_change(job, wait)
            job = self.get(name)

    def _await_change(self, job: Job, wait: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs.get(job.id) != job, timeout=wait)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ending or self._next() is not None)
                if self._ending:
                    return
                name = self._next()
                assert name is not None
                job = self._jobs[name]
                self._current = name
                self._child = self._adopted(job) if job.state == "running" else self._begun(job)
            self._follow(name)

    def _next(self) -> str | None:
        """Choose the job that runs already, of an earlier server, or the one that waits longest."""
        order = sorted(self._jobs.values(), key=lambda job: (job.state != "running", job.created))
        return next((job.id for job in order if job.state in ("running", "queued")), None)

    def _begun(self, job: Job) -> Child:
        child = Child.started((job.verb, *job.words), self.settings.jobs_folder / job.id)
        now = time.time()
        self._put(replace(job, state="running", began=now, pid=child.pid, born=child.born))
        return child

    def _adopted(self, job: Job) -> Child:
        return Child(folder=self.settings.jobs_folder / job.id, pid=job.pid, born=job.born)

    def _follow(self, name: str) -> None:
        child = self._child
        assert child is not None
        while child.alive():
            self._told(name, child)
            child.hurry()
            time.sleep(_PAUSE)
        with self._changed:
            self._told(name, child)
            self._child = self._current = None
            self._end(name, child)

    def _told(self, name: str, child: Child) -> None:
        found = child.progress()
        with self._changed:
            job = self._jobs[name]
            if found is not None and found != (job.done, job.count):
                done, count = found
                before = done if job.before is None else job.before
                self._put(replace(job, done=done, count=count, before=before))

    def _end(self, name: str, child: Child | None) -> None:
        """Write down how a job ended: by what it said, for an earlier server's tells no more."""
        job = self._jobs[name]
        child = child or self._adopted(job)
        ended = replace(job, ended=time.time(), pid=None, born=None)
        result = child.result()
        if result is not None and result.get("complete"):
            self._put(replace(ended, state="done", result=result, done=max(job.count, job.done)))
        elif child.stopped():
            self._put(replace(ended, state="stopped"))
        else:
            self._put(replace(ended, state="failed", error=child.complaint()))

    def _put(self, job: Job) -> None:
        folder = self.settings.jobs_folder / job.id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._changed:
            with publish(folder / _FILE, overwrite=True) as part:
                part.write_text(json.dumps(asdict(job)), encoding="utf-8")
            self._jobs[job.id] = job
            self._changed.notify_all()

    def _forget_old(self) -> None:
        over = [job for job in self.all() if job.state in FINAL]
        with self._changed:
            for job in over[self.settings.kept_jobs :]:
                self._remove(job.id)

    def _remove(self, name: str) -> None:
        folder = self.settings.jobs_folder / self._jobs.pop(name).id
        for file in folder.glob("*"):
            with suppress(OSError):
                file.unlink()
        with suppress(OSError):
            folder.rmdir()
        self._changed.notify_all()


def _words(asked: JobAsked, path: Path, output: Path, guide: Path | None) -> tuple[str, ...]:
    """Write a job as the words of the command line."""
    words = [str(path), "--output", str(output), "--json"]
    named = {"--model": asked.model, "--bands": asked.bands, "--guide": guide}
    for flag, value in named.items():
        words += [] if value is None else [flag, str(value)]
    words += ["--overwrite"] if asked.overwrite else []
    settings = {"scale": asked.scale}
    settings |= {name: True for name in ("uncertainty", "detail") if getattr(asked, name)}
    for name, setting in settings.items():
        text = "true" if setting is True else str(setting)
        words += [] if setting is None else ["--set", f"{name}={text}"]
    return tuple(words)
