"""Measure how well methods sharpen real pairs, by Wald's protocol: both made coarser, and back.

    python -m benchmarks.sharpening --data DATA --models guided,glp,gsa,brovey,bdsd

The guide is seen by its own sensor on the bands' pixels, the bands by theirs on pixels as much
coarser again; what comes back is compared with the bands. Shown is each method's RMSE as a share of
interpolation's, over all bands. `guided` are the trained weights for the guide;
`guided+learn` learns more from each scene first. The shift between the images is measured first,
and undone. What training never saw: --scenes dsen2,20180421T114349_47_56,20180502T093039_43_14,
11_ms,l8_cloudy,gf2 and 12_ms of Landsat-7.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
import scipy.io
import torch
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.imagery.grid import Window
from geoloupe.models.sharpeners import weights_for
from geoloupe.networks.observation import Observation
from geoloupe.rasters.raster import quiet
from geoloupe.scenes.sharpen_order import set_up
from geoloupe.scenes.sharpen_settings import SharpenSettings

PLACE = Affine(30, 0, 5e5, 0, -30, 4e6)
FINE_MTF, PAN_MTF = 0.25, 0.15  # of guides of several bands and of one
SENSORS = {"Landsat-8": "landsat-8", "Landsat-7": "landsat-7"}  # that files do not tell
EDGE = 4  # coarse pixels along the border that do not count


@dataclass(frozen=True, kw_only=True)
class Reduced:
    """A pair on its own coarse pixels: the truth, what is seen of it, and the guide."""

    truth: Any  # (C,h,w)
    lr: Any  # (C,h/r,w/r)
    guide: Any  # (G,h,w)
    mtf: tuple[float, ...]
    ratio: int
    bands: tuple[str, ...]


def pairs(root: Path) -> Iterator[tuple[str, Path, Path]]:
    """List the real pairs of a folder of shared data by kind."""
    for path in sorted((root / "more" / "s2").glob("*_20m.tif")):
        yield "Sentinel-2", path, path.with_name(path.name.replace("_20m", "_10m"))
    for path in sorted((root / "more" / "pan").glob("*_ms.tif")):
        kind = "Landsat-8" if path.name.startswith("l8") else "GaoFen-2"
        yield kind, path, path.with_name(path.name.replace("_ms", "_pan"))
    for number in range(1, 13):
        path = root / "landsat7" / f"{number}_ms.mat"
        if path.exists():
            yield "Landsat-7", path, path.with_name(f"{number}_pan.mat")


def opened(path: Path, folder: Path) -> Path:
    """Turn the arrays of a .mat file into a raster; other files are read as they are."""
    if path.suffix != ".mat":
        return path
    arrays = scipy.io.loadmat(path)
    values = arrays["cropped_im" if "cropped_im" in arrays else "cropped_gray"]
    return written(folder / f"{path.stem}.tif", np.atleast_3d(values).transpose(2, 0, 1))


def written(path: Path, values: Any, **more: Any) -> Path:
    """Write (B,H,W) values."""
    count, height, width = values.shape
    profile = {"count": count, "height": height, "width": width, "dtype": values.dtype} | more
    with quiet(), rasterio.open(path, "w", driver="GTiff", **profile) as out:
        out.write(values)
    return path


def reduced(coarse: Path, guide: Path, folder: Path, sensor: str | None) -> Reduced:
    """Make a pair coarser by its own factor."""
    chosen = SharpenSettings(guide=guide, sensor=sensor, anyway=True)
    with ExitStack() as stack:
        made = set_up(stack, coarse, folder / "no.tif", "bicubic", chosen, overwrite=True)
        scene, (found,) = made.scene, made.registrations
        (group,) = scene.groups
        meeting = (
            group.meeting if found.corrected else group.meeting.moved(found.rows, found.columns)
        )
        window = Window(top=0, left=0, height=scene.plan.height, width=scene.plan.width)
        fine = scene.reading.guide_at(window)
        place, part = meeting.part(window)
        bands = group.source.read(place).in_unit().values
        looked = fine.values[list(scene.reading.looked)]
        gain = PAN_MTF if len(looked) == 1 else FINE_MTF
        seen = _seen(looked, gain, part, bands.shape[1:])
    ratio = round(meeting.ratio)
    height, width = (side // ratio * ratio for side in bands.shape[1:])
    truth = np.nan_to_num(bands[:, :height, :width]).astype(np.float64)
    sees = Observation.aligned(*group.optics.mtf, scale=ratio)
    lr = sees.observe(torch.from_numpy(truth)[None], (height // ratio, width // ratio))[0].numpy()
    return Reduced(
        truth=truth,
        lr=lr,
        guide=seen[:, :height, :width],
        mtf=group.optics.mtf,
        ratio=ratio,
        bands=tuple(band.name or str(n) for n, band in enumerate(group.source.bands, 1)),
    )


def _seen(values: Any, gain: float, part: Any, size: tuple[int, int]) -> Any:
    sensor = Observation(mtf=(gain,), down=part.down.axis, across=part.across.axis)
    return sensor.observe(torch.from_numpy(np.nan_to_num(values)).double()[None], size)[0].numpy()


def share(pair: Reduced, model: str, plain: float, folder: Path) -> float:
    """Return its RMSE as a share of interpolation's; NaN for one that takes no such guide."""
    try:
        return over_all(errors(pair, model, folder)) / plain
    except InputError:
        return float("nan")


