"""Single-band files described to GDAL as one raster."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from geoloupe.imagery.grid import Grid
from geoloupe.rasters.facts import BAD_BAND

GDAL_TYPES = {
    **{"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32"},
    **{"int32": "Int32", "float32": "Float32", "float64": "Float64"},
}


@dataclass(frozen=True, kw_only=True)
class FileBand:
    """One band: what GDAL opens it by, and what is known about it."""

    file: str
    name: str
    nm: float | None = None
    scale: float = 1.0  # reflectance = scale * number + offset
    offset: float = 0.0
    number: int = 1  # of the band in its file
    fwhm: float | None = None  # nm
    bad: bool = False  # its product says that it holds nothing of use


def stacked(
    bands: Sequence[FileBand], grid: Grid, dtype: str, *, nodata: float | None = 0.0
) -> str:
    """Describe bands on one grid, with names, wavelengths and what missing pixels hold."""
    a, b, c, d, e, f = grid.transform
    transform = ", ".join(f"{number!r}" for number in (c, a, b, f, d, e))
    missing = "" if nodata is None else f"<NoDataValue>{nodata!r}</NoDataValue>"
    described = [
        f'<VRTRasterBand dataType="{dtype}" band="{position}">'
        f"{_marks(band)}{_wavelength(band)}<Description>{escape(band.name)}</Description>"
        f"{missing}<Offset>{band.offset!r}</Offset>"
        f"<Scale>{band.scale!r}</Scale><SimpleSource>"
        f'<SourceFilename relativeToVRT="0">{escape(band.file)}</SourceFilename>'
        f"<SourceBand>{band.number}</SourceBand></SimpleSource></VRTRasterBand>"
        for position, band in enumerate(bands, start=1)
    ]
    return (
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">'
        f"<SRS>{escape(grid.crs or '')}</SRS>"
        f"<GeoTransform>{transform}</GeoTransform>{''.join(described)}</VRTDataset>"
    )


def _marks(band: FileBand) -> str:
    return f'<Metadata><MDI key="{BAD_BAND}">yes</MDI></Metadata>' if band.bad else ""


def _wavelength(band: FileBand) -> str:
    if band.nm is None:
        return ""
    said = f'<MDI key="CENTRAL_WAVELENGTH_UM">{band.nm / 1000:.9g}</MDI>'
    if band.fwhm is not None:
        said += f'<MDI key="FWHM_UM">{band.fwhm / 1000:.9g}</MDI>'
    return f'<Metadata domain="IMAGERY">{said}</Metadata>'
