"""The conformance suite over the built-in indexes, and what is particular to each."""

import errno
import os
import random
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
from index_conformance import (
    DIM,
    FINGERPRINT,
    QUESTIONS,
    TEXTS,
    IndexConformance,
    committed_files,
    question,
    rows_of,
    where_of,
)

from qianxun.errors import DiskFull, StaleIndex
from qianxun.filters import AnyLabel
from qianxun.indexes import exact, exact_lexical, faiss, state, tantivy
from qianxun.settings import IndexSettings


class TestExact(IndexConformance):
    open_index = staticmethod(exact.open_index)
    kind = "dense"


class TestExactLexical(IndexConformance):
    open_index = staticmethod(exact_lexical.open_index)
    kind = "lexical"


class TestFaiss(IndexConformance):
    open_index = staticmethod(faiss.open_index)
    kind = "dense"


class TestFaissLarge(IndexConformance):
    """As a large index behaves, at the size of a test: every segment has codes."""

    open_index = staticmethod(faiss.open_index)
    kind = "dense"
    settings = IndexSettings(exact_up_to=0)


class TestTantivy(IndexConformance):
    open_index = staticmethod(tantivy.open_index)
    kind = "lexical"


MODULES = [exact, exact_lexical, faiss, tantivy]
NAMES = [module.NAME for module in MODULES]
N_DOCUMENTS = 30

# Adds a document a commit, takes out every third again, and says what it has committed.
WRITER = """
import importlib, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from index_conformance import DIM, FINGERPRINT, rows_of
from qianxun.settings import IndexSettings
module = importlib.import_module({module!r})
index = module.open_index(Path({directory!r}), fingerprint=FINGERPRINT, settings=IndexSettings(), dim=DIM)
for document in range(index.revision + 1, {last} + 1):
    index.upsert(rows_of([document]))
    if document % 3 == 0:
        index.remove([document])
    index.commit(document)
    print(document, flush=True)
"""


def opened(module: ModuleType, directory: Path, **more: object) -> object:
    return module.open_index(directory, fingerprint=FINGERPRINT, settings=IndexSettings(), dim=DIM, **more)


def writing(module: ModuleType, directory: Path, last: int) -> "subprocess.Popen[str]":
    script = WRITER.format(
        tests=str(Path(__file__).parent), module=module.__name__, directory=str(directory), last=last
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def documents_at(revision: int) -> set[int]:
    return {document for document in range(1, revision + 1) if document % 3}


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_readers_in_another_process_see_one_commit_or_the_next(module: ModuleType, tmp_path: Path) -> None:
    reader = opened(module, tmp_path, read_only=True)
    with writing(module, tmp_path, 12) as writer:
        seen = -1
        while writer.poll() is None:
            found = {chunk >> 24 for chunk in reader.ids().tolist()}
            newest = max(found, default=0)
            assert newest >= seen
            assert found == documents_at(newest)
            seen = newest
    assert writer.returncode == 0
    assert reader.revision == 12
    assert {chunk >> 24 for chunk in reader.ids().tolist()} == documents_at(12)


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_threads_share_a_reader_while_another_object_commits(module: ModuleType, tmp_path: Path) -> None:
    writer, reader = opened(module, tmp_path), opened(module, tmp_path, read_only=True)
    rows = rows_of([1])
    writer.upsert(rows)
    writer.commit(1)
    where = where_of(AnyLabel(frozenset({"public"})), rows)
    wrong: list[object] = []
    done = threading.Event()

    def search() -> None:
        try:
            while not done.is_set():
                hits = reader.search(question(TEXTS[2]), 1, where)
                if [hit.chunk for hit in hits] != [rows[2].chunk]:
                    wrong.append(hits)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for document in range(2, 10):
        writer.upsert(rows_of([document]))
        writer.commit(document)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_verify_finds_damage_that_kept_its_time(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = opened(module, tmp_path)
    index.upsert(rows_of([1]))
    index.commit(1)
    index.verify()
    monkeypatch.setattr(state, "_ALWAYS_READ_BYTES", 0)  # as for files of more than 16 MB
    victim = max(committed_files(tmp_path)[1:], key=lambda path: path.stat().st_size)
    status = victim.stat()
    data = bytearray(victim.read_bytes())
    data[-20] ^= 1
    victim.write_bytes(data)
    with pytest.raises(StaleIndex, match=victim.name):
        opened(module, tmp_path)
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(StaleIndex, match=victim.name):
        opened(module, tmp_path).verify()


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_a_full_disk_is_said_so_and_leaves_the_last_commit(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = opened(module, tmp_path)
    index.upsert(rows_of([1]))
    index.commit(1)
    before = index.search(question(TEXTS[2]), 5)
    index.upsert(rows_of([2]))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "state.json.new")

    monkeypatch.setattr(state, "write_file", full)
    with pytest.raises(DiskFull, match="Make room"):
        index.commit(2)
    monkeypatch.undo()
    assert opened(module, tmp_path, read_only=True).search(question(TEXTS[2]), 5) == before


@pytest.mark.kill
@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_a_killed_writer_leaves_its_last_commit_and_can_go_on(module: ModuleType, tmp_path: Path) -> None:
    chance = random.Random(5)
    killed = 0
    while True:
        with writing(module, tmp_path / "killed", N_DOCUMENTS) as writer:
            assert writer.stdout is not None
            said = [writer.stdout.readline() for _ in range(chance.randrange(1, 9))]
            timer = threading.Timer(chance.random() * 0.02, writer.kill)
            timer.start()
            said += writer.stdout.readlines()
            writer.wait()
            timer.cancel()
        index = opened(module, tmp_path / "killed", read_only=True)
        whole = [int(line) for line in said if line.endswith("\n")]
        assert index.revision >= max(whole, default=0)
        found = {chunk >> 24 for chunk in index.ids().tolist()}
        # Tantivy's own commit may be one ahead of the revision: the next run finds its work done.
        assert found in (documents_at(index.revision), documents_at(index.revision + 1))
        if writer.returncode == 0:
            break
        killed += 1
    assert killed >= 1
    assert index.revision == N_DOCUMENTS
    once = opened(module, tmp_path / "once")
    for document in sorted(documents_at(N_DOCUMENTS)):
        once.upsert(rows_of([document]))
    once.commit(N_DOCUMENTS)
    assert index.ids().tolist() == once.ids().tolist()
    if module in (exact, faiss, exact_lexical):  # Tantivy counts removed chunks until it merges
        for text in QUESTIONS:
            assert index.search(question(text), 50) == once.search(question(text), 50)
    assert len([path for path in (tmp_path / "killed").iterdir() if path.is_dir()]) == 1
