"""What the site shows beside the pages of docs: those of the root, and the notebooks as pages.

MkDocs calls these functions while it builds (`hooks` in mkdocs.yml).
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
ROOT_FILES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "MAINTAINERS.md",
    "SECURITY.md",
    "CITATION.cff",
)
_UP = re.compile(rf"\]\(\.\./((?:\.\./)*(?:{'|'.join(map(re.escape, ROOT_FILES))}))")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of the root, and a page and its pictures for every notebook."""
    for name in ROOT_FILES:
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name, content=text))
    for path in sorted(Path(config.docs_dir).glob("notebooks/*.ipynb")):
        for name, content in pages_of(path):
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to the root and to notebooks lead to their pages."""
    markdown = _UP.sub(r"](\1", markdown)
    return re.sub(r"(\]\([^)\s:]+)\.ipynb\)", r"\1.md)", markdown)


def pages_of(path: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yield a notebook's page and its pictures: names and contents."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines: list[str] = []
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines += [source, ""]
            continue
        lines += ["```python", source, "```", ""]
        for place, output in enumerate(cell["outputs"]):
            data = output.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}-{number}-{place}.png"
                yield name, base64.b64decode("".join(data["image/png"]))
                lines += [f"![what the lines above draw]({name})", ""]
            else:
                text = "".join(output.get("text") or data.get("text/plain", ""))
                lines += ["```text", _ESCAPES.sub("", text).rstrip(), "```", ""]
    lines += [f'<a href="{path.name}" download>This page as a notebook</a>', ""]
    yield f"{path.stem}.md", "\n".join(lines)
