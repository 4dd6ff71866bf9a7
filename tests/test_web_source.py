"""Pages of the web: what is fetched, what is refused, what is asked for again. A real server on this machine."""

import contextlib
import itertools
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from source_conformance import SourceConformance
from web_server import Reply, Web, gzipped, serving, settings

import qianxun
from qianxun import KnowledgeBase
from qianxun.errors import InputError, QianxunError, SettingsError, SourceError
from qianxun.protocols import Listed, Unlisted
from qianxun.records import Status
from qianxun.sources import networks
from qianxun.sources.addresses import as_named, host_name, is_address, linked_address, page_address
from qianxun.sources.fetching import USER_AGENT, Fetcher
from qianxun.sources.links import links_of
from qianxun.sources.networks import Opened
from qianxun.sources.registry import open_source
from qianxun.sources.sitemap import read_sitemap

LEAVE = "年假：每位員工每年享有五天帶薪年假，須提前兩週申請。"
EXPENSES = "Travel expenses are refunded within thirty days（三十天）of the request."


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as running:
        yield running


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with qianxun.open(tmp_path / "kb", settings=settings(), overrides=["encoder.name=hash"]) as opened:
        yield opened


def texts(kb: KnowledgeBase) -> dict[str, str]:
    return {d.source: kb.text(d.id) for d in kb.documents() if d.status is Status.READY}


def listed_at(address: str, **sources: Any) -> list[Listed | Unlisted]:
    with contextlib.closing(open_source(address, settings(**sources))) as source:
        return list(source.list())


def refused(address: str, **sources: Any) -> str:
    """Why an address cannot be read, on one line."""
    with pytest.raises(QianxunError) as caught:
        listed_at(address, **sources)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- addresses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, named",
    [
        ("https://Example.COM", "https://example.com/"),
        ("https://example.com:443/a/../b/./c", "https://example.com/b/c"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        ("https://example.com/%E5%B9%B4%E5%81%87?q=%e4%bd%a0", "https://example.com/年假?q=你"),
        ("https://example.com/年假/薪酬 说明", "https://example.com/年假/薪酬%20说明"),
        ("https://example.com/a%2Fb%3f#part", "https://example.com/a%2Fb%3F"),
        ("https://example.com/%7Euser/%41", "https://example.com/~user/A"),
        ("https://example.com/a!b.html", "https://example.com/a%21b.html"),
        ("https://example.com/%C4%EA", "https://example.com/%C4%EA"),  # no UTF-8
        ("https://example.com/50%", "https://example.com/50%25"),
        ("https://例え.テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("http://２１３０７０６４３３/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[::FFFF:7f00:1]/", "http://[::ffff:127.0.0.1]/"),
    ],
)
def test_a_page_has_one_name(given: str, named: str) -> None:
    assert page_address(given) == named
    assert page_address(named) == named
    assert as_named(f"site+{given}") == named


@pytest.mark.parametrize(
    "given",
    ["https://", "https:///a", "http://a b/", "http://exa mple.com/", "ftp://example.com/", "http://example.com:99999/",
     "http://256.1.1.1/", "http://1.2.3.4.5/", "http://[::1/", "http://-a.com/", "https://a..b/", "http://[fe80::1%25eth0]/"],
)  # fmt: skip
def test_what_is_no_address_of_a_page_is_refused(given: str) -> None:
    with pytest.raises(InputError):
        page_address(given)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="user name or a password") as caught:
        page_address("https://me:geheim@example.com/x")
    assert "geheim" not in str(caught.value)
    # What a browser would take for a path is part of the host here, and none.
    with pytest.raises(InputError):
        page_address("http://good.example\\@127.0.0.1/")


def test_paths_are_no_addresses() -> None:
    assert is_address("https://a/")
    assert is_address("git+ssh://a/b")
    assert not any(map(is_address, ["/a/b", "a:b", "C:\\x", "年假.txt", "http:/a", Path("https:/a"), ""]))


