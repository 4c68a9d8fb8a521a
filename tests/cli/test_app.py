"""`geoloupe app`: what is wrong is said before a server starts."""

import importlib.util
import socket
from pathlib import Path

import pytest

from geoloupe.cli.app import app
from geoloupe.errors import InputError
from tests.program import program


def test_without_the_extra_its_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[app\]'"):
        app()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.tif",), "no such file"),
        (("--folder", "none"), "no such folder"),
        (("--upload-limit", "much"), "--upload-limit"),
        (("--port", "70000"), "--port"),
        (("--port", "-1"), "--port"),
    ],
)
def test_what_cannot_be_is_named(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra app")
    done = program("app", *words, "--no-browser", "--state", "state", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra app")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ("app", "--no-browser", "--port", str(port), "--state", str(tmp_path / "state"))
        done = program(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
