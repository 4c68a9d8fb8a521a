"""Bands in files of their own, as one raster in GDAL's own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from geoloupe.imagery.grid import Grid


@dataclass(frozen=True, kw_only=True)
class FileBand:
    """One band: what GDAL opens it by, and what is known of it."""

    file: str
    name: str
    nm: float
    scale: float = 1.0  # reflectance = scale * number + offset
    offset: float = 0.0


def stacked(bands: Sequence[FileBand], grid: Grid, dtype: str) -> str:
    """Describe bands on one grid, zero where nothing was seen, with names and wavelengths."""
    a, b, c, d, e, f = grid.transform
    transform = ", ".join(f"{number!r}" for number in (c, a, b, f, d, e))
    described = [
        f'<VRTRasterBand dataType="{dtype}" band="{position}">'
        f'<Metadata domain="IMAGERY"><MDI key="CENTRAL_WAVELENGTH_UM">{band.nm / 1000}'
        f"</MDI></Metadata><Description>{band.name}</Description>"
        f"<NoDataValue>0</NoDataValue><Offset>{band.offset!r}</Offset>"
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
