"""Planted truth is found and kept, noise is not, and what is searched again is what the product finds."""

import argparse
import dataclasses
import itertools
import json
import os
import random
import shutil
import sys
import tomllib
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_search import written_dataset

import qianxun
from qianxun import Asker, TextItem, assemble
from qianxun.cli import tune as command
from qianxun.cli.arguments import Parser, add_common
from qianxun.cli.session import Session
from qianxun.errors import Busy, InputError, ModelTimeout, NotFound, SettingsError
from qianxun.evaluation.measures import measure
from qianxun.evaluation.question_sets.file import freeze, write_questions
from qianxun.evaluation.question_sets.records import Evidence, Question, QuestionSet
from qianxun.evaluation.tuning import calibration
from qianxun.evaluation.tuning import flow as tuning
from qianxun.evaluation.tuning import runs as tuning_runs
from qianxun.evaluation.tuning import space as tuning_space
from qianxun.evaluation.tuning.choosing import Choice, Parameter, Space, chosen, folds_of, groups_of, tuned, weights_of
from qianxun.evaluation.tuning.flow import Base, tune
from qianxun.evaluation.tuning.kept import as_lines, tuned_text, untuned_text
from qianxun.evaluation.tuning.observed import Observed, with_values
from qianxun.evaluation.tuning.questions import judged_set, kind_of, label_of, ndcg
from qianxun.evaluation.tuning.runs import tune_base, tune_data_sets, untune
from qianxun.evaluation.tuning.significance import procedure_p
from qianxun.evaluation.tuning.space import space_of
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Vectors
from qianxun.settings import Settings, load_settings, merged, with_overrides
from qianxun.text import fold

OFF = ["encoder.name=hash", "reading.workers=1"]
FORMS = ("{}怎么申请？", "How is {} approved?", "{}須經誰核准（請說明）？", "Who signs {} 的 request？")

# -- choosing, on simulated values ------------------------------------------------------------------------------------


def line(n: int = 11, current: float = 0.3, key: str = "search.dense_weight") -> Space:
    values = tuple(round(i / (n - 1), 3) for i in range(n))
    return Space((Parameter(key, values, current),), ((0,),))


def alone(n: int) -> list[tuple[int, ...]]:
    return [(place,) for place in range(n)]


def noise(seed: int, n: int) -> Any:
    """Values of each choice that differ from each other by nothing but chance."""

    def values(choice: Choice) -> Any:
        of_choice = np.random.default_rng([seed, zlib.crc32(repr(choice).encode())])
        common = np.random.default_rng(seed).uniform(0.2, 0.8, n)
        return np.clip(common + of_choice.normal(0.0, 0.1, n), 0.0, 1.0)

    return values


def test_planted_best_is_found_and_kept() -> None:
    chance = np.random.default_rng(5).normal(0.0, 0.1, 80)

    def values(choice: Choice) -> Any:
        return 0.6 + chance - abs(choice[0] - 0.7)

    found = tuned(line(), values, alone(80), [0] * 80)
    assert found.choice == (0.7,)
    assert set(found.in_folds) == {(0.7,)}
    assert found.kept
    assert found.before == pytest.approx(0.2 + chance.mean())
    assert found.difference == pytest.approx(0.4)
    assert found.interval == pytest.approx((0.4, 0.4))


def test_noise_is_hardly_ever_kept() -> None:
    kept = [tuned(line(), noise(seed, 60), alone(60), [0] * 60).kept for seed in range(120)]
    assert sum(kept) <= 8  # alpha is 0.05 for either side, and only one is kept


def slow_procedure(
    rows: Any, groups: Sequence[Sequence[int]], fold_of: Any, training: Any, weights: Any, signs: Any
) -> float:
    """The mean out of fold over its standard error with the differences' signs changed: by the formulas, one by one."""
    out = np.zeros(len(weights))
    for number, of in enumerate(training):
        turned = rows * signs
        best = int(np.argmax(turned @ of))
        for row in turned:
            apart = turned[best] - row
            mean = float(of @ apart)
            if mean <= np.sqrt(np.sum((of * (apart - mean)) ** 2)) + 1e-12:
                out[fold_of == number] = (weights * row)[fold_of == number]
                break
    error = np.sqrt(sum(out[list(group)].sum() ** 2 for group in groups))
    return float(out.sum() / error) if error > 0 else 0.0


@pytest.mark.parametrize("gain", [0.0, 0.03, 0.1])
def test_the_test_of_the_whole_procedure_is_that_of_a_slow_one(gain: float) -> None:
    random = np.random.default_rng(int(gain * 100))
    groups = [tuple(range(start, start + 2)) for start in range(0, 8, 2)] + alone(16)[8:]
    rows = np.vstack([np.zeros(16), random.normal(gain, 0.1, (6, 16))])
    fold_of = folds_of(groups, 16, 4)
    training = np.stack([weights_of([0] * 16, fold_of != number) for number in range(4)])
    weights = np.full(16, 1 / 16)
    seen = slow_procedure(rows, groups, fold_of, training, weights, np.ones(16))
    as_high = 0
    for signs in itertools.product((1.0, -1.0), repeat=len(groups)):
        of_question = np.zeros(16)
        for sign, group in zip(signs, groups, strict=True):
            of_question[list(group)] = sign
        as_high += slow_procedure(rows, groups, fold_of, training, weights, of_question) >= seen - 1e-12
    expected = as_high / 2 ** len(groups) if seen > 0 else 1.0
    assert procedure_p(rows, groups, fold_of, training, weights) == pytest.approx(expected, abs=0.035)


