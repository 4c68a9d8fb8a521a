"""Results as files: strips into a work file, a copy in the final format, read back, published."""

import shutil
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window as RasterioWindow

from geoloupe.errors import InputError, RunError
from geoloupe.files.facts import BandFacts, Facts, write_facts
from geoloupe.files.publish import check_target, publish
from geoloupe.files.raster import quiet
from geoloupe.imagery.grid import Grid
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file that a result can become."""

    driver: str
    options: dict[str, str]
    dtypes: tuple[str, ...] | None = None  # None: any
    counts: tuple[int, ...] | None = None  # of bands, without alpha
    alpha: bool = True
    exact: bool = True  # gives back the very numbers
    placed: bool = False  # carries georeference, names and tags


_COG = Format(
    driver="COG",
    options={"compress": "DEFLATE", "predictor": "YES", "bigtiff": "IF_SAFER"},
    placed=True,
)
_PNG = Format(driver="PNG", options={}, dtypes=("uint8", "uint16"), counts=(1, 3))
_JPEG = Format(
    driver="JPEG",
    options={"quality": "95"},
    dtypes=("uint8",),
    counts=(1, 3),
    alpha=False,
    exact=False,
)
FORMATS = {".tif": _COG, ".tiff": _COG, ".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a result will be, known before its first pixel."""

    grid: Grid
    radiometry: Radiometry
    facts: Facts

    @property
    def count(self) -> int:
        """The number of stored bands, alpha included."""
        return len(self.facts.bands) + (self.facts.mask == "alpha")


@dataclass(frozen=True, eq=False)
class Product:
    """A result while it is written, strip by strip from the top."""

    path: Path
    layout: Layout
    dataset: Any
    written: list[tuple[int, int, int]] = field(default_factory=list)  # top, height, checksum

    def write(self, image: Image, *, top: int) -> None:
        """Write an image of full width whose first row is row `top` of the result."""
        values = _stored(image, self.layout)
        height, width = values.shape[1:]
        place = RasterioWindow(0, top, width, height)
        with _failing(self.path):
            self.dataset.write(values, window=place)
            if self.layout.facts.mask == "mask":
                self.dataset.write_mask(image.valid, window=place)
        self.written.append((top, height, _checksum(values, image.valid, self.layout)))


def check_output(path: Path, layout: Layout, *, overwrite: bool = False) -> Format:
    """Refuse a target that cannot hold the result, before any work is done for it."""
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        raise InputError(f"{path}: results are written as {', '.join(FORMATS)}")
    dtype, bands = layout.radiometry.dtype, len(layout.facts.bands)
    for fits, what in (
        (known.dtypes is None or dtype in known.dtypes, f"{dtype} values"),
        (known.counts is None or bands in known.counts, f"{bands} bands"),
        (known.alpha or layout.facts.mask != "alpha", "transparency"),
    ):
        if not fits:
            raise InputError(f"{path}: {known.driver} cannot hold {what}; write a .tif instead")
    check_target(path, overwrite=overwrite)
    size = layout.count * layout.grid.height * layout.grid.width * np.dtype(dtype).itemsize
    free = shutil.disk_usage(path.parent).free
    if size > free:
        raise RunError(
            f"{path}: takes {size / 1e9:.1f} GB to write, but the disk has {free / 1e9:.1f} GB left"
        )
    return known


@contextmanager
def create(path: Path, layout: Layout, *, overwrite: bool = False) -> Iterator[Product]:
    """Make a result: whole, read back and equal to what was written, or not there at all."""
    kind = check_output(path, layout, overwrite=overwrite)
    with publish(path, overwrite=overwrite) as part:
        work = part.with_suffix(".work.tif")
        try:
            with _failing(path):
                dataset = rasterio.open(work, "w", **_work_profile(layout))
            product = Product(path, layout, dataset)
            with closing(dataset):
                with _failing(path):
                    write_facts(dataset, layout.facts)
                yield product
                with _failing(path):
                    dataset.close()
            with _failing(path):
                _copy(work, part, kind, layout)
            _check(part, product, kind)
        finally:
            work.unlink(missing_ok=True)


