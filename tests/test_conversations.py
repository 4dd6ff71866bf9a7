"""Conversations through the Python door: follow-ups, rights, streams that go on, and what is really deleted."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import qianxun
from qianxun import TextItem, assemble
from qianxun.answering.events import AnswerEvent, Checked, Done, Mark, Shown, Text, Withdrawn
from qianxun.answering.keeping import GONE, kept_of
from qianxun.answering.telling import Ended, Telling, Told
from qianxun.errors import InputError, ModelUnavailable, NotFound
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Message, Sampling
from qianxun.records import Asker
from qianxun.settings import Settings, home_directory
from qianxun.shapes import conversation_shape, event_shape, told_shape
from qianxun.storage.service import FILE_NAME

DOCUMENTS = {
    "差旅.md": (
        "差旅标准",
        "# 差旅标准\n\n## 住宿限额\n\n去上海出差，每晚住宿限额为 650 元。\n\n去广州出差，每晚住宿限额为 500 元。\n",
        "public",
    ),
    "加班.txt": ("台北", "台北分公司：加班須事先申請，經主管核准後方可報支加班費。\n", "hr"),
    "oncall.md": ("On-call", "# On-call\n\nThe primary engineer answers a page within 15 minutes.\n", "public"),
}
SPOKEN = (
    "去上海出差，每晚住宿限额为 650 元 [1]。加班須事先申請，經主管核准 [2]。　Ｏｎ－ｃａｌｌ：within 15 minutes [3]."
)


class Speaker:
    """A model whose words a test gives; it waits where it is told to, and remembers what it was told."""

    name, context_tokens = "speaker", 8000
    pieces: Sequence[str] = ()
    heard: list[list[Message]] = []  # noqa: RUF012
    wait: asyncio.Event | None = None
    wait_after = 0
    fails = False
    said = 0

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: Any = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The pieces."""
        Speaker.heard.append(list(messages))
        Speaker.said = 0
        for n, piece in enumerate(Speaker.pieces):
            if Speaker.wait is not None and n == Speaker.wait_after:
                await Speaker.wait.wait()
            yield Delta(piece)
            Speaker.said += 1
        if Speaker.fails:
            raise ModelUnavailable("Nobody answers.")
        yield Delta(finish_reason="stop", usage=(7, 7))

    def count_tokens(self, text: str) -> int:
        """As many as there are characters."""
        return len(text)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as opened:
        for label in ("public", "hr"):
            items = [TextItem(name, title, text) for name, (title, text, of) in DOCUMENTS.items() if of == label]
            opened.add_texts(items, labels=[label])
        yield opened


