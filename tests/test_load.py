"""Large inputs: they work, in bounded memory. Minutes long; `make test-load`."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import qianxun

pytestmark = pytest.mark.load

MEGABYTES = 200
DISTINCT = 2000
# What one process of the command line, or one parser, may take at most. The file alone is 200 MB.
MAX_RESIDENT_MB = 1200
MAX_SECONDS = 1800
MIXED_FILES = 5_000
# Of the command and its two parsing processes together; libraries that they share are counted in each.
MAX_TOGETHER_MB = 1500


def write_text(path: Path, n_bytes: int) -> None:
    """Paragraphs, Chinese and English in turn, and a sentence at the very end.

    They repeat, and a text that was encoded is not encoded again: 200 MB of new text would take the builtin encoder
    half an hour on two cores, and it is reading, splitting, keeping and indexing that are tested here.
    """
    block = "".join(
        f"第{n}条：编号为{n * 7919 % 1_000_003}的设备每{n % 90 + 1}天检查一次，由第{n % 37}组负责记录。"
        f"Device {n * 104_729 % 1_000_003} is inspected by team {n % 37}.\n\n"
        for n in range(DISTINCT)
    )
    with path.open("w", encoding="utf-8") as file:
        for _ in range(n_bytes // len(block.encode()) + 1):
            file.write(block)
        file.write("最后一句：银色的灯塔守护着安静的港湾。\n")


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "qianxun", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=MAX_SECONDS)


def test_a_file_of_200_mb_is_searchable_to_its_last_sentence_in_bounded_memory(tmp_path: Path) -> None:
    path, kb = tmp_path / "大文件.txt", tmp_path / "kb"
    write_text(path, MEGABYTES << 20)
    assert path.stat().st_size >= MEGABYTES << 20
    added = run("add", str(path), "--kb", str(kb), "--json")
    assert added.returncode == 0, added.stderr
    resident_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    assert resident_mb < MAX_RESIDENT_MB
    found = json.loads(run("search", "银色的灯塔守护着安静的港湾", "--kb", str(kb), "--json").stdout)
    assert "银色的灯塔" in found["hits"][0]["text"]
    hit = found["hits"][0]
    shown = run("show", str(hit["document"]), "--text", "--kb", str(kb)).stdout
    assert shown[hit["start"] : hit["end"]] == hit["text"]


def test_5000_mixed_files_are_searchable_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    from bench import corpus, mixed

    _, n_damaged = mixed.make(tmp_path / "files", MIXED_FILES)
    # Without the project's texts they are of random characters, which in GB18030 no one takes for a language.
    n_unsure = -(-MIXED_FILES // len(mixed.KINDS)) if "generated" in corpus.described(1) else 0
    found = mixed.added(tmp_path / "files", tmp_path / "kb")
    assert found["resident_mb"] < MAX_TOGETHER_MB
    with qianxun.open(tmp_path / "kb", create=False) as kb:
        documents = kb.documents()
        outer = [d for d in documents if "!" not in d.source]
        assert len(outer) == MIXED_FILES
        assert sum(d.status != "ready" for d in outer) <= n_damaged + n_unsure
        assert kb.check().problems == []


def test_progress_counts_every_file_once_and_never_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    from bench import mixed

    mixed.make(tmp_path / "files", 500)
    seen: list[tuple[int, int | None]] = []
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add([tmp_path / "files"], progress=lambda p: p.stage == "reading" and seen.append((p.done, p.total)))
    assert {total for _, total in seen} == {500}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (500, 500)
    assert len({done for done, _ in seen}) > 400  # it moves with the files, not in leaps
