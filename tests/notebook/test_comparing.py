"""Two images with a slider between them, in a notebook and in a real browser."""

import base64
import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT
from geoloupe.notebook import comparing
from tests.datasets.small import picture

pytest.importorskip("anywidget")
HERE = Path(comparing.__file__).parent


def scene(folder: Path) -> tuple[Path, Path]:
    """Write a scene and a finer one of the same ground."""
    fine = np.random.default_rng(0).integers(0, 255, (4, 80, 120)).astype(np.uint8)
    coarse = fine.reshape(4, 40, 2, 60, 2).mean((2, 4)).astype(np.uint8)
    return picture(folder / "coarse.tif", coarse), picture(folder / "fine.tif", fine)


def decoded(png: bytes) -> Any:
    with MemoryFile(png) as memory, memory.open() as image:
        return image.read()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_files_are_drawn_at_one_size_with_one_stretch(tmp_path: Path) -> None:
    coarse, fine = scene(tmp_path)
    widget: Any = geoloupe.compare_widget(coarse, fine)
    assert widget.size == [120, 80]
    assert widget.names == ["coarse", "fine"]
    assert decoded(widget.left).shape == (4, 40, 60)  # red, green, blue and transparency
    assert decoded(widget.right).shape == (4, 80, 120)
    same: Any = geoloupe.compare_widget(coarse, coarse, names=("a", "b"))
    assert same.left == same.right
    assert same.names == ["a", "b"]
    brighter = decoded(geoloupe.compare_widget(coarse, fine).right)[:3].astype(float)
    assert brighter.std() > decoded(widget.left)[:3].std()  # stretched as the first one is


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_arrays_and_images_of_any_kind_will_do(tmp_path: Path) -> None:
    coarse, _ = scene(tmp_path)
    with rasterio.open(coarse) as file:
        values = file.read([1, 2, 3])
    floats = values.astype(np.float32) / 255
    xarray = pytest.importorskip("xarray")
    kinds = [
        values,
        values[0],
        floats,
        Image.of(floats, radiometry=UNIT),
        xarray.DataArray(values, dims=("band", "y", "x"), name="seen"),
    ]
    for kind in kinds:
        widget: Any = geoloupe.compare_widget(kind, coarse)
        assert decoded(widget.left).shape[1:] == (40, 60)
    assert widget.names == ["seen", "coarse"]


def test_what_is_no_image_is_said() -> None:
    with pytest.raises(InputError, match=r"an array of \(2,\) is no image"):
        geoloupe.compare_widget(np.zeros(2), np.zeros((3, 4, 4)))


def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "anywidget":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[notebook\]'"):
        geoloupe.compare_widget(np.zeros((3, 4, 4)), np.zeros((3, 4, 4)))


PAGE = """<!doctype html><style>{css}</style><div id="here" style="width:600px"></div>
<script type="module">
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const facts = {facts};
const model = {{ get: (key) => ["left", "right"].includes(key) ? bytes(facts[key]) : facts[key] }};
const code = URL.createObjectURL(new Blob([{code}], {{ type: "text/javascript" }}));
const {{ default: widget }} = await import(code);
widget.render({{ model, el: document.getElementById("here") }});
window.ready = true;
</script>"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_it_slides_zooms_and_flickers_in_a_browser(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("there is no Chromium")
    widget: Any = geoloupe.compare_widget(*scene(tmp_path))
    facts = {
        **{side: base64.b64encode(getattr(widget, side)).decode() for side in ("left", "right")},
        **{key: getattr(widget, key) for key in ("names", "size", "width")},
    }
    path = tmp_path / "page.html"
    text = PAGE.format(
        css=(HERE / "slider.css").read_text(),
        facts=json.dumps(facts),
        code=json.dumps((HERE / "slider.js").read_text()),
    )
    path.write_text(text)
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 700, "height": 500})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_function("window.ready")
        slider = page.locator(".geoloupe-slider")
        box = slider.bounding_box()
        assert box is not None
        assert box["width"] / box["height"] == pytest.approx(1.5, abs=0.02)
        assert slider.get_attribute("aria-valuenow") == "50"
        page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 50)
        assert slider.get_attribute("aria-valuenow") == "25"
        slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuenow") == "27"
        page.mouse.wheel(0, -100)
        page.wait_for_timeout(100)
        assert "scale(2)" in str(page.locator("img.left").get_attribute("style"))
        slider.press("f")
        assert not page.locator(".bar").is_visible()
        slider.press("f")
        slider.press("0")
        assert "scale(1)" in str(page.locator("img.left").get_attribute("style"))
        page.screenshot(path=str(tmp_path / "slider.png"))
        browser.close()
    assert said == []
