"""What all requests share."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from geoloupe.app.jobs import Jobs
from geoloupe.app.preview import Previews
from geoloupe.app.scenes import Scenes
from geoloupe.app.security import Secrets, allowed_path
from geoloupe.app.settings import AppSettings


@dataclass(frozen=True, kw_only=True)
class AppState:
    """The parts of the app, and the scene that it was started with."""

    settings: AppSettings
    keys: Secrets
    scenes: Scenes
    previews: Previews
    jobs: Jobs
    inspecting: Lock
    first: Path | None = None

    @classmethod
    def of(cls, settings: AppSettings, keys: Secrets, first: Path | None = None) -> Self:
        """Make the parts."""
        scenes = Scenes(settings)
        return cls(
            settings=settings,
            keys=keys,
            scenes=scenes,
            previews=Previews(settings, scenes),
            jobs=Jobs(settings),
            inspecting=Lock(),
            first=first,
        )

    def allowed(self, name: str) -> Path:
        """Return a path that may be read."""
        return allowed_path(name, self.settings.allowed)
