"""Another encoder: built beside, compared, in force at once for everybody, or not at all."""

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import qianxun
from qianxun import AcceptedPair, assemble
from qianxun.cli.main import main
from qianxun.errors import ModelUnavailable, StaleIndex
from qianxun.knowledge_base import KnowledgeBase
from qianxun.models.hashing import HashEncoder
from qianxun.protocols import Vectors
from qianxun.settings import Settings


class Other(HashEncoder):
    """A second encoder that needs no weights: the same vectors turned round."""

    name = "other"
    fingerprint = "other-1"
    encoded: list[str] = []  # noqa: RUF012 (every instance of a test adds to it)
    fails_after: int | None = None

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32, unit rows."""
        if Other.fails_after is not None and len(Other.encoded) >= Other.fails_after:
            raise ModelUnavailable("Nobody answers.")
        Other.encoded += texts
        return super().encode_passages(texts)[:, ::-1].copy()


class Poor(Other):
    """An encoder that finds nothing: every text has the same vector."""

    name = "poor"
    fingerprint = "poor-1"

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32, unit rows."""
        return HashEncoder.encode_passages(self, ["同"] * len(texts))


@pytest.fixture(autouse=True)
def encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Other, Poor):
        monkeypatch.setitem(assemble.BUILT_IN["encoders"], kind.name, f"{__name__}:{kind.__name__}")  # type: ignore[arg-type]
    monkeypatch.setattr(Other, "encoded", [])
    monkeypatch.setattr(Other, "fails_after", None)


@pytest.fixture
def filled(kb: KnowledgeBase, documents: Path) -> Iterator[KnowledgeBase]:
    """A knowledge base made with the hash encoder, opened as anybody would."""
    kb.add([documents])
    kb.close()
    with qianxun.open(kb.directory) as opened:
        yield opened


def first(kb: KnowledgeBase, question: str) -> str:
    return kb.search(question).passages[0].source.rpartition("/")[2]


def test_new_encoder_is_in_force_at_once_also_for_who_had_it_open(filled: KnowledgeBase) -> None:
    with qianxun.open(filled.directory) as other:
        assert other.search("年假有几天").models == {"encoder": "hash-1"}
        report = filled.reindex("other")
        assert (report.before, report.after, report.switched) == ("hash-1", "other-1", True)
        assert report.vectors == report.chunks
        for each in (filled, other):
            assert each.search("年假有几天").models == {"encoder": "other-1"}
            assert first(each, "年假有几天") == "年假.md"
            assert each.search("E-1042 coil").degraded == ()
    assert filled.check().ok
    assert tomllib.loads((filled.directory / "kb.toml").read_text())["encoder"] == {"name": "other", "model": ""}


def test_going_back_costs_nothing_until_compact(filled: KnowledgeBase) -> None:
    filled.reindex("other")
    n_encoded = len(Other.encoded)
    back = filled.reindex("hash")
    assert (back.vectors, back.reused) == (0, back.chunks)
    again = filled.reindex("other")
    assert (again.vectors, len(Other.encoded)) == (0, n_encoded)
    filled.compact()
    kept = {path.name for folder in ("vectors", "indexes") for path in (filled.directory / folder).iterdir()}
    assert {name for name in kept if "hash-1" in name} == set()
    assert filled.check().ok


def test_stopped_in_the_middle_nothing_changes_and_the_next_goes_on(filled: KnowledgeBase) -> None:
    filled.settings = dataclasses.replace(
        filled.settings, encoder=dataclasses.replace(filled.settings.encoder, batch=2)
    )
    Other.fails_after = 2
    with pytest.raises(ModelUnavailable):
        filled.reindex("other")
    assert first(filled, "年假有几天") == "年假.md"
    assert filled.search("年假有几天").models == {"encoder": "hash-1"}
    done = list(Other.encoded)
    Other.fails_after = None
    report = filled.reindex("other")
    assert report.switched
    assert report.reused == len(done) > 0
    assert sorted(set(Other.encoded)) == sorted(Other.encoded), "a text was encoded twice"


