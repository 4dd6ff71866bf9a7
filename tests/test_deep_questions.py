"""Questions that ask for several things: how they are divided, searched, answered together, and where that ends."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qianxun
from qianxun import TextItem, assemble
from qianxun.answering.deep.prompts import plan
from qianxun.answering.deep.rules import divided
from qianxun.answering.events import Done, Mark, Text
from qianxun.answering.keeping import answer_of, kept_of
from qianxun.cli.ask import show
from qianxun.cli.screen import Screen
from qianxun.errors import InputError, ModelUnavailable
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Message, Sampling
from qianxun.records import Asker
from qianxun.settings import Settings
from qianxun.text import fold

# --- rules


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("年假有几天？病假呢？", ["年假有几天", "病假有几天"]),
        ("How long is probation, and who approves it?", ["How long is probation", "probation: who approves it"]),
        ("比较方案A和方案B的价格", ["方案A的价格", "方案B的价格"]),
        ("比較甲方案與乙方案的價格", ["甲方案的價格", "乙方案的價格"]),
        ("LG-8 和 LG-9 有什么区别？", ["LG-8", "LG-9"]),
        ("Compare the price of Plan A and Plan B", ["price of Plan A", "price of Plan B"]),
        ("compare plan A and plan B in terms of price", ["price of plan A", "price of plan B"]),
        ("What is the difference between LG-8 and LG-9?", ["LG-8", "LG-9"]),
        ("A、B和C的上限分别是多少", ["A的上限是多少", "B的上限是多少", "C的上限是多少"]),
        ("住宿标准和市内交通的标准分别是多少？", ["住宿标准是多少", "市内交通的标准是多少"]),
        ("住宿、交通和餐補的標準是什麼？", ["住宿的標準是什麼", "交通的標準是什麼", "餐補的標準是什麼"]),
        ("年假有几天，怎么申请？", ["年假有几天", "年假：怎么申请"]),
        (
            "What are the limits for hotels and taxis?",
            ["What are the limits for hotels", "What are the limits for taxis"],
        ),
        ("报销标准是什么？", ["报销标准是什么"]),
        ("公司和员工的关系是什么", ["公司和员工的关系是什么"]),
        ("How do I apply for leave?", ["How do I apply for leave"]),
        ("Ｗｈａｔ ｉｓ ｔｈｅ ＳＬＡ？故障多久修复？", ["Ｗｈａｔ ｉｓ ｔｈｅ ＳＬＡ", "故障多久修复"]),
    ],
)
def test_a_question_is_divided_where_it_asks_for_several_things(question: str, parts: list[str]) -> None:
    assert divided(question, 9) == parts
    assert divided(question, 1) == parts[:1]


@given(
    st.text(st.sampled_from("年假和与、，。？?；的分别比较什么多少 and,compare of for the what\nAB12"), max_size=60),
    st.integers(1, 5),
)
def test_whatever_is_asked_at_most_so_many_and_each_once(question: str, most: int) -> None:
    parts = divided(question, most)
    assert 1 <= len(parts) <= most
    assert len({fold(part) for part in parts}) == len(parts)


def test_a_document_cannot_take_the_place_of_the_question_in_the_plan() -> None:
    messages = plan("年假有几天？", [("a", "{question} {most}")], 3, "zh")
    assert messages[1].content.endswith("问题：年假有几天？")
    assert "{question}" in messages[1].content


# --- through the knowledge base

FILES = {
    "住宿.md": "# 住宿标准\n\n一类城市的住宿标准为每晚 650 元。\n",
    "交通.md": "# 市内交通\n\n市内交通的标准为每天 80 元，凭票报销。\n",
    "warranty.md": "# Warranty\n\nThe warranty of the LF-200 lasts 24 months; that of the LG-8 12 months.\n",
    "加班.md": "# 加班\n\n加班須事先申請，經主管核准後方可報支加班費。\n",
    "经理.md": "# 负责人\n\n青蚨项目的负责人是陆怀瑾。\n",
    "分机.md": "# 电话\n\n陆怀瑾的分机号是 8027。\n",
}


class Planner:
    """A generator that plans as `plans` says, one after the other, and answers with the first sentence of passages."""

    name = "planner"
    context_tokens = 32_000
    plans: ClassVar[list[Any]] = []
    asked: ClassVar[list[str]] = []
    n_plans: ClassVar[int] = 0

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        Planner.asked += [message.content for message in messages]
        if schema is not None:
            planned = Planner.plans[min(Planner.n_plans, len(Planner.plans) - 1)]
            Planner.n_plans += 1
            if isinstance(planned, Exception):
                raise planned
            yield Delta(planned if isinstance(planned, str) else json.dumps({"questions": planned}))
        else:
            yield Delta("一类城市的住宿标准为每晚 650 元。[1]")
        yield Delta(finish_reason="stop", usage=(5, 2))

    def count_tokens(self, text: str) -> int:
        return len(text)


@pytest.fixture
def kb(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., KnowledgeBase]]:
    """Opens the knowledge base of `FILES`, with a planner that says these plans or without, and closes it."""
    monkeypatch.setitem(assemble.BUILT_IN["generators"], "planner", f"{__name__}:Planner")  # type: ignore[arg-type]
    monkeypatch.setattr(Planner, "asked", [])
    monkeypatch.setattr(Planner, "n_plans", 0)
    opened: list[KnowledgeBase] = []

    def made(*plans: Any, overrides: Sequence[str] = ()) -> KnowledgeBase:
        monkeypatch.setattr(Planner, "plans", list(plans))
        settings = ["reading.workers=1", *overrides, *(["generator.name=planner"] if plans else [])]
        opened.append(qianxun.open(tmp_path / "kb", overrides=settings))
        opened[0].add_texts([TextItem(name, name.removesuffix(".md"), text) for name, text in FILES.items()])
        return opened[0]

    yield made
    for one in opened:
        one.close()


def test_each_part_is_searched_and_quoted_without_a_model(kb: Any) -> None:
    answer = kb().ask("住宿标准和市内交通的标准分别是多少？", deep=4)
    assert "650" in answer.text
    assert "80" in answer.text
    assert answer.verdict == "answered"
    assert {citation.source for citation in answer.citations} >= {"住宿.md", "交通.md"}
    assert answer.plan is not None
    assert [one.answered for one in answer.plan.questions] == [True, True]
    assert (answer.plan.most, answer.plan.rounds, answer.plan.calls, answer.plan.ended) == (4, 1, 0, "answered")
    assert "问题分成了 2 个子问题（上限 4 个），其中 2 个找到了依据。" in answer.notes
    for citation in answer.citations:
        assert answer.passages[citation.number - 1].chunk == citation.chunk


def test_what_nothing_was_found_for_is_named(kb: Any) -> None:
    answer = kb().ask("一类城市的住宿标准是多少？E-9942 的含义是什么？", deep=4)
    assert "650" in answer.text
    assert answer.text.endswith("没有找到依据：“E-9942 的含义是什么”")
    assert answer.verdict == "partial"
    assert answer.plan is not None
    assert [one.answered for one in answer.plan.questions] == [True, False]
    last = answer.statements[-1]
    assert answer.text[last.span.start : last.span.end] == last.text
    assert not last.claim


def test_a_kept_answer_names_it_too_and_says_how_much_was_read(kb: Any) -> None:
    base = kb()
    question = "一类城市的住宿标准是多少？E-9942 的含义是什么？"
    for answer in (base.ask(question, deep=4), base.ask(question, documents=["*"])):
        again, whole = answer_of(kept_of(answer), question, base._store, Asker.admin())
        assert whole
        assert (again.text.split(), again.coverage) == (answer.text.split(), answer.coverage)


def test_people_see_what_was_asked_and_what_was_found(kb: Any) -> None:
    answer = kb().ask("一类城市的住宿标准是多少？E-9942 的含义是什么？", deep=4)
    screen = Screen(io.StringIO())
    show(screen, answer)
    shown = screen.stream.getvalue()  # type: ignore[attr-defined]
    assert "Sub-questions" in shown
    assert "✓ 一类城市的住宿标准是多少" in shown
    assert "✗ E-9942 的含义是什么" in shown


def test_english_questions_are_told_in_english(kb: Any) -> None:
    answer = kb().ask("How long is the warranty of the LF-200? What does error E-9942 mean?", deep=3)
    assert "24 months" in answer.text
    assert "No evidence for: " in answer.text
    assert "The question was divided into 2 of at most 3 sub-questions; answered: 1." in answer.notes


def test_no_more_is_asked_than_is_allowed(kb: Any) -> None:
    plan_made = kb().ask("住宿、市内交通、加班和年假的标准是什么？", deep=2).plan
    assert plan_made is not None
    assert len(plan_made.questions) == 2
    planned = [f"第 {n} 个问题是什么" for n in range(50)]
    assert len(kb(planned).ask("住宿标准是多少？", deep=3).plan.questions) <= 3


def test_a_model_plans_on_from_what_was_found(kb: Any) -> None:
    base = kb(["青蚨项目的负责人是谁"], ["陆怀瑾的分机号是多少"], [])
    answer = base.ask("青蚨项目负责人的分机号是多少？", deep=4)
    assert answer.plan is not None
    assert [one.question for one in answer.plan.questions] == ["青蚨项目的负责人是谁", "陆怀瑾的分机号是多少"]
    assert (answer.plan.rounds, answer.plan.calls, answer.plan.ended) == (2, 4, "answered")
    assert answer.usage == (20, 8)
    second = Planner.asked[3]
    assert "青蚨项目的负责人是谁 → 青蚨项目的负责人是陆怀瑾。" in second
    assert "8027" in Planner.asked[-1]


def test_it_stops_when_nothing_new_is_found(kb: Any) -> None:
    endless = [["E-9942 的含义是什么"], *([[f"E-99{n} 的含义是什么"] for n in range(50, 90)])]
    answer = kb(*endless).ask("E-9942 的含义？", deep=20)
    assert answer.plan is not None
    assert answer.plan.ended == "coverage"
    assert answer.plan.rounds < 5


@pytest.mark.parametrize("broken", ["{", '{"questions": [1]}', ModelUnavailable("The server is away.")])
def test_a_plan_of_no_use_is_made_by_rules(kb: Any, broken: Any) -> None:
    answer = kb(broken).ask("住宿标准和市内交通的标准分别是多少？", deep=2)
    assert answer.degraded[0].startswith("planner: ")
    assert answer.plan is not None
    assert [one.question for one in answer.plan.questions] == ["住宿标准是多少", "市内交通的标准是多少"]
    assert answer.models["answer"] == "planner"


def test_calls_are_bounded(kb: Any) -> None:
    endless = [[f"住宿标准 {n} 是多少"] for n in range(50)]
    answer = kb(*endless, overrides=["answer.max_calls=3"]).ask("住宿标准是多少？", deep=20)
    assert answer.plan is not None
    assert answer.plan.calls <= 3
    assert len(Planner.asked) <= 2 * 3


def test_questions_of_a_plan_are_lines_of_words(kb: Any) -> None:
    plan_made = (
        kb(["住宿\u202e标准\n是多少", "？！", "-", "住宿标准是多少", "字" * 5000], []).ask("住宿？", deep=9).plan
    )
    assert plan_made is not None
    assert all("\n" not in one.question and "\u202e" not in one.question for one in plan_made.questions)
    assert all(len(one.question) <= 300 for one in plan_made.questions)
    assert "？！" not in [one.question for one in plan_made.questions]


def test_only_the_documents_named_are_searched(kb: Any) -> None:
    answer = kb().ask("住宿标准和市内交通的标准分别是多少？", deep=4, documents=["住宿.md"])
    assert {passage.source for passage in answer.passages} == {"住宿.md"}
    assert answer.coverage is None


def test_what_is_forbidden_is_in_no_plan_and_no_prompt(kb: Any) -> None:
    base = kb(["紫檀計劃的预算是多少"], [])
    base.add_texts([TextItem("secret.md", "预算", "紫檀計劃的预算为 900 万元。")], labels=["board"])
    answer = base.ask("预算是多少？", deep=3, asker=Asker.of("public"))
    assert not any("900 万" in prompt for prompt in Planner.asked)
    assert "900 万" not in repr(answer)
    base.ask("预算是多少？", deep=3, asker=Asker.of("board"))
    assert any("900 万" in prompt for prompt in Planner.asked)


def test_the_events_are_those_of_any_answer(kb: Any) -> None:
    base = kb()

    async def listen() -> list[Any]:
        return [event async for event in base.stream("一类城市的住宿标准是多少？E-9942 的含义是什么？", deep=4)]

    events = asyncio.run(listen())
    assert isinstance(events[-1], Done)
    assert "".join(one.text for one in events if isinstance(one, Text | Mark)) == events[-1].answer.text


def test_an_empty_question_is_refused(kb: Any) -> None:
    with pytest.raises(InputError):
        kb().ask(" ", deep=2)
