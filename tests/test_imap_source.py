"""Mailboxes as sources, against a real IMAP server (pymap), plain, with STARTTLS and with TLS from the first byte."""

import contextlib
import imaplib
import re
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import source_conformance
from source_conformance import SourceConformance, listed

import qianxun
from qianxun.errors import InputError, SourceError
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings, with_overrides
from qianxun.sources import imap_connection
from qianxun.sources.imap import ImapSource, open_source
from qianxun.sources.mailbox_names import decoded, encoded, quoted_name

PASSWORD = 'pass "word" 4711'


def letter(subject: str, text: str) -> bytes:
    lines = [f"Subject: {subject}", "From: hr@example.invalid", "MIME-Version: 1.0"]
    lines += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", text, ""]
    return "\r\n".join(lines).encode()


LETTERS = {
    "年假.eml": letter("annual leave", "年假：每位員工每年享有五天帶薪年假，須提前兩週申請。"),
    "expenses.eml": letter("Expenses", "Travel is refunded within ３０ days（三十天内）."),
    "薪酬.eml": letter("salary", "工程师三级的月薪为２８０００元。" * 200),
}


class Server:
    """pymap in a process of its own."""

    def __init__(self, port: int, authority: Path) -> None:
        self.port = port
        self.authority = authority
        self.user = "someone@example.invalid"

    def session(self) -> imaplib.IMAP4:
        imap = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        imap.starttls(ssl.create_default_context(cafile=str(self.authority)))
        imap.login(self.user, PASSWORD)
        return imap

    def address(self, behind: str = "") -> str:
        return f"imap://{self.user}@127.0.0.1:{self.port}{behind}"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine with its key, and its authority's."""
    trustme = pytest.importorskip("trustme")
    folder = tmp_path_factory.mktemp("certificate")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "own.pem"))
    return folder / "own.pem", folder / "authority.pem"