def test_hundreds_of_settings_are_no_more_often_kept_by_chance() -> None:
    """One after the other, the differences out of fold would be taken for better twice as often as they should."""
    wide = Space(
        (
            Parameter("a", ("x", "y", "z", "u"), "x"),
            Parameter("b", tuple(round(i / 10, 1) for i in range(11)), 0.3),
        ),
        ((0, 1),),
    )
    kept = [tuned(wide, noise(seed, 40), alone(40), [0] * 40).kept for seed in range(150)]
    assert sum(kept) <= 12


def test_settings_far_off_do_not_hide_a_sure_gain() -> None:
    random = np.random.default_rng(2)
    wild = {n: random.normal(-0.1, 0.4, 100) for n in range(12)}
    sure = random.normal(0.01, 0.02, 100)
    space = Space((Parameter("a", ("now", "sure", *(f"wild {n}" for n in wild)), "now"),), ((0,),))

    def values(choice: Choice) -> Any:
        if choice[0] == "now":
            return np.full(100, 0.5)
        return 0.5 + (sure if choice[0] == "sure" else wild[int(choice[0].split()[1])])

    found = tuned(space, values, alone(100), [0] * 100)
    assert found.choice == ("sure",)
    assert found.kept


def test_luck_in_choosing_is_no_gain_afterwards() -> None:
    """The best of eleven looks better on the questions it was chosen by; on others it does not."""
    lucky, apart = [], []
    for seed in range(40):
        values = noise(seed, 60)
        found = tuned(line(), values, alone(60), [0] * 60)
        lucky.append(max(values((x,)).mean() for x in line().parameters[0].grid) - values((0.3,)).mean())
        apart.append(found.difference)
    assert np.mean(lucky) > 0.015
    assert abs(float(np.mean(apart))) < 0.008


def test_nothing_on_a_fold_decides_what_it_is_measured_with() -> None:
    groups = [tuple(range(start, start + 5)) for start in range(0, 100, 5)]
    plain = noise(3, 100)
    fold_of = folds_of(groups, 100)
    first = tuned(line(), plain, groups, [0] * 100)
    for number in range(5):

        def changed(choice: Choice, number: int = number) -> Any:
            values = plain(choice).copy()
            values[fold_of == number] = 1.0 if choice == (0.9,) else 0.0
            return values

        assert tuned(line(), changed, groups, [0] * 100).in_folds[number] == first.in_folds[number]


def test_the_smallest_change_is_taken_of_what_is_about_as_good() -> None:
    sign = np.where(np.arange(50) % 2 == 0, 1.0, -1.0)

    def values(choice: Choice) -> Any:  # 0.7 is best by less than the standard error of its difference to 0.5
        return (0.5 if choice[0] >= 0.5 else 0.2) + 0.05 * choice[0] * sign + (0.001 if choice[0] == 0.7 else 0.0)

    assert chosen(line(), values, np.full(50, 1 / 50)) == (0.5,)
    two = Space((*line().parameters, *line(key="signals.exact", current=0.0).parameters), ((0,), (1,)))

    def either(choice: Choice) -> Any:
        return np.full(50, 0.9 if choice[0] == 0.4 or choice[1] > 0 else 0.2)

    assert chosen(two, either, np.full(50, 1 / 50)) == (0.4, 0.0)


def test_what_has_no_say_is_as_it_is() -> None:
    fusion = Parameter("search.fusion", ("adaptive", "rrf"), "adaptive")
    constant = Parameter(
        "search.rrf_k", (10, 60), 60, logarithmic=True, counts=lambda values: values["search.fusion"] == "rrf"
    )
    space = Space((fusion, constant), ((0, 1),))
    assert set(space.neighbours(space.current, (0, 1))) == {("adaptive", 60), ("rrf", 10), ("rrf", 60)}
    assert space.change(("rrf", 10)) == (2, 2.0)
    assert Parameter("k", (1, 10, 100), 10, logarithmic=True).distance(10, 100) == pytest.approx(0.5)
    assert Parameter("k", (0.0, 1.0), 0.25).grid == (0.0, 0.25, 1.0)


def test_data_sets_count_alike_however_large() -> None:
    sets = [0] * 10 + [1] * 40
    weights = weights_of(sets, np.ones(50, dtype=bool))
    assert weights[:10].sum() == pytest.approx(0.5)

    def values(choice: Choice) -> Any:  # better on the small set by as much as it is worse on the large one
        return np.array([0.5 + choice[0] / 2] * 10 + [0.5 - choice[0] / 4] * 40)

    found = tuned(line(current=0.0), values, alone(50), sets)
    assert found.choice == (1.0,)
    assert found.difference == pytest.approx(0.125)


