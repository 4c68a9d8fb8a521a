"""A STAC item as a scene: a .json file or an http address, its assets as bands.

`item.json` means its bands with the finest pixels of which there are several; `item.json:20m` those
of 20 m. A file on disk may name files in its own folder, and addresses; an address only addresses.
The item that `upscale` writes beside a product means that product.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterioWindow

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.rasters.addresses import (
    GDAL_OPTIONS,
    admit_address,
    fetched,
    gdal_name,
    is_web,
    joined,
)
from geoloupe.rasters.blocks import refuse_large_blocks
from geoloupe.rasters.clouds import RADSAT, Layer, masked, qa_pixel, qa_radsat, refuse_mask, scl
from geoloupe.rasters.described import Description, described
from geoloupe.rasters.drivers import TRUST
from geoloupe.rasters.facts import BandFacts, Facts
from geoloupe.rasters.raster import gdal_errors_as_input_errors, open_raster
from geoloupe.rasters.reach import vet, vet_opened, within
from geoloupe.rasters.source import PLAIN, Opening, Reader, Source
from geoloupe.rasters.stac_item import (
    Asset,
    Json,
    bands_of,
    is_sentinel2,
    layer_of,
    product_of,
    tags_of,
)
from geoloupe.rasters.zarr_scene import open_zarr, zarr_name
from geoloupe.storage.names import elsewhere

_SUFFIXES = (".json", ".geojson")
_ITEMS = "/items/"  # in the address of an item of a STAC service
_MOST = 20_000_000  # bytes of an item
_DRIVERS = ("GTiff", "JP2OpenJPEG")
_OURS = ("GTiff", "PNG", "JPEG")  # that results are written by
_SAMPLE = 512  # pixels along a side on which a range is measured


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item, and where it lies."""

    name: str  # as the user named it, without the pixel size
    content: Json
    folder: Path | None  # of an item on disk
    address: str | None  # of one on the web, where it was in the end

    def place(self, href: str, opening: Opening) -> str:
        """Return what GDAL opens an asset by, or refuse to go there."""
        if self.address is not None or is_web(href):
            there = joined(self.address or "", href)
            admit_address(there, named=self.address, trust=opening.trust, by=self.name)
            return gdal_name(there)
        assert self.folder is not None
        outside = InputError(
            f"{self.name}: names {href[:200]}, which is not in its own folder; {TRUST}"
        )
        if not opening.trust and elsewhere(href, self.folder.absolute()):
            raise outside
        try:
            path = os.path.realpath(self.folder / href)
        except ValueError:
            raise outside from None
        if not (opening.trust or within(path, os.path.realpath(self.folder))):
            raise outside
        if not (os.path.isfile(path) or zarr_name(path)):
            raise InputError(f"{self.name}: names {href[:200]}, which is not a file")
        if not opening.trust:
            vet(path)
        return path


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An open band."""

    asset: Asset
    file: str
    dataset: Any
    grid: Grid

    def facts(self) -> BandFacts:
        """Return what its item says of it, or else the file."""
        said, dataset = self.asset.meaning, self.dataset
        length = self.asset.nm
        return BandFacts(
            description=self.asset.name,
            scale=said.scale if said else dataset.scales[0],
            offset=said.offset if said else dataset.offsets[0],
            imagery={} if length is None else {"CENTRAL_WAVELENGTH_UM": f"{length / 1000:g}"},
        )

    @property
    def nodata(self) -> float | None:
        """What missing pixels hold, by the item or by the file."""
        found = self.asset.nodata
        return self.dataset.nodata if found is None else found


@dataclass(frozen=True, kw_only=True)
class FilesReader:
    """Reads files of one band each."""

    name: str
    bands: tuple[Opened, ...]

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], None]:
        """Read these bands of a window."""
        place = RasterioWindow(window.left, window.top, window.width, window.height)
        return self._read(indexes, window=place), None

    def sample(self) -> NDArray[Any]:
        """Read all bands in few pixels, from overviews where there are any."""
        grid = self.bands[0].grid
        shape = (min(grid.height, _SAMPLE), min(grid.width, _SAMPLE))
        return self._read(range(len(self.bands)), out_shape=shape)

    def _read(self, indexes: Sequence[int], **part: Any) -> NDArray[Any]:
        with rasterio.Env(**GDAL_OPTIONS), gdal_errors_as_input_errors(self.name):
            return np.stack([self.bands[index].dataset.read(1, **part) for index in indexes])

    def close(self) -> None:
        """Close the files."""
        for band in self.bands:
            band.dataset.close()


@dataclass(frozen=True, kw_only=True)
class WebReader:
    """Reads a file on the web, as patiently as it was opened and without looking beside it."""

    inner: Reader

    def read(
        self, indexes: Sequence[int], window: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Read these bands of a window."""
        with rasterio.Env(**GDAL_OPTIONS):
            return self.inner.read(indexes, window)

    def close(self) -> None:
        """Close the file."""
        self.inner.close()


