"""What others must not do: other hosts, pages of others, files elsewhere, too much at once."""

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from geoloupe.app.security import CSRF_HEADER, Secrets, allowed_path
from geoloupe.app.server import HOST, serve
from geoloupe.app.settings import AppSettings
from geoloupe.app.state import AppState
from geoloupe.errors import InputError
from tests.app.conftest import BASE, PORT, Served, settings_of

STATIC = Path(str(resources.files("geoloupe.app"))) / "static"
PINNED = {
    "ol.js": "a4e607e98b56846d543e2131161720845c7a80170d5f00aa2bc8b6c4e0f9194a",
    "ol.css": "abc8afd72cc10bd29cc143f443bae4a6804bd3cb3fb262e6b6a6bc6c924ea34f",
}  # of OpenLayers 10.11.0 as its makers publish it


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", "127.0.0.1", f"[::1]:{PORT}", ""],
)
def test_a_name_that_others_point_here_is_not_answered(served: Served, host: str) -> None:
    for path in ("/", "/api/models", "/static/app.js", "/openapi.json"):
        assert served.client.get(path, headers={"host": host}).status_code == 421


def test_the_server_listens_to_this_machine_alone() -> None:
    assert HOST == "127.0.0.1"


@pytest.mark.parametrize(
    "path", ["/", "/api/models", "/api/jobs", "/openapi.json", "/static/app.js"]
)
@pytest.mark.parametrize("token", [None, "", "wrong", "ü", "x" * 10_000])
def test_without_the_token_nothing_is_shown(served: Served, path: str, token: str | None) -> None:
    headers = {} if token is None else {"authorization": f"Bearer {token}".encode()}
    query = {} if token is None else {"token": token}
    found = served.anonymous().get(path, headers=headers, params=query)
    assert found.status_code == 401
    assert served.state.keys.token not in found.text


def test_the_address_sets_a_cookie_that_scripts_and_other_sites_cannot_use(served: Served) -> None:
    client = served.anonymous()
    found = client.get("/", params={"token": served.state.keys.token})
    assert found.status_code == 200
    cookie = found.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/api/models").status_code == 200  # by the cookie alone
    assert "set-cookie" not in client.get("/api/models").headers


def test_the_token_opens_the_page_by_its_address_and_nothing_else(served: Served) -> None:
    token = served.state.keys.token
    assert served.anonymous().get("/api/models", params={"token": token}).status_code == 401


UNSAFE = [
    ("POST", "/api/scenes"),
    ("POST", "/api/preview"),
    ("POST", "/api/forecast"),
    ("POST", "/api/inspect"),
    ("POST", "/api/jobs"),
    ("DELETE", "/api/jobs/x"),
    ("POST", "/api/jobs/x/cancel"),
    ("POST", "/api/jobs/x/resume"),
    ("POST", "/api/jobs/x/open"),
    ("PUT", "/api/uploads/a.tif"),
    ("PATCH", "/api/jobs"),
]


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_the_cookie_alone_changes_nothing(served: Served, method: str, path: str) -> None:
    client = served.anonymous()
    client.get("/", params={"token": served.state.keys.token})
    csrf = served.state.keys.csrf
    refused = [
        client.request(method, path),
        client.request(method, path, headers={CSRF_HEADER: "wrong"}),
        client.request(method, path, headers={CSRF_HEADER: csrf, "origin": "http://evil.example"}),
        client.request(method, path, headers={CSRF_HEADER: csrf, "origin": "null"}),
    ]
    assert [found.status_code for found in refused] == [403] * 4
    allowed = client.request(method, path, headers={CSRF_HEADER: csrf, "origin": BASE})
    assert allowed.status_code != 403


def test_every_unsafe_route_is_among_those_tried(served: Served) -> None:
    paths = served.get("/openapi.json")["paths"]
    unsafe = {
        (method.upper(), re.sub(r"\{job\}", "x", path).replace("{name}", "a.tif"))
        for path, methods in paths.items()
        for method in methods
        if method != "get"
    }
    assert unsafe <= set(UNSAFE)


def test_pages_may_load_nothing_from_elsewhere(served: Served) -> None:
    found = served.client.get("/")
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"https?:|\*|unsafe", policy)
    for path in ("/api/models", "/static/app.js", "/api/none"):
        assert served.client.get(path).headers["content-security-policy"] == policy
        assert served.client.get(path).headers["x-content-type-options"] == "nosniff"


