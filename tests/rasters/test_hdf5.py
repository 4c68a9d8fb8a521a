"""The numbers of HDF5, netCDF and MATLAB 7.3 are in the file itself, and it ends."""

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from geoloupe.rasters.opening import open_source
from tests.rasters.test_reach import TRUST, refused, secret, virtual


def hdf5(path: Path, home: Path, block: int = 0) -> dict[str, Path]:
    """Write files whose numbers are in another file, in the three ways of HDF5."""
    path.mkdir()
    made = {name: path / f"{name}.h5" for name in ("external", "link", "virtual", "deep")}
    with h5py.File(made["external"], "w", userblock_size=block) as file:
        file.create_dataset("x", (20, 20), "u1", external=[(str(home), 0, 400)])
    with h5py.File(home.with_suffix(".h5"), "w") as file:
        file["y"] = np.ones((20, 20), np.uint8)
    with h5py.File(made["link"], "w") as file:
        file["x"] = h5py.ExternalLink(home.with_suffix(".h5"), "/y")
        file["other"] = np.ones((20, 20), np.uint8)
    with h5py.File(made["virtual"], "w") as file:
        layout = h5py.VirtualLayout((20, 20), "u1")
        layout[:] = h5py.VirtualSource(home.with_suffix(".h5"), "y", (20, 20))
        file.create_virtual_dataset("x", layout)
    with h5py.File(made["deep"], "w") as file:
        file["a/b/here"] = np.ones((20, 20), np.uint8)
        file["a/b"].create_dataset("x", (20, 20), "u1", external=[(str(home), 0, 400)])
    return made


@pytest.mark.parametrize("kind", ["external", "link", "virtual", "deep"])
@pytest.mark.parametrize("suffix", [".h5", ".nc", ".mat", ".dat"])
def test_numbers_of_hdf5_are_in_the_file(tmp_path: Path, kind: str, suffix: str) -> None:
    path = hdf5(tmp_path / "in", secret(tmp_path))[kind]
    refused(path.rename(path.with_suffix(suffix)), "another file", TRUST)


def test_hdf5_is_looked_into_wherever_it_is_named(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "in", secret(tmp_path))["external"]
    refused(f"HDF5:{path}://x", "another file")
    refused(f'NETCDF:"{path}":x', "another file")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "a.h5")
    refused(f"/vsizip/{tmp_path}/a.zip/a.h5", "unpack it first")
    (tmp_path / "in" / "a.vrt").write_text(virtual(path))
    refused(tmp_path / "in" / "a.vrt", "another file")
    late = hdf5(tmp_path / "late", secret(tmp_path / "late's"), block=2048)["external"]
    refused(late, "another file")


@pytest.mark.parametrize("suffix", [".h5", ".nc", ".mat"])
@pytest.mark.parametrize("hard", [True, False])
def test_groups_of_hdf5_do_not_hold_themselves(tmp_path: Path, suffix: str, hard: bool) -> None:
    """Readers go round in them until they crash."""
    path = tmp_path / f"a{suffix}"
    with h5py.File(path, "w") as file:
        file["a/b/x"] = np.ones((20, 20), np.uint8)
        file["a/b/loop"] = file["a"] if hard else h5py.SoftLink("/a")
    refused(path, "its groups hold each other")


def test_a_million_ways_through_groups_are_not_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["a0/x"] = np.ones((20, 20), np.uint8)
        for number in range(40):
            group = file.create_group(f"a{number + 1}")
            group["one"] = group["two"] = file[f"a{number}"]
    refused(path, "or are too many")


def test_plain_hdf5_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a/x"] = np.full((20, 30), 7, np.uint8)
        file["a/nowhere"] = h5py.SoftLink("/nowhere")
    for name in (path, f"HDF5:{path}://a/x"):
        with open_source(name) as source:
            assert (source.read().values == 7).all()
