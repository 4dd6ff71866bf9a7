from hypothesis import given
from hypothesis import strategies as st

from qianxun.answering.pack import fitting, in_reading_order, pack
from qianxun.answering.pieces import pieces
from qianxun.records import Passage, Span


def passage(rank: int, text: str, context: str = "") -> Passage:
    return Passage(
        rank, 1 / rank, rank, rank, f"{rank}.md", "", None, None, (), Span(0, len(text)), text, context, (), {}
    )


def test_best_passages_come_first_and_no_more_than_asked():
    packed = pack([passage(3, "c"), passage(1, "a"), passage(2, "b")], 2)
    assert [p.text for p in packed] == ["a", "b"]


def test_same_text_in_other_script_width_and_spacing_is_packed_once():
    texts = ["報銷上限為 80 元", "报销上限为８０元", "The LIMIT is 80", "the limit\nis 80"]
    assert [p.rank for p in pack([passage(i, t) for i, t in enumerate(texts, 1)], 8)] == [1, 3]


def test_a_duplicate_does_not_use_up_the_budget():
    assert [p.text for p in pack([passage(1, "甲"), passage(2, "甲"), passage(3, "乙")], 2)] == ["甲", "乙"]


def test_same_text_under_another_heading_is_another_passage():
    packed = pack([passage(1, "每天不超过 80 元", "市内交通"), passage(2, "每天不超过 80 元", "餐补")], 8)
    assert len(packed) == 2


def test_nothing_packs_to_nothing():
    assert pack([], 8) == ()


SENTENCES = (
    "出差期间市内交通费每天不超过 80 元，凭票报销。",
    "晚上２１：３０以后加班可报销回家的网约车费！",
    "加班須事先申請，經主管核准後方可報支加班費。",
    "The warranty lasts 24 months from delivery. ",
    "Batteries are not covered; see clause 3.5 for 例外情形。",
    "\n型号 | 目录价\nLF-200 | 5,680\nLG-8 | 1,980\n",
)
texts = st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6).map("".join)


def length(passage: Passage) -> int:
    return 7 + len(passage.text)  # as if its heading took 7


def longest_beginning(passage: Passage, room: int) -> str | None:
    """Slowly: every beginning that ends with a sentence or a row."""
    ends = [piece.end for piece in pieces(passage) if piece.end >= 80 and 7 + piece.end <= room]
    return passage.text[: max(ends)] if ends else None


@given(st.lists(texts, max_size=5), st.integers(0, 400))
def test_what_fits_is_kept_whole_or_cut_at_a_sentence_or_row(texts: list[str], room: int) -> None:
    given = [passage(rank, text) for rank, text in enumerate(texts, 1)]
    expected, left = [], room
    for one in given:
        text = one.text if length(one) <= left else longest_beginning(one, left)
        if text is None and not expected:
            text = one.text[: pieces(one)[0].end]  # the first is there in any case
        if text is not None:
            expected.append((one.rank, text))
            left -= 7 + len(text)
    found = fitting(given, room, length)
    assert [(one.rank, one.text) for one in found] == expected
    for one in found:
        assert one.span == Span(0, len(one.text))


def test_a_passage_too_long_does_not_keep_shorter_ones_out() -> None:
    long = passage(2, "x" * 500)
    found = fitting([passage(1, "a" * 50), long, passage(3, "c" * 50)], 150, length)
    assert [one.rank for one in found] == [1, 3]


def test_nothing_fits_and_none_is_wanted() -> None:
    assert fitting([passage(1, "年假五天。")], 3, length, at_least=0) == ()
    assert [one.text for one in fitting([passage(1, "年假五天。病假三天。")], 3, length)] == ["年假五天。"]


def test_passages_of_a_document_stand_together_as_they_do_in_it() -> None:
    def at(rank: int, document: int, start: int) -> Passage:
        return Passage(rank, 1 / rank, rank, document, "", "", None, None, (), Span(start, start + 1), "x", "", (), {})

    given = [at(1, 7, 90), at(2, 5, 40), at(3, 7, 10), at(4, 6, 0), at(5, 5, 0)]
    assert [one.rank for one in in_reading_order(given)] == [3, 1, 5, 2, 4]
    assert in_reading_order([]) == ()
