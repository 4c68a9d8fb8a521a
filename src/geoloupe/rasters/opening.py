"""Any scene by its name: a file of any kind, a product of many files, a part of a file."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.nodata import Nodata
from geoloupe.rasters.area import window_of
from geoloupe.rasters.band_files import band_files, open_band_files
from geoloupe.rasters.clouds import cloud_tags, refuse_mask
from geoloupe.rasters.displayed import displayed
from geoloupe.rasters.drivers import SUFFIXES
from geoloupe.rasters.enmap import enmap_name, open_enmap
from geoloupe.rasters.eopf import eopf_name, open_eopf
from geoloupe.rasters.landsat import landsat_product, open_bands
from geoloupe.rasters.prisma import open_prisma, prisma_name
from geoloupe.rasters.raster import is_raster, open_raster
from geoloupe.rasters.sentinel2 import open_product, product_name
from geoloupe.rasters.source import Opening, Source
from geoloupe.rasters.stac import open_item, stac_name
from geoloupe.rasters.warping import warped
from geoloupe.rasters.zarr_scene import open_zarr, zarr_name
from geoloupe.storage.names import quoted, without_drive
from geoloupe.storage.sizes import Admit
from geoloupe.storage.tars import SUFFIXES as TARS
from geoloupe.storage.tars import is_tar
from geoloupe.storage.tree import open_tree

_ANYTHING = ("", ".dat", ".bin", ".raw")  # suffixes of rasters and of much else
# A part of a file in GDAL's own syntax, such as NETCDF:cube.nc:reflectance.
_DRIVER = re.compile(r"[A-Za-z0-9_]{3,}:")


def is_address(name: str) -> bool:
    """Return whether only GDAL understands a name: on a network, in an archive, part of a file."""
    words = "://" in name or name.startswith("/vsi") or bool(_DRIVER.match(name))
    return words and not Path(name).exists()


def place_of(name: str) -> Path:
    """Return the path beside which a scene's results go by default."""
    if (joined := band_files(name)) is not None:
        return Path(joined[0])
    # What lies on a network, in an archive or in a file of many images has no folder beside it.
    return Path(stem_of(name) if is_address(name) else name)


def stem_of(name: str) -> str:
    """Name a scene for its results: without folders and suffix, with the chosen part."""
    if (joined := band_files(name)) is not None:
        return f"{Path(joined[0]).stem}_and_{len(joined) - 1}_more"
    if is_address(name) and (driver := _DRIVER.match(name)):  # NETCDF:"cube.nc":reflectance
        name = name[driver.end() :].replace('"', "")
    name = without_drive(name.rstrip("/"))
    path, colon, part = name.rpartition(":")
    if not colon or "/" in part or "\\" in part:
        path, part = name, ""
    if path.isdecimal() and "." in part:  # GTIFF_DIR:1:scene.tif
        path, part = part, path
    stem = Path(path).name.removesuffix(".zip")
    stem = next((stem[: -len(end)] + ".tar" for end in TARS if stem.lower().endswith(end)), stem)
    stem = Path(stem).stem if "." in stem[1:] else stem
    return f"{stem}_{part}" if part else stem


class OpeningOptions(TypedDict, total=False):
    """How a scene is to be opened, by keyword: see `Opening`."""

    alpha: bool | None
    trust: bool
    look: bool
    nodata: Nodata
    area: str | None
    mask: Literal["clouds"] | None
    offset: float | None
    admit: Admit


def open_source(path: str | Path, **options: Unpack[OpeningOptions]) -> Source:
    """Open a scene for reading, or a part of it; use it in a `with` statement."""
    name, whole = str(path), Opening(**options)
    if whole.area is None:
        return _told(_opened(name, whole))
    area = whole.area

    def admit(grid: Grid, dtype: str) -> None:
        whole.admit(grid.window(window_of(area, grid, name)), dtype)

    source = _opened(name, replace(whole, admit=admit))
    window = window_of(area, source.grid, name)
    return _told(replace(source.within(window), area=window))