@pytest.fixture
def speaking(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> Iterator[KnowledgeBase]:
    """The same knowledge base with a model."""
    monkeypatch.setitem(assemble.BUILT_IN["generators"], "speaker", f"{__name__}:Speaker")  # type: ignore[arg-type]
    for name, value in {"pieces": (), "heard": [], "wait": None, "wait_after": 0, "fails": False}.items():
        monkeypatch.setattr(Speaker, name, value)
    settings = ["generator.name=speaker", "search.follow_up=rules", "answer.hopeless=0", "search.spelling=false"]
    with qianxun.open(base.directory, overrides=settings) as opened:
        yield opened


def words(text: str, base: KnowledgeBase, question: str) -> str:
    """A model's text in which [差旅.md] is the number that this document has for the question."""
    speaking = base.search(question, k=base.settings.answer.passages)
    from qianxun.answering.pack import in_reading_order, pack

    for number, passage in enumerate(in_reading_order(pack(speaking.passages, base.settings.answer.passages)), 1):
        text = text.replace(f"[{Path(passage.source).name}]", f"[{number}]")
    return text


def cut(text: str, n: int = 3) -> list[str]:
    return [text[at : at + n] for at in range(0, len(text), n)]


def bytes_of(*folders: Path) -> bytes:
    return b"".join(path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())


async def until(condition: Callable[[], bool]) -> None:
    """Waits until it is so; a test that hangs fails."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def told_of(events: AsyncIterator[Told]) -> list[Told]:
    return [told async for told in events]


def shown(told: Sequence[Told]) -> str:
    """What a reader has before them in the end."""
    text = ""
    for one in told:
        match one.event:
            case Withdrawn():
                text = ""
            case Text(piece) | Mark(piece):
                text += piece
            case Done(answer):
                text = answer.text
    return text


# -- asking ----------------------------------------------------------------------------------------------


def test_a_question_leans_on_those_before(base: KnowledgeBase) -> None:
    talks = base.conversations
    token = talks.begin()
    assert "650" in talks.ask(token, "去上海出差每晚的住宿限额是多少？").text
    answer = talks.ask(token, "那广州呢？")
    assert (answer.question, answer.searched) == ("那广州呢？", "去广州出差每晚的住宿限额是多少")
    assert "500" in answer.text
    talk = talks.get(token)
    assert [(one.turn, one.state, one.question) for one in talk.turns] == [
        (1, "done", "去上海出差每晚的住宿限额是多少？"),
        (2, "done", "那广州呢？"),
    ]
    assert all(one.whole and one.answer is not None for one in talk.turns)
    assert talk.turns[1].answer is not None
    assert talk.turns[1].answer.text == answer.text
    assert talks.list()[0].title == "去上海出差每晚的住宿限额是多少？"


def test_conversations_are_found_renamed_and_deleted(base: KnowledgeBase) -> None:
    talks = base.conversations
    assert talks.list() == []
    with pytest.raises(NotFound, match="no conversation"):
        talks.find("0")
    first, second = talks.begin(title="旧的"), talks.begin(owner="amy")
    assert talks.find(first[:6]) == first
    for stranger in (second[:6], second, ""):
        with pytest.raises(NotFound):
            talks.find(stranger)
    assert talks.find(second[:6], owner="amy") == second
    talks.rename(first, "新的")
    assert [one.title for one in talks.list()] == ["新的"]
    assert talks.get(first).settings == {}
    talks.keep_settings(first, {"persona": "法務", "deep": 2})
    assert talks.get(first).settings == {"persona": "法務", "deep": 2}
    for do in (lambda: talks.keep_settings(second, {}), lambda: talks.keep_settings(first, {}, owner="amy")):
        with pytest.raises(NotFound, match="no conversation"):
            do()
    assert talks.get(first).settings == {"persona": "法務", "deep": 2}
    third = talks.begin(owner="amy", settings={"filter": "label = hr"})
    assert talks.get(third, owner="amy").settings == {"filter": "label = hr"}
    talks.delete(third, owner="amy")
    talks.delete(first)
    with pytest.raises(NotFound):
        talks.get(first)
    with pytest.raises(NotFound):
        talks.delete(second)
    assert talks.erase("amy") == 1


def test_a_beginning_that_several_have_is_refused(base: KnowledgeBase) -> None:
    talks = base.conversations
    tokens = [talks.begin() for _ in range(17)]  # of sixteen first characters two must be the same
    first = next(token[0] for token in tokens if sum(one[0] == token[0] for one in tokens) > 1)
    with pytest.raises(InputError, match=f"begin with {first}"):
        talks.find(first)


def test_where_conversations_are_not_kept_none_is_begun(base: KnowledgeBase) -> None:
    token = base.conversations.begin()
    with qianxun.open(base.directory, overrides=["conversation.keep=false"]) as silent:
        for asked in (lambda: silent.conversations.begin(), lambda: silent.conversations.ask(token, "问")):
            with pytest.raises(InputError, match="not kept"):
                asked()
        silent.conversations.delete(token)


def test_a_question_that_cannot_be_asked_fails_and_says_why(base: KnowledgeBase) -> None:
    token = base.conversations.begin()
    with pytest.raises(InputError, match="empty"):
        base.conversations.ask(token, "　 ")
    (turn,) = base.conversations.get(token).turns
    assert (turn.state, turn.answer) == ("failed", None)


# -- what a model is told --------------------------------------------------------------------------------


def asked(base: KnowledgeBase, token: str, question: str, text: str, asker: Asker = Asker.admin()) -> str:  # noqa: B008
    Speaker.pieces = cut(words(text, base, question))
    return base.conversations.ask(token, question, asker=asker).text


def told_before() -> list[Message]:
    """What the model was told of the turns before."""
    return [messages for messages in Speaker.heard if "简要记下来" not in messages[0].content][-1][1:-1]


def test_a_model_is_told_what_was_said_before_without_marks(speaking: KnowledgeBase) -> None:
    token = speaking.conversations.begin()
    asked(speaking, token, "上海的住宿限额？", "每晚住宿限额为 650 元[差旅.md]。另外，月亮是方的。")
    assert told_before() == []
    asked(speaking, token, "加班須事先申請嗎？", "加班須事先申請[加班.txt]。")
    assert told_before() == [
        Message("user", "上海的住宿限额？"),
        Message("assistant", "每晚住宿限额为 650 元。"),  # what nothing bears is not told again
    ]


def test_what_was_said_is_told_within_a_budget_the_newest_first(speaking: KnowledgeBase) -> None:
    with qianxun.open(
        speaking.directory,
        overrides=[*speaking._overrides, "conversation.history_tokens=50", "conversation.summary=no"],
    ) as tight:
        token = tight.conversations.begin()
        for question in ("上海的住宿限额？", "上海每晚的限额？", "上海住宿的限额？"):
            asked(tight, token, question, "去上海出差，每晚住宿限额为 650 元[差旅.md]。")
        assert [message.content for message in told_before()] == [
            "上海每晚的限额？",
            "去上海出差，每晚住宿限额为 650 元。",
        ]


def test_older_turns_are_summed_up_and_the_summary_is_told(speaking: KnowledgeBase) -> None:
    overrides = [*speaking._overrides, "conversation.history_tokens=160"]
    with qianxun.open(speaking.directory, overrides=overrides) as tight:
        token = tight.conversations.begin()
        for n in range(8):
            asked(tight, token, f"上海的住宿限额（{n}）？", "去上海出差，每晚住宿限额为 650 元[差旅.md]。")
        prompts = [messages[-1].content for messages in Speaker.heard if "<此前>" in messages[-1].content]
        assert 1 <= len(prompts) <= 2, "not with every turn"
        assert "问：上海的住宿限额（0）？" in prompts[0]
        Speaker.pieces = ["用户问了上海的住宿限额：650 元。"]
        asked(tight, token, "上海的住宿限额（8）？", "去上海出差，每晚住宿限额为 650 元[差旅.md]。")
        assert told_before()[0].content.startswith("此前对话的摘要：\n")
        assert sum(len(message.content) for message in told_before()) <= 160


def with_summary(base: KnowledgeBase, text: str) -> str:
    """A conversation of a few turns, the first of them summed up in these words."""
    token = base.conversations.begin()
    for n in range(3):
        asked(base, token, f"加班費怎麼報支（{n}）？", "加班須事先申請[加班.txt]。")
    kept = base.conversations._file.opened()
    kept.summarise(token, "", text, 2, answers=[1, 2])
    return token


def test_a_summary_is_used_for_who_may_read_all_of_it_only(speaking: KnowledgeBase) -> None:
    overrides = [*speaking._overrides, "conversation.history_tokens=50"]
    with qianxun.open(speaking.directory, overrides=overrides) as tight:
        token = with_summary(tight, "摘要：加班須經主管核准。")
        asked(tight, token, "限额是多少？", "每晚住宿限额为 650 元[差旅.md]。", Asker.of("public"))
        assert "核准" not in json.dumps([m.content for m in Speaker.heard[-1]], ensure_ascii=False)
        assert "加班須事先申請" not in json.dumps([m.content for m in Speaker.heard[-1]], ensure_ascii=False)
        asked(tight, token, "加班費怎麼報支（4）？", "加班須事先申請[加班.txt]。")
        assert "核准" in told_before()[0].content


@pytest.mark.parametrize("purge", [False, True])
def test_a_summary_does_not_outlive_its_documents(speaking: KnowledgeBase, purge: bool, tmp_path: Path) -> None:
    token = with_summary(speaking, "摘要：加班須經主管核准 CANARY。")
    speaking.remove(["加班.txt"], purge=purge)
    speaking.compact()
    assert speaking.conversations._file.opened().summary(token, "") == ("", 0)
    assert b"CANARY" not in bytes_of(home_directory(speaking.settings))


# -- rights ----------------------------------------------------------------------------------------------


def everything(base: KnowledgeBase, token: str, asker: Asker) -> str:
    """All that the door gives of a conversation to an asker."""
    talks = base.conversations
    parts: list[Any] = [talks.list(), talks.get(token, asker=asker)]
    parts += [talks.export(token, "markdown", asker=asker), talks.export(token, "json", asker=asker)]
    for turn in talks.get(token, asker=asker).turns:
        parts += asyncio.run(told_of(talks.resume(token, turn.turn, asker=asker)))
    return "\n".join(map(str, parts))


SECRETS = ("主管", "核准", "台北", "須事先", "加班.txt")


@pytest.mark.parametrize("how", ["forbidden", "relabelled", "removed", "purged"])
@pytest.mark.parametrize("by", ["quoting", "a model"])
def test_what_may_not_be_read_is_nowhere(
    base: KnowledgeBase, speaking: KnowledgeBase, tmp_path: Path, how: str, by: str
) -> None:
    opened = base if by == "quoting" else speaking
    token = opened.conversations.begin()
    Speaker.pieces = cut(words("加班須事先申請，經主管核准[加班.txt]。主管不得代為核准。", opened, "加班費怎麼報支？"))
    opened.conversations.ask(token, "加班費怎麼報支？")
    Speaker.pieces = cut(words("每晚住宿限额为 650 元[差旅.md]。如前所述須經主管核准。", opened, "上海的住宿限额？"))
    opened.conversations.ask(token, "上海的住宿限额？")
    assert "主管" in everything(opened, token, Asker.admin())
    public = Asker.admin() if how in ("removed", "purged") else Asker.of("public")
    if how == "relabelled":
        public = Asker.of("hr", "public")
        opened.label(["加班.txt"], add=["board"], remove=["hr"])
    elif how != "forbidden":
        opened.remove(["加班.txt"], purge=how == "purged")
    seen = everything(opened, token, public)
    assert [secret for secret in SECRETS if secret in seen] == []
    if how != "purged":
        assert GONE["zh"] in seen
    if by == "a model":
        Speaker.heard.clear()
        opened.conversations.ask(token, "还有呢？", asker=public)
        prompts = "\n".join(message.content for messages in Speaker.heard for message in messages)
        assert [secret for secret in SECRETS if secret in prompts] == []


def test_an_answer_that_was_told_of_a_purged_one_goes_with_it(speaking: KnowledgeBase, tmp_path: Path) -> None:
    token = speaking.conversations.begin()
    asked(speaking, token, "加班費怎麼報支？", "須經主管核准[加班.txt]。")
    speaking.remove(["oncall.md"])
    with qianxun.open(speaking.directory, overrides=[*speaking._overrides, "answer.passages=1"]) as narrow:
        asked(narrow, token, "住宿限额是多少？", "如前所述，須經主管核准。")
        other = narrow.conversations.begin()
        asked(narrow, other, "住宿限额是多少？", "每晚 650 元[差旅.md]。")
        receipt = narrow.remove(["加班.txt"], purge=True)
        assert receipt.answers == 2
        assert [turn.state for turn in narrow.conversations.get(token).turns] == ["removed", "removed"]
        assert [turn.state for turn in narrow.conversations.get(other).turns] == ["done"]


def test_an_answer_rests_on_what_its_writer_was_told_of_before(speaking: KnowledgeBase) -> None:
    token = speaking.conversations.begin()
    asked(speaking, token, "加班費怎麼報支？", "須經主管核准[加班.txt]。")
    with qianxun.open(speaking.directory, overrides=[*speaking._overrides, "answer.passages=1"]) as narrow:
        asked(narrow, token, "上海的住宿限额是多少？", "每晚住宿限额为 650 元[差旅.md]。如前所述須經主管核准。")
    public = speaking.conversations.get(token, asker=Asker.of("public")).turns[1]
    assert public.answer is not None
    assert not public.whole
    assert public.answer.text == f"每晚住宿限额为 650 元[1]。{GONE['zh']}"
    assert speaking.conversations.get(token).turns[1].whole


# -- streams that go on ----------------------------------------------------------------------------------


def test_an_answer_is_read_on_after_any_place_as_if_nothing_had_broken(speaking: KnowledgeBase) -> None:
    question = "住宿限额、加班費和 on-call？"

    async def scene() -> tuple[list[Told], list[list[Told]], int]:
        Speaker.pieces = cut(SPOKEN)
        Speaker.wait, Speaker.wait_after = asyncio.Event(), len(Speaker.pieces) - 1
        talks, kept = speaking.conversations, speaking.conversations._file.opened()
        token = talks.begin()
        whole: list[Told] = []

        async def listen() -> None:
            async for told in talks.stream(token, question):
                whole.append(told)

        listening = asyncio.create_task(listen())
        await until(lambda: Speaker.said == Speaker.wait_after)
        await until(lambda: len(kept.said(token, "", 1)[1]) >= 12)
        n, n_kept = len(whole), len(kept.said(token, "", 1)[1])
        rests: list[list[Told]] = [[] for _ in range(n + 1)]

        async def read_on(after: int) -> None:
            async for told in talks.resume(token, 1, after=after):
                rests[after].append(told)

        readers = [asyncio.create_task(read_on(after)) for after in range(n + 1)]
        await until(lambda: all(rests[after] and rests[after][-1].place >= n_kept for after in range(n_kept)))
        Speaker.wait.set()
        await asyncio.gather(listening, *readers)
        rests += [await told_of(talks.resume(token, 1, after=after)) for after in range(len(whole))]
        assert await told_of(talks.resume(token, 1, after=len(whole))) == [], "who has seen the end has seen all"
        return whole, rests, n_kept

    whole, rests, n_kept = asyncio.run(scene())
    assert [one.place for one in whole] == list(range(1, len(whole) + 1))
    assert isinstance(whole[0].event, Shown)
    n_running = len(rests) - len(whole)
    for after, rest in enumerate(rests[:n_running]):
        assert [one.place for one in rest[:-1]] == list(range(after + 1, after + len(rest)))
        for one, other in zip(whole[after:], rest[:-1], strict=False):
            assert type(one.event) is type(other.event)
            if isinstance(one.event, Text | Mark | Checked):
                assert event_shape(other.event) == event_shape(one.event)
        assert len(rest) > 1 or after >= n_kept, "what was said before is told again, not only the end"
    for n, rest in enumerate(rests):
        after = n if n < n_running else n - n_running
        assert shown([*whole[:after], *rest]) == shown(whole) == SPOKEN
        assert isinstance(rest[-1].event, Done)
        assert rest[-1].place == len(whole), "the end has one place, however it is heard of"


@pytest.mark.parametrize("question", ["去上海出差，住宿限額是多少？", "On-call 多久要回？", "恐龙什么时候灭绝？"])
def test_the_end_of_an_answer_without_a_model_has_one_place(base: KnowledgeBase, question: str) -> None:
    async def scene() -> None:
        talks = base.conversations
        token = talks.begin()
        heard = await told_of(talks.stream(token, question))
        assert isinstance(heard[-1].event, Done)
        for after in range(len(heard)):
            (end,) = await told_of(talks.resume(token, 1, after=after))
            assert isinstance(end.event, Done)
            assert end.place == heard[-1].place
        assert await told_of(talks.resume(token, 1, after=len(heard))) == []

    asyncio.run(scene())


def test_who_stops_listening_does_not_stop_the_answer(speaking: KnowledgeBase) -> None:
    async def scene() -> str:
        Speaker.pieces = cut(SPOKEN)
        talks = speaking.conversations
        token = talks.begin()
        async for _ in talks.stream(token, "住宿限额？"):
            break
        await talks.finished()
        return token

    token = asyncio.run(scene())
    (turn,) = speaking.conversations.get(token).turns
    assert turn.state == "done"
    assert turn.answer is not None
    assert turn.answer.text == SPOKEN


def test_an_event_loop_that_ends_leaves_no_turn_running(speaking: KnowledgeBase) -> None:
    async def scene() -> str:
        Speaker.pieces, Speaker.wait, Speaker.wait_after = cut(SPOKEN), asyncio.Event(), 9
        talks = speaking.conversations
        token = talks.begin()
        async for _ in talks.stream(token, "住宿限额？"):
            break
        return token

    token = asyncio.run(scene())
    assert [turn.state for turn in speaking.conversations.get(token).turns] == ["failed"]


def test_an_answer_is_cancelled_from_another_process(speaking: KnowledgeBase) -> None:
    async def scene() -> tuple[str, list[Told]]:
        Speaker.pieces, Speaker.wait, Speaker.wait_after = cut(SPOKEN), asyncio.Event(), 9
        talks = speaking.conversations
        token = talks.begin()
        told: list[Told] = []
        async for one in talks.stream(token, "住宿限额？"):
            told.append(one)
            if len(told) == 3:
                code = (
                    "import sys, qianxun\nwith qianxun.open(sys.argv[1]) as kb: kb.conversations.cancel(sys.argv[2], 1)"
                )
                line = [sys.executable, "-c", code, str(speaking.directory), token]
                await asyncio.to_thread(subprocess.run, line, check=True, timeout=60)
        return token, told

    token, told = asyncio.run(scene())
    (turn,) = speaking.conversations.get(token).turns
    assert turn.state == "stopped"
    assert turn.answer is not None
    assert "去上海出差" in turn.answer.text
    assert "15 minutes" not in turn.answer.text
    assert isinstance(told[-1].event, Done)
    with pytest.raises(InputError, match="not running"):
        speaking.conversations.cancel(token, 1)


def test_a_turn_whose_writer_is_gone_ends_as_failed(speaking: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    talks = speaking.conversations
    token = talks.begin()
    kept = talks._file.opened()
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    kept.ask(token, "", "问", now=long_ago)
    kept.say(token, "", 1, [{"event": "text", "text": "半"}], now=long_ago)
    monkeypatch.setattr("qianxun.answering.telling._SETTLE_SECONDS", 0.0)
    told = asyncio.run(told_of(talks.resume(token, 1)))
    assert [one.event for one in told] == [Text("半"), Ended("failed")]
    assert [one.place for one in told] == [1, 2]
    kept.ask(token, "", "又问", now=long_ago)
    assert [turn.state for turn in talks.get(token).turns] == ["failed", "failed"]


def test_a_process_that_is_killed_leaves_a_question_and_no_answer(speaking: KnowledgeBase) -> None:
    """The writer is another process; what it said until it was killed can be read, then that it failed."""
    token = speaking.conversations.begin()
    code = (
        "import asyncio, sys, qianxun\n"
        "sys.path.insert(0, sys.argv[3])\n"
        "from qianxun import assemble\n"
        "import test_conversations as t\n"
        "assemble.BUILT_IN['generators']['speaker'] = 'test_conversations:Speaker'\n"
        "async def main():\n"
        "    t.Speaker.pieces, t.Speaker.wait, t.Speaker.wait_after = t.cut(t.SPOKEN), asyncio.Event(), 12\n"
        "    with qianxun.open(sys.argv[1], overrides=sys.argv[4:]) as kb:\n"
        "        async for told in kb.conversations.stream(sys.argv[2], '住宿限额？'): pass\n"
        "asyncio.run(main())\n"
    )
    line = [sys.executable, "-c", code, str(speaking.directory), token, str(Path(__file__).parent)]
    process = subprocess.Popen([*line, *speaking._overrides])
    kept = speaking.conversations._file.opened()

    async def scene() -> list[Told]:
        told: list[Told] = []
        while not speaking.conversations.get(token).turns:
            assert process.poll() is None
            await asyncio.sleep(0.05)
        async for one in speaking.conversations.resume(token, 1):
            told.append(one)
            if len(told) == 5:
                process.kill()
                process.wait()
                kept.settle(datetime.now(UTC) + timedelta(minutes=1))
        return told

    told = asyncio.run(scene())
    assert isinstance(told[0].event, Shown)
    assert SPOKEN.startswith(shown(told[:5]))
    assert told[-1].event == Ended("failed")


def test_what_is_purged_while_an_answer_is_written_ends_it(speaking: KnowledgeBase, tmp_path: Path) -> None:
    async def scene(token: str) -> list[Told]:
        Speaker.pieces, Speaker.wait, Speaker.wait_after = cut(SPOKEN), asyncio.Event(), 9
        told: list[Told] = []
        async for one in speaking.conversations.stream(token, "住宿限额？"):
            told.append(one)
            if len(told) == 3:
                await asyncio.to_thread(speaking.remove, ["差旅.md"], purge=True)
                Speaker.wait.set()
        return told

    token = speaking.conversations.begin()
    told = asyncio.run(scene(token))
    assert told[-1].event == Ended("removed")
    (turn,) = speaking.conversations.get(token).turns
    assert (turn.state, turn.answer) == ("removed", None)
    assert [one.event for one in asyncio.run(told_of(speaking.conversations.resume(token, 1)))] == [Ended("removed")]
    assert speaking.check().ok


def test_a_running_answer_is_read_by_nobody_who_may_not_read_its_sources(speaking: KnowledgeBase) -> None:
    async def scene() -> list[Told]:
        Speaker.pieces = cut("須經主管核准。" * 5)
        Speaker.wait, Speaker.wait_after = asyncio.Event(), 10
        talks = speaking.conversations
        token = talks.begin()
        listening = asyncio.create_task(told_of(talks.stream(token, "加班費怎麼報支？")))
        kept = talks._file.opened()
        await until(lambda: Speaker.said == 10)
        await until(lambda: "主管" in str(kept.said(token, "", 1)))
        told: list[Told] = []

        async def read() -> None:
            async for one in talks.resume(token, 1, asker=Asker.of("public")):
                told.append(one)

        reading = asyncio.create_task(read())
        await until(lambda: bool(told))
        Speaker.wait.set()
        await asyncio.gather(listening, reading)
        return told

    told = asyncio.run(scene())
    assert [type(one.event) for one in told] == [Withdrawn, Done]
    assert "主管" not in str(told)


def test_a_conversation_deleted_while_an_answer_is_written_stays_deleted(speaking: KnowledgeBase) -> None:
    async def scene(token: str) -> list[Told]:
        Speaker.pieces, Speaker.wait, Speaker.wait_after = cut(SPOKEN), asyncio.Event(), 9
        told: list[Told] = []
        async for one in speaking.conversations.stream(token, "住宿限额？"):
            told.append(one)
            if len(told) == 3:
                speaking.conversations.delete(token)
        return told

    token = speaking.conversations.begin()
    assert asyncio.run(scene(token))[-1].event == Ended("removed")  # and the model was stopped, without being let on
    with pytest.raises(NotFound):
        speaking.conversations.get(token)


def test_a_model_that_fails_is_done_without(speaking: KnowledgeBase) -> None:
    Speaker.pieces, Speaker.fails = cut("去上海出差，每晚住宿限额为 "), True
    token = speaking.conversations.begin()
    answer = speaking.conversations.ask(token, "去上海出差每晚的住宿限额？")
    assert "650" in answer.text
    assert answer.degraded
    (turn,) = speaking.conversations.get(token).turns
    assert turn.answer is not None
    assert (turn.answer.text, turn.answer.degraded) == (answer.text, ("generator",))


def test_of_what_documents_say_nothing_is_kept_for_a_moment(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long an answer waits after its last piece, which is no model's own where it quotes."""
    answer, kept, token = base.ask("加班費怎麼報支？"), base.conversations._file.opened(), base.conversations.begin()
    monkeypatch.setattr("qianxun.answering.telling._KEEP_SECONDS", 0.001)
    monkeypatch.setattr("qianxun.answering.telling._HEARD_SECONDS", 0.0)
    heard: list[object] = []
    say = kept.say
    monkeypatch.setattr(kept, "say", lambda *given: (heard.append(given), say(*given))[1])

    async def events() -> AsyncIterator[AnswerEvent]:
        yield Shown(answer.passages)
        yield Text(answer.text)
        await until(lambda: len(heard) >= 5)
        assert [event["event"] for _, event in kept.said(token, "", 1)[1]] == ["shown"]
        yield Done(answer)

    async def scene() -> None:
        telling = Telling(kept, base._store, token, "", kept.ask(token, "", "问"), recalled=(), tell=told.append)
        await telling.run(events(), kept_of)

    told: list[Told] = []
    asyncio.run(scene())
    assert [type(one.event) for one in told] == [Shown, Text, Done]
    assert "主管".encode() not in bytes_of(home_directory(base.settings))


def test_what_was_removed_after_it_was_found_is_not_answered_from(base: KnowledgeBase) -> None:
    answer, kept, token = base.ask("加班費怎麼報支？"), base.conversations._file.opened(), base.conversations.begin()
    base.remove(["加班.txt"], purge=True)  # and this turn is not known yet to be written from it

    async def events() -> AsyncIterator[AnswerEvent]:
        yield Shown(answer.passages)
        yield Text("主管")
        yield Done(answer)

    async def scene() -> None:
        telling = Telling(kept, base._store, token, "", kept.ask(token, "", "问"), recalled=(), tell=told.append)
        await telling.run(events(), kept_of)

    told: list[Told] = []
    asyncio.run(scene())
    assert [one.event for one in told] == [Ended("removed")]
    assert kept.said(token, "", 1) == ("removed", [])


# -- deletion --------------------------------------------------------------------------------------------

CANARY = "紫晶海豚於午夜演奏手風琴"


@pytest.mark.parametrize("by", ["quoting", "a model"])
@pytest.mark.parametrize("question", ["深夜会发生什么事情？", "午夜演奏什么？"])
def test_purged_and_compacted_is_in_no_byte(
    base: KnowledgeBase, speaking: KnowledgeBase, tmp_path: Path, by: str, question: str
) -> None:
    home = home_directory(base.settings)
    opened = base if by == "quoting" else speaking
    opened.add_texts([TextItem("秘密.md", CANARY, f"# {CANARY}\n\n深夜会发生的事情：{CANARY}。\n")])
    token = opened.conversations.begin()
    for asked_ in (question, "那第二个呢？", "它为什么？"):
        Speaker.pieces = cut(f"深夜会发生的事情：{CANARY}[1]。")
        opened.conversations.ask(token, asked_)
    assert CANARY in opened.conversations.export(token)
    if by == "quoting":
        assert CANARY.encode() not in bytes_of(home), "of what is quoted nothing is kept, nor of titles and headings"
    receipt = opened.remove(["秘密.md"], purge=True)
    assert (receipt.answers, receipt.purge) == (3, True)
    opened.compact()
    left = bytes_of(home, opened.directory)
    for trace in (CANARY, "海豚", "手風琴", "手风琴"):
        assert trace.encode() not in left, trace
    assert opened.check().ok
    assert [turn.state for turn in opened.conversations.get(token).turns] == ["removed"] * 3


def test_a_heading_that_a_question_points_back_to_is_not_kept(base: KnowledgeBase) -> None:
    base.add_texts([TextItem("秘密.md", CANARY, "深夜会发生的事情：月亮升起。\n")])
    token = base.conversations.begin()
    base.conversations.ask(token, "深夜会发生什么事情？")
    answer = base.conversations.ask(token, "第一个呢？")
    assert CANARY in answer.searched
    assert CANARY.encode() not in bytes_of(home_directory(base.settings))


def test_without_purge_quotes_are_gone_and_what_a_model_wrote_is_counted(
    base: KnowledgeBase, speaking: KnowledgeBase, tmp_path: Path
) -> None:
    token = base.conversations.begin()
    base.conversations.ask(token, "加班費怎麼報支？")
    receipt = base.remove(["加班.txt"])
    assert (receipt.answers, receipt.purge) == (1, False)
    base.compact()
    assert "主管".encode() not in bytes_of(home_directory(base.settings), base.directory)
    (turn,) = base.conversations.get(token).turns
    assert turn.state == "done"
    assert not turn.whole
    asked(speaking, token, "去上海的住宿限额？", "每晚住宿限额为 650 元[差旅.md]。")
    assert speaking.remove(["差旅.md"]).answers == 2, "the other was shown it, too"
    speaking.compact()
    assert b"650" in (home_directory(base.settings) / FILE_NAME).read_bytes(), "as docs/conversations.md says"
    assert speaking.check().ok


def test_a_deleted_conversation_is_in_no_byte_after_compact(base: KnowledgeBase) -> None:
    token = base.conversations.begin(title=CANARY)
    base.conversations.ask(token, f"{CANARY}是什么？")
    base.conversations.delete(token)
    base.compact()
    assert CANARY.encode() not in bytes_of(home_directory(base.settings))


# -- forms -----------------------------------------------------------------------------------------------


def test_an_export_holds_questions_answers_and_sources(base: KnowledgeBase, tmp_path: Path) -> None:
    base.remove(["差旅.md"])
    (tmp_path / "差旅.md").write_text(DOCUMENTS["差旅.md"][1], encoding="utf-8")
    base.add([tmp_path / "差旅.md"])
    token = base.conversations.begin(title="出差")
    base.conversations.ask(token, "去上海出差每晚的\n住宿限额是多少？")
    text = base.conversations.export(token)
    assert text.startswith("# 出差\n\nBegun 2")
    assert "\n## 1. 去上海出差每晚的 住宿限额是多少？\n\n去上海出差，每晚住宿限额为 650 元。[1]" in text
    assert "\n> [1] 差旅标准 · 住宿限额 (" in text
    shape = json.loads(base.conversations.export(token, "json"))
    assert shape == json.loads(json.dumps(conversation_shape(base.conversations.get(token))))
    assert shape["turns"][0]["answer"]["citations"][0]["quote"] == "去上海出差，每晚住宿限额为 650 元。"


def test_events_have_a_form_in_json(speaking: KnowledgeBase) -> None:
    async def scene() -> list[Told]:
        Speaker.pieces = cut(SPOKEN)
        return await told_of(speaking.conversations.stream(speaking.conversations.begin(), "住宿限额？"))

    shapes: list[dict[str, Any]] = [json.loads(json.dumps(told_shape(one))) for one in asyncio.run(scene())]
    assert {shape["event"] for shape in shapes} == {"shown", "text", "mark", "checked", "done"}
    assert [shape["place"] for shape in shapes] == list(range(1, len(shapes) + 1))
    assert {shape["turn"] for shape in shapes} == {1}
    assert event_shape(Ended("removed")) == {"event": "removed"}
