"""Signals: nothing where nothing is set, bounded where something is, and every effect told."""

import dataclasses
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.errors import SettingsError
from qianxun.records import Passage, Span
from qianxun.retrieval.signals import (
    Contribution,
    Counts,
    Facts,
    SignalRules,
    Wanted,
    authority,
    balance,
    combined,
    exactness,
    factors,
    freshness,
    signalled,
    span,
    wanted_of,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def passage(score: float = 0.5, *, chunk: int = 1, document: int = 1, **changed: object) -> Passage:
    made = Passage(
        rank=1,
        score=score,
        chunk=chunk,
        document=document,
        source="/资料/制度/年假.md",
        title="年假制度",
        page=None,
        location=None,
        heading=(),
        span=Span(0, 1),
        text="工作满一年的员工每年有五天带薪年假。",
        context="员工手册 › 年假",
        labels=("public",),
        stages={},
    )
    return dataclasses.replace(made, **changed)  # type: ignore[arg-type]


def days_ago(days: float) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- nothing set, nothing known ---

scores = st.lists(st.floats(0, 1), max_size=12).map(lambda found: sorted(found, reverse=True))


@given(scores)
def test_without_configuration_and_feedback_nothing_changes(given_scores: list[float]) -> None:
    passages = [passage(score, chunk=n, document=n) for n, score in enumerate(given_scores)]
    dates = {n: days_ago(n * 100) for n in range(len(passages))}
    found = signalled(passages, SignalRules(), Facts(NOW, modified=dates, wanted=wanted_of("五天带薪年假")))
    assert [(one.place, one.score) for one in found] == list(enumerate(given_scores))
    assert all(one.contributions == (Contribution("relevance", one.score, 1.0, one.score),) for one in found)


def test_where_no_signal_speaks_even_an_order_that_is_not_of_the_scores_stays() -> None:
    found = signalled([passage(0.2), passage(0.9)], SignalRules(freshness=1.0), Facts(NOW))
    assert [one.place for one in found] == [0, 1]


# --- the formula ---


def log_odds(share: float) -> float:
    return math.log(share / (1 - share))


inner = st.floats(0.001, 0.999)
told = st.lists(
    st.tuples(
        st.sampled_from(["freshness", "authority", "clicks", "feedback", "exact"]),
        st.floats(-2.3, 2.3),
        st.floats(0, 3),
    ),
    max_size=5,
)


@given(inner, told)
def test_log_odds_add_up(relevance: float, signals: list) -> None:  # type: ignore[type-arg]
    score, _ = combined(relevance, signals)
    expected = log_odds(relevance) + sum(value * weight for _, value, weight in signals)
    assert math.isclose(score, 1 / (1 + math.exp(-expected)), rel_tol=1e-9)


@given(st.floats(0, 1), told)
def test_the_effects_add_up_to_the_score(relevance: float, signals: list) -> None:  # type: ignore[type-arg]
    score, contributions = combined(relevance, signals)
    assert 0.0 <= score <= 1.0
    assert math.isclose(sum(one.effect for one in contributions), score, abs_tol=1e-9)
    assert [one.signal for one in contributions] == ["relevance", *(signal for signal, _, _ in signals)]
    for one in contributions[1:]:
        assert one.effect * one.value * one.weight >= 0.0, "an effect goes the way of its signal"


def test_effects_that_cancel_are_both_told() -> None:
    score, (relevance, fresh, bad) = combined(0.5, [("freshness", 1.0, 0.8), ("feedback", -0.8, 1.0)])
    assert score == relevance.effect == 0.5
    assert math.isclose(fresh.effect, 0.8 * 0.25), "the slope of the score at one half"
    assert bad.effect == -fresh.effect


def test_equal_signals_have_equal_effects_whatever_their_order() -> None:
    one = combined(0.3, [("freshness", 1.0, 0.5), ("exact", 0.5, 1.0), ("clicks", -0.25, 1.0)])[1]
    other = combined(0.3, [("clicks", -0.25, 1.0), ("exact", 0.5, 1.0), ("freshness", 1.0, 0.5)])[1]
    assert {c.signal: c.effect for c in one} == {c.signal: c.effect for c in other}
    assert math.isclose(one[1].effect, one[2].effect)


@given(told)
def test_what_is_certain_stays_so(signals: list) -> None:  # type: ignore[type-arg]
    assert combined(0.0, signals)[0] == 0.0
    assert combined(1.0, signals)[0] == 1.0
    assert combined(7.0, [])[0] == 1.0
    assert combined(-1.0, [])[0] == 0.0


@given(inner, inner, told)
def test_equal_signals_keep_the_order_of_relevance(one: float, other: float, signals: list) -> None:  # type: ignore[type-arg]
    if one - other > 1e-6:
        assert combined(one, signals)[0] > combined(other, signals)[0]


def test_weights_beyond_reason_overflow_nothing() -> None:
    assert combined(0.5, [("freshness", 1.0, 1e6)])[0] == 1.0
    assert combined(0.5, [("freshness", -1.0, 1e6)])[0] < 1e-200


# --- who overtakes whom ---

counts = st.builds(
    Counts,
    clicks=st.floats(0, 1000),
    skips=st.floats(0, 1000),
    up=st.integers(0, 1000),
    down=st.integers(0, 1000),
    accepted=st.integers(0, 1000),
)
rules = st.builds(
    SignalRules,
    freshness=st.floats(0, 2),
    half_life_days=st.floats(1, 1000),
    authority=st.floats(0, 2),
    sources=st.dictionaries(st.sampled_from(["/a", "/a/b", "/c"]), st.floats(0.1, 10)).map(lambda d: tuple(d.items())),
    labels=st.dictionaries(st.sampled_from(["x", "y", "z"]), st.floats(0.1, 10)).map(lambda d: tuple(d.items())),
    clicks=st.floats(0, 2),
    feedback=st.floats(0, 2),
    prior=st.floats(1, 50),
    document_share=st.floats(0, 1),
    exact=st.floats(0, 2),
)
described = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["/a/1", "/a/b/2", "/c/3", "/d/4"]),
        "labels": st.lists(st.sampled_from(["x", "y", "z"]), unique=True).map(tuple),
        "text": st.sampled_from(["年假有五天", "LF-2301", "nothing of it"]),
    }
)
found = st.lists(st.tuples(st.floats(0, 1), described, st.floats(-50, 5000), counts, counts), min_size=1, max_size=8)


