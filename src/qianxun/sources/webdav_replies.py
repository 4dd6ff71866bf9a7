"""What a WebDAV server says of resources: its `multistatus` XML, as files and folders (RFC 4918, section 14.16).

Entities are refused, not expanded. Servers differ in how they write an address: whole or from the root, encoded or not,
with or without a slash at the end of a folder.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from qianxun.errors import SourceError
from qianxun.sources.places import readable, utc

ASKED: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<propfind xmlns="DAV:"><prop><resourcetype/><getetag/><getlastmodified/><getcontentlength/></prop></propfind>'
)
_STATUS: Final = re.compile(r"\s*HTTP/[\d.]+\s+(\d{3})")
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")


@dataclass(frozen=True, slots=True)
class Resource:
    """A file or folder. `path` is readable and has no `/` at its end; `status` is what the server says of it."""

    path: str
    is_folder: bool
    version: str
    modified: str
    status: int


def resources_of(answer: bytes, uri: str) -> Sequence[Resource]:
    """The resources in an answer, in its order. Raises SourceError if it is none; `uri` is what was asked for."""
    parser = ElementTree.XMLParser(target=_WithoutEntities())
    try:
        parser.feed(answer)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise _not_understood(uri) from error
    if root.tag != "{DAV:}multistatus":
        raise _not_understood(uri)
    return [_resource(response) for response in root.iter("{DAV:}response")]


def _not_understood(uri: str) -> SourceError:
    return SourceError(
        "{uri}: the server's list of it cannot be understood.",
        remedy="Check that it speaks WebDAV there; its log may say more.",
        uri=uri,
        status=207,
    )


class _WithoutEntities(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str, system: str) -> None:
        """Entities are declared in a document type, and no server needs one."""
        raise ValueError(f"a document type, {name}")


def _resource(response: ElementTree.Element) -> Resource:
    path = readable(_ORIGIN.sub("", response.findtext("{DAV:}href", "").strip(), count=1)).rstrip("/")
    found: dict[str, ElementTree.Element] = {}
    for propstat in response.iterfind("{DAV:}propstat"):
        # What the server does not have comes as well, with a status of its own.
        if _status_of(propstat) == 200:
            found |= {prop.tag: prop for prop in propstat.iterfind("{DAV:}prop/*")}
    kind = found.get("{DAV:}resourcetype")
    etag, modified, size = (
        (found[tag].text or "").strip() if tag in found else ""
        for tag in ("{DAV:}getetag", "{DAV:}getlastmodified", "{DAV:}getcontentlength")
    )
    # Without a time, the same size says nothing.
    version = etag or (f"{modified} {size}" if modified else "")
    is_folder = kind is not None and kind.find("{DAV:}collection") is not None
    return Resource(path, is_folder, version, _time(modified), _status_of(response))


def _status_of(element: ElementTree.Element) -> int:
    found = _STATUS.match(element.findtext("{DAV:}status", ""))
    return int(found[1]) if found else 200


def _time(text: str) -> str:
    try:
        return utc(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return ""