@pytest.mark.parametrize(("n", "n_groups"), [(19, 19), (40, 5)])
def test_too_few_questions_are_refused(n: int, n_groups: int) -> None:
    groups = [tuple(range(place, n, n_groups)) for place in range(n_groups)]
    with pytest.raises(InputError, match=f"Too few questions to tune by: {n}, on {n_groups} separate documents"):
        tuned(line(), noise(1, n), groups, [0] * n)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 12), max_size=3), min_size=1, max_size=30))
def test_groups_are_those_of_a_slow_search(documents: list[list[int]]) -> None:
    groups, _ = groups_of(documents, most=1.0)
    assert sorted(place for group in groups for place in group) == list(range(len(documents)))
    label = list(range(len(documents)))
    for _ in documents:
        for i, one in enumerate(documents):
            for j, other in enumerate(documents):
                if set(one) & set(other):
                    label[i] = label[j] = min(label[i], label[j])
    of_group = {place: number for number, group in enumerate(groups) for place in group}
    for i in range(len(documents)):
        for j in range(len(documents)):
            assert (of_group[i] == of_group[j]) == (label[i] == label[j])


def test_questions_that_all_hang_together_are_parted_by_their_first_document() -> None:
    chain = [[n, n + 1] for n in range(30)]
    groups, apart = groups_of(chain)
    assert not apart
    assert len(groups) == 30
    assert groups_of([[0], [0], *([n] for n in range(1, 20))])[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=5, max_size=40), st.integers(2, 5))
def test_folds_are_even_and_keep_groups_whole(sizes: list[int], n_folds: int) -> None:
    starts = np.cumsum([0, *sizes]).tolist()
    groups = [tuple(range(a, b)) for a, b in itertools.pairwise(starts)]
    fold_of = folds_of(groups, sum(sizes), n_folds)
    assert all(len({fold_of[place] for place in group}) == 1 for group in groups)
    counts = [int((fold_of == fold).sum()) for fold in range(n_folds)]
    assert max(counts) - min(counts) <= max(sizes)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("甲乙丙丁abcdefghij"), max_size=14, unique=True),
    st.dictionaries(st.sampled_from("甲乙丙丁abcdefghij"), st.integers(0, 3), min_size=1).filter(
        lambda grades: any(grades.values())
    ),
)
def test_ndcg_is_that_of_ir_measures(ranking: list[str], grades: dict[str, int]) -> None:
    expected = measure({"q": grades}, {"q": ranking}).by_question["nDCG@10"][0]
    assert ndcg(ranking, grades) == pytest.approx(expected, abs=1e-12)


# -- kb.toml ---------------------------------------------------------------------------------------------------------

KB = """# 说明：knowledge base's own
[encoder]
name = "hash"  # 不变

[search]
# my weight
dense_weight = 0.35
k = 5

[splitting]
max_tokens = 300
"""
CHANGES = {"search.dense_weight": 0.4, "search.fusion": "rrf", "signals.exact": 0.5, "reranker.slope": 0.7}


def test_values_go_in_and_out_again() -> None:
    written = tuned_text(KB, CHANGES)
    found = tomllib.loads(written)
    assert found["search"] == {"dense_weight": 0.4, "fusion": "rrf", "k": 5}
    assert (found["signals"], found["reranker"]) == ({"exact": 0.5}, {"slope": 0.7})
    assert "# my weight" in written
    assert "# before qianxun tune: dense_weight = 0.35" in written
    assert merged(Settings(), found, "kb.toml").reranker.slope == 0.7
    text, keys = untuned_text(written)
    assert (text, set(keys)) == (KB, set(CHANGES))
    assert untuned_text(KB) == (KB, [])


def test_tuning_again_keeps_what_stood_there_before_tuning() -> None:
    twice = tuned_text(tuned_text(KB, CHANGES), {"search.dense_weight": 0.6})
    assert tomllib.loads(twice)["search"] == {"dense_weight": 0.6, "fusion": "rrf", "k": 5}
    assert untuned_text(twice)[0] == KB


def test_a_file_that_is_written_otherwise_is_refused_and_not_broken() -> None:
    for text in ("search.dense_weight = 0.3\n", "search = {k = 5}\n", "[[search]]\nk = 5\n"):
        with pytest.raises(SettingsError, match="the values cannot be put in"):
            tuned_text(text, {"search.dense_weight": 0.4})
    assert tomllib.loads(tuned_text("", {"search.fusion": "rrf"})) == {"search": {"fusion": "rrf"}}
    assert as_lines(CHANGES).startswith('[search]\ndense_weight = 0.4\nfusion = "rrf"\n\n[signals]')


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["dense_weight", "k", "fusion", "旧"]), st.sampled_from(["1", '"a"', "0.5"])),
    st.dictionaries(st.sampled_from(["search.dense_weight", "search.rrf_k", "signals.exact"]), st.floats(0, 1)),
    st.booleans(),
)
def test_every_file_comes_back_as_it_was(before: dict[str, str], values: dict[str, float], commented: bool) -> None:
    lines = [f"{key} = {value}" for key, value in before.items() if key.isascii()]
    text = "\n".join(["# 頭", "[search]", *(["# 註", *lines] if commented else lines), "", "[x]", "y = 1", ""])
    text = text if lines or commented else text.replace("[search]\n\n", "")
    written = tuned_text(text, values)
    found = tomllib.loads(written)
    assert all(found[key.split(".")[0]][key.split(".")[1]] == value for key, value in values.items())
    assert untuned_text(written) == (text, sorted(values, key=lambda key: written.index(key.split(".")[1] + " =")))