def over_all(each: Any) -> float:
    """Return the RMSE of all bands of those of each."""
    return float(np.sqrt(np.mean(each**2)))


def errors(pair: Reduced, model: str, folder: Path) -> Any:
    """Sharpen a reduced pair; return the RMSE of each band (C,) in unit values."""
    lr = written(
        folder / "lr.tif",
        pair.lr.astype(np.float32),
        crs="EPSG:32631",
        transform=PLACE @ Affine.scale(pair.ratio),
    )
    guide = written(
        folder / "guide.tif", pair.guide.astype(np.float32), crs="EPSG:32631", transform=PLACE
    )
    name, _, learns = model.partition("+")
    made = geoloupe.sharpen(
        lr,
        folder / "made.tif",
        guide=guide,
        model=weights_for(len(pair.guide)) if name == "guided" else name,
        learn=bool(learns),
        mtf=pair.mtf,
        shift=(0, 0),
        overwrite=True,
    )
    with rasterio.open(made.path) as out:
        values = out.read().astype(np.float64)
    edge = EDGE * pair.ratio
    inner = np.s_[:, edge:-edge, edge:-edge]
    found: Any = np.sqrt(np.mean((values - pair.truth)[inner] ** 2, axis=(1, 2)))
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", default="guided,glp,gsa,brovey,bdsd")
    parser.add_argument("--kinds", default="Sentinel-2,Landsat-8,GaoFen-2,Landsat-7")
    parser.add_argument("--scenes", default="", help="Only those whose name holds one of these.")
    words = parser.parse_args()
    models = words.models.split(",")
    print("kind,scene,interpolation," + ",".join(models))
    shares: dict[tuple[str, str], list[float]] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        for kind, coarse, guide in pairs(words.data):
            named = any(part in coarse.stem for part in words.scenes.split(","))
            if kind not in words.kinds.split(",") or not named:
                continue
            ours = opened(coarse, folder), opened(guide, folder)
            pair = reduced(*ours, folder, SENSORS.get(kind))
            plain = over_all(errors(pair, "bicubic", folder))
            cells = [share(pair, model, plain, folder) for model in models]
            for model, cell in zip(models, cells, strict=True):
                shares.setdefault((kind, model), []).append(cell)
            row = ",".join(f"{cell:.3f}" for cell in cells)
            print(f"{kind},{coarse.stem},{plain:.5f},{row}", flush=True)
    for (kind, model), found in shares.items():
        gain = -20 * np.mean(np.log10(found))
        print(f"{kind}: {model} {np.mean(found):.3f} of interpolation's RMSE, {gain:+.2f} dB")


if __name__ == "__main__":
    main()
