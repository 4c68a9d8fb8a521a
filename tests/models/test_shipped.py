"""Models are found in the program and in the package beside it, and missed in a sentence."""

import sys
from collections.abc import Iterator

import pytest
from tools.ship import PAPERS_HOME, home

import geoloupe
from geoloupe.cli.models import show
from geoloupe.errors import InputError
from geoloupe.models.shipped import (
    PAPERS,
    PAPERS_PACKAGE,
    not_installed,
    shipped,
    shipped_sharpeners,
    unknown_model,
)

OURS = ["loupe-x2", "loupe-x3", "loupe-x4", "loupe-x8"]
INSTALL = r"hsenet-x4 needs one more package: pip install 'geoloupe\[papers\]'"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `pip install geoloupe` alone brings."""
    monkeypatch.setitem(sys.modules, PAPERS_PACKAGE, None)
    shipped.cache_clear()
    yield
    shipped.cache_clear()


def test_both_packages_are_found_here() -> None:
    assert list(shipped()) == sorted([*OURS, *PAPERS])
    assert not_installed() == []


def test_the_folders_of_the_papers_are_those_that_the_program_knows() -> None:
    assert {folder.parent.name for folder in PAPERS_HOME.glob("*/card.json")} == set(PAPERS)


def test_each_model_is_shipped_into_the_folder_where_it_is() -> None:
    assert all((home(name) / "card.json").is_file() for name in shipped())


@pytest.mark.usefixtures("alone")
def test_the_program_alone_has_its_own_models() -> None:
    assert list(shipped()) == OURS
    assert geoloupe.models.names() == [*OURS, *shipped_sharpeners()]
    assert geoloupe.load("loupe-x4").card.name == "loupe-x4"
    assert not_installed() == list(PAPERS)


@pytest.mark.usefixtures("alone")
def test_a_model_of_the_papers_is_missed_with_the_line_that_installs_it() -> None:
    with pytest.raises(InputError, match=INSTALL):
        geoloupe.load("hsenet-x4")
    with pytest.raises(InputError, match=INSTALL):
        geoloupe.models.describe("hsenet-x4")
    assert "did you mean 'loupe-x4'" in str(unknown_model("model", "lupe-x4", shipped()))


@pytest.mark.usefixtures("alone")
def test_the_list_says_what_else_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    show(None)
    said = capsys.readouterr().out
    assert f"{', '.join(PAPERS)}: in one more package, pip install 'geoloupe[papers]'" in said
