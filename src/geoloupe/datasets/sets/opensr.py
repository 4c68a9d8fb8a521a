"""The sets of opensr-test: Sentinel-2 beside finer images that were brought to its reflectance."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.rasters import coarser_part, raster_part
from geoloupe.datasets.splits import Archived
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.rasters.product import write_image
from geoloupe.storage.tree import Tree

_LR, _HR = "l2a", "hr_harmonized"  # the folders of either side
_BANDS = tuple(Band(name) for name in ("red", "green", "blue", "nir"))
_LR_BANDS = 12  # of Level 2A: all but B10
_PLACES = (3, 2, 1, 7)  # of red, green, blue and near infrared among them
_REFLECTANCE = 10000.0
_UNIT_HIGH = 2.0  # floats whose range ends below are reflectances already


@dataclass(frozen=True, kw_only=True)
class OpensrTest:
    """One set: folders L2A and hr_harmonized whose rasters pair by their region, as ROI_0034."""

    card: DataCard
    folder: str
    scale: int

    def tiny(self) -> Self:
        """Change nothing: any number and size will do."""
        return self

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the pairs; a region without a partner is an InputError."""
        sides = {side: self._files(tree, side) for side in (_LR, _HR)}
        if not any(sides.values()):
            raise InputError(f"{tree.root}: holds no {self.card.name}; expected {self.card.layout}")
        for side, other in ((_LR, _HR), (_HR, _LR)):
            for region in sorted(sides[side].keys() - sides[other].keys()):
                place = tree.place(sides[side][region])
                raise InputError(f"{place}: {region} has no raster in {other}")
        return [self._scene(tree, region, sides) for region in sorted(sides[_LR])]

    def fake(self, root: Path) -> None:
        """Write five regions of noise, coarse pixels being means of fine ones."""
        rng = np.random.default_rng(0)
        reflectance = Radiometry(dtype="uint16", high=(_REFLECTANCE,))
        for number in range(5):
            fine = rng.integers(100, 9000, (4, 16 * self.scale, 18 * self.scale))
            blocks = fine.reshape(4, 16, self.scale, 18, self.scale).mean(axis=(2, 4))
            coarse = np.full((_LR_BANDS, 16, 18), 500.0)
            coarse[list(_PLACES)] = blocks
            for side, values, name in (
                ("L2A", coarse, f"ROI_{number:04}__20200101T000000_T30TXQ.tif"),
                (_HR, fine, f"HR__ROI_{number:04}__sheet.tif"),
            ):
                folder = root / self.folder / side
                folder.mkdir(parents=True, exist_ok=True)
                image = Image.of(values.astype(np.uint16), radiometry=reflectance)
                write_image(folder / name, image)

    def _files(self, tree: Tree, side: str) -> dict[str, str]:
        """Map the regions of one side to their files."""
        found: dict[str, str] = {}
        for name in tree.names:
            path = PurePosixPath(name)
            *above, last = ("", *(part.lower() for part in path.parts[:-1]))
            region = re.search(r"ROI_\d+", path.stem)
            if path.suffix.lower() != ".tif" or last != side or region is None:
                continue
            if above[-1] not in ("", self.folder):
                continue
            if region[0] in found:
                raise InputError(f"{tree.place(name)}: {region[0]} is there twice; remove one")
            found[region[0]] = name
        return found

    def _scene(self, tree: Tree, region: str, sides: dict[str, dict[str, str]]) -> Scene:
        lr, hr = sides[_LR][region], sides[_HR][region]
        fine = _reflectance(raster_part(tree, hr, band_count=len(_BANDS)))
        coarse = _reflectance(raster_part(tree, lr, band_count=_LR_BANDS), _PLACES)
        return Scene(
            id=region,
            split="test",
            file=tree.place(hr),
            parts={"hr": fine, "lr": coarser_part(coarse, fine, tree.place(lr))},
        )


def _reflectance(
    open_raster: Callable[[], SceneArray], places: tuple[int, ...] = (0, 1, 2, 3)
) -> Callable[[], SceneArray]:
    """Promise red, green, blue and near infrared of a raster, unit 1 being reflectance 1."""

    def open_part() -> SceneArray:
        part = open_raster()
        told = part.radiometry
        unit = np.dtype(told.dtype).kind == "f" and max(told.high) <= _UNIT_HIGH

        def blocks() -> Iterator[NDArray[Any]]:
            return (block[list(places)] for block in part.blocks())

        high = (1.0 if unit else _REFLECTANCE,)
        radiometry = Radiometry(dtype=told.dtype, high=high, nodata=told.nodata)
        return replace(part, bands=_BANDS, radiometry=radiometry, blocks=blocks)

    return open_part


def _set(folder: str, scale: int, about: str) -> OpensrTest:
    return OpensrTest(
        card=DataCard(
            name=f"opensr-{folder.replace('_', '-')}",
            about=f"opensr-test: Sentinel-2 with {about}, x{scale}",
            source="https://huggingface.co/datasets/isp-uv-es/opensr-test",
            terms="MIT, as its page says",
            cite="Aybar et al., A Comprehensive Benchmark for Optical Remote Sensing Image "
            "Super-Resolution, IEEE GRSL 2024",
            layout=f"100/{folder}/L2A and 100/{folder}/hr_harmonized, as its .tif files lie there",
            rules={"archive": Archived()},
        ),
        folder=folder,
        scale=scale,
    )


NAIP = _set("naip", 4, "aerial images of NAIP")
SPOT = _set("spot", 4, "SPOT")
VENUS = _set("venus", 2, "Venus at 5 m")
SPAIN_CROPS = _set("spain_crops", 4, "aerial images of Spanish fields")
SPAIN_URBAN = _set("spain_urban", 4, "aerial images of Spanish towns")
