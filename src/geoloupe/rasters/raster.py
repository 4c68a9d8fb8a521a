"""Every raster that GDAL reads."""

import logging
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # GDAL's complaints that rasterio does not translate
from rasterio.enums import ColorInterp
from rasterio.env import ensure_env_with_credentials
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as RasterioWindow

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.imagery.nodata import Missing, Read, settle
from geoloupe.imagery.radiometry import Radiometry, infer
from geoloupe.rasters.blocks import refuse_large_blocks
from geoloupe.rasters.complaints import complaint
from geoloupe.rasters.described import held_nodata, refuse_no_place, without_bad
from geoloupe.rasters.drivers import TRUST, drivers_for
from geoloupe.rasters.facts import Facts, Mask, read_facts, refuse_many_bands
from geoloupe.rasters.heads import read_head
from geoloupe.rasters.reach import vet, vet_opened
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.transparency import DATA_BELOW, opaque_share
from geoloupe.storage.names import quoted

# GDAL would cache whole scenes in a twentieth of the machine's memory, and read none of them twice.
os.environ.setdefault("GDAL_CACHEMAX", "64")
# A virtual raster may bring Python functions; GDAL would run those from modules it trusts.
os.environ.setdefault("GDAL_VRT_ENABLE_PYTHON", "NO")
_log = logging.getLogger(__name__)

_SAMPLE = 4_000_000  # values on which a scene's range is measured, spread over all of it


