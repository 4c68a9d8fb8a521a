"""Run the notebooks of docs/notebooks again, and keep what they print and draw.

    python -m tools.notebooks              # all of them
    python -m tools.notebooks train        # one

Each runs in an empty folder of its own, with nothing but what comes with the package.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
_SECONDS = 600  # that one cell may take
_KEPT = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path) -> Any:
    """Return a notebook as a run of it leaves it; a cell that fails is an error."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=_SECONDS, resources=resources)
        client.execute()
    notebook.metadata = nbformat.from_dict(_KEPT)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})  # when it ran, which differs every time
    return notebook


def outputs(notebook: Any) -> Iterator[tuple[str, str]]:
    """Yield each output of the code cells: its kind, and its text where it has one."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                yield output.name, output.text
            elif output.output_type == "error":
                yield "error", output.evalue
            else:
                kinds = sorted(output.data)
                yield "+".join(kinds), output.data.get("text/plain", "")


def main() -> None:
    """Run those named, or all, and write them."""
    names = sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    for name in names:
        path = FOLDER / f"{name}.ipynb"
        notebook = executed(path)
        nbformat.write(notebook, path)
        print(f"{path.name}: {sum(cell.cell_type == 'code' for cell in notebook.cells)} cells")


if __name__ == "__main__":
    main()
