"""STAC items as public catalogues write them, and a server on this machine that holds them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

# key: band, common name, wavelength in micrometres, pixel in m; as Earth Search has them.
SENTINEL2 = {
    "blue": ("blue", "blue", 0.49, 10),
    "green": ("green", "green", 0.56, 10),
    "red": ("red", "red", 0.665, 10),
    "nir": ("nir", "nir", 0.842, 10),
    "rededge1": ("rededge1", "rededge", 0.704, 20),
    "swir16": ("swir16", "swir16", 1.61, 20),
    "coastal": ("coastal", "coastal", 0.443, 60),
}
SIDE = 60


def numbers(key: str, metres: int) -> Any:
    """Draw the numbers (H,W) of a band."""
    rng = np.random.default_rng(sum(key.encode()))
    return rng.integers(1000, 9000, (SIDE * 10 // metres,) * 2).astype(np.uint16)


def write_band(path: Path, values: Any, metres: int, **profile: Any) -> None:
    """Write a raster of one band (H,W)."""
    size = {"height": values.shape[0], "width": values.shape[1], "dtype": values.dtype}
    place = Affine(metres, 0, 4e5, 0, -metres, 5e6)
    options = {"driver": "GTiff", "count": 1, "nodata": 0, "crs": "EPSG:32632"} | size | profile
    with rasterio.open(path, "w", transform=place, **options) as out:
        out.write(values, 1)


def sentinel2_item(
    folder: Path,
    *,
    root: str = ".",
    raster: dict[str, Any] | None = None,
    suffix: str = ".tif",
    **properties: Any,
) -> Path:
    """Write an item of Sentinel-2 beside its bands; `raster` is what it says of each."""
    folder.mkdir(parents=True, exist_ok=True)
    assets: dict[str, Any] = {}
    for key, (band, common, length, metres) in SENTINEL2.items():
        driver = {} if suffix == ".tif" else {"driver": "JP2OpenJPEG", "reversible": True}
        write_band(folder / f"{key}{suffix}", numbers(key, metres), metres, **driver)
        assets[key] = {
            "href": f"{root}/{key}{suffix}",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data", "reflectance"],
            "eo:bands": [{"name": band, "common_name": common, "center_wavelength": length}],
        }
        if raster is not None:
            assets[key]["raster:bands"] = [{"nodata": 0, "data_type": "uint16", **raster}]
    classes = np.full((30, 30), 4, np.uint8)
    classes[3:6, 3:6] = 9
    write_band(folder / "SCL.tif", classes, 20)
    assets["scl"] = {"href": f"{root}/SCL.tif", "roles": ["data", "reflectance"]}
    assets["thumbnail"] = {"href": f"{root}/preview.jpg", "roles": ["thumbnail"]}
    assets["visual"] = {
        "href": f"{root}/TCI.tif",
        "eo:bands": [{"common_name": name} for name in ("red", "green", "blue")],
    }
    return write_item(folder / "item.json", assets, {"platform": "sentinel-2b", **properties})


def write_item(path: Path, assets: dict[str, Any], properties: dict[str, Any]) -> Path:
    """Write an item."""
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2B_32TMR_20230101_0_L2A",
        "collection": "sentinel-2-l2a",
        "properties": {"datetime": "2023-01-01T10:10:10Z", **properties},
        "geometry": None,
        "links": [],
        "assets": assets,
    }
    path.write_text(json.dumps(item))
    return path


class Quiet(SimpleHTTPRequestHandler):
    """Serves files with ranges, as buckets do, and notes what is asked for."""

    asked: list[str]
    redirects: dict[str, str]

    def do_HEAD(self) -> None:
        """Answer without content."""
        self._answer(content=False)

    def do_GET(self) -> None:
        """Answer with a file or a range of one."""
        self._answer(content=True)

    def _answer(self, *, content: bool) -> None:
        self.asked.append(self.path)
        if self.path in self.redirects:
            self.send_response(302)
            self.send_header("Location", self.redirects[self.path])
            self.end_headers()
            return
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        whole = path.read_bytes()
        first, last = 0, len(whole) - 1
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            start, _, stop = asked.removeprefix("bytes=").partition("-")
            first, last = int(start), min(int(stop or last), last)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        if content:
            self.wfile.write(whole[first : last + 1])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Serving:
    """A server that runs: its address, what it was asked for, and where it sends people."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.redirects: dict[str, str] = {}
        handler = type("Handler", (Quiet,), {"asked": self.asked, "redirects": self.redirects})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    """Serve a folder on this machine's own interface."""
    found = Serving(folder)
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()
