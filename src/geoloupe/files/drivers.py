"""Which kinds of files the GDAL that is installed here can read and write."""

import rasterio
from rasterio.drivers import raster_driver_extensions
from rasterio.env import Env

NEEDED = ("GTiff", "COG", "ENVI", "PNG", "JPEG", "VRT", "MEM")
WELCOME = ("JP2OpenJPEG", "WEBP", "netCDF", "HDF5", "Zarr", "SENTINEL2")


def gdal_version() -> str:
    """Name the version of GDAL."""
    return str(rasterio.__gdal_version__)


def drivers() -> frozenset[str]:
    """List GDAL's drivers by their short names."""
    with Env() as environment:
        return frozenset(environment.drivers()) | frozenset(raster_driver_extensions().values())
