"""What a file claims to hold is held against what this container has, not against the machine."""

import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from geoloupe.errors import InputError
from geoloupe.models import checkpoint
from geoloupe.models.checkpoint import read_checkpoint
from geoloupe.rasters import matlab
from geoloupe.rasters.matlab import open_mat
from geoloupe.storage import tree
from geoloupe.storage.tree import open_tree
from geoloupe.system.memory import available
from tests.system.machines import GB, Machine

CLAIMED = 2 * GB
Guarded = Callable[[Any], None]


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int | str], None]:
    """Put the readers into a container of so much memory, on a machine of 64 GB."""

    def limited(limit: int | str) -> None:
        machine = Machine(tmp_path / "machine")
        machine.inside("2", "/pod")
        machine.allow("2", "/pod", limit, 0)
        for module in (checkpoint, matlab, tree):
            monkeypatch.setattr(module, "available", partial(available, machine.root))

    return limited


def claiming_zip(folder: Path) -> Path:
    """Write an archive whose one member is said to be larger than it is."""
    path = folder / "claim.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", b"a" * 1000)
    content = bytearray(path.read_bytes())
    listed = content.index(b"PK\1\2") + 24  # the size, in the directory
    content[listed : listed + 4] = CLAIMED.to_bytes(4, "little")
    path.write_bytes(content)
    return path


def claiming_mat(folder: Path) -> Path:
    """Write an array whose front says 2 GB and whose packed numbers end soon after."""
    stream = BytesIO()
    scipy.io.savemat(stream, {"cube": np.zeros((10, 5, 5))})
    whole = stream.getvalue()
    front = bytearray(whole[128:])
    front[4:8] = (CLAIMED + 10_000).to_bytes(4, "little")
    place = front.index((10).to_bytes(4, "little") + (5).to_bytes(4, "little"))
    front[place : place + 12] = np.array([1000, 1000, 250], "<i4").tobytes()
    numbers = front.index((9).to_bytes(4, "little") + (2000).to_bytes(4, "little"))
    front[numbers + 4 : numbers + 8] = CLAIMED.to_bytes(4, "little")
    packed = zlib.compress(bytes(front))
    path = folder / "claim.mat"
    tag = np.array([15, len(packed)], "<u4").tobytes()
    path.write_bytes(whole[:128] + tag + packed)
    return path


def open_zip(folder: Path) -> None:
    open_tree(claiming_zip(folder)).open("a.bin")


def open_checkpoint(folder: Path) -> None:
    path = folder / "huge.pt"
    path.write_bytes(b"PK\3\4")
    with path.open("r+b") as file:
        file.truncate(CLAIMED)  # sparse
    read_checkpoint(path)


def open_packed(folder: Path) -> None:
    with open_mat(claiming_mat(folder).open("rb"), "claim.mat") as file:
        file.read("cube")


READERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "zip": (open_zip, r"claim\.zip/a\.bin: 2 GB unpacked are more than the 1 GB of memory"),
    "checkpoint": (open_checkpoint, r"huge\.pt: 2 GB exceed the 1 GB of free memory"),
    "mat": (open_packed, r"claim\.mat: reading cube takes 2 GB of memory, and 1 GB are free"),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_container_refuses_what_its_machine_would_take(
    tmp_path: Path, kind: str, container: Callable[[int | str], None]
) -> None:
    read, told = READERS[kind]
    container(GB)
    with pytest.raises(InputError, match=told):
        read(tmp_path)


@pytest.mark.parametrize("kind", READERS)
def test_a_machine_with_room_goes_on_to_read(
    tmp_path: Path, kind: str, container: Callable[[int | str], None]
) -> None:
    """And finds what else is wrong, if anything is: none of them holds what it claims."""
    container("max")
    told = ""
    try:
        READERS[kind][0](tmp_path)
    except InputError as error:
        told = str(error)
    assert "of memory" not in told


def test_a_cube_that_was_never_written_is_read_by_rows_or_refused(
    tmp_path: Path, container: Callable[[int | str], None]
) -> None:
    path = tmp_path / "sparse.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("cube", (250, 1000, 1000), np.float64, chunks=(1, 10, 1000))
    container(GB)
    with open_mat(path.open("rb"), "sparse.mat") as file:
        assert file.read("cube", 0, 2).shape == (250, 2, 1000)
        with pytest.raises(InputError, match=r"sparse\.mat: reading cube takes 2 GB of memory"):
            file.read("cube")


def test_a_chunk_is_unpacked_whole_and_counts(
    tmp_path: Path, container: Callable[[int | str], None]
) -> None:
    path = tmp_path / "chunk.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("cube", (250, 1000, 1000), np.float64, chunks=(250, 1000, 1000))
    container(GB)
    with (
        open_mat(path.open("rb"), "chunk.mat") as file,
        pytest.raises(InputError, match=r"chunk\.mat: reading cube takes 2 GB of memory"),
    ):
        file.read("cube", 0, 1)
