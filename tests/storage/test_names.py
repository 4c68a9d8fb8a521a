"""Names as Windows takes them: refused before work is done, and never looked up elsewhere."""

import json
from pathlib import Path, PurePath, PureWindowsPath

import pytest

from geoloupe.app.security import allowed_path
from geoloupe.cli import scenes as scenes_of_cli
from geoloupe.errors import InputError
from geoloupe.rasters.band_files import band_files
from geoloupe.rasters.opening import is_address, mat_name, open_source, stem_of
from geoloupe.rasters.reach import vet_virtual, within
from geoloupe.rasters.stac import stac_name
from geoloupe.storage import names
from geoloupe.storage.names import alike, elsewhere, quoted, refuse_name, without_drive
from geoloupe.storage.publish import check_target


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this for Windows, as far as names go."""
    monkeypatch.setattr(names, "WINDOWS", True)
    monkeypatch.setattr(names, "CASELESS", True)


REFUSED = [
    (r"scenes\nul.tif", "a device"),
    (r"scenes\NUL", "a device"),
    (r"com1\scene.tif", "a device"),
    ("aux .tif", "a device"),
    ("LPT\u00b2.tif", "a device"),
    ("NETCDF:cube_red_x4.tif", "':'"),
    ("scene.tif:stream", "':'"),
    ("scene?.tif", "'?'"),
    ("a<b.tif", "'<'"),
    ("scene\x07.tif", "may hold"),
    (r"scenes.\scene.tif", "drops dots"),
    ("scene.tif ", "drops dots"),
    ("C:\\" + 200 * "d" + "\\scene.tif", "too long"),
]


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(("name", "why"), REFUSED)
def test_what_windows_cannot_write_is_refused_by_name(name: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as refused:
        refuse_name(PureWindowsPath(name))
    assert str(refused.value).startswith(str(PureWindowsPath(name)))


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    "name",
    [
        r"C:\scenes\scene.tif",
        "C:scene.tif",
        r"..\.\console.tif",
        r"\\nas\rs\com10.tif",
        "n\u00fcl.tif",
    ],
)
def test_ordinary_names_are_written(name: str) -> None:
    refuse_name(PureWindowsPath(name))


@pytest.mark.parametrize(("name", "why"), REFUSED)
def test_other_systems_write_them_all(name: str, why: str) -> None:
    refuse_name(PurePath(name))


@pytest.mark.usefixtures("windows")
def test_a_result_is_refused_before_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a device on Windows"):
        check_target(tmp_path / "con.tif", overwrite=True)


@pytest.mark.usefixtures("windows")
def test_long_paths_where_windows_allows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_takes_long_names", lambda: True)
    refuse_name(PureWindowsPath("C:\\" + 200 * "d" + "\\scene.tif"))


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    "name",
    [
        r"\\evil\share\a.tif",
        "//evil/share/a.tif",
        r"\\?\C:\a.tif",
        r"\\.\pipe\a",
        r"\/evil\share\a",
    ],
)
def test_other_machines_are_told_by_their_names(name: str) -> None:
    assert elsewhere(name)
    assert elsewhere(name, r"C:\data", r"\\nas\rs\scenes")


@pytest.mark.usefixtures("windows")
def test_the_share_of_a_scene_is_its_own() -> None:
    assert not elsewhere(r"\\NAS\rs\b\a.tif", r"\\nas\rs\scenes")
    assert elsewhere(r"\\nas\other\a.tif", r"\\nas\rs\scenes")
    assert not elsewhere(r"C:\a.tif")
    assert not elsewhere("B04.tif")


def test_elsewhere_two_slashes_are_a_plain_path() -> None:
    assert not elsewhere("//evil/share/a.tif")


def _looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the names that anything asks the system for the place of."""
    looked: list[str] = []
    real = names.os.path.realpath

    def realpath(path: str, **options: bool) -> str:
        looked.append(str(path))
        return str(real(path, **options))

    monkeypatch.setattr("os.path.realpath", realpath)
    return looked


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("near", ["0", "1"])
@pytest.mark.parametrize("name", [r"\\evil\share\a.tif", "//evil/share/a.tif"])
def test_a_virtual_raster_makes_nobody_look_at_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, near: str
) -> None:
    path = tmp_path / "a.vrt"
    source = f'<SourceFilename relativeToVRT="{near}">{name}</SourceFilename>'
    path.write_text(f"<VRTDataset>{source}</VRTDataset>", encoding="utf-8")
    looked = _looked(monkeypatch)
    with pytest.raises(InputError, match="not a plain file"):
        vet_virtual(path)
    assert not [place for place in looked if "evil" in place]


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("href", [r"\\evil\share\B04.tif", "//evil/share/B04.tif"])
def test_a_stac_item_makes_nobody_look_at_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, href: str
) -> None:
    asset = {
        "href": href,
        "type": "image/tiff",
        "eo:bands": [{"name": "B04", "common_name": "red"}],
    }
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "properties": {},
        "assets": {"red": asset},
    }
    path = tmp_path / "item.json"
    path.write_text(json.dumps(item), encoding="utf-8")
    looked = _looked(monkeypatch)
    with pytest.raises(InputError, match="not in its own folder"):
        open_source(path)
    assert not [place for place in looked if "evil" in place]


