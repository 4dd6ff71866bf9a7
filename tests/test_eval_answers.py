"""`evaluate_answers` measures what anybody would be answered, from the documents' text, for one asker."""

import argparse
import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import qianxun
from qianxun import Asker
from qianxun.cli import eval_answers
from qianxun.cli.arguments import Parser, add_common
from qianxun.cli.session import Session
from qianxun.errors import InputError, NotFound
from qianxun.evaluation.answers.measuring import MEASURES, AnswerReport, evaluate_answers, found_in
from qianxun.evaluation.answers.page import measure_in_words, page_of_answers, problem_in_words, refusals_in_words
from qianxun.evaluation.answers.scoring import Refusal, Scores
from qianxun.evaluation.question_sets.file import freeze, write_questions
from qianxun.evaluation.question_sets.records import Evidence, Question, QuestionSet
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Answer, Citation, Document, Passage, Span, Status, Support, Verdict, chunk_id
from qianxun.settings import load_settings

TEXTS = {
    "hr/年假.md": "# 年假\n工作满一年的员工每年有五天带薪年假，满十年的有十天。试用期内不得申请远程办公。",
    "hr/加班.txt": "加班須事先申請，經主管核准後方可報支加班費。",
    "it/oncall.md": "The primary engineer answers a page within 15 minutes. Error E-1042 means the coil is open.",
    "hr/工资.csv": "姓名 | 月薪 | 城市\n張三 | 8000元 | 北京\n李四 | 9000元 | 上海",
}
LEAVE = Question("q1", "满十年的员工有几天年假？", ("十天", "10 天"), (Evidence("年假.md", "满十年的有十天"),))
REMOTE = Question("q2", "试用期内可以申请远程办公吗？", ("不可以",), (Evidence("hr/年假.md"),))
COIL = Question(
    "q3", "What does E-1042 mean?", ("the coil is open",), (Evidence("it/oncall.md", "means the coil is open"),)
)
SALARY = Question("q4", "张三的月薪是多少？", ("8000元",), (Evidence("hr/工资.csv", "張三 | 8000元"),))
SUPPLIER = Question("q5", "Who is the supplier of LF-200?", answerable=False)


class Stand:
    """A knowledge base that answers as it is told; documents and their text are real."""

    def __init__(self, answers: dict[str, Answer] | None = None, texts: dict[str, str] = TEXTS) -> None:
        self.texts = dict(texts)
        self.answers = answers or {}
        self.asked: list[tuple[str, Asker]] = []
        self.hidden: set[str] = set()

    def documents(self, *, asker: Asker) -> list[Document]:
        return [
            Document(
                id, source, source, "text", Status.READY, "", ("public",), 1 if text else 0, None, len(text), "", "", ""
            )
            for id, (source, text) in enumerate(self.texts.items(), 1)
            if asker.labels is None or source not in self.hidden
        ]

    def text(self, id: int, *, asker: Asker) -> str:
        found = {document.id: document.source for document in self.documents(asker=asker)}
        if id not in found:
            raise NotFound("There is no document {id}.", id=id)
        return self.texts[found[id]]

    def chunks(self, id: int, *, asker: Asker) -> list[Passage]:
        document = id >> 24 or id
        source = list(self.texts)[document - 1]
        text = self.text(document, asker=asker)
        span = Span(0, len(text))
        return [
            Passage(
                1, 1.0, chunk_id(document, 0), document, source, source, None, None, (), span, text, "", ("public",), {}
            )
        ]

    def ask(self, question: str, *, asker: Asker) -> Answer:
        self.asked.append((question, asker))
        return self.answers.get(question) or Answer(
            question, "没有找到依据。", "no_evidence", (), (), {}, {"answer": "stand"}
        )

    def citation(
        self, source: str, quote: str, sentence: str, support: Support = "absent", number: int = 1
    ) -> Citation:
        document = list(self.texts).index(source) + 1
        start = self.texts[source].index(quote)
        span = Span(start, start + len(quote))
        return Citation(
            number, chunk_id(document, 0), document, source, source, None, None, (), span, quote, support, sentence
        )

    def tell(
        self,
        question: str,
        text: str,
        *citations: Citation,
        verdict: Verdict = "answered",
        degraded: Sequence[str] = (),
    ) -> None:
        models = {"answer": "stand"}
        self.answers[question] = Answer(question, text, verdict, citations, (), {}, models, tuple(degraded))


