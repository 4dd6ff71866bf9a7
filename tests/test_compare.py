"""`eval compare`: what goes in, what comes out, and when the gate closes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as given_by_hypothesis
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st
from scripted_search import Scripted, numbered

from qianxun.cli.main import main
from qianxun.errors import InputError, NotFound, SettingsError
from qianxun.evaluation.comparing.compare import compare, compared
from qianxun.evaluation.comparing.differences import ComparisonReport, rounded, shown_p
from qianxun.evaluation.comparing.sides import Given, Note, Values, given_side, settings_in, values_of_run
from qianxun.evaluation.datasets import read_dataset
from qianxun.evaluation.measures import MEASURES, Measured, bootstrap_interval
from qianxun.evaluation.retrieval import evaluate_retrieval
from qianxun.evaluation.significance import randomization_p
from qianxun.evaluation.trec import write_qrels, write_run
from qianxun.evaluation.trial import MODES
from qianxun.settings import Settings, load_settings

A, B = Given("a", "settings"), Given("b", "settings")


def values(
    by_question: Mapping[str, float],
    *,
    dataset: str = "甲",
    judgements: str = "",
    texts: Mapping[str, str] | None = None,
) -> Values:
    """The same value for every measure."""
    row = tuple(by_question.values())
    mean = sum(row) / len(row)
    measured = Measured(
        tuple(by_question), dict.fromkeys(MEASURES, row), dict.fromkeys(MEASURES, mean), bootstrap_interval(row)
    )
    return Values(dataset, measured, texts or {}, judgements)


def of(n: int, value: float) -> dict[str, float]:
    return {f"q{i}": value for i in range(n)}


class TestGiven:
    """What a word of the command line means."""

    def test_files_are_told_by_their_names(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("run.trec", "运行.gz", "报告.json", "odd=name"):
            Path(name).write_text("x", encoding="utf-8")
        kinds = {name: given_side(name, Settings()).kind for name in ("run.trec", "运行.gz", "报告.json", "odd=name")}
        assert kinds == {"run.trec": "run", "运行.gz": "run", "报告.json": "report", "odd=name": "run"}

    def test_settings_go_over_those_of_this_run(self) -> None:
        session = load_settings(overrides=["search.k=7"])
        given = given_side("search.dense_weight=0.5, search.mode=lexical", session)
        assert given.settings is not None
        search = given.settings.search
        assert (search.k, search.dense_weight, search.mode) == (7, 0.5, "lexical")
        assert given_side("current", session).settings == session

    def test_a_value_may_hold_commas(self) -> None:
        assert settings_in("access.default_labels=hr,公开,search.k=3") == [
            "access.default_labels=hr,公开",
            "search.k=3",
        ]
        assert settings_in("encoder.instruction=Find what answers, exactly,search.k=3") == [
            "encoder.instruction=Find what answers, exactly",
            "search.k=3",
        ]
        given = given_side("access.default_labels=hr,公开,search.k=3", Settings())
        assert given.settings is not None
        assert given.settings.access.default_labels == ("hr", "公开")

    def test_settings_file_is_read_as_the_settings_file_of_a_run(self, tmp_path: Path) -> None:
        """Not on top of this run's own file: what that one says would leak into both sides."""
        (tmp_path / "new.toml").write_text('[search]\nmode = "lexical"\n', encoding="utf-8")
        given = given_side(
            str(tmp_path / "new.toml"), load_settings(overrides=["search.k=7"]), ["search.candidates=60"]
        )
        assert given.settings == load_settings(overrides=["search.mode=lexical", "search.candidates=60"])

    @pytest.mark.parametrize("text", ["absent.trec", "", "search", "报告.json", "Search=1", "="])
    def test_what_is_neither_is_said(self, text: str) -> None:
        with pytest.raises(NotFound, match="is neither a file nor a setting"):
            given_side(text, Settings())

    def test_unknown_setting_is_named(self) -> None:
        with pytest.raises(SettingsError, match=r"search\.dense_weigth.*search\.dense_weight"):
            given_side("search.dense_weigth=1", Settings())