@given(found, rules)
def test_who_is_farther_ahead_than_the_span_stays_ahead(drawn: list, drawn_rules: SignalRules) -> None:  # type: ignore[type-arg]
    drawn = sorted(drawn, key=lambda one: -one[0])
    passages = [passage(one[0], chunk=n, document=n, **one[1]) for n, one in enumerate(drawn)]
    facts = Facts(
        NOW,
        modified={n: days_ago(one[2]) for n, one in enumerate(drawn)},
        passages={n: one[3] for n, one in enumerate(drawn)},
        documents={n: one[4] for n, one in enumerate(drawn)},
        wanted=Wanted("年假有五天", ("LF-2301",)),
    )
    order = signalled(passages, drawn_rules, facts)
    assert sorted(one.place for one in order) == list(range(len(passages)))
    assert [one.score for one in order] == sorted((one.score for one in order), reverse=True)
    at = {one.place: rank for rank, one in enumerate(order)}
    bound = span(drawn_rules)
    for i, first in enumerate(passages):
        for j, second in enumerate(passages):
            ahead = first.score > 0.0 and (second.score == 0.0 or first.score == 1.0 > second.score)
            if 0.0 < second.score < first.score < 1.0:
                ahead = log_odds(first.score) - log_odds(second.score) > bound + 1e-9
            if ahead and order[at[i]].score != order[at[j]].score:
                assert at[i] < at[j]
    # Nothing at all lifts what has nothing to do with the question over what has.
    assert all(one.score == 0.0 for one in order if passages[one.place].score == 0.0)


@given(counts, counts)
def test_what_people_did_elsewhere_says_nothing_here(here: Counts, elsewhere: Counts) -> None:
    passages = [passage(0.6, chunk=1, document=1), passage(0.5, chunk=2, document=2)]
    alone = Facts(NOW, passages={1: here}, documents={1: here})
    more = Facts(NOW, passages={1: here, 77: elsewhere}, documents={1: here, 7: elsewhere}, modified={7: days_ago(1)})
    assert signalled(passages, SignalRules(), alone) == signalled(passages, SignalRules(), more)


def test_equally_certain_passages_are_ordered_by_what_speaks_for_them() -> None:
    judged = [passage(1.0, chunk=1, document=1), passage(1.0, chunk=2, document=2), passage(0.4, chunk=3, document=3)]
    facts = Facts(NOW, passages={2: Counts(up=3)})
    assert [one.place for one in signalled(judged, SignalRules(), facts)] == [1, 0, 2]


