"""MATLAB cubes: both kinds of file give one result, whole or by rows."""

import re
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, from_dtype

from geoloupe.errors import InputError
from geoloupe.rasters import matlab
from geoloupe.rasters.mat5 import open_mat5
from geoloupe.rasters.matlab import open_mat

VERSIONS = ("5", "5-plain", "7.3", "7.3-chunked")
CUBE = np.random.default_rng(0).integers(0, 4000, (23, 7, 5)).astype(np.uint16)  # (H,W,B)
CONTENT = {
    "cube": CUBE,
    "flat": CUBE[:, :, 0].astype(np.float32),
    "scale": np.array([[0.25]]),
    "words": "text",
}


def save(path: Path, version: str, content: dict[str, Any] = CONTENT) -> Path:
    """Write a .mat file as MATLAB does."""
    if not version.startswith("7.3"):
        scipy.io.savemat(path, content, do_compression=version == "5")
        return path
    more = {"chunks": True, "compression": "gzip"} if version == "7.3-chunked" else {}
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, value in content.items():
            array = np.array([*value.encode("utf-16-le")]) if key == "words" else value
            file.create_dataset(key, data=array.T, **({} if key in ("words", "scale") else more))
        file.create_group("#refs#")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def mat(path: Path) -> Any:
    return open_mat(path.open("rb"), "in.mat")


@pytest.fixture(params=VERSIONS)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return save(tmp_path / "in.mat", request.param)


def test_cubes_come_as_bands_of_rows(saved: Path) -> None:
    with mat(saved) as file:
        assert file.shapes["cube"] == CUBE.shape
        values = file.read("cube")
        assert values.dtype == np.uint16
        assert np.array_equal(values, CUBE.transpose(2, 0, 1))
        assert np.array_equal(file.read("flat"), CONTENT["flat"][None])
        assert file.read("flat").dtype == np.float32


@pytest.mark.parametrize("rows", [(0, 1), (3, 17), (22, 23), (20, None)])
def test_rows_are_a_part_of_the_whole(saved: Path, rows: tuple[int, int | None]) -> None:
    with mat(saved) as file:
        for key in ("cube", "flat"):
            assert np.array_equal(file.read(key, *rows), file.read(key)[:, slice(*rows)])


@pytest.mark.parametrize("size", [1, 150, 400, 2**27])
@pytest.mark.parametrize("rows", [(0, None), (5, 19)])
def test_blocks_join_to_the_whole(
    saved: Path, rows: tuple[int, int | None], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matlab, "_BLOCK", size)
    with mat(saved) as file:
        for key in ("cube", "flat"):
            blocks = list(file.blocks(key, *rows))
            assert all(block.shape[1] for block in blocks)
            assert np.array_equal(np.concatenate(blocks, axis=1), file.read(key, *rows))


def test_large_cubes_come_in_several_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matlab, "_BLOCK", 400)  # bytes: 5 of the rows of 70
    with mat(save(tmp_path / "in.mat", "7.3")) as file:
        assert [block.shape[1] for block in file.blocks("cube")] == [5, 5, 5, 5, 3]


def test_numbers_are_single_numbers(saved: Path) -> None:
    with mat(saved) as file:
        assert file.number("scale") == 0.25
        assert file.number("cube") is None
        assert file.number("absent") is None


def test_the_cube_is_the_one_asked_for_or_the_only_one(saved: Path) -> None:
    with mat(saved) as file:
        assert file.cube() == file.cube("hsi") == file.cube("hsi", "cube") == "cube"


@pytest.mark.parametrize("version", VERSIONS)
def test_several_cubes_are_told_apart_by_name_only(tmp_path: Path, version: str) -> None:
    path = save(tmp_path / "in.mat", version, {"a": CUBE, "b": CUBE[:9], "n": CUBE[:, 0]})
    with mat(path) as file:
        assert file.cube("b", "a") == "b"
        said = "in.mat: holds 2 cubes (rows x columns x bands), and none is called c or n; its "
        said += "arrays are: a 23x7x5, b 9x7x5, n 23x5"
        with pytest.raises(InputError, match=re.escape(said)):
            file.cube("c", "n")


def test_a_file_without_a_cube_lists_what_it_has(tmp_path: Path) -> None:
    with (
        mat(save(tmp_path / "in.mat", "5", {"n": CUBE[:, 0]})) as file,
        pytest.raises(InputError, match=r"in\.mat: holds no cubes .* its arrays are: n 23x5"),
    ):
        file.cube()


def read_all(path: Path) -> Any:
    with mat(path) as file:
        return file.read(file.cube("cube"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_file_cut_short_is_refused_and_named(tmp_path: Path, version: str, share: float) -> None:
    path = save(tmp_path / "in.mat", version, {"cube": CUBE})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"^in\.mat: "):
        read_all(path)


@pytest.mark.parametrize("text", ["this is no matrix\n" * 50, "x", "MATLAB 5.0 MAT-file " * 20])
def test_a_file_of_text_is_refused_and_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.mat").write_text(text)
    with pytest.raises(InputError, match=r"^in\.mat: is not a readable \.mat file"):
        read_all(tmp_path / "in.mat")


@pytest.mark.parametrize("version", ["5", "5-plain"])  # HDF5 itself may crash on version 7.3
def test_no_damage_ends_in_anything_but_a_sentence(tmp_path: Path, version: str) -> None:
    saved = save(tmp_path / "in.mat", version)
    whole = bytearray(saved.read_bytes())
    rng = np.random.default_rng(1)
    for _ in range(60):
        hurt = whole.copy()
        for place in rng.integers(0, min(len(hurt), 3000), 3):
            hurt[place] = rng.integers(256)
        saved.write_bytes(hurt)
        with suppress(InputError):
            read_all(saved)


@given(
    values=st.sampled_from(["u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]).flatmap(
        lambda kind: arrays(
            kind,
            array_shapes(min_dims=2, max_dims=3, max_side=6),
            elements=from_dtype(np.dtype(kind), allow_subnormal=False),  # PyTorch may flush them
        )
    ),
    packed=st.booleans(),
    name=st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True),
)
def test_what_is_read_is_what_scipy_reads(values: Any, packed: bool, name: str) -> None:
    stream = BytesIO()
    content = {
        name: values,
        "Text": "words",
        "Z": np.ones((2, 2)) * 1j,
        "Cell": np.array([1, "a"], object),
    }
    scipy.io.savemat(stream, content, do_compression=packed)
    expected = scipy.io.loadmat(BytesIO(stream.getvalue()))[name]
    found = open_mat5(BytesIO(stream.getvalue()))
    assert list(found.arrays) == [name]
    read = found.read(name)
    assert read.shape == expected.shape
    assert read.dtype == expected.dtype
    assert np.array_equal(read, expected, equal_nan=values.dtype.kind == "f")


@pytest.mark.parametrize("packed", [False, True])
def test_no_byte_makes_the_reader_lose_its_way(packed: bool) -> None:
    stream = BytesIO()
    scipy.io.savemat(stream, {"a": np.arange(24.0).reshape(2, 3, 4)}, do_compression=packed)
    whole = stream.getvalue()
    for place in range(124, len(whole)):
        for value in (0, 1, 0x7F, 0x80, 0xED, 0xFF):
            damaged = whole[:place] + bytes([value]) + whole[place + 1 :]
            try:
                found = open_mat5(BytesIO(damaged))
                sizes = [found.read(name).nbytes for name in found.arrays]
            except (ValueError, zlib.error):
                continue
            assert all(size <= len(whole) * 8 for size in sizes)
