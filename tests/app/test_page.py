"""The page in a real browser, on a real server: all that can be done on it, and no complaint."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SLOWLY = str(Path(__file__).with_name("slowly.py"))
PAINTED = """() => {
  const canvas = document.querySelector("#map canvas");
  if (!canvas) return 0;
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let seen = 0;
  for (let i = 3; i < data.length; i += 4) seen += data[i] > 0;
  return seen / (data.length / 4);
}"""

pytestmark = pytest.mark.slow


@dataclass
class Server:
    """The app in a process of its own, with slow jobs."""

    data: Path
    process: subprocess.Popen[str] | None = None
    address: str = ""

    def start(self, *words: str) -> str:
        """Start it and return its address."""
        command = [sys.executable, SLOWLY, "serve", *words, "--no-browser"]
        command += ["--folder", str(self.data), "--state", str(self.data.parent / "state")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=\S{43}", self.address)
        return self.address

    def end(self, number: int = signal.SIGINT) -> None:
        """End it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass
class Page:
    """A page and what went wrong on it."""

    page: Any
    wrong: list[str] = field(default_factory=list)

    def wait(self, selector: str, seconds: float = 60) -> None:
        self.page.wait_for_selector(selector, timeout=1000 * seconds)

    def until(self, expression: str, seconds: float = 60) -> None:
        """Wait until a script says so; the page's policy lets none wait inside of it."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(50)

    def picture(self) -> bytes:
        """See what the map shows, once it has all."""
        self.until("document.getElementById('busy').hidden")
        self.page.wait_for_timeout(500)
        shown: bytes = self.page.locator("#map").screenshot()
        return shown

    def center(self) -> tuple[float, float]:
        box = self.page.locator("#map").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture
def server(data: Path) -> Iterator[Server]:
    """Give a server that is ended."""
    found = Server(data)
    yield found
    found.end()


@pytest.fixture
def opened() -> Iterator[Callable[..., Page]]:
    """Open addresses in Chromium, where it is; what went wrong fails the test."""
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("there is no Chromium here")
    pages: list[Page] = []
    with playwright.sync_playwright() as program:
        browser = program.chromium.launch(executable_path=BROWSER, args=FLAGS)

        def open_page(address: str, **context: Any) -> Page:
            settings = {"viewport": {"width": 1280, "height": 800}} | context
            page = Page(browser.new_context(**settings).new_page())
            pages.append(page)
            home = address.partition("?")[0]
            page.page.on("console", lambda message: page.wrong.append(message.text))
            page.page.on("pageerror", lambda error: page.wrong.append(str(error)))
            page.page.on(
                "request",
                lambda request: (
                    None
                    if request.url.startswith((home, "data:", "blob:"))
                    else page.wrong.append(request.url)
                ),
            )
            page.page.goto(address)
            return page

        yield open_page
        browser.close()
    assert [page.wrong for page in pages] == [[]] * len(pages)


def test_a_scene_is_opened_drawn_on_previewed_and_compared(
    server: Server, opened: Callable[..., Page]
) -> None:
    found = opened(server.start(str(server.data / "scene.tif")))
    page = found.page
    found.wait("#stage[data-ready]")
    assert "token" not in page.url
    assert "384" in page.locator("#scene-facts").text_content()
    whole = found.picture()
    assert page.evaluate(PAINTED) > 0.5
    x, y = found.center()
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    assert found.picture() != whole
    page.keyboard.press("0")
    page.click("#draw")
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    page.mouse.move(x + 80, y + 70, steps=5)
    page.mouse.up()
    found.wait("#stage[data-previewed=done]")
    names = page.locator("#right option").all_text_contents()
    assert names == ["input", "loupe-x4", "bicubic \u00d74"]
    assert page.input_value("#right") == "preview-loupe-x4-4"
    swiped = found.picture()
    bar = page.locator("#bar span").bounding_box()
    at = (bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] - 150, at[1], steps=4)
    page.mouse.up()
    assert page.locator("#bar").get_attribute("aria-valuenow") != "50"
    assert found.picture() != swiped
    page.locator("#bar").focus()
    page.keyboard.press("End")
    assert page.locator("#bar").get_attribute("aria-valuenow") == "100"
    page.locator("#map").focus()
    page.keyboard.press("f")
    one = found.picture()
    page.keyboard.press("f")
    assert found.picture() != one
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.mouse.move(x + 10, y + 10)
    found.wait("#lens-right canvas")
    page.keyboard.press("m")
    page.mouse.click(x + 20, y + 20)
    found.wait("#profile:not([hidden]) polyline")
    assert page.locator("#profile polyline").count() == 3
    page.select_option("#band-0", "4")
    assert found.picture() != one


def test_a_job_is_run_cancelled_resumed_and_shown(
    server: Server, opened: Callable[..., Page]
) -> None:
    found = opened(server.start(str(server.data / "scene.tif")))
    page = found.page
    page.select_option("#model", "bicubic")
    found.wait("#run:not([disabled])")
    page.click("#run")
    found.until("document.querySelector('.job progress')?.value > 0.02")
    page.click(".job >> text=Cancel")
    found.wait(".job.stopped")
    page.click(".job >> text=Resume")
    found.until("document.querySelector('.job.running progress')?.value > 0.1")
    server.end(signal.SIGKILL)  # the job goes on; another server finds it
    page.goto("about:blank")
    found.wrong.clear()  # the browser says that nobody answers any more
    again = opened(server.start(str(server.data / "scene.tif")))
    again.wait(".job.done", 120)
    with again.page.expect_download() as coming:
        again.page.click(".job >> text=Product")
    made = server.data / "scene_bicubic_x4.tif"
    assert Path(coming.value.path()).read_bytes() == made.read_bytes()
    again.page.click(".job >> text=Show")
    again.until("document.getElementById('right').value.startsWith('product')")
    again.picture()
    again.page.click(".job >> text=Judge")
    again.wait(".job .verdict", 120)


def test_a_guide_lies_where_it_belongs_and_sharpens(
    server: Server, opened: Callable[..., Page]
) -> None:
    truth = server.data / "truth.tif"
    shutil.copy(str(resources.files("geoloupe") / "sample/truth.tif"), truth)
    found = opened(server.start(str(truth)))
    page = found.page
    found.wait("#stage[data-ready]")
    guide = page.get_attribute("#stage", "data-ready")
    page.click("#open")
    page.click("#files >> text=scene.tif")
    found.wait(f"#stage[data-ready]:not([data-ready='{guide}'])")
    page.select_option("#right", f"scene-{guide}")
    page.keyboard.press("m")
    x, y = found.center()
    page.mouse.move(x, y)
    assert page.locator("#tag-right").text_content() == "truth.tif"
    page.select_option("#model", "guided-pan")
    assert page.input_value("#guide") == guide
    found.wait("#run:not([disabled])")
    page.click("#run")
    found.wait(".job.done", 120)
    found.until("document.getElementById('right').value.startsWith('product')")
    assert found.picture()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_without_a_scene_one_is_chosen_on_any_screen(
    server: Server, opened: Callable[..., Page], width: int, scheme: str
) -> None:
    (server.data / "broken.tif").write_bytes(b"no raster")
    context = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}
    found = opened(server.start(), **context, has_touch=width < 400)
    page = found.page
    found.wait("#files li")
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    page.click("#theme")
    assert page.evaluate(paper) != before
    page.click("#files >> text=broken.tif")
    found.wait(".toast")
    assert [text for text in found.wrong if "400" not in text] == []
    found.wrong.clear()  # the browser notes each refusal
    page.click("#files >> text=scene.tif")
    found.wait("#stage[data-ready]")
    assert found.picture()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#run").scroll_into_view_if_needed()
    assert page.locator("#run").is_visible()


def test_the_drawn_scene_is_dropped_and_opened(server: Server, opened: Callable[..., Page]) -> None:
    found = opened(server.start())
    found.wait("#files li")
    found.page.set_input_files("#file", str(server.data / "scene.tif"))
    found.wait("#stage[data-ready]")
    assert re.match(r"scene-\w{8}\.tif", found.page.locator("#scene-facts").text_content())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no Ctrl+C for others")
def test_the_server_ends_in_order(server: Server) -> None:
    server.start()
    server.end()
    assert server.process is not None
    assert server.process.returncode in (0, 130)
