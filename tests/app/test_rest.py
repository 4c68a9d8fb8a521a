"""The REST face: everything is documented, and shows what the library says."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from geoloupe.app.tiles import SIDE, levels_of, read_tile
from geoloupe.imagery.grid import Grid, Window
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.picture import limits_of
from geoloupe.scenes.upscale import upscale
from tests.app.conftest import Served, serving, settings_of
from tests.windows import Minding, minding

__all__ = ["minding"]


def pixels(png: bytes) -> Any:
    """Return a .png as an array (H,W,4)."""
    return np.asarray(Pillow.open(io.BytesIO(png)))


def test_every_route_is_documented(served: Served) -> None:
    document = served.get("/openapi.json")
    documented = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    app = served.client.app.app  # type: ignore[attr-defined]  # behind the guard
    routes = {
        (method, route.path.replace(":int}", "}"))
        for route in app.routes
        for method in route.methods - {"HEAD"}
    }
    page = {("GET", "/"), ("GET", "/static/{path:path}")}
    assert routes - page == documented
    assert all(each["summary"] for path in document["paths"].values() for each in path.values())


def test_every_reference_of_the_document_leads_somewhere(served: Served) -> None:
    document = served.get("/openapi.json")
    for found in json.dumps(document).split('"$ref": "#/')[1:]:
        place: Any = document
        for step in found.partition('"')[0].split("/"):
            place = place[step]
        assert place


def test_models_are_those_that_ship_and_interpolation(served: Served) -> None:
    found = {model["name"]: model for model in served.get("/api/models")}
    assert {"loupe-x4", "guided-pan", "bicubic"} <= set(found)
    assert found["loupe-x4"]["scale"] == 4
    assert found["loupe-x4"]["gain"][0] < found["loupe-x4"]["gain"][1]
    assert served.get("/api/models/loupe-x4")["network"] == "loupe"


def test_a_scene_says_what_it_is(served: Served) -> None:
    scene = served.scene()
    assert (scene["width"], scene["height"], len(scene["bands"])) == (384, 384, 4)
    assert scene["visible"] == [1, 2, 3]
    assert "UTM zone 33N" in scene["crs"]
    assert served.get(f"/api/scenes/{scene['id']}") == scene


def test_a_tile_shows_the_pixels_themselves(served: Served) -> None:
    scene = served.scene()
    found = served.client.get(f"/api/tiles/{scene['id']}/{scene['levels']}/1/0.png?bands=3,2,1")
    shown = pixels(found.content)
    assert shown.shape == (SIDE, SIDE, 4)
    assert (shown[:, 384 - SIDE :, 3] == 0).all()  # beyond the scene nothing is drawn
    with open_source(served.data / "scene.tif") as source:
        part = source.select([2, 1, 0])
        image = part.read(Window(top=0, left=256, height=256, width=128)).in_unit()
        low, high = limits_of(part.read().in_unit(), tails=(0.005, 0.995))
    seen = image.valid
    wanted = np.clip((image.values - low[0]) / (high[0] - low[0]), 0, 1)[:, seen]
    drawn = shown[:, :128, :3].transpose(2, 0, 1)[:, seen] / 255
    assert np.abs(drawn - wanted).max() < 0.01
    assert ((shown[:, :128, 3] > 0) == seen).all()


@pytest.mark.parametrize(
    ("height", "width", "levels"),
    [(1, 1, 0), (256, 256, 0), (257, 256, 1), (1, 5000, 0), (2, 5000, 1), (20_000, 20_000, 7)],
)
def test_levels_end_at_one_tile_or_one_pixel(height: int, width: int, levels: int) -> None:
    assert levels_of(Grid(crs=None, height=height, width=width)) == levels


def test_coarse_tiles_are_averages(served: Served) -> None:
    with open_source(served.data / "scene.tif") as source:
        tile = read_tile(source, 0, 0, 0)
        whole = source.read().in_unit().values
    cells = whole.reshape(4, 192, 2, 192, 2)
    known = ~np.isnan(cells).any(axis=(2, 4))
    means = cells.mean(axis=(2, 4))
    assert np.abs(tile.values[:, :192, :192] - means)[known].max() < 1e-3


def test_a_pixel_is_what_is_stored(served: Served) -> None:
    scene = served.scene()
    found = served.get(f"/api/scenes/{scene['id']}/pixel", row=100, column=7)
    with open_source(served.data / "scene.tif") as source:
        values = source.read(Window(top=100, left=7, height=1, width=1)).values[:, 0, 0]
        place = source.grid.place(100.5, 7.5)
    assert found["values"] == values.tolist()
    assert (found["x"], found["y"]) == place


def preview(served: Served, **asked: Any) -> list[Any]:
    """Return the lines of a preview."""
    with served.client.stream("POST", "/api/preview", json=asked) as found:
        assert found.status_code == 200
        return [json.loads(line) for line in found.iter_lines()]


def test_a_preview_comes_tile_by_tile_and_is_what_the_product_will_be(
    served: Served, tmp_path: Path
) -> None:
    scene = served.scene()
    box = {"top": 130, "left": 100, "height": 150, "width": 140}
    first, *cells, last = preview(served, scene=scene["id"], **box, model="loupe-x2")
    assert first["count"] == len(cells) > 1
    assert [cell["done"] for cell in cells] == list(range(1, len(cells) + 1))
    covered = np.zeros((300, 280), int)
    for event in cells:
        top, left, height, width = (
            event["cell"][key] for key in ("top", "left", "height", "width")
        )
        covered[top - 260 : top - 260 + height, left - 200 : left - 200 + width] += 1
        assert pixels(base64.b64decode(event["png"])).shape == (height, width, 4)
    assert (covered == 1).all()
    upscale(served.data / "scene.tif", tmp_path / "whole.tif", model="loupe-x2")
    with open_source(last["scene"]["path"]) as made, open_source(tmp_path / "whole.tif") as whole:
        part = whole.read(Window(top=260, left=200, height=300, width=280))
        shown = made.read()
        assert shown.grid.transform == part.grid.transform
        assert np.abs(shown.values.astype(int) - part.values.astype(int)).max() <= 1


def test_boxes_that_cannot_be_are_refused(served: Served) -> None:
    scene = served.scene()["id"]
    asked = {"scene": scene, "top": 300, "left": 0, "height": 100, "width": 10}
    assert "does not lie within" in preview(served, **asked)[-1]["error"]
    guided = asked | {"top": 0, "model": "mulsr-x4"}
    assert "error" in preview(served, **guided)[-1]
    assert served.client.post("/api/preview", json=asked | {"height": 0}).status_code == 400
    assert served.client.post("/api/preview", json=asked | {"scene": "x"}).status_code == 404


def test_a_dry_run_writes_nothing(served: Served) -> None:
    scene = served.scene()
    found = served.post("/api/forecast", scene=scene["id"], model="loupe-x2")
    assert (found["width"], found["height"], found["bands"]) == (768, 768, 4)
    assert found["seconds"] > 0
    assert found["memory"] > 0
    assert [path.name for path in served.data.iterdir()] == ["scene.tif"]


def test_a_dropped_file_is_opened(served: Served) -> None:
    content = (served.data / "scene.tif").read_bytes()
    found = served.client.put("/api/uploads/mine.tif", content=content)
    assert found.status_code == 201
    assert found.json()["width"] == 384
    broken = served.client.put("/api/uploads/broken.tif", content=content[:5000])
    assert broken.status_code in (201, 400)  # what can still be read of it is shown
    nothing = served.client.put("/api/uploads/nothing.tif", content=b"no raster")
    assert nothing.status_code == 400


def test_scenes_looked_at_long_ago_are_closed_and_come_back(served: Served) -> None:
    scene = served.scene()
    content = (served.data / "scene.tif").read_bytes()
    for number in range(served.state.settings.open_scenes + 3):
        path = served.data / f"{number}.tif"
        path.write_bytes(content)
        served.post("/api/scenes", path=str(path))
    assert len(served.state.scenes._open) == served.state.settings.open_scenes
    assert scene["id"] not in served.state.scenes._open
    assert served.client.get(f"/api/tiles/{scene['id']}/0/0/0.png").status_code == 200


def test_a_file_that_is_gone_is_one_sentence(served: Served) -> None:
    path = served.data / "other.tif"
    path.write_bytes((served.data / "scene.tif").read_bytes())
    scene = served.post("/api/scenes", path=str(path))
    served.state.scenes.close()
    path.unlink()
    found = served.client.get(f"/api/tiles/{scene['id']}/0/0/0.png")
    assert found.status_code == 400
    assert "no such file" in found.json()["error"]


def test_uploads_beyond_the_limit_are_kept_while_windows_has_them_open(
    data: Path, minding: Minding
) -> None:
    content = (data / "scene.tif").read_bytes()
    for served in serving(settings_of(data, uploads=1), data):
        first = served.client.put("/api/uploads/one.tif", content=content).json()
        second = served.client.put("/api/uploads/two.tif", content=content)
        assert second.status_code == 201, second.text
        assert minding.refused == [first["path"]]
        assert Path(first["path"]).exists()
