"""Make the data sets that Loupe learns from of collected real scenes, the same on every machine.

    python -m tools.training_data --from COLLECTED -o data

`ucmerced` is taken as it is. The others are written as folders of TIFFs of 8 bits first: `rgb`,
aerial images of 16 to 40 cm; `pan`, panchromatic bands of Landsat 7 and 8; `octave`, satellite and
aerial scenes by 2 x 2 pixels, so that what the sensor blurred is sharp again. What measures is
whole scenes: no picture of a scene that is tested was learned from.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from scipy.io import loadmat

from geoloupe.datasets.preparation.prepare import prepare

SETS = ("ucmerced", "rgb", "pan", "octave")
_STRETCH = (0.1, 99.9)  # percentiles of a band that become 0 and 255
_BLOCK = 8  # pixels; a rectangle is sought among blocks, since pixels are many
_LANDSAT7_TRAIN = 8  # of the twelve pairs, the first

Values = NDArray[Any]


@dataclass(frozen=True)
class Held:
    """Which scenes of a folder are tested with, by the beginnings of their names."""

    starts: tuple[str, ...]

    def split(self, name: str) -> str:
        """Return "test" for what is held out, else "train"."""
        return "test" if name.startswith(self.starts) else "train"


# Both crops of an orthophoto stay together; so do sheets of the map.
RGB = {
    "estonia20": Held(("image_13_", "image_1_")),
    "estonia40": Held(("image_13_", "image_1_")),
    "hrvqa16": Held(("45386", "49129", "53143")),
}
OCTAVE = {
    "scenes/landsat7_rgb_3857": "train",
    "more/s2/majortom_T48QUE_10m": "train",
    "more/cross/ngi_rgb_5m_1": "train",
    "more/cross/ngi_rgb_5m_2": "train",
    "more/cross/ngi_rgb_5m_3": "test",
    "more/s2/dsen2_S2A_MSIL1C_20170527_T33UUB_10m": "test",
    "scenes/landsat7_olinda_6band": "test",
    "scenes/naip_4band_5m": "test",
    "scenes/sentinel2_12band_4326": "test",
}


def rgb(collected: Path) -> Iterator[tuple[str, Values]]:
    """List aerial images (3,H,W), with the names they get."""
    for folder, held in RGB.items():
        for path in sorted((collected / "more/rgb" / folder).glob("*.webp")):
            yield f"{held.split(path.stem)}/{folder}-{path.stem}", _read(path)[0]


def pan(collected: Path) -> Iterator[tuple[str, Values]]:
    """List panchromatic bands (1,H,W)."""
    for number in range(1, 13):
        values = loadmat(collected / f"landsat7/{number}_pan.mat")["cropped_gray"]
        split = "train" if number <= _LANDSAT7_TRAIN else "test"
        yield f"{split}/landsat7-{number:02}", values[None]
    for name in ("l8_5", "l8_12", "l8_017051"):
        yield f"train/{name}", _read(collected / f"more/pan/{name}_pan.tif")[0]


def octave(collected: Path) -> Iterator[tuple[str, Values]]:
    """List scenes (B,H,W), means of 2 x 2 pixels."""
    for name, split in OCTAVE.items():
        values, valid = _read(collected / f"{name}.tif")
        inner = values[(slice(None), *_without_holes(valid))]
        height, width = (side // 2 for side in inner.shape[1:])
        blocks = inner[:, : 2 * height, : 2 * width].reshape(-1, height, 2, width, 2)
        yield f"{split}/{Path(name).name}", blocks.mean((2, 4))


def _read(path: Path) -> tuple[Values, Values]:
    """Return values (B,H,W) and where all bands have some."""
    with rasterio.open(path) as source:
        return source.read(), source.dataset_mask() > 0


def _without_holes(valid: Values) -> tuple[slice, slice]:
    """Return the rows and columns of the largest valid rectangle of whole blocks."""
    height, width = (side // _BLOCK for side in valid.shape)
    blocks = valid[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, width, _BLOCK)
    rows, columns = _largest(np.all(blocks, axis=(1, 3)))
    return _times_block(rows), _times_block(columns)


def _times_block(part: slice) -> slice:
    return slice(part.start * _BLOCK, part.stop * _BLOCK)


def _largest(valid: Values) -> tuple[slice, slice]:
    """Return the rows and columns of the largest rectangle without a hole."""
    best, found = 0, (slice(0), slice(0))
    depth = np.zeros(valid.shape[1], int)
    for row, line in enumerate(valid, 1):
        depth = np.where(line, depth + 1, 0)
        for column, deep in enumerate(depth):
            reach = deep * _run(depth >= deep, column)[1] if deep else 0
            if reach > best:
                left, width = _run(depth >= deep, column)
                best, found = reach, (slice(row - deep, row), slice(left, left + width))
    return found


def _run(holds: Values, place: int) -> tuple[int, int]:
    """Return where the run of truths around a place begins, and its length."""
    before, after = np.flatnonzero(~holds[:place]), np.flatnonzero(~holds[place:])
    left = before[-1] + 1 if len(before) else 0
    right = place + after[0] if len(after) else len(holds)
    return left, right - left


def _bytes(values: Values) -> Values:
    """Stretch each band to 8 bits; those of 8 bits stay as they are."""
    if values.dtype == np.uint8:
        return values
    low, high = np.percentile(values, _STRETCH, axis=(1, 2), keepdims=True)
    return ((values - low) / (high - low) * 255).round().clip(0, 255).astype(np.uint8)


def write(scenes: Iterator[tuple[str, Values]], folder: Path) -> None:
    """Write scenes as TIFFs."""
    for name, given in scenes:
        path, values = folder / f"{name}.tif", _bytes(given)
        path.parent.mkdir(parents=True, exist_ok=True)
        count, height, width = values.shape
        size = {"count": count, "height": height, "width": width}
        with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **size) as target:
            target.write(values)


def main() -> None:
    """Make all sets below a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--from", dest="collected", type=Path, required=True)
    parser.add_argument("-o", dest="home", type=Path, required=True)
    words = parser.parse_args()
    prepare("ucmerced", words.collected / "ucmerced", words.home / "ucmerced")
    for name, scenes in {"rgb": rgb, "pan": pan, "octave": octave}.items():
        folder = words.home / "sources" / name
        write(scenes(words.collected), folder)
        made = prepare("folder", folder, words.home / name).prepared
        print(f"{made.folder}: {made.counts}")


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    main()
