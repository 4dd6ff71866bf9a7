"""Accepted pairs are read as written, refused with file and line, and found only where the asker may read."""

import gzip
import json
from pathlib import Path

import pytest

import qianxun
from qianxun import AcceptedPair, Asker, TextItem
from qianxun.errors import InputError, NotFound
from qianxun.evaluation.pairs import JudgedQuestion, LeftOut, judged_questions, read_pairs
from qianxun.knowledge_base import KnowledgeBase
from qianxun.storage.store import Store

ADMIN = Asker.admin()


def written(path: Path, *lines: object) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def store_of(kb: KnowledgeBase) -> Store:
    return kb._store


def judged(kb: KnowledgeBase, *pairs: AcceptedPair, asker: Asker = ADMIN) -> tuple[list[JudgedQuestion], list[LeftOut]]:
    return judged_questions(pairs, store_of(kb), asker)


def test_pairs_are_read_in_every_form(tmp_path: Path) -> None:
    lines = [
        {"question": " 年假有几天？ ", "source": "人事/年假.md", "quote": "五天"},
        {"question": "What does E-1042 mean?", "document": 3, "source": None},
        # A hit of `search --json` with its question: what is not ours is ignored.
        {"question": "加班費", "source": "/a/加班.txt", "document": 4, "score": 0.4, "text": "…"},
    ]
    expected = [
        AcceptedPair("年假有几天？", "人事/年假.md", None, "五天"),
        AcceptedPair("What does E-1042 mean?", "", 3),
        AcceptedPair("加班費", "/a/加班.txt", 4),
    ]
    plain = written(tmp_path / "pairs.jsonl", *lines)
    assert read_pairs(plain) == expected
    text = plain.read_text(encoding="utf-8")
    plain.write_text("\ufeff\n" + text.replace("\n", "\r\n\r\n"), encoding="utf-8")
    assert read_pairs(plain) == expected
    (tmp_path / "pairs.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    assert read_pairs(tmp_path / "pairs.jsonl.gz") == expected


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    path = written(tmp_path / "pairs.jsonl", '{"question": "年假\\ud800", "source": "a"}')
    assert read_pairs(path) == [AcceptedPair("年假?", "a")]


@pytest.mark.parametrize(
    "line, problem",
    [
        ("{", "Expecting property name"),
        ("[" * 100_000, "not an accepted pair"),
        ("[1, 2]", "no JSON object"),
        ({"source": "a"}, 'no "question"'),
        ({"question": "  ", "source": "a"}, 'no "question"'),
        ({"question": "a"}, 'no "source"'),
        ({"question": "a", "source": ""}, 'no "source"'),
        ({"question": 7, "source": "a"}, '"question" is 7, not text'),
        ({"question": "a", "source": ["b"]}, '"source" is ['),
        ({"question": "a", "source": "b", "quote": {}}, '"quote" is {}, not text'),
        ({"question": "a", "document": "12"}, "\"document\" is '12', not an id"),
        ({"question": "a", "document": True}, '"document" is True, not an id'),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(tmp_path: Path, line: object, problem: str) -> None:
    path = written(tmp_path / "pairs.jsonl", {"question": "a", "source": "b"}, line)
    with pytest.raises(InputError) as caught:
        read_pairs(path)
    words = str(caught.value)
    assert words.startswith(f"{path}, line 2: not an accepted pair (")
    assert problem in words
    assert words.endswith('"quote" if you like.')
    assert "\n" not in words


def test_no_file_an_empty_one_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no file at .*nowhere"):
        read_pairs(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        read_pairs(tmp_path)
    with pytest.raises(InputError, match="is empty"):
        read_pairs(written(tmp_path / "pairs.jsonl", "", " "))
    (tmp_path / "pairs.jsonl").write_bytes('{"question": "年假", "source": "a"}'.encode("gb18030"))
    with pytest.raises(InputError, match="must be UTF-8"):
        read_pairs(tmp_path / "pairs.jsonl")


def test_document_is_found_by_source_path_ending_or_id(
    kb: KnowledgeBase, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb.add([documents])
    (wanted,) = [d for d in kb.documents() if d.source.endswith("年假.md")]
    monkeypatch.chdir(documents)
    for source in (wanted.source, "人事/年假.md", "./人事/../人事/年假.md", "文档/人事/年假.md", "年假.md"):
        questions, left_out = judged(kb, AcceptedPair("年假有几天", source))
        assert [list(q.accepted) for q in questions] == [[wanted.id]], source
        assert left_out == []
    (by_id,), _ = judged(kb, AcceptedPair("年假有几天", document=wanted.id))
    assert list(by_id.accepted) == [wanted.id]
    assert by_id.accepted[wanted.id].source == wanted.source
    # An id that a changed file had before must not outvote its source.
    (by_both,), _ = judged(kb, AcceptedPair("年假有几天", wanted.source, document=999))
    assert list(by_both.accepted) == [wanted.id]


def test_what_is_not_there_is_left_out_with_the_reason(kb: KnowledgeBase, documents: Path) -> None:
    (documents / "empty.txt").write_text("", encoding="utf-8")
    kb.add([documents])
    pairs = [
        AcceptedPair("a", "gone.md"),
        AcceptedPair("b", document=10**30),
        AcceptedPair("c", document=-1),
        AcceptedPair("d", "empty.txt"),
        AcceptedPair("e", "oncall.md", quote="never written"),
        AcceptedPair("f", "假.md"),  # no whole name
    ]
    questions, left_out = judged(kb, *pairs)
    assert questions == []
    assert {left.pair.question: left.reason for left in left_out} == {
        "a": "no document",
        "b": "no document",
        "c": "no document",
        "d": "no text",
        "e": "no quote",
        "f": "no document",
    }


def test_what_is_ambiguous_or_names_nothing_is_refused(kb: KnowledgeBase) -> None:
    kb.add_texts([TextItem("/x/甲/说明.md", "", "甲的说明"), TextItem("/x/乙/说明.md", "", "乙的说明")])
    with pytest.raises(InputError, match=r"'说明.md' could be /x/乙/说明.md or /x/甲/说明.md\. Write more of it\."):
        judged(kb, AcceptedPair("a", "说明.md"))
    assert len(judged(kb, AcceptedPair("a", "甲/说明.md"))[0]) == 1
    with pytest.raises(InputError, match="The question 'a' names no document"):
        judged(kb, AcceptedPair("a"))
    with pytest.raises(InputError, match="The question is empty"):
        judged(kb, AcceptedPair("  ", "甲/说明.md"))


def test_a_document_that_the_asker_may_not_read_is_as_if_it_were_not_there(kb: KnowledgeBase) -> None:
    kb.add_texts([TextItem("/x/薪酬.md", "", "薪酬等级")], labels=["hr"])
    pairs = [AcceptedPair("a", "薪酬.md"), AcceptedPair("b", "/x/薪酬.md"), AcceptedPair("c", document=1)]
    for pair in pairs:
        assert judged(kb, pair, asker=Asker.of("public")) == ([], [LeftOut(pair, "no document")])
        assert len(judged(kb, pair, asker=Asker.of("hr"))[0]) == 1


@pytest.fixture
def long(tmp_path: Path) -> KnowledgeBase:
    """A document of several chunks, Chinese with full-width and traditional stretches, and English."""
    kb = qianxun.open(tmp_path / "long", overrides=["encoder.name=hash", "splitting.max_tokens=32"])
    text = "\n\n".join(
        [
            "第一段：工程師三級的月薪為２８０００元，由人事部調整。" * 2,
            "The primary engineer answers a page within fifteen minutes, at any hour of the day or night. " * 2,
            "第三段说的是差旅：一类城市的住宿限额为每晚六百五十元，凭票据实报销。" * 2,
        ]
    )
    kb.add_texts([TextItem("long", "", text)])
    return kb


@pytest.mark.parametrize(
    "quote, holds",
    [
        ("工程师三级的月薪为28000元", "２８０００"),  # simplified and half width, the text is neither
        ("工程師三級的月薪為２８０００元", "２８０００"),
        ("Primary  Engineer\nanswers a page", "primary engineer"),
        ("住宿限額為每晚六百五十元", "住宿限额"),
    ],
)
def test_a_quote_chooses_the_passages_that_hold_it(long: KnowledgeBase, quote: str, holds: str) -> None:
    with long as kb:
        (question,), _ = judged(kb, AcceptedPair("问", "long", quote=quote))
        accepted = question.accepted[1]
        assert not accepted.whole
        assert [c.chunk for c in kb.chunks(1) if c.chunk in accepted.chunks] == list(accepted.chunks)
        assert all(holds in c.text for c in kb.chunks(1) if c.chunk in accepted.chunks)


def test_a_quote_over_a_border_is_in_both_passages_and_no_quote_means_all(long: KnowledgeBase) -> None:
    with long as kb:
        chunks = kb.chunks(1)
        first, second = chunks[0], chunks[1]
        (over,), _ = judged(kb, AcceptedPair("问", "long", quote=first.text[-8:] + "\n" + second.text[:8]))
        assert over.accepted[1].chunks == (first.chunk, second.chunk)
        (whole,), _ = judged(kb, AcceptedPair("问", "long"), AcceptedPair("问", "long", quote=first.text[-8:]))
        assert whole.accepted[1].whole
        assert whole.accepted[1].chunks == tuple(c.chunk for c in chunks)


def test_questions_folded_alike_are_one_in_whatever_order(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    pairs = [
        AcceptedPair("加班費 如何申請？", "加班.txt"),
        AcceptedPair("加班费  如何申请？", "年假.md"),
        AcceptedPair("ＷＨＡＴ ｉｓ E-1042?", "oncall.md"),
        AcceptedPair("what is e-1042?", "mixed.txt"),
        AcceptedPair("release 2.3 何时发布？", "mixed.txt"),
    ]
    questions, _ = judged(kb, *pairs)
    assert sorted(len(q.accepted) for q in questions) == [1, 2, 2]
    assert judged(kb, *reversed(pairs))[0] == questions


def test_about_a_third_is_held_back_by_the_text_alone(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    texts = [f"第{n}个问题" for n in range(300)] + [f"question {n}" for n in range(300)]
    questions, _ = judged(kb, *(AcceptedPair(text, "oncall.md") for text in texts))
    held_back = {q.text for q in questions if q.held_back}
    assert 150 <= len(held_back) <= 250
    fewer, _ = judged(kb, *(AcceptedPair(text, "mixed.txt") for text in texts[::7]))
    assert {q.text for q in fewer if q.held_back} == held_back.intersection(texts[::7])