def told() -> Stand:
    """Right, wrong and unfounded answers."""
    base = Stand()
    leave = "满十年的员工有十天年假。"
    base.tell(LEAVE.question, f"{leave}[1]", base.citation("hr/年假.md", TEXTS["hr/年假.md"][5:31], leave))
    # Said to be supported; it is not.
    remote = "试用期内可以申请远程办公。"
    base.tell(
        REMOTE.question, f"{remote}[1]", base.citation("hr/年假.md", "试用期内不得申请远程办公。", remote, "supported")
    )
    coil = "E-1042 means the coil is open."
    quoted = base.citation("it/oncall.md", "Error E-1042 means the coil is open.", coil)
    base.tell(COIL.question, f"{coil} [1] Call the engineer.", quoted, verdict="partial", degraded=("dense: away",))
    row = "姓名：張三；月薪：8000元；城市：北京"
    base.tell(SALARY.question, f"{row}[1]", base.citation("hr/工资.csv", "張三 | 8000元 | 北京", row))
    return base


ALL = QuestionSet("hr", (LEAVE, REMOTE, COIL, SALARY, SUPPLIER))


def scores(report: AnswerReport, id: str) -> Scores:
    return next(result.scores for result in report.results if result.question.id == id)


def test_each_answer_is_scored_from_the_documents_whatever_it_says_of_itself() -> None:
    report = evaluate_answers(told(), ALL)
    assert [report.values("correctness")[id] for id in ("q1", "q2", "q3", "q4", "q5")] == [1, 0, 1, 1, 1]
    assert report.values("citation_precision") == {"q1": 1, "q2": 0, "q3": 1, "q4": 1}
    assert report.values("citation_recall") == {"q1": 1, "q2": 0, "q3": 0.5, "q4": 1}
    assert report.values("evidence_recall") == {"q1": 1, "q2": 1, "q3": 1, "q4": 1}
    assert report.values("refusal") == dict.fromkeys(("q1", "q2", "q3", "q4", "q5"), 1)
    assert scores(report, "q2").citations[0].problems == ("negation",)
    assert report.verdicts == {"answered": 3, "no_evidence": 1, "partial": 1}
    assert report.degraded == {"dense: away": 1}
    assert report.models == {"answer": "stand"}
    mean = report.mean("citation_precision")
    assert mean is not None
    assert (mean.mean, mean.n) == (0.75, 4)
    assert mean.interval[0] <= 0.75 <= mean.interval[1]
    assert report.mean("citation_precision") == mean  # the same again
    assert (report.refusals.precision, report.refusals.recall, report.refusals.f1) == (1, 1, 1)


def test_an_oracle_scores_one_on_everything() -> None:
    base = Stand()
    for question, source, quote in (
        (LEAVE, "hr/年假.md", "满十年的有十天"),
        (COIL, "it/oncall.md", "means the coil is open"),
        (SALARY, "hr/工资.csv", "張三 | 8000元"),
    ):
        base.tell(question.question, f"{quote}[1]", base.citation(source, quote, quote))
    report = evaluate_answers(base, QuestionSet("o", (LEAVE, COIL, SALARY, SUPPLIER)))
    for measure in MEASURES:
        mean = report.mean(measure)
        assert mean is not None
        if measure != "f1":  # of a quote that says more than the reference
            assert (measure, mean.mean, mean.interval) == (measure, 1.0, (1.0, 1.0))


def test_an_empty_answer_is_worth_nothing() -> None:
    report = evaluate_answers(Stand(), QuestionSet("e", (LEAVE, COIL)))
    assert {measure: mean.mean for measure in MEASURES if (mean := report.mean(measure))} == dict.fromkeys(
        MEASURES, 0.0
    )


def test_a_quote_that_the_document_no_longer_has_is_noticed() -> None:
    base = told()
    base.texts["hr/年假.md"] = "# 年假\n" + TEXTS["hr/年假.md"]
    report = evaluate_answers(base, QuestionSet("hr", (LEAVE,)))
    assert report.values("citation_precision") == {"q1": 0}
    assert not report.results[0].citations[0].there


def test_questions_about_what_is_gone_are_left_out_and_counted() -> None:
    gone = dataclasses.replace(LEAVE, id="g1", evidence=(Evidence("gone.md"), Evidence("x/年假.md")))
    changed = dataclasses.replace(LEAVE, id="g2", evidence=(Evidence("hr/年假.md", "满三十年的有三十天"),))
    half = dataclasses.replace(
        LEAVE, id="g3", evidence=(Evidence("gone.md"), Evidence("hr/年假.md", "滿十年的有 十天"))
    )
    base = told()
    report = evaluate_answers(base, QuestionSet("hr", (gone, changed, half, SUPPLIER)))
    assert [(one.id, one.source, one.reason) for one in report.left_out] == [
        ("g1", "gone.md", "no document"),
        ("g2", "hr/年假.md", "no quote"),
    ]
    assert report.evidence_gone == 1
    assert report.values("evidence_recall") == {"g3": 1.0}
    with pytest.raises(InputError, match="None of the 2 accepted questions of hr can be asked"):
        evaluate_answers(base, QuestionSet("hr", (gone, changed)))