def test_what_is_added_and_removed_meanwhile_is_caught_up_with(
    filled: KnowledgeBase, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, done = Other.encode_passages, list[bool]()

    def meanwhile(self: Other, texts: Sequence[str]) -> Vectors:
        rows = encode(self, texts)
        if not done:
            done.append(True)
            (documents / "later.md").write_text("# 新增\n\n龙井茶须在清明前采摘。", encoding="utf-8")
            with qianxun.open(filled.directory) as other:
                other.remove([str(documents / "oncall.md")])
                other.add([documents / "later.md"])
        return rows

    monkeypatch.setattr(Other, "encode_passages", meanwhile)
    filled.reindex("other")
    assert first(filled, "龙井茶 清明") == "later.md"
    assert all("oncall" not in p.source for p in filled.search("E-1042 coil").passages)
    assert filled.check().ok


def test_removed_documents_leave_no_vector_of_any_encoder(filled: KnowledgeBase, documents: Path) -> None:
    filled.reindex("other")
    filled.remove([str(documents / "oncall.md")])
    live = filled._store.hashes()
    for fingerprint in ("hash-1", "other-1"):
        from qianxun.storage.vectors import VectorStore

        vectors = VectorStore(filled.directory / "vectors", fingerprint, 64)
        assert vectors.hashes() == live
        vectors.close()


PAIRS = [
    AcceptedPair("工作满十年有几天年假？", source="人事/年假.md"),
    AcceptedPair("工程师三级的月薪是多少？", source="人事/薪酬.txt"),
    AcceptedPair("What does error E-1042 mean?", source="oncall.md"),
    AcceptedPair("申請加班費要先做什麼？", source="加班.txt"),
    AcceptedPair("Release 2.3 修复了什么？", source="mixed.txt"),
    AcceptedPair("病假需要医院证明吗？", source="人事/年假.md"),
    AcceptedPair("薪酬由哪个部门每年调整？", source="人事/薪酬.txt"),
    AcceptedPair("How many minutes does the primary engineer have to answer a page?", source="oncall.md"),
    AcceptedPair("加班費經誰核准後報支？", source="加班.txt"),
    AcceptedPair("timeout 问题是哪天修复的？", source="mixed.txt"),
]


def test_a_worse_encoder_is_not_taken_unless_asked_for(filled: KnowledgeBase) -> None:
    overrides = ("search.mode=dense",)
    with qianxun.open(filled.directory, overrides=overrides) as kb:
        report = kb.reindex("poor", pairs=PAIRS)
        assert report.comparison.verdict == "worse"
        assert report.comparison.after < report.comparison.before
        assert report.comparison.n == len(PAIRS)
        assert not report.switched
        assert kb.search("年假有几天").models == {"encoder": "hash-1"}
        assert kb.reindex("poor", pairs=PAIRS, even_if_worse=True).switched
    with qianxun.open(filled.directory) as kb:
        assert kb.search("年假有几天").models == {"encoder": "poor-1"}


def test_an_equal_one_is_taken(filled: KnowledgeBase) -> None:
    report = filled.reindex("other", pairs=PAIRS)
    assert report.comparison.verdict == "no difference"
    assert report.switched


def test_another_encoder_without_reindex_is_refused_with_the_command(filled: KnowledgeBase) -> None:
    with (
        qianxun.open(filled.directory, overrides=["encoder.name=other"]) as kb,
        pytest.raises(StaleIndex, match=r"another encoder \(hash-1, now other-1\).*qianxun reindex"),
    ):
        kb.search("年假")


def test_what_a_person_wrote_in_kb_toml_stays(filled: KnowledgeBase) -> None:
    path = filled.directory / "kb.toml"
    path.write_text(
        "# 我们的库\n[search]\nk = 7 # seven\n\n" + path.read_text(encoding="utf-8") + "\n# the end\n",
        encoding="utf-8",
    )
    filled.reindex("other")
    text = path.read_text(encoding="utf-8")
    assert "# 我们的库" in text
    assert "k = 7 # seven" in text
    assert "# the end" in text
    assert tomllib.loads(text)["encoder"]["name"] == "other"
    assert filled.settings.search.k == 7


class TestCommand:
    """`qianxun reindex`."""

    def test_says_what_it_did_and_is_documented_json(
        self, filled: KnowledgeBase, capsys: pytest.CaptureFixture[str]
    ) -> None:
        filled.close()
        line = ["reindex", "--encoder", "other", "--kb", str(filled.directory)]
        assert main([*line, "--dry-run"]) == 0
        assert "Built, and not in force" in capsys.readouterr().out
        assert main([*line, "--json"]) == 0
        shape = json.loads(capsys.readouterr().out)
        assert shape["switched"] is True
        assert shape["vectors"] == 0
        assert shape["reused"] == shape["chunks"]

    def test_exit_code_1_where_it_is_worse(
        self, filled: KnowledgeBase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        filled.close()
        file = tmp_path / "pairs.jsonl"
        lines = [json.dumps({"question": p.question, "source": p.source}, ensure_ascii=False) for p in PAIRS]
        file.write_text("\n".join(lines), encoding="utf-8")
        line = ["reindex", "--encoder", "poor", "--eval", str(file), "--set", "search.mode=dense"]
        assert main([*line, "--kb", str(filled.directory)]) == 1
        assert "Not taken: search is worse with it" in capsys.readouterr().out