@pytest.mark.parametrize(
    "link, leads_to",
    [
        ("b.html", "https://a.example/x/b.html"),
        ("/年假", "https://a.example/年假"),
        ("//b.example/", "https://b.example/"),
        ("?p=2", "https://a.example/x/page?p=2"),
        ("#top", "https://a.example/x/page"),
        ("mailto:a@b.example", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("https://u:p@b.example/", None),
        ("http://[", None),
    ],
)
def test_links_lead_to_pages_or_nowhere(link: str, leads_to: str | None) -> None:
    assert linked_address("https://a.example/x/page", link) == leads_to


# -- networks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
     "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1",
     "255.255.255.255", "１２７.０.０.１", "127。0。0。1", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]",
     "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]",
     "[2002:7f00:1::]", "[2001:0:1::1]", "[2001:db8::1]", "localhost"],
)  # fmt: skip
def test_no_page_is_read_from_within_a_network(host: str) -> None:
    said = refused(f"http://{host}/", allow_networks=())
    assert "not on the public internet" in said or "cannot be found" in said
    if host != "localhost":
        assert "cannot be found" not in said


def test_every_address_of_a_name_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "resolved", lambda host, port: ["93.184.216.34", "10.0.0.5"])
    assert "10.0.0.5" in refused("https://innen.example/", allow_networks=())


def test_other_ports_are_refused_unless_the_host_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "resolved", lambda host, port: ["93.184.216.34"])
    assert "port 22" in refused("http://a.example:22/", allow_networks=())
    assert networks.addresses_of("a.example", 22, Opened.of(["A.example"])) == ["93.184.216.34"]
    assert networks.addresses_of("a.example", 443, Opened()) == ["93.184.216.34"]


