"""Names stand for things: ours, and those that other packages add."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from geoloupe import catalog
from geoloupe.errors import InputError

OURS = [(kind, name) for kind, rows in catalog.CATALOG.items() for name in rows]


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """Give a list of entry points that are installed as long as the test runs."""
    installed: list[EntryPoint] = []

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [entry for entry in installed if entry.group == group]

    monkeypatch.setattr(catalog, "entry_points", entry_points)
    catalog.targets.cache_clear()
    yield installed
    catalog.targets.cache_clear()


@pytest.mark.parametrize(("kind", "name"), OURS)
def test_every_row_leads_somewhere(kind: str, name: str) -> None:
    found = catalog.resolve(kind, name)
    module, _, attribute = catalog.CATALOG[kind][name].partition(":")
    assert getattr(sys.modules[module], attribute) is found


@pytest.mark.parametrize("kind", catalog.CATALOG)
def test_names_are_in_order_and_written_alike(kind: str) -> None:
    names = catalog.names(kind)
    assert names == sorted(names)
    assert set(names) >= set(catalog.CATALOG[kind])
    assert list(catalog.CATALOG[kind]) == sorted(catalog.CATALOG[kind])
    assert all(name == name.lower() and " " not in name for name in catalog.CATALOG[kind])


def test_an_unknown_name_is_an_input_error_with_the_nearest() -> None:
    with pytest.raises(InputError, match="no network is called 'hsenett'; did you mean 'hsenet'"):
        catalog.resolve("network", "hsenett")


def test_an_outside_package_adds_a_name(plugins: list[EntryPoint]) -> None:
    plugins.append(EntryPoint("theirs", "types:SimpleNamespace", "geoloupe.network"))
    assert "theirs" in catalog.names("network")
    assert catalog.resolve("network", "theirs") is SimpleNamespace
    with pytest.raises(InputError, match="did you mean 'theirs'"):
        catalog.resolve("network", "their")


def test_an_outside_package_cannot_take_a_name_of_ours(plugins: list[EntryPoint]) -> None:
    ours = catalog.CATALOG["network"]["hsenet"]
    plugins.append(EntryPoint("hsenet", "types:SimpleNamespace", "geoloupe.network"))
    assert catalog.targets("network")["hsenet"] == ours
    assert catalog.resolve("network", "hsenet") is not SimpleNamespace


def test_an_outside_package_adds_to_its_own_kind_only(plugins: list[EntryPoint]) -> None:
    plugins.append(EntryPoint("theirs", "types:SimpleNamespace", "geoloupe.metric"))
    assert "theirs" not in catalog.names("network")


def test_the_table_itself_is_not_changed_by_plugins(plugins: list[EntryPoint]) -> None:
    before = {kind: dict(rows) for kind, rows in catalog.CATALOG.items()}
    plugins.append(EntryPoint("theirs", "types:SimpleNamespace", "geoloupe.network"))
    catalog.names("network")
    assert before == catalog.CATALOG


LISTING = """
import sys
from geoloupe import catalog, networks, settings
assert catalog.names("network")
print([name for name in ("torch", "numpy", "rasterio") if name in sys.modules])
"""


def test_listing_names_imports_nothing_heavy() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"
