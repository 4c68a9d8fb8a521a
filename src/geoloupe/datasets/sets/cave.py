"""CAVE: 32 indoor scenes of 31 bands, a 16-bit PNG for each band."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoloupe.datasets.scenes import DataCard, Scene, SceneArray
from geoloupe.datasets.sets.cubes import even_bands
from geoloupe.datasets.splits import InOrder, Shares
from geoloupe.errors import InputError, errors_named
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from geoloupe.storage.tree import Tree

_BANDS = even_bands(400, 700, 31)
_WHITE = 65535.0
_BYTE_TO_WORD = 257  # 255 becomes 65535

_NAMES = """balloons beads cd chart_and_stuffed_toy clay cloth egyptian_statue face
fake_and_real_beers fake_and_real_food fake_and_real_lemon_slices fake_and_real_lemons
fake_and_real_peppers fake_and_real_strawberries fake_and_real_sushi fake_and_real_tomatoes feathers
flowers glass_tiles hairs jelly_beans oil_painting paints photo_and_face pompoms
real_and_fake_apples real_and_fake_peppers sponges stuffed_toys superballs thread_spools
watercolors"""


@dataclass(frozen=True, kw_only=True)
class Cave:
    """Folders called SCENE_ms with 31 pictures each; the RGB pictures beside them are not used."""

    card: DataCard
    names: tuple[str, ...]
    side: int

    def tiny(self) -> Self:
        """Expect three scenes of 24 x 24."""
        rules = {"mulsr": self.card.rules["mulsr"], "sspsr": InOrder(train=1, val=1)}
        card = replace(self.card, rules=rules)
        return replace(self, card=card, names=self.names[:3], side=24)

    def scenes(self, tree: Tree) -> Sequence[Scene]:
        """List the scenes; a missing one, or a missing band, is an InputError."""
        found: dict[str, dict[int, str]] = {name: {} for name in self.names}
        for name in tree.names:
            path = PurePosixPath(name)
            match = re.fullmatch(r"(.+)_ms_(\d\d)\.png", path.name.lower())
            if match and match[1] in found and 1 <= int(match[2]) <= len(_BANDS):
                found[match[1]][int(match[2])] = name
        if not any(found.values()):
            raise InputError(f"{tree.root}: holds no {self.card.name}; expected {self.card.layout}")
        for scene, files in found.items():
            if not files:
                raise InputError(f"{tree.root}: the scene {scene}_ms is missing")
            gap = next((n for n in range(1, len(_BANDS) + 1) if n not in files), None)
            if gap is not None:
                raise InputError(f"{tree.root}: {scene}_ms_{gap:02}.png is missing")
        return [
            Scene(
                id=scene,
                file=f"{tree.root}/{scene}_ms",
                parts={"hr": self._part(tree, [files[n] for n in sorted(files)])},
            )
            for scene, files in found.items()
        ]

    def fake(self, root: Path) -> None:
        """Write pictures of noise."""
        rng = np.random.default_rng(0)
        radiometry = Radiometry(dtype="uint16", high=(_WHITE,))
        for name in self.names:
            folder = root / f"{name}_ms" / f"{name}_ms"
            folder.mkdir(parents=True)
            for number in range(1, len(_BANDS) + 1):
                values = rng.integers(0, 65536, (1, self.side, self.side)).astype(np.uint16)
                image = Image.of(values, radiometry=radiometry)
                write_image(folder / f"{name}_ms_{number:02}.png", image)

    def _part(self, tree: Tree, files: list[str]) -> Callable[[], SceneArray]:
        return lambda: SceneArray(
            height=self.side,
            width=self.side,
            bands=_BANDS,
            radiometry=Radiometry(dtype="uint16", high=(_WHITE,)),
            blocks=lambda: self._cube(tree, files),
        )

    def _cube(self, tree: Tree, files: list[str]) -> Iterator[NDArray[Any]]:
        yield np.stack([self._band(tree, name) for name in files])

    def _band(self, tree: Tree, name: str) -> NDArray[np.uint16]:
        """Read the one band of a picture, 16 bits; some copies of the archive hold 8."""
        with open_source(tree.raster(name)) as source, errors_named(tree.place(name)):
            values = source.read().values
            if values.shape[1:] != (self.side, self.side):
                raise InputError(
                    f"has {values.shape[2]} x {values.shape[1]} pixels where {self.side} x "
                    f"{self.side} are expected"
                )
            if values.dtype == np.uint8:
                return values[0].astype(np.uint16) * _BYTE_TO_WORD
            if values.dtype != np.uint16 or len(values) != 1:
                raise InputError(
                    f"holds {len(values)} bands of {values.dtype} where 1 of uint16 is expected"
                )
            return np.asarray(values[0])


CAVE = Cave(
    card=DataCard(
        name="cave",
        about="CAVE: 32 indoor scenes of 512 x 512, 31 bands from 400 to 700 nm",
        source="https://cave.cs.columbia.edu/repository/Multispectral",
        terms="free for research; cite the paper",
        cite="Yasuma et al., Generalized Assorted Pixel Camera, IEEE TIP 2010",
        layout="balloons_ms/balloons_ms/balloons_ms_01.png to _31.png and so on",
        rules={"mulsr": Shares(train=0.8, val=0.0, test=0.2), "sspsr": InOrder(train=18, val=2)},
    ),
    names=tuple(_NAMES.split()),
    side=512,
)