def test_what_is_opened_is_networks_and_hosts() -> None:
    opened = Opened.of(["10.0.0.0/8", "fd00::/8", "wiki.example", "例子.example"])
    assert opened.hosts == {"wiki.example", host_name("例子.example")}
    with pytest.raises(SettingsError, match="neither a network nor a host"):
        Opened.of(["10.0.0.0/99"])


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time reaches nothing."""
    import httpx

    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    monkeypatch.setattr(networks, "resolved", lambda host, port: next(answers))
    seen: list[Any] = []

    def handle(self: object, request: Any) -> Any:
        seen.append(request)
        return httpx.Response(200, headers={"content-type": "text/plain"}, stream=httpx.ByteStream(b"x"))

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    fetcher = Fetcher(settings(allow_networks=(), obey_robots=False))
    with fetcher.answered("https://rebinding.example/") as answer:
        assert answer.read() == b"x"
    assert [request.url.host for request in seen] == ["93.184.216.34"]
    assert seen[0].headers["host"] == "rebinding.example"
    assert seen[0].extensions["sni_hostname"] == "rebinding.example"
    with pytest.raises(SourceError, match=r"127\.0\.0\.1"), fetcher.answered("https://rebinding.example/"):
        pass
    fetcher.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_the_certificate_is_that_of_the_name_and_not_of_the_address(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=seite.example -addext subjectAltName=DNS:seite.example"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    monkeypatch.setattr(networks, "resolved", lambda host, port: ["127.0.0.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(tls=context) as secure:
        secure.page("/", LEAVE)
        assert listed_at(f"https://seite.example:{secure.port}/")
        assert set(asked) == {"seite.example"}
        said = refused(f"https://andere.example:{secure.port}/")
        assert "CERTIFICATE_VERIFY_FAILED" in said
    assert web.paths() == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/geheim", "http://localhost:{port}/geheim", "//127.1:{port}/"]
)
def test_a_redirect_into_the_network_is_refused(web: Web, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setattr(networks, "resolved", lambda host, port: ["127.0.0.1"])
    web.replies["/"] = Reply(status=302, headers={"Location": target.format(port=web.port)})
    web.page("/geheim", "secret")
    said = refused(web.address("/", host="aussen.example"), allow_networks=("aussen.example",))
    assert "not on the public internet" in said
    assert "/geheim" not in web.paths()


def test_redirects_are_followed_a_few_times(web: Web, kb: KnowledgeBase) -> None:
    for n in range(5):
        web.replies[f"/{n}"] = Reply(status=301, headers={"Location": f"/{n + 1}"})
    web.page("/5", LEAVE)
    kb.add(web.address("/0"))
    assert texts(kb) == {web.address("/0"): LEAVE}
    web.replies["/loop"] = Reply(status=302, headers={"Location": "/loop"})
    assert "more than 5 times" in refused(web.address("/loop"))
    web.replies["/odd"] = Reply(status=302, headers={"Location": "file:///etc/passwd"})
    assert "which is no page" in refused(web.address("/odd"))


# -- limits --------------------------------------------------------------------------------------------------


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536


def test_an_endless_page_ends(web: Web) -> None:
    web.replies["/"] = Reply(pieces=endless)
    assert "larger than 1 MB" in refused(web.address(), max_page_mb=1)


def test_a_slow_page_ends(web: Web) -> None:
    web.replies["/"] = Reply(pieces=lambda: iter([b"x"] * 100), pause=0.2)
    started = time.monotonic()
    assert "longer than 0.5 seconds" in refused(web.address(), fetch_seconds=0.5)
    assert time.monotonic() - started < 5
    web.replies["/"] = Reply(pieces=lambda: iter([b"x"] * 2), pause=30)
    assert "broken off" in refused(web.address(), read_seconds=0.3)


def test_headers_that_drip_end() -> None:
    def drip(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 4096):
                        connection.sendall(bytes([byte]))
                        time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        started = time.monotonic()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        # Each single read is short: only all of them together are too long.
        assert "longer than 0.8 seconds" in refused(address, fetch_seconds=0.8, read_seconds=0.5)
        assert time.monotonic() - started < 10
        with contextlib.suppress(OSError):  # only Linux wakes the thread by it
            server.shutdown(socket.SHUT_RDWR)


def test_what_is_packed_is_counted_unpacked(web: Web) -> None:
    bomb = gzipped(b"\0" * 64_000_000)
    assert len(bomb) < 100_000
    web.replies["/"] = Reply(bomb, headers={"Content-Encoding": "gzip"})
    assert "larger than 2 MB" in refused(web.address(), max_page_mb=2)
    web.replies["/"] = Reply(gzipped(bomb), headers={"Content-Encoding": "gzip, gzip"})
    assert "not asked for" in refused(web.address())
    web.replies["/"] = Reply(b"\x00", headers={"Content-Encoding": "br"})
    assert "not asked for" in refused(web.address())


def test_gzip_is_unpacked_whole_or_not_at_all(web: Web, kb: KnowledgeBase) -> None:
    long = (LEAVE + "\n\n") * 60_000  # several pieces
    packed = gzipped(long.encode()) + gzipped(EXPENSES.encode())
    web.replies["/a.txt"] = Reply(packed, kind="text/plain", headers={"Content-Encoding": "gzip"})
    kb.add(web.address("/a.txt"))
    (text,) = texts(kb).values()
    assert text.count("五天") == 60_000
    assert "thirty days" in text
    assert web.asked[-1][1]["accept-encoding"] == "gzip"
    web.replies["/"] = Reply(gzipped(long.encode())[:-20], headers={"Content-Encoding": "gzip"})
    assert "broken off" in refused(web.address())
    web.replies["/"] = Reply(b"x" * 10, headers={"Content-Length": "100"})
    assert "broken off" in refused(web.address(), read_seconds=0.5)


def test_a_busy_server_is_asked_again_when_it_says(web: Web) -> None:
    waits: list[float] = []
    web.replies["/"] = [
        Reply(status=503, headers={"Retry-After": "7"}),
        Reply(status=429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Reply(status=500),
        Reply(b"there", kind="text/plain"),
    ]
    fetcher = Fetcher(settings(retries=3, obey_robots=False), wait=waits.append)
    with fetcher.answered(web.address()) as answer:
        assert answer.read() == b"there"
    assert waits == [7.0, 0.0, 2.0]
    fetcher.close()
    web.replies["/"] = Reply(status=503)
    assert "HTTP 503" in refused(web.address())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert "cannot be reached" in refused(f"http://127.0.0.1:{free.getsockname()[1]}/", obey_robots=False)


def test_requests_keep_their_distance(web: Web) -> None:
    waits: list[float] = []
    web.page("/")
    web.replies["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 3\n", kind="text/plain")
    fetcher = Fetcher(settings(delay_seconds=0.5), wait=waits.append)
    for _ in range(2):
        with fetcher.answered(web.address()):
            pass
    fetcher.close()
    assert [round(seconds) for seconds in waits] in ([0, 3], [1, 4], [0, 4], [1, 3])


# -- robots --------------------------------------------------------------------------------------------------


def test_robots_are_obeyed(web: Web, kb: KnowledgeBase) -> None:
    web.replies["/robots.txt"] = Reply(
        "User-agent: *\nDisallow: /privat\nDisallow: /*.pdf$\nAllow: /privat/offen\nDisallow: /年假\n".encode(),
        kind="text/plain",
    )
    for path in ("/privat/a", "/privat/offen", "/x.pdf", "/x.pdf.html", "/年假", "/ok"):
        web.page(path, LEAVE)
    allowed = {path for path in web.replies if path != "/robots.txt" and _may(web, path)}
    assert allowed == {"/privat/offen", "/x.pdf.html", "/ok"}
    assert "robots.txt" in refused(web.address("/privat/a"))
    assert next(iter(web.asked))[1]["user-agent"] == USER_AGENT
    assert listed_at(web.address("/privat/a"), obey_robots=False)


def _may(web: Web, path: str) -> bool:
    fetcher = Fetcher(settings())
    try:
        return fetcher.allows(page_address(web.address(path)))
    finally:
        fetcher.close()


@pytest.mark.parametrize("status, read", [(404, True), (403, True), (500, False), (503, False)])
def test_without_robots_everything_may_be_read_unless_the_server_fails(web: Web, status: int, read: bool) -> None:
    web.replies["/robots.txt"] = Reply(status=status)
    web.page("/", LEAVE)
    if read:
        assert listed_at(web.address())
    else:
        assert f"HTTP {status}" in refused(web.address())


def test_rules_for_our_name_go_before_those_for_all(web: Web) -> None:
    web.replies["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /\n\nUser-agent: qianxun\nDisallow: /x\n")
    assert _may(web, "/a")
    assert not _may(web, "/x")


# -- one page ------------------------------------------------------------------------------------------------


def test_a_page_is_a_document_and_is_asked_for_again_only_if_it_changed(web: Web, kb: KnowledgeBase) -> None:
    address = web.address("/人事/年假")
    web.page("/人事/年假", LEAVE, headers={"ETag": '"1"'})
    assert kb.add(web.address("/%E4%BA%BA%E4%BA%8B/年假#top")).added == 1
    assert texts(kb) == {address: LEAVE}
    assert kb.documents()[0].format == "html"
    assert kb.add(address).unchanged == 1
    assert web.asked[-1][1]["if-none-match"] == '"1"'
    web.page("/人事/年假", LEAVE.replace("五", "六"), headers={"ETag": '"2"'})
    assert kb.add(address).replaced == 1
    assert "六天" in texts(kb)[address]
    assert kb.search("年假有几天").passages[0].source == address


@pytest.mark.parametrize("headers", [{}, {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}, {"ETag": 'W/"x"'}])
def test_an_unchanged_page_is_fetched_at_most_once_more(web: Web, kb: KnowledgeBase, headers: dict[str, str]) -> None:
    web.page("/a", EXPENSES, headers=headers)
    kb.add(web.address("/a"))
    assert web.paths() == ["/a"]
    report = kb.add(web.address("/a"))
    assert (report.unchanged, report.replaced) == (1, 0)
    assert web.paths() == ["/a", "/a"]


def test_a_page_that_is_gone_is_removed_by_sync_alone(web: Web, kb: KnowledgeBase) -> None:
    web.page("/a", LEAVE)
    address = web.address("/a")
    kb.add(address)
    del web.replies["/a"]
    assert kb.add(address).failed == []
    assert len(kb.documents()) == 1
    web.replies["/a"] = Reply(status=500)
    with pytest.raises(SourceError, match="HTTP 500"):
        kb.add(address, sync=True)
    assert len(kb.documents()) == 1
    web.replies["/a"] = Reply(status=410)
    assert kb.add(address, sync=True).removed == 1
    assert kb.documents() == []
    with pytest.raises(SourceError, match="HTTP 404"):
        kb.add(web.address("/never"))


def test_a_charset_that_only_the_server_names_is_believed_where_the_bytes_allow(web: Web, kb: KnowledgeBase) -> None:
    short = "食堂"  # that may be something else, too, by its bytes alone
    pages = {
        "/gbk": ("年假共有五天。", "gbk", "text/html; charset=gb2312"),
        "/big5": (short, "big5", "text/html; charset=Big5"),
        "/plain.txt": ("年假共有五天。", "gbk", "text/plain; charset=GBK"),
        "/default": (LEAVE * 5, "gb18030", "text/html; charset=iso-8859-1"),  # a server's own default
        "/wrong": (LEAVE, "utf-8", "text/html; charset=gbk"),
    }
    for path, (text, encoding, kind) in pages.items():
        web.replies[path] = Reply(f"<p>{text}</p>".encode(encoding) if "html" in kind else text.encode(encoding), kind)
    for path in pages:
        kb.add(web.address(path))
    found = texts(kb)
    for path, (text, _, _) in pages.items():
        assert found.get(web.address(path)) == text, path


def test_the_kind_is_what_the_server_says_or_the_name_or_the_bytes(web: Web, kb: KnowledgeBase) -> None:
    web.replies["/download?id=7"] = Reply(
        LEAVE.encode(),
        "application/octet-stream",
        headers={"Content-Disposition": "attachment; filename*=UTF-8''%E5%B9%B4.md"},
    )
    web.replies["/report.php"] = Reply(b"<h1>Bericht</h1><p>Text</p>", "text/html")
    web.replies["/data.csv"] = Reply("姓名,天數\n王芳,5\n".encode(), "text/plain")
    web.replies["/v1.2"] = Reply(EXPENSES.encode(), "text/plain; charset=utf-8")
    web.replies["/paper"] = Reply(b"%PDF-1.4 nothing", "text/html")
    web.replies["/song.mp3"] = Reply(b"ID3\x00", "audio/mpeg")
    for path in ("/download?id=7", "/report.php", "/data.csv", "/v1.2"):
        assert kb.add(web.address(path)).failed == [], path
    assert [d.format for d in kb.documents()] == ["csv", "markdown", "html", "text"]
    ((_, reason),) = kb.add(web.address("/paper")).failed
    assert "PDF" in reason
    ((_, reason),) = kb.add(web.address("/song.mp3")).failed
    assert "cannot be read" in reason


def test_several_addresses_do_not_depend_on_each_other(web: Web, kb: KnowledgeBase, tmp_path: Path) -> None:
    web.page("/a", LEAVE)
    path = tmp_path / "b.txt"
    path.write_text(EXPENSES, encoding="utf-8")
    report = kb.add([web.address("/never"), web.address("/a"), str(path)])
    assert report.added == 2
    assert [source for source, _ in report.failed] == [web.address("/never")]


def test_nothing_that_was_fetched_is_left_over(web: Web, kb: KnowledgeBase) -> None:
    web.page("/a", LEAVE)
    kb.add(web.address("/a"))
    assert not (kb.directory / "fetched").exists()
    (kb.directory / "fetched").mkdir()
    (kb.directory / "fetched" / "left").write_text(LEAVE)
    kb.compact()
    assert not (kb.directory / "fetched").exists()


def test_remove_label_and_list_know_addresses(web: Web, kb: KnowledgeBase) -> None:
    for path in ("/docs/a", "/docs/b/c", "/docsx", "/other"):
        web.page(path, path)
        kb.add(web.address(path))
    assert {d.source for d in kb.label([web.address("/docs/")], add=["hr"])} == {
        web.address("/docs/a"), web.address("/docs/b/c")
    }  # fmt: skip
    assert len(kb.remove([web.address("/docs")]).documents) == 2
    assert {d.source for d in kb.documents()} == {web.address("/docsx"), web.address("/other")}
    kb.remove([web.address("/*")])
    assert kb.documents() == []


# -- sites ---------------------------------------------------------------------------------------------------


def site_of(web: Web, path: str = "/docs/", **sources: Any) -> tuple[dict[str, Listed], list[Unlisted]]:
    found = listed_at(f"site+{web.address(path)}", **sources)
    listed = {one.uri.removeprefix(web.address("")): one for one in found if isinstance(one, Listed)}
    return listed, [one for one in found if isinstance(one, Unlisted)]


def test_a_site_is_followed_below_its_path_breadth_first(web: Web) -> None:
    web.page("/docs/", links=("b", "a", "/docs/deep/x.html", "/outside", "http://elsewhere.example/", "pic.png", "#x"))
    web.page("/docs/a", links=("a2",))
    web.page("/docs/b", links=("/docs/", "../docs/a#again"))
    web.page("/docs/a2", links=("年假",))
    web.page("/docs/年假", LEAVE)
    web.page("/docs/deep/x.html", links=("y.pdf", "z.bin"))
    web.replies["/docs/deep/y.pdf"] = Reply(b"%PDF-1.4", "application/pdf")
    web.replies["/docs/deep/z.bin"] = Reply(b"\0", "application/octet-stream")
    listed, unlisted = site_of(web)
    assert list(listed) == [
        "/docs/", "/docs/b", "/docs/a", "/docs/deep/x.html", "/docs/a2", "/docs/deep/y.pdf", "/docs/年假"
    ]  # fmt: skip
    assert unlisted == []
    assert len(web.paths()) == len(set(web.paths())), "a page was fetched twice"
    assert "/outside" not in web.paths()
    assert "/docs/pic.png" not in web.paths()


def test_a_site_is_what_its_pages_say_of_themselves(web: Web) -> None:
    web.page("/", links=("a", "b", "c", "d", "e", "f"))
    web.page("/a", links=("a2",), head='<meta name="robots" content="noindex">')
    web.page("/a2")
    web.page("/b", links=("b2",), head='<META NAME="Robots" CONTENT="index, NOFOLLOW">')
    web.page("/c", head='<link rel="canonical" href="/kanonisch">')
    web.page("/d", head='<base href="/basis/">', links=("x",))
    web.page("/basis/x")
    web.replies["/e"] = Reply(b'<a href="/e2" rel="nofollow">x</a><a href="/e3">y</a>')
    web.page("/e3")
    web.page("/f", links=("f2",), headers={"X-Robots-Tag": "none"})
    listed, _ = site_of(web, "/")
    assert set(listed) == {"/", "/a2", "/b", "/kanonisch", "/d", "/basis/x", "/e", "/e3"}


def test_two_addresses_of_a_page_are_one_document(web: Web, kb: KnowledgeBase) -> None:
    web.page("/docs/", links=("a", "a?session=1"))
    for path in ("/docs/a", "/docs/a?session=1"):
        web.page(path, LEAVE, head='<link rel="canonical" href="/docs/a">')
    kb.add(f"site+{web.address('/docs/')}")
    assert set(texts(kb)) == {web.address("/docs/"), web.address("/docs/a")}


def test_a_site_is_synced(web: Web, kb: KnowledgeBase) -> None:
    address = f"site+{web.address('/docs/')}"
    web.page("/docs/", "eins", links=("a", "b"))
    web.page("/docs/a", LEAVE)
    web.page("/docs/b", EXPENSES)
    assert kb.add(address).added == 3
    n_asked = len(web.asked)
    report = kb.add(address, sync=True)
    assert (report.unchanged, report.removed, report.failed) == (3, 0, [])
    assert len(web.asked) - n_asked == 4  # each page once, and robots.txt
    web.page("/docs/", "eins", links=("a",))
    assert kb.add(address).removed == 0
    assert kb.add(address, sync=True).removed == 1
    assert set(texts(kb)) == {web.address("/docs/"), web.address("/docs/a")}
    assert len(kb.remove([address]).documents) == 2


def test_of_a_site_that_cannot_be_seen_whole_nothing_is_gone(web: Web, kb: KnowledgeBase) -> None:
    address = f"site+{web.address('/')}"
    web.page("/", links=("a", "b"))
    web.page("/a", LEAVE, links=("a2",))
    web.page("/a2", LEAVE)
    web.page("/b", EXPENSES)
    kb.add(address)
    web.replies["/a"] = Reply(status=500)
    report = kb.add(address, sync=True)
    assert report.removed == 0
    assert "HTTP 500" in report.failed[0][1]
    assert len(kb.documents()) == 4
    with qianxun.open(kb.directory, settings=settings(max_pages=2), overrides=["encoder.name=hash"]) as smaller:
        web.page("/a", LEAVE)
        report = smaller.add(address, sync=True)
        assert "max_pages" in report.failed[0][1]
        assert report.removed == 0
    del web.replies["/"]
    with pytest.raises(SourceError, match="HTTP 404"):
        kb.add(address, sync=True)
    assert len(kb.documents()) == 4


def test_a_page_that_two_roots_have_stays_until_neither_has_it(web: Web, kb: KnowledgeBase) -> None:
    site = f"site+{web.address('/')}"
    web.page("/", links=("a",))
    web.page("/a", LEAVE)
    kb.add(site)
    kb.add(web.address("/a"))
    web.page("/")
    assert kb.add(site, sync=True).removed == 0
    del web.replies["/a"]
    assert kb.add(web.address("/a"), sync=True).removed == 1


def test_links_in_pages_of_other_encodings() -> None:
    page = '<meta charset="gbk"><a href="/年假">x</a>'.encode("gbk")
    assert links_of("https://a.example/", page).links == ["https://a.example/年假"]
    assert links_of("https://a.example/", '<a href="/年假">'.encode("big5"), "big5").links == ["https://a.example/年假"]
    assert links_of("https://a.example/", b"\xff\xfe<a href='/x'>").links == ["https://a.example/x"]
    assert links_of("https://a.example/", b"<a <a <<a href=/x><!-- <a href=/y>").links in ([], ["https://a.example/x"])


# -- sitemaps ------------------------------------------------------------------------------------------------

SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def sitemap(web: Web, entries: dict[str, str], kind: str = "urlset") -> bytes:
    tag = "url" if kind == "urlset" else "sitemap"
    body = "".join(
        f"<{tag}><loc>{web.address(path) if path.startswith('/') else path}</loc>"
        + (f"<lastmod>{changed}</lastmod>" if changed else "")
        + f"</{tag}>"
        for path, changed in entries.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><{kind} xmlns="{SPACE}">{body}</{kind}>'.encode()


def test_a_sitemap_lists_pages_and_their_changes(web: Web, kb: KnowledgeBase) -> None:
    address = f"sitemap+{web.address('/sitemap.xml')}"
    index = sitemap(web, {"/one.xml": "", "/two.xml.gz": ""}, "sitemapindex")
    web.replies["/sitemap.xml"] = Reply(index, "application/xml")
    web.replies["/one.xml"] = Reply(sitemap(web, {"/年假": "2025-03-01T08:00:00Z", "/b": ""}), "text/xml")
    two = sitemap(web, {"/c": "2025-01-01", "http://elsewhere.example/x": "", "/年假": ""})
    web.replies["/two.xml.gz"] = Reply(gzipped(two), "application/gzip")
    web.page("/年假", LEAVE)
    web.page("/b", EXPENSES)
    web.page("/c", "drei")
    assert kb.add(address).added == 3
    known = {d.source: d for d in kb.documents()}
    assert set(known) == {web.address(path) for path in ("/年假", "/b", "/c")}
    assert known[web.address("/年假")].modified == "2025-03-01T08:00:00Z"
    web.asked.clear()
    assert kb.add(address, sync=True).unchanged == 3
    assert sorted(web.paths()) == ["/b", "/one.xml", "/sitemap.xml", "/two.xml.gz"]
    web.replies["/one.xml"] = Reply(sitemap(web, {"/年假": "2025-04-01T08:00:00Z"}), "text/xml")
    web.page("/年假", LEAVE.replace("五", "七"))
    report = kb.add(address, sync=True)
    assert (report.replaced, report.removed) == (1, 1)
    assert len(kb.matching([address])) == 2
    assert len(kb.remove([address]).documents) == 2


def test_a_sitemap_in_part_takes_nothing_away(web: Web, kb: KnowledgeBase) -> None:
    address = f"sitemap+{web.address('/s.xml')}"
    web.replies["/s.xml"] = Reply(sitemap(web, {"/one.xml": "", "/two.xml": ""}, "sitemapindex"), "text/xml")
    for n, path in (("one", "/a"), ("two", "/b")):
        web.replies[f"/{n}.xml"] = Reply(sitemap(web, {path: ""}), "text/xml")
        web.page(path, path)
    kb.add(address)
    web.replies["/two.xml"] = Reply(status=500)
    report = kb.add(address, sync=True)
    assert (report.removed, len(report.failed)) == (0, 1)
    assert len(kb.documents()) == 2


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'


@pytest.mark.parametrize(
    "data", [b"", b"<html></html>", LAUGHS, b"\x1f\x8bxxxx", b"<urlset><url>", gzipped(b"\0" * 20_000)]
)
def test_what_is_no_sitemap_is_named(data: bytes) -> None:
    with pytest.raises(SourceError, match="no sitemap"):
        read_sitemap("https://a.example/s.xml", data, 10_000)


def test_a_sitemap_may_be_a_list() -> None:
    lines = "https://a.example/年假\nhttps://a.example/b\n".encode()
    assert read_sitemap("https://a.example/sitemap.txt", lines, 10_000) == (
        [("https://a.example/年假", ""), ("https://a.example/b", "")],
        [],
    )


# -- conformance ---------------------------------------------------------------------------------------------


class WebPlace:
    """Documents on a web server. `lists` writes what leads to them."""

    def __init__(self, web: Web, kind: str, *, etag: bool) -> None:
        self.web, self.kind, self.etag = web, kind, etag
        self.names: dict[str, int] = {}
        self.n = 0
        self._write()

    def source(self) -> Any:
        path = "/docs/" if self.kind == "site" else "/sitemap.xml"
        return open_source(f"{self.kind}+{self.web.address(path)}", settings())

    def put(self, name: str, data: bytes) -> None:
        self.n += 1
        self.names[name] = self.n
        headers = {"ETag": f'"{self.n}"'} if self.etag else {}
        kind = "text/markdown" if name.endswith(".md") else "text/plain"
        self.web.replies[f"/docs/{name}"] = Reply(data, kind, headers=headers)
        self._write()

    def delete(self, name: str) -> None:
        del self.names[name], self.web.replies[f"/docs/{name}"]
        self._write()

    def _write(self) -> None:
        from urllib.parse import quote

        links = tuple(f"/docs/{quote(name)}" for name in self.names)
        self.web.page("/docs/", links=links, head='<meta name="robots" content="noindex">')
        changed = {f"/docs/{quote(name)}": f"2025-01-{n:02}" if self.etag else "" for name, n in self.names.items()}
        self.web.replies["/sitemap.xml"] = Reply(sitemap(self.web, changed), "text/xml")


class TestSiteConformance(SourceConformance):
    @pytest.fixture(params=[True, False], ids=["etag", "digest"])
    def place(self, web: Web, request: pytest.FixtureRequest) -> WebPlace:
        return WebPlace(web, "site", etag=request.param)


class TestSitemapConformance(SourceConformance):
    @pytest.fixture(params=[True, False], ids=["lastmod", "digest"])
    def place(self, web: Web, request: pytest.FixtureRequest) -> WebPlace:
        return WebPlace(web, "sitemap", etag=request.param)
