"""Single-band files described to GDAL as one raster."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from geoloupe.imagery.grid import Grid

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


def stacked(
    bands: Sequence[FileBand], grid: Grid, dtype: str, *, nodata: float | None = 0.0
) -> str:
    """Describe bands on one grid, with names, wavelengths and what missing pixels hold."""
    a, b, c, d, e, f = grid.transform
    transform = ", ".join(f"{number!r}" for number in (c, a, b, f, d, e))
    missing = "" if nodata is None else f"<NoDataValue>{nodata!r}</NoDataValue>"
    described = [
        f'<VRTRasterBand dataType="{dtype}" band="{position}">'
        f"{_wavelength(band.nm)}<Description>{escape(band.name)}</Description>"
        f"{missing}<Offset>{band.offset!r}</Offset>"
        f"<Scale>{band.scale!r}</Scale><SimpleSource>"
        f'<SourceFilename relativeToVRT="0">{escape(band.file)}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for position, band in enumerate(bands, start=1)
    ]
    return (
        f'<VRTDataset rasterXSize="{grid.width}" rasterYSize="{grid.height}">'
        f"<SRS>{escape(grid.crs or '')}</SRS>"
        f"<GeoTransform>{transform}</GeoTransform>{''.join(described)}</VRTDataset>"
    )


def _wavelength(nm: float | None) -> str:
    if nm is None:
        return ""
    micrometres = f'<MDI key="CENTRAL_WAVELENGTH_UM">{nm / 1000}</MDI>'
    return f'<Metadata domain="IMAGERY">{micrometres}</Metadata>'
