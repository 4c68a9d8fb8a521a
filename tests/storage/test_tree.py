"""Archives as people have them: folders, zips and single files are one kind of tree."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from geoloupe.storage import tree
from geoloupe.storage.tree import open_tree

FILES = {"b/two.txt": b"two", "a/one.txt": b"one", "b/a/three.txt": b"three", "top.txt": b"top"}
LITTER = ("b/.DS_Store", "__MACOSX/a/._one.txt", "Thumbs.db", "a/desktop.ini", ".git/config")


def folder(root: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def zipped(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def picture(path: Path) -> bytes:
    values = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    write_image(path, Image.of(values, radiometry=Radiometry(dtype="uint8", high=(255.0,))))
    return path.read_bytes()


@pytest.mark.parametrize("make", [lambda p: folder(p / "in"), lambda p: zipped(p / "in.zip")])
def test_folders_and_zips_give_the_same_names_and_bytes(tmp_path: Path, make: object) -> None:
    tree = open_tree(make(tmp_path))
    assert tree.names == tuple(sorted(FILES))
    for name, content in FILES.items():
        with tree.open(name) as stream:
            assert stream.read() == content
            stream.seek(1)
            assert stream.read() == content[1:]
        assert tree.place(name) == f"{tree.root}/{name}"
    assert tree.folders == {
        "": ["top.txt"],
        "a": ["a/one.txt"],
        "b": ["b/two.txt"],
        "b/a": ["b/a/three.txt"],
    }


def test_what_systems_leave_behind_is_no_part(tmp_path: Path) -> None:
    files = FILES | dict.fromkeys(LITTER, b"litter")
    assert open_tree(folder(tmp_path / "in", files)).names == tuple(sorted(FILES))
    assert open_tree(zipped(tmp_path / "in.zip", files)).names == tuple(sorted(FILES))


def test_a_hidden_folder_above_the_root_hides_nothing(tmp_path: Path) -> None:
    assert open_tree(folder(tmp_path / ".cache" / "in")).names == tuple(sorted(FILES))


def test_a_single_file_is_a_tree_of_itself(tmp_path: Path) -> None:
    (tmp_path / "cube.mat").write_bytes(b"cube")
    tree = open_tree(tmp_path / "cube.mat")
    assert tree.names == ("cube.mat",)
    assert tree.place("cube.mat") == tree.raster("cube.mat") == str(tmp_path / "cube.mat")
    with tree.open("cube.mat") as stream:
        assert stream.read() == b"cube"


def test_a_folder_that_holds_one_file_of_its_own_name(tmp_path: Path) -> None:
    tree = open_tree(folder(tmp_path / "cube", {"cube": b"cube"}))
    with tree.open("cube") as stream:
        assert stream.read() == b"cube"


@pytest.mark.parametrize("name", ["in.zip", "IN.ZIP", "two words.zip", "in.zip.d/in.zip"])
@pytest.mark.parametrize("member", ["a.png", "a b/ü.png", "win\\a.png", "deep.zip/a.png"])
def test_pictures_are_read_inside_a_zip(tmp_path: Path, name: str, member: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    tree = open_tree(zipped(tmp_path / name, {member: picture(tmp_path / "a.png")}))
    assert tree.names == (member.replace("\\", "/"),)
    with open_source(tree.raster(*tree.names)) as source:
        assert source.read().values.ravel().tolist() == list(range(60))


def test_a_relative_path_to_a_zip_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped(tmp_path / "in.zip", {"a.png": picture(tmp_path / "a.png")})
    monkeypatch.chdir(tmp_path)
    with open_source(open_tree(Path("in.zip")).raster("a.png")) as source:
        assert source.read().values.shape == (3, 4, 5)


@pytest.mark.parametrize("name", ["/{outside}/secret.png", "{outside}/secret.png", "C:/a.png"])
def test_absolute_names_in_a_zip_are_files_inside_it(tmp_path: Path, name: str) -> None:
    secret = picture(tmp_path / "secret.png")
    name = name.format(outside=tmp_path)
    (tmp_path / "in").mkdir()
    tree = open_tree(zipped(tmp_path / "in" / "in.zip", {name: b"inside"}))
    with tree.open(*tree.names) as stream:
        assert stream.read() == b"inside" != secret
    with pytest.raises(InputError):  # what is inside is no picture; the secret is one
        open_source(tree.raster(*tree.names))


def test_names_that_climb_out_of_a_zip_are_no_part(tmp_path: Path) -> None:
    files = {"a.txt": b"a", "../secret.png": b"", "a/../../secret.png": b"", "..\\secret.png": b""}
    assert open_tree(zipped(tmp_path / "in.zip", files)).names == ("a.txt",)


def test_what_cannot_be_a_tree_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "in.rar").write_bytes(b"Rar!")
    (tmp_path / "in.tar.gz").write_bytes(b"gz")
    (tmp_path / "text.zip").write_text("this is no archive")
    (tmp_path / "nothing.zip").touch()
    cases = {
        "empty": "empty: is an empty folder",
        "missing": "missing: no such file or folder",
        "in.rar": "in.rar: unpack this archive first",
        "in.tar.gz": "in.tar.gz: unpack this archive first",
        "text.zip": "text.zip: is not a complete .zip archive; was its download cut short?",
        "nothing.zip": "nothing.zip: is not a complete .zip archive",
        "hollow.zip": "hollow.zip: is an empty archive",
    }
    zipped(tmp_path / "hollow.zip", {"a/.DS_Store": b""})
    for name, said in cases.items():
        with pytest.raises(InputError, match=said):
            open_tree(tmp_path / name)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_zip_cut_short_is_refused_and_named(tmp_path: Path, share: float) -> None:
    path = zipped(tmp_path / "in.zip")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=r"in\.zip: is not a complete \.zip archive"):
        open_tree(path)


def test_damage_within_a_zip_names_the_file(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(1000) + b"a" * 1000
    whole = zipped(tmp_path / "in.zip", {"a/one.bin": content}).read_bytes()
    for place in range(30, 1000, 97):
        (tmp_path / "in.zip").write_bytes(whole[:place] + b"\xff" * 9 + whole[place + 9 :])
        with pytest.raises(InputError, match=r"in\.zip/a/one\.bin: cannot be read"):
            open_tree(tmp_path / "in.zip").open("a/one.bin")


def test_a_locked_zip_names_the_file(tmp_path: Path) -> None:
    whole = bytearray(zipped(tmp_path / "in.zip", {"a.bin": b"a"}).read_bytes())
    whole[6] |= 1  # the bit that says "encrypted", in both places
    whole[whole.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "in.zip").write_bytes(whole)
    with pytest.raises(InputError, match=r"in.zip/a.bin: cannot be read \(.*encrypted"):
        open_tree(tmp_path / "in.zip").open("a.bin")


def test_a_zip_that_unpacks_to_more_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", bytes(10**6))
    assert path.stat().st_size < 10**4
    monkeypatch.setattr(tree, "available", lambda: 10**5)
    with pytest.raises(InputError, match=r"bomb\.zip/a\.bin: 1.*MB unpacked are more than"):
        open_tree(path).open("a.bin")
