"""The app in this process, asked as a browser or a program would ask it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra app")
pytest.importorskip("httpx2", reason="needs httpx2, which starlette's test client is made of")

from starlette.testclient import TestClient

from geoloupe.app.security import Secrets
from geoloupe.app.server import make_app
from geoloupe.app.settings import AppSettings
from geoloupe.app.state import AppState

PORT = 8642
BASE = f"http://127.0.0.1:{PORT}"


@dataclass(frozen=True)
class Served:
    """The app, and a client that knows its token."""

    client: TestClient
    state: AppState
    data: Path

    def anonymous(self, **headers: str) -> TestClient:
        """Return a client that knows nothing; the app must run already."""
        return TestClient(self.client.app, base_url=BASE, headers=headers)

    def post(self, path: str, /, **values: Any) -> Any:
        """Ask for something that works, and return its JSON."""
        found = self.client.post(path, json=values)
        assert found.is_success, found.text
        return found.json()

    def get(self, path: str, /, **query: Any) -> Any:
        """Return the JSON of a path."""
        found = self.client.get(path, params=query)
        assert found.is_success, found.text
        return found.json()

    def scene(self) -> Any:
        """Open the drawn scene."""
        return self.post("/api/scenes", path=str(self.data / "scene.tif"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make the folder that is given to the app, with the drawn scene in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(str(resources.files("geoloupe") / "sample/scene.tif"), folder / "scene.tif")
    return folder


def settings_of(data: Path, **limits: Any) -> AppSettings:
    """Return settings with a state folder beside the data."""
    return AppSettings(roots=(data.resolve(),), state=data.parent.resolve() / "state", **limits)


def serving(settings: AppSettings, data: Path) -> Iterator[Served]:
    """Run the app with these settings."""
    settings.prepare()
    state = AppState.of(settings, Secrets(), data / "scene.tif")
    headers = {"authorization": f"Bearer {state.keys.token}"}
    with TestClient(make_app(state, PORT), base_url=BASE, headers=headers) as client:
        yield Served(client, state, data)


@pytest.fixture
def served(data: Path) -> Iterator[Served]:
    """Run the app on the drawn scene's folder, with small limits."""
    yield from serving(settings_of(data, upload_bytes=2_000_000, jobs=2), data)
