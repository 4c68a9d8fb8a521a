"""`geoloupe prepare` as a person runs it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from geoloupe.datasets.preparation.prepared import PreparedDataset, find
from geoloupe.datasets.sets.ucmerced import UCMERCED
from tests.program import program


def run(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run geoloupe in a process of its own."""
    return program("prepare", *words, **variables)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the layout of UC Merced; to be left as it is."""
    root = tmp_path_factory.mktemp("archives") / "UCMerced"
    UCMERCED.fake(root)
    return root


def test_the_list_says_what_there_is_and_where_to_get_it() -> None:
    done = run("list")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("ucmerced", "2100 aerial pictures", "hsenet: 45/5/50", UCMERCED.card.source):
        assert words in done.stdout


@pytest.mark.slow
def test_an_archive_is_prepared_and_counted_and_only_once(archive: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    words = ("ucmerced", "--from", archive, "--seed", "3")
    done = run(*words, GEOLOUPE_DATA=str(data))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(data / "ucmerced")
    assert "945 train, 105 val, 1050 test" in done.stdout
    assert "(rule hsenet, seed 3)" in done.stdout
    assert "2100 scenes of 200 x 200 pixels" in done.stdout
    assert PreparedDataset.open(data / "ucmerced").counts == {
        "train": 945,
        "val": 105,
        "test": 1050,
    }
    again = run(*words, GEOLOUPE_DATA=str(data))
    assert again.returncode == 0
    assert "was already prepared, and is intact" in again.stdout


def test_a_list_and_a_folder_of_ones_own(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("train beach_1\ntrain beach_2\ntest river_7\n")
    words = ("--split", tmp_path / "mine.txt", "-o", tmp_path / "out")
    done = run("ucmerced", "--from", archive, *words)
    assert done.returncode == 0, done.stderr
    assert "2 train, 1 test; the list mine.txt" in done.stdout
    assert "2097 scenes are in no split and were left out" in done.stdout
    assert find(str(tmp_path / "out")).name == "ucmerced"


def refused(*words: str | Path) -> str:
    """Run with a mistake and give the one sentence that is said."""
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_is_missing_is_said_with_where_to_get_it(tmp_path: Path) -> None:
    said = refused("ucmerced", "-o", tmp_path / "out")
    assert "--from" in said
    assert UCMERCED.card.source in said
    assert not (tmp_path / "out").exists()


def test_mistakes_are_named(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "notes.txt").touch()
    out = ("-o", tmp_path / "out")
    said = refused("ucmerced", "--from", tmp_path / "wrong", *out)
    assert f"{tmp_path / 'wrong'}: holds no ucmerced; expected Images/beach/beach07.tif" in said
    assert "did you mean 'ucmerced'" in refused("ucmercd", "--from", tmp_path, *out)
    assert "absent: no such file" in refused("ucmerced", "--from", tmp_path / "absent", *out)
    assert "did you mean 'hsenet'" in refused(
        "ucmerced", "--from", archive, "--split", "hsnet", *out
    )
    assert not (tmp_path / "out").exists()


def test_a_class_that_is_not_whole_is_named(archive: Path, tmp_path: Path) -> None:
    shutil.copytree(archive, tmp_path / "in")
    (tmp_path / "in" / "forest" / "forest_42.tif").unlink()
    said = refused("ucmerced", "--from", tmp_path / "in", "-o", tmp_path / "out")
    assert "class forest has 99 pictures where 100 are expected; number 42 is missing" in said


@pytest.mark.slow
def test_a_picture_cut_short_is_named_and_the_rest_is_kept(archive: Path, tmp_path: Path) -> None:
    shutil.copytree(archive, tmp_path / "in")
    path = tmp_path / "in" / "forest" / "forest_42.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    words = ("ucmerced", "--from", tmp_path / "in", "-o", tmp_path / "out", "--split", "funsr")
    assert f"{path}" in refused(*words)
    path.write_bytes(whole)
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert "1260 train, 420 val, 420 test" in done.stdout
