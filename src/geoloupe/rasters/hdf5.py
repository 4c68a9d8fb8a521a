"""HDF5, netCDF and MATLAB 7.3: whether all their data is in the file itself."""

import os
from typing import Any

import h5py

from geoloupe.errors import InputError
from geoloupe.rasters.drivers import TRUST
from geoloupe.rasters.heads import read_head

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LEVELS = 50  # of groups in groups
_PARTS = 20_000  # as readers would meet them: with several names, several times


def vet_hdf5(name: str) -> None:
    """Refuse HDF5 whose numbers are in other files, or that cannot be inspected."""
    if not os.path.isfile(name):
        if _SIGNATURE in (read_head(name) or b""):
            raise InputError(f"{name}: HDF5 and netCDF are read from plain files; unpack it first")
        return
    if not h5py.is_hdf5(name):
        return
    try:
        with h5py.File(name, "r") as file:
            refuse_other_files(file, name)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise InputError(f"{name}: cannot be read; damaged or incomplete? ({error})") from None


def refuse_other_files(root: Any, name: str) -> None:
    """Refuse an open HDF5 group (h5py) that has numbers or whole parts in other files.

    So is one whose groups contain each other, in which readers loop forever.
    """
    waiting, seen = [(root, 1)], 0
    while waiting:
        group, level = waiting.pop()
        for key in group:
            seen += 1
            if level > _LEVELS or seen > _PARTS:
                raise InputError(f"{name}: its groups hold each other or are too many, at {key}")
            if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
                raise InputError(f"{name}: {key} is a link to another file; {TRUST}")
            item = group.get(key)
            if isinstance(item, h5py.Group):
                waiting.append((item, level + 1))
            elif isinstance(item, h5py.Dataset) and (item.external or _virtual(item)):
                raise InputError(f"{name}: the numbers of {key} are in another file; {TRUST}")


def _virtual(dataset: Any) -> bool:
    return dataset.is_virtual and any(s.file_name != "." for s in dataset.virtual_sources())
