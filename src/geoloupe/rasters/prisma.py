"""PRISMA's Level 2D: an .he5 file of two cubes, visible and infrared, as one raster of all bands.

Bands are sorted by wavelength; those whose flag is 0 are bad. Reflectance is the line between the
smallest and the largest value that the file names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geoloupe.errors import InputError
from geoloupe.imagery.grid import Grid, Window
from geoloupe.rasters.described import Description, described
from geoloupe.rasters.facts import BAD_BAND, BandFacts, Facts
from geoloupe.rasters.hdf5 import refuse_other_files
from geoloupe.rasters.source import PLAIN, Opening, Source

_FIELDS = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"
_LATITUDES = "HDFEOS/SWATHS/PRS_L2D_HCO/Geolocation Fields/Latitude"
_PARTS = ("Vnir", "Swir")
_TOP = 65535  # the number that means the largest value
_PIXEL_M = 30.0
_DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, IndexError)


@dataclass(frozen=True, kw_only=True)
class PrismaReader:
    """Reads an open file; bands are places in its cubes, which lie as (y,band,x) or (x,band,y)."""

    name: str
    file: Any
    places: tuple[tuple[str, int], ...]  # cube and band
    turned: bool

    def read(self, indexes: Sequence[int], window: Window) -> tuple[NDArray[Any], None]:
        """Read these bands of a window."""
        rows, columns = window.slices
        try:
            parts = []
            for index in indexes:
                cube, band = self.places[index]
                if self.turned:
                    parts.append(self.file[cube][columns, band, rows].T)
                else:
                    parts.append(self.file[cube][rows, band, columns])
            return np.stack(parts), None
        except _DAMAGE as error:
            raise InputError(
                f"{self.name}: cannot be read; damaged or incomplete? ({error})"
            ) from None

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def prisma_name(name: str) -> Path | None:
    """Return a file of Level 2D, or None for anything else."""
    path = Path(name)
    # By its name alone: looking inside might follow a link before it is refused.
    meant = path.name.upper().startswith("PRS_L2D") and path.suffix.lower() == ".he5"
    return path if meant and path.is_file() else None


def open_prisma(path: Path, opening: Opening = PLAIN) -> Source:
    """Open both cubes as one scene."""
    try:
        file = h5py.File(path, "r")
        try:
            if not opening.trust:
                refuse_other_files(file, str(path))
            return _source(path, file, opening)
        except BaseException:
            file.close()
            raise
    except _DAMAGE as error:
        raise InputError(f"{path}: cannot be read; damaged or incomplete? ({error})") from None


def _source(path: Path, file: Any, opening: Opening) -> Source:
    found = [band for part in _PARTS for band in _bands(file, part)]
    # Bad bands have no wavelength: they come last.
    found.sort(key=lambda band: (band[0] is None, band[0] or 0.0))
    cubes = [file[f"{_FIELDS}/{part.upper()}_Cube"] for part in _PARTS]
    first = cubes[0]
    if any((c.shape[0], c.shape[2]) != (first.shape[0], first.shape[2]) for c in cubes):
        raise InputError(f"{path}: its two cubes differ in size; was it copied in full?")
    turned = _turned(file)
    size = (first.shape[2], first.shape[0]) if turned else (first.shape[0], first.shape[2])
    reader = PrismaReader(
        name=str(path), file=file, places=tuple(place for _, place, _ in found), turned=turned
    )
    said = Description(
        name=str(path),
        grid=_grid(path, file.attrs, size),
        dtype=first.dtype.name,
        facts=Facts(bands=tuple(facts for *_, facts in found), tags={"platform": "PRISMA"}),
        nodata=0,
        files=(str(path),),
    )
    return described(reader, said, opening)


def _bands(file: Any, part: str) -> list[tuple[float | None, tuple[str, int], BandFacts]]:
    """List the bands of a cube: wavelength, place and facts."""
    attributes, cube = file.attrs, f"{_FIELDS}/{part.upper()}_Cube"
    least, most = (float(attributes[f"L2Scale{part}{end}"]) for end in ("Min", "Max"))
    if not most > least:
        raise InputError(f"its values reach from {least:g} to {most:g}, so mean nothing")
    lengths, widths, flags = (
        np.ravel(attributes[f"List_{word}"])
        for word in (f"Cw_{part}", f"Fwhm_{part}", f"Cw_{part}_Flags")
    )
    if not len(lengths) == len(widths) == len(flags) == file[cube].shape[1]:
        raise InputError(f"the lists of its {part.upper()} bands differ in length")
    bands = []
    for number, (nm, fwhm, flag) in enumerate(zip(lengths, widths, flags, strict=True)):
        good = bool(flag) and nm > 0
        seen = {
            "CENTRAL_WAVELENGTH_UM": f"{nm / 1000:.9g}",
            "FWHM_UM": f"{fwhm / 1000:.9g}",
        }
        facts = BandFacts(
            description=f"{part.upper()} {number + 1}",
            imagery=seen if good else {},
            tags={} if good else {BAD_BAND: "yes"},
            scale=(most - least) / _TOP,
            offset=least,
        )
        bands.append((float(nm) if good else None, (cube, number), facts))
    return bands


def _turned(file: Any) -> bool:
    """Return whether the first axis runs eastwards: latitudes hardly change along it then."""
    if _LATITUDES not in file:
        return False
    latitudes = file[_LATITUDES]
    corner = float(latitudes[0, 0])
    down, across = (abs(float(latitudes[at]) - corner) for at in ((-1, 0), (0, -1)))
    return across > down


def _grid(path: Path, attributes: Any, size: tuple[int, int]) -> Grid:
    """Return where the pixels lie: corners are named by their middle or by their outer edge."""
    east, north = (
        [float(attributes[f"Product_{corner}corner_{word}"]) for corner in ("UL", "UR", "LL", "LR")]
        for word in ("easting", "northing")
    )
    height, width = size
    sides = (max(east) - min(east), max(north) - min(north))
    middles = all(
        abs(side / max(count - 1, 1) - _PIXEL_M) < abs(side / count - _PIXEL_M)
        for side, count in zip(sides, (width, height), strict=True)
    )
    half = _PIXEL_M / 2 if middles else 0.0
    try:
        crs = CRS.from_epsg(int(attributes["Epsg_Code"])).to_wkt()
    except CRSError:
        raise InputError(f"{path}: names no known coordinate system (Epsg_Code)") from None
    across = _PIXEL_M if middles else sides[0] / width
    down = _PIXEL_M if middles else sides[1] / height
    return Grid(
        crs=crs,
        transform=(across, 0.0, min(east) - half, 0.0, -down, max(north) + half),
        height=height,
        width=width,
    )
