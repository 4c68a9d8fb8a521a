"""What a raster says besides its pixels, copied from a file to its product."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.rpc import RPC

from geoloupe.errors import InputError
from geoloupe.imagery.spectra import Band

_log = logging.getLogger(__name__)

# Tags that describe the old pixels or the old file, and would be wrong for a product.
_STALE = ("STATISTICS_", "OVR_RESAMPLING_ALG", "INTERLEAVE", "TIFFTAG_SOFTWARE")
_BANDS = 10_000  # at most: GDAL's Python side walks all of them for each one
_MICROMETRES = ("micrometers", "micrometres", "um", "µm", "microns")

BAD_BAND = "BAD_BAND"
"""The tag of a band that its product says holds nothing of use."""

Mask = Literal["none", "mask", "alpha"]


@dataclass(frozen=True, kw_only=True)
class BandFacts:
    """What a raster says about one band."""

    description: str | None = None
    colour: str = "undefined"
    tags: Mapping[str, str] = field(default_factory=dict)
    imagery: Mapping[str, str] = field(default_factory=dict)  # GDAL's domain of wavelengths
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None

    @property
    def bad(self) -> bool:
        """Whether its product says that the band holds nothing of use."""
        return self.tags.get(BAD_BAND, "no") != "no"

    @property
    def band(self) -> Band:
        """Return the band's name, by colour if it has no description, and its wavelength."""
        coloured = self.colour not in ("undefined", "gray", "palette")
        return Band(self.description or (self.colour if coloured else ""), self._wavelength())

    def _wavelength(self) -> float | None:
        tags = {key.lower(): text for key, text in self.tags.items()}
        unit = tags.get("wavelength_units", "").lower()
        try:
            if "CENTRAL_WAVELENGTH_UM" in self.imagery:
                return 1000 * float(self.imagery["CENTRAL_WAVELENGTH_UM"])
            length = float(tags["wavelength"])
        except (KeyError, ValueError):
            return None
        # Without a unit: no imager works at 100 nm, and none of ours at 100 micrometres.
        return 1000 * length if unit in _MICROMETRES or (not unit and length < 100) else length


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a raster says about itself and its bands, except alpha."""

    bands: tuple[BandFacts, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    mask: Mask = "none"  # how it marks missing pixels besides nodata
    gcps: tuple[tuple[float, float, float, float, float], ...] = ()  # row, column, x, y, z
    gcp_crs: str | None = None
    rpcs: RPC | None = None
    jpeg: bool = False  # it is kept as JPEG or a lossy WebP, which leave artefacts in the pixels

    def select(self, indexes: Sequence[int]) -> Self:
        """Keep the bands at these positions (from 0), in this order."""
        return replace(self, bands=tuple(self.bands[index] for index in indexes))

    def tagged(self, tags: Mapping[str, str]) -> Self:
        """Add tags; new ones replace old ones."""
        return replace(self, tags={**self.tags, **tags})

    def without(self, *keys: str) -> Self:
        """Leave out tags."""
        return replace(self, tags={k: text for k, text in self.tags.items() if k not in keys})

    def afresh(self) -> Self:
        """Leave out how an earlier run of this program made it, but for what it masked."""
        ours = {key for key in self.tags if key.startswith("GEOLOUPE_")}
        return self.without(*ours - {"GEOLOUPE_MASKED"})

    def moved(self, top: int, left: int) -> Self:
        """Return the facts of a part that begins at this row and column."""
        gcps = tuple((row - top, column - left, x, y, z) for row, column, x, y, z in self.gcps)
        return replace(self, gcps=gcps, rpcs=self.rpcs and _moved_rpcs(self.rpcs, top, left))

    def finer(self, scale: float) -> Self:
        """Return the facts of an image `scale` times finer; 1/4 makes it coarser."""
        gcps = tuple((row * scale, column * scale, x, y, z) for row, column, x, y, z in self.gcps)
        return replace(self, gcps=gcps, rpcs=self.rpcs and _finer_rpcs(self.rpcs, scale))


def refuse_many_bands(name: str, count: int) -> None:
    """Refuse more bands than any instrument has: a few bytes can claim them, and cost hours."""
    if count > _BANDS:
        raise InputError(
            f"{name}: holds {count:,} bands, and at most {_BANDS:,} can be read at once; extract "
            "some, as with gdal_translate -b"
        )


def read_facts(dataset: Any, indexes: Sequence[int]) -> Facts:
    """Read what an open dataset says; `indexes` (from 1) are its bands without alpha."""
    gcps, gcp_crs = dataset.gcps
    texts = _Texts(dataset)
    bands = tuple(_read_bands(dataset, texts, indexes))
    facts = Facts(
        bands=_marked(bands, texts.tags(0, "ENVI").get("bbl", "")),
        tags=texts.tags(),
        mask=_mask_kind(dataset, indexes),
        gcps=tuple((point.row, point.col, point.x, point.y, point.z or 0.0) for point in gcps),
        gcp_crs=gcp_crs.to_wkt() if gcps and gcp_crs else None,
        rpcs=dataset.rpcs,
        jpeg=_is_jpeg(dataset),
    )
    if texts.lost:
        _log.warning(
            "%s: has text that is not UTF-8; the affected %s are left out. Store it, or its "
            "header, as UTF-8 to keep them",
            *(dataset.name, " and ".join(sorted(texts.lost))),
        )
    return facts


def _is_jpeg(dataset: Any) -> bool:
    packing = dataset.tags(ns="IMAGE_STRUCTURE")
    webp = dataset.driver == "WEBP" or packing.get("COMPRESSION") == "WEBP"
    lossy_webp = webp and packing.get("COMPRESSION_REVERSIBILITY") == "LOSSY"
    return lossy_webp or "JPEG" in packing.get("COMPRESSION", "").split()


def write_facts(dataset: Any, facts: Facts) -> None:
    """Write all of it to a dataset open for writing, whose last band is alpha if facts.mask is."""
    colours = [ColorInterp[band.colour] for band in facts.bands]
    dataset.colorinterp = colours + [ColorInterp.alpha] * (facts.mask == "alpha")
    dataset.update_tags(**facts.tags)
    spare = dataset.count - len(facts.bands)
    dataset.scales = [band.scale for band in facts.bands] + [1.0] * spare
    dataset.offsets = [band.offset for band in facts.bands] + [0.0] * spare
    for index, band in enumerate(facts.bands, start=1):
        if band.description:
            dataset.set_band_description(index, band.description)
        if band.unit:
            dataset.set_band_unit(index, band.unit)
        dataset.update_tags(index, **band.tags)
        dataset.update_tags(index, ns="IMAGERY", **band.imagery)
    if facts.gcps:
        points = [
            GroundControlPoint(row=row, col=column, x=x, y=y, z=z)
            for row, column, x, y, z in facts.gcps
        ]
        dataset.gcps = (points, CRS.from_wkt(facts.gcp_crs) if facts.gcp_crs else CRS())
    if facts.rpcs:
        dataset.rpcs = facts.rpcs


class _Texts:
    """The text in an open dataset; old headers hold some that rasterio cannot read."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.lost: set[str] = set()

    def tags(self, index: int = 0, domain: str | None = None) -> dict[str, str]:
        """Read the tags of a band, or of all."""
        try:
            found = self.dataset.tags(index, ns=domain)
        except UnicodeDecodeError:
            self.lost.add("tags")
            return {}
        return {key: text for key, text in found.items() if not key.startswith(_STALE)}

    def bands(self, what: Literal["descriptions", "units"]) -> Sequence[str | None]:
        """Read the descriptions or the units of all bands."""
        try:
            texts: Sequence[str | None] = getattr(self.dataset, what)
        except UnicodeDecodeError:
            self.lost.add(what)
            return [None] * self.dataset.count
        return texts


