"""How a scene is to be opened, handed from one reader to the next."""

from dataclasses import dataclass

from geoloupe.imagery.nodata import Nodata
from geoloupe.storage.sizes import Admit, any_size


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What a person or a command asks for when a scene is opened."""

    alpha: bool | None = None  # whether a band marked as transparency is; None: by its content
    trust: bool = False  # whether it may lead to files outside of its folder, and to servers
    look: bool = False  # for people's eyes: palettes and complex numbers may be read too
    nodata: Nodata = None  # what missing pixels hold; None: what is declared, or plainly a fill
    admit: Admit = any_size  # refuses its grid and type before a pixel is read


PLAIN = Opening()
