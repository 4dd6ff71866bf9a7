"""The OpenAPI document tells the truth: Schemathesis tries every operation, and replies are what `shapes` makes.

`make test-fuzz` tries for longer.
"""

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from pydantic import BaseModel
from schemathesis.engine import events, from_schema
from service_fixtures import Served
from starlette.types import ASGIApp, Receive, Scope, Send

import qianxun
from qianxun import TextItem, shapes
from qianxun.service import replies
from qianxun.service.openapi import described
from qianxun.service.problems import STATUS, TITLES
from qianxun.storage.jobs import Jobs

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
)
CALLERS: dict[str, dict[str, Any]] = {
    "admin": {"admin": True},
    "key": {"labels": ["public"], "bases": ["wiki"], "actions": ["search", "ask", "read", "write", "feedback"]},
    "nobody": {},
}


class Lasting:
    """An application whose end is not that of each client: Schemathesis makes one for every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        for end in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{end}.complete"})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service with two documents, of which one is public, and a conversation of the key's."""
    one = Served(tmp_path_factory.mktemp("home"), ("service.anonymous_requests_per_minute=0",))
    with one.base("wiki") as kb:
        kb.add_texts([TextItem("年假.md", "年假", "工作满一年的员工每年有五天带薪年假。")], labels=["public"])
        kb.add_texts([TextItem("薪酬.md", "薪酬", "工程师三级的月薪为 28000 元。")], labels=["hr"])
    yield one
    one.close()


@pytest.fixture(scope="module")
def callers(served: Served) -> dict[str, dict[str, Any]]:
    """By name: headers of somebody, and what is there for them."""
    found = {}
    for name, grant in CALLERS.items():
        client = served.client(**grant)
        begun = client.post("/api/v1/bases/wiki/conversations", json={})
        known = {"base": "wiki", "id": 1, "chunk": 1 << 24, "token": begun.json().get("token", "0" * 32), "turn": 1}
        headers = {"Host": "127.0.0.1:8000", **{n: v for n, v in client.headers.items() if n == "authorization"}}
        found[name] = {"headers": headers, "known": known}
    return found


THERE: dict[str, Any] = {}
JOBS: list[Jobs] = []


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """What is there is asked for where that makes sense. (Schemathesis knows such a hook for all documents only.)"""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        for name, value in THERE.items():
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = value
    if (case.method.upper(), case.path) == ("DELETE", "/api/v1/bases/{base}"):
        case.path_parameters["base"] = "nothing"
    if case.path == "/api/v1/jobs/{job}/events":
        # Nobody runs jobs here: the events of one that waits would never end.
        for job in JOBS[-1].all(states=("queued",), count=1000):
            JOBS[-1].cancel(job.token)


def found_wrong(served: Served, caller: dict[str, Any], max_examples: int, *tried: str) -> tuple[list[str], int]:
    """What Schemathesis finds, a text each, and how many requests it made."""
    phases: dict[str, Any] = {one: {"enabled": one in tried} for one in ("examples", "coverage", "fuzzing", "stateful")}
    phases["coverage"]["unexpected-methods"] = ["put", "trace"]
    config = schemathesis.Config.from_dict(
        {
            "generation": {"max-examples": max_examples, "deterministic": True},
            "phases": phases,
            "headers": caller["headers"],
            "checks": {
                "enabled": False,
                **{name: {"enabled": True} for name in CHECKS},
                # A list of ten thousand is also too large.
                "negative_data_rejection": {"enabled": True, "expected-statuses": ["4xx", "5xx"]},
            },
        }
    )
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", Lasting(served.app), config=config, headers=caller["headers"]
    )

    JOBS.append(served.service.jobs)
    THERE.clear()
    THERE.update(caller["known"])
    found, n_requests = [], 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            for checked in event.recorder.checks.values():
                n_requests += 1
                wrong = [str(one.failure_info.failure) for one in checked if one.failure_info is not None]
                found += [f"{event.recorder.label}: {one}" for one in wrong]
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.append(str(event))
    return list(dict.fromkeys(found)), n_requests


@pytest.mark.parametrize("name", CALLERS)
def test_every_operation_does_what_it_says(served: Served, callers: dict[str, dict[str, Any]], name: str) -> None:
    found, n_requests = found_wrong(served, callers[name], 1, "coverage" if name == "key" else "fuzzing")
    assert not found, "\n\n".join(found)
    assert n_requests >= sum(map(len, described(served.app)["paths"].values()))


@pytest.mark.fuzz
@pytest.mark.parametrize("name", CALLERS)
def test_every_operation_does_what_it_says_at_length(
    served: Served, callers: dict[str, dict[str, Any]], name: str
) -> None:
    found, _ = found_wrong(served, callers[name], 100, "examples", "coverage", "fuzzing")
    # In a form everything is text, and one field is a list of one: 7 is a label there. (In JSON it is refused.)
    form = "POST /api/v1/bases/{base}/documents: Schema-violating request accepted"
    found = [one for one in found if not (one.startswith(form) and "in body - labels: Incorrect type" in one)]
    assert not found, "\n\n".join(found)