def write_image(
    path: Path, image: Image, *, facts: Facts | None = None, overwrite: bool = False
) -> None:
    """Write a whole image at once."""
    facts = facts or Facts(bands=tuple(BandFacts(description=b.name or None) for b in image.bands))
    layout = Layout(grid=image.grid, radiometry=image.radiometry, facts=facts)
    with create(path, layout, overwrite=overwrite) as product:
        product.write(image, top=0)


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        with quiet():
            yield
    except (RasterioError, OSError) as error:
        cause = str(error.__cause__ or error).strip().rstrip(".")
        raise RunError(f"{path}: could not be written; is the disk full? ({cause})") from None


def _work_profile(layout: Layout) -> dict[str, Any]:
    """Describe the work file: not compressed, so that a strip costs no time and can be rewritten.

    Sparse: what is nodata or zero takes no space.
    """
    grid, nodata = layout.grid, layout.radiometry.nodata
    profile = {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "count": layout.count,
        "dtype": layout.radiometry.dtype,
        "nodata": nodata,
        "photometric": "MINISBLACK",
        "interleave": "band",
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "bigtiff": "IF_SAFER",
        "sparse_ok": True,
    }
    colours = [band.colour for band in layout.facts.bands[:3]]
    if colours == ["red", "green", "blue"]:
        profile["photometric"] = "RGB"
    if grid.georeferenced:
        profile["crs"] = CRS.from_wkt(grid.crs) if grid.crs else None
        profile["transform"] = Affine(*grid.transform)
    return profile


def _copy(work: Path, part: Path, kind: Format, layout: Layout) -> None:
    options = dict(kind.options)
    if kind.placed:
        # A block of hundreds of bands would be too big a bite for whoever reads one.
        pixel = layout.count * np.dtype(layout.radiometry.dtype).itemsize
        options["blocksize"] = next(
            (str(side) for side in (512, 256) if side * side * pixel <= 2**24), "128"
        )
    # Pictures get no .aux.xml beside them: it would be a second file, and not whole or absent.
    with rasterio.Env(GDAL_PAM_ENABLED=kind.placed, GDAL_TIFF_INTERNAL_MASK=True):
        rasterio.shutil.copy(work, part, driver=kind.driver, **options)


def _stored(image: Image, layout: Layout) -> Any:
    """Give the bands (count,H,W) as stored, with alpha last where there is one."""
    if layout.facts.mask != "alpha":
        return image.values
    dtype = image.values.dtype
    opaque = np.iinfo(dtype).max if dtype.kind in "iu" else 1
    alpha = (image.valid * dtype.type(opaque)).astype(dtype)
    return np.concatenate([image.values, alpha[None]])


def _checksum(values: Any, valid: Any, layout: Layout) -> int:
    checksum = zlib.crc32(values.tobytes())
    if layout.facts.mask == "mask":
        checksum = zlib.crc32(np.packbits(valid).tobytes(), checksum)
    return checksum


def _check(part: Path, product: Product, kind: Format) -> None:
    """Open the file as a stranger would and compare it with what was meant and written."""
    path, layout = product.path, product.layout
    with _failing(path), rasterio.open(part) as dataset:
        found = (dataset.count, dataset.height, dataset.width, dataset.dtypes[0])
        meant = (layout.count, layout.grid.height, layout.grid.width, layout.radiometry.dtype)
        same = found == meant
        if kind.placed:
            same &= _placed_alike(dataset, layout)
        if kind.exact and same:
            same = all(
                _checksum_at(dataset, layout, top, height) == checksum
                for top, height, checksum in product.written
            )
    rows = sum(height for _, height, _ in product.written)
    if not same or rows != layout.grid.height:
        raise RunError(f"{path}: the written file differs from the result; is the disk sound?")


def _checksum_at(dataset: Any, layout: Layout, top: int, height: int) -> int:
    place = RasterioWindow(0, top, layout.grid.width, height)
    mask = layout.facts.mask == "mask"
    valid = dataset.read_masks(1, window=place) > 0 if mask else None
    return _checksum(dataset.read(window=place), valid, layout)


def _placed_alike(dataset: Any, layout: Layout) -> bool:
    grid, nodata = layout.grid, layout.radiometry.nodata
    crs = CRS.from_wkt(grid.crs) if grid.crs else None
    return bool(
        (not grid.georeferenced or np.allclose(tuple(dataset.transform)[:6], grid.transform))
        and (dataset.crs or None) == crs
        and (nodata is None) == (dataset.nodata is None)
        and (nodata is None or np.isclose(dataset.nodata, nodata, rtol=1e-6, equal_nan=True))
        and list(dataset.descriptions[: len(layout.facts.bands)])
        == [band.description for band in layout.facts.bands]
    )