class TestFigures:
    def test_by_hand(self) -> None:
        report = compared(
            A, B, [values({"q1": 0.0, "q2": 0.5, "q3": 1.0})], [values({"q1": 1.0, "q2": 0.5, "q3": 0.5})]
        )
        (on,) = report.datasets
        found = report.of_measure
        assert (found.a, found.b, on.n) == (0.5, 2 / 3, 3)
        assert found.difference == pytest.approx(1 / 6)
        assert found.p == randomization_p([1.0, -0.5]) == 1.0
        assert found.interval == bootstrap_interval([1.0, 0.0, -0.5])
        assert found.verdict == "no difference"
        assert [(q.id, q.a, q.b) for q in on.changed] == [("q1", 0.0, 1.0), ("q3", 1.0, 0.5)]
        assert [row.measure for row in on.differences] == list(MEASURES)
        assert on.differences == report.pooled
        assert report.notes == (Note("few", "", 2),)

    def test_the_same_values_are_exactly_no_difference(self) -> None:
        one = [values({f"问{n}": n / 7 for n in range(8)})]
        report = compared(A, B, one, one, margin=0.0)
        assert report.of_measure.difference == 0.0
        assert report.of_measure.interval == (0.0, 0.0)
        assert report.of_measure.p == 1.0
        assert (report.of_measure.verdict, report.datasets[0].changed, report.notes) == ("no difference", (), ())
        assert report.gate is not None
        assert not report.gate.failed

    def test_what_was_rounded_differently_on_its_way_is_no_difference(self) -> None:
        a, b = values(of(40, 0.1 + 0.2)), values(of(40, 0.3))
        report = compared(A, B, [a], [b], margin=0.0)
        assert report.of_measure.p == 1.0
        assert report.datasets[0].changed == ()
        assert report.gate is not None
        assert not report.gate.failed

    def test_order_of_the_questions_does_not_matter(self) -> None:
        one = {f"q{n}": (n % 3) / 2 for n in range(30)}
        other = {f"q{n}": (n % 5) / 4 for n in range(30)}
        turned = dict(reversed(other.items()))
        assert compared(A, B, [values(one)], [values(other)]) == compared(A, B, [values(one)], [values(turned)])

    def test_data_sets_count_alike_whatever_their_size(self) -> None:
        a = [values(of(1000, 0.5), dataset="大"), values(of(20, 0.5), dataset="小")]
        b = [values(of(20, 0.3), dataset="小"), values(of(1000, 0.51), dataset="大")]
        report = compared(A, B, a, b)
        assert [on.dataset for on in report.datasets] == ["大", "小"]
        assert [on.differences[0].verdict for on in report.datasets] == ["better", "worse"]
        assert report.of_measure.difference == pytest.approx((0.01 - 0.2) / 2)
        assert report.of_measure.b == pytest.approx(0.405)
        assert report.of_measure.verdict == "worse"

    def test_verdicts_on_several_data_sets_are_corrected(self) -> None:
        # Six of six: p = 1/32, significant alone, and not as one of two.
        better = {f"q{n}": 1.0 for n in range(6)}
        a = [values(of(6, 0.0), dataset="甲"), values(of(6, 0.0), dataset="乙")]
        b = [values(better, dataset="甲"), values(of(6, 0.0), dataset="乙")]
        assert compared(A, B, a[:1], b[:1]).datasets[0].differences[0].verdict == "better"
        found = compared(A, B, a, b).datasets[0].differences[0]
        assert (found.p, found.p_corrected, found.verdict) == (1 / 32, 1 / 16, "no difference")

    def test_measure_chosen_decides(self) -> None:
        a, b = values(of(10, 0.5)), values(of(10, 0.5))
        b.measured.by_question["MRR@10"] = (1.0,) * 10  # type: ignore[index]
        b.measured.mean["MRR@10"] = 1.0  # type: ignore[index]
        assert compared(A, B, [a], [b]).of_measure.verdict == "no difference"
        report = compared(A, B, [a], [b], measure="MRR@10")
        assert report.of_measure.verdict == "better"
        assert len(report.datasets[0].changed) == 10

    def test_texts_are_those_of_either_side(self) -> None:
        a, b = values({"q": 0.0, "r": 0.0}), values({"q": 1.0, "r": 1.0}, texts={"q": "加班費如何申請？"})
        (on,) = compared(A, B, [a], [b]).datasets
        assert {q.id: q.text for q in on.changed} == {"q": "加班費如何申請？", "r": ""}

    @of_hypothesis(deadline=None)
    @given_by_hypothesis(
        st.lists(
            st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12), min_size=1, max_size=3
        ),
        st.floats(0, 0.5),
    )
    def test_report_agrees_with_itself(self, sets: list[list[tuple[float, float]]], margin: float) -> None:
        a = [values({f"q{i}": x for i, (x, _) in enumerate(rows)}, dataset=str(n)) for n, rows in enumerate(sets)]
        b = [values({f"q{i}": y for i, (_, y) in enumerate(rows)}, dataset=str(n)) for n, rows in enumerate(sets)]
        report, back = compared(A, B, a, b, margin=margin), compared(B, A, b, a, margin=margin)
        for found, turned in zip(report.pooled, back.pooled, strict=True):
            assert found.difference == pytest.approx(-turned.difference)
            assert found.difference == pytest.approx(found.b - found.a, abs=1e-8)
            assert found.p == turned.p
            turned_verdict = {"better": "worse", "worse": "better"}.get(found.verdict, found.verdict)
            assert turned_verdict == turned.verdict
            assert found.interval[0] <= found.interval[1]
        shape = report.as_json()
        assert json.loads(json.dumps(shape)) == shape
        assert report.gate is not None
        drops = [-report.of_measure.difference, *(-on.differences[0].difference for on in report.datasets)]
        if max(drops) > margin + 1e-8:
            assert report.gate.failed
        for reason in report.gate.reasons:
            assert reason.drop > 0