def test_the_page_names_no_other_host() -> None:
    for path in STATIC.rglob("*"):
        if path.is_file() and path.parent.name != "vendor":
            named = set(re.findall(r"https?://[\w./-]+", path.read_text(encoding="utf-8")))
            assert named <= {"http://www.w3.org/2000/svg"}, path


def test_what_others_wrote_is_as_they_published_it() -> None:
    for name, digest in PINNED.items():
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
    assert "Redistribution" in (STATIC / "vendor" / "ol.LICENSE.md").read_text(encoding="utf-8")


def outside(data: Path) -> Iterator[str]:
    """List ways to name files that were not given."""
    secret = data.parent / "secret.tif"
    secret.write_bytes((data / "scene.tif").read_bytes())
    (data / "link.tif").symlink_to(secret)
    (data / "linked").symlink_to(data.parent, target_is_directory=True)
    (data.parent / "data-beside").mkdir()
    (data.parent / "data-beside" / "a.tif").write_bytes(secret.read_bytes())
    yield from (
        str(secret),
        f"{data}/../secret.tif",
        f"{data}/./../data/../secret.tif",
        str(data / "link.tif"),
        str(data / "linked" / "secret.tif"),
        f"{data}-beside/a.tif",
        "scene.tif",
        "../secret.tif",
        "",
        "/etc/passwd",
        f"{data}/scene.tif\0.png",
        f"/vsizip/{data}/a.zip/b.tif",
        f"/vsisubfile/0_10,{secret}",
        "/vsicurl/http://127.0.0.1/a.tif",
        "http://127.0.0.1/a.tif",
        f"GTIFF_DIR:1:{secret}",
        "~/scene.tif",
        "a" * 5000,
    )


def test_files_elsewhere_are_not_opened_listed_or_written(served: Served) -> None:
    scene = served.scene()
    for name in outside(served.data):
        opened = served.client.post("/api/scenes", json={"path": name})
        assert opened.status_code == 400, name
        assert "below those that were given" in opened.json()["error"]
        if name:
            listed = served.client.get("/api/files", params={"folder": name})
            assert listed.status_code == 400, name
    listed = served.get("/api/files")
    assert [Path(each["path"]).name for each in listed["scenes"]] == ["scene.tif"]
    assert listed["folders"] == []
    assert listed["above"] is None
    for target in (served.data.parent / "new.tif", served.data / ".." / "new.tif", "new.tif"):
        order = {"scene": scene["id"], "output": str(target)}
        assert served.client.post("/api/jobs", json=order).status_code == 400, target
    assert not (served.data.parent / "new.tif").exists()
    assert served.get("/api/jobs") == []


def test_what_is_not_there_is_refused_in_the_same_words(served: Served) -> None:
    present, absent = served.data.parent / "present.tif", served.data.parent / "gone.tif"
    present.touch()
    said = [
        served.client.post("/api/scenes", json={"path": str(path)}).json()["error"]
        for path in (present, absent)
    ]
    assert said[0].replace("present.tif", "gone.tif") == said[1]


def test_a_link_in_the_place_of_an_opened_file_is_not_followed(served: Served) -> None:
    path, secret = served.data / "other.tif", served.data.parent / "secret.tif"
    for each in (path, secret):
        each.write_bytes((served.data / "scene.tif").read_bytes())
    scene = served.post("/api/scenes", path=str(path))["id"]
    served.state.scenes.close()
    path.unlink()
    path.symlink_to(secret)
    assert served.client.get(f"/api/tiles/{scene}/0/0/0.png").status_code == 400
    assert served.client.post("/api/jobs", json={"scene": scene}).status_code == 400


def test_folders_are_told_apart_by_whole_names(tmp_path: Path) -> None:
    for name in ("a", "ab"):
        (tmp_path / name).mkdir()
    root = (tmp_path / "a").resolve()
    assert allowed_path(str(root), [root]) == root
    with pytest.raises(InputError):
        allowed_path(str(tmp_path / "ab"), [root])


def test_the_parts_of_the_page_are_all_that_is_served(served: Served) -> None:
    for path in ("../server.py", "..%2fserver.py", "%2e%2e/server.py", "/etc/passwd", "index.html"):
        assert served.client.get(f"/static/{path}").status_code in (401, 404)
    assert served.client.get("/static/app.js").status_code == 200


