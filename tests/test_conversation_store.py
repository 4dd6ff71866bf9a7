"""What is kept of conversations: whose they are, what is deleted, and no text of documents."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qianxun.errors import InputError, NewerVersion, NotFound
from qianxun.records import Span, chunk_id
from qianxun.storage.conversation_steps import ROOM, STEPS
from qianxun.storage.conversations import (
    MAX_SETTINGS_BYTES,
    Conversations,
    KeptAnswer,
    KeptCitation,
    KeptPassage,
    KeptStatement,
)
from qianxun.storage.service import FILE_NAME, migrate, open_service

BASE = "/知识库/人事"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def kept(tmp_path: Path) -> Conversations:
    return Conversations(open_service(tmp_path), BASE)


def answer_from(*documents: int, text: str = "年假有十天。") -> KeptAnswer:
    return KeptAnswer(
        text=f"{text}[1]",
        searched="年假有几天",
        verdict="answered",
        statements=(
            KeptStatement(text, Span(0, 9), (1,), "supported", None),
            KeptStatement("", Span(9, 20), (1, 2), "weak", "words"),
        ),
        citations=(KeptCitation(0, 1, Span(3, 9), "supported"), KeptCitation(1, 1, Span(10, 20), "weak")),
        passages=tuple(KeptPassage(chunk_id(document, 4), Span(0, 30)) for document in documents),
        facts={"models": {"answer": "千问"}, "notes": ["引用已核对"]},
    )


def answered(kept: Conversations, token: str, owner: str, question: str, answer: KeptAnswer) -> int:
    turn = kept.ask(token, owner, question)
    kept.finish(token, owner, turn, "done", answer)
    return turn


def test_a_conversation_is_read_as_it_was_kept(kept: Conversations) -> None:
    token = kept.begin("amy", profile="法务", now=NOON)
    first = kept.ask(token, "amy", "  年假\n有几天？ ", now=NOON + timedelta(minutes=1))
    kept.finish(token, "amy", first, "done", answer_from(3, 5))
    second = kept.ask(token, "amy", "那病假呢？", now=NOON + timedelta(minutes=2))
    one, other = kept.turns(token, "amy")
    assert (one.turn, one.state, one.question) == (1, "done", "  年假\n有几天？ ")
    assert one.answer == answer_from(3, 5)
    assert (other.turn, other.state, other.answer) == (second, "running", None)
    (listed,) = kept.of("amy")
    assert (listed.title, listed.profile, listed.turns) == ("年假 有几天？", "法务", 2)
    assert (listed.begun, listed.changed) == ("2026-11-22T12:00:00.000000Z", "2026-11-22T12:02:00.000000Z")
    assert [turn.turn for turn in kept.turns(token, "amy", last=1)] == [2]
    assert kept.turns(token, "amy", last=1)[0].answer is None


def test_the_newest_stands_first_and_titles_are_bounded(kept: Conversations) -> None:
    tokens = [kept.begin("amy", title=f"{n}", now=NOON + timedelta(hours=n)) for n in range(3)]
    assert [one.title for one in kept.of("amy")] == ["2", "1", "0"]
    kept.ask(tokens[0], "amy", "x", now=NOON + timedelta(hours=9))
    assert [one.title for one in kept.of("amy")] == ["0", "2", "1"]
    assert [one.title for one in kept.of("amy", first=1, count=1)] == ["2"]
    kept.rename(tokens[1], "amy", "長" * 500)
    assert len(kept.get(tokens[1], "amy").title) == 200


@pytest.mark.parametrize("owner", ["", "bob", "AMY"])
def test_nobody_else_sees_that_there_is_one(kept: Conversations, owner: str) -> None:
    token = kept.begin("amy")
    turn = kept.ask(token, "amy", "问")
    tries = [
        lambda: kept.get(token, owner),
        lambda: kept.turns(token, owner),
        lambda: kept.ask(token, owner, "问"),
        lambda: kept.rename(token, owner, "我的"),
        lambda: kept.summarise(token, owner, "我的", 1),
        lambda: kept.settings(token, owner),
        lambda: kept.keep_settings(token, owner, {"persona": "我的"}),
        lambda: kept.delete(token, owner),
        lambda: kept.show(token, owner, turn, []),
        lambda: kept.say(token, owner, turn, [{}]),
        lambda: kept.said(token, owner, turn),
        lambda: kept.finish(token, owner, turn, "stopped"),
    ]
    for one in tries:
        with pytest.raises(NotFound, match=token):
            one()
    assert kept.of(owner) == []
    assert kept.get(token, "amy").turns == 1
    assert kept.settings(token, "amy") == {}


def test_conversations_are_those_of_one_knowledge_base(kept: Conversations, tmp_path: Path) -> None:
    token = kept.begin("amy")
    answered(kept, token, "amy", "问", answer_from(3))
    other = Conversations(open_service(tmp_path), "/知识库/别的")
    assert other.of("amy") == []
    assert other.citing([3]) == other.forget([3]) == 0
    with pytest.raises(NotFound):
        other.turns(token, "amy")
    assert other.erase("amy") == 1, "who wants to be forgotten is forgotten everywhere"
    assert kept.of("amy") == []


def test_what_is_being_said_can_be_read_on_from_where_it_broke_off(kept: Conversations, tmp_path: Path) -> None:
    token = kept.begin("amy")
    turn = kept.ask(token, "amy", "问")
    kept.say(token, "amy", turn, [{"text": "年假"}, {"text": "有"}])
    reader = Conversations(open_service(tmp_path), BASE)
    assert reader.said(token, "amy", turn) == ("running", [(1, {"text": "年假"}), (2, {"text": "有"})])
    kept.say(token, "amy", turn, [{"text": "十天。"}])
    assert reader.said(token, "amy", turn, after=2) == ("running", [(3, {"text": "十天。"})])
    kept.finish(token, "amy", turn, "done", answer_from(3))
    assert reader.said(token, "amy", turn, after=2) == ("done", [])
    with pytest.raises(NotFound, match="no turn 9"):
        reader.said(token, "amy", 9)
    with pytest.raises(InputError, match="not running"):
        kept.finish(token, "amy", turn, "failed")


def test_answers_go_with_what_they_were_written_from_and_questions_stay(kept: Conversations) -> None:
    token = kept.begin("amy")
    for question, documents in (("一", (3, 5)), ("二", (5,)), ("三", (7,))):
        answered(kept, token, "amy", question, answer_from(*documents))
    running = kept.ask(token, "amy", "四")
    kept.show(token, "amy", running, [KeptPassage(chunk_id(5, 0), Span(0, 30))])
    kept.say(token, "amy", running, [{"text": "秘密"}])
    kept.summarise(token, "amy", "前两问的要点", 2)
    assert kept.citing([3]) == 1
    assert kept.citing([3, 5, 99]) == 3
    assert kept.documents() == {3, 5, 7}
    assert kept.forget([3]) == 1
    assert kept.summary(token, "amy") == ("", 0), "it was summed up, too"
    assert kept.forget([5]) == 2
    assert [turn.state for turn in kept.turns(token, "amy")] == ["removed", "removed", "done", "removed"]
    assert [turn.answer is None for turn in kept.turns(token, "amy")] == [True, True, False, True]
    assert [turn.question for turn in kept.turns(token, "amy")] == ["一", "二", "三", "四"]
    assert kept.said(token, "amy", running) == ("removed", [])
    with pytest.raises(InputError, match="not running"):  # what was taken out does not come back
        kept.finish(token, "amy", running, "done", answer_from(5))


def test_a_summary_of_what_came_before_stays(kept: Conversations) -> None:
    token = kept.begin("amy")
    for question, document in (("一", 3), ("二", 5)):
        answered(kept, token, "amy", question, answer_from(document))
    kept.summarise(token, "amy", "第一问的要点", 1)
    kept.forget([5])
    assert kept.summary(token, "amy") == ("第一问的要点", 1)


def test_what_is_deleted_is_in_no_byte_of_the_file(kept: Conversations, tmp_path: Path) -> None:
    token, other = kept.begin("amy", settings={"instructions": "請簡短。CANARY-4711"}), kept.begin("amy")
    kept.keep_settings(token, "amy", {"filter": "title ~ CANARY-4711"})
    for one in (token, other):
        answered(kept, one, "amy", "問：CANARY-question-4711?", answer_from(3, text="CANARY-answer-4711。"))
    kept.say(token, "amy", kept.ask(token, "amy", "x"), [{"text": "CANARY-event-4711"}])
    kept.delete(token, "amy")
    kept.delete(other, "amy")
    kept.compact()
    kept.close()
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        assert b"4711" not in path.read_bytes(), path.name


def test_what_is_older_than_the_retention_goes(tmp_path: Path) -> None:
    kept = Conversations(open_service(tmp_path), BASE, retention_days=30)
    old = kept.begin("amy", now=NOON)
    talked = kept.begin("amy", now=NOON)
    kept.ask(talked, "amy", "x", now=NOON + timedelta(days=20))
    new = kept.begin("bob", now=NOON + timedelta(days=31))
    assert [one.token for one in kept.of("amy")] == [talked]
    assert kept.expire(NOON + timedelta(days=51)) == 1
    assert kept.get(new, "bob")
    with pytest.raises(NotFound):
        kept.get(old, "amy")
    forever = Conversations(open_service(tmp_path), BASE)
    assert forever.expire(NOON + timedelta(days=9999)) == 0


def test_one_object_sees_what_another_wrote(kept: Conversations, tmp_path: Path) -> None:
    token = kept.begin("amy")
    other = Conversations(open_service(tmp_path), BASE)
    numbers = [one.ask(token, "amy", f"{n}") for n, one in enumerate([kept, other, kept, other])]
    assert numbers == [1, 2, 3, 4]


def test_a_file_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    Conversations(database, BASE)
    with database.transaction() as db:
        db.execute("UPDATE rooms SET version = 99 WHERE name = 'conversations'")
    with pytest.raises(NewerVersion, match="conversations"):
        Conversations(open_service(tmp_path), BASE)


# -- running turns ---------------------------------------------------------------------------------------


def test_what_is_taken_out_is_not_added_to(kept: Conversations) -> None:
    token = kept.begin("amy")
    turn = kept.ask(token, "amy", "问")
    kept.show(token, "amy", turn, [KeptPassage(chunk_id(3, 0), Span(0, 9))])
    assert kept.forget([3]) == 1
    for late in (
        lambda: kept.say(token, "amy", turn, [{"text": "秘密"}]),
        lambda: kept.show(token, "amy", turn, [KeptPassage(chunk_id(3, 0), Span(0, 9))]),
        lambda: kept.stop(token, "amy", turn),
    ):
        with pytest.raises(InputError, match="not running"):
            late()
    assert kept.said(token, "amy", turn) == ("removed", [])
    assert kept.documents() == set()
    with pytest.raises(NotFound, match="no turn 9"):
        kept.stop(token, "amy", 9)


def test_a_writer_hears_that_it_is_to_stop(kept: Conversations, tmp_path: Path) -> None:
    token = kept.begin("amy")
    turn = kept.ask(token, "amy", "问")
    assert not kept.say(token, "amy", turn, [])
    Conversations(open_service(tmp_path), BASE).stop(token, "amy", turn)
    assert kept.say(token, "amy", turn, [{"text": "半"}])
    kept.finish(token, "amy", turn, "stopped", answer_from(3))
    assert kept.turns(token, "amy")[0].state == "stopped"


def test_turns_that_lost_their_writer_are_given_up(kept: Conversations) -> None:
    token = kept.begin("amy")
    lost, heard = kept.ask(token, "amy", "一", now=NOON), kept.ask(token, "amy", "二", now=NOON)
    kept.show(token, "amy", lost, [KeptPassage(chunk_id(3, 0), Span(0, 9))], recalled=[7])
    kept.say(token, "amy", lost, [{"text": "半"}], now=NOON + timedelta(seconds=1))
    kept.say(token, "amy", heard, [], now=NOON + timedelta(seconds=40))
    assert kept.settle(NOON + timedelta(seconds=20)) == 0
    assert kept.settle(NOON + timedelta(seconds=45)) == 1
    assert [turn.state for turn in kept.turns(token, "amy")] == ["failed", "running"]
    assert kept.said(token, "amy", lost) == ("failed", [])
    assert kept.citing([3, 7]) == 0
    assert kept.inconsistencies() == (0, [])


def test_an_answer_goes_with_what_its_writer_recalled(kept: Conversations) -> None:
    token = kept.begin("amy")
    answered(kept, token, "amy", "一", replace(answer_from(3), recalled=(7, 9)))
    assert kept.turns(token, "amy")[0].answer == replace(answer_from(3), recalled=(7, 9))
    assert kept.documents() == {3, 7, 9}
    assert kept.citing([9]) == kept.forget([9]) == 1
    assert kept.turns(token, "amy")[0].answer is None


def test_a_summary_comes_from_answers_that_are_there(kept: Conversations) -> None:
    token = kept.begin("amy")
    for question, document in (("一", 3), ("二", 5)):
        answered(kept, token, "amy", question, answer_from(document))
    kept.summarise(token, "amy", "要点", 2, answers=[1, 2])
    kept.forget_summaries([99])
    assert kept.summary(token, "amy") == ("要点", 2)
    kept.forget_summaries([5])
    assert kept.summary(token, "amy") == ("", 0)
    assert kept.turns(token, "amy")[1].answer is not None, "only what was summed up"
    kept.forget([3])
    with pytest.raises(InputError, match="turn 1 is not there"):
        kept.summarise(token, "amy", "要点", 2, answers=[1, 2])


def test_what_belongs_to_no_answer_is_named(kept: Conversations, tmp_path: Path) -> None:
    token = kept.begin("amy")
    answered(kept, token, "amy", "一", answer_from(3))
    assert kept.inconsistencies() == (1, [])
    with open_service(tmp_path).transaction() as db:
        db.execute("UPDATE conversation_turns SET verdict = ''")
    assert kept.inconsistencies() == (0, ["passages of no answer: 1", "citations of no answer: 2"])


def test_tokens_are_found_by_their_beginnings(kept: Conversations) -> None:
    token = kept.begin("amy")
    assert kept.tokens(token[:5], "amy") == [token]
    assert kept.tokens(token, "bob") == kept.tokens("%", "amy") == []


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    old = open_service(tmp_path)
    migrate(old, ROOM, STEPS[:1])
    kept = Conversations(open_service(tmp_path), BASE)
    token = kept.begin("amy")
    answered(kept, token, "amy", "一", answer_from(3))
    assert kept.turns(token, "amy")[0].state == "done"


def test_for_a_conversation_of_an_older_file_nothing_is_set_until_something_is(tmp_path: Path) -> None:
    old = open_service(tmp_path)
    migrate(old, ROOM, STEPS[:2])
    at = "2026-11-20T12:00:00.000000Z"
    with old.transaction() as db:
        db.execute(
            "INSERT INTO conversations (token, base, owner, title, profile, begun, changed) "
            "VALUES (?, ?, 'amy', '舊的', '', ?, ?)",
            ("0" * 32, BASE, at, at),
        )
    old.close()
    kept = Conversations(open_service(tmp_path), BASE)
    assert kept.get("0" * 32, "amy").title == "舊的"
    assert kept.settings("0" * 32, "amy") == {}
    kept.keep_settings("0" * 32, "amy", {"persona": "法務"})
    assert kept.settings("0" * 32, "amy") == {"persona": "法務"}


def test_what_a_client_sets_is_kept_as_it_was_given_until_something_else_is(kept: Conversations) -> None:
    given = {
        "persona": "法务",
        "filter": 'label = "hr"',
        "deep": 3,
        "nested": {"b": [1.5, None, True, "é\x00"]},
        "": "",
    }
    token, other = kept.begin("amy", settings=given, now=NOON), kept.begin("amy", now=NOON)
    assert kept.settings(token, "amy") == given
    assert list(kept.settings(token, "amy")) == list(given)
    assert kept.settings(other, "amy") == {}
    kept.keep_settings(token, "amy", {"deep": 0})
    assert kept.settings(token, "amy") == {"deep": 0}
    assert kept.get(token, "amy").changed == "2026-11-22T12:00:00.000000Z", "nothing was said"
    kept.keep_settings(token, "amy", {})
    assert kept.settings(token, "amy") == {}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"在": value}
    return value


@pytest.mark.parametrize(
    "given",
    [
        {"說明": "長" * 6000},  # of three bytes each
        {"n": float("nan")},
        {"n": float("inf")},
        {"half": "\ud800"},
        {"set": {1, 2}},
        {("a", "b"): 1},
        nested(17),
        nested(100_000),
        ["persona"],
        None,
        7,
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_set_is_a_small_object_of_json(kept: Conversations, given: Any) -> None:
    token = kept.begin("amy", settings={"deep": 2})
    with pytest.raises(InputError, match="a JSON object of at most 16,384 bytes, nested at most 16 deep"):
        kept.keep_settings(token, "amy", given)
    assert kept.settings(token, "amy") == {"deep": 2}
    if given is not None:
        with pytest.raises(InputError, match="a JSON object"):
            kept.begin("amy", settings=given)
    assert len(kept.of("amy")) == 1


def test_what_is_set_may_be_as_large_as_is_said(kept: Conversations) -> None:
    token = kept.begin("amy")
    most = {"x": "長" * ((MAX_SETTINGS_BYTES - len('{"x":""}')) // 3)}
    kept.keep_settings(token, "amy", most)
    assert kept.settings(token, "amy") == most
    kept.keep_settings(token, "amy", nested(16))
    with pytest.raises(InputError):
        kept.keep_settings(token, "amy", {"x": f"{most['x']}長"})
    assert kept.settings(token, "amy") == nested(16)
