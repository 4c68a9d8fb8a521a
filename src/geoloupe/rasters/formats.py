"""The kinds of files that a result can become, and what each of them can hold."""

from dataclasses import dataclass, replace
from pathlib import Path

from geoloupe.errors import InputError
from geoloupe.rasters.planes import Layout
from geoloupe.rasters.storing import Compression, FileFormat


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file that a result can become."""

    driver: str
    suffixes: tuple[str, ...]
    options: dict[str, str]
    compressions: tuple[Compression, ...] = ()  # that can be chosen; the first unless another is
    dtypes: tuple[str, ...] | None = None  # None: any
    counts: tuple[int, ...] | None = None  # of bands, without alpha
    alpha: bool = True
    masks: bool = True  # marks missing pixels apart from their values
    marks: bool = True  # marks missing pixels at all
    exact: bool = True  # returns exactly the same numbers
    placed: bool = False  # carries georeference, names and tags
    overviews: bool = False


_TIFF = (".tif", ".tiff")
_GEOTIFF: tuple[Compression, ...] = ("deflate", "zstd", "lzw", "none")
COG = Format(
    driver="COG",
    suffixes=_TIFF,
    options={
        "predictor": "YES",
        "bigtiff": "IF_SAFER",
        "overviews": "FORCE_USE_EXISTING",
    },
    compressions=_GEOTIFF,
    placed=True,
    overviews=True,
)
# For programs that want no overviews, and for files that are changed in place later.
GTIFF = Format(
    driver="GTiff",
    suffixes=_TIFF,
    options={"tiled": "YES", "predictor": "2", "bigtiff": "IF_SAFER"},
    compressions=_GEOTIFF,
    placed=True,
)
ZARR = Format(
    driver="Zarr",
    suffixes=(".zarr",),
    options={},
    compressions=("zstd", "deflate", "none"),
    alpha=False,
    masks=False,
    placed=True,
)
_PNG = Format(
    driver="PNG", suffixes=(".png",), options={}, dtypes=("uint8", "uint16"), counts=(1, 3)
)
_JPEG = Format(
    driver="JPEG",
    suffixes=(".jpg", ".jpeg"),
    options={"quality": "95"},
    dtypes=("uint8",),
    counts=(1, 3),
    alpha=False,
    marks=False,
    exact=False,
)
FORMATS = {suffix: each for each in (COG, ZARR, _PNG, _JPEG) for suffix in each.suffixes}
"""What a file's suffix means by itself."""

_NAMED: dict[FileFormat, Format] = {"cog": COG, "gtiff": GTIFF, "zarr": ZARR}


def suffix_of(name: FileFormat | None) -> str:
    """Return how the file of a format ends where its name is ours to choose."""
    return (COG if name is None else _NAMED[name]).suffixes[0]


def format_of(path: Path, name: FileFormat | None) -> Format:
    """Return the format of a result: the one its suffix means, unless another is named."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: results are written as {', '.join(FORMATS)}")
    chosen = FORMATS[suffix] if name is None else _NAMED[name]
    if suffix not in chosen.suffixes:
        raise InputError(
            f"{path}: format={name} goes into a {chosen.suffixes[0]}, not into a {suffix}"
        )
    return chosen


def compression_of(kind: Format, layout: Layout) -> Compression:
    """Return how a format compresses what a layout describes."""
    return layout.packing.compress or kind.compressions[0]


def fitting(layout: Layout, path: Path) -> Layout:
    """Give a layout the one way a format can mark missing pixels."""
    suffix, facts = path.suffix.lower(), layout.facts
    if suffix == ".png" and len(facts.bands) in (1, 3):
        if layout.radiometry.nodata is not None or facts.mask == "mask":
            return replace(layout, facts=replace(facts, mask="alpha"))
    elif suffix == ".zarr" and facts.mask != "none" and layout.radiometry.dtype.startswith("float"):
        # Floats are NaN where pixels are missing, so nothing is lost with the mask.
        nodata = layout.radiometry.nodata
        radiometry = replace(layout.radiometry, nodata=float("nan") if nodata is None else nodata)
        return replace(layout, radiometry=radiometry, facts=replace(facts, mask="none"))
    return layout


def refuse_unfit(path: Path, kind: Format, layout: Layout) -> None:
    """Refuse a layout that a format cannot hold."""
    dtype, bands, mask = layout.radiometry.dtype, len(layout.facts.bands), layout.facts.mask
    marked = mask != "none" or layout.radiometry.nodata is not None
    for fits, what in (
        (kind.dtypes is None or dtype in kind.dtypes, f"{dtype} values"),
        (kind.counts is None or bands in kind.counts, f"{bands} bands"),
        (kind.alpha or mask != "alpha", "transparency"),
        (kind.masks or mask == "none", "a mask"),
        (kind.marks or not marked, "a mark for missing pixels"),
    ):
        if not fits:
            other = ", or choose dtype=float32, which marks missing pixels by NaN"
            raise InputError(
                f"{path}: {kind.driver} cannot hold {what}; write a .tif instead"
                f"{other if kind is ZARR else ''}"
            )
    _refuse_packing(path, kind, layout)


def _refuse_packing(path: Path, kind: Format, layout: Layout) -> None:
    packing = layout.packing
    if not kind.compressions and (packing.compress or packing.blocksize):
        name = "compress" if packing.compress else "blocksize"
        raise InputError(f"{path}: {kind.driver} has no {name}; leave it out, or write a .tif")
    if packing.compress and packing.compress not in kind.compressions:
        raise InputError(
            f"{path}: {kind.driver} has no compress={packing.compress}; choose one of "
            f"{', '.join(kind.compressions)}"
        )
