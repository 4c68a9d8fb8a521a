"""Text is UTF-8 wherever it is read or written: a system's own encoding may be cp1252."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geoloupe.app.children import Child

ROOT = Path(__file__).parent.parent
OURS = sorted(
    path
    for folder in ("src", "qgis", "tools", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
# Called like a file's, and opening none in text: rasterio, h5py, zip and tar, our own classes.
MODES = {"r", "w", "a", "x", "r+", "w+", "rt", "wt", "at", "xt"}


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def unsaid(text: str) -> Iterator[int]:
    """List the lines in which text crosses to a file or a process in no stated encoding."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        named = {word.arg: word.value for word in node.keywords}
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        by_path = isinstance(node.func, ast.Attribute)
        if name == "read_text":
            said = bool(node.args) or "encoding" in named
        elif name == "write_text":
            said = len(node.args) > 1 or "encoding" in named
        elif name == "open":
            place = 0 if by_path else 1  # path.open(mode), open(path, mode)
            mode = node.args[place] if len(node.args) > place else named.get("mode")
            plain = not node.args and not set(named) - {"newline", "mode", "errors", "encoding"}
            text_mode = _constant(mode) in MODES or (mode is None and by_path and plain)
            others = getattr(node.func, "value", None)
            foreign = isinstance(others, ast.Name) and others.id in {"rasterio", "memory", "Image"}
            said = not text_mode or "encoding" in named or foreign
        else:
            said = _constant(named.get("text")) is not True or "encoding" in named
        if not said:
            yield node.lineno


def test_every_text_says_its_encoding() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in OURS
        for line in unsaid(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "path.read_text()",
        "path.write_text(text)",
        "path.open()",
        'path.open("w", newline="")',
        'open(path, "r")',
        "subprocess.run(words, text=True)",
    ],
)
def test_what_does_not_say_it_is_found(text: str) -> None:
    assert list(unsaid(text)) == [1]


def narrow(*words: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the program with the standard streams of a Western European Windows."""
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "geoloupe", *words]
    return subprocess.run(command, capture_output=True, env=environment, check=False)


def test_letters_that_a_console_lacks_are_escaped(tmp_path: Path) -> None:
    done = narrow("upscale", str(tmp_path / "sc\u00e8ne \u2192 \u5c71.tif"))
    assert done.returncode == 2
    said = done.stderr.decode("cp1252")
    assert "sc\u00e8ne \\u2192 \\u5c71.tif: no such file" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [("networks",), ("sensors",), ("models",), ("--help",)])
def test_tables_are_printed_in_any_encoding(words: tuple[str, ...]) -> None:
    done = narrow(*words)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.decode("cp1252").splitlines()) > 5


def test_the_app_reads_what_its_jobs_say_in_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    child = Child.started(["upscale", str(tmp_path / "sc\u00e8ne \u2192.tif")], tmp_path)
    assert child.process is not None
    assert child.process.wait() == 2
    assert child.complaint().endswith("sc\u00e8ne \u2192.tif: no such file")
