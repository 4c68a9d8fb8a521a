"""What the app may read, where it keeps its own files, and how much of everything it takes."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """Limits and places; nothing outside of `roots` and `state` is read or written."""

    roots: tuple[Path, ...]  # folders, links resolved
    state: Path  # jobs, previews, uploads
    upload_bytes: int = 2 * 2**30
    uploads: int = 20  # files that are kept
    body_bytes: int = 64 * 2**10  # of a request that is no upload
    jobs: int = 20  # that wait
    kept_jobs: int = 200  # that are remembered
    open_scenes: int = 24
    preview_values: int = 2**25  # of one preview, all bands
    previews: int = 8  # that are kept

    @property
    def uploads_folder(self) -> Path:
        """Where files lie that were dropped on the page."""
        return self.state / "uploads"

    @property
    def previews_folder(self) -> Path:
        """Where previews lie until newer ones take their place."""
        return self.state / "previews"

    @property
    def jobs_folder(self) -> Path:
        """Where jobs are remembered, a folder each."""
        return self.state / "jobs"

    @property
    def allowed(self) -> tuple[Path, ...]:
        """The folders whose files may be opened."""
        return (*self.roots, self.uploads_folder, self.previews_folder, self.state / "products")

    def prepare(self) -> None:
        """Make the app's own folders, for their owner alone."""
        for folder in (self.uploads_folder, self.previews_folder, self.jobs_folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state.chmod(0o700)


def default_state() -> Path:
    """Return the folder where programs of this system keep what they remember."""
    if sys.platform == "win32":
        home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return home / "geoloupe"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "geoloupe"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "geoloupe"
