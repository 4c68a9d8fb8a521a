"""The files beside a product: one for each layer of its pixels, and a STAC item.

They are made with it and appear just before it, so that where a product is they are too.
"""

import logging
import os
from collections.abc import Container, Iterable
from pathlib import Path

from geoloupe.storage.publish import check_target, published

_log = logging.getLogger(__name__)

SIGMA, DETAIL = "sigma", "detail"
LAYERS = (SIGMA, DETAIL)
ITEM = "stac"
BESIDE = (*LAYERS, ITEM)
_MAX_ITEM_BYTES = 10**7  # that a stranger's .json is looked through


def beside(path: Path, layer: str) -> Path:
    """Return the file of a layer: finer.tif has finer_sigma.tif; its STAC item is finer.json."""
    if layer == ITEM:
        return path.with_suffix(".json")
    return path.with_name(f"{path.stem}_{layer}.tif")


def ours(path: Path, folder: Path | None, layer: str) -> bool:
    """Return whether a layer's file came from a folder of work whose run was killed just then."""
    return folder is not None and published(path, folder, layer)


def check_targets(
    path: Path, layers: Iterable[str], *, overwrite: bool, folder: Path | None = None
) -> None:
    """Refuse a product of which any file cannot become a new one, before any work is done for it.

    `folder` is where it is made: a file that came from there may be made again.
    """
    check_target(path, overwrite=overwrite)
    for layer in layers:
        side = beside(path, layer)
        check_target(side, overwrite=overwrite or ours(side, folder, layer))


def warn_of_strangers(path: Path, layers: Container[str]) -> None:
    """Warn of files that look like layers of a product and are not made with it."""
    for name in (name for name in BESIDE if name not in layers):
        side = beside(path, name)
        if os.path.lexists(side) and (name != ITEM or _is_item(side)):
            _log.warning("%s: is not of the %s that is made now; delete it", side, path.name)


def _is_item(path: Path) -> bool:
    """Return whether a .json is the STAC item of a product of ours."""
    try:
        text = path.read_bytes() if path.stat().st_size < _MAX_ITEM_BYTES else b""
    except OSError:
        return False
    return b'"stac_version"' in text and b'"geoloupe:' in text
