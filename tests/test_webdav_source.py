"""Folders on a WebDAV server as sources: a real server (wsgidav), then one that behaves as servers should not."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from source_conformance import SourceConformance, listed

import qianxun
from qianxun.errors import InputError, SourceError
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings, with_overrides
from qianxun.sources.places import as_name, place_of, quoted, readable
from qianxun.sources.webdav import WebdavSource, open_source

PASSWORD = "密碼 4711"
# wsgidav takes a user in a Digest header for Latin-1.
USERS = {"basic": "李四", "digest": "lisi"}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def wsgidav(root: Path, *, accepts: str = "") -> Iterator[int]:
    """A real server for a folder, in a process of its own; `accepts` basic or digest, else anybody."""
    pytest.importorskip("wsgidav")
    pytest.importorskip("cheroot")
    port = free_port()
    users = {"*": {USERS[accepts]: {"password": PASSWORD}} if accepts else True}
    config = {
        "host": "127.0.0.1",
        "port": port,
        "provider_mapping": {"/dav": str(root)},
        "simple_dc": {"user_mapping": users},
        "http_authenticator": {
            "accept_basic": accepts == "basic",
            "accept_digest": accepts == "digest",
            "default_to_digest": accepts == "digest",
        },
        "verbose": 1,
    }
    file = root.parent / f"wsgidav-{port}.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    code = "from wsgidav.server.server_cli import run; run()"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, "--config", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pause = threading.Event()
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, "wsgidav ended at once"
            pause.wait(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every source of a test is closed at its end, so that no connection outlives it."""
    made: list[WebdavSource] = []
    begin = WebdavSource.__init__

    def noted(source: WebdavSource, *given: Any, **named: Any) -> None:
        begin(source, *given, **named)
        made.append(source)

    monkeypatch.setattr(WebdavSource, "__init__", noted)
    yield
    for source in made:
        source.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))
    return with_overrides(Settings(), ["sources.retries=0", "sources.connect_seconds=5", "sources.read_seconds=20"])