# -- searched again --------------------------------------------------------------------------------------------------

DIM = 16


class PlantedEncoder:
    """Knows which subject a text is about, whatever words it is in: 「kx…」 in passages, 「qx…」 in questions."""

    name = "planted"
    fingerprint = "planted-1"
    dim = DIM

    def __init__(self, settings: object = None) -> None:
        """As a plugin is made: from the settings."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, 16) float32, unit rows."""
        return np.array([self._vector(text) for text in texts], dtype=np.float32)

    encode_passages = encode_queries

    def _vector(self, text: str) -> Any:
        subjects = [word[2:] for word in fold(text).replace("：", " ").split() if word[:2] in ("kx", "qx")]
        vector = sum((_direction(subject) for subject in subjects), np.zeros(DIM)) + 0.3 * _direction(text)
        return vector / np.linalg.norm(vector)


def _direction(text: str) -> Any:
    vector = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIM)
    return vector / np.linalg.norm(vector)


class Judge:
    """A reranker that likes passages with a character, and is far too sure."""

    name = "judge"

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Any:
        """(n,) float32 in [0, 1]."""
        return np.array([0.999 if question[0] in text else 0.6 for text in passages], dtype=np.float32)


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(assemble.BUILT_IN["encoders"], "planted", f"{__name__}:PlantedEncoder")  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "argv", ["qianxun"])


