"""Which encoding bytes are in, over a whole file in bounded memory, and how sure that is.

Bytes are shown a block at a time to a `Survey`. It keeps pieces from all over the file; each encoding reads them, and
the one whose text is likeliest wins. Encodings that read the same text are one. Nothing here raises.
"""

import codecs
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from qianxun.documents.encodings import letters
from qianxun.documents.encodings.writings import REPLACED, Evidence, evidence, writing

PIECE_BYTES: Final = 2048
_FINE_BYTES: Final = 256  # of whole lines: that much is enough to see that they are in another encoding
MAX_PIECES: Final = 64
# Nats by which the best encoding must lead the next that reads another text. Measured: `python -m bench.decoding`.
MIN_LEAD: Final = 6.0
_LEAD_OF_A_PIECE: Final = 14.0  # by which a piece of the file must speak for another encoding to count as mixed
_HOPELESS: Final = 120.0
_NEARLY: Final = 2.0  # nats a character below the floor of a writing that may still be it

# All but tab, line feed, form feed, carriage return, escape (coloured logs) and ^Z (old DOS files end with it).
CONTROL_BYTES: Final = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1A, 0x1B}) + b"\x7f"
MAX_CONTROL_SHARE: Final = 0.01

_WESTERN: Final = (
    "French", "German", "Spanish", "Portuguese", "Italian", "Dutch", "Catalan", "Danish and Norwegian",
    "Swedish and Finnish", "Icelandic",
)  # fmt: skip
_CENTRAL: Final = (
    "Polish", "Czech and Slovak", "Hungarian", "Romanian", "Croatian and Slovene", "Albanian", "German",
)  # fmt: skip
_BALTIC: Final = ("Latvian", "Lithuanian", "Estonian", "Polish", "German", "Swedish and Finnish")
_CYRILLIC: Final = ("Russian", "Ukrainian", "Bulgarian", "Serbian", "Belarusian")
_CJK: Final = ("Simplified", "Traditional", "Japanese", "Korean")
_ALL: Final = (*_CJK, *letters.ALPHABETS)