# -- the document --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(served: Served) -> dict[str, Any]:
    return described(served.app)


def test_every_operation_tells_what_it_needs_and_may_answer(document: dict[str, Any]) -> None:
    open_paths = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (method, path)
            if operation["security"] == []:
                open_paths.add(path)
                continue
            for status in ("401", "403", "429", "503"):
                assert status in operation["responses"], (method, path, status)
    assert {"/healthz", "/readyz"} <= open_paths <= {"/healthz", "/readyz", "/metrics"}


def test_no_schema_is_left_without_a_reader(document: dict[str, Any]) -> None:
    text = str(document)
    unused = [name for name in document["components"]["schemas"] if f"#/components/schemas/{name}'" not in text]
    assert not unused
    assert "HTTPValidationError" not in text


def test_every_status_of_an_error_has_a_title() -> None:
    assert {status for _, status in STATUS} <= set(TITLES)


# -- replies -------------------------------------------------------------------------------------------------


def keys_of(model: type[BaseModel], shape: Any, at: str) -> None:
    """The shape has exactly the keys of the model, all the way down."""
    assert set(shape) == set(model.model_fields), at
    for name, field in model.model_fields.items():
        inside(field.annotation, shape[name], f"{at}.{name}")


def inside(kind: Any, value: Any, at: str) -> None:
    if isinstance(kind, type) and issubclass(kind, BaseModel) and value is not None:
        keys_of(kind, value, at)
    elif typing.get_origin(kind) in (typing.Union, types.UnionType):
        models = [one for one in typing.get_args(kind) if one is not type(None)]
        if value is not None and len(models) == 1:
            inside(models[0], value, at)
    elif typing.get_origin(kind) is list:
        for one in value:
            inside(typing.get_args(kind)[0], one, f"{at}[]")
    elif typing.get_origin(kind) is dict:
        for one in value.values():
            inside(typing.get_args(kind)[1], one, f"{at}{{}}")


def test_replies_are_described_as_shapes_makes_them(tmp_path: Path) -> None:
    """Both ways: no key that is not described, none described that there is not; and of the right kind."""
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as kb:
        kb.add_texts([TextItem("a.md", "差旅", "差旅住宿限额为 650 元。\n\nThe limit is 650 yuan.")])
        kb.add_texts([TextItem("b.md", "差旅", "差旅住宿限额为 800 元。")])
        found = kb.search("住宿限额", explain=True)
        answer = kb.ask("差旅住宿限额是多少？")
        whole = kb.ask("差旅住宿限额是多少？", documents=[1])
        deep = kb.ask("差旅住宿限额是多少？", deep=2)
        token = kb.conversations.begin()
        kb.conversations.ask(token, "差旅住宿限额是多少？")
        documents, (chunk, *_) = kb.documents(), kb.chunks(1)
        made: list[tuple[type[BaseModel], Any]] = [
            (replies.Found, shapes.search_shape(found)),
            (replies.Answered, shapes.answer_shape(answer)),
            (replies.Answered, shapes.answer_shape(whole)),
            (replies.Answered, shapes.answer_shape(deep)),
            (replies.Shown, shapes.shown_shape(documents[0])),
            (replies.ShownText, shapes.shown_shape(documents[0], text=kb.text(1))),
            (replies.ShownChunks, shapes.shown_shape(documents[0], chunks=kb.chunks(1))),
            (replies.ShownPassage, shapes.shown_shape(documents[0], chunk=chunk, around=kb.chunks(1))),
            (replies.Talks, shapes.conversations_shape(kb.conversations.list())),
            (replies.WholeTalk, shapes.conversation_shape(kb.conversations.get(token))),
            (replies.Removed, shapes.receipt_shape(kb.remove([1]))),
        ]
        assert found.passages
        assert answer.citations
        assert whole.coverage is not None
        assert deep.plan is not None
    for model, shape in made:
        keys_of(model, shape, model.__name__)
        model.model_validate(shape, strict=True)


def test_a_method_that_a_path_has_not_is_told_of_those_that_it_has(tmp_path: Path) -> None:
    served = Served(tmp_path / "home")
    client = served.client(admin=True)
    for template, known in client.get("/openapi.json").json()["paths"].items():
        path = re.sub(r"\{\w+\}", "0" * 32, template)
        allowed = {method.upper() for method in known if method != "parameters"}
        reply = client.put(path)
        assert "PUT" not in allowed
        assert reply.status_code == 405, path
        assert set(reply.headers["allow"].split(", ")) == allowed, path
    served.close()
