"""One writer and any number of readers, across processes and threads."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import qianxun
from qianxun.errors import Busy
from qianxun.knowledge_base import KnowledgeBase

# Holds an `add` open at its slowest step until told to go on, as a big folder would.
SLOW_ADD = """
import sys
import qianxun
from qianxun.models.hashing import HashEncoder
encode = HashEncoder.encode_passages
def slowly(self, texts):
    print("encoding", flush=True)
    sys.stdin.readline()
    return encode(self, texts)
if __name__ == "__main__":
    HashEncoder.encode_passages = slowly
    sys.argv[0] = "qianxun"
    with qianxun.open(sys.argv[2]) as kb:
        kb.add([sys.argv[3]])
        print("done", flush=True)
"""


@pytest.fixture
def slow_add(kb: KnowledgeBase, documents: Path, tmp_path: Path) -> "subprocess.Popen[str]":
    """A process in the middle of adding `later.md` to a knowledge base that holds the other documents."""
    kb.add([documents])
    later = tmp_path / "later.md"
    later.write_text("# 新增\n\n新增的文档 E-1042 刚刚写入。", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_ADD, "add", str(kb.directory), str(later)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "encoding\n"
    return process


def finish(process: "subprocess.Popen[str]") -> None:
    out, _ = process.communicate("\n", timeout=60)
    assert out.strip().endswith("done")


def test_a_long_add_blocks_neither_search_nor_ask(kb: KnowledgeBase, slow_add: "subprocess.Popen[str]") -> None:
    try:
        assert kb.search("E-1042 coil").passages
        assert kb.ask("What does error E-1042 mean?").citations
        line = [sys.executable, "-m", "qianxun", "search", "E-1042", "--kb", str(kb.directory), "--json"]
        other = subprocess.run(line, capture_output=True, text=True, timeout=60)
        assert json.loads(other.stdout)["hits"]
        assert slow_add.poll() is None
    finally:
        finish(slow_add)
    assert any(p.source.endswith("later.md") for p in kb.search("新增的文档 E-1042").passages)


def test_labels_and_removals_do_not_wait_for_a_long_add(
    kb: KnowledgeBase, documents: Path, slow_add: "subprocess.Popen[str]"
) -> None:
    try:
        kb.label([documents / "oncall.md"], add=["ops"], remove=["public"])
        asker = qianxun.Asker.of("public")
        assert not any(p.source.endswith("oncall.md") for p in kb.search("E-1042 coil", asker=asker).passages)
        assert slow_add.poll() is None
    finally:
        finish(slow_add)
    assert kb.check().ok


def test_a_second_add_waits_and_names_the_holder(
    kb: KnowledgeBase, documents: Path, slow_add: "subprocess.Popen[str]"
) -> None:
    add = [sys.executable, "-m", "qianxun", "add", str(documents), "--kb", str(kb.directory)]
    refused = subprocess.run([*add, "--no-wait"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 75
    assert str(slow_add.pid) in refused.stderr
    with pytest.raises(Busy), qianxun.open(kb.directory, wait=False) as other:
        other.add([documents])
    with pytest.raises(Busy):
        kb.check()
    waiting = subprocess.Popen(add, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert waiting.stderr is not None
    assert str(slow_add.pid) in waiting.stderr.readline()
    assert waiting.poll() is None
    finish(slow_add)
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0


def test_a_killed_add_is_finished_by_the_next_one(
    kb: KnowledgeBase, documents: Path, slow_add: "subprocess.Popen[str]"
) -> None:
    slow_add.kill()
    slow_add.communicate()
    assert kb.check().ok
    assert any(p.source.endswith("later.md") for p in kb.search("新增的文档").passages)


def test_threads_search_while_one_adds(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    stop, errors = threading.Event(), list[BaseException]()

    def ask() -> None:
        while not stop.is_set():
            try:
                assert kb.search("年假有几天").passages
            except BaseException as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(5):
        (documents / f"more{n}.md").write_text(f"年假补充说明第{n}号。", encoding="utf-8")
        kb.add([documents])
        kb.remove([str(documents / f"more{n}.md")])
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


def test_interrupted_encoding_is_not_done_twice(
    kb: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qianxun.models.hashing import HashEncoder

    encode, encoded = HashEncoder.encode_passages, list[str]()

    def once_too_often(self: HashEncoder, texts: list[str]) -> object:
        if len(encoded) >= 30 and not resumed:
            raise KeyboardInterrupt
        encoded.extend(texts)
        return encode(self, texts)

    resumed = False
    monkeypatch.setattr(HashEncoder, "encode_passages", once_too_often)
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(60):
        (folder / f"{n}.txt").write_text(f"第{n}号文件的内容，各不相同。", encoding="utf-8")
    overrides = ["encoder.batch=10"]
    with qianxun.open(kb.directory, overrides=overrides) as first, pytest.raises(KeyboardInterrupt):
        first.add([folder])
    assert len(encoded) == 30
    resumed = True
    with qianxun.open(kb.directory, overrides=overrides) as second:
        assert second.add([folder]).unchanged == 60
        assert len(encoded) == len(set(encoded)) == 60
        assert second.check().ok


def test_no_process_is_left_behind(kb: KnowledgeBase, documents: Path) -> None:
    before = _children()  # of other tests in this process, such as what looks after shared semaphores
    kb.add([documents])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        children = _children() - before
        if not children:
            return
        time.sleep(0.05)
    pytest.fail(f"still running: {children}")


def _children() -> set[str]:
    return {path.parent.name for path in Path("/proc").glob("[0-9]*/stat") if _parent(path) == os.getpid()}


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1