class TestGate:
    @pytest.mark.parametrize(
        "drop, margin, failed",
        [(0.01, 0.01, False), (0.0101, 0.01, True), (0.0, 0.0, False), (-0.03, 0.0, False), (0.001, 0.0, True)],
    )
    def test_drop_above_the_margin_fails_and_one_equal_to_it_does_not(
        self, drop: float, margin: float, failed: bool
    ) -> None:
        # Half of the questions lose and half gain, so that nothing is significant.
        a = {f"q{n}": 0.5 for n in range(40)}
        b = {f"q{n}": 0.5 - drop + (0.2 if n % 2 else -0.2) for n in range(40)}
        report = compared(A, B, [values(a)], [values(b)], margin=margin)
        assert report.of_measure.verdict == "no difference"
        assert report.gate is not None
        assert report.gate.failed is failed
        assert [reason.kind for reason in report.gate.reasons] == ["drop"] * failed

    def test_significantly_worse_fails_however_small_the_drop(self) -> None:
        report = compared(A, B, [values(of(40, 0.5))], [values(of(40, 0.499))], margin=0.1)
        assert report.gate is not None
        assert [(r.kind, r.dataset, rounded(r.drop)) for r in report.gate.reasons] == [("worse", "", 0.001)]

    def test_one_data_set_may_not_pay_for_another(self) -> None:
        a = [values(of(40, 0.5), dataset="中文"), values(of(40, 0.5), dataset="English")]
        b = [values(of(40, 0.4), dataset="中文"), values(of(40, 0.7), dataset="English")]
        report = compared(A, B, a, b, margin=0.01)
        assert report.of_measure.verdict == "better"
        assert report.gate is not None
        assert [(r.kind, r.dataset) for r in report.gate.reasons] == [("worse", "中文"), ("drop", "中文")]

    def test_no_margin_no_gate(self) -> None:
        assert compared(A, B, [values(of(9, 1.0))], [values(of(9, 0.0))]).gate is None


