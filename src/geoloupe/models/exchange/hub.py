"""Models on a hub that speaks as huggingface.co does: pushed and pulled, and nothing else told.

Only the host of the hub is asked (HF_ENDPOINT, else huggingface.co), and where it says that large
files lie. The client's telemetry is off, whatever the environment says.
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, cast
from urllib.parse import urlsplit

from geoloupe.errors import InputError, RunError
from geoloupe.models.card import WEIGHTS_FILE, read_weights, write_weights
from geoloupe.models.exchange.hub_page import hub_texts
from geoloupe.models.model import Model, load, refuse_target, save
from geoloupe.storage.sizes import size_text
from geoloupe.system.memory import available
from geoloupe.version import __version__

_NAME = re.compile(r"hub:([\w-][\w.-]*/[\w-][\w.-]*)(?:@([\w][\w./-]*))?")
_HOST = "https://huggingface.co"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class HubName:
    """A repository of a hub, perhaps at a revision."""

    repository: str  # owner/name
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "hub:owner/name" or "hub:owner/name@revision"."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise InputError(
                f"{text}: is no name on a hub; it is written hub:owner/name, or "
                "hub:owner/name@revision"
            )
        return cls(match[1], match[2])

    def __str__(self) -> str:
        return f"hub:{self.repository}" + (f"@{self.revision}" if self.revision else "")


def push(model: Model, name: str, *, public: bool = False) -> str:
    """Put a model on a hub as one commit and return its address; a new repository is private.

    It consists of the weights as safetensors, the card, a page, config.json and a STAC item.
    """
    there = HubName.parse(name)
    if there.revision is not None:
        raise InputError(f"{there}: a model is pushed to the main branch; leave the revision out")
    if not model.has_weights:
        raise InputError(f"{model.card.name}: has no weights, so there is nothing to push")
    with (
        _client() as hub,
        _failures(there),
        TemporaryDirectory(ignore_cleanup_errors=True) as name_of_folder,
    ):
        folder = Path(name_of_folder)
        save(model, folder)
        for file, text in hub_texts(model, there.repository).items():
            (folder / file).write_text(text, encoding="utf-8", newline="\n")
        hub.create_repo(there.repository, private=not public, exist_ok=True)
        hub.upload_folder(
            repo_id=there.repository,
            folder_path=folder,
            commit_message=f"{model.card.name}, {model.digest}",
        )
    return f"{_endpoint()}/{there.repository}"


def pull(name: str, folder: Path, *, overwrite: bool = False) -> Model:
    """Bring a model from a hub into a folder of weights, and return it.

    Only its weights are fetched, whose header holds the card; they are checked as any others are.
    """
    there = HubName.parse(name)
    refuse_target(folder, overwrite=overwrite)
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        with _client() as hub, _failures(there):
            _refuse_large(hub, there)
            found = Path(
                hub.hf_hub_download(
                    there.repository, WEIGHTS_FILE, revision=there.revision, local_dir=place
                )
            )
        try:
            model = load(found)
        except InputError as error:
            raise InputError(str(error).replace(str(found), f"{there}/{WEIGHTS_FILE}")) from None
        card, tensors = read_weights(found)
        write_weights(folder, card, tensors, overwrite=overwrite)
    return model


def _refuse_large(hub: Any, there: HubName) -> None:
    """Refuse weights that the memory does not hold, before they are fetched."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(there.repository, WEIGHTS_FILE, revision=there.revision, endpoint=hub.endpoint)
    size, free = get_hf_file_metadata(url, token=hub.token).size or 0, available()
    if size > free:
        raise InputError(
            f"{there}: its weights take {size_text(size)}, more than the {size_text(free)} of "
            "memory that are free"
        )


def _endpoint() -> str:
    """Return the address of the hub."""
    found = os.environ.get("HF_ENDPOINT", _HOST).rstrip("/")
    parts = urlsplit(found)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise InputError(f"HF_ENDPOINT={found}: a hub is asked by https only")
    return found


@contextmanager
def _client() -> Iterator[Any]:
    """Return the hub's client, silent and telling nothing of this machine; then as it was."""
    endpoint = _endpoint()
    try:
        import huggingface_hub
        from huggingface_hub import constants, utils
    except ImportError:
        raise InputError("hub: names need more packages: pip install 'geoloupe[hub]'") from None
    # Xet is a service of other hosts, for files far larger than weights are.
    silent = ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET")
    before = {name: getattr(constants, name) for name in silent}
    bars: Any = utils
    shown = not bars.are_progress_bars_disabled()
    try:
        for name in silent:
            setattr(constants, name, True)
        bars.disable_progress_bars()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the client's own calls
            yield huggingface_hub.HfApi(
                endpoint=endpoint, library_name="geoloupe", library_version=__version__
            )
    finally:
        for name, value in before.items():
            setattr(constants, name, value)
        if shown:
            bars.enable_progress_bars()


@contextmanager
def _failures(there: HubName) -> Iterator[None]:
    """Say what a hub refused, and what to do."""
    from huggingface_hub import errors

    host = urlsplit(_endpoint()).netloc
    transport = cast("type[Exception]", errors.HfHubHTTPError.__bases__[0])
    try:
        yield
    except (InputError, RunError):
        raise
    except errors.GatedRepoError:
        raise InputError(
            f"{there}: {host} asks you to accept its terms on its page first"
        ) from None
    except errors.RepositoryNotFoundError:
        raise InputError(
            f"{there}: {host} knows no such repository, or it is private: log in with "
            "`hf auth login`, or set HF_TOKEN"
        ) from None
    except errors.RevisionNotFoundError:
        raise InputError(f"{there}: has no such revision") from None
    except errors.RemoteEntryNotFoundError:
        raise InputError(f"{there}: has no {WEIGHTS_FILE}, so it is no model of geoloupe") from None
    except errors.HfHubHTTPError as error:
        _refused(there, host, getattr(error.response, "status_code", None))
    except (OSError, transport) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise RunError(f"{there}: {host} cannot be reached ({reason})") from None
    except (ValueError, RuntimeError) as error:
        raise RunError(f"{there}: {host} refused it ({str(error)[:200]})") from None


def _refused(there: HubName, host: str, status: int | None) -> None:
    if status in (401, 403):
        raise InputError(
            f"{there}: {host} does not let you: log in with `hf auth login`, or set HF_TOKEN to a "
            "token that may write there"
        ) from None
    raise RunError(f"{there}: {host} answered with an error (HTTP {status})") from None