def test_thumbs_move_a_passage_up_and_down() -> None:
    near = [passage(0.42, chunk=1, document=1), passage(0.40, chunk=2, document=2), passage(0.38, chunk=3, document=3)]
    facts = Facts(NOW, passages={1: Counts(down=4), 3: Counts(up=2, accepted=2)})
    order = signalled(near, SignalRules(), facts)
    assert [one.place for one in order] == [2, 1, 0]
    assert [(c.signal, c.value) for c in order[0].contributions[1:]] == [("feedback", 4 / 14)]
    assert order[2].contributions[1].effect < 0.0


# --- freshness ---


@pytest.mark.parametrize(
    ("modified", "value"),
    [
        (days_ago(0), 1.0),
        (days_ago(30), 0.0),
        (days_ago(60), -0.5),
        (days_ago(-400), 1.0),
        ("2026-01-30T12:00:00+00:00", 0.0),
        ("2026-01-30T20:00:00+08:00", 0.0),
        ("2026-01-30T12:00:00", 0.0),
        ("2026-01-30", 2 * 0.5 ** (30.5 / 30) - 1),
        ("0001-01-01T00:00:00+14:00", -1.0),
        ("", 0.0),
        ("去年三月", 0.0),
        ("２０２５年", 0.0),
        ("2026-13-45", 0.0),
    ],
)
def test_freshness_by_hand(modified: str, value: float) -> None:
    assert math.isclose(freshness(modified, 30.0, NOW), value, abs_tol=1e-12)


@given(st.integers(0, 100_000), st.integers(0, 100_000), st.floats(1, 10_000))
def test_the_newer_the_fresher(days: int, more: int, half_life: float) -> None:
    newer, older = (freshness(days_ago(n), half_life, NOW) for n in (min(days, more), max(days, more)))
    assert -1.0 <= older <= newer <= 1.0


def test_only_what_is_dated_is_moved_by_freshness() -> None:
    near = [passage(0.50, chunk=1, document=1), passage(0.49, chunk=2, document=2), passage(0.48, chunk=3, document=3)]
    facts = Facts(NOW, modified={1: days_ago(3650), 3: days_ago(1)})
    order = signalled(near, SignalRules(freshness=0.5), facts)
    assert [one.place for one in order] == [2, 1, 0]
    assert order[1].score == 0.49


# --- authority ---


def test_the_longest_prefix_counts_and_labels_come_to_it() -> None:
    rules = SignalRules(
        sources=(("/资料", 2.0), ("/资料/制度", 0.5), ("/資料", 9.0)), labels=(("正式", 1.5), ("草稿", 0.2))
    )
    assert math.isclose(authority("/资料/通知.md", (), rules), math.log(2))
    assert math.isclose(authority("/资料/制度/年假.md", (), rules), math.log(0.5))
    assert math.isclose(authority("/资料/通知.md", ("public", "正式"), rules), math.log(3))
    assert authority("https://example.com/资料", ("public",), rules) == 0.0
    assert math.isclose(authority("/資料/通知", ("正式",), rules), math.log(10)), "never more than the most factor"


def test_a_factor_is_what_the_odds_are_multiplied_by() -> None:
    rules = SignalRules(sources=(("/资料/", 2.0),))
    (one,) = signalled([passage(0.5)], rules, Facts(NOW))
    assert math.isclose(one.score, 2 / 3)


def test_factors_are_read_from_texts() -> None:
    assert factors(["/资料/制度=1.5", "https://a.example/?a=b=0.5", "官方 = 2"], "signals.sources") == (
        ("/资料/制度", 1.5),
        ("https://a.example/?a=b", 0.5),
        ("官方", 2.0),
    )
    assert factors([], "signals.labels") == ()


@pytest.mark.parametrize(
    "entry", ["制度", "制度=", "=2", " =2", "制度=高", "制度=0", "制度=-1", "制度=11", "a=nan", "制度＝2"]
)
def test_a_factor_that_is_none_is_named(entry: str) -> None:
    with pytest.raises(SettingsError) as caught:
        factors(["好=2", entry], "signals.labels")
    assert f"signals.labels: {entry!r}" in str(caught.value)
    assert "0.1 to 10" in str(caught.value)


# --- clicks and feedback ---