class TestDifferentQuestions:
    def test_other_questions_do_not_compare(self) -> None:
        a, b = values({"q1": 1.0, "问二": 1.0}), values({"q1": 1.0, "q3": 1.0, "q4": 0.0})
        with pytest.raises(InputError, match="1 only in A, 2 only in B, for one '问二'"):
            compared(A, B, [a], [b])

    def test_other_judgements_do_not_compare(self) -> None:
        a, b = values(of(3, 1.0), judgements="aa"), values(of(3, 1.0), judgements="bb")
        with pytest.raises(InputError, match="judged differently on 甲"):
            compared(A, B, [a], [b])
        assert compared(A, B, [a], [values(of(3, 1.0))]).of_measure.difference == 0.0

    def test_single_data_sets_belong_together_whatever_their_names(self) -> None:
        report = compared(A, B, [values(of(3, 1.0), dataset="x")], [values(of(3, 1.0), dataset="test")])
        assert [on.dataset for on in report.datasets] == ["x"]

    def test_data_sets_of_one_side_are_named(self) -> None:
        a = [values(of(3, 1.0), dataset=name) for name in ("甲", "乙", "丙")]
        b = [values(of(3, 1.0), dataset=name) for name in ("乙", "丁")]
        report = compared(A, B, a, b)
        assert [on.dataset for on in report.datasets] == ["乙"]
        assert set(report.notes) == {Note("not compared", "A", 2, "甲"), Note("not compared", "B", 1, "丁")}
        with pytest.raises(InputError, match="no data set in common: 甲, 丙; 丁"):
            compared(A, B, [a[0], a[2]], [b[1]])


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return numbered(tmp_path / "甲", 24)


def run_file(path: Path, dataset: Path, *, missed: Sequence[int] = (), left_out: Sequence[int] = ()) -> Path:
    """A run that has the right document first, or not at all for what is missed."""
    questions = read_dataset(dataset).questions
    ranked = {
        id: ["d-第0" if i else "d-第1"] if i in missed else [f"d-{id}"]
        for i, id in enumerate(questions)
        if i not in left_out
    }
    write_run(path, ranked, "t")
    return path