def test_a_body_that_is_too_large_is_not_read(served: Served) -> None:
    huge = b'{"path": "' + b"a" * 100_000 + b'"}'
    assert served.client.post("/api/scenes", content=huge).status_code == 413

    def dripping() -> Iterator[bytes]:
        for _ in range(100):
            yield b"a" * 10_000

    assert served.client.post("/api/scenes", content=dripping()).status_code == 413


def test_an_upload_that_is_too_large_leaves_nothing(served: Served) -> None:
    def dripping() -> Iterator[bytes]:
        for _ in range(30):
            yield bytes(100_000)

    for content in (bytes(2_000_001), dripping()):
        found = served.client.put("/api/uploads/a.tif", content=content)
        assert found.status_code == 413
    assert list(served.state.settings.uploads_folder.iterdir()) == []


@pytest.mark.parametrize("name", ["a.vrt", "a.exe", "a", ".tif", "a.html", "a.tif.js"])
def test_only_rasters_are_taken(served: Served, name: str) -> None:
    assert served.client.put(f"/api/uploads/{name}", content=b"x").status_code == 400
    assert list(served.state.settings.uploads_folder.iterdir()) == []


def test_an_upload_lies_where_it_should_whatever_it_is_called(served: Served) -> None:
    content = (served.data / "scene.tif").read_bytes()
    for name in ("..%2F..%2Fa.tif", "a%00b.tif", "ü %22.tif"):
        found = served.client.put(f"/api/uploads/{name}", content=content)
        if found.status_code == 201:
            assert Path(found.json()["path"]).parent == served.state.settings.uploads_folder
    assert {path.name for path in served.data.parent.iterdir()} == {"data", "state"}
    kept = [path.name for path in served.state.settings.uploads_folder.iterdir()]
    assert kept
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+\.tif", name) for name in kept)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_what_the_app_keeps_is_its_owners_alone(served: Served) -> None:
    settings: AppSettings = served.state.settings
    assert settings.state.stat().st_mode & 0o077 == 0


def test_values_that_make_no_sense_are_refused_and_named(served: Served) -> None:
    scene = served.scene()["id"]
    tile = f"/api/tiles/{scene}"
    for path in (
        f"{tile}/9/0/0.png",
        f"{tile}/0/5/0.png",
        f"{tile}/0/0/0.png?bands=1,2",
        f"{tile}/0/0/0.png?bands=9",
        f"{tile}/0/0/0.png?bands=-1",
        f"{tile}/0/0/0.png?cut=nan",
        f"{tile}/0/0/0.png?cut=0.5",
        f"/api/scenes/{scene}/pixel?row=-1&column=0",
        f"/api/scenes/{scene}/pixel?row=384&column=0",
        f"/api/scenes/{scene}/pixel?row=1",
    ):
        found = served.client.get(path)
        assert found.status_code == 400, path
        assert found.json()["error"]
    for path in ("/api/scenes/none", "/api/tiles/none/0/0/0.png", "/api/jobs/none", "/api/none"):
        assert served.client.get(path).status_code == 404, path
    for body in (b"[]", b"{", b'{"path": 1}', b'{"path": "a", "more": 1}', b"\xff"):
        assert served.client.post("/api/scenes", content=body).status_code == 400
    for model in ("../weights", "/etc/passwd", "--help", "loupe"):
        order = {"scene": scene, "model": model}
        assert served.client.post("/api/jobs", json=order).status_code == 400
        assert served.client.post("/api/forecast", json=order).status_code == 400


def test_the_port_is_nobody_else_s_on_windows_either(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: list[int] = []

    def run(self: object, sockets: list[socket.socket]) -> None:
        for option in (socket.SO_KEEPALIVE, socket.SO_REUSEADDR):
            options.append(sockets[0].getsockopt(socket.SOL_SOCKET, option))

    # Any option that this system has may stand for the one that it lacks.
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    monkeypatch.setattr("uvicorn.Server.run", run)
    told: list[str] = []
    serve(AppState.of(settings_of(data), Secrets(), None), 0, told.append)
    assert options == [1, 0]
    assert told[0].startswith(f"http://{HOST}:")
