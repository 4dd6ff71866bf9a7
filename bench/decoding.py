"""How often the encoding of a text is told rightly, wrongly, or left to a person; beside two other libraries.

    python -m bench.decoding [--n N] [--only ENCODING…] [--seed S] [--no-peers] [--show-wrong]

Texts are put together from the words of the sample documents (Chinese, English) and of `bench/decoding_words.py`.
`right`: the text that was written is the text that was read. `wrong`: another one was. The rest `needs attention`.
Peers are measured where they are installed: `pip install charset-normalizer chardet`.
"""

import argparse
import importlib.util
import random
import re
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files

from bench.decoding_words import SIMPLIFIED_NAMES, TRADITIONAL_NAMES, WORDS
from qianxun.documents.decoding import decoded
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.settings import ReadingSettings

# Encoding, and the languages that are written in it.
CASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("utf-8", ("Simplified", "Traditional", "English", *WORDS)),
    ("utf-16-le", ("Simplified", "Traditional", "English", "Japanese", "Russian")),
    ("utf-16-be", ("Simplified", "Traditional", "English", "Korean", "German")),
    ("gb18030", ("Simplified", "Mixed")),
    ("gbk", ("Traditional",)),
    ("big5", ("Traditional",)),
    ("shift_jis", ("Japanese",)),
    ("euc_jp", ("Japanese",)),
    ("cp949", ("Korean",)),
    ("cp1252", ("French", "German", "Spanish", "Portuguese", "Italian", "Danish and Norwegian", "Swedish and Finnish")),
    ("cp1250", ("Polish", "Czech and Slovak", "Hungarian", "Romanian", "Croatian and Slovene")),
    ("iso8859-2", ("Polish", "Czech and Slovak", "Hungarian")),
    ("cp1251", ("Russian", "Ukrainian", "Bulgarian", "Serbian")),
    ("koi8-r", ("Russian",)),
    ("iso8859-5", ("Russian",)),
    ("cp1253", ("Greek",)),
    ("iso8859-7", ("Greek",)),
    ("cp1254", ("Turkish",)),
    ("cp1255", ("Hebrew",)),
    ("cp1256", ("Arabic",)),
    ("cp1257", ("Latvian", "Lithuanian", "Estonian")),
    ("cp1258", ("Vietnamese",)),
    ("cp874", ("Thai",)),
)
LENGTHS = (5, 10, 20, 50, 200, 2000)
KINDS = (*map(str, LENGTHS), "names", "table", "HTML", "damaged")
_HAN_PHRASE = re.compile("[\u4e00-\u9fff]{2,12}")
_NO_SPACES = ("Simplified", "Traditional", "Japanese", "Thai")


@cache
def words(language: str) -> tuple[str, ...]:
    """The words of a language, for `Mixed` those of Chinese and English."""
    if language in WORDS:
        return tuple(WORDS[language].split())
    if language == "Mixed":
        return words("Simplified") + words("English")[:200]
    text = "\n".join(
        item.read_text(encoding="utf-8", errors="ignore")
        for item in _samples()
        if item.name.endswith((".md", ".txt", ".html"))
    )
    if language == "English":
        return tuple(sorted(set(re.findall(r"[A-Za-z]{2,12}", re.sub(r"<[^>]*>", " ", text)))))
    simplified = sorted(set(_HAN_PHRASE.findall(text)))
    if language == "Simplified":
        return tuple(simplified)
    from opencc import OpenCC

    return tuple(map(OpenCC("s2tw").convert, simplified))


def _samples() -> Iterator:
    folders = [files("qianxun.samples")]
    while folders:
        for item in folders.pop().iterdir():
            if item.is_dir():
                folders.append(item)
            else:
                yield item


def texts(language: str, kind: str, n: int, random_: random.Random) -> Iterator[str]:
    """Texts of a kind: of so many characters, or names, tables of numbers with few words, pages of HTML."""
    for _ in range(n):
        if kind == "names":
            names = {"Simplified": SIMPLIFIED_NAMES, "Traditional": TRADITIONAL_NAMES}.get(language, "").split()
            yield "\n".join(random_.sample(names or words(language), 3))
        elif kind == "table":
            rows = [
                ",".join([random_.choice(words(language)), *(f"{random_.random() * 1000:.2f}" for _ in range(6))])
                for _ in range(12)
            ]
            yield "\n".join(rows)
        elif kind == "HTML":
            body = "".join(f"<p class=t>{_prose(language, 30, random_)}</p>\n<br>\n" for _ in range(5))
            yield f"<html><head><title>{random_.choice(words(language))}</title></head><body>{body}</body></html>"
        else:
            yield _prose(language, 400 if kind == "damaged" else int(kind), random_)


