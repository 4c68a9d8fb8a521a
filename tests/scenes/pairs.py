"""Drawn ground as two sensors see it: a fine guide, and bands on coarser pixels of any grid."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from rasterio.transform import Affine
from tools.drawing.scene import sample_pair

from geoloupe.imagery.alignment import Axis
from geoloupe.networks.observation import Observation
from geoloupe.rasters.raster import quiet

MTF = 0.3
PLACE = Affine(15.0, 0.0, 452_467.5, 0.0, -15.0, 3_408_652.5)
CRS = "EPSG:32616"
WEIGHTS = (0.4, 0.3, 0.2, 0.1)  # of red, green, blue and near infrared in the panchromatic band


@cache
def ground(side: int = 192) -> Any:
    """Draw ground (4,side,side) of stored reflectance, float64, without holes."""
    truth = sample_pair(128)[1].values.astype(np.float64)
    return np.ascontiguousarray(truth[:, 100 : 100 + side, 100 : 100 + side])


def pan(truth: Any) -> Any:
    """Mix the bands (4,H,W) into a panchromatic one (1,H,W), of its own gain and offset."""
    return 300 + 1.7 * np.tensordot(WEIGHTS, truth, axes=1)[None]


def observed(truth: Any, count: tuple[int, int], *axes: Axis) -> Any:
    """Return what a sensor sees of (B,H,W) on `count` pixels that lie as the axes say."""
    sensor = Observation(mtf=(MTF,), down=axes[0], across=axes[-1])
    return sensor.observe(torch.from_numpy(truth)[None], count)[0].numpy()


def coarse_place(ratio: float, offset: tuple[float, float] = (0.0, 0.0)) -> Affine:
    """Place coarse pixels that begin `offset` (rows, columns) fine pixels after the guide does."""
    return PLACE @ Affine.translation(offset[1], offset[0]) @ Affine.scale(ratio)


def write(path: Path, values: Any, transform: Affine | None = None, **more: Any) -> Path:
    """Write (B,H,W) values as 16 bits, or as they are if they are no floats of a GeoTIFF."""
    if values.dtype == np.float64:
        values = np.clip(np.rint(values), 1, 65535).astype(np.uint16)
    count, height, width = values.shape
    profile = {"count": count, "height": height, "width": width, "dtype": values.dtype} | more
    if transform is not None:
        profile |= {"transform": transform, "crs": profile.get("crs", CRS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with quiet(), rasterio.open(path, "w", driver="GTiff", **profile) as out:
        out.write(values)
    return path


def pair(
    folder: Path,
    *,
    ratio: float = 2,
    offset: tuple[float, float] = (0.0, 0.0),
    side: int = 192,
    **more: Any,
) -> tuple[Path, Path, Any]:
    """Write bands and their guide; return both and the truth (4,H,W)."""
    truth = ground(side)
    count = tuple(int((side - shift) / ratio) for shift in offset)
    axes = [Axis(ratio=ratio, offset=shift) for shift in offset]
    ms = observed(truth, (count[0], count[1]), *axes)
    place = coarse_place(ratio, offset)
    return (
        write(folder / "ms.tif", ms, place, **more),
        write(folder / "pan.tif", pan(truth), PLACE),
        truth,
    )


def read(path: Path) -> Any:
    """Read all bands as floats."""
    with quiet(), rasterio.open(path) as source:
        return source.read().astype(np.float64)


def rmse(one: Any, other: Any, border: int = 8) -> float:
    """Return the root of the mean square of a difference, without the border."""
    inner = np.s_[..., border:-border, border:-border]
    return float(np.sqrt(np.mean((one - other)[inner] ** 2)))
