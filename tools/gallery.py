"""Draw the pictures of docs/gallery.md from the drawn scene that comes with the package.

python -m tools.gallery
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import numpy as np
import rasterio
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rasterio.windows import from_bounds

import geoloupe

Pixels = NDArray[np.float64]

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "src" / "geoloupe" / "sample"
PICTURES = ROOT / "docs" / "pictures"
FACTORS = (2, 3, 4, 8)
_MTF = 0.3
_SIDE = 132  # of what is shown, in the truth's pixels
_PLACES = ((20, 30), (140, 330), (270, 470))  # its top and left, in the truth's pixels
_INCHES = 2.4


def main() -> None:
    """Make the products and draw them."""
    mpl.use("Agg")
    with TemporaryDirectory() as name:
        folder = Path(name)
        _by_method(folder)
        _by_factor(folder)
        _certainty(folder)


def _by_method(folder: Path) -> None:
    """Draw the scene's pixels, interpolation, our model and the truth at three places."""
    scene = SAMPLE / "scene.tif"
    geoloupe.upscale(scene, folder / "bicubic.tif", model="bicubic", scale=4)
    geoloupe.upscale(scene, folder / "loupe-x4.tif", mtf=_MTF)
    shown = {
        "the scene": scene,
        "bicubic": folder / "bicubic.tif",
        "loupe-x4": folder / "loupe-x4.tif",
        "the truth": SAMPLE / "truth.tif",
    }
    rows = [[_cut(_seen(path), *place) for path in shown.values()] for place in _PLACES]
    _draw(PICTURES / "gallery-x4.jpg", list(shown), rows)


def _by_factor(folder: Path) -> None:
    """Draw the truth made coarser, and finer again by the model of the factor."""
    coarse, fine = [], []
    for factor in FACTORS:
        lr, sr = (folder / f"{kind}{factor}.tif" for kind in ("lr", "sr"))
        geoloupe.degrade(SAMPLE / "truth.tif", lr, degradation="mtf", scale=factor)
        geoloupe.upscale(lr, sr, scale=factor, mtf=_MTF)
        coarse.append(_cut(_seen(lr), *_PLACES[1]))
        fine.append(_cut(_seen(sr), *_PLACES[1]))
    truth = _cut(_seen(SAMPLE / "truth.tif"), *_PLACES[1])
    names = [f"{factor} times coarser" for factor in FACTORS]
    _draw(
        PICTURES / "gallery-factors.jpg", [*names, "the truth"], [[*coarse, truth], [*fine, truth]]
    )


def _certainty(folder: Path) -> None:
    """Draw a result and its sigma."""
    geoloupe.upscale(SAMPLE / "scene.tif", folder / "sure.tif", mtf=_MTF, uncertainty=True)
    result = _seen(folder / "sure.tif")
    sigma = _seen(folder / "sure_sigma.tif").mean(axis=0)
    limit = np.percentile(sigma, 99)
    grey = np.repeat(sigma[None] / limit, 3, axis=0)
    place = (140, 330)
    cuts = [_cut(result, *place), _cut(grey, *place)]
    _draw(PICTURES / "gallery-sigma.jpg", ["loupe-x4", "sigma"], [cuts], inches=3.6)


def _seen(path: Path) -> Pixels:
    """Read the truth's place at the truth's pixels: red, green, blue (3,H,W), stretched alike."""
    with rasterio.open(SAMPLE / "truth.tif") as image:
        bounds, shape, truth = image.bounds, image.shape, image.read((1, 2, 3))
    with rasterio.open(path) as image:
        window = from_bounds(*bounds, image.transform)
        values = image.read((1, 2, 3), window=window, out_shape=(3, *shape)).astype(float)
    if path.stem.endswith("_sigma"):
        return values
    low, high = np.percentile(truth, (0.5, 99.5))
    return np.asarray((values - low) / (high - low))


def _cut(values: Pixels, top: int, left: int) -> Pixels:
    return values[:, top : top + _SIDE, left : left + _SIDE]


def _draw(
    path: Path, names: Sequence[str], rows: Sequence[Sequence[Pixels]], inches: float = _INCHES
) -> None:
    """Draw rows of pictures under their names."""
    figure = Figure(figsize=(inches * len(names), inches * len(rows) + 0.3), layout="constrained")
    axes = figure.subplots(len(rows), len(names), squeeze=False)
    for row, pictures in zip(axes, rows, strict=True):
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(np.moveaxis(picture, 0, 2).clip(0, 1), interpolation="nearest")
            axis.set_axis_off()
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(name, fontsize=11)
    figure.savefig(path, dpi=110, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main()
