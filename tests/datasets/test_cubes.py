"""Folders of .mat cubes: their bands, named where wavelengths lie beside them."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.errors import InputError


def cubes(folder: Path, lengths: str | None) -> Path:
    """Write a cube and a matrix of three bands."""
    folder.mkdir(parents=True)
    values = np.random.default_rng(0).integers(1, 4000, (6, 5, 3)).astype(np.uint16)
    scipy.io.savemat(folder / "a.mat", {"data": values})
    scipy.io.savemat(folder / "b.mat", {"Y": values.reshape(30, 3).T, "nRow": 6, "nCol": 5})
    if lengths is not None:
        (folder / "wavelengths.txt").write_text(lengths)
    return folder


@pytest.mark.parametrize("text", ["450 550.5\n650", "450,550.5,650\n"])
def test_wavelengths_beside_cubes_are_theirs(tmp_path: Path, text: str) -> None:
    prepared = prepare("cubes", cubes(tmp_path / "in", text), tmp_path / "out").prepared
    for entry in prepared.entries:
        assert [band.nm for band in prepared.image(entry).bands] == [450, 550.5, 650]
        assert [band.common for band in prepared.image(entry).bands] == ["blue", "green", "red"]


def test_without_them_bands_have_none(tmp_path: Path) -> None:
    prepared = prepare("cubes", cubes(tmp_path / "in", None), tmp_path / "out").prepared
    assert {band.nm for e in prepared.entries for band in prepared.image(e).bands} == {None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("450 550", r"(a|b)\.mat: (holds 6 x 5 x 3|has 3 bands)"),
        ("450 green 650", r"wavelengths\.txt: holds more than numbers"),
        ("450 -1 650", r"wavelengths\.txt: wavelengths are in nm"),
        ("450 nan 650", r"wavelengths\.txt: wavelengths are in nm"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare("cubes", cubes(tmp_path / "in", text), tmp_path / "out")
