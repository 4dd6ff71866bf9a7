from qianxun.answering.pack import pack
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