class TestRuns:
    def test_two_runs_on_a_data_set(self, dataset: Path, tmp_path: Path) -> None:
        good, bad = (
            given_side(str(run_file(tmp_path / name, dataset, missed=missed)), Settings())
            for name, missed in (("good.trec", ()), ("bad.trec", range(8)))
        )
        report = compare(good, bad, datasets=[dataset], margin=0.01)
        assert (report.of_measure.a, rounded(report.of_measure.b)) == (1.0, 0.6667)
        assert report.of_measure.verdict == "worse"
        assert report.of_measure.p == 2 / 2**8
        assert [(q.id, q.text) for q in report.datasets[0].changed[:3]] == [
            ("第0", "第 0 条，报销几天到账？"),
            ("第1", "When is invoice 1 due?"),
            ("第2", "第 2 項加班費如何申請（須經核准）？"),
        ]
        same = compare(bad, bad, datasets=[dataset], margin=0.0)
        assert (same.of_measure.difference, same.gate and same.gate.failed) == (0.0, False)

    def test_qrels_judge_as_the_data_set_does(self, dataset: Path, tmp_path: Path) -> None:
        judged = read_dataset(dataset)
        write_qrels(tmp_path / "判定.qrels", judged.judgements)
        a, b = (
            given_side(str(run_file(tmp_path / name, dataset, missed=missed)), Settings())
            for name, missed in (("a.trec", (1, 2)), ("b.trec.gz", (3,)))
        )
        by_file = compare(a, b, qrels=tmp_path / "判定.qrels")
        by_set = compare(a, b, datasets=[dataset])
        assert by_file.pooled == by_set.pooled
        assert (by_file.datasets[0].dataset, by_set.datasets[0].dataset) == ("判定", "甲")
        assert {q.text for q in by_file.datasets[0].changed} == {""}

    def test_what_a_run_lacks_counts_nothing_and_what_nobody_judged_is_left_out(
        self, dataset: Path, tmp_path: Path
    ) -> None:
        path = run_file(tmp_path / "a.trec", dataset, left_out=(2, 5))
        with path.open("a", encoding="utf-8") as lines:
            lines.write("未知 Q0 d 1 1 t\nmore Q0 d 1 1 t\n")
        found, notes = values_of_run(path, read_dataset(dataset), "B")
        assert found.measured.mean["nDCG@10"] == pytest.approx(22 / 24)
        assert found.measured.by_question["nDCG@10"][2] == 0.0
        assert notes == [Note("unanswered", "B", 2, "第2"), Note("unknown", "B", 2, "未知")]

    def test_questions_without_a_relevant_document_are_left_out(self, tmp_path: Path) -> None:
        write_qrels(tmp_path / "x.qrels.gz", {"q1": {"d": 1}, "q2": {"d": 0}, "q3": {"d": -1}})
        write_run(tmp_path / "a.trec", {"q1": ["d"], "q2": ["d"]}, "t")
        found, notes = values_of_run(tmp_path / "a.trec", tmp_path / "x.qrels.gz", "A")
        assert (found.dataset, found.measured.questions, found.measured.mean["nDCG@10"]) == ("x", ("q1",), 1.0)
        assert notes == [Note("no relevant", "", 2, "q2")]
        write_qrels(tmp_path / "none.qrels", {"q2": {"d": 0}})
        with pytest.raises(InputError, match="calls no document relevant"):
            values_of_run(tmp_path / "a.trec", tmp_path / "none.qrels")

    def test_run_of_other_questions_is_refused(self, dataset: Path, tmp_path: Path) -> None:
        write_run(tmp_path / "other.trec", {"x1": ["d"], "x2": ["d"]}, "t")
        with pytest.raises(InputError, match=r"None of the 2 questions of .* was judged; the first is 'x1'"):
            values_of_run(tmp_path / "other.trec", read_dataset(dataset))


def by_weight(query: str, settings: Settings, mode: str) -> list[str]:
    """Finds less the more weight meaning has; words alone find everything."""
    id = "第" + "".join(c for c in query if c.isdigit())
    missed = mode != "lexical" and int(id[1:]) < 20 * settings.search.dense_weight
    return ["d-第99", *([] if missed else [f"d-{id}"])]


def compared_settings(a: str, b: str, dataset: Path, script: Scripted, **more: Any) -> ComparisonReport:
    session = Settings()
    return compare(given_side(a, session), given_side(b, session), datasets=[dataset], opener=script, **more)


