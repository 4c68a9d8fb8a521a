"""The site: its pages exist, its links lead somewhere, its notebooks ran, it builds strictly."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import choosing_page
from tools.site_hooks import ROOT_FILES, on_page_markdown, pages_of

import geoloupe

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
_LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, whatever tags of MkDocs it holds."""


def _settings() -> Any:
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=_Loader)


def _pages_of_nav(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for inner in entry.values():
            yield from _pages_of_nav(inner)
    else:
        for inner in entry:
            yield from _pages_of_nav(inner)


def _source(page: str) -> Path:
    """Find the file that a page of the site is made from."""
    if page in ROOT_FILES:
        return ROOT / page
    if page.startswith("notebooks/"):
        return (DOCS / page).with_suffix(".ipynb")
    return DOCS / page


def _anchors(page: Path) -> set[str]:
    """Make the anchors of a page's headings as MkDocs and forges do."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"^#{1,6} (.*)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in found]
    return {re.sub(r"\s+", "-", heading) for heading in plain}


def test_every_page_is_reached_from_the_menu_and_every_entry_exists() -> None:
    listed = list(_pages_of_nav(_settings()["nav"]))
    assert len(set(listed)) == len(listed)
    assert all(_source(page).is_file() for page in listed)
    assert set(PAGES) <= set(listed)
    assert {path.stem for path in NOTEBOOKS} == {
        Path(page).stem for page in listed if page.startswith("notebooks/")
    }


def _texts() -> Iterator[tuple[Path, str]]:
    """Yield every page with links, and the markdown of the notebooks."""
    names = [name for name in ROOT_FILES if name.endswith(".md")]
    for path in [*(DOCS / page for page in PAGES), DOCS / "llms.txt", ROOT / "README.md"]:
        yield path, path.read_text(encoding="utf-8")
    for name in names:
        yield ROOT / name, (ROOT / name).read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        told = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        yield path, "\n".join(told)


def test_links_among_the_documents_lead_to_files_and_headings() -> None:
    lost = []
    for path, text in _texts():
        for target, anchor in _LINK.findall(text):
            if "://" in target or target.startswith("mailto:"):
                continue
            found = (path.parent / target).resolve() if target else path
            if not found.exists():
                lost.append(f"{path.name}: {target}")
            elif anchor and found.suffix == ".md" and anchor not in _anchors(found):
                lost.append(f"{path.name}: {target}#{anchor}")
    assert not lost


def test_what_programs_read_first_names_every_page() -> None:
    text = (DOCS / "llms.txt").read_text(encoding="utf-8")
    named = {target for target, _ in _LINK.findall(text)}
    pages = {page for page in PAGES if page != "README.md"}
    assert named == pages | {f"notebooks/{path.name}" for path in NOTEBOOKS}


def test_the_python_page_shows_every_public_name() -> None:
    shown = set(re.findall(r"^::: geoloupe\.(\w+)$", (DOCS / "api.md").read_text(), re.MULTILINE))
    assert shown == set(geoloupe.__all__) - {"__version__"}


def test_the_page_of_choices_is_what_the_cards_say() -> None:
    text = (DOCS / choosing_page.PAGE).read_text(encoding="utf-8")
    assert text == choosing_page.page()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[a](../SECURITY.md)", "[a](SECURITY.md)"),
        ("[a](../../CONTRIBUTING.md#a-network)", "[a](../CONTRIBUTING.md#a-network)"),
        ("[a](notebooks/train.ipynb)", "[a](notebooks/train.md)"),
        (
            "[a](../scenes.md) [b](https://x.org/y.ipynb)",
            "[a](../scenes.md) [b](https://x.org/y.ipynb)",
        ),
    ],
)
def test_links_out_of_the_folder_lead_to_pages_of_the_site(written: str, shown: str) -> None:
    nothing: Any = None
    assert on_page_markdown(written, page=nothing, config=nothing, files=nothing) == shown


def test_a_notebook_is_a_page_of_its_words_code_and_outputs(tmp_path: Path) -> None:
    def code(source: str, *outputs: Any) -> dict[str, Any]:
        return {"cell_type": "code", "source": [source], "outputs": list(outputs)}

    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        code("1 + 1", {"output_type": "execute_result", "data": {"text/plain": ["2"]}}),
        code("draw()", {"output_type": "display_data", "data": {"image/png": "aGVsbG8="}}),
        code(
            "say()", {"output_type": "stream", "name": "stdout", "text": ["\x1b[31mred\x1b[0m\n"]}
        ),
    ]
    (tmp_path / "one.ipynb").write_text(json.dumps({"cells": cells}))
    made = dict(pages_of(tmp_path / "one.ipynb"))
    assert made["one-2-0.png"] == b"hello"
    text = made["one.md"]
    assert isinstance(text, str)
    assert text.startswith("# Title\nwords\n")
    assert "```python\n1 + 1\n```\n\n```text\n2\n```" in text
    assert "](one-2-0.png)" in text
    assert "```text\nred\n```" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_as_they_ran(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert len(outputs) >= 3
    assert not any(output["output_type"] == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert "/tmp/" not in path.read_text(encoding="utf-8")


def _masked(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out digits, whose last ones differ from processor to processor."""
    return [(kind, re.sub(r"[-+]?\d[\d.]*", "0", text)) for kind, text in said]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_notebooks_say_the_same_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from tools.notebooks import executed, outputs

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    kept = nbformat.read(path, as_version=4)
    assert _masked(list(outputs(executed(path)))) == _masked(list(outputs(kept)))


class _Loaded(HTMLParser):
    """Collects what a page loads: everything but where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" or ("rel", "canonical") in attrs:
            return
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data") and value:
                self.found.append(value)


@pytest.mark.slow
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    surroundings = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        reader = _Loaded()
        reader.feed(page.read_text(encoding="utf-8"))
        assert not [name for name in reader.found if re.match(r"(https?:)?//", name)], page
    assert (tmp_path / "llms.txt").is_file()
    assert "geoloupe.upscale" in (tmp_path / "api.html").read_text(encoding="utf-8")
    styles = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.css"))
    assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", styles)
