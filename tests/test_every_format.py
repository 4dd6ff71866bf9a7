"""Every format that is read, from the file to the search result; and what is left of it after damage."""

import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import fixture_files
import page_images
import pytest

import qianxun
from qianxun.documents.registry import PICTURES, supported_suffixes
from qianxun.records import Status

SUFFIXES = [suffix for suffix in supported_suffixes() if suffix != ".odd"]
# No library at hand writes a workbook of this kind; its own tests make one by hand.
NOT_MADE = {".xlsb", *(() if page_images.can_draw_and_read() else PICTURES)}
N_SMOKE = 120
N_FUZZED = 1000


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[qianxun.KnowledgeBase, Path]]:
    folder = tmp_path_factory.mktemp("formats")
    for suffix in SUFFIXES:
        if suffix not in NOT_MADE:
            (folder / fixture_files.file_name(suffix)).write_bytes(fixture_files.fixture(suffix))
    with qianxun.open(tmp_path_factory.mktemp("kb") / "kb") as kb:
        report = kb.add(folder)
        assert report.failed == []
        assert report.attention == []
        yield kb, folder


@pytest.mark.parametrize(
    "suffix",
    [
        pytest.param(suffix, marks=pytest.mark.skipif(suffix in NOT_MADE, reason=page_images.WHY_NOT))
        for suffix in sorted({*SUFFIXES, *PICTURES} - {".xlsb"})
    ],
)
def test_every_format_is_read_right(added: tuple[qianxun.KnowledgeBase, Path], suffix: str) -> None:
    kb, folder = added
    own = str(folder / fixture_files.file_name(suffix))
    documents = [d for d in kb.documents() if d.source == own or d.source.startswith(f"{own}!")]
    assert documents
    assert {d.status for d in documents} == {Status.READY}
    text = "".join(kb.text(d.id) for d in documents)
    for fact in fixture_files.FACTS:
        assert (plain(fact) in plain(text)) if suffix in PICTURES else (fact in text)
    assert "\ufffd" not in text


def plain(text: str) -> str:
    """What a picture can be held to: neither spaces nor the width of marks can be seen for sure."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def fuzzed(n: int, seed: int, folder: Path) -> None:
    """Files of all formats in turn: cut, with bytes changed, blocks doubled or zeroed, or one format named another."""
    chance = random.Random(seed)
    kinds = [suffix for suffix in SUFFIXES if suffix not in NOT_MADE]
    whole = {suffix: fixture_files.fixture(suffix) for suffix in kinds}
    for i in range(n):
        suffix = kinds[i % len(kinds)]
        data = bytearray(whole[suffix])
        match chance.randrange(5):
            case 0:
                del data[chance.randrange(len(data)) :]
            case 1:
                for _ in range(chance.randint(1, 40)):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            case 2:
                start = chance.randrange(len(data))
                data[start:start] = data[start : start + chance.randint(1, 4000)]
            case 3:
                start = chance.randrange(len(data))
                data[start : start + chance.randint(1, 300)] = bytes(chance.randint(1, 300))
            case 4:
                data = bytearray(whole[chance.choice(kinds)])
        name = fixture_files.file_name(suffix)
        (folder / f"{i}-{name}").write_bytes(bytes(data))


def survives(n: int, seed: int, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    fuzzed(n, seed, folder)
    (folder / "sound.txt").write_text(fixture_files.CHINESE, encoding="utf-8")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.max_seconds=20"]) as kb:
        report = kb.add(folder)
        assert kb.check().ok
        assert any("LF-2043" in p.text for p in kb.search("LF-2043", mode="lexical").passages)
        sources = {d.source for d in kb.documents()}
        named = {source for source, _ in (*report.failed, *report.attention, *report.empty)}
        # Each file is there, read or named as not read; what failed has no text.
        for path in folder.iterdir():
            assert str(path) in sources
        for document in kb.documents():
            assert (document.chunks == 0) or document.status is Status.READY
            if document.status is not Status.READY:
                assert document.source in named
                assert document.reason
        assert not any("longer than" in reason or "parser crashed" in reason for _, reason in report.failed)


def test_damaged_files_of_all_formats_cost_only_themselves(tmp_path: Path) -> None:
    survives(N_SMOKE, 20260, tmp_path)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_damaged_files(tmp_path: Path, seed: int) -> None:
    survives(N_FUZZED, seed, tmp_path)
