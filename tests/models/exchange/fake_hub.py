"""A hub on the loopback: enough of one for models to be pushed and pulled, and all is noted."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c0ffee" + "0" * 34
TOKEN = "hf_of-a-test"


class FakeHub:
    """What the hub holds, and what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.large: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.address = ""
        self.refuse: int | None = None  # answer everything with this status


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Run a hub until the block ends."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def do_HEAD(self) -> None:
        self._file()

    def do_GET(self) -> None:
        self._file()

    def do_PUT(self) -> None:
        body = self._noted()
        self.hub.large[self.path.removeprefix("/large/")] = body
        self._answer(200, b"")

    def do_POST(self) -> None:
        body = self._noted()
        if self.hub.refuse:
            self._json(self.hub.refuse, {"error": "no"})
        elif self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            self._json(200, {})
        elif found := re.fullmatch(r"/api/models/(\w+/[\w-]+)/preupload/main", self.path):
            files = json.loads(body)["files"]
            self._json(200, {"files": [_mode(file["path"]) for file in files]})
        elif re.fullmatch(r"/\w+/[\w-]+\.git/info/lfs/objects/batch", self.path):
            self._json(200, self._places(json.loads(body)["objects"]))
        elif found := re.fullmatch(r"/api/models/(\w+/[\w-]+)/commit/main", self.path):
            self._commit(found[1], body)
        else:
            self._json(404, {"error": "unknown"})

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json(401, {"error": "log in"})
        elif name in self.hub.repositories:
            self._json(409, {"error": "exists", "url": f"{self.hub.address}/{name}"})
        else:
            self.hub.repositories[name] = {}
            self.hub.private[name] = asked.get("visibility") == "private"
            self._json(200, {"url": f"{self.hub.address}/{name}"})

    def _places(self, objects: list[dict[str, Any]]) -> dict[str, Any]:
        for each in objects:
            each["actions"] = {"upload": {"href": f"{self.hub.address}/large/{each['oid']}"}}
        return {"transfer": "basic", "objects": objects}

    def _commit(self, name: str, body: bytes) -> None:
        files = self.hub.repositories[name]
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
        address = f"{self.hub.address}/{name}/commit/{COMMIT}"
        self._json(200, {"commitUrl": address, "commitOid": COMMIT, "success": True})

    def _file(self) -> None:
        self._noted()
        found = re.fullmatch(r"/(\w+/[\w-]+)/resolve/([\w.]+)/(.+)", self.path)
        if self.path.startswith("/large/"):
            self._answer(200, self.hub.large[self.path.removeprefix("/large/")])
        elif self.hub.refuse or found is None:
            self._json(self.hub.refuse or 404, {"error": "no"})
        elif found[1] not in self.hub.repositories:
            self._answer(404, b"", **{"X-Error-Code": "RepoNotFound"})
        elif found[2] not in ("main", COMMIT, "v1"):
            self._answer(404, b"", **{"X-Error-Code": "RevisionNotFound"})
        elif found[3] not in self.hub.repositories[found[1]]:
            self._answer(404, b"", **{"X-Error-Code": "EntryNotFound"})
        else:
            content = self.hub.repositories[found[1]][found[3]]
            digest = hashlib.sha256(content).hexdigest()
            self.hub.large[digest] = content
            facts = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{digest}"'}
            facts |= {"X-Linked-Size": str(len(content))}
            elsewhere = self.hub.address.replace("127.0.0.1", "localhost")  # as real ones do
            self._answer(302, b"", **facts, Location=f"{elsewhere}/large/{digest}")

    def _noted(self) -> bytes:
        self.hub.asked.append((self.command, self.path, dict(self.headers)))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, status: int, value: Any) -> None:
        self._answer(status, json.dumps(value).encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _mode(path: str) -> dict[str, Any]:
    mode = "lfs" if path.endswith(".safetensors") else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False}
