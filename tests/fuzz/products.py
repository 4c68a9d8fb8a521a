"""Sound products as data centres deliver them, and results that are scenes in turn."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import geoloupe
from tests.datasets.small import picture
from tests.datasets.small import random as noise
from tests.rasters.catalogue import sentinel2_item
from tests.rasters.test_enmap import envi
from tests.rasters.test_enmap import product as enmap
from tests.rasters.test_eopf import product as eopf
from tests.rasters.test_landsat import packed
from tests.rasters.test_landsat import product as landsat
from tests.rasters.test_prisma import product as prisma


def products(root: Path) -> Iterator[tuple[Path, str]]:
    """Write each into a folder of its own; list the folder with every file to be damaged."""
    for ending in (".tar", ".tar.gz"):
        made = packed(landsat(root / f"landsat{ending}", "L2SP"), ending)
        shutil.rmtree(made.with_name(made.name.removesuffix(ending)))
        yield made.parent, made.name
    item = sentinel2_item(root / "stac", raster={"scale": 0.0001, "offset": -0.1})
    yield from ((item.parent, name) for name in (item.name, "red.tif"))
    yield from _eopf(root / "eopf2", 2, ".zattrs", "b02/.zarray", "b02/.zattrs", "b03/0.0")
    yield from _eopf(root / "eopf3", 3, "zarr.json", "b02/zarr.json", "b03/c/0/0")
    folder = enmap(root / "enmap")
    for file in sorted(folder.iterdir()):
        yield folder.parent, file.relative_to(folder.parent).as_posix()
    (root / "prisma").mkdir()
    yield root / "prisma", prisma(root / "prisma").name
    (root / "envi").mkdir()
    envi(root / "envi" / "a.img", "1, 0, 1")
    yield from ((root / "envi", name) for name in ("a.hdr", "a.img"))
    yield from _ours(root)


def _eopf(folder: Path, version: int, *names: str) -> Iterator[tuple[Path, str]]:
    """Write a store with its 10 m bands alone; names without a band are of its first group."""
    folder.mkdir()
    store = eopf(folder, version)
    bands = store / "measurements" / "reflectance"
    for size in ("r20m", "r60m"):
        shutil.rmtree(bands / size)
    for name in names:
        file = (bands / "r10m" if "/" in name else store) / name
        yield folder, file.relative_to(folder).as_posix()


def _ours(root: Path) -> Iterator[tuple[Path, str]]:
    """Enlarge a scene into a file and a store, with their items; an item is named for its file."""
    scene = picture(root / "in" / "in.tif", noise(3, 20, 24))
    parts = ("image/zarr.json", "image/c/0/0/0", "x/zarr.json", "x/c/0", "spatial_ref/zarr.json")
    for name, files in (
        ("item/o.tif", ("o.tif", "o.json")),
        ("store/o.zarr", ("o.zarr/zarr.json", *(f"o.zarr/{part}" for part in parts))),
    ):
        (root / name).parent.mkdir()
        stac = name.startswith("item")
        geoloupe.upscale(scene, root / name, model="nearest", scale=2, stac=stac)
        yield from (((root / name).parent, file) for file in files)
