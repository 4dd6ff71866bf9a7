"""Files that other people wrote for their own readers' tests: none may be lost, garbled or read half.

What a second, independent reader finds in a file must be in our text too. `make test-real` fetches the files.
"""

import email
import email.policy
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

import qianxun
from qianxun.records import Document, Status

pytestmark = pytest.mark.real

LEAST: Final = 0.97  # of the words that the other reader finds
# Texts whose encoding charset-normalizer's own test states.
ENCODINGS: Final = {
    "sample-arabic-1.txt": "cp1256",
    "sample-arabic.txt": "utf-8",
    "sample-bulgarian.txt": "utf-8",
    "sample-chinese.txt": "big5",
    "sample-english.bom.txt": "utf-8-sig",
    "sample-french-1.txt": "cp1252",
    "sample-french.txt": "utf-8",
    "sample-greek-2.txt": "cp1253",
    "sample-greek.txt": "cp1253",
    "sample-hebrew-2.txt": "cp1255",
    "sample-hebrew-3.txt": "cp1255",
    "sample-korean.txt": "cp949",
    "sample-russian-2.txt": "utf-8",
    "sample-russian-3.txt": "utf-8",
    "sample-spanish.txt": "utf-8",
    "sample-turkish.txt": "cp1254",
}
FORMATS: Final = (".docx", ".eml", ".odp", ".ods", ".odt", ".pdf", ".pptm", ".pptx", ".xls", ".xlsb", ".xlsx")
_WORDS = re.compile(r"[^\W\d_]{3,}")

Added = tuple[qianxun.KnowledgeBase, list[tuple[Path, Document]]]


def fetched() -> Path:
    return Path(os.environ.get("REAL_FILES", ".real-files")).absolute()


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Added]:
    if not fetched().is_dir():
        pytest.skip("the files are not there: make test-real fetches them")
    paths = [path for path in sorted(fetched().rglob("*")) if path.suffix.lower() in FORMATS and path.is_file()]
    paths += [path for path in sorted(fetched().rglob("data/sample-*.txt")) if path.name in ENCODINGS]
    letters = tmp_path_factory.mktemp("letters")
    for path in sorted(fetched().rglob("tests/mails/mail_test_*")):
        paths.append(Path(shutil.copy(path, letters / f"{path.name}.eml")))
    with qianxun.open(tmp_path_factory.mktemp("real") / "kb") as kb:
        kb.add(paths)
        documents = {document.source: document for document in kb.documents()}
        yield kb, [(path, documents[str(path)]) for path in paths]


def words(text: str) -> set[str]:
    return set(_WORDS.findall(text.lower()))


def test_every_file_is_read_or_named_with_a_reason_that_a_person_can_use(added: Added) -> None:
    assert len(added[1]) > 250
    for path, document in added[1]:
        assert document.status is Status.READY or document.reason, path
        # A parser's own error would be one that nobody here thought of.
        assert not re.search(r"\b\w+(?:Error|Exception)\b", document.reason), (path, document.reason)


def _xml(path: Path, parts: str, paragraph: str, run: str = "") -> str:
    """The text of the paragraphs of an office file; of their runs, where they hold more than text."""
    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if re.fullmatch(parts, name):
                for element in etree.fromstring(archive.read(name)).iter(f"{{*}}{paragraph}"):
                    runs = element.iter(f"{{*}}{run}", "{*}br", "{*}tab") if run else (element,)
                    found.append("".join("".join(r.itertext()) or " " for r in runs))
    return "\n".join(found)


def _pdf(path: Path) -> str:
    pypdf = pytest.importorskip("pypdf")
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def _letter(path: Path) -> str:
    letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = letter.get_body(("plain",))
    return body.get_content() if body is not None else ""


READERS: Final[dict[str, Callable[[Path], str]]] = {
    ".docx": lambda path: _xml(path, r"word/document\.xml", "p", "t"),
    ".eml": _letter,
    ".odp": lambda path: _xml(path, r"content\.xml", "p"),
    ".ods": lambda path: _xml(path, r"content\.xml", "p"),
    ".odt": lambda path: _xml(path, r"content\.xml", "p"),
    ".pdf": _pdf,
    ".pptx": lambda path: _xml(path, r"ppt/slides/slide\d+\.xml", "p", "t"),
}


@pytest.mark.parametrize("suffix", READERS)
def test_every_word_that_another_reader_finds_is_found(added: Added, suffix: str) -> None:
    kb, documents = added
    n_words = n_missing = 0
    worst = []
    for path, document in documents:
        if path.suffix.lower() != suffix or document.status is not Status.READY:
            continue
        expected = words(READERS[suffix](path))
        missing = expected - words(f"{document.title}\n{kb.text(document.id)}")
        n_words += len(expected)
        n_missing += len(missing)
        if missing:
            worst.append((len(missing), path.name, sorted(missing)[:8]))
    assert n_words > 20
    assert n_missing <= (1 - LEAST) * n_words, sorted(worst, reverse=True)[:8]


def test_texts_in_known_encodings_are_right_or_need_attention(added: Added) -> None:
    kb, documents = added
    n_right = 0
    for path, document in documents:
        encoding = ENCODINGS.get(path.name)
        if encoding is None or path.suffix != ".txt":
            continue
        if document.status is Status.READY:
            text = path.read_bytes().decode(encoding)
            assert words(text) <= words(kb.text(document.id)), path.name
            n_right += 1
        else:
            assert document.status is Status.ATTENTION
    assert n_right >= 12