class TestSettings:
    def test_broken_settings_fail_and_identical_ones_pass(self, dataset: Path) -> None:
        script = Scripted(by_weight)
        report = compared_settings("search.dense_weight=0", "search.dense_weight=1", dataset, script, margin=0.01)
        assert report.of_measure.verdict == "worse"
        assert report.gate is not None
        assert [reason.kind for reason in report.gate.reasons] == ["worse", "drop"]
        assert len(report.datasets[0].changed) == 20
        assert len(script.added) == 1
        same = compared_settings("current", "search.dense_weight=0.3", dataset, Scripted(by_weight), margin=0.0)
        assert same.of_measure.difference == 0.0
        assert same.notes == (Note("same settings"),)
        assert same.gate is not None
        assert not same.gate.failed

    def test_mode_is_a_setting(self, dataset: Path) -> None:
        report = compared_settings("current", "search.mode=lexical", dataset, Scripted(by_weight))
        assert report.of_measure.verdict == "better"  # six of six

    def test_what_evaluation_sets_aside_is_said(self, dataset: Path) -> None:
        report = compared_settings("current", "search.k=3", dataset, Scripted(by_weight))
        assert report.notes == (Note("same search"),)
        report = compared_settings("current", "search.candidates=60", dataset, Scripted(by_weight))
        assert report.notes == (Note("as set"),)

    def test_searches_that_did_without_something_are_said(self, dataset: Path) -> None:
        script = Scripted(by_weight, degraded=lambda s: ("reranker: away",) if s.search.mode == "lexical" else ())
        report = compared_settings("current", "search.mode=lexical", dataset, script)
        assert report.notes == (Note("degraded", "B", 24, "reranker: away"),)

    def test_several_data_sets(self, tmp_path: Path) -> None:
        folders = [numbered(tmp_path / name, n) for name, n in (("甲", 6), ("乙", 24))]
        a, b = (given_side(f"search.dense_weight={weight}", Settings()) for weight in (0, 1))
        report = compare(a, b, datasets=folders, opener=Scripted(by_weight))
        assert [(on.dataset, on.n, len(on.changed)) for on in report.datasets] == [("甲", 6, 6), ("乙", 24, 20)]
        with pytest.raises(InputError, match="Two data sets are named '甲'"):
            compare(a, b, datasets=[folders[0], folders[0]], opener=Scripted(by_weight))

    def test_every_data_set_is_checked_before_anything_is_measured(self, tmp_path: Path) -> None:
        script = Scripted(by_weight)
        with pytest.raises(NotFound, match="No data set"):
            compare(
                given_side("current", Settings()),
                given_side("search.k=3", Settings()),
                datasets=[numbered(tmp_path / "甲", 3), tmp_path / "absent"],
                opener=script,
            )
        assert script.opened == []


class TestReports:
    @pytest.fixture
    def saved(self, dataset: Path, tmp_path: Path) -> Path:
        report = evaluate_retrieval(dataset, settings=Settings(), opener=Scripted(by_weight))
        path = tmp_path / "saved.json"
        path.write_text(json.dumps(report.as_json(), ensure_ascii=False), encoding="utf-8")
        return path

    def test_saved_report_is_worth_what_its_settings_are(self, saved: Path, dataset: Path) -> None:
        report = compare(
            given_side(str(saved), Settings()),
            given_side("current", Settings()),
            datasets=[dataset],
            opener=Scripted(by_weight),
        )
        assert report.of_measure.difference == 0.0
        assert report.of_measure.a == report.of_measure.b < 1.0

    def test_mode_is_chosen(self, saved: Path, dataset: Path, tmp_path: Path) -> None:
        given = given_side(str(saved), Settings())
        run = given_side(str(run_file(tmp_path / "a.trec", dataset)), Settings())
        means = {mode: compare(given, run, datasets=[dataset], mode=mode).of_measure.a for mode in MODES}
        assert means["lexical"] > means["hybrid"] == means["dense"]
        shape = json.loads(saved.read_text(encoding="utf-8"))
        del shape["results"][2]
        saved.write_text(json.dumps(shape), encoding="utf-8")
        with pytest.raises(InputError, match=r"no results of the mode hybrid, but of lexical, dense.*--mode"):
            compare(given, given)
        del shape["results"][1]
        saved.write_text(json.dumps(shape), encoding="utf-8")
        assert compare(given, given).of_measure.a == means["lexical"]

    def test_report_of_several_data_sets(self, saved: Path, tmp_path: Path) -> None:
        one = json.loads(saved.read_text(encoding="utf-8"))
        both = {"reports": [one, {**one, "dataset": "乙"}], "version": "1"}
        (tmp_path / "both.json").write_text(json.dumps(both), encoding="utf-8")
        two = given_side(str(tmp_path / "both.json"), Settings())
        report = compare(two, given_side(str(saved), Settings()))
        assert [on.dataset for on in report.datasets] == ["甲"]
        assert report.notes == (Note("not compared", "A", 1, "乙"),)
        assert len(compare(two, two).datasets) == 2

    @pytest.mark.parametrize(
        "change",
        [
            lambda shape: "not JSON {",
            lambda shape: "[]",
            lambda shape: "[" * 100_000,
            lambda shape: '{"error": {"kind": "Busy"}}',
            lambda shape: {"reports": [], "version": "1"},
            lambda shape: {"reports": {"a": 1}},
            lambda shape: {"reports": ["a"]},
            lambda shape: shape | {"questions": shape["questions"][1:]},
            lambda shape: shape | {"questions": [shape["questions"][0]] * 24},
            lambda shape: {key: value for key, value in shape.items() if key != "questions"},  # an older version's
            lambda shape: shape | {"results": [result | {"values": {}} for result in shape["results"]]},
            lambda shape: with_values(shape, [1.5] * 24),
            lambda shape: with_values(shape, ["1"] * 24),
            lambda shape: with_values(shape, [True] * 24),
            lambda shape: with_values(shape, [float("nan")] * 24),
            lambda shape: with_values(shape, [0.5] * 23),
            lambda shape: with_values(shape, 0.5),
        ],
    )
    def test_what_is_no_such_report_is_refused(self, saved: Path, change: Any) -> None:
        found = change(json.loads(saved.read_text(encoding="utf-8")))
        saved.write_text(found if isinstance(found, str) else json.dumps(found), encoding="utf-8")
        given = given_side(str(saved), Settings())
        with pytest.raises(InputError, match=r"is no report of `eval retrieval` with values by question"):
            compare(given, given)