@pytest.mark.usefixtures("windows")
def test_the_app_does_not_look_at_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[Path] = []
    real = Path.resolve

    def resolve(self: Path, strict: bool = False) -> Path:
        resolved.append(self)
        return real(self, strict)

    monkeypatch.setattr(Path, "resolve", resolve)
    with pytest.raises(InputError, match="no file or folder below those"):
        allowed_path("//evil/share/a.tif", [tmp_path])
    assert resolved == []


@pytest.mark.usefixtures("windows")
def test_a_drive_is_neither_a_driver_nor_a_part() -> None:
    scene, cube, item = r"C:\data\scene.tif", r"C:\data\cube.mat", r"C:\data\item.json"
    assert not is_address(scene)
    assert not is_address("C:scene.tif")
    assert mat_name(cube) == (Path(cube), None)
    assert mat_name(f"{cube}:key") == (Path(cube), "key")
    assert stac_name(item) is None  # there is none; with a size it would be the size's
    assert band_files(rf"{scene}+C:\data\other.tif") is None
    assert without_drive("C:scene.tif") == "scene.tif"
    assert without_drive(r"\\nas\rs\scene.tif") == r"\\nas\rs\scene.tif"
    assert stem_of("C:scene.tif") == "scene"
    assert stem_of("C:/data/cube.mat:key") == "cube_key"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("NETCDF:cube.nc:reflectance", "cube_reflectance"),
        ('NETCDF:"some/cube.nc":reflectance', "cube_reflectance"),
        ("GTIFF_DIR:2:some/scene.tif", "scene"),
        ("GTIFF_DIR:2:scene.tif", "scene_2"),
        ("https://example.org:8080/scene.tif", "scene"),
        ("/vsizip/C:/data/scenes.zip/scene.tif", "scene"),
    ],
)
def test_results_of_parts_of_files_have_names_that_every_system_takes(name: str, stem: str) -> None:
    assert stem_of(name) == stem
    assert names._KEPT.search(stem_of(name)) is None


def test_folders_are_compared_as_the_system_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not within("/data/Scenes/a.tif", "/data/scenes")
    assert not within("/data/scenes2/a.tif", "/data/scenes")
    assert within("/data/scenes/a.tif", "/data/scenes")
    monkeypatch.setattr("os.path.normcase", str.lower)
    assert within("/data/Scenes/a.tif", "/data/scenes")


def test_results_that_differ_in_case_alone_are_one_where_the_disk_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    several = ["a.tif", "A.tif"], [Path("r/a_x4.tif"), Path("r/A_x4.tif")]
    scenes_of_cli._refuse_doubles(*several)
    monkeypatch.setattr(names, "CASELESS", True)
    with pytest.raises(InputError, match="would be made from both"):
        scenes_of_cli._refuse_doubles(*several)
    assert alike("se\u0301.tif") == alike("S\u00c9.tif")


def test_words_of_a_command_are_quoted_as_its_shell_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert quoted("some scene.tif") == "'some scene.tif'"
    monkeypatch.setattr(names, "WINDOWS", True)
    assert quoted(r"C:\some scene.tif") == r'"C:\some scene.tif"'
    assert quoted(r"C:\scene.tif") == r"C:\scene.tif"
