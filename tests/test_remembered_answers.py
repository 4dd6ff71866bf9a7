"""Answers given before: the same while nothing changed, and gone with a document, a right, a setting."""

import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from test_caches import running

import qianxun
from qianxun import TextItem, assemble
from qianxun.answering.events import Done, Shown, Text
from qianxun.answering.remembered import is_worth_keeping
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Message
from qianxun.records import Answer, Asker
from qianxun.settings import load_settings, merged
from qianxun.shapes import answer_shape

SECRETS = {"甲": "kappa", "乙": "lambda", "丙": "omega"}  # no digits: times and scores have them
TEXTS = {name: f"{name}方的门禁密码是 {code}，请勿外传。" for name, code in SECRETS.items()}
QUESTION = "门禁密码是多少？"


class Copying:
    """A model that says all that it reads, and counts how often it was asked."""

    name, context_tokens = "copying", 6000

    def __init__(self) -> None:
        self.n_asked = 0

    async def stream(self, messages: Sequence[Message], **_: Any) -> AsyncIterator[Delta]:
        self.n_asked += 1
        for number, text in re.findall(r"^\[(\d+)\][^\[]*?(.方的门禁密码是 [a-z]+)", messages[-1].content, re.M):
            yield Delta(f"{text}[{number}]。")
        yield Delta(finish_reason="stop", usage=(1, 1))

    def count_tokens(self, text: str) -> int:
        return len(text)


def opened(folder: Path, model: Copying, **settings: Any) -> KnowledgeBase:
    values = {"answer": {"hopeless": 0.0, **settings}}
    base = qianxun.open(folder, settings=merged(load_settings(environ={}), values, "test"))
    base._made["generator"] = model
    return base


@pytest.fixture
def base(tmp_path: Path) -> Iterator[tuple[KnowledgeBase, Copying]]:
    model = Copying()
    with opened(tmp_path / "kb", model) as kb:
        for name, text in TEXTS.items():
            kb.add_texts([TextItem(name, name, text)], labels=[name, "all"])
        yield kb, model


def without_times(answer: Answer) -> dict[str, Any]:
    shape = answer_shape(answer)
    for passage in shape["passages"]:
        del passage["stages"], passage["matched"], passage["contributions"], passage["relevant"]
    return {key: value for key, value in shape.items() if key not in ("seconds", "stages", "cached")}


def test_the_same_question_costs_nothing_twice(base: tuple[KnowledgeBase, Copying]) -> None:
    kb, model = base
    first, again = kb.ask(QUESTION), kb.ask(QUESTION)
    assert (first.cached, again.cached, model.n_asked) == (False, True, 1)
    assert len(first.statements) == 3
    assert without_times(first) == without_times(again)


@pytest.mark.parametrize(
    "other",
    [
        {"asker": Asker.of("甲")},
        {"turns": ["门禁在哪里？"]},
        {"attachments": ["丁方的门禁密码是 9999"]},
        {"where": qianxun.parse_filter("source = 甲")},
    ],
)
def test_another_asker_or_filter_or_conversation_is_another_question(
    base: tuple[KnowledgeBase, Copying], other: dict[str, Any]
) -> None:
    kb, _ = base
    kb.ask(QUESTION)
    assert not kb.ask(QUESTION, **other).cached
    assert kb.ask(QUESTION, **other).cached


def test_other_settings_and_prompts_are_too(base: tuple[KnowledgeBase, Copying]) -> None:
    kb, _ = base
    kb.ask(QUESTION)
    folder = kb.directory / assemble.PROMPTS_FOLDER
    folder.mkdir()
    (folder / "answer.zh.txt").write_text("规则\n----\n{passages}\n{question}", encoding="utf-8")
    assert not kb.ask(QUESTION).cached
    assert kb.ask(QUESTION).cached
    with (kb.directory / "kb.toml").open("a", encoding="utf-8") as file:
        file.write("\n[answer]\npassages = 2\nhopeless = 0.0\n")
    kb._notice_change()
    kb._made["generator"] = Copying()
    assert not kb.ask(QUESTION).cached


def test_quotes_half_answers_and_a_models_own_are_not_kept(base: tuple[KnowledgeBase, Copying]) -> None:
    kb, _ = base
    answer = kb.ask(QUESTION)
    assert is_worth_keeping(answer)
    own = dataclasses.replace(answer.statements[0], own=True)
    for changed in (
        dataclasses.replace(answer, usage=None),
        dataclasses.replace(answer, finish_reason="cancelled"),
        dataclasses.replace(answer, degraded=("reranker: away",)),
        dataclasses.replace(answer, verdict="ungrounded"),
        dataclasses.replace(answer, statements=(own,)),
    ):
        assert not is_worth_keeping(changed)


def test_it_can_be_off(tmp_path: Path) -> None:
    model = Copying()
    with opened(tmp_path / "kb", model, cache=0) as kb:
        kb.add_texts([TextItem("甲", "甲", TEXTS["甲"])])
        assert [kb.ask(QUESTION).cached for _ in range(2)] == [False, False]