# Each with the nats by which it is rarer than GB18030 among the files of people who read Chinese and English, the
# most usual name of several that read the same text first.
CANDIDATES: Final[dict[str, tuple[float, tuple[str, ...]]]] = {
    "utf-8": (4.0, _ALL),
    "gb18030": (0.0, ("Simplified", "Traditional")),
    "big5hkscs": (-1.0, ("Traditional",)),
    "cp950": (-1.1, ("Traditional",)),
    "cp932": (-1.5, ("Japanese",)),
    "euc_jp": (-2.5, ("Japanese",)),
    "euc_jis_2004": (-2.6, ("Japanese",)),
    "cp949": (-2.0, ("Korean",)),
    "cp1252": (-0.5, _WESTERN),
    "cp1250": (-2.5, _CENTRAL),
    "cp1251": (-2.0, _CYRILLIC),
    "koi8-r": (-3.0, ("Russian", "Bulgarian")),
    "koi8-u": (-3.5, ("Ukrainian", "Russian")),
    "cp1253": (-3.0, ("Greek",)),
    "cp1254": (-3.0, ("Turkish", "German", "French")),
    "cp1255": (-3.5, ("Hebrew",)),
    "cp1256": (-3.5, ("Arabic", "Persian", "French")),
    "cp1257": (-3.5, _BALTIC),
    "cp1258": (-4.0, ("Vietnamese",)),
    "cp874": (-3.5, ("Thai",)),
    "iso8859-15": (-4.0, _WESTERN),
    "iso8859-2": (-3.5, _CENTRAL),
    "iso8859-5": (-4.5, _CYRILLIC),
    "iso8859-7": (-3.5, ("Greek",)),
    "iso8859-6": (-5.0, ("Arabic",)),
    "iso8859-8": (-4.5, ("Hebrew",)),
    "iso8859-4": (-5.5, _BALTIC),
    "iso8859-13": (-4.5, _BALTIC),
    "iso8859-16": (-5.5, ("Romanian",)),
    "cp866": (-4.0, ("Russian",)),
}
WIDE: Final[dict[str, tuple[float, tuple[str, ...]]]] = {
    "utf-16-le": (-3.0, _ALL),
    "utf-16-be": (-4.0, _ALL),
    "utf-32-le": (-6.0, _ALL),
    "utf-32-be": (-6.0, _ALL),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The likeliest encoding of some bytes, "" if none reads as text.

    `rivals` read another text that is nearly as likely. `damaged`: the likeliest has bytes that are none of it.
    `mixed` is the encoding that a part of the bytes seems to be in instead. `binary`: the bytes are no text at all.
    """

    encoding: str = ""
    rivals: tuple[str, ...] = ()
    damaged: bool = False
    mixed: str = ""
    binary: bool = False

    @property
    def is_sure(self) -> bool:
        """True if the text may be believed."""
        return bool(self.encoding) and not (self.rivals or self.damaged or self.mixed or self.binary)


@dataclass(slots=True)
class _Score:
    prior: float
    by_writing: dict[str, float] = field(default_factory=dict)
    beyond: dict[str, float] = field(default_factory=dict)
    n_beyond: int = 0
    n_replaced: int = 0
    text: "hashlib._Hash" = field(default_factory=hashlib.sha1)

    def add(self, text: str, of_text: Evidence) -> None:
        for name, nats in of_text.by_writing.items():
            self.by_writing[name] = self.by_writing.get(name, 0.0) + nats
            self.beyond[name] = self.beyond.get(name, 0.0) + of_text.beyond_by_writing[name]
        self.n_beyond += of_text.n_beyond
        self.n_replaced += of_text.n_replaced
        self.text.update(text.encode("utf-8", "surrogatepass"))

    @property
    def writing(self) -> str:
        return max(self.by_writing, key=lambda name: self.by_writing[name])

    @property
    def total(self) -> float:
        return self.prior + max(self.by_writing.values())

    @property
    def above_floor(self) -> float:
        """Nats a character beyond ASCII, above what a text that is barely of this writing has."""
        if not self.n_beyond:
            return 0.0
        name = self.writing
        return self.beyond[name] / max(self.n_beyond, 1) - writing(name).floor


def judged(pieces: list[bytes], candidates: dict[str, tuple[float, tuple[str, ...]]]) -> Verdict:
    """Which of these encodings the pieces are in; each piece begins at a character."""
    scores = _scores(pieces, candidates)
    if not scores:
        return _of_parts(pieces, candidates)
    best = max(scores, key=lambda name: scores[name].total)
    winner = scores[best]
    if not (winner.n_beyond or all(map(bytes.isascii, pieces))):
        return Verdict()
    by_total = sorted(scores, key=lambda name: -scores[name].total)
    if winner.above_floor < -_NEARLY:
        close = [n for n in by_total if scores[n].above_floor > 0 and winner.total - scores[n].total < MIN_LEAD]
        return Verdict(close[0], (best,)) if close else _of_parts(pieces, candidates)
    # Where even the best is barely a text, the next are named, however far behind they are.
    lead = MIN_LEAD if winner.above_floor >= 0 else _HOPELESS
    seen = {winner.text.digest()}
    rivals = []
    for name in by_total:
        score = scores[name]
        if winner.total - score.total < lead and score.text.digest() not in seen and score.above_floor > -_NEARLY:
            seen.add(score.text.digest())
            rivals.append(name)
    if winner.above_floor < 0 and not rivals:
        return _of_parts(pieces, candidates)
    return Verdict(
        best, tuple(rivals[:3]), winner.n_replaced > 0, _mixed(_finer(pieces, wide=best in WIDE), best, candidates)
    )


def _of_parts(pieces: list[bytes], candidates: dict[str, tuple[float, tuple[str, ...]]]) -> Verdict:
    """What to say of pieces that no encoding reads together: perhaps some read well alone."""
    found: Counter[str] = Counter()
    for piece in _finer(pieces, wide=all(name in WIDE for name in candidates)):
        scores = _scores([piece], candidates)
        best = max(scores, key=lambda name: scores[name].total, default="")
        if best and scores[best].n_beyond >= 8 and scores[best].above_floor > 1 and not scores[best].n_replaced:
            found[best] += 1
    if not found:
        return Verdict()
    first, *others = (name for name, _ in found.most_common())
    return Verdict(first, damaged=not others, mixed=others[0] if others else "")


def _finer(pieces: list[bytes], *, wide: bool) -> list[bytes]:
    """At most MAX_PIECES shorter pieces from all over these, each of whole lines (`wide`: of whole characters)."""
    finer: list[bytes] = []
    for piece in pieces:
        if wide:
            finer += [piece[at : at + _FINE_BYTES] for at in range(0, len(piece), _FINE_BYTES)]
            continue
        lines: list[bytes] = []
        for line in piece.splitlines(keepends=True):
            lines.append(line)
            if sum(map(len, lines)) >= _FINE_BYTES:
                finer.append(b"".join(lines))
                lines = []
        if lines:
            finer.append(b"".join(lines))
    finer = [piece for piece in finer if not piece.isascii()]
    return finer[:: len(finer) // MAX_PIECES + 1]


def _scores(pieces: list[bytes], candidates: dict[str, tuple[float, tuple[str, ...]]]) -> dict[str, _Score]:
    alive = {name: _Score(prior) for name, (prior, _) in candidates.items()}
    for i, piece in enumerate(pieces):
        for name in list(alive):
            text = _read(piece, name)
            n_replaced = text.count(REPLACED)
            if n_replaced > 2 and n_replaced > 2 + 0.08 * _n_beyond(text):
                del alive[name]
                continue
            names = candidates[name][1]
            if i:  # writings that are far behind stay there
                known = alive[name].by_writing
                best = max(known.values())
                names = tuple(n for n in names if n in known and known[n] > best - _HOPELESS)
                for gone in set(known) - set(names):
                    del known[gone]
            alive[name].add(text, evidence(text, tuple(map(writing, names))))
        if alive:
            best = max(score.total for score in alive.values())
            alive = {name: score for name, score in alive.items() if score.total > best - _HOPELESS}
    return alive


def _mixed(pieces: list[bytes], best: str, candidates: dict[str, tuple[float, tuple[str, ...]]]) -> str:
    """Another encoding that one of the pieces is in for certain, or ""."""
    names = tuple(map(writing, candidates[best][1]))
    for piece in pieces:
        text = _read(piece, best)
        own = _Score(0.0)
        own.add(text, evidence(text, names))
        if own.n_beyond < 8 or own.above_floor >= 0.5:
            continue
        scores = _scores([piece], candidates)
        if not scores:
            continue
        other = max(scores, key=lambda name: scores[name].total)
        here = scores.get(best)
        differs = other != best and scores[other].text.digest() != own.text.digest() and scores[other].above_floor > 0
        if differs and (here is None or scores[other].total - here.total > _LEAD_OF_A_PIECE):
            return other
    return ""


_COMMON: Final = -11.5  # nats; the characters of a language that are listed by frequency cost less
_MAX_LINE: Final = 400


def foreign_part(text: str, encoding: str) -> str:
    """The encoding that a line of a text seems to be in, other than that in which the text was read; "" if none.

    Fast on text that is as it should be: only lines with runs of rare characters are looked at.
    """
    rare = _rare_runs(encoding)
    if rare is None:
        return ""
    at = 0
    for _ in range(MAX_PIECES):
        run = rare.search(text, at)
        if run is None:
            return ""
        begins = max(text.rfind("\n", 0, run.start()) + 1, run.start() - _MAX_LINE)
        ends = text.find("\n", run.end(), run.start() + _MAX_LINE)
        at = ends if ends >= 0 else run.start() + _MAX_LINE
        other = _mixed([text[begins:at].encode(encoding, "ignore")], encoding, CANDIDATES)
        if other:
            return other
    return ""


@functools.cache
def _rare_runs(encoding: str) -> "re.Pattern[str] | None":
    """What finds runs of characters that are rare in the languages of an encoding, if those are written in Han."""
    names = CANDIDATES.get(encoding, (0.0, ()))[1]
    if not names or not set(names) <= set(_CJK):
        return None
    common = {c for name in names for c, cost in writing(name).likelihoods.items() if cost > _COMMON}
    return re.compile(f"[^\x00-\x7f{re.escape(''.join(sorted(common)))}]{{4,}}")


def _n_beyond(text: str) -> int:
    return 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))


def _read(piece: bytes, encoding: str) -> str:
    return piece.decode(encoding, "replace")


class Survey:
    """Looks at the bytes of a file, a block at a time, and then says what they are. Holds at most 256 kB of them."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self._n_bytes = 0
        self._n_control = 0
        self._n_null = 0
        self._n_beyond = 0
        self._worst_control = 0.0
        self._has_long = False  # a character of three bytes or more: chance does not make valid ones of those
        self._n_replaced = 0
        self._escapes = b""
        self._pieces = _Sample(_lines)  # of lines that have more than ASCII
        self._raw = _Sample(_slices)  # as they lie, from multiples of 4
        self._n_blocks = 0

    def look(self, block: bytes) -> None:
        """The next bytes of the file; blocks are a multiple of 4 bytes but for the last."""
        if self._is_utf8:
            try:
                text = self._utf8.decode(block)
                self._n_beyond += _n_beyond(text)
                self._has_long = self._has_long or (not text.isascii() and max(text) >= "\u0800")
                self._n_replaced += text.count(REPLACED)
            except UnicodeDecodeError:
                self._is_utf8 = False
        control = len(block) - len(block.translate(None, CONTROL_BYTES))
        self._n_control += control
        self._n_null += block.count(0)
        self._worst_control = max(self._worst_control, control / max(len(block), 64))
        self._n_bytes += len(block)
        if not self._escapes and (b"\x1b$" in block or b"~{" in block):
            self._escapes = block[: 1 << 16]
        is_first = not self._n_blocks
        self._raw.add(block, is_first=is_first)
        if not block.isascii():
            self._pieces.add(block, is_first=is_first)
        self._n_blocks += 1

    def verdict(self) -> Verdict:
        """What the bytes are."""
        if self._n_null:
            found = judged(self._raw.pieces, WIDE)
            return found if found.encoding and self._reads_wide(found.encoding) else Verdict(binary=True)
        if self._is_utf8:
            return self._of_utf8()
        has_controls = self._n_control > self._n_bytes * MAX_CONTROL_SHARE
        is_small = self._n_bytes <= PIECE_BYTES
        if has_controls or (is_small and self._n_bytes % 2 == 0):
            found = judged(self._raw.pieces, CANDIDATES | {k: v for k, v in WIDE.items() if k.startswith("utf-16")})
            if has_controls and found.encoding not in WIDE:
                return Verdict(binary=True)
            return found
        if self._worst_control > MAX_CONTROL_SHARE:
            return Verdict(binary=True)
        found = judged(self._pieces.pieces or self._raw.pieces, CANDIDATES)
        # Elsewhere than in these pieces there are bytes that are none of it.
        return replace(found, damaged=True) if found.encoding == "utf-8" else found

    def _of_utf8(self) -> Verdict:
        escaped = _escaped(self._escapes)
        if escaped:
            return Verdict(escaped)
        is_small = self._n_bytes <= PIECE_BYTES
        has_controls = self._worst_control > MAX_CONTROL_SHARE
        is_cut = bool(self._utf8.getstate()[0])
        if is_cut and not self._n_beyond:
            return judged(
                self._pieces.pieces or self._raw.pieces, CANDIDATES
            )  # the one byte that is not ASCII is the last
        is_ascii_or_short = not self._has_long and self._n_beyond <= 24
        could_be_wide = self._n_bytes % 2 == 0 and (has_controls or b" " not in self._raw.pieces[0])
        if is_small and is_ascii_or_short and (self._n_beyond or could_be_wide):
            rivals = {k: v for k, v in WIDE.items() if k.startswith("utf-16") and could_be_wide}
            if self._n_beyond:
                rivals |= CANDIDATES
            found = judged(self._raw.pieces, rivals | {"utf-8": (9.0, _ALL)})
            if found.encoding in WIDE and has_controls:
                return found
            if found.encoding not in ("", "utf-8"):  # a chance that short bytes have: let a person say
                others = tuple(name for name in found.rivals if name != "utf-8")
                return Verdict(found.encoding, ("utf-8", *others))
            if found.rivals and not has_controls:
                return found
        if has_controls:
            return Verdict(binary=True)
        # Somebody else has lost these characters already; a few are a text about them.
        return Verdict("utf-8", damaged=self._n_replaced > max(2, 0.01 * self._n_beyond))

    def _reads_wide(self, encoding: str) -> bool:
        return all(
            len(_ODD_CONTROL.findall(text)) <= len(text) * MAX_CONTROL_SHARE
            for text in (_read(piece, encoding).removesuffix(REPLACED) for piece in self._raw.pieces)
        )


_ODD_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x19\x1c-\x1f\ufffe\uffff\ud800-\udfff]")