def stac_name(name: str) -> tuple[str, str | None] | None:
    """Return the item and the pixel size that a name means, or None for anything else."""
    path, colon, size = name.rpartition(":")
    if not (colon and size[:1].isdigit() and size.endswith("m") and "/" not in size):
        path, size = name, ""
    plain = urlsplit(path).path if is_web(path) else path
    if is_web(path):
        meant = plain.lower().endswith(_SUFFIXES) or _ITEMS in plain
    else:
        meant = plain.lower().endswith(_SUFFIXES) and Path(path).is_file()
    return (path, size or None) if meant else None


def open_item(name: str, size: str | None, opening: Opening = PLAIN) -> Source:
    """Open the bands of an item that share one size of pixels."""
    groups = open_groups(name, size, opening)
    several = [source for source in groups if len(source.bands) > 1] or groups
    for source in groups:
        if source is not several[0]:
            source.reader.close()
    return several[0]


def open_groups(name: str, size: str | None, opening: Opening = PLAIN) -> list[Source]:
    """Open the bands of an item, all or those of a size: a scene each, the finest first."""
    item = _read(name, opening)
    if (href := product_of(item.content)) is not None:
        return [_product(item, href, size, opening)]
    bands: list[Opened] = []
    try:
        for asset in bands_of(item.content, name, offset=opening.offset):
            bands.append(_opened(item, asset, opening))
        groups: dict[str, list[Opened]] = {}
        for band in sorted(bands, key=lambda band: band.grid.pixel_size[0]):
            groups.setdefault(f"{band.grid.pixel_size[0]:g}m", []).append(band)
        if size is not None and size not in groups:
            raise InputError(f"{name}: has no bands of {size}, but of {', '.join(groups)}")
        wanted = [size] if size else list(groups)
        for label in set(groups) - set(wanted):
            _close(groups[label])
        return [_source(item, label, groups[label], opening) for label in wanted]
    except BaseException:
        _close(bands)
        raise


def _product(item: Item, href: str, size: str | None, opening: Opening) -> Source:
    """Open what an item of ours describes, which says all about itself."""
    if size is not None:
        raise InputError(f"{item.name}: is of one raster; leave out :{size}")
    if opening.offset is not None:
        raise InputError(f"{item.name}: says itself what its numbers mean; leave out offset")
    if opening.mask is not None:
        refuse_mask(item.name)
    file = item.place(href, opening)
    if item.address is not None or is_web(href):
        with rasterio.Env(**GDAL_OPTIONS):
            source = open_raster(file, opening, drivers=_OURS)
        source = replace(source, reader=WebReader(inner=source.reader))
    elif store := zarr_name(file):
        source = open_zarr(*store, opening)
    else:
        source = open_raster(file, opening, drivers=_OURS)
    return replace(source, name=item.name, files=(item.name, *source.files))


