"""Single-band files as one scene: `B04.tif+B03.tif+B02.tif`, in this order."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rasterio.io import DatasetReader

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid
from geoloupe.rasters.drivers import drivers_for
from geoloupe.rasters.raster import gdal_errors_as_input_errors, open_raster
from geoloupe.rasters.reach import vet, vet_opened
from geoloupe.rasters.source import PLAIN, Opening, Source
from geoloupe.rasters.virtual import GDAL_TYPES, FileBand, stacked


@dataclass(frozen=True, kw_only=True)
class BandFile:
    """What a single-band file says of itself."""

    path: str
    grid: Grid
    dtype: str
    count: int
    nodata: float | None
    scale: float
    offset: float
    description: str | None


def band_files(name: str) -> list[str] | None:
    """Return the files that a name joins by plus signs, or None for anything else."""
    parts = name.split("+")
    joined = len(parts) > 1 and not Path(name).exists() and Path(parts[0]).exists()
    return parts if joined else None


def open_band_files(paths: Sequence[str], opening: Opening = PLAIN) -> Source:
    """Open single-band files as one scene; they must share one grid and one type."""
    label = "+".join(paths)
    found = [look_into(path, opening) for path in paths]
    first = found[0]
    for file in found:
        if file.count != 1:
            raise InputError(f"{file.path}: holds {file.count} bands; join files of one band each")
        if file.grid != first.grid:
            raise InputError(
                f"{file.path}: has other pixels than {first.path} or lies elsewhere; for bands of "
                "several pixel sizes, see geoloupe sharpen"
            )
        if (file.dtype, file.nodata) != (first.dtype, first.nodata):
            raise InputError(
                f"{file.path}: holds {file.dtype} with nodata {file.nodata}, and {first.path} "
                f"{first.dtype} with nodata {first.nodata}; convert them to one type"
            )
    if first.dtype not in GDAL_TYPES:
        raise InputError(f"{first.path}: holds {first.dtype} numbers, which cannot be joined")
    bands = [
        FileBand(
            file=Path(file.path).resolve().as_posix(),
            name=file.description or Path(file.path).stem,
            scale=file.scale,
            offset=file.offset,
        )
        for file in found
    ]
    text = stacked(bands, first.grid, GDAL_TYPES[first.dtype], nodata=first.nodata)
    return open_raster(text, opening, label=label, drivers=("VRT",))


def look_into(path: str, opening: Opening) -> BandFile:
    """Look into a file on disk, following no forbidden references."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    return look_by_name(path, opening)


def look_by_name(path: str, opening: Opening) -> BandFile:
    """Look into a file by GDAL's name, which may be in an archive."""
    with gdal_errors_as_input_errors(path):
        if not opening.trust:
            vet(path)
        with DatasetReader(path, driver=list(drivers_for(path))) as dataset:
            if not opening.trust:
                vet_opened(dataset, path)
            return BandFile(
                path=path,
                grid=Grid(
                    crs=dataset.crs.to_wkt() if dataset.crs else None,
                    transform=tuple(dataset.transform)[:6],
                    height=dataset.height,
                    width=dataset.width,
                ),
                dtype=dataset.dtypes[0],
                count=dataset.count,
                nodata=dataset.nodata,
                scale=dataset.scales[0],
                offset=dataset.offsets[0],
                description=dataset.descriptions[0],
            )