def _read_bands(dataset: Any, texts: _Texts, indexes: Sequence[int]) -> Iterator[BandFacts]:
    """Read what is said about bands; each of rasterio's lists walks all bands anew."""
    descriptions, units = texts.bands("descriptions"), texts.bands("units")
    colours, scales, offsets = dataset.colorinterp, dataset.scales, dataset.offsets
    for index in indexes:
        at = index - 1
        yield BandFacts(
            description=descriptions[at],
            colour=colours[at].name.replace("alpha", "undefined"),
            tags=texts.tags(index),
            imagery=texts.tags(index, "IMAGERY"),
            scale=scales[at],
            offset=offsets[at],
            unit=units[at],
        )


def _marked(bands: tuple[BandFacts, ...], bbl: str) -> tuple[BandFacts, ...]:
    """Mark the bands that an ENVI header's list has a 0 for; one of another length says nothing."""
    words = [word.strip() for word in bbl.strip("{} \n").split(",")]
    if len(words) != len(bands):
        return bands
    return tuple(
        replace(band, tags={**band.tags, BAD_BAND: "yes"}) if word in ("0", "0.0") else band
        for band, word in zip(bands, words, strict=True)
    )


def _mask_kind(dataset: Any, indexes: Sequence[int]) -> Literal["none", "mask", "alpha"]:
    """Return how pixels are marked as missing; a band of transparency among `indexes` is data."""
    colours = dataset.colorinterp
    if any(colour is ColorInterp.alpha for colour in colours) and len(indexes) < dataset.count:
        return "alpha"
    flags = dataset.mask_flag_enums[0]
    # No flag at all: every band has its own mask.
    marked = not flags or MaskFlags.per_dataset in flags
    return "mask" if marked and MaskFlags.alpha not in flags else "none"


def _moved_rpcs(rpcs: RPC, top: int, left: int) -> RPC:
    """Make the pixel side of a camera model count from another first pixel."""
    values = dict(rpcs.to_dict())
    values["line_off"] -= top
    values["samp_off"] -= left
    return RPC(**values)


def _finer_rpcs(rpcs: RPC, scale: float) -> RPC:
    """Scale the pixel side of a camera model, which counts from the centre of the first pixel."""
    values = dict(rpcs.to_dict())
    for side in ("line", "samp"):
        values[f"{side}_off"] = (values[f"{side}_off"] + 0.5) * scale - 0.5
        values[f"{side}_scale"] = values[f"{side}_scale"] * scale
    return RPC(**values)