@dataclass(frozen=True, kw_only=True)
class RasterReader:
    """Reads an open GDAL dataset."""

    name: str  # for messages
    dataset: Any
    numbers: tuple[int, ...]  # of its bands except transparency, from 1 as in GDAL
    mask: Mask = "none"
    alpha: int | None = None  # the band of transparency, from 1

    def read(
        self, indexes: Sequence[int], window: Window
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Read these bands of a window, and where it is not masked."""
        place = RasterioWindow(window.left, window.top, window.width, window.height)
        with gdal_errors_as_input_errors(self.name):
            values = self.dataset.read([self.numbers[index] for index in indexes], window=place)
            return values, self.valid(window=place)

    def valid(self, **part: Any) -> NDArray[np.bool_] | None:
        """Read where it is not masked (H,W); a partly transparent pixel still counts."""
        if self.mask == "none":
            return None
        if self.mask == "alpha":
            return np.asarray(self.dataset.read(self.alpha, **part) > 0)
        return np.asarray(self.dataset.read_masks(1, **part) > 0)

    def close(self) -> None:
        """Close the dataset."""
        self.dataset.close()


def is_raster(source: Source) -> bool:
    """Return whether GDAL reads a scene: only then do its warper and colour tables work."""
    return isinstance(source.reader, RasterReader)


def reader_of(source: Source) -> RasterReader:
    """Return what reads a scene that GDAL reads."""
    assert isinstance(source.reader, RasterReader)
    return source.reader


def open_raster(
    name: str,
    opening: Opening = PLAIN,
    *,
    label: str | None = None,
    drivers: Sequence[str] | None = None,
) -> Source:
    """Open a raster with the drivers of its kind; raise InputError if no network can use it.

    Messages call it `label`. Passing `drivers` means that it was checked before.
    """
    with gdal_errors_as_input_errors(label or name):
        if not opening.trust and drivers is None:
            vet(name)
            drivers = drivers_for(name)
        dataset = _opened(name, drivers)
        try:
            if not opening.trust:
                vet_opened(dataset, label or name)
            return _source(label or name, dataset, opening)
        except BaseException:
            dataset.close()
            raise


def _opened(name: str, drivers: Sequence[str] | None) -> Any:
    """Open a dataset with one of these drivers, or with any."""
    if drivers is not None and not drivers:
        raise InputError(f"{name}: cannot be opened by its first word; {TRUST}")
    # Like rasterio.open, which takes a single driver.
    opened = ensure_env_with_credentials(DatasetReader)
    return opened(name, driver=None if drivers is None else list(drivers))


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the warning that an image has no georeference: many need none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def gdal_errors_as_input_errors(name: object) -> Iterator[None]:
    """Turn what GDAL says about a file into one sentence."""
    try:
        # GDAL's fast way of reading a whole .png returns noise where the file is cut short.
        with quiet(), rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"):
            yield
    except (RasterioError, CRSError, CPLE_BaseError, UnicodeError) as error:
        raise complaint(str(name), error, read_head(str(name)) or b"") from None


def _source(name: str, dataset: Any, opening: Opening) -> Source:
    crs = dataset.crs
    grid = Grid(
        crs=crs.to_wkt() if crs else None,
        transform=tuple(dataset.transform)[:6],
        height=dataset.height,
        width=dataset.width,
    )
    if dataset.count:
        opening.admit(grid, dataset.dtypes[0])
        refuse_large_blocks(name, dataset)
    clear = _transparency(name, dataset, opening.alpha)
    indexes = [index for index in dataset.indexes if index not in clear]
    _refuse_unusable(name, dataset, indexes)
    if not opening.look:
        _refuse_unmeasured(name, dataset, indexes)
    facts = read_facts(dataset, indexes)
    dtype = dataset.dtypes[indexes[0] - 1]
    declared = held_nodata(dataset.nodatavals[indexes[0] - 1], dtype)
    plain = facts.mask == "none" and "complex" not in dtype
    missing = settle(
        name,
        opening.nodata,
        declared,
        dtype=dtype,
        size=(len(indexes), dataset.height, dataset.width),
        read=_reader(dataset, indexes) if plain else None,
    )
    reader = RasterReader(
        name=name,
        dataset=dataset,
        numbers=tuple(indexes),
        mask=facts.mask,
        alpha=clear[0] if clear else None,
    )
    return Source(
        name=name,
        grid=grid,
        radiometry=_radiometry(reader, facts, dtype, missing),
        facts=facts,
        indexes=tuple(range(len(indexes))),
        reader=reader,
        files=tuple(dataset.files),
    )


def _transparency(name: str, dataset: Any, alpha: bool | None) -> list[int]:
    """List the bands of transparency: those marked as such that really hold it."""
    marked = [
        index
        for index, colour in enumerate(dataset.colorinterp, start=1)
        if colour is ColorInterp.alpha and alpha is not False
    ]
    return marked if alpha else [i for i in marked if _is_transparency(name, dataset, i)]


def _is_transparency(name: str, dataset: Any, index: int) -> bool:
    if opaque_share(dataset, index) >= DATA_BELOW:
        return True
    _log.warning(
        "%s: band %s is marked as transparency but holds data, and is kept as a band. If it is "
        "transparency after all: alpha=true",
        *(name, index),
    )
    return False


def _refuse_unusable(name: str, dataset: Any, indexes: Sequence[int]) -> None:
    if not indexes:
        inside = "; ".join(dataset.subdatasets[:5])
        several = f"holds several images; name one of {inside}" if inside else "holds no image"
        raise InputError(f"{name}: {several}")
    refuse_many_bands(name, len(indexes))
    # Each of rasterio's lists walks all bands anew.
    dtypes, nodatavals = dataset.dtypes, dataset.nodatavals
    kinds = sorted({dtypes[index - 1] for index in indexes})
    if len(kinds) > 1:
        raise InputError(f"{name}: mixes bands of {' and '.join(kinds)}; convert them to one type")
    refuse_no_place(name, tuple(dataset.transform)[:6])
    fillers = {str(nodatavals[index - 1]) for index in indexes}
    if len(fillers) > 1:
        raise InputError(
            f"{name}: its bands mark missing data by {' and '.join(sorted(fillers))}; give them "
            "one value, as with gdalwarp -dstnodata"
        )


def _refuse_unmeasured(name: str, dataset: Any, indexes: Sequence[int]) -> None:
    """Refuse numbers without brightness, and name the command that makes some of them usable."""
    old, path = quoted(name), PurePath(name)
    if "complex" in dataset.dtypes[indexes[0] - 1]:
        new = quoted(f"{path.stem}_amplitude.tif")
        raise InputError(
            f"{name}: holds complex numbers, which geoloupe picture shows; their amplitude can be "
            f"enlarged: gdal_calc.py -A {old} --calc='abs(A)' --type=Float32 --outfile={new}"
        )
    if ColorInterp.palette in dataset.colorinterp:
        new = quoted(f"{path.stem}_rgb.tif")
        raise InputError(
            f"{name}: its numbers are entries of a palette, which geoloupe picture shows; their "
            f"colours can be enlarged: gdal_translate -expand rgb {old} {new}"
        )


def _reader(dataset: Any, indexes: Sequence[int]) -> Read:
    def read(window: Window) -> NDArray[Any]:
        place = RasterioWindow(window.left, window.top, window.width, window.height)
        return np.asarray(dataset.read(list(indexes), window=place))

    return read


def _radiometry(
    reader: RasterReader, facts: Facts, dtype: str, missing: Missing | None
) -> Radiometry:
    """Measure the scene as a whole, so that no tile is stretched unlike its neighbour."""
    if "complex" in dtype:
        return Radiometry(dtype=dtype, nodata=None if missing is None else missing.value)
    dataset, numbers = reader.dataset, list(reader.numbers)
    tags = [(band.scale, band.offset) for band in facts.bands]
    sample = np.zeros((len(numbers), 0, 0), dtype)
    if dtype != "uint8" or any(tag != (1.0, 0.0) for tag in tags):
        step = max(1, math.ceil((dataset.height * dataset.width * len(numbers) / _SAMPLE) ** 0.5))
        most = max(1, _SAMPLE // len(numbers))
        height = min(max(1, dataset.height // step), most)  # one column may be long
        shape = (height, min(max(1, dataset.width // step), most // height))
        sample = dataset.read(numbers, out_shape=(len(numbers), *shape))
        valid = reader.valid(out_shape=shape)
        sample = sample.reshape(len(numbers), -1) if valid is None else sample[:, valid]
        sample = sample[..., None]
        sample = sample if missing is None else missing.without_blends(sample)
        sample = without_bad(sample, facts)
    return infer(dtype, None if missing is None else missing.value, sample=sample, tags=tags)