def _escaped(data: bytes) -> str:
    """The encoding of bytes that are ASCII with escapes to other sets, "" if they are just ASCII."""
    for encoding, mark in (("iso2022_jp_ext", b"\x1b$"), ("iso2022_kr", b"\x1b$)C"), ("hz", b"~{")):
        if mark not in data:
            continue
        text = data.decode(encoding, "ignore")
        if text.isascii() or not data.isascii():
            continue
        score = _Score(0.0)
        score.add(text, evidence(text, tuple(map(writing, _CJK))))
        if score.above_floor > 0:
            return encoding
    return ""


class _Sample:
    """Pieces from all over a file, at most MAX_PIECES: as more come, every second one goes."""

    def __init__(self, cut: "Callable[[bytes, int, bool], list[bytes]]") -> None:
        self.pieces: list[bytes] = []
        self._cut = cut
        self._every = 1
        self._n_blocks = 0

    def add(self, block: bytes, *, is_first: bool) -> None:
        if self._n_blocks % self._every == 0:
            self.pieces += self._cut(block, MAX_PIECES if is_first else MAX_PIECES // 16, is_first)
        self._n_blocks += 1
        while len(self.pieces) > MAX_PIECES:
            del self.pieces[1::2]
            if self._n_blocks > 1:
                self._every *= 2


def _slices(block: bytes, most: int, _: bool) -> list[bytes]:
    """Pieces of a block as they lie, from all over it."""
    n = min(max(len(block) // PIECE_BYTES, 1), most)
    step = max(len(block) // n // 4 * 4, 4)
    return [block[i * step : i * step + PIECE_BYTES] for i in range(n)]


_HIGH: Final = re.compile(rb"[\x80-\xff]")
# No encoding but the wide ones has bytes below 0x30 inside a character.
_SAFE: Final = re.compile(rb"[\x00-\x2f]")
_BEFORE: Final = 64


def _lines(block: bytes, most: int, from_start: bool) -> list[bytes]:
    """Pieces of a block with more than ASCII in them, each from a place where a character begins."""
    found: list[bytes] = []
    at = 0
    if not from_start:
        first = _SAFE.search(block)
        if first is None:
            return []
        at = first.end()
    least = len(block) // most
    while len(found) < most and (high := _HIGH.search(block, at)):
        begins = at
        for safe in _SAFE.finditer(block, max(at, high.start() - _BEFORE), high.start()):
            begins = safe.end()
            break
        else:
            if high.start() - at > _BEFORE:
                begins = high.start()  # what is before is ASCII alone, so a character begins here
        ends = begins + PIECE_BYTES
        cut = block.rfind(b"\n", begins + PIECE_BYTES // 2, ends)
        ends = cut + 1 if cut >= 0 and ends < len(block) else ends
        found.append(block[begins:ends])
        following = max(ends, begins + least)
        if following == ends and block[ends - 1 : ends] == b"\n":
            at = ends
            continue
        boundary = _SAFE.search(block, following)
        if boundary is None:
            break
        at = boundary.end()
    return found