def _told(source: Source) -> Source:
    """Return a scene whose tags say what was masked in it."""
    return replace(source, facts=source.facts.tagged(cloud_tags(source)))


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A product: what in a name means it, else None, and what opens what was meant."""

    meant: Callable[[str], Any]
    opens: Callable[[Any, Opening], Source]
    masks: bool = False  # it may bring a layer of clouds
    asks: bool = False  # it may leave open what its numbers mean


def _open_sentinel2(found: tuple[Path, str], opening: Opening) -> Source:
    _refuse_plainly_wrong(found[0], folder=True)
    return open_product(*found, opening)


def _open_stac(found: tuple[str, str | None], opening: Opening) -> Source:
    return open_item(*found, opening)


def _open_eopf(found: tuple[Path, str], opening: Opening) -> Source:
    return open_eopf(*found, opening)


def _open_store(found: tuple[Path, str | None], opening: Opening) -> Source:
    return open_zarr(*found, opening)


def _open_enmap(found: tuple[Path, str | None], opening: Opening) -> Source:
    return open_enmap(*found, opening)


def _open_prisma(path: Path, opening: Opening) -> Source:
    with errors_named(path):
        return open_prisma(path, opening)


def _open_cube(found: tuple[Path, str | None], opening: Opening) -> Source:
    # Their reader takes a quarter of a second to import.
    from geoloupe.rasters.mat_source import open_mat_source

    _refuse_plainly_wrong(found[0])
    return open_mat_source(*found, opening)


def _opened(name: str, opening: Opening) -> Source:
    """Open a whole scene by its name."""
    for kind in KINDS:
        found = kind.meant(name)
        if found is None:
            continue
        if opening.mask is not None and not kind.masks:
            refuse_mask(name)
        if opening.offset is not None and not kind.asks:
            _refuse_offset(name)
        return kind.opens(found, opening)
    if opening.mask is not None:
        refuse_mask(name)
    if opening.offset is not None:
        _refuse_offset(name)
    return _open_file(name, opening)


def _refuse_offset(name: str) -> None:
    raise InputError(f"{name}: says itself what its numbers mean; leave out offset")


def _open_file(name: str, opening: Opening) -> Source:
    """Open what GDAL reads."""
    if not is_address(name):
        _refuse_plainly_wrong(Path(name), folder=name.rstrip("/").lower().endswith(".zarr"))
        if is_tar(name):
            raise InputError(
                f"{name}: holds no product of Landsat; unpack it, and name a raster in it"
            )
        if name.lower().endswith(".zip"):
            name = _only_raster_in(Path(name))
        elif _DRIVER.match(name):  # else GDAL would take the file's own name for its syntax
            name = os.path.join(".", name)
    raster = open_raster(name, opening)
    return displayed(raster) if opening.look else raster


def mat_name(name: str) -> tuple[Path, str | None] | None:
    """Return a .mat file and the array named in it, or None for anything else."""
    if name.lower().endswith(".mat"):
        return Path(name), None
    path, colon, key = name.rpartition(":")
    return (Path(path), key) if colon and path.lower().endswith(".mat") else None


KINDS = (
    Kind(meant=band_files, opens=open_band_files),
    Kind(meant=landsat_product, opens=open_bands, masks=True),
    Kind(meant=product_name, opens=_open_sentinel2, masks=True),
    Kind(meant=stac_name, opens=_open_stac, masks=True, asks=True),
    Kind(meant=eopf_name, opens=_open_eopf, asks=True),
    Kind(meant=zarr_name, opens=_open_store),
    Kind(meant=enmap_name, opens=_open_enmap),
    Kind(meant=prisma_name, opens=_open_prisma),
    Kind(meant=mat_name, opens=_open_cube),
)
"""All products, the most particular first."""


def scenes_in(folder: str | Path) -> list[str]:
    """List the scenes in a folder in order, not those in its subfolders."""
    path = Path(folder)
    if main := [item for item in path.glob("MTD_MSIL*.xml") if product_name(str(item))]:
        return [str(main[0])]  # a Sentinel-2 product that was renamed
    return [
        str(item)
        for item in sorted(path.iterdir())
        if not item.name.startswith(".") and _is_scene(item)
    ]


def folder_of_scenes(name: str) -> list[str]:
    """List the scenes in a folder; none if it is a scene itself, or no folder."""
    path = Path(name)
    if is_address(name) or not path.is_dir() or _is_scene(path):
        return []
    return scenes_in(path)


def _is_scene(path: Path) -> bool:
    whole = path.is_dir() and (landsat_product(str(path)) or enmap_name(str(path)))
    if product_name(str(path)) or whole:
        return True
    if is_tar(path.name):
        return landsat_product(str(path)) is not None
    suffix = path.suffix.lower()
    if suffix == ".zarr":
        return path.is_dir()
    if not path.is_file():
        return False
    if suffix in _ANYTHING:  # recognised by their ENVI header
        headers = (path.with_name(f"{path.name}.hdr"), path.with_suffix(".hdr"))
        return any(header.exists() for header in headers)
    return suffix in (*SUFFIXES, ".mat")


def aligned(source: Source, grid: Grid) -> Source:
    """Return an open scene on another grid; without georeference it must have that size."""
    placed = grid.georeferenced and source.grid.georeferenced
    if placed and is_raster(source):
        return warped(source, grid)
    if (source.grid.height, source.grid.width) != (grid.height, grid.width):
        raise InputError(
            f"{source.name}: {source.grid.width} x {source.grid.height} pixels, but without "
            f"georeference a guide must have {grid.width} x {grid.height}"
        )
    return source


def _refuse_plainly_wrong(path: Path, *, folder: bool = False) -> None:
    try:
        if path.is_dir() and not folder:
            raise InputError(f"{path}: {_folder(path)}")
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if not path.is_dir() and not path.is_file():
            raise InputError(f"{path}: is not a data file but a device or the like")
        if path.is_file() and path.stat().st_size == 0:
            raise InputError(f"{path}: is empty; was its download or copy cut short?")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from None


def _folder(path: Path) -> str:
    """Say what a folder holds, to a user who named it instead of a file."""
    names = [Path(name).name for name in scenes_in(path)]
    if not names:
        return "is a folder without rasters; name a raster file"
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return (
        f"is a folder; name a raster in it ({shown}), or all of them by a folder for the results: "
        f"geoloupe upscale {quoted(str(path))} -o RESULTS/"
    )


def _only_raster_in(path: Path) -> str:
    """Name the raster in a .zip as GDAL does; of several, the user must say which."""
    tree = open_tree(path)
    names = [name for name in tree.names if name.lower().endswith(SUFFIXES)]
    if len(names) != 1:
        several = ", ".join(tree.raster(name) for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise InputError(
            f"{path}: holds several rasters; name one: {several}{more}"
            if names
            else f"{path}: holds no raster that its name identifies"
        )
    return tree.raster(names[0])