def _prose(language: str, n: int, random_: random.Random) -> str:
    marks, space = ("，。", "") if language in ("Simplified", "Traditional", "Mixed") else (",.", " ")
    if language == "Japanese":
        marks = "、。"
    pieces: list[str] = []
    length = 0
    while length < n:
        word = random_.choice(words(language))
        pieces.append(word)
        if random_.random() < 0.2:
            pieces.append(random_.choice(marks))
        pieces.append("" if language in _NO_SPACES else space)
        if random_.random() < 0.03:
            pieces.append("\n")
        length = sum(map(len, pieces))
    return "".join(pieces)[:n].strip()


def ours(data: bytes) -> str | None:
    """The text as qianxun reads it, None if a person must look."""
    try:
        return decoded(RawFile.of_bytes("a.txt", data), data, ReadingSettings())
    except UnreadableDocument:
        return None


def peers() -> dict[str, Callable[[bytes], str | None]]:
    """What is installed of the other libraries."""
    found: dict[str, Callable[[bytes], str | None]] = {}
    if importlib.util.find_spec("charset_normalizer"):
        import charset_normalizer

        def of_normalizer(data: bytes) -> str | None:
            best = charset_normalizer.from_bytes(data).best()
            return None if best is None else data.decode(best.encoding, "replace")

        found["charset-normalizer"] = of_normalizer
    if importlib.util.find_spec("chardet"):
        import chardet

        def of_chardet(data: bytes) -> str | None:
            encoding = chardet.detect(data)["encoding"]
            try:
                return None if encoding is None else data.decode(encoding, "replace")
            except LookupError:
                return None

        found["chardet"] = of_chardet
    return found


def _encoded(text: str, encoding: str) -> bytes | None:
    if encoding == "cp1258":  # base letters with their own accents, tones as marks
        text = "".join(_of_vietnamese(c) for c in text)
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        data = text.encode(encoding, "ignore")
    return data if not text.isascii() or encoding.startswith("utf") else None


def _of_vietnamese(char: str) -> str:
    try:
        char.encode("cp1258")
        return char
    except UnicodeEncodeError:
        parts = unicodedata.normalize("NFD", char)
        tones = "".join(c for c in parts if c in "\u0300\u0301\u0303\u0309\u0323")
        return unicodedata.normalize("NFC", "".join(c for c in parts if c not in tones)) + tones


def main() -> None:
    """Measures and prints two tables: by encoding, and by kind of text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20, help="texts of each encoding, language and kind")
    parser.add_argument("--only", nargs="*", default=[], help="encodings")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--show-wrong", action="store_true")
    asked = parser.parse_args()
    readers = {"qianxun": ours, **({} if asked.no_peers else peers())}
    by_encoding: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    by_kind: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    seconds: Counter[str] = Counter()
    random_ = random.Random(asked.seed)
    for encoding, languages in CASES:
        if asked.only and encoding not in asked.only:
            continue
        for language in languages:
            for kind in KINDS:
                for text in texts(language, kind, asked.n, random_):
                    data = _encoded(text, encoding)
                    if not data:
                        continue
                    if kind == "damaged":  # to say so is best; to read it with a strange character is not wrong
                        at = random_.randrange(len(data) // 4, len(data) * 3 // 4)
                        data = data[:at] + bytes(random_.randrange(0x80, 0x100) for _ in range(3)) + data[at + 2 :]
                        if encoding.startswith("utf-16"):
                            continue
                    wanted = data.decode(encoding, "replace")
                    for name, read in readers.items():
                        began = time.perf_counter()
                        got = read(data)
                        seconds[name] += time.perf_counter() - began
                        if got is None:
                            result = "attention"
                        elif got == wanted or (kind == "damaged" and got[: len(text) // 5] == text[: len(text) // 5]):
                            result = "right"
                        else:
                            result = "wrong"
                        if kind != "damaged":
                            by_encoding[encoding, name][result] += 1
                        by_kind[kind, name][result] += 1
                        if asked.show_wrong and result != "right" and name == "qianxun":
                            print(
                                result.upper(),
                                encoding,
                                language,
                                kind,
                                repr(text[:40]),
                                "read as",
                                repr((got or "")[:40]),
                            )
    for title, table in (("encoding", by_encoding), ("kind", by_kind)):
        print(f"\n| {title} | " + " | ".join(f"{name}: right / attention / wrong %" for name in readers) + " |")
        print("|---" * (len(readers) + 1) + "|")
        for row in dict.fromkeys(key for key, _ in table):
            print(f"| {row} | " + " | ".join(_shares(table[row, name]) for name in readers) + " |")
        total = {name: sum((c for (_, who), c in table.items() if who == name), Counter()) for name in readers}
        print("| all | " + " | ".join(_shares(total[name]) for name in readers) + " |")
    print("\nseconds: " + ", ".join(f"{name} {seconds[name]:.1f}" for name in readers))


def _shares(counts: "Counter[str]") -> str:
    n = sum(counts.values()) or 1
    return " / ".join(f"{100 * counts[kind] / n:.1f}" for kind in ("right", "attention", "wrong"))


if __name__ == "__main__":
    main()