def test_it_streams_like_any_other(base: tuple[KnowledgeBase, Copying]) -> None:
    import asyncio

    kb, _ = base
    answer = kb.ask(QUESTION)

    async def told() -> list[Any]:
        return [event async for event in kb.stream(QUESTION)]

    shown, text, done = asyncio.run(told())
    assert isinstance(shown, Shown)
    assert text == Text(answer.text)
    assert isinstance(done, Done)
    assert done.answer.cached


ASKERS = {"admin": Asker.admin(), **{name: Asker.of(name) for name in SECRETS}, "all": Asker.of("all")}
OPERATIONS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(sorted(ASKERS))),
    st.tuples(st.just("ask"), st.sampled_from(sorted(ASKERS))),
    st.tuples(st.just("remove"), st.sampled_from(sorted(SECRETS))),
    st.tuples(st.just("add"), st.sampled_from(sorted(SECRETS))),
    st.tuples(st.just("lock"), st.sampled_from(sorted(SECRETS))),
    st.tuples(st.just("unlock"), st.sampled_from(sorted(SECRETS))),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "kb"
    with opened(folder, Copying()) as kb:
        for name, text in TEXTS.items():
            kb.add_texts([TextItem(name, name, text)], labels=[name, "all"])
    return folder


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations=st.lists(OPERATIONS, min_size=4, max_size=14))
def test_no_answer_survives_a_deletion_or_a_change_of_labels(
    operations: list[tuple[str, str]], prepared: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("property") / "kb"
    shutil.copytree(prepared, folder)
    there = {name: {name, "all"} for name in SECRETS}  # the labels of each document that is there
    with opened(folder, Copying()) as kb, opened(folder, Copying()) as other:
        for operation, what in operations:
            if operation == "ask":
                asker = ASKERS[what]
                answer = kb.ask(QUESTION, asker=asker)
                readable = {n for n, own in there.items() if asker.labels is None or own & asker.labels}
                shown = json.dumps(answer_shape(answer), ensure_ascii=False)
                assert {name for name, code in SECRETS.items() if code in shown} == readable
            elif operation == "add":
                other.add_texts([TextItem(what, what, TEXTS[what])], labels=[what, "all"])
                there[what] = {what, "all"}
            elif what in there and operation == "remove":
                other.remove([what])
                del there[what]
            elif what in there:
                change = {"remove" if operation == "lock" else "add": ["all", what]}
                other.label([what], **change)
                there[what] = set() if operation == "lock" else {what, "all"}
        # What is asked once more is the same as if nothing had been remembered.
        for asker in ASKERS.values():
            kb.ask(QUESTION, asker=asker)
            again, fresh = kb.ask(QUESTION, asker=asker), other.ask(QUESTION, asker=asker)
            assert without_times(again) == without_times(fresh)
            assert again.cached == is_worth_keeping(fresh)
    shutil.rmtree(folder)


@pytest.fixture
def shared_redis() -> Iterator[str]:
    """The address of a real Redis of our own, and nothing in it."""
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    with tempfile.TemporaryDirectory(prefix="qx") as place, running(program, Path(place)) as path:
        yield f"unix://{path}"


def everything_in(address: str) -> bytes:
    """All names and values that a Redis holds."""
    import redis

    with redis.Redis.from_url(address) as client:
        return b"\n".join(part for key in client.scan_iter() for part in (key, client.dump(key) or b""))


def test_processes_share_answers_which_nobody_can_read_after_a_removal(tmp_path: Path, shared_redis: str) -> None:
    model, other = Copying(), Copying()
    with (
        opened(tmp_path / "kb", model, cache_redis=shared_redis) as kb,
        opened(tmp_path / "kb", other, cache_redis=shared_redis) as elsewhere,
    ):
        for name, text in TEXTS.items():
            kb.add_texts([TextItem(name, name, text)], labels=[name, "all"])
        first, again = kb.ask(QUESTION), elsewhere.ask(QUESTION)
        assert (first.cached, again.cached, other.n_asked) == (False, True, 0)
        assert without_times(first) == without_times(again)
        held = everything_in(shared_redis)
        assert held
        assert not [secret for secret in SECRETS.values() if secret.encode() in held], "no word of a document"

        before = kb._store.secret()
        kb.remove(["甲"])
        assert kb._store.secret() != before, "what sealed the answers is gone"
        kb.compact()
        left = b"".join(path.read_bytes() for path in (tmp_path / "kb").rglob("*") if path.is_file())
        assert before.hex().encode() not in left
        later = elsewhere.ask(QUESTION)
        assert not later.cached
        assert SECRETS["甲"] not in later.text


def test_an_answer_that_was_being_made_when_a_document_went_is_not_kept(
    base: tuple[KnowledgeBase, Copying],
) -> None:
    kb, _ = base
    remembered = kb._asking._remembered
    assert remembered is not None
    key = remembered.key(Asker.admin(), "a question")
    answer = kb.ask(QUESTION)
    kb.remove(["乙"])
    remembered.keep(key, answer)
    assert remembered._found(key) is None
