"""Conversations with one IMAP server (RFC 3501, 9051): read only, bounded, and every refusal as one line.

Folders are opened with EXAMINE and letters read with BODY.PEEK, so that nothing is marked as seen. Knows folders and
letters, no addresses of documents.
"""

import contextlib
import imaplib
import logging
import random
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from qianxun.errors import SourceError
from qianxun.settings import SourcesSettings
from qianxun.sources.credentials import Credentials, credentials_for
from qianxun.sources.mailbox_names import decoded, quoted_name
from qianxun.sources.places import Place, one_line, utc
from qianxun.sources.receiving import PIECE_BYTES

logger = logging.getLogger(__name__)

LETTERS_AT_A_TIME: Final = 500
# The largest thing that a server may send in one piece: a piece of a letter, with some room.
MAX_LITERAL_BYTES: Final = PIECE_BYTES + 4096
_FIRST_WAIT_SECONDS: Final = 0.5
_MAX_WAIT_SECONDS: Final = 60.0
_PORTS: Final = {"imaps": 993, "imap": 143}
_LISTED: Final = re.compile(
    rb'\((?P<flags>[^)]*)\) +(?P<delimiter>"\\?.?"|NIL) +(?P<name>"(?:[^"\\]|\\.)*"|[^ ]+|\{\d+\})$', re.DOTALL
)
_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_TIME: Final = re.compile(rb'INTERNALDATE " ?(\d+)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of letters. `code` is its name in the protocol, `names` what it and those around it are called.

    `flags` are lower case, without the backslash.
    """

    code: bytes
    names: tuple[str, ...]
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in a folder, by its number that is never used again while the folder has the same validity."""

    uid: int
    modified: str


class _Plain(imaplib.IMAP4):
    def read(self, size: int) -> bytes:
        """No more than was asked for: a server may announce anything."""
        return super().read(_bounded(size))


class _Encrypted(imaplib.IMAP4_SSL):
    def read(self, size: int) -> bytes:
        """No more than was asked for: a server may announce anything."""
        return super().read(_bounded(size))


def _bounded(n_bytes: int) -> int:
    if n_bytes > MAX_LITERAL_BYTES:
        raise imaplib.IMAP4.abort(f"{n_bytes} bytes in one piece")
    return n_bytes


class Connection:
    """One conversation, logged in. For one thread at a time."""

    def __init__(self, imap: imaplib.IMAP4, place: Place) -> None:
        self._imap = imap
        self._place = place
        self._open: tuple[bytes, int, int] | None = None

    def folders(self) -> Sequence[Folder]:
        """Every folder that the user may see, in the server's order."""
        _, capable = self._imap.capability()  # there are more of them once a user is known
        has_uses = {b"SPECIAL-USE", b"LIST-EXTENDED"} <= set((capable[-1] or b"").upper().split())
        kind, lines = self._imap.list('""', '"*" RETURN (SPECIAL-USE)' if has_uses else '"*"')
        self._check(kind, lines)
        found = []
        for line in lines:
            # A name with odd characters comes as a literal: the line and the name by itself.
            text, literal = line if isinstance(line, tuple) else (line, None)
            match = _LISTED.search(text or b"")
            if match is not None:
                found.append(_folder(match, literal))
        return [one for one in found if not re.search(rb"[\r\n\0]", one.code)]

    def examine(self, folder: Folder, *, anew: bool = False) -> tuple[int, int]:
        """Opens a folder for reading: its validity and the number of letters. Raises SourceError if it may not be.

        `anew` also if it is open: only then is what came since in it.
        """
        if self._open is not None and self._open[0] == folder.code and not anew:
            return self._open[1:]
        self._open = None
        kind, lines = self._imap.select(quoted_name(folder.code), readonly=True)  # type: ignore[arg-type]
        self._check(kind, lines)
        _, validity = self._imap.response("UIDVALIDITY")
        number = validity[0] if validity else None
        if not number or not lines[0]:
            raise SourceError(
                "{address}: the server gives the letters in {folder} no lasting numbers.",
                remedy="They cannot be told apart from one time to the next; ask its operator.",
                address=self._place.server,
                folder="/".join(folder.names),
                status="NO",
            )
        self._open = folder.code, int(number), int(lines[0])
        return self._open[1:]

    def letters(self, n_letters: int) -> Iterator[Letter]:
        """Those of the open folder that are not marked as deleted, oldest first."""
        for first in range(1, n_letters + 1, LETTERS_AT_A_TIME):
            last = min(first + LETTERS_AT_A_TIME - 1, n_letters)
            kind, lines = self._imap.fetch(f"{first}:{last}", "(UID FLAGS INTERNALDATE)")
            self._check(kind, lines)
            for line in lines:
                letter = _letter(line) if isinstance(line, bytes) else None
                if letter is not None:
                    yield letter

    def n_bytes(self, uid: int) -> int | None:
        """The size of a letter in the open folder, about; None if it is gone."""
        kind, lines = self._imap.uid("FETCH", str(uid), "(RFC822.SIZE)")
        self._check(kind, lines)
        sizes = [re.search(rb"RFC822\.SIZE (\d+)", line) for line in lines if isinstance(line, bytes)]
        return next((int(size[1]) for size in sizes if size), None)

    def pieces(self, uid: int) -> Iterator[bytes]:
        """A letter of the open folder as it was sent, in pieces; nothing if it is gone."""
        start = 0
        while True:
            kind, lines = self._imap.uid("FETCH", str(uid), f"(BODY.PEEK[]<{start}.{PIECE_BYTES}>)")
            self._check(kind, lines)
            piece = next((_piece(line) for line in lines if _piece(line) is not None), None)
            if piece:
                yield piece
            if not piece or len(piece) < PIECE_BYTES:
                return
            start += len(piece)

    def end(self) -> None:
        """Says goodbye, if the server still listens."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._imap.logout()

    def drop(self) -> None:
        """Lets go of the connection without a word."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._imap.shutdown()

    def _check(self, kind: str, lines: Any) -> None:
        if kind != "OK":
            answer = next((line for line in reversed(lines or []) if isinstance(line, bytes)), b"")
            raise SourceError(
                '{address} refuses: "{answer}".',
                remedy="Check the rights of this user.",
                address=self._place.server,
                answer=one_line(answer.decode("utf-8", "replace")),
                status=kind,
            )


class Connections:
    """As many conversations as threads read at a time; one that ended well is used again. Safe to share.

    `wait` is how time between two tries passes.
    """

    def __init__(self, place: Place, settings: SourcesSettings, wait: Callable[[float], object]) -> None:
        self._place = place
        self._settings = settings
        self._wait = wait
        self._idle: list[Connection] = []
        self._guard = threading.Lock()

    @contextmanager
    def one(self, *, fresh: bool = False) -> Iterator[Connection]:
        """A conversation to use in this block, a new one if `fresh`. Raises SourceError for whatever goes wrong.

        Its `values["status"]` is set where the server refused this one thing and the conversation goes on.
        """
        with self._guard:
            kept = self._idle.pop() if self._idle and not fresh else None
        connection = kept or self._connected()
        try:
            yield connection
        except SourceError as error:
            if "status" in error.values:
                self._give_back(connection)
            else:
                connection.drop()
            raise
        except (OSError, imaplib.IMAP4.error, EOFError, ValueError) as error:
            connection.drop()
            raise self._broken(error, was_idle=kept is not None) from error
        except BaseException:
            connection.drop()
            raise
        self._give_back(connection)

    def close(self) -> None:
        """Ends all conversations; the next use makes new ones."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.end()

    def _give_back(self, connection: Connection) -> None:
        with self._guard:
            self._idle.append(connection)

    def _connected(self) -> Connection:
        credentials = credentials_for(self._place, self._settings)
        if credentials is None:
            raise SourceError(
                "{address} wants a user and a password.",
                remedy="Name the user as in imaps://user@host, and put the password into ~/.netrc or {variable}.",
                address=self._place.server,
                variable=self._settings.password_env or "sources.password_env",
            )
        tries = 0
        while True:
            tries += 1
            try:
                imap = self._reached()
                break
            except ssl.SSLCertVerificationError as error:
                raise self._unreachable(error) from error
            except (OSError, imaplib.IMAP4.error, EOFError) as error:
                if tries > self._settings.retries:
                    raise self._unreachable(error) from error
            seconds = min(_FIRST_WAIT_SECONDS * 2 ** (tries - 1) * random.uniform(0.5, 1.0), _MAX_WAIT_SECONDS)
            logger.info("%s: no connection, try %d; next in %.1f s", self._place.host, tries, seconds)
            self._wait(seconds)
        connection = Connection(imap, self._place)
        try:
            self._log_in(imap, credentials)
        except BaseException:
            connection.drop()
            raise
        return connection

    def _reached(self) -> imaplib.IMAP4:
        """A connection, encrypted wherever that can be."""
        place, seconds = self._place, self._settings.connect_seconds
        port = place.port or _PORTS[place.scheme]
        imap: imaplib.IMAP4
        if place.scheme == "imaps":
            imap = _Encrypted(place.host, port, ssl_context=ssl.create_default_context(), timeout=seconds)
        else:
            imap = _Plain(place.host, port, timeout=seconds)
            try:
                if "STARTTLS" in imap.capabilities:
                    imap.starttls(ssl.create_default_context())
                elif not place.is_on_this_machine and not self._settings.allow_plain_imap:
                    raise SourceError(
                        "{address} offers no encryption, and the password would be seen on the way.",
                        remedy="Write imaps://, or set sources.allow_plain_imap.",
                        address=place.server,
                    )
            except BaseException:
                with contextlib.suppress(OSError):
                    imap.shutdown()
                raise
        imap.sock.settimeout(self._settings.read_seconds)
        return imap

    def _log_in(self, imap: imaplib.IMAP4, credentials: Credentials) -> None:
        secret = f"\0{credentials.user}\0{credentials.password}".encode()
        try:
            if "AUTH=PLAIN" in imap.capabilities:  # it takes any characters, LOGIN only ASCII
                imap.authenticate("PLAIN", lambda _: secret)
            else:
                imap.login(credentials.user, credentials.password)
        except imaplib.IMAP4.abort as error:
            raise self._broken(error, was_idle=False) from None
        except (imaplib.IMAP4.error, UnicodeEncodeError):
            raise SourceError(
                "{address} refuses the user {user} or the password.",
                remedy="Check both; some servers want a password made for applications.",
                address=self._place.server,
                user=credentials.user,
            ) from None
        except OSError as error:
            raise self._broken(error, was_idle=False) from error

    def _unreachable(self, error: Exception) -> SourceError:
        return SourceError(
            "{address} cannot be reached: {reason}.",
            remedy="Check the address and the network; name your own authority's certificate in SSL_CERT_FILE.",
            address=self._place.server,
            reason=one_line(str(error)) or type(error).__name__,
        )

    def _broken(self, error: Exception, *, was_idle: bool) -> SourceError:
        if isinstance(error, TimeoutError):
            return SourceError(
                "{address} was silent for {seconds:g} s.",
                remedy="Set sources.read_seconds higher, or try later.",
                address=self._place.server,
                seconds=self._settings.read_seconds,
                was_idle=was_idle,
            )
        return SourceError(
            "{address} broke off in the middle of its answer: {reason}.",
            remedy="Try again.",
            address=self._place.server,
            reason=one_line(str(error)) or type(error).__name__,
            was_idle=was_idle,
        )


def _folder(match: "re.Match[bytes]", literal: bytes | None) -> Folder:
    code = literal if literal is not None else _unquoted(match["name"])
    delimiter = _unquoted(match["delimiter"]) if match["delimiter"] != b"NIL" else b""
    # The delimiter is ASCII, and in modified UTF-7 it stands for itself only outside of encoded stretches.
    names = tuple(decoded(name) for name in (code.split(delimiter) if delimiter else [code]))
    flags = frozenset(flag.lstrip(b"\\").decode("latin-1").lower() for flag in match["flags"].split())
    return Folder(code, names, flags)


def _unquoted(text: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", text[1:-1], flags=re.DOTALL) if text.startswith(b'"') else text


def _letter(line: bytes) -> Letter | None:
    uid = re.search(rb"\bUID (\d+)", line)
    flags = re.search(rb"FLAGS \(([^)]*)\)", line)
    if uid is None or (flags is not None and rb"\deleted" in flags[1].lower().split()):
        return None
    return Letter(int(uid[1]), _time(line))


def _time(line: bytes) -> str:
    found = _TIME.search(line)
    if found is None:
        return ""
    day, _, year, hour, minute, second, _, zone_hours, zone_minutes = (
        int(group) if group.isdigit() else 0 for group in found.groups()
    )
    month = found[2].decode("ascii", "replace").lower()
    zone = timedelta(hours=zone_hours, minutes=zone_minutes) * (-1 if found[7] == b"-" else 1)
    try:
        moment = datetime(year, _MONTHS.index(month) + 1, day, hour, minute, second, tzinfo=timezone(zone))
        return utc(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return ""


def _piece(line: Any) -> bytes | None:
    """The text in a line of a FETCH: a literal, or quoted if it is short and has no line break."""
    if isinstance(line, tuple):
        return bytes(line[1]) if b"BODY[" in line[0].upper() else None
    found = re.search(rb'BODY\[\](?:<\d+>)? "((?:[^"\\]|\\.)*)"', line or b"", re.IGNORECASE)
    return re.sub(rb"\\(.)", rb"\1", found[1]) if found else None
