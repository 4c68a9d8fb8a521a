"""Jobs: from a queue to a product, stopped and resumed, and over the end of their server."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from geoloupe.app import children
from geoloupe.app.jobs import Job, JobAsked, Jobs
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from tests.app.conftest import Served, serving, settings_of

SLOWLY = str(Path(__file__).with_name("slowly.py"))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make jobs of many slow tiles."""
    monkeypatch.setattr(children, "PROGRAM", (sys.executable, SLOWLY))


def events(served: Served, job: str) -> Iterator[tuple[str, Any]]:
    """Watch a job to its end."""
    with served.client.stream("GET", f"/api/jobs/{job}/events") as found:
        assert found.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in found.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def until(jobs: Jobs, name: str, reached: Any, seconds: float = 60) -> Job:
    """Wait for a job."""
    end = time.monotonic() + seconds
    while not reached(jobs.get(name)):
        assert time.monotonic() < end, jobs.get(name)
        time.sleep(0.05)
    return jobs.get(name)


def over(job: Job) -> bool:
    return job.state in ("stopped", "failed", "done")


def test_a_job_makes_a_product_that_can_be_opened_and_judged(served: Served) -> None:
    with open_source(served.data / "scene.tif") as whole:
        part = whole.read(Window(top=0, left=0, height=160, width=160))
    write_image(served.data / "part.tif", part)
    scene = served.post("/api/scenes", path=str(served.data / "part.tif"))
    job = served.post("/api/jobs", scene=scene["id"], model="loupe-x2", detail=True)
    told = list(events(served, job["id"]))
    assert [name for name, _ in told[:-1]] == ["job"] * (len(told) - 1)
    name, last = told[-1]
    assert (name, last["state"], last["error"]) == ("end", "done", None)
    assert last["done"] == last["count"] > 0
    assert last["result"]["width"] == 320
    opened = served.post(f"/api/jobs/{job['id']}/open")
    assert opened["scene"]["width"] == 320
    assert opened["input"]["id"] == scene["id"]
    assert opened["beside"]["detail"]["width"] == 320
    product = served.client.get(f"/api/jobs/{job['id']}/product")
    assert product.content == Path(last["output"]).read_bytes()
    verdict = served.post("/api/inspect", product=opened["scene"]["id"], scene=scene["id"])
    assert verdict["verdict"]
    assert {row["name"] for row in verdict["findings"]} >= {"reflectance", "NDVI drift"}
    report = served.client.get(f"/api/jobs/{job['id']}/report")
    assert verdict["verdict"] in report.text
    assert report.headers["content-disposition"].startswith("attachment")
    served.client.delete(f"/api/jobs/{job['id']}").raise_for_status()
    assert served.get("/api/jobs") == []
    assert Path(last["output"]).exists()


def test_bands_are_sharpened_by_a_second_scene(served: Served) -> None:
    shutil.copy(str(resources.files("geoloupe") / "sample/truth.tif"), served.data / "truth.tif")
    scene, guide = served.scene(), served.post("/api/scenes", path=str(served.data / "truth.tif"))
    order = {"scene": scene["id"], "verb": "sharpen", "model": "glp", "guide": guide["id"]}
    planned = served.post("/api/forecast", **order)
    job = served.post("/api/jobs", **order)
    *_, (_, last) = events(served, job["id"])
    assert last["state"] == "done", last["error"]
    opened = served.post(f"/api/jobs/{job['id']}/open")["scene"]
    size = (opened["width"], opened["height"])
    assert size == (planned["width"], planned["height"]) == (guide["width"], guide["height"])
    assert opened["transform"] == guide["transform"]


def test_a_job_that_fails_says_why(served: Served) -> None:
    scene = served.scene()
    job = served.post("/api/jobs", scene=scene["id"], model="mulsr-x4")
    *_, (name, last) = events(served, job["id"])
    assert (name, last["state"]) == ("end", "failed")
    assert "mulsr-x4" in last["error"]
    assert served.client.get(f"/api/jobs/{job['id']}/product").status_code == 404


@pytest.mark.usefixtures("slow")
def test_a_job_that_was_stopped_goes_on_where_it_was(served: Served) -> None:
    jobs, scene = served.state.jobs, served.scene()
    order = {"model": "bicubic", "scale": 2}
    whole = served.post("/api/jobs", scene=scene["id"], **order)["id"]
    until(jobs, whole, over)
    stopped = served.post("/api/jobs", scene=scene["id"], **order)["id"]
    until(jobs, stopped, lambda job: job.done > 2)
    served.post(f"/api/jobs/{stopped}/cancel")
    told = until(jobs, stopped, over)
    assert told.state == "stopped"
    assert 0 < told.done < told.count
    assert not Path(told.output).exists()
    served.post(f"/api/jobs/{stopped}/resume")
    going = until(jobs, stopped, lambda job: job.before is not None)
    assert going.before  # what was done before is not done again
    assert until(jobs, stopped, over).state == "done"
    one, two = (Path(jobs.get(name).output) for name in (whole, stopped))
    assert one != two
    with open_source(one) as first, open_source(two) as second:
        assert (first.read().values == second.read().values).all()


@pytest.mark.usefixtures("slow")
def test_one_job_runs_and_the_others_wait_up_to_a_limit(served: Served) -> None:
    jobs, scene = served.state.jobs, served.scene()["id"]
    order = {"scene": scene, "model": "bicubic", "scale": 2}
    first, second = (served.post("/api/jobs", **order)["id"] for _ in range(2))
    assert served.client.post("/api/jobs", json=order).status_code == 429
    until(jobs, first, lambda job: job.state == "running")
    assert jobs.get(second).state == "queued"
    assert jobs.get(first).output != jobs.get(second).output
    assert served.post(f"/api/jobs/{second}/cancel")["state"] == "stopped"
    assert served.client.post(f"/api/jobs/{first}/resume").status_code == 400
    assert served.client.delete(f"/api/jobs/{first}").status_code == 400
    served.post(f"/api/jobs/{first}/cancel")
    until(jobs, first, over)
    assert [job.state for job in jobs.all()] == ["stopped", "stopped"]


