"""The labelled set for the citation checker is what it says, and the checker does well on the half to tune on."""

from collections import Counter
from pathlib import Path

import pytest

from qianxun.answering.cite import verify
from qianxun.text import fold

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def bench_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def bare(text: str) -> str:
    return "".join(character for character in fold(text) if character.isalnum())


def test_halves_share_no_document_and_each_has_hundreds_of_sentences() -> None:
    from bench.checking.sources import sources

    halves = {half: sources(half) for half in ("tuning", "held out")}  # type: ignore[arg-type]
    documents = {half: {source.document for source in found} for half, found in halves.items()}
    assert not documents["tuning"] & documents["held out"]
    assert {"finance/费用报销制度-2025.md", "zh-library", "en-leave"} <= documents["tuning"]
    for found in halves.values():
        assert {source.language for source in found} == {"zh", "en"}


def test_items_are_labelled_by_how_they_were_made() -> None:
    from bench.checking.items import MOST_OF_A_KIND, items

    found = items("held out")
    assert found == items("held out")
    counts = Counter((item.language, item.true, item.kind) for item in found)
    assert max(counts.values()) <= MOST_OF_A_KIND
    for language in ("zh", "en"):
        assert counts[language, True, "other words, by hand"] >= 60
        assert sum(n for (mine, true, _), n in counts.items() if mine == language and true) >= 400
        assert sum(n for (mine, true, _), n in counts.items() if mine == language and not true) >= 400
    for item in found:
        stands_there = bare(item.sentence) in bare(item.passage.text)
        if item.kind == "quoted":
            assert stands_there
        if item.kind == "true of another passage":
            assert not stands_there


def test_alterations_change_what_they_are_named_for() -> None:
    import random

    from bench.checking import alterations
    from bench.checking.sources import sources

    source = next(one for one in sources("tuning") if one.document == "zh-library")
    chance = random.Random(1)
    sentence = "未满 6 岁的儿童须由家长陪同入馆，每月最多 3 次。"
    assert alterations.negation_added("儿童须由家长陪同。", source, chance) == "儿童无须由家长陪同。"
    assert alterations.negation_dropped("不得转借。", source, chance) == "可以转借。"
    assert alterations.limit(sentence, source, chance) in (
        "未满 6 岁的儿童须由家长陪同入馆，每月最少 3 次。",
        "未满 6 岁的儿童须由家长陪同入馆，每月最多 3 次。".replace("未满", "满"),
    )
    assert alterations.entity_swapped("甲方应向乙方付款。", source, chance) == "乙方应向甲方付款。"
    assert alterations.entity_swapped("甲方和乙方应付款。", source, chance) is None
    assert alterations.number("没有数字。", source, chance) is None
    assert alterations.narrow("３．１　每２０天，１，０００元") == "3.1　每20天，1,000元"


def test_the_checker_does_well_on_the_half_to_tune_on() -> None:
    from bench.checking.items import items

    right = Counter[tuple[str, bool]]()
    n = Counter[tuple[str, bool]]()
    for item in items("tuning")[::6]:
        n[item.language, item.true] += 1
        right[item.language, item.true] += (verify(item.sentence, item.passage)[0] == "supported") == item.true
    assert all(right[key] >= 0.94 * n[key] for key in n), (right, n)


def test_shares_are_counted_by_kind_and_over_all() -> None:
    from bench.checking.items import Item
    from bench.citation_checking import Share, shares

    passage = None
    judged = [
        (Item("zh", "quoted", True, "一", passage), True),  # type: ignore[arg-type]
        (Item("zh", "shortened", True, "二", passage), False),  # type: ignore[arg-type]
        (Item("zh", "number", False, "三", passage), True),  # type: ignore[arg-type]
    ]
    found = {(share.true, share.kind): share for share in shares(judged, "rules")}
    assert found[True, "all"] == Share("zh", True, "all", "rules", 1, 2)
    assert found[True, "shortened"].value == 0.0
    assert found[False, "all"].value == 1.0
