"""Addresses as people write them: which are no paths, and pages of the web in one form.

A page is named by its address as people read it (`https://example.com/年假`): Chinese characters as they are, the host
as DNS has it, no fragment. Knows no network.
"""

import re
import socket
import unicodedata
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from qianxun.errors import InputError

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
# What lists pages of the web, before the address that it begins at.
_LISTING: Final = re.compile(r"(?:site|sitemap)\+(?=https?://)", re.IGNORECASE)
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_NUMBER: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# `!` is not among them: in the name of a document it says that one file is inside another.
_KEPT_IN_PATH: Final = "/:@$&'()*+,;=%"
_PORTS: Final = {"http": 80, "https": 443}
MAX_CHARS: Final = 4096


def scheme_of(text: str) -> str:
    """The scheme of an address, lower case; "" for a path."""
    match = _SCHEME.match(text)
    return match[1].lower() if match else ""


def is_address(text: object) -> bool:
    """Whether this is an address (`https://…`, `git+ssh://…`) and no path."""
    return isinstance(text, str) and bool(_SCHEME.match(text))


def as_named(text: str) -> str:
    """An address as documents are named by it: a page in its one form, without `site+`; others as they are."""
    plain = _LISTING.sub("", text)
    if scheme_of(plain) not in _PORTS:
        return plain
    try:
        return page_address(plain)
    except InputError:
        return plain


def page_address(text: str) -> str:
    """The address of a page of the web in its one form. Raises InputError for what is none, or holds a password."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname
    except ValueError as error:
        raise _no_page(text) from error
    if "@" in parts.netloc:
        raise InputError(
            "{url}: an address of a page may not hold a user name or a password.",
            remedy="Leave out what stands before the @.",
            url=f"{parts.scheme}://…@{parts.netloc.rpartition('@')[2]}{parts.path}",
        )
    if parts.scheme not in _PORTS or not host or len(text) > MAX_CHARS:
        raise _no_page(text)
    name = host_name(host)
    if not name:
        raise _no_page(text)
    shown = f"[{name}]" if ":" in name else name
    if port is not None and port != _PORTS[parts.scheme]:
        shown += f":{port}"
    path = _without_dots(_readable(parts.path, _KEPT_IN_PATH)) or "/"
    query = f"?{_readable(parts.query, _KEPT_IN_PATH + '?')}" if parts.query else ""
    return f"{parts.scheme}://{shown}{path}{query}"


def linked_address(page: str, link: str) -> str | None:
    """The address that a link on a page leads to; None if that is no page of the web."""
    link = link.strip()
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*):", link)
    if (scheme and scheme[1].lower() not in _PORTS) or len(link) > MAX_CHARS:
        return None
    try:
        return page_address(urljoin(page, link))
    except (InputError, ValueError):
        return None


def host_name(host: str) -> str:
    """A host as DNS has it: lower case, `xn--…`, numbers as an address with three dots. "" if it is none."""
    host = unicodedata.normalize("NFKC", host).lower()
    host = re.sub("[\u3002\uff0e\uff61]", ".", host).removesuffix(".")
    if ":" in host:
        try:
            return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host))
        except (OSError, ValueError):
            return ""
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    if len(host) > 253 or not _HOST.fullmatch(host):
        return ""
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # 127.1, 0x7f000001, 2130706433 and 0177.0.0.1 are all the same address to the system.
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            return ""
    return host


def origin_of(page: str) -> str:
    """Scheme, host and port of a page: `https://example.com`."""
    parts = urlsplit(page)
    return f"{parts.scheme}://{parts.netloc}"


def _no_page(text: str) -> InputError:
    return InputError(
        "{url} is no address of a page.",
        remedy="Example: https://example.com/docs/",
        url=text if len(text) <= 200 else f"{text[:200]}…",
    )


def _readable(text: str, kept: str) -> str:
    """Part of an address with characters for bytes that are letters, and everything else escaped in one way."""
    escaped = quote(text, safe=kept, errors="surrogatepass")
    escaped = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", escaped)
    return re.sub(r"(?:%[0-9A-Fa-f]{2})+", lambda run: _unescaped(run[0]), escaped)


def _unescaped(run: str) -> str:
    text = unquote_to_bytes(run).decode("utf-8", "surrogateescape")
    return "".join(
        character
        if character in _UNRESERVED or (not character.isascii() and character.isprintable())
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in text
    )


def _without_dots(path: str) -> str:
    """A path in which `.` and `..` are done (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    names = path.split("/")[1:]
    for i, name in enumerate(names):
        last = i == len(names) - 1
        if name == "..":
            if kept:
                kept.pop()
        elif name != ".":
            kept.append(name)
            continue
        if last:
            kept.append("")
    return "/" + "/".join(kept)
