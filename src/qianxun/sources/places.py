"""Addresses of servers and what lies on them: `scheme://user@host:port/path`, written as people read them.

Knows no protocol. A password is never part of an address: addresses are shown, logged and kept.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import SplitResult, quote, unquote, unquote_to_bytes, urlsplit

from qianxun.errors import InputError
from qianxun.settings import ReadingSettings

# Besides these, characters that cannot be printed are written with percent signs.
_NEVER_BARE: Final = frozenset("%?#\\")
_SHOWN_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Place:
    """An address taken apart. `user` is empty if none is named, `port` None for the scheme's own.

    `path` begins with `/` or is empty, and has no `/` at its end; it is as `readable` writes it.
    """

    scheme: str
    user: str
    host: str
    port: int | None
    path: str

    @property
    def server(self) -> str:
        """The address without its path."""
        user = f"{as_name(self.user)}@" if self.user else ""
        return f"{self.scheme}://{user}{self.host_and_port}"

    @property
    def host_and_port(self) -> str:
        """As a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def address(self) -> str:
        """The whole of it, always written the same way."""
        return self.server + self.path

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the name or number of the host is this machine's own."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def place_of(address: str, example: str) -> Place:
    """The place at an address. Raises InputError for what is none, and for one with a password, query or fragment."""
    parts = _split(address)
    if parts is None or not parts.hostname or parts.hostname.startswith("-"):
        raise _no_address(without_password(address), example)
    refuse_password(address, parts)
    if parts.query or parts.fragment or "?" in address or "#" in address:
        raise InputError(
            "{address} holds a ? or #, which ends a path.",
            remedy="In a name, write them as %3F and %23.",
            address=address,
        )
    user = unquote(parts.username or "")
    path = readable(parts.path).rstrip("/")
    if (user and not user.isprintable()) or any(name in (".", "..") for name in path.split("/")):
        raise _no_address(address, example)
    return Place(parts.scheme, user, parts.hostname.lower(), parts.port, path)


def refuse_password(address: str, parts: SplitResult) -> None:
    """Raises InputError if there is a password in an address; the message does not show it."""
    if parts.password is not None:
        raise InputError(
            "{address} was given with a password in it, and addresses are shown and kept.",
            remedy="Name the user only; put the password into ~/.netrc or the variable of sources.password_env.",
            address=without_password(address),
        )


def without_password(address: str) -> str:
    """An address as it may be shown."""
    scheme, separator, rest = address.partition("://")
    at = rest.rpartition("@")
    user, colon, _ = at[0].partition(":")
    return f"{scheme}{separator}{user}@{at[2]}" if colon and at[1] else address


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # a port that is no number is found only when it is asked for
    except ValueError:
        return None
    is_clean = all(c >= " " and c != "\x7f" for c in address)
    return parts if parts.scheme and "://" in address and is_clean else None


def _no_address(address: str, example: str) -> InputError:
    return InputError(
        "{address} is not the address of a source.", remedy="Write it like {example}.", address=address, example=example
    )


def readable(path: str) -> str:
    """A path of a URL as people write it: percent signs only where the character itself cannot stand.

    `/%E5%B9%B4%20a%23.txt` and `/年 a#.txt` (from a careless server) are `/年 a%23.txt`.
    """
    return "/".join(_readable_name(name) for name in path.split("/"))


def _readable_name(name: str) -> str:
    return as_name(unquote_to_bytes(name.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape"))


def as_name(text: str) -> str:
    """Any text as one name in a readable path: `50% off/一` is `50%25 off%2F一`."""
    return "".join(c if _is_bare(c) else quote(c.encode("utf-8", "surrogateescape"), safe="") for c in text)


def _is_bare(character: str) -> bool:
    return character.isprintable() and character not in _NEVER_BARE and character != "/"


def quoted(path: str) -> str:
    """A readable path as a URL has it, in ASCII; the percent signs in it are those of escapes."""
    return quote(path, safe="/%!$&'()*+,;=:@~")


def is_below(uri: str, folder: str) -> bool:
    """Whether a uri is this folder, or lies in it at any depth. `folder` has no `/` at its end."""
    return uri == folder or uri.startswith(f"{folder}/")


def is_wanted(path: str, reading: ReadingSettings) -> bool:
    """Whether the settings let a document be read that has this path (with `/`) below its source."""
    if is_ignored(path, reading):
        return False
    name = path.rpartition("/")[2]
    return not reading.include or any(fnmatch(name, p) or fnmatch(path, p) for p in reading.include)


def is_ignored(path: str, reading: ReadingSettings) -> bool:
    """Whether a name in a path below a source is one that `reading.ignore` leaves out."""
    return any(fnmatch(name, pattern) for name in path.split("/") for pattern in reading.ignore)


def suffix_of(name: str) -> str:
    """The suffix of a name, lower case with its dot; empty if it has none."""
    return PurePosixPath(name.rpartition("/")[2]).suffix.lower()


def utc(moment: datetime) -> str:
    """A time as documents have it; one without a zone is taken for UTC."""
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return known.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_line(text: str) -> str:
    """What somebody else said, as part of a message: on one line, not long, without its full stop."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_SHOWN_CHARS].rstrip(".。 ")