def test_few_observations_move_little() -> None:
    assert balance(0, 0, 10.0) == 0.0
    assert math.isclose(balance(1, 0, 10.0), 1 / 11)
    assert balance(10, 0, 10.0) == 0.5
    assert balance(5, 5, 10.0) == 0.0
    assert balance(0, 10, 10.0) == -0.5


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.5, 100))
def test_a_balance_is_twice_the_mean_of_the_posterior_less_one(good: float, bad: float, prior: float) -> None:
    mean = (good + prior / 2) / (good + bad + prior)
    assert math.isclose(balance(good, bad, prior), 2 * mean - 1, abs_tol=1e-9)
    assert -1.0 < balance(good, bad, prior) < 1.0
    assert balance(good + 1, bad, prior) > balance(good, bad, prior) > balance(good, bad + 1, prior)


def test_a_share_of_the_rest_of_the_document_counts() -> None:
    own, whole = Counts(clicks=1.0, up=2.0), Counts(clicks=3.0, skips=1.0, up=2.0, down=5.0, accepted=1.0)
    assert own.blended(whole, 0.5) == Counts(2.0, 0.5, 2.0, 2.5, 0.5)
    assert own.blended(whole, 0.0) == own
    assert own.blended(Counts(), 0.5) == own


# --- what is asked literally ---


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("LF-2301 怎么复位？", Wanted("lf-2301 怎么复位", ("lf-2301",))),
        ("错误E1042是什么", Wanted("错误e1042是什么", ("e1042",))),
        ("ＬＦ－２３０１的參數？", Wanted("lf-2301的参数", ("lf-2301",))),
        ("“带薪年假”有几天", Wanted("“带薪年假”有几天", ("带薪年假",))),
        ("「加班費」如何報支", Wanted("「加班费」如何报支", ("加班费",))),
        ('what is "Annual  Leave"?', Wanted('what is "annual leave"', ("annual leave",))),
        ("《员工手册》第 3 章", Wanted("《员工手册》第 3 章", ("员工手册",))),
        ("年假", Wanted("", ())),
        ("VPN?", Wanted("", ())),
        ("2025 年", Wanted("2025 年", ())),
        ("？！", Wanted("", ())),
        ("GB/T2312 与 v1.2.3", Wanted("gb/t2312 与 v1.2.3", ("gb/t2312", "v1.2.3"))),
    ],
)
def test_what_could_stand_literally(question: str, expected: Wanted) -> None:
    found = wanted_of(question)
    assert (" ".join(found.whole.split()), found.parts) == (expected.whole, expected.parts)


def test_phrases_that_are_given_are_not_looked_for_again() -> None:
    assert wanted_of('"年假" E1042', ["帶薪 年假", "", "e1042"]).parts == ("带薪 年假", "e1042")


@pytest.mark.parametrize(
    ("question", "text", "value"),
    [
        ("LF-2301 怎么复位？", "型号ＬＦ－２３０１的复位方法见下。", 1.0),
        ("LF-2301 怎么复位？", "型号 LF-23010 的复位方法见下。", 0.0),
        ("“五天带薪年假”", "工作满一年的员工每年有五天带薪年假。", 1.0),
        ("“五天带薪病假”", "工作满一年的员工每年有五天带薪年假。", 0.0),
        ("五天帶薪年假？", "工作满一年的员工每年有五天带薪年\n假。", 1.0),
        ("加班须事先申请", "台北分公司：加班須事先申請，經主管核准。", 1.0),
        ("E1042 and E1043", "Error E1042 means that the coil is open.", 0.5),
        ("the coil is open?", "Error E1042 means that THE COIL\nis open.", 1.0),
        ("the coil is ope", "Error E1042 means that the coil is open.", 0.0),
        ("Release 2.3 何时发布", "Release 2.3 于 2025年3月18日 发布。", 0.0),
        ("年假", "年假", 0.0),
    ],
)
def test_what_stands_in_a_passage_literally(question: str, text: str, value: float) -> None:
    found = exactness(passage(text=text, title="", context=""), wanted_of(question))
    assert found == value


def test_title_and_heading_count_as_the_text_does() -> None:
    wanted = wanted_of("“加班费”")
    bare = passage(text="须事先申请。", title="", context="")
    assert exactness(bare, wanted) == 0.0
    assert exactness(dataclasses.replace(bare, title="加班費管理辦法"), wanted) == 1.0
    assert exactness(dataclasses.replace(bare, context="制度 › 加班费"), wanted) == 1.0
    order = signalled(
        [passage(0.5, chunk=1), passage(0.48, chunk=2, title="加班费")],
        SignalRules(exact=0.5),
        Facts(NOW, wanted=wanted),
    )
    assert [one.place for one in order] == [1, 0]