def with_values(shape: dict[str, Any], row: Any) -> dict[str, Any]:
    results = [result | {"values": dict.fromkeys(MEASURES, row)} for result in shape["results"]]
    return shape | {"results": results}


class TestWhatIsNeeded:
    RUN, REPORT, SETTINGS = (Given(kind, kind, Path("x")) for kind in ("run", "report", "settings"))  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "a, b, datasets, qrels, words",
        [
            (SETTINGS, SETTINGS, 0, False, "no data set is named"),
            (REPORT, SETTINGS, 0, False, "no data set is named"),
            (RUN, RUN, 0, False, "is judged by one file of qrels or one data set"),
            (RUN, RUN, 2, False, "is judged by one file of qrels or one data set"),
            (RUN, SETTINGS, 1, True, "is judged by one file of qrels or one data set"),
            (REPORT, REPORT, 0, True, "No run is compared that --qrels could judge"),
            (REPORT, REPORT, 1, False, "nothing to measure on a data set"),
        ],
    )
    def test_what_is_missing_or_too_much_is_said(
        self, a: Given, b: Given, datasets: int, qrels: bool, words: str
    ) -> None:
        with pytest.raises(InputError, match=words):
            compare(a, b, datasets=[Path("absent")] * datasets, qrels=Path("absent") if qrels else None)