@dataclass
class Shared:
    """A folder that a server shows, and its source."""

    root: Path
    address: str
    settings: Settings

    def source(self) -> WebdavSource:
        return open_source(self.address, self.settings)

    def put(self, name: str, data: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def delete(self, name: str) -> None:
        (self.root / name).unlink()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "shared"
    path.mkdir()
    return path


@pytest.fixture
def shared(root: Path, settings: Settings) -> Iterator[Shared]:
    with wsgidav(root) as port:
        yield Shared(root, f"webdav+http://127.0.0.1:{port}/dav", settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "opened"
    path.mkdir()
    return path


class TestServer(SourceConformance):
    @pytest.fixture
    def place(self, shared: Shared) -> Shared:
        return shared


def test_a_part_and_a_single_file(shared: Shared, folder: Path) -> None:
    shared.put("人事/年假.txt", "五天".encode())
    shared.put("人事/深/加班.txt", "加班須事先申請。".encode())
    shared.put("人事处/c.txt", b"c")
    top = shared.address
    for given in ("/人事", "/人事/", "/%E4%BA%BA%E4%BA%8B/"):
        source = open_source(top + given, shared.settings)
        assert set(listed(source)) == {f"{top}/人事/年假.txt", f"{top}/人事/深/加班.txt"}
        assert source.holds(f"{top}/人事/深/更深/x.txt")
        assert not source.holds(f"{top}/人事处/c.txt")
        source.close()
    source = open_source(f"{top}/人事/年假.txt", shared.settings)
    (uri,) = listed(source)
    assert uri == f"{top}/人事/年假.txt"
    assert source.open(uri, folder).read() == "五天".encode()
    source.close()


def test_what_the_settings_leave_out_is_not_listed_and_not_held(shared: Shared) -> None:
    for name in ("node_modules/a.md", ".git/b.md", "~$c.docx", "d.md", "e.txt", "深/f.md"):
        shared.put(name, name.encode())
    shared.settings = with_overrides(shared.settings, ["reading.include=*.md"])
    source = shared.source()
    assert set(listed(source)) == {f"{shared.address}/d.md", f"{shared.address}/深/f.md"}
    assert not source.holds(f"{shared.address}/e.txt")
    source.close()


@pytest.mark.parametrize("accepts", ["basic", "digest"])
def test_who_we_are(
    accepts: str, root: Path, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "年假.txt").write_text("五天", encoding="utf-8")
    with wsgidav(root, accepts=accepts) as port:
        user = USERS[accepts]
        address = f"webdav+http://{user}@127.0.0.1:{port}/dav/"
        with pytest.raises(SourceError, match=r"asks for a user and a password\. Name the user"):
            list(open_source(address, settings).list())
        monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", "wrong")
        with pytest.raises(SourceError, match=f"refuses the user {user} or the password") as caught:
            list(open_source(address, settings).list())
        assert "wrong" not in repr(caught.value)
        monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", PASSWORD)
        source = open_source(address, settings)
        (uri,) = listed(source)
        assert uri == f"{address}年假.txt"
        assert source.open(uri, folder).read().decode() == "五天"
        source.close()


def test_a_user_of_any_characters_by_digest(
    odd: "tuple[Odd, str]", settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, server = odd
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", PASSWORD)
    challenge = {"WWW-Authenticate": 'Digest realm="x", nonce="abc", qop="auth", algorithm=SHA-256'}
    good = Answer(body=multistatus(resource("/", is_folder=True)))
    script.answers["PROPFIND", "/"] = [Answer(401, headers=challenge), Answer(401, headers=challenge), good]
    assert listed(open_source(server.replace("//", "//李四@"), settings)) == {}
    assert script.authorizations[-1].startswith('Digest username="李四"'.encode().decode("latin-1"))
    assert 'response="' in script.authorizations[-1]


def test_nothing_there_and_no_webdav_are_one_line_each(shared: Shared) -> None:
    with pytest.raises(SourceError, match=r"^There is nothing at .*/dav/没有\. Check the spelling"):
        list(open_source(f"{shared.address}/没有", shared.settings).list())
    with pytest.raises(SourceError, match=r"cannot be reached: .*\. Check the address and the network"):
        list(open_source(f"webdav+http://127.0.0.1:{free_port()}/x", shared.settings).list())


def test_a_file_that_is_too_large_is_named(shared: Shared, folder: Path) -> None:
    shared.put("大.txt", b"x" * ((1 << 20) + 1))
    shared.settings = with_overrides(shared.settings, ["reading.max_file_mb=1"])
    source = shared.source()
    (uri,) = listed(source)
    with pytest.raises(SourceError, match=r"大\.txt is more than 1 MB;"):
        source.open(uri, folder)
    assert list(folder.iterdir()) == []
    source.close()


# A server by script: its answers are written down in each test.


@dataclass
class Answer:
    """One answer: PROPFIND's body is XML, GET's whatever it is."""

    status: int = 207
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    truncated: bool = False


class Odd:
    """Answers by path, decoded, and method; what is not written down is not there."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer | list[Answer]] = {}
        self.asked: list[tuple[str, str]] = []
        self.authorizations: list[str] = []

    def listing(self, path: str, *responses: str, **extra: str) -> None:
        self.answers["PROPFIND", path] = Answer(body=multistatus(*responses), headers=extra)


def multistatus(*responses: str) -> bytes:
    inner = "".join(responses)
    return f'<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">{inner}</D:multistatus>'.encode()


def resource(href: str, *, is_folder: bool = False, etag: str = "", modified: str = "", size: str = "") -> str:
    kind = "<D:resourcetype><D:collection/></D:resourcetype>" if is_folder else "<D:resourcetype/>"
    known = kind + "".join(
        f"<D:{name}>{value}</D:{name}>"
        for name, value in (("getetag", etag), ("getlastmodified", modified), ("getcontentlength", size))
        if value
    )
    missing = "".join(f"<D:{name}/>" for name, value in (("getetag", etag), ("getlastmodified", modified)) if not value)
    return (
        f"<D:response><D:href>{href}</D:href>"
        f"<D:propstat><D:prop>{known}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
        f"<D:propstat><D:prop>{missing}</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"
        "</D:response>"
    )


@pytest.fixture
def odd() -> Iterator[tuple[Odd, str]]:
    script = Odd()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = unquote(self.path)
            script.asked.append((self.command, path))
            script.authorizations.append(self.headers.get("Authorization", ""))
            found = script.answers.get((self.command, path), Answer(404))
            one = found.pop(0) if isinstance(found, list) else found
            self.send_response(one.status)
            for name, value in one.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(one.body) + 10 * one.truncated))
            self.end_headers()
            self.wfile.write(one.body)
            self.close_connection = one.truncated

        do_PROPFIND = do_GET = answer  # noqa: N815 (the names that http.server looks for)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script, f"webdav+http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_addresses_are_understood_however_they_are_written(
    odd: tuple[Odd, str], settings: Settings, folder: Path
) -> None:
    script, server = odd
    script.listing(
        "/d/",
        resource("http://internal.invalid:8080/d", is_folder=True),
        resource(f"http://internal.invalid:8080{quote('/d/年假.txt')}", etag='"1"'),
        resource("/d/not encoded 薪酬.txt", etag='W/"2"'),
        resource("/d/%e5%ad%90", is_folder=True),
        resource("/d/50%25%20off%3f%23.txt", etag='"3"'),
        resource("/d/careless 100%.txt", etag='"4"'),
        resource("/d/&lt;a&gt;&amp;b.txt", etag='"5"'),
        resource("/d/gb%CE%C4.txt", etag='"6"'),
        # Not in this folder, whatever the server means by it.
        resource("/elsewhere/x.txt", etag='"7"'),
        resource("/d/a/b/c.txt", etag='"8"'),
        resource("/d/../secret.txt", etag='"9"'),
        resource("/d/..", is_folder=True),
        resource("/d/年假.txt", etag='"1"'),
    )
    script.listing("/d/子/", resource(quote("/d/子/"), is_folder=True), resource(quote("/d/子/e.txt"), etag='"10"'))
    script.answers["GET", "/d/50% off?#.txt"] = Answer(200, "五折".encode())
    source = open_source(f"{server}/d/", settings)
    found = {uri.removeprefix(f"{server}/d/"): one.version for uri, one in listed(source).items()}
    assert found == {
        "年假.txt": '"1"',
        "not encoded 薪酬.txt": 'W/"2"',
        "50%25 off%3F%23.txt": '"3"',
        "careless 100%25.txt": '"4"',
        "<a>&b.txt": '"5"',
        "gb%CE%C4.txt": '"6"',
        "子/e.txt": '"10"',
    }
    assert source.open(f"{server}/d/50%25 off%3F%23.txt", folder).read() == "五折".encode()
    source.close()


def test_without_an_etag_time_and_size_are_the_version(odd: tuple[Odd, str], settings: Settings) -> None:
    script, server = odd
    script.listing(
        "/",
        resource("/", is_folder=True),
        resource("/a.txt", modified="Sat, 01 Feb 2025 00:30:00 GMT", size="12"),
        resource("/b.txt", size="12"),
        resource("/c.txt", modified="昨天", size="12"),
    )
    source = open_source(server, settings)
    found = {uri.removeprefix(server): (one.version, one.modified) for uri, one in listed(source).items()}
    assert found == {
        "/a.txt": ("Sat, 01 Feb 2025 00:30:00 GMT 12", "2025-02-01T00:30:00Z"),
        "/b.txt": ("", ""),
        "/c.txt": ("昨天 12", ""),
    }
    source.close()


def test_a_folder_that_is_not_shown_is_not_gone(odd: tuple[Odd, str], settings: Settings) -> None:
    script, server = odd
    script.listing(
        "/",
        resource("/", is_folder=True),
        *(resource(f"/{name}/", is_folder=True) for name in ("closed", "dead", "garbled", "odd")),
        "<D:response><D:href>/机密/</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>",
        resource("/z.txt", etag='"z"'),
    )
    script.answers["PROPFIND", "/closed/"] = Answer(403)
    script.answers["PROPFIND", "/dead/"] = Answer(500)
    script.answers["PROPFIND", "/garbled/"] = Answer(207, b"<D:multi")
    script.listing("/odd/", resource("/other/", is_folder=True))
    source = open_source(server, settings)
    found = list(source.list())
    assert [one.uri for one in found if isinstance(one, Listed)] == [f"{server}/z.txt"]
    reasons = {one.uri.removeprefix(server): one.reason for one in found if isinstance(one, Unlisted)}
    assert set(reasons) == {"/closed", "/dead", "/garbled", "/odd", "/机密"}
    assert "may not be read by this user" in reasons["/closed"]
    assert "HTTP 500 (tries: 1)" in reasons["/dead"]
    assert "cannot be understood" in reasons["/garbled"]
    assert "answers about /other instead" in reasons["/odd"]
    assert reasons["/机密"] == "HTTP 403"
    source.close()


def test_an_answer_about_another_place_is_not_an_empty_folder(odd: tuple[Odd, str], settings: Settings) -> None:
    script, server = odd
    script.listing("/d/", resource("/prefix/d/", is_folder=True), resource("/prefix/d/a.txt", etag='"1"'))
    with pytest.raises(SourceError, match="the server answers about /prefix/d instead"):
        list(open_source(f"{server}/d/", settings).list())
    script.listing("/d/")
    with pytest.raises(SourceError, match="the server answers about nothing instead"):
        list(open_source(f"{server}/d/", settings).list())


def test_entities_are_refused(odd: tuple[Odd, str], settings: Settings) -> None:
    script, server = odd
    bomb = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    body = f'<!DOCTYPE x [<!ENTITY e0 "x">{bomb}]><D:multistatus xmlns:D="DAV:">&e9;</D:multistatus>'
    for encoding in ("utf-8", "utf-16"):
        script.answers["PROPFIND", "/"] = Answer(207, body.encode(encoding))
        with pytest.raises(SourceError, match="cannot be understood"):
            list(open_source(server, settings).list())


def test_a_server_that_is_busy_is_asked_again(odd: tuple[Odd, str], settings: Settings) -> None:
    script, server = odd
    good = Answer(body=multistatus(resource("/", is_folder=True), resource("/a.txt", etag='"1"')))
    script.answers["PROPFIND", "/"] = [Answer(503), Answer(429, headers={"Retry-After": "7"}), good]
    waited: list[float] = []
    source = WebdavSource(server, with_overrides(settings, ["sources.retries=2"]), wait=waited.append)
    assert set(listed(source)) == {f"{server}/a.txt"}
    assert 0 < waited[0] <= 0.5
    assert waited[1] == 7
    source.close()
    script.answers["PROPFIND", "/"] = [Answer(503)] * 3
    source = WebdavSource(server, with_overrides(settings, ["sources.retries=2"]), wait=waited.append)
    with pytest.raises(SourceError, match=r"the server answers HTTP 503 \(tries: 3\)"):
        list(source.list())


def test_a_redirect_is_followed_on_the_same_host_only(
    odd: tuple[Odd, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, server = odd
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", PASSWORD)
    script.answers["PROPFIND", "/d"] = Answer(301, headers={"Location": "/d/"})
    script.listing("/d/", resource("/d/", is_folder=True), resource("/d/a.txt", etag='"1"'))
    source = open_source(f"{server}/d", settings)
    assert set(listed(source)) == {f"{server}/d/a.txt"}
    source.close()
    port = server.rpartition(":")[2]
    for elsewhere in (f"http://localhost:{port}/d/", "//elsewhere.invalid/d/", "http://127.0.0.1:1/d/", "file:///etc/"):
        script.asked.clear()
        script.answers["PROPFIND", "/d"] = Answer(302, headers={"Location": elsewhere})
        with pytest.raises(SourceError, match=r"sends on to .*, and passwords go nowhere else"):
            list(open_source(f"{server}/d".replace("//", "//me@"), settings).list())
        assert script.asked == [("PROPFIND", "/d")]
    script.answers["PROPFIND", "/d"] = Answer(302, headers={"Location": "/d"})
    with pytest.raises(SourceError, match="from one address to the next without end"):
        list(open_source(f"{server}/d", settings).list())


def test_no_password_is_shown_before_it_is_asked_for(
    odd: tuple[Odd, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, server = odd
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", PASSWORD)
    script.listing("/", resource("/", is_folder=True))
    assert listed(open_source(server.replace("//", "//me@"), settings)) == {}
    assert script.authorizations == [""]


def test_what_breaks_off_is_one_line_and_leaves_nothing(odd: tuple[Odd, str], settings: Settings, folder: Path) -> None:
    script, server = odd
    script.answers["GET", "/a.txt"] = Answer(200, b"half", truncated=True)
    source = open_source(server, settings)
    with pytest.raises(SourceError, match="broke off in the middle of its answer") as caught:
        source.open(f"{server}/a.txt", folder)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []
    source.close()


@pytest.mark.parametrize(
    "status, said", [(200, "does not speak WebDAV"), (405, "does not speak WebDAV"), (403, "may not")]
)
def test_a_web_server_is_no_webdav_server(status: int, said: str, odd: tuple[Odd, str], settings: Settings) -> None:
    script, server = odd
    script.answers["PROPFIND", "/"] = Answer(status, b"<html>hello</html>")
    with pytest.raises(SourceError, match=said):
        list(open_source(server, settings).list())


def test_a_folder_in_itself_has_an_end(odd: tuple[Odd, str], settings: Settings) -> None:
    script, server = odd

    class Endless(dict[tuple[str, str], Answer]):
        def get(self, key: tuple[str, str], default: Answer | None = None) -> Answer:  # type: ignore[override]
            path = key[1]
            return Answer(body=multistatus(resource(path, is_folder=True), resource(f"{path}a/", is_folder=True)))

    script.answers = Endless()
    found = list(open_source(server, settings).list())
    assert [type(one) for one in found] == [Unlisted]
    assert isinstance(found[0], Unlisted)
    assert found[0].reason == "more than 100 folders deep"


@pytest.mark.parametrize(
    "address",
    [
        "webdav+https://",
        "webdav+https:///x",
        "webdav+https://host:99999/",
        "webdav+https://host/a/../b",
        "webdav+https://-x/",
    ],
)
def test_what_is_no_address_is_refused(address: str, settings: Settings) -> None:
    with pytest.raises(InputError, match=r"is not the address of a source\. Write it like webdav\+https://user@host/"):
        open_source(address, settings)


@pytest.mark.parametrize("behind", ["?x=1", "#part", "/为什么?"])
def test_what_ends_a_path_is_refused(behind: str, settings: Settings) -> None:
    with pytest.raises(
        InputError, match=r"holds a \? or #, which ends a path\. In a name, write them as %3F and %23\."
    ):
        open_source(f"webdav+https://host/a{behind}", settings)


def test_a_password_in_an_address_is_refused_and_not_shown(settings: Settings) -> None:
    for given in ("webdav+https://me:s3cret@host/x", "webdav+https://me:s3/cret@host/x", "webdav+https://:s3cret@host"):
        with pytest.raises(InputError) as caught:
            open_source(given, settings)
        assert "cret" not in repr(caught.value)


@pytest.mark.parametrize(
    "given, same",
    [
        ("webdav+https://Host.Example/%E4%BA%BA%E4%BA%8B/", "webdav+https://host.example/人事"),
        ("webdav+https://me%40x.example@host:8443/a%20b%2Fc", "webdav+https://me@x.example@host:8443/a b%2Fc"),
        ("webdav+http://[::1]:80/x//", "webdav+http://[::1]:80/x"),
        ("webdav+https://host/１００％（甲）", "webdav+https://host/１００％（甲）"),
        ("webdav+https://host/%E3%80%80.txt", "webdav+https://host/%E3%80%80.txt"),
    ],
)
def test_the_same_place_is_always_written_the_same_way(given: str, same: str) -> None:
    place = place_of(given, "")
    assert place.address == same
    assert place_of(place.address, "") == place


@pytest.mark.parametrize("name", ["年 假.txt", "a/b", "50%", "%41", "?#", "\\", "\n", "\u3000", "é", "a+b&c=d;e", "😀"])
def test_any_name_survives_being_written_and_sent(name: str) -> None:
    written = as_name(name)
    assert unquote(quoted(written)) == name
    assert readable(quoted(written)) == written
    assert written.isprintable()
    assert "/" not in written


def test_a_folder_that_is_closed_for_a_while_loses_nothing(
    odd: tuple[Odd, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, server = odd
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))
    script.listing(
        "/", resource("/", is_folder=True), resource("/人事/", is_folder=True), resource("/a.txt", etag='"1"')
    )
    inside = (resource("/人事/", is_folder=True), resource("/人事/年假.txt", etag='"2"'))
    script.listing("/人事/", *inside)
    script.answers["GET", "/a.txt"] = Answer(200, b"Travel is refunded within thirty days.")
    script.answers["GET", "/人事/年假.txt"] = Answer(200, "年假：每位員工每年享有五天帶薪年假。".encode())
    chosen = ["encoder.name=hash", "reading.workers=1", "sources.retries=0"]
    with qianxun.open(tmp_path / "kb", overrides=chosen) as kb:
        kb.add(server)
        assert {d.source for d in kb.documents()} == {f"{server}/a.txt", f"{server}/人事/年假.txt"}
        script.answers["PROPFIND", "/人事/"] = Answer(403)
        script.asked.clear()
        report = kb.add(server, sync=True)
        assert report.removed == 0
        assert [source for source, _ in report.failed] == [f"{server}/人事"]
        assert not any(method == "GET" for method, _ in script.asked), "an unchanged file was fetched"
        script.listing("/人事/", inside[0])
        assert kb.add(server, sync=True).removed == 1
        assert {d.source for d in kb.documents()} == {f"{server}/a.txt"}
