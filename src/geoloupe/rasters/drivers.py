"""Which kinds of files are read, and what the installed GDAL can read and write.

GDAL goes by a file's content whatever its name, and some formats lead elsewhere:
a virtual raster names other files and addresses, a web map service a server. So each file is opened
only by its suffix's drivers, and one with an unknown suffix only by those that read the file itself
and what lies beside it.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import rasterio
from rasterio.drivers import raster_driver_extensions
from rasterio.env import Env

TRUST = "if you trust it, trust=true uses it"
"""What opens a file with any driver; the end of messages."""

NEEDED = ("GTiff", "COG", "ENVI", "PNG", "JPEG", "VRT", "MEM")
WELCOME = ("JP2OpenJPEG", "WEBP", "netCDF", "HDF5", "Zarr")


@dataclass(frozen=True)
class Kind:
    """One kind of raster: its usual name, its suffixes and GDAL's drivers for it."""

    name: str
    suffixes: tuple[str, ...]
    drivers: tuple[str, ...]


KINDS = (
    Kind("GeoTIFF and COG", (".tif", ".tiff", ".gtiff"), ("GTiff",)),
    # Pictures often bear another kind's suffix.
    Kind(
        "PNG, JPEG, WebP, BMP, GIF",
        (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"),
        ("PNG", "JPEG", "WEBP", "BMP", "GIF", "BIGGIF", "GTiff"),
    ),
    Kind(
        "JPEG 2000",
        (".jp2", ".j2k", ".jpx"),
        ("JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID"),
    ),
    Kind("ENVI", (".img", ".dat", ".bin", ".raw", ".bsq", ".bil", ".bip", ".hsi"), ("ENVI",)),
    Kind("ESRI raw rasters", (".bil", ".bip", ".bsq", ".flt"), ("EHdr",)),
    Kind("Erdas Imagine", (".img",), ("HFA",)),
    Kind("netCDF", (".nc", ".nc4", ".cdf"), ("netCDF", "HDF5")),
    Kind("HDF5", (".h5", ".hdf5", ".he5", ".hdf"), ("HDF5", "netCDF")),
    Kind("HDF4", (".hdf",), ("HDF4",)),  # not in rasterio's wheel, which the message says
    Kind("Zarr", (".zarr",), ("Zarr",)),
    Kind("elevation: SRTM, DTED, USGS DEM", (".hgt",), ("SRTMHGT",)),
    Kind("elevation: SRTM, DTED, USGS DEM", (".dt0", ".dt1", ".dt2"), ("DTED",)),
    Kind("elevation: SRTM, DTED, USGS DEM", (".dem",), ("USGSDEM",)),
    Kind("ASCII grids", (".asc", ".grd"), ("AAIGrid", "GRASSASCIIGrid", "GSAG")),
    Kind("ArcInfo grids", (".adf",), ("AIG",)),
    Kind("GRIB", (".grib", ".grib2", ".grb", ".grb2"), ("GRIB",)),
    Kind("NITF", (".ntf", ".nitf", ".nsf"), ("NITF",)),
    Kind("PNM", (".ppm", ".pgm", ".pnm"), ("PNM",)),
    Kind("KEA, ECW, MrSID where your GDAL has them", (".kea",), ("KEA",)),
    Kind("KEA, ECW, MrSID where your GDAL has them", (".ecw",), ("ECW",)),
    Kind("KEA, ECW, MrSID where your GDAL has them", (".sid",), ("MrSID",)),
)
"""What is read without asking: none of it leads elsewhere."""

VIRTUAL = Kind("virtual rasters (VRT), within their own folder", (".vrt",), ("VRT",))

SUFFIXES = tuple(sorted({suffix for kind in (*KINDS, VIRTUAL) for suffix in kind.suffixes}))
"""Suffixes of files that hold rasters; ENVI's data files may have none."""

# Parts of files in GDAL's own syntax, such as NETCDF:cube.nc:reflectance; and services.
_PARTS = {
    **{"NETCDF": ("netCDF",), "HDF5": ("HDF5Image",), "ZARR": ("Zarr",), "NITF_IM": ("NITF",)},
    **{"GTIFF_DIR": ("GTiff",), "GTIFF_RAW": ("GTiff",)},
    **{"HDF4_SDS": ("HDF4Image",), "HDF4_EOS": ("HDF4Image",)},
}
_SERVICES = {"WMS": ("WMS",), "WMTS": ("WMTS",), "WCS": ("WCS",)}
_PART = re.compile(r"([A-Za-z0-9_]{3,}):(?!//)")


def drivers_for(name: str) -> Sequence[str]:
    """Name the drivers that may open a file or an address; an unknown kind gets all plain ones.

    The suffix decides for files, and the prefix for names in GDAL's own syntax.
    """
    if part := _PART.match(name):
        return (_PARTS | _SERVICES).get(part[1].upper(), ())
    suffix = PurePosixPath(name.rstrip("/").partition("?")[0]).suffix.lower()
    found = [kind for kind in (*KINDS, VIRTUAL) if suffix in kind.suffixes]
    return tuple(driver for kind in found or KINDS for driver in kind.drivers)


def files_of_part(name: str) -> list[str] | None:
    """List the candidates for the file in a name in GDAL's own syntax; None for other names.

    Where it stands depends on the driver: GTIFF_DIR:1:a.tif, HDF5:"a.h5"://x.
    """
    part = _PART.match(name)
    if not part or part[1].upper() not in _PARTS:
        return None
    words = name[part.end() :].replace('"', "").split(":")
    spans = [(first, last) for first in range(len(words)) for last in range(len(words), first, -1)]
    found = (":".join(words[first:last]) for first, last in spans)
    return [file for file in found if os.path.exists(file)]


def kinds_read() -> list[str]:
    """List what can be read, each kind once."""
    return list(dict.fromkeys(kind.name for kind in (*KINDS, VIRTUAL)))


def gdal_version() -> str:
    """Name the version of GDAL."""
    return str(rasterio.__gdal_version__)


def drivers() -> frozenset[str]:
    """List GDAL's drivers by their short names."""
    with Env() as environment:
        return frozenset(environment.drivers()) | frozenset(raster_driver_extensions().values())
