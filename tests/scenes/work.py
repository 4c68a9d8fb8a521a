"""Unfinished work on small scenes, for tests that damage it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import geoloupe
from geoloupe.scenes import assemble
from geoloupe.scenes.work_folder import work_folder
from tests.datasets.small import PLACE

OPTIONS: dict[str, Any] = {"model": "bicubic", "scale": 2, "tile": 32}
BLOCK = 2**10  # with which a scene makes three blocks


def two_scenes(folder: Path) -> tuple[Path, Path]:
    """Write two scenes of one size, each with a hole in its mask; the second is a negative."""
    values = np.random.default_rng(0).integers(1, 4000, (1, 20, 64)).astype(np.uint16)
    mask = np.full((20, 64), 255, np.uint8)
    mask[3:9, 30:40] = 0
    paths = folder / "a.tif", folder / "b.tif"
    profile = {"count": 1, "height": 20, "width": 64, "dtype": "uint16", "driver": "GTiff"}
    for path, content in zip(paths, (values, 4000 - values), strict=True):
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", crs="EPSG:32631", transform=PLACE, **profile) as out,
        ):
            out.write(content)
            out.write_mask(mask)
    return paths


def made(scene: Path, target: Path, **more: Any) -> bytes:
    """Return the bytes of an undisturbed result."""
    return geoloupe.upscale(scene, target, **OPTIONS, **more).path.read_bytes()


def stopped(scene: Path, target: Path, **more: Any) -> Path:
    """Stop a run when all blocks are done, before its result is written; return its folder."""

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "publish_planes", stop)
        with pytest.raises(KeyboardInterrupt):
            geoloupe.upscale(scene, target, **OPTIONS, **more)
    return work_folder(target)


def sharded(scene: Path, target: Path) -> Path:
    """Compute all blocks as shards; return the folder."""
    for part in ("1/2", "2/2"):
        geoloupe.upscale(scene, target, shard=part, **OPTIONS)
    return work_folder(target)


def blocks(folder: Path) -> list[Path]:
    """List the files of finished blocks."""
    return sorted((folder / "blocks").glob("*.safetensors"))