def test_only_accepted_questions_are_asked_as_the_asker() -> None:
    base = told()
    base.hidden = {"hr/年假.md"}
    proposed = dataclasses.replace(COIL, id="p", status="proposed")
    asker = Asker.of("public")
    report = evaluate_answers(base, QuestionSet("hr", (LEAVE, proposed, SALARY, SUPPLIER)), asker=asker)
    assert [one.id for one in report.left_out] == ["q1"]
    assert [result.question.id for result in report.results] == ["q4", "q5"]
    # Once more before the others, so that no time has the loading of models in it.
    assert base.asked == [(SALARY.question, asker), (SALARY.question, asker), (SUPPLIER.question, asker)]
    assert len(evaluate_answers(base, ALL, limit=2).results) == 2


def test_times_are_by_nearest_rank() -> None:
    report = evaluate_answers(told(), ALL)
    timed = [dataclasses.replace(result, seconds=float(n)) for n, result in enumerate(report.results, 1)]
    report = dataclasses.replace(report, results=tuple(timed))
    assert (report.seconds(0.5), report.seconds(0.95), report.seconds(0.2)) == (3.0, 5.0, 1.0)


def test_the_json_shape_has_everything() -> None:
    shape = evaluate_answers(told(), ALL).as_json()
    assert json.loads(json.dumps(shape)) == shape
    assert list(shape) == [
        "questions", "n", "left_out", "evidence_gone", "measures", "refusals", "verdicts", "seconds", "models",
        "degraded", "results", "version",
    ]  # fmt: skip
    assert shape["measures"]["citation_recall"]["mean"] == 0.625
    assert shape["refusals"] == {"refused": 1, "unanswerable": 1, "right": 1, "precision": 1, "recall": 1, "f1": 1}
    assert [row["accepted"] for row in shape["results"]][3:] == [["8000元"], []]
    row = shape["results"][1]
    assert row["citations"] == [
        {
            "number": 1,
            "source": "hr/年假.md",
            "quote": "试用期内不得申请远程办公。",
            "sentence": "试用期内可以申请远程办公。",
            "there": True,
            "right": False,
            "problems": ["negation"],
        }
    ]
    assert shape["results"][4]["citation_precision"] is None


@pytest.mark.parametrize(
    "text, quote, expected",
    [
        ("每年有五天", "五天", (3, 5)),
        ("加班須事先申請", "加班须事先", (0, 5)),
        ("ＡＢ　每年\n有 ５ 天。", "每年有5天", (3, 11)),
        ("ﬁnal result", "final", (0, 4)),
        ("五天", "十天", None),
        ("五天", " ", None),
    ],
)
def test_a_quote_is_found_in_any_spelling(text: str, quote: str, expected: tuple[int, int] | None) -> None:
    assert found_in(text, quote) == (None if expected is None else Span(*expected))


# -- with a knowledge base -------------------------------------------------------------------------------------------


@pytest.fixture
def asked(kb: KnowledgeBase, documents: Path) -> KnowledgeBase:
    kb.add([documents])
    return kb


REAL = QuestionSet(
    "real",
    (
        Question("a", "工程师三级的月薪是多少？", ("28000元",), (Evidence("薪酬.txt", "月薪为28000元"),)),
        Question("b", "What does error E-1042 mean?", ("the coil is open",), (Evidence("oncall.md"),)),
        Question("c", "加班費要經誰核准？", ("主管",), (Evidence("加班.txt", "經主管核准"),)),
    ),
)


def test_quoting_is_measured_as_it_is(asked: KnowledgeBase) -> None:
    report = evaluate_answers(asked, REAL)
    assert [result.verdict for result in report.results] == ["answered"] * 3
    assert report.values("correctness") == {"a": 1, "b": 1, "c": 1}
    assert set(report.values("citation_precision").values()) == {1.0}
    assert set(report.values("citation_recall").values()) == {1.0}
    assert report.values("evidence_recall") == {"a": 1, "b": 1, "c": 1}