def numbered_word(n: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in f"{n:03}") + "x"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents in two languages and scripts, with duplicates, near duplicates, labels, dates and feedback."""
    folder, home = tmp_path_factory.mktemp("mixed"), tmp_path_factory.mktemp("home")
    chance = random.Random(7)
    topics = ["年假", "加班費", "invoice", "差旅报销", "VPN 賬號", "on-call stipend", "E-1042", "培训"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QIANXUN_HOME", str(home))
        with qianxun.open(folder / "kb", overrides=OFF) as kb:
            for labels in (["hr"], ["public"]):
                items = []
                for n in (n for n in range(48) if (n % 5 == 0) == (labels == ["hr"])):
                    topic = topics[n % 8]
                    text = f"{topic}：第{n}号规定，须经主管批准，期限 {chance.randint(2, 40)} 天。"
                    text += f" The limit of {topic} is set by rule {n % 12}."
                    same = f"{topic}：所有人适用同一条，报 {topic} 须填表。"
                    items.append(TextItem(f"/docs/{n}.txt", topic, text if n % 6 else same))
                kb.add_texts(items, labels=labels)
            found = kb.search("年假期限", k=5)
            kb.feedback.record("up", "年假期限", [found.passages[3].chunk])
            kb.feedback.record("click", "年假期限", [found.passages[4].chunk], above=[found.passages[0].chunk])
    shutil.copytree(home, folder / "home")
    return folder


@pytest.fixture
def base(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KnowledgeBase]:
    monkeypatch.setenv("QIANXUN_HOME", str(mixed / "home"))
    with qianxun.open(mixed / "kb", overrides=OFF) as kb:
        yield kb


ASKED = (
    "年假期限是几天？", "加班費須經誰批准", "invoice limit", '"须填表" 培训', "差旅报销 -同一条", "title:年假 期限",
    "ＶＰＮ 賬號", "on-call stipend rule", "E-1042", "source:/docs/1 规定", "？！",
)  # fmt: skip
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"search.dense_weight": 0.7},
    {"search.fusion": "rrf", "search.rrf_k": 10},
    {"search.fusion": "weighted-zscore", "search.candidates": 20},
    {"search.candidates": 200, "signals.exact": 1.4},
    {"signals.freshness": 2.0, "signals.half_life_days": 30.0},
    {"signals.feedback": 3.0, "signals.clicks": 3.0, "signals.prior": 3.0, "signals.document_share": 0.5},
    {"search.mmr_lambda": 0.5, "search.max_per_document": 1},
    {"reranker.candidates": 10, "reranker.slope": 0.5, "reranker.offset": -1.0, "signals.authority": 2.0},
)


@pytest.mark.parametrize("judged", [False, True], ids=["", "reranked"])
@pytest.mark.parametrize("asker", [Asker.admin(), Asker.of("hr"), Asker.of("public")], ids=str)
def test_what_is_searched_again_is_what_the_product_finds(base: KnowledgeBase, asker: Asker, judged: bool) -> None:
    searcher = base._searcher
    rules = dataclasses.replace(searcher.rules, sources=(("/docs/1", 2.0),), labels=(("hr", 0.5),))
    searcher = dataclasses.replace(searcher, rules=rules, reranker=Judge() if judged else None)
    observed = Observed.of(searcher, asker)
    for values in (*VARIANTS, *VARIANTS):  # the second time, all of it is remembered
        product = with_values(searcher, values)
        for question in ASKED:
            seen, expected = observed.search(question, 10, values), product.search(question, asker=asker, k=10)
            assert [p.chunk for p in seen.passages] == [p.chunk for p in expected.passages], (values, question)
            for one, other in zip(seen.passages, expected.passages, strict=True):
                assert one.score == pytest.approx(other.score, abs=1.5e-6)
                assert (one.duplicates, one.near_duplicates, one.relevant, one.labels) == (
                    other.duplicates, other.near_duplicates, other.relevant, other.labels,
                )  # fmt: skip
            assert (seen.good, seen.searched, seen.degraded) == (expected.good, expected.searched, expected.degraded)
    for question in ASKED:
        observed.check(question, 10)


def test_what_a_generator_writes_is_written_once(base: KnowledgeBase) -> None:
    class Writer:
        name = "writer"
        calls = 0

        async def stream(self, messages: Any, *, schema: Any = None, sampling: Any) -> Any:
            self.calls += 1
            yield Delta("年假规定有多少天\nhow long is 年假\n")

    writer, opened = Writer(), []
    searcher = dataclasses.replace(base._searcher, generator=lambda: opened.append(1) or writer)
    observed = Observed.of(searcher, Asker.admin())
    assert observed.check(ASKED[0], 10).passages
    assert not opened
    values = {"search.wordings": 2, "search.hypothetical_answer": True}
    product = with_values(searcher, values).search(ASKED[0], asker=Asker.admin(), k=10)
    n_calls = writer.calls
    for weight in (0.3, 0.3, 0.9):
        seen = observed.search(ASKED[0], 10, {**values, "search.dense_weight": weight})
        if weight == base.settings.search.dense_weight:
            assert [(p.chunk, p.score) for p in seen.passages] == [(p.chunk, p.score) for p in product.passages]
            assert seen.notes == product.notes
    assert writer.calls == 2 * n_calls == 4


def test_a_search_that_is_not_the_same_twice_is_refused(base: KnowledgeBase) -> None:
    class Moody(Judge):
        calls = 0

        def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Any:
            self.calls += 1
            return np.linspace(0, 1, len(passages))[:: 1 if self.calls % 2 else -1].astype(np.float32)

    observed = Observed.of(dataclasses.replace(base._searcher, reranker=Moody()), Asker.admin())
    with pytest.raises(InputError, match="does not find the same passages"):
        observed.check("年假期限是几天？", 10)


def test_a_search_that_does_without_something_is_refused(base: KnowledgeBase) -> None:
    class Away(Judge):
        def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Any:
            raise ModelTimeout("The reranker is away.")

    observed = Observed.of(dataclasses.replace(base._searcher, reranker=Away()), Asker.admin())
    with pytest.raises(InputError, match="reranker: The reranker is away"):
        observed.check("年假期限是几天？", 10)
    with pytest.raises(Busy, match="Documents were added or removed meanwhile"):
        observed.unchanged(1)


def test_indexes_and_models_are_asked_once(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    observed = Observed.of(base._searcher, Asker.of("public"))
    values = {"search.dense_weight": 0.5, "signals.exact": 1.0}
    first = [observed.search(question, 10, values) for question in ASKED]
    for index in base._searcher.indexes:
        monkeypatch.setattr(type(index), "search", None)
        monkeypatch.setattr(type(index), "held", None)
    monkeypatch.setattr(type(base._searcher.store), "passages", None)
    monkeypatch.setattr(type(base._searcher.encoder), "encode_queries", None)
    again = [observed.search(question, 10, values) for question in ASKED]
    assert [one.passages for one in again] == [one.passages for one in first]
    assert observed.search(ASKED[0], 10, {"search.dense_weight": 0.9}).passages


# -- planted truth, through the command ------------------------------------------------------------------------------

N_SUBJECTS = 40


def written_set(path: Path, evidence: str, n: int = N_SUBJECTS, more: Sequence[Question] = ()) -> Path:
    """A question of each subject, answered by the document that `evidence` names; frozen."""
    questions = [
        Question(f"q{i}", FORMS[i % 4].format(f"qx{numbered_word(i)}"), ("是",), (Evidence(evidence.format(i)),))
        for i in range(n)
    ]
    write_questions(path, QuestionSet("planted", (*questions, *more)))
    return freeze(path, made="2026-01-01T00:00:00Z")[0]


def rivals(folder: Path, *, good: str, bad: str, days: int = 0) -> None:
    """Two files of each subject that say about the same; the bad one in more of the question's words."""
    for n in range(N_SUBJECTS):
        subject = f"qx{numbered_word(n)}"
        texts = {
            good: f"关于 {subject} 的规定：第{n}条，由部门主管审批后办理。",
            bad: f"{subject} {subject} {subject}：草案第{n + 100}稿，待定。",
        }
        for where, text in texts.items():
            file = folder / where / f"{n}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            then = datetime.now(UTC) - timedelta(days=days if where == bad else 0)
            os.utime(file, (then.timestamp(), then.timestamp()))


