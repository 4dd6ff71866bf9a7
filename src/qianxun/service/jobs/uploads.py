"""Files on their way in: below `<home>/uploads/<job>/` from the request until the job that adds them has ended.

On the disk they have numbers; the names that people gave are in the job's arguments, made safe here. What a caller
adds whose labels are limited lies in a folder of its own, named after the caller: another's document of the same name,
of which it may not know, is neither replaced nor hinted at.
"""

import hashlib
import os
import re
import shutil
import time
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from qianxun.errors import InputError
from qianxun.files import MEMBER
from qianxun.sources.addresses import scheme_of

FOLDER_NAME: Final = "uploads"
# Bytes of UTF-8, as file systems count: a name that is exported must fit there.
MAX_NAME_BYTES: Final = 200
MAX_DEPTH: Final = 16
# Nobody writes to an upload for so long and still means it.
FORGOTTEN_SECONDS: Final = 24 * 3600.0
SCHEMES: Final = ("http", "https", "site+http", "site+https", "sitemap+http", "sitemap+https")
_SHOWN: Final = 80
# A date that is not known.
NO_DATE: Final = "-"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was taken in: its name on the disk, the name it has as a document, its size."""

    file: str
    source: str
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """As it stands in a job's arguments."""
        return {"file": self.file, "source": self.source, "bytes": self.bytes}


def folder_of(home: Path, token: str) -> Path:
    """Where the files of a job lie."""
    return home / FOLDER_NAME / token


def forget(home: Path, token: str) -> None:
    """Deletes the files of a job."""
    shutil.rmtree(folder_of(home, token), ignore_errors=True)


def sweep(home: Path, needed: Collection[str], now: float | None = None) -> int:
    """Deletes files that no job needs and nobody has written for a day; returns of how many jobs."""
    deleted = 0
    moment = time.time() if now is None else now
    for folder in (home / FOLDER_NAME).glob("*"):
        if folder.name not in needed and moment - _written(folder) > FORGOTTEN_SECONDS:
            forget(home, folder.name)
            deleted += 1
    return deleted


def _written(folder: Path) -> float:
    times = [0.0]
    for path in (folder, *folder.glob("*")):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:
            continue
    return max(times)


def files_in(arguments: Mapping[str, Any], home: Path, token: str) -> dict[str, Path]:
    """The files of a job by the names that they have as documents."""
    return {one["source"]: folder_of(home, token) / one["file"] for one in arguments.get("files", ())}


# -- dates -----------------------------------------------------------------------------------------------


def date_files(files: Sequence[Path], given: Sequence[str], now: float | None = None) -> None:
    """Gives files the dates that their documents are to have, in their order; those without (`-`) have that of now.

    None is before 1970, and one that is to come is now. Raises InputError for what is no date, and where they are not
    as many as the files.
    """
    if not given:
        return
    if len(given) != len(files):
        raise InputError(
            "{n} dates were sent with {files} files.",
            remedy="Send one for each file in their order, - for one that is not known, or none at all.",
            n=len(given),
            files=len(files),
        )
    latest = time.time() if now is None else now
    for path, at in [(path, _seconds(text)) for path, text in zip(files, given, strict=True) if text != NO_DATE]:
        os.utime(path, (min(max(at, 0.0), latest),) * 2)


def _seconds(text: str) -> float:
    """The seconds since 1970 of a moment."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError(
            "{text!r} is no date of a file.", remedy="Write it like 2025-03-01T08:00:00Z.", text=text[:_SHOWN]
        ) from error


# -- names -----------------------------------------------------------------------------------------------


def safe_name(given: str) -> str:
    """The name of a file without folders, and without what a name may not hold. Raises InputError if nothing is left.

    Letters of any script stay as they are; an ending in full-width characters is written as endings are.
    """
    name = _cleaned(re.split(r"[/\\]", given)[-1])
    if not name:
        raise InputError(
            "{name!r} is no name of a file.",
            remedy="Name it as files of its kind are, such as 年假.pdf.",
            name=given[:_SHOWN],
        )
    stem, suffix = _divided(name)
    while len(f"{stem}{suffix}".encode()) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return f"{stem.rstrip()}{suffix}"


def safe_folder(given: str) -> str:
    """A folder as part of a name: its parts made safe, joined by `/`; "" for none. Raises InputError for `..`."""
    parts = [part.strip() for part in re.split(r"[/\\]", given) if part.strip() not in ("", ".")]
    names = [_cleaned(part) for part in parts]
    if len(parts) > MAX_DEPTH or any(part == ".." for part in parts) or not all(names):
        raise InputError(
            "{folder!r} is no folder for documents.",
            remedy="Name it like 人事/制度: at most {depth} names, and `..` is none.",
            folder=given[:_SHOWN],
            depth=MAX_DEPTH,
        )
    if any(len(name.encode()) > MAX_NAME_BYTES for name in names):
        raise InputError(
            "A part of the folder {folder!r} is longer than {limit} bytes.",
            remedy="Give it a shorter name.",
            folder=given[:_SHOWN],
            limit=MAX_NAME_BYTES,
        )
    return "/".join(names)


def _cleaned(name: str) -> str:
    """NFC, without what is not seen (controls, marks of direction), without dots and spaces at its ends.

    `!` and `:` become full-width: in the name of a document they say that one file is inside another, and whose it is.
    """
    seen = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in unicodedata.normalize("NFC", name))
    return " ".join(seen.replace(MEMBER, "！").replace(":", "：").split()).strip(" .")


def _divided(name: str) -> tuple[str, str]:
    """Stem and ending. `报告．ＰＤＦ` ends as `.PDF` does."""
    plain = unicodedata.normalize("NFKC", name)
    suffix = PurePosixPath(plain).suffix
    if re.fullmatch(r"\.[A-Za-z0-9]{1,12}", suffix) and unicodedata.normalize("NFKC", name[-len(suffix) :]) == suffix:
        return name[: -len(suffix)], suffix
    return name, ""


def caller_folder(caller: str) -> str:
    """The folder of a caller whose labels are limited: `key:3f9a1c2e` is `key-3f9a1c2e`."""
    plain = re.fullmatch(r"key:([A-Za-z0-9]{1,64})", caller)
    if plain:
        return f"key-{plain[1]}"
    kind = re.sub(r"[^a-z]", "", caller.partition(":")[0].lower()) or "caller"
    return f"{kind}-{hashlib.sha256(caller.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def sources_of(names: Iterable[str], *, folder: str, caller: str | None) -> list[str]:
    """What documents of these (safe) names are called, in their order; of the same name twice, the second is `x (2)`.

    `folder` is safe too; `caller` is given for one whose labels are limited.
    """
    before = "/".join(part for part in (caller_folder(caller) if caller is not None else "", folder) if part)
    return [f"{before}/{name}" if before else name for name in _distinct(names)]


def _distinct(names: Iterable[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        stem, suffix = _divided(name)
        number, own = 1, name
        while own in taken:
            number += 1
            own = f"{stem} ({number}){suffix}"
        taken.add(own)
        yield own


# -- addresses -------------------------------------------------------------------------------------------


def checked_address(given: str) -> str:
    """An address that may be asked for from outside: pages, sites and sitemaps. Raises InputError for any other."""
    text = given.strip()
    if scheme_of(text) not in SCHEMES:
        raise InputError(
            "{address!r} cannot be added from here.",
            remedy="Give an address that begins with https://, http://, site+https:// or sitemap+https://, or upload "
            "the file.",
            address=text[:_SHOWN],
        )
    return text
