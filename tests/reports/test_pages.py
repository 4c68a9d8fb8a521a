"""The page in a real browser: no error, no request, and all that can be done on it."""

import html
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.rasters.picture import picture_bytes
from geoloupe.reports.drawings import bars, curves, points
from geoloupe.reports.pages import Figure, Page, Picture, Pictures, Table, Viewer, layer, render
from geoloupe.reports.table_texts import markdown

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
HOSTILE = "<script>document.title='taken'</script>\"'&"


def image(seed: int, bands: int = 5, height: int = 40, width: int = 60) -> Image:
    """Draw noise with a hole."""
    values = np.random.default_rng(seed).random((bands, height, width), np.float32)
    values[:, :4, :4] = np.nan
    return Image.of(values, radiometry=UNIT)


def page(name: str = "second") -> str:
    """Make a page with one part of every kind."""
    layers = [layer("first", image(0)), layer(name, image(1)), layer("third", image(2))]
    picture = Picture(name="a", png=picture_bytes(image(3, 3)))
    table = Table(title="T", headings=["name", "x"], rows=[["b", "10"], [name, "9"], ["c", "-1"]])
    return render(
        Page(
            title="A page",
            lead=name,
            parts=[
                Viewer(title="V", size=(60, 40), layers=layers),
                table,
                Figure(title="F", svg="<?xml version='1.0'?><svg viewBox='0 0 1 1'></svg>"),
                Pictures(title="P", pictures=[picture]),
            ],
        )
    )


def test_a_page_holds_all_it_needs_and_no_text_becomes_code() -> None:
    text = page(HOSTILE)
    assert "http://www.w3.org/2000/svg" in text
    assert text.count("http") == text.count("http://www.w3.org/2000/svg")
    assert 'src="data:image/png;base64,' in text
    assert HOSTILE not in text
    assert "<script>document" not in text


@pytest.fixture
def browser() -> Iterator[Any]:
    """Start Chromium, where it is."""
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as program:
        found = program.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield found
        found.close()


def opened(browser: Any, path: Path, **context: Any) -> tuple[Any, list[str]]:
    """Open a page; give it, and what goes wrong on it."""
    seen: list[str] = []
    found = browser.new_context(**context).new_page()
    found.on("console", lambda message: seen.append(message.text))
    found.on("pageerror", lambda error: seen.append(str(error)))
    found.on("request", lambda request: seen.append(request.url) if "http" in request.url else None)
    found.goto(path.as_uri())
    found.wait_for_selector(".viewer[data-ready]")
    return found, seen


def picture_of(found: Any) -> bytes:
    """See what the first pane shows."""
    shown: bytes = found.locator(".pane").first.screenshot()
    return shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_viewer_swipes_zooms_flickers_and_plots(
    browser: Any, tmp_path: Path, scheme: str
) -> None:
    path = tmp_path / "page.html"
    path.write_text(page(HOSTILE), encoding="utf-8")
    found, wrong = opened(
        browser, path, color_scheme=scheme, viewport={"width": 900, "height": 900}
    )
    assert found.title() == "A page"
    whole = picture_of(found)
    bar = found.locator(".bar").bounding_box()
    middle = (bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    found.mouse.move(*middle)
    found.mouse.down()
    found.mouse.move(middle[0] + 150, middle[1])
    found.mouse.up()
    assert found.locator(".bar").get_attribute("aria-valuenow") != "50"
    swiped = picture_of(found)
    assert swiped != whole
    found.locator("canvas").first.hover(position={"x": 100, "y": 100})
    assert "column" in found.locator(".readout").text_content()
    found.mouse.wheel(0, -500)
    assert picture_of(found) != swiped
    found.locator("canvas").first.click(position={"x": 300, "y": 200})
    assert found.locator(".profile polyline").count() == 3
    found.get_by_role("button", name="side by side").click()
    assert found.locator("canvas").count() == 3
    before = [found.locator(".pane").nth(index).screenshot() for index in range(3)]
    found.locator("[data-zoom=in]").click()
    after = [found.locator(".pane").nth(index).screenshot() for index in range(3)]
    assert all(one != other for one, other in zip(before, after, strict=True))
    found.locator(".viewer").focus()
    found.keyboard.press(" ")
    assert found.locator("[data-mode=flicker]").get_attribute("aria-pressed") == "true"
    paper = "getComputedStyle(document.body).backgroundColor"
    bright = found.evaluate(paper)
    found.locator("#theme").click()
    assert found.evaluate(paper) != bright
    assert not wrong


def test_tables_sort_by_number_and_by_name(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page("a"), encoding="utf-8")
    found, wrong = opened(browser, path, viewport={"width": 390, "height": 800}, has_touch=True)
    column = "[...document.querySelectorAll('tbody tr')].map((row) => row.cells[1].textContent)"
    found.locator("th button").nth(1).click()
    assert found.evaluate(column) == ["-1", "9", "10"]
    found.locator("th button").nth(1).click()
    assert found.evaluate(column) == ["10", "9", "-1"]
    found.locator("th button").nth(0).click()
    assert found.evaluate(column) == ["9", "10", "-1"]
    assert found.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not wrong


def test_names_in_drawings_stay_text() -> None:
    for name in (HOSTILE, "$\\frac{$", "a_$b$"):
        for svg in (
            bars([name], {name: [1.0], "b": [2.0]}, name),
            points({name: (1.0, 2.0)}, name, name),
            curves({name: (np.arange(3.0), np.arange(3.0))}, name, name),
        ):
            assert "<script" not in svg
            assert html.escape(name, quote=False) in svg


def test_axes_say_plain_numbers() -> None:
    drawn = points({"a": (2.9e5, 27.3), "b": (1.3e6, 27.2)}, "parameters", "psnr")
    line = (np.array([0.004, 0.07]), np.array([1.0, 9.0]))
    drawn += curves({"a": line}, "x", "y", logarithmic="xy")
    assert ">500 k<" in drawn
    assert ">1 M<" in drawn
    assert ">0.01<" in drawn
    assert "$" not in drawn


def test_columns_of_numbers_stand_to_the_right() -> None:
    rows = [["1.5 ± 0.2", "yes", "", "-3"], ["", "no", "", "+0.5"]]
    table = Table(title="t", headings=["a", "b", "c", "d"], rows=rows)
    assert table.numeric == [True, False, False, True]
    assert "|---:|---|---|---:|" in markdown("", [table])