def test_what_the_asker_may_not_see_is_neither_asked_nor_shown(asked: KnowledgeBase) -> None:
    asked.label(["*薪酬.txt"], add=["hr"], remove=["public"])
    report = evaluate_answers(asked, REAL, asker=Asker.of("public"))
    assert [(one.id, one.reason) for one in report.left_out] == [("a", "no document")]
    shown = json.dumps(report.as_json()["results"], ensure_ascii=False)
    assert "28000" not in shown
    assert "薪酬" not in shown
    assert evaluate_answers(asked, REAL, asker=Asker.of("hr", "public")).left_out == ()


# -- the command -----------------------------------------------------------------------------------------------------


def run(kb: KnowledgeBase, *argv: str, as_json: bool = False) -> int:
    parser = Parser("qianxun eval answers", eval_answers.description())
    eval_answers.arguments(parser)
    add_common(parser)
    args: argparse.Namespace = parser.parsed(argv)
    settings = load_settings(overrides=["encoder.name=hash"])
    return eval_answers.run(
        Session(settings, kb=str(kb.directory), overrides=["encoder.name=hash"], as_json=as_json), args
    )


def test_the_command_prints_a_table_and_what_is_missing(
    asked: KnowledgeBase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (Question("d", "食堂周几休息？", ("周一",), (Evidence("食堂.md"),)), dataclasses.replace(SUPPLIER, id="e"))
    write_questions(tmp_path / "q.jsonl", QuestionSet("real", (*REAL.questions, *more)))
    where, frozen = freeze(tmp_path / "q.jsonl", made="now")
    asked.close()
    assert run(asked, str(where)) == 0
    out, err = capsys.readouterr()
    assert out.startswith("real, 4 questions, frozen as version 1\n")
    assert re.search(r"^correctness\t[01]\.\d{4}\t[01]\.\d{4} … [01]\.\d{4}\t4$", out, re.MULTILINE)
    assert "Left out 1 question: no such document 1. The first: 食堂周几休息？ → 食堂.md" in err
    assert run(asked, str(where), as_json=True) == 0
    shape = json.loads(capsys.readouterr().out)
    assert shape["questions"] == {"name": "real", "frozen": 1, "digest": frozen.digest}
    assert run(asked, str(where), "--limit", "1", "--as", "public", "--report", str(tmp_path / "r.html")) == 0
    assert "工程师三级" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_an_edited_set_is_not_measured(asked: KnowledgeBase, tmp_path: Path) -> None:
    write_questions(tmp_path / "q.jsonl", REAL)
    where, _ = freeze(tmp_path / "q.jsonl", made="now")
    where.write_text(where.read_text(encoding="utf-8").replace("28000", "82000"), encoding="utf-8")
    with pytest.raises(InputError, match="edited since it was frozen"):
        run(asked, str(where))


def test_refusals_are_left_out_where_none_was_and_none_had_to_be() -> None:
    shape = evaluate_answers(told(), ALL).as_json()
    assert "refusals" in str(page_of_answers(shape).sections[0].blocks)
    none = {"refused": 0, "unanswerable": 0, "right": 0, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert "refusals" not in str(page_of_answers({**shape, "refusals": none}).sections[0].blocks)
    assert "refusals" in str(page_of_answers({**shape, "refusals": {**none, "refused": 1}}).sections[0].blocks)


@pytest.mark.parametrize(
    "refused, unanswerable, right, told",
    [
        (0, 0, 0, ""),
        (3, 0, 0, "0 of 3 right (precision 0.00)"),
        (0, 2, 0, "0 of 2 unanswerable ones refused (recall 0.00)"),
        (2, 2, 1, "1 of 2 right (precision 0.50), 1 of 2 unanswerable ones refused (recall 0.50), F1 0.50"),
    ],
)
def test_refusals_are_told_without_figures_of_no_case(refused: int, unanswerable: int, right: int, told: str) -> None:
    found = Refusal(refused, unanswerable, right)
    names = ("refused", "unanswerable", "right", "precision", "recall", "f1")
    assert refusals_in_words({name: getattr(found, name) for name in names}) == told


def test_the_page_names_every_measure_and_problem_in_the_readers_language() -> None:
    shape = evaluate_answers(told(), ALL).as_json()
    page = page_of_answers(shape)
    assert [section.title for section in page.sections] == ["Measures", "Answers"]
    assert not {measure_in_words(measure) for measure in MEASURES} & {"citation_precision", "evidence_recall"}
    assert problem_in_words("negation") == "a negation more or less"
    assert problem_in_words("new one") == "new one"
    assert page.version == qianxun.__version__
