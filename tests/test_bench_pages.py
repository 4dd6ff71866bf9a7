"""What the benches of the pages compute; no browser, no service, no time is measured here."""

import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.answering.generating import may_be_refusal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import first_token, pages
from bench.rows import Figure

QUESTIONS = {
    "zh": "差旅住宿标准是多少？",
    "traditional": "陸特和漢斯雷頓開創了哪一地區對梵語的學術研究？",
    "en": "How long is the warranty?",
    "mixed": "TensorFlow Hub 目标检测 Colab［可选］",
}


def test_a_percentile_is_the_smallest_sample_that_so_many_do_not_exceed() -> None:
    samples = [float(n) for n in range(100, 0, -1)]
    assert [pages.percentile(samples, share) for share in (0.0, 0.01, 0.5, 0.95, 1.0)] == [1.0, 1.0, 50.0, 95.0, 100.0]
    assert pages.percentile([7.0], 0.95) == 7.0


def test_the_interval_of_a_percentile_holds_it_and_is_the_same_every_time() -> None:
    samples = [random.Random(2).gauss(100, 10) for _ in range(64)]
    samples = [sample + n for n, sample in enumerate(samples)]
    figure = pages.figure_at(samples, 0.95)
    assert figure == pages.figure_at(samples, 0.95)
    assert min(samples) < figure.low <= figure.median <= figure.high <= max(samples)
    assert figure.n == 64
    assert pages.figure_at([3.0, 3.0], 0.5) == Figure(3.0, 3.0, 3.0, 2)


@given(st.text(st.sampled_from("差旅住宿標準是多少？，１２ hotel RATE-9"), max_size=40), st.integers(0, 9))
def test_what_is_typed_is_the_text(text: str, seed: int) -> None:
    found = pages.strokes(text, random.Random(seed))
    assert "".join(one.text for one in found if one.what != "compose") == text
    assert all(0.03 <= one.pause_seconds <= 0.6 for one in found)
    # A key is one letter; an input method shows letters before each word, and nothing is composed without its word.
    assert all(len(one.text) == 1 and one.text.isascii() for one in found if one.what == "key")
    assert not found or found[-1].what != "compose"


def test_chinese_is_typed_by_an_input_method() -> None:
    found = [(one.what, one.text) for one in pages.strokes("年假x", random.Random(1))]
    letters = [("compose", "q"), ("compose", "qi"), ("compose", "qia"), ("compose", "qian")]
    assert found == [*letters, ("commit", "年假"), ("key", "x")]


def test_kinds_of_questions() -> None:
    assert [pages.kind_of(text) for text in QUESTIONS.values()] == ["zh", "zh", "en", "mixed"]
    assert pages.kind_of("12 / 7") == ""
    assert pages.is_typed(QUESTIONS["zh"])
    assert not pages.is_typed("年假\n几天")
    assert not pages.is_typed("年假")
    assert not pages.is_typed("长" * 81)


def test_questions_come_in_turn_and_none_twice() -> None:
    found = pages.in_turn({"zh": ["一", "二", "一", "三"], "en": ["a"], "mixed": []}, 9)
    assert [(one.kind, one.text) for one in found] == [("zh", "一"), ("en", "a"), ("zh", "二"), ("zh", "三")]
    assert len(pages.in_turn({"zh": ["一", "二"], "en": ["a"]}, 2)) == 2


def taken(kind: str, all: float) -> pages.Taken:
    parts = {"pause": 120.0, "service": all - 120.0}
    return pages.Taken(kind, all, parts, 2, 800.0 if kind == "zh" else None, 130.0, 10.0, 15.0)


def test_rows_have_the_percentiles_their_limits_and_the_heaviest_page() -> None:
    slow = [taken("zh", 150.0)] * 18 + [taken("en", 290.0), taken("en", 400.0)]
    weighed = [pages.Load("search", 4, 30_000, 80.0), pages.Load("view", 5, 99_000, 90.0)]
    weighed.append(pages.Load(pages.PICTURE, 6, 130_000, 85.0))
    found = {row.name: row for row in pages.rows(slow, weighed, 60)}
    p95 = found["pages-60-first-result-p95"]
    assert (p95.ours.median, p95.target, p95.met()) == (290.0, 300.0, True)
    assert p95.times_better("an empty page, same pause") == pytest.approx(130 / 290)
    assert found["pages-60-first-result-max"].ours.median == 400.0
    assert p95.notes["share within target"] == 0.95
    assert (found["pages-weight"].ours.median, found["pages-weight"].met()) == (99.0, True)
    assert found["pages-first-paint"].ours.median == 90.0
    table = pages.told(slow, weighed)
    assert "| en | 2 | 290 | 400 | 400 | 50.0% | 10 | 10 |" in table
    assert "| all | 20 | 150 | 290 | 400 | 95.0% | 10 | 10 |" in table
    assert "| (the answer box) | 800 | 800 |" in table
    assert "| view | 5 | 99 | 90 |" in table


def test_scripts_of_the_chat_are_told_apart_by_their_first_piece() -> None:
    found = first_token.scripts(40)
    assert len(found) == 40
    assert {one.kind for one in found} == {*QUESTIONS, first_token.LIKE_A_REFUSAL}
    assert sum(one.kind == first_token.LIKE_A_REFUSAL for one in found) == 8
    for one in found:
        assert one.answer.startswith(one.start)
        assert not one.question.startswith(one.start)
        assert may_be_refusal(one.answer[:4]) == (one.kind == first_token.LIKE_A_REFUSAL)


def test_rows_of_the_chat_leave_out_what_begins_like_a_refusal() -> None:
    found = [first_token.Taken("zh", 40.0, 50.0, 10.0)] * 9
    found += [first_token.Taken("en", 140.0, 160.0, 12.0), first_token.Taken(first_token.LIKE_A_REFUSAL, 900, 910, 880)]
    rows = {row.name: row for row in first_token.rows(found)}
    assert (rows["chat-first-token-p50"].ours.median, rows["chat-first-token-p50"].ours.n) == (50.0, 10)
    assert rows["chat-first-token-p95"].met() is False
    assert rows["chat-first-token-p95"].peers["a client of the service's stream"] == Figure(12.0, 10.0, 12.0, 10)
    table = first_token.told(found)
    assert "| all of these: on screen | 10 | 50 | 160 | 160 | 90% |" in table
    assert "| begins like a refusal: service's stream | 1 | 880 | 880 | 880 | 0% |" in table