class TestCommand:
    """`qianxun eval compare`."""

    @pytest.fixture
    def runs(self, dataset: Path, tmp_path: Path) -> tuple[str, str]:
        good = run_file(tmp_path / "good.trec", dataset)
        return str(good), str(run_file(tmp_path / "bad.trec", dataset, missed=range(8)))

    def test_tells_people(self, runs: tuple[str, str], dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["eval", "compare", *runs, "--dataset", str(dataset)]) == 0
        out = capsys.readouterr().out.splitlines()
        assert "甲\t24\tnDCG@10\t1.0000\t0.6667\t-0.3333\t-0.5417 … -0.1667\t0.0078\tworse" in out
        assert "第0\t1.0000\t0.0000\t-1.0000\t第 0 条，报销几天到账？" in out
        assert out[-1] == "B is worse than A by nDCG@10 (p = 0.0078, at most 0.05 asked for)."

    def test_gate_is_exit_code_1_and_says_why(
        self, runs: tuple[str, str], dataset: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        gate = ["--dataset", str(dataset), "--fail-if-drop", "0.01"]
        assert main(["eval", "compare", *runs, *gate]) == 1
        out = capsys.readouterr().out
        assert "Failed, all data sets together: significantly worse, by 0.3333 (p = 0.0078)." in out
        assert "Failed, all data sets together: lower by 0.3333, more than 0.01." in out
        assert main(["eval", "compare", *reversed(runs), *gate]) == 0
        assert main(["eval", "compare", runs[0], runs[0], *gate]) == 0
        assert "Passed: not significantly worse, and no drop above 0.01." in capsys.readouterr().out
        # Without the gate, worse is an answer like any other.
        assert main(["eval", "compare", *runs, "--dataset", str(dataset)]) == 0

    def test_json_is_the_whole_report(
        self, runs: tuple[str, str], dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        saved = tmp_path / "out.json"
        given = ["--dataset", str(dataset), "--measure", "Recall@100", "--alpha", "0.001", "--fail-if-drop", "1"]
        assert main(["eval", "compare", *runs, *given, "--json", "--report", str(saved)]) == 0
        shape = json.loads(capsys.readouterr().out)
        assert json.loads(saved.read_text(encoding="utf-8")) == shape
        assert shape["verdict"] == "no difference"
        assert shape["a"] == {"given": runs[0], "kind": "run"}
        assert (shape["measure"], shape["alpha"], shape["n"]) == ("Recall@100", 0.001, 24)
        assert shape["gate"] == {"margin": 1.0, "failed": False, "reasons": []}
        assert [note["kind"] for note in shape["notes"]] == ["few"]
        assert shape["pooled"][0]["p"] == 0.0078

    def test_real_settings(self, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
        given = ["--dataset", str(dataset), "--set", "encoder.name=hash", "--fail-if-drop", "0.01", "--json"]
        assert main(["eval", "compare", "search.mode=lexical", "search.mode=hybrid", *given]) in (0, 1)
        shape = json.loads(capsys.readouterr().out)
        assert shape["pooled"][0]["a"] > 0.3
        assert main(["eval", "compare", "current", "current", *given]) == 0
        shape = json.loads(capsys.readouterr().out)
        assert (shape["pooled"][0]["difference"], shape["pooled"][0]["p"]) == (0.0, 1.0)

    @pytest.mark.parametrize(
        "words, code, said",
        [
            (["a", "b", "--alpha", "0"], 2, "--alpha is 0, but it must be between 0 and 1"),
            (["a", "b", "--alpha", "much"], 2, "--alpha is 'much', which is not a number"),
            (["a", "b", "--fail-if-drop", "nan"], 2, "--fail-if-drop is 'nan', which is not a number"),
            (["a", "b", "--fail-if-drop", "-0.1"], 2, "--fail-if-drop is -0.1, but it must be between 0 and 1"),
            (["a", "b", "--report", "report.pdf"], 2, "ends in none of .html, .md, .json"),
            (["a", "b", "--report", "absent/report.html"], 2, "A report cannot be written to"),
            (["a", "b"], 4, "a is neither a file nor a setting"),
            (["a"], 2, "the following arguments are required: B"),
            (["current", "search.k=3"], 2, "no data set is named to measure them on"),
            (["current", "current", "--measure", "AP"], 2, "is not one of nDCG@10"),
        ],
    )
    def test_what_is_wrong_is_one_line(
        self, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["eval", "compare", *words]) == code
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1


def test_figures_are_shown_to_four_places_and_p_is_never_zero() -> None:
    assert [rounded(value) for value in (-0.00001, 0.123456, 2 / 3)] == [0.0, 0.1235, 0.6667]
    assert str(rounded(-0.00001)) == "0.0"
    assert [shown_p(p) for p in (1.0, 0.0499, 0.0001)] == ["1.0000", "0.0499", "0.0001"]
    assert [shown_p(p) for p in (0.00009, 2**-19)] == ["9e-05", "2e-06"]