@pytest.mark.usefixtures("slow")
def test_a_server_that_ends_stops_its_job_and_the_next_one_knows_it(data: Path) -> None:
    settings = settings_of(data)
    running = serving(settings, data)
    served = next(running)
    job = served.post("/api/jobs", scene=served.scene()["id"], model="bicubic", scale=2)["id"]
    begun = until(served.state.jobs, job, lambda job: job.done > 1)
    with pytest.raises(StopIteration):
        next(running)
    assert not Path(f"/proc/{begun.pid}").exists() or os.name == "nt"
    again = serving(settings, data)
    served = next(again)
    assert served.get(f"/api/jobs/{job}")["state"] == "stopped"
    served.post(f"/api/jobs/{job}/resume")
    assert until(served.state.jobs, job, over).state == "done"
    with pytest.raises(StopIteration):
        next(again)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are told by /proc")
@pytest.mark.usefixtures("slow")
def test_a_job_outlives_a_server_that_is_killed(data: Path) -> None:
    """Another process begins it, dies at once, and the next server watches it to its end."""
    settings = settings_of(data)
    settings.prepare()
    folder = settings.jobs_folder / "abc"
    folder.mkdir()
    output = data / "out.tif"
    words = (str(data / "scene.tif"), "-o", str(output), "--model", "bicubic", "--json")
    program = (
        "import os, sys; from pathlib import Path; from geoloupe.app import children;"
        "children.PROGRAM = (sys.executable, sys.argv[1]);"
        "child = children.Child.started(('upscale', *sys.argv[3:]), Path(sys.argv[2]));"
        "print(child.pid, child.born, flush=True); os._exit(0)"
    )
    command = [sys.executable, "-c", program, SLOWLY, str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    pid, born = done.stdout.split()
    job = Job(
        id="abc",
        verb="upscale",
        path=str(data / "scene.tif"),
        output=str(output),
        words=words,
        state="running",
        began=time.time(),
        pid=int(pid),
        born=born,
    )
    (folder / "job.json").write_text(json.dumps(job.__dict__))
    running = serving(settings, data)
    served = next(running)
    assert until(served.state.jobs, "abc", lambda job: job.done > 1).state == "running"
    assert until(served.state.jobs, "abc", over).state == "done"
    assert output.exists()
    with pytest.raises(StopIteration):
        next(running)


def test_the_number_of_another_process_is_never_signalled(data: Path, tmp_path: Path) -> None:
    """Numbers are used again: what began at another time is not ours."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        child = children.Child(folder=tmp_path, pid=other.pid, born="0")
        assert not child.alive()
        child.stop()
        time.sleep(0.1)
        assert other.poll() is None
        other.send_signal(signal.SIGKILL)


def test_a_job_that_vanished_with_its_machine_can_be_resumed(data: Path) -> None:
    settings = settings_of(data)
    settings.prepare()
    for name, text in (("good", None), ("bad", "{"), ("strange", '{"id": "x", "more": 1}')):
        (settings.jobs_folder / name).mkdir()
        job = Job(id=name, verb="upscale", path="/a", output="/b", words=(), state="running", pid=1)
        content = json.dumps(job.__dict__) if text is None else text
        (settings.jobs_folder / name / "job.json").write_text(content)
    running = serving(settings, data)
    served = next(running)
    assert [(job["id"], job["state"]) for job in served.get("/api/jobs")] == [("good", "stopped")]
    with pytest.raises(StopIteration):
        next(running)


def test_words_of_an_order_are_never_taken_for_options(served: Served) -> None:
    for bands in ("--overwrite", "-o"):
        with pytest.raises(ValueError, match="bands"):
            JobAsked(scene="a", bands=bands)
    path = served.data / "scene.tif"
    job = served.state.jobs.create(JobAsked(scene="a", bands="1,2,3"), path, path, None)
    assert job.words[:4] == (str(path), "--output", str(path), "--json")
    with pytest.raises(InputError, match="another job makes"):
        served.state.jobs.create(JobAsked(scene="a"), path, path, None)
    until(served.state.jobs, job.id, over)


def test_a_process_that_is_gone_is_no_error_in_the_words_of_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(pid: int, number: int) -> None:
        raise OSError(22, "The parameter is incorrect")

    child = children.Child.started(["--version"], tmp_path)
    monkeypatch.setattr(os, "kill", kill)
    child.stop()
    child.asked = time.monotonic() - 100
    child.hurry()
    assert child.process is not None
    assert child.process.wait() == 0
    assert child.stopped()


def test_a_job_is_out_of_reach_of_ctrl_c_on_every_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    real = subprocess.Popen

    def popen(words: Any, **options: Any) -> Any:
        asked.update(options)
        return real(words, **options | {"creationflags": 0})

    windows = {"CREATE_NEW_PROCESS_GROUP": 0x200, "CREATE_NO_WINDOW": 0x8000000}
    for name, value in windows.items():
        monkeypatch.setattr(subprocess, name, value, raising=False)
    monkeypatch.setattr(subprocess, "Popen", popen)
    child = children.Child.started(["--version"], tmp_path)
    assert child.process is not None
    child.process.wait()
    assert asked["start_new_session"] is True
    assert asked["creationflags"] == 0x8000200