def _close(bands: Sequence[Opened]) -> None:
    for band in bands:
        band.dataset.close()


def _opened(item: Item, asset: Asset, opening: Opening) -> Opened:
    file = item.place(asset.href, opening)
    with rasterio.Env(**GDAL_OPTIONS), gdal_errors_as_input_errors(file):
        dataset = DatasetReader(file, driver=list(_DRIVERS))
        try:
            if not opening.trust:
                vet_opened(dataset, file)
            refuse_large_blocks(file, dataset)
            if dataset.count != 1:
                raise InputError(f"{file}: holds {dataset.count} bands, and its item says one")
            grid = Grid(
                crs=dataset.crs.to_wkt() if dataset.crs else None,
                transform=tuple(dataset.transform)[:6],
                height=dataset.height,
                width=dataset.width,
            )
        except BaseException:
            dataset.close()
            raise
    return Opened(asset=asset, file=file, dataset=dataset, grid=grid)


def _source(item: Item, size: str, bands: Sequence[Opened], opening: Opening) -> Source:
    """Make a scene of bands with pixels of one size."""
    label = f"{item.name}:{size}"
    first = bands[0]
    for band in bands:
        if band.grid != first.grid:
            raise InputError(
                f"{label}: {band.asset.key} and {first.asset.key} lie on different grids"
            )
        kinds = [(each.dataset.dtypes[0], each.nodata) for each in (band, first)]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"{label}: {band.asset.key} holds {kinds[0][0]} with nodata {kinds[0][1]}, and "
                f"{first.asset.key} {kinds[1][0]} with nodata {kinds[1][1]}"
            )
    reader = FilesReader(name=label, bands=tuple(bands))
    said = Description(
        name=label,
        grid=first.grid,
        dtype=first.dataset.dtypes[0],
        facts=Facts(bands=tuple(band.facts() for band in bands), tags=tags_of(item.content)),
        nodata=first.nodata,
        files=(item.name, *(band.file for band in bands)),
    )
    source = described(reader, said, opening, sample=reader.sample)
    if opening.mask is None:
        return source
    with rasterio.Env(**GDAL_OPTIONS):
        return masked(source, _clouds(item, opening), opening)


def _clouds(item: Item, opening: Opening) -> list[Layer]:
    """List the layers that tell clouds."""
    layers: list[Layer] = []
    if is_sentinel2(item.content):
        found = layer_of(item.content, ("scl",))
        return [] if found is None else [scl(item.place(found, opening), _DRIVERS)]
    sensor = str(item.content["properties"].get("platform", "")).lower()
    pixel, radsat = (layer_of(item.content, (word,)) for word in ("qa_pixel", "qa_radsat"))
    if sensor in RADSAT and pixel is not None:
        layers.append(qa_pixel(item.place(pixel, opening)))
        if radsat is not None:
            layers.append(qa_radsat(item.place(radsat, opening), sensor))
    return layers


def _read(name: str, opening: Opening) -> Item:
    """Read an item; a collection or a page of several is refused."""
    address: str | None = None
    if is_web(name):
        text, address = fetched(name, most=_MOST, trust=opening.trust)
    else:
        try:
            with open(name, "rb") as stream:
                text = stream.read(_MOST)
        except OSError as error:
            raise InputError(f"{name}: cannot be read ({error.strerror})") from None
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{name}: is not JSON, so no STAC item") from None
    kind = content.get("type") if isinstance(content, Mapping) else None
    if kind in ("Catalog", "Collection", "FeatureCollection"):
        raise InputError(f"{name}: is a {kind} of STAC; name one of its items")
    if not (
        kind == "Feature"
        and "stac_version" in content
        and isinstance(content.get("properties"), Mapping)
        and isinstance(content.get("assets"), Mapping)
    ):
        raise InputError(f"{name}: is not a STAC item, which has stac_version and assets")
    folder = None if address is not None else Path(name).parent
    return Item(name=name, content=content, folder=folder, address=address)