@pytest.fixture(scope="module")
def server(certificate: tuple[Path, Path]) -> Iterator[Server]:
    pytest.importorskip("pymap")
    port = free_port()
    own, authority = certificate
    served = Server(port, authority)
    options = ["--host", "127.0.0.1", "--port", str(port), "--cert", str(own), "--key", str(own)]
    account = ["dict", "--demo-user", served.user, "--demo-password", PASSWORD]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", "from pymap.main import main; main()", *options, *account],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pause = threading.Event()
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, "pymap ended at once"
            pause.wait(0.02)
        yield served
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every source of a test is closed at its end, so that no connection outlives it."""
    made: list[ImapSource] = []
    begin = ImapSource.__init__

    def noted(source: ImapSource, *given: Any, **named: Any) -> None:
        begin(source, *given, **named)
        made.append(source)

    monkeypatch.setattr(ImapSource, "__init__", noted)
    yield
    for source in made:
        source.close()


@pytest.fixture
def settings(tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", PASSWORD)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    return with_overrides(Settings(), ["sources.retries=0", "sources.connect_seconds=5", "sources.read_seconds=20"])


class Mailbox:
    """A folder of letters to change, and its source. A letter is known by its name here only."""

    def __init__(self, server: Server, settings: Settings, address: str, path: str = "/INBOX") -> None:
        self.server = server
        self.settings = settings
        self.given = address
        self.path = path
        self.numbers: dict[str, str] = {}
        self.folders: list[str] = []
        self.imap = server.session()

    def source(self) -> ImapSource:
        return open_source(self.given, self.settings)

    def put(self, name: str, data: bytes) -> None:
        if name in self.numbers:
            self.delete(name)
        _, answer = self.imap.append("INBOX", None, None, data)
        found = re.search(rb"APPENDUID (\d+) (\d+)", answer[0])
        assert found is not None
        self.numbers[name] = f"{found[1].decode()}.{found[2].decode()}.eml"

    def delete(self, name: str) -> None:
        self.imap.select("INBOX")
        self.imap.uid("STORE", self.numbers.pop(name).split(".")[1], "+FLAGS", r"(\Deleted)")
        self.imap.expunge()
        self.imap.close()


@pytest.fixture
def mailbox(server: Server, settings: Settings) -> Iterator[Mailbox]:
    made = Mailbox(server, settings, server.address("/INBOX"))
    yield made
    made.imap.select("INBOX")
    made.imap.store("1:*", "+FLAGS", r"(\Deleted)")
    made.imap.expunge()
    made.imap.close()
    for name in made.folders:
        made.imap.delete(name)
    made.imap.logout()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "opened"
    path.mkdir()
    return path


class TestMailbox(SourceConformance):
    names = tuple(LETTERS)
    mailbox: Mailbox
    uris: dict[str, str]

    @pytest.fixture
    def place(self, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
        monkeypatch.setattr(source_conformance, "TEXTS", LETTERS)
        self.mailbox = mailbox
        return mailbox

    def uri(self, found: dict[str, Listed], name: str) -> str:
        fits = [uri for uri in found if uri.endswith(f"/INBOX/{self.mailbox.numbers[name]}")]
        assert len(fits) == 1
        return fits[0]


@contextlib.contextmanager
def tls_before(port: int, certificate: Path) -> Iterator[int]:
    """TLS from the first byte, in front of a server that has it by STARTTLS only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as near,
                socket.create_connection(("127.0.0.1", port)) as far,
            ):
                back = threading.Thread(target=copy, args=(far, near))
                back.start()
                copy(near, far)
                back.join()

    def copy(start: socket.socket, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := start.recv(65536):
                end.sendall(data)
            end.shutdown(socket.SHUT_WR)

    with serving(Forward) as own:
        yield own


@contextlib.contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    class Threads(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Threads(("127.0.0.1", 0), handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made.server_address[1]
        made.shutdown()
        thread.join()


def test_with_tls_from_the_first_byte(
    mailbox: Mailbox, settings: Settings, certificate: tuple[Path, Path], folder: Path
) -> None:
    mailbox.put("年假.eml", LETTERS["年假.eml"])
    with tls_before(mailbox.server.port, certificate[0]) as port:
        source = open_source(f"imaps://{mailbox.server.user}@127.0.0.1:{port}/inbox", settings)
        (uri,) = listed(source)
        assert uri == f"imaps://{mailbox.server.user}@127.0.0.1:{port}/INBOX/{mailbox.numbers['年假.eml']}"
        assert source.open(uri, folder).read() == LETTERS["年假.eml"]
        source.close()


def test_an_unknown_authority_is_one_line(
    mailbox: Mailbox, settings: Settings, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with tls_before(mailbox.server.port, certificate[0]) as port:
        source = open_source(f"imaps://{mailbox.server.user}@127.0.0.1:{port}", settings)
        with pytest.raises(SourceError, match=r"cannot be reached: .*certificate.* SSL_CERT_FILE"):
            list(source.list())
    with pytest.raises(SourceError, match=r"cannot be reached: .*certificate.* SSL_CERT_FILE"):
        list(mailbox.source().list())


@pytest.fixture
def folders(mailbox: Mailbox) -> str:
    """Folders with Chinese and odd names; the answer is what is between the names of one in another."""
    _, lines = mailbox.imap.list()
    delimiter = re.search(rb'\) "(.)" ', lines[0])
    assert delimiter is not None
    between = delimiter[1].decode()
    for name in ("收件箱", f"项目{between}甲", f"项目{between}乙 & 50%", "R&D", "项目外"):
        mailbox.folders.append(quoted_name(encoded(name)).decode())
        mailbox.imap.create(mailbox.folders[-1])
        mailbox.imap.append(quoted_name(encoded(name)).decode(), None, None, letter("in", f"在{name}里"))
    return between


@pytest.mark.usefixtures("folders")
def test_every_folder_is_read_when_none_is_named(mailbox: Mailbox, folder: Path) -> None:
    mailbox.put("年假.eml", LETTERS["年假.eml"])
    mailbox.given = mailbox.server.address()
    source = mailbox.source()
    found = listed(source)
    server = mailbox.server.address()
    paths = {uri.removeprefix(server).rpartition("/")[0] for uri in found}
    assert paths == {"/INBOX", "/收件箱", "/项目/甲", "/项目/乙 & 50%25", "/R&D", "/项目外"}
    for uri in found:
        if "50%25" in uri:
            assert "& 50%里" in source.open(uri, folder).read().decode()
    source.close()


@pytest.mark.usefixtures("folders")
def test_one_folder_and_one_with_those_below_it(mailbox: Mailbox) -> None:
    def read(behind: str) -> set[str]:
        mailbox.given = mailbox.server.address(behind)
        source = mailbox.source()
        server = mailbox.server.address()
        found = {uri.removeprefix(server).rpartition("/")[0] for uri in listed(source)}
        source.close()
        return found

    assert read("/收件箱") == {"/收件箱"}
    assert read("/%E6%94%B6%E4%BB%B6%E7%AE%B1") == {"/收件箱"}
    assert read("/R&D") == {"/R&D"}
    assert read("/项目/") == {"/项目/甲", "/项目/乙 & 50%25"}
    assert read("/项目/乙 & 50%25") == {"/项目/乙 & 50%25"}


@pytest.mark.usefixtures("folders")
def test_a_folder_that_is_not_there_is_one_line_with_those_that_are(mailbox: Mailbox) -> None:
    mailbox.given = mailbox.server.address("/没有")
    with pytest.raises(SourceError, match=r"there is no such folder\. It has: .*收件箱") as caught:
        list(mailbox.source().list())
    assert "\n" not in str(caught.value)


def test_reading_marks_nothing_as_seen(mailbox: Mailbox, folder: Path) -> None:
    mailbox.put("年假.eml", LETTERS["年假.eml"])
    source = mailbox.source()
    for uri in listed(source):
        source.open(uri, folder)
    source.close()
    mailbox.imap.select("INBOX", readonly=True)
    _, lines = mailbox.imap.fetch("1:*", "(FLAGS)")
    assert rb"\Seen" not in lines[0]


def test_a_letter_marked_as_deleted_is_gone(mailbox: Mailbox) -> None:
    for name, data in LETTERS.items():
        mailbox.put(name, data)
    mailbox.imap.select("INBOX")
    mailbox.imap.uid("STORE", mailbox.numbers["年假.eml"].split(".")[1], "+FLAGS", r"(\Deleted)")
    source = mailbox.source()
    assert {uri.rpartition("/")[2] for uri in listed(source)} == {
        mailbox.numbers["expenses.eml"],
        mailbox.numbers["薪酬.eml"],
    }
    source.close()


def test_many_letters_come_in_several_answers(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_connection, "LETTERS_AT_A_TIME", 2)
    for i in range(5):
        mailbox.put(f"{i}.eml", letter(str(i), f"第{i}封"))
    source = mailbox.source()
    found = listed(source)
    assert [uri.rpartition("/")[2] for uri in found] == list(mailbox.numbers.values())
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one.modified) for one in found.values())
    source.close()


def test_a_long_letter_comes_in_pieces(mailbox: Mailbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_connection, "PIECE_BYTES", 1000)
    for name, text in (("a.eml", "薪" * 3000), ("even.eml", "")):
        mailbox.put(name, letter("long", text))
    exact = letter("exact", "")
    mailbox.put("even.eml", exact.replace(b"exact", b"exact" + b"x" * (2000 - len(exact))))
    source = mailbox.source()
    sizes = {len(source.open(uri, folder).read()) for uri in listed(source)}
    assert sizes == {len(letter("long", "薪" * 3000)), 2000}
    source.close()


def test_a_letter_that_is_too_large_is_named(mailbox: Mailbox, folder: Path) -> None:
    mailbox.put("大.eml", letter("big", "x" * (1 << 20)))
    mailbox.settings = with_overrides(mailbox.settings, ["reading.max_file_mb=1"])
    source = mailbox.source()
    (uri,) = listed(source)
    with pytest.raises(SourceError, match=r"\.eml is more than 1 MB;"):
        source.open(uri, folder)
    assert list(folder.iterdir()) == []
    source.close()


@pytest.mark.parametrize("password", ["wrong 密碼", ""])
def test_a_wrong_password_is_one_line_without_it(
    password: str, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", password)
    with pytest.raises(SourceError, match=r"refuses the user someone@|wants a user and a password") as caught:
        list(mailbox.source().list())
    assert "wrong" not in repr(caught.value)
    assert "\n" not in str(caught.value)


def test_the_password_of_netrc_goes_first(mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f'machine 127.0.0.1\nlogin {mailbox.server.user}\npassword "pass \\"word\\" 4711"\n')
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", "wrong")
    netrc.chmod(0o644)
    with pytest.raises(SourceError, match=r"holds passwords, and others on this machine may read it\. Run `chmod 600`"):
        list(mailbox.source().list())
    netrc.chmod(0o600)
    assert listed(mailbox.source()) == {}
    netrc.write_text("machine 127.0.0.1 s3cret\n")
    with pytest.raises(SourceError, match=r"netrc is not a netrc file: line \d") as caught:
        list(mailbox.source().list())
    assert "s3cret" not in repr(caught.value)


def test_a_server_that_is_not_there_is_one_line(settings: Settings) -> None:
    source = open_source(f"imaps://me@127.0.0.1:{free_port()}", settings)
    with pytest.raises(SourceError, match=r"^imaps://me@127\.0\.0\.1:\d+ cannot be reached: .*refused") as caught:
        list(source.list())
    assert "\n" not in str(caught.value)


def test_no_connection_is_tried_again(settings: Settings) -> None:
    waited: list[float] = []
    settings = with_overrides(settings, ["sources.retries=2"])
    source = ImapSource(f"imaps://me@127.0.0.1:{free_port()}", settings, wait=waited.append)
    with pytest.raises(SourceError, match="cannot be reached"):
        list(source.list())
    assert len(waited) == 2
    assert 0 < waited[0] < waited[1]


@pytest.mark.parametrize(
    "address",
    ["imaps://", "imaps://me@/INBOX", "imaps://me@host:x/", "imaps://a%0d%0aLOGOUT@host", "imaps://me@host/../x"],
)
def test_what_is_no_address_is_refused(address: str, settings: Settings) -> None:
    with pytest.raises(InputError, match="is not the address of a source"):
        open_source(address, settings)


def test_a_password_in_an_address_is_refused_and_not_shown(settings: Settings) -> None:
    with pytest.raises(InputError, match=r"imaps://me@host/INBOX was given with a password in it") as caught:
        open_source("imaps://me:s3cret@host/INBOX", settings)
    assert "s3cret" not in repr(caught.value)


def test_what_was_kept_open_and_has_ended_is_opened_anew(mailbox: Mailbox, folder: Path) -> None:
    mailbox.put("年假.eml", LETTERS["年假.eml"])
    source = mailbox.source()
    (uri,) = listed(source)
    for connection in source._connections._idle:
        connection._imap.sock.shutdown(socket.SHUT_RDWR)
    assert source.open(uri, folder).read() == LETTERS["年假.eml"]
    source.close()


# What a real server does not do: one that answers by the script of a test.


def scripted(answers: Callable[[str, bytes], bytes], greeting: bytes = b"* OK ready\r\n") -> type:
    """A server that answers each command, given its tag and text, by a function; None of it is checked."""

    class Script(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(greeting)
            with contextlib.suppress(OSError):
                while line := self.rfile.readline().rstrip():
                    tag, _, command = line.partition(b" ")
                    self.wfile.write(answers(tag.decode(), command))

    return Script


def usual(tag: str, command: bytes) -> bytes:
    ok = f"{tag} OK done\r\n".encode()
    name = command.split()[0].upper()
    if name == b"CAPABILITY":
        return b"* CAPABILITY IMAP4rev1 SPECIAL-USE LIST-EXTENDED\r\n" + ok
    if name == b"LIST":
        return (
            b'* LIST (\\HasNoChildren) "/" INBOX\r\n'
            b'* LIST (\\Noselect) "/" "only a name"\r\n'
            b'* LIST (\\HasNoChildren \\Trash) "/" "&V4NXPnux-"\r\n'
            b'* LIST (\\Junk) "/" Spam\r\n* LIST (\\All) "/" "[Gmail]/All Mail"\r\n'
            b'* LIST (\\HasNoChildren) "/" {7}\r\nout"box\r\n'
            b'* LIST (\\HasNoChildren) "/" "closed"\r\n'
        ) + ok
    if name == b"EXAMINE":
        if b"closed" in command:
            return f"{tag} NO [NOPERM] not for you\r\n".encode()
        return b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" + ok
    if name == b"FETCH":
        return b'* 1 FETCH (UID 5 FLAGS (\\Seen) INTERNALDATE " 1-Feb-2025 00:30:00 +0800")\r\n' + ok
    return ok


def test_folders_of_deleted_and_unwanted_letters_are_read_only_if_named(settings: Settings) -> None:
    with serving(scripted(usual)) as port:
        server = f"imap://me@127.0.0.1:{port}"
        source = open_source(server, settings)
        found = list(source.list())
        assert [(one.uri.removeprefix(server), type(one)) for one in found] == [
            ("/INBOX/7.5.eml", Listed),
            ("/closed", Unlisted),
            ('/out"box/7.5.eml', Listed),
        ]
        assert isinstance(found[1], Unlisted)
        assert 'refuses: "[NOPERM] not for you"' in found[1].reason
        assert isinstance(found[0], Listed)
        assert (found[0].version, found[0].modified) == ("7.5", "2025-01-31T16:30:00Z")
        # What is kept of a folder that was named for itself is none of this source's business.
        assert not source.holds(f"{server}/垃圾箱/7.5.eml")
        named = open_source(f"{server}/垃圾箱", settings)
        assert [one.uri for one in named.list()] == [f"{server}/垃圾箱/7.5.eml"]
        assert named.holds(f"{server}/垃圾箱/7.9.eml")
        assert not named.holds(f"{server}/INBOX/7.5.eml")
        source.close()
        named.close()


def test_without_encryption_no_password_is_sent_beyond_this_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bytes] = []

    def answers(tag: str, command: bytes) -> bytes:
        said.append(command)
        return usual(tag, command)

    real = socket.create_connection
    with serving(scripted(answers)) as port:
        monkeypatch.setattr(
            socket, "create_connection", lambda _, *rest, **named: real(("127.0.0.1", port), *rest, **named)
        )
        with pytest.raises(
            SourceError, match=r"offers no encryption, .* Write imaps://, or set sources\.allow_plain_imap"
        ):
            list(open_source("imap://me@mail.example.invalid", settings).list())
        assert not any(b"LOGIN" in one or b"AUTH" in one for one in said)
        allowed = open_source(
            "imap://me@mail.example.invalid", with_overrides(settings, ["sources.allow_plain_imap=yes"])
        )
        assert list(allowed.list())
        allowed.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 5 RFC822.SIZE 10 BODY[] {99999999999}\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 10" + b" " * 2_000_000,
        b"\xff\xfe\x00garbage\r\n",
        b"* BYE go away\r\n",
    ],
)
def test_a_server_that_sends_nonsense_costs_one_letter(answer: bytes, settings: Settings, folder: Path) -> None:
    def answers(tag: str, command: bytes) -> bytes:
        return answer if command.startswith(b"UID FETCH") else usual(tag, command)

    with serving(scripted(answers)) as port:
        source = open_source(
            f"imap://me@127.0.0.1:{port}/INBOX", with_overrides(settings, ["sources.read_seconds=0.3"])
        )
        (uri,) = listed(source)
        with pytest.raises(SourceError, match=r"broke off|was silent|is not in the mailbox") as caught:
            source.open(uri, folder)
        assert "\n" not in str(caught.value)
        assert list(folder.iterdir()) == []
        source.close()


def test_another_validity_is_another_letter(settings: Settings, folder: Path) -> None:
    with serving(scripted(usual)) as port:
        source = open_source(f"imap://me@127.0.0.1:{port}/INBOX", settings)
        with pytest.raises(SourceError, match=r"6\.5\.eml is not in the mailbox any more"):
            source.open(f"imap://me@127.0.0.1:{port}/INBOX/6.5.eml", folder)
        source.close()


def test_a_silent_server_is_one_line(settings: Settings) -> None:
    def answers(tag: str, command: bytes) -> bytes:
        return b"" if command.startswith(b"EXAMINE") else usual(tag, command)

    with serving(scripted(answers)) as port:
        source = open_source(f"imap://me@127.0.0.1:{port}", with_overrides(settings, ["sources.read_seconds=0.2"]))
        with pytest.raises(SourceError, match=r"was silent for 0\.2 s\. Set sources\.read_seconds higher"):
            list(source.list())


@pytest.mark.parametrize(
    "text, code",
    [
        ("INBOX", b"INBOX"),
        ("台北", b"&U,BTFw-"),
        ("日本語", b"&ZeVnLIqe-"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501, section 5.1.3
        ("R&D", b"R&-D"),
        ("收件箱", b"&ZTZO9nux-"),
        ("項目（甲）＆乙", None),
        ("😀 mixed 混合", None),
        ("", b""),
    ],
)
def test_names_of_folders_there_and_back(text: str, code: bytes | None) -> None:
    assert decoded(encoded(text)) == text
    if code is not None:
        assert encoded(text) == code


def test_a_name_that_is_not_well_formed_stays_as_it_is() -> None:
    assert decoded(b"&broken") == "&broken"
    assert decoded(b"&!!!-") == "&!!!-"
    assert decoded("收件箱".encode()) == "收件箱"
    assert decoded(b"caf\xe9") == "café"
    with pytest.raises(ValueError):
        quoted_name(b"a\r\nLOGOUT")
    assert quoted_name(b'a"b\\') == b'"a\\"b\\\\"'


def test_what_is_in_a_letter_is_held_with_it(settings: Settings) -> None:
    source = open_source("imaps://me@host/收件箱", settings)
    assert source.holds("imaps://me@host/收件箱/7.5.eml!合同/第1页.docx!图.png")
    assert not source.holds("imaps://me@host/收件箱!7.5.eml")
    assert not source.holds("imaps://me@host/收件箱/下/7.5.eml")
    assert not source.holds("imaps://you@host/收件箱/7.5.eml")


def with_attachment(text: str, name: str, attached: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "合同"
    message["From"] = "law@example.invalid"
    message.set_content(text)
    message.add_attachment(attached.encode(), maintype="text", subtype="plain", filename=name)
    return message.as_bytes(policy=policy.SMTP)


def test_letters_and_what_is_in_them_come_and_go(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.put("a.eml", with_attachment("附件是合同。", "合同 正本.txt", "违约金为合同总价的百分之十。"))
    mailbox.put("b.eml", letter("Leave", "Every employee has five days of leave."))
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as kb:
        kb.add(mailbox.given)
        here = f"{mailbox.given}/{mailbox.numbers['a.eml']}"
        assert {d.source for d in kb.documents()} == {
            here,
            f"{here}!合同 正本.txt",
            f"{mailbox.given}/{mailbox.numbers['b.eml']}",
        }
        assert "违约金" in kb.search("违约金").passages[0].text
        again = kb.add(mailbox.given, sync=True)
        assert (again.added, again.replaced, again.removed) == (0, 0, 0)
        mailbox.delete("a.eml")
        kb.add(mailbox.given, sync=True)
        assert [d.source for d in kb.documents()] == [f"{mailbox.given}/{mailbox.numbers['b.eml']}"]
        kb.remove([mailbox.given])
        assert kb.documents() == []