def run(kb: Path, *argv: str, overrides: Sequence[str] = (), as_json: bool = False) -> int:
    parser = Parser("qianxun tune", command.description())
    command.arguments(parser)
    add_common(parser)
    args: argparse.Namespace = parser.parsed(list(argv))
    return command.run(Session(load_settings(overrides=OFF), kb=str(kb), overrides=overrides, as_json=as_json), args)


def built(folder: Path, *, days: int) -> Path:
    """A knowledge base where official documents answer and drafts, older by so many days, have more of the words."""
    rivals(folder / "docs", good="official", bad="drafts", days=days)
    with qianxun.open(folder / "kb", overrides=OFF) as kb:
        kb.add(folder / "docs")
    return folder


@pytest.fixture
def ranked(tmp_path: Path) -> Path:
    """Drafts are four years older."""
    return built(tmp_path, days=1500)


def test_a_source_that_decides_is_found_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ranked = built(tmp_path, days=0)
    config = ranked / "kb" / "kb.toml"
    sources = f'sources = ["{ranked}/docs/official=3"]'
    config.write_text(f"{config.read_text()}\n[signals]\n# 官方优先\n{sources}\nauthority = 0.0\n", encoding="utf-8")
    before = config.read_text(encoding="utf-8")
    where = written_set(ranked / "q.jsonl", "official/{}.txt")
    assert run(ranked / "kb", str(where), "--only", "signals", "--dry-run", as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert config.read_text(encoding="utf-8") == before
    assert (report["dry_run"], report["written"]) == (True, None)
    order = report["order"]
    assert (order["verdict"], order["n"], order["kept"]) == ("better", N_SUBJECTS, True)
    assert order["before"] < 0.8
    assert order["after"] > 0.9
    assert report["values"]["signals.authority"] > 0.0
    assert {one["key"] for one in report["left_out"] if one["reason"] == "no dates"} >= {"signals.freshness"}
    assert {one["key"] for one in report["left_out"] if one["reason"] == "no feedback"} >= {"signals.clicks"}

    assert run(ranked / "kb", str(where), "--only", "signals") == 0
    out = capsys.readouterr().out
    assert "Written to" in out
    assert "signals.authority" in out
    with qianxun.open(ranked / "kb") as kb:
        found = tomllib.loads(config.read_text(encoding="utf-8"))["signals"]
        assert {key: found[key.partition(".")[2]] for key in report["values"]} == report["values"]
        assert kb.search(FORMS[0].format(f"qx{numbered_word(3)}")).passages[0].source.endswith("official/3.txt")
        assert kb.settings.signals.sources
    assert run(ranked / "kb", "--reset") == 0
    assert "signals." in capsys.readouterr().out
    assert config.read_text(encoding="utf-8") == before
    assert run(ranked / "kb", "--reset", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"reset": [], "version": qianxun.__version__}


def test_dates_that_decide_are_found_and_those_that_are_all_alike_are_left_out(ranked: Path) -> None:
    where = written_set(ranked / "q.jsonl", "official/{}.txt")
    with qianxun.open(ranked / "kb", overrides=OFF) as kb:
        report = tune_base(kb, [where], parts=["signals"], keep=False)
        assert report.order is not None
        assert report.order.kept
        assert report.values["signals.freshness"] > 0
        assert [(one.key, one.reason) for one in report.left_out if one.key == "signals.authority"] == [
            ("signals.authority", "no factors")
        ]
    with qianxun.open(built(ranked / "other", days=0) / "kb", overrides=OFF) as kb:
        judged = judged_set(where, kb._searcher.store, Asker.admin())
        observed = Observed.of(kb._searcher, Asker.admin())
        space, left_out = space_of([(observed, [q.text for q in judged.questions])], ["signals"])
        assert "no dates" in {one.reason for one in left_out}
        assert not {"signals.freshness", "signals.half_life_days"} & {one.key for one in space.parameters}


def meant(folder: Path) -> Path:
    """A knowledge base in which meaning finds what answers, and words find something else."""
    with qianxun.open(folder / "kb", overrides=["encoder.name=planted"]) as kb:
        items = []
        for n in range(N_SUBJECTS):
            subject = numbered_word(n)
            items.append(TextItem(f"/docs/{n}.txt", "", f"kx{subject} ：此项说明，详见附件。"))
            other = f"别处：怎么申请 approved 核准（請說明）request 第{n}号 {n * 7}"
            items.append(TextItem(f"/other/{n}.txt", "", other))
        kb.add_texts(items)
    return folder / "kb"


def test_a_weight_of_meaning_that_decides_is_found_and_kept(tmp_path: Path) -> None:
    where = written_set(tmp_path / "q.jsonl", "/docs/{}.txt")
    overrides = ["encoder.name=planted"]
    kb_file = meant(tmp_path)
    with qianxun.open(kb_file, settings=with_overrides(Settings(), ["search.dense_weight=0.0"])) as kb:
        report = tune_base(kb, [where], parts=["search"])
        assert report.order is not None
        assert report.order.verdict == "better"
        assert report.order.kept
        assert report.written == str(kb_file / "kb.toml")
        # In force in this very object, from the next search on.
        found = kb.search(FORMS[1].format(f"qx{numbered_word(8)}"))
        assert found.passages[0].source == "/docs/8.txt"
    with qianxun.open(kb_file, settings=with_overrides(Settings(), overrides)) as kb:
        again = tune_base(kb, [where], parts=["search"])
        assert not again.values
        assert untune(kb)


def test_judgements_at_random_change_nothing(ranked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = random.Random(3)
    questions = [
        Question(
            f"q{n}",
            FORMS[n % 4].format(f"qx{numbered_word(n)}"),
            evidence=(Evidence(f"{chance.choice(('official', 'drafts'))}/{n}.txt"),),
        )
        for n in range(N_SUBJECTS)
    ]
    write_questions(ranked / "q.jsonl", QuestionSet("chance", tuple(questions)))
    before = (ranked / "kb" / "kb.toml").read_bytes()
    assert run(ranked / "kb", str(ranked / "q.jsonl"), "--only", "signals") == 0
    assert "Nothing is better beyond chance. Nothing was changed." in capsys.readouterr().out
    assert (ranked / "kb" / "kb.toml").read_bytes() == before


def test_pairs_cannot_tell_what_clicks_are_worth(mixed: Path, base: KnowledgeBase, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    lines = [{"question": f"{ASKED[n % 3]} {n}", "source": f"/docs/{n}.txt"} for n in range(48)]
    pairs.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    assert kind_of(pairs) == "pairs"
    searcher = dataclasses.replace(base._searcher, reranker=Judge())
    judged = judged_set(pairs, searcher.store, Asker.of("public"))
    assert len(judged.questions) == 38
    assert judged.n_left_out == 10  # of hr alone
    report = tune([Base(searcher, Asker.of("public"), judged)], parts=["signals", "reranker"])
    reasons = {one.key: one.reason for one in report.left_out}
    assert reasons["signals.feedback"] == "same judgements"
    assert reasons["reranker.slope"] == "no negatives"
    assert report.calibration is None


def test_a_reranker_that_is_too_sure_is_calibrated(ranked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lacking = [Question(f"u{n}", f"Z{n} 在哪里？", answerable=False) for n in range(15)]
    where = written_set(ranked / "q.jsonl", "official/{}.txt", more=lacking)
    with qianxun.open(ranked / "kb", overrides=OFF) as kb:
        searcher = dataclasses.replace(kb._searcher, reranker=Judge())
        judged = judged_set(where, searcher.store, Asker.admin())
        assert (len(judged.questions), len(judged.unanswerable)) == (N_SUBJECTS, 15)
        report = tune([Base(searcher, Asker.admin(), judged, kb.settings.answer)], parts=["reranker", "answer"])
        found = report.calibration
        assert found is not None
        assert found.kept
        assert found.after.brier < found.before.brier
        assert found.after.error < found.before.error
        assert found.before.no_good.said == 0
        assert found.after.no_good.recall is not None
        assert found.after.no_good.recall > 0.5
        assert report.values["reranker.slope"] == found.slope
        json.dumps(report.as_json())
        command.show(Session(kb.settings, kb=None, overrides=(), as_json=False), report)
        out, err = capsys.readouterr()
        assert f"reranker.slope\t1\t{found.slope:g}" in out
        assert f"calibration error\t{found.before.error:.4f}\t{found.after.error:.4f}" in out
        assert f"slope = {found.slope}" in out
        assert "15 without an answer" in out
        assert "Brier score" in err
        # With it in force, nothing is left to be calibrated.
        calm = with_values(searcher, {key: v for key, v in report.values.items() if key.startswith("reranker.")})
        again = tune([Base(calm, Asker.admin(), judged, kb.settings.answer)], parts=["reranker"])
        assert again.calibration is not None
        assert not again.calibration.kept


def test_when_to_refuse_is_found(ranked: Path) -> None:
    lacking = [Question(f"u{n}", f"Zebra{n} 的 quagga{n} 在哪里？", answerable=False) for n in range(30)]
    where = written_set(ranked / "q.jsonl", "official/{}.txt", more=lacking)
    with qianxun.open(ranked / "kb", settings=with_overrides(Settings(), [*OFF, "answer.min_support=0.0"])) as kb:
        report = tune_base(kb, [where], parts=["answer"])
    assert report.refusing is not None
    assert report.refusing.before == pytest.approx(0.5)
    assert report.refusing.after > 0.8
    assert report.values["answer.min_support"] > 0.0
    assert tomllib.loads((ranked / "kb" / "kb.toml").read_text())["answer"] == {
        "min_support": report.values["answer.min_support"]
    }


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("search.dense_weight", tuning_space.DENSE_WEIGHTS),
        ("search.fusion", tuning_space.FUSIONS),
        ("search.rrf_k", tuning_space.RRF_KS),
        ("search.candidates", tuning_space.CANDIDATES),
        ("reranker.candidates", tuning_space.RERANKED),
        *(
            (f"signals.{name}", tuning_space.WEIGHTS)
            for name in ("freshness", "authority", "clicks", "feedback", "exact")
        ),
        ("signals.half_life_days", tuning_space.HALF_LIVES),
        ("signals.prior", tuning_space.PRIORS),
        ("signals.document_share", tuning_space.SHARES),
        ("answer.min_support", tuning.MIN_SUPPORTS),
        ("reranker.slope", calibration.SLOPES),
        ("reranker.offset", calibration.OFFSETS),
    ],
)
def test_every_value_tried_may_be_set(key: str, values: Sequence[Any]) -> None:
    assert sorted(values) == list(values) or isinstance(values[0], str)
    for value in values:
        with_overrides(Settings(), [f"{key}={value}"])
    section, name = key.split(".")
    standard = getattr(getattr(Settings(), section), name)
    assert standard in values or values[0] < standard < values[-1]


def test_labels_of_passages(base: KnowledgeBase, tmp_path: Path) -> None:
    found = base.search("年假期限是几天？", k=10).passages
    plain = next(p for p in found if not p.duplicates and not p.near_duplicates and "第" in p.text)
    other = next(p for p in found if p.document != plain.document and "第" in p.text and not p.near_duplicates)
    quote = plain.text[:8]
    question = Question("a", "年假？", ("主管批准",), (Evidence(plain.source, quote),))
    write_questions(tmp_path / "q.jsonl", QuestionSet("x", (question,)))
    asked = judged_set(tmp_path / "q.jsonl", base._searcher.store, Asker.admin()).questions[0]
    assert label_of(asked, plain, complete=True) is True
    assert label_of(asked, other, complete=True) is None  # it holds the answer, though nobody accepted it
    bare = dataclasses.replace(asked, answers=())
    assert label_of(bare, other, complete=True) is False
    assert label_of(bare, other, complete=False) is None
    assert label_of(dataclasses.replace(bare, rejected=frozenset([other.source])), other, complete=False) is False
    assert label_of(None, plain, complete=False) is False


def data_set(folder: Path, n: int = 24) -> Path:
    questions = {f"q{i}": FORMS[i % 4].format(f"qx{numbered_word(i)}") for i in range(n)}
    texts = {f"d{i}": f"第{i}条：qx{numbered_word(i)} 由主管审批。" for i in range(n)}
    relevant = {f"q{i}": {f"d{i}": 1 + i % 2, f"d{(i + 1) % n}": 0} for i in range(n)}
    return written_dataset(folder, questions, relevant, texts)


def test_data_sets_bring_their_own_documents_and_write_nothing(tmp_path: Path) -> None:
    one = data_set(tmp_path / "甲")
    report = tune_data_sets([one], with_overrides(Settings(), OFF), parts=["search"], work=tmp_path / "work")
    assert report.order is not None
    assert report.order.n == 24
    assert report.order.before == pytest.approx(1.0)
    assert (report.values, report.written) == ({}, None)
    assert not list((tmp_path / "work").iterdir())
    assert report.sets[0].kind == "data set"
    assert not report.sets[0].complete  # as much was judged not relevant as relevant
    assert {tuple(q.grades.values()) for q in report.sets[0].questions} == {(1,), (2,)}


def test_sets_that_do_not_go_together_are_refused(tmp_path: Path, ranked: Path) -> None:
    one = data_set(tmp_path / "甲")
    where = written_set(ranked / "q.jsonl", "official/{}.txt")
    with pytest.raises(InputError, match="brings its own documents"):
        run(ranked / "kb", str(one), str(where))
    with pytest.raises(InputError, match="No question set was named"):
        run(ranked / "kb")
    with pytest.raises(InputError, match="--reset goes alone"):
        run(ranked / "kb", str(where), "--reset")
    with pytest.raises(InputError, match="--as has no meaning"):
        run(ranked / "kb", str(one), "--as", "hr")
    with pytest.raises(NotFound):
        run(ranked / "kb", str(tmp_path / "nowhere.jsonl"))
    with pytest.raises(InputError, match="holds for this run only"):
        run(ranked / "kb", str(where), overrides=["search.fusion=rrf"])
    few = written_set(tmp_path / "few.jsonl", "official/{}.txt", n=12)
    with pytest.raises(InputError, match="Too few questions to tune by: 12"):
        run(ranked / "kb", str(few))


def test_what_the_environment_sets_stays(ranked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIANXUN_SIGNALS__FRESHNESS", "0.0")
    assert tuning_runs.set_in_environment() == {"signals.freshness"}
    where = written_set(ranked / "q.jsonl", "official/{}.txt")
    with qianxun.open(ranked / "kb", overrides=OFF) as kb:
        report = tune_base(kb, [where], parts=["signals"], keep=False)
    assert {one.key: one.reason for one in report.left_out}["signals.freshness"] == "fixed"
    assert "signals.freshness" not in report.values


def test_documents_that_come_meanwhile_are_noticed(ranked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = written_set(ranked / "q.jsonl", "official/{}.txt")
    before = (ranked / "kb" / "kb.toml").read_bytes()
    with qianxun.open(ranked / "kb", overrides=OFF) as kb:

        def add(stage: str, done: int, total: int) -> None:
            if stage == "measuring" and done == 1:
                kb.add_texts([TextItem("/new.txt", "", "新的一条。")])

        with pytest.raises(Busy, match="added or removed meanwhile"):
            tune_base(kb, [where], parts=["signals"], progress=add)
    assert (ranked / "kb" / "kb.toml").read_bytes() == before
