"""The commands of the documents work as they are written, one after the other."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tools import model_page

from geoloupe.imagery.grid import Window
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from tests.models.exchange.fake_hub import TOKEN, fake_hub
from tests.program import program, rio
from tests.rasters.delivered import deliver
from tests.training.scenes import draw

DOCS = Path(__file__).parent.parent / "docs"
LONG = ("comparing.md", "exchange.md", "scenes.md", "training.md")
PAGES = ["formats.md", *(pytest.param(page, marks=pytest.mark.slow) for page in LONG)]
FIRST = [  # what newcomers read; most of their commands are those of the pages above
    "start/practitioner.md",
    "start/researcher.md",
    "tasks/ms-and-pan.md",
    "tasks/drone-mosaic.md",
    "tasks/papers-table.md",
]


def commands(page: str) -> list[str]:
    """List the lines of the blocks that are marked as `sh`."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_as_it_is_written(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        _works(page, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", FIRST)
def test_a_first_page_works_as_it_is_written(page: str, tmp_path: Path) -> None:
    _works(page, tmp_path)


def _works(page: str, tmp_path: Path) -> None:
    """Run the commands of a page in a folder."""
    found = commands(page)
    assert len(found) > 3
    draw(tmp_path / "images")
    draw(tmp_path / "infrared", bands=(0, 1, 2, 3))
    if page == "formats.md":
        deliver(tmp_path)
    for command in found:
        words = shlex.split(command)
        if words[0] == "geoloupe":
            done = program(*words[1:], cwd=tmp_path)
        elif words[0] == "rio":
            done = rio(*words[1:], cwd=tmp_path)
        else:
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if command == "cp demo/scene.tif scene.tif":
            _cut(tmp_path / "scene.tif")
    if page == "scenes.md":
        made = [(tmp_path / name).read_bytes() for name in ("shared.tif", "cluster.tif")]
        assert made[0] == made[1]
    assert not list(tmp_path.glob(".*.work"))


def _cut(scene: Path) -> None:
    """Leave the middle of a scene, which says as much of the commands in a fifth of the time."""
    with open_source(scene) as whole:
        part = whole.read(Window(top=100, left=100, height=168, width=168))
        write_image(scene, part, facts=whole.facts, overwrite=True)


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", text):
        assert (DOCS / target).exists(), f"{page} links to {target}"


def test_the_page_of_models_is_what_their_cards_say() -> None:
    assert (DOCS / model_page.PAGE).read_text(encoding="utf-8") == model_page.page()
