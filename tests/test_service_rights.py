"""Whatever is asked, by whom, in which order: who may not read a document learns nothing of it from the service.

Random documents, labels, keys and requests are held against a plain evaluator: what must be seen is seen, and of what
must not, no word is in any body, header, error or line of the log. Every document has words that nothing else holds, in
its text, its title and its source. The model is the worst there is: it repeats all that it is shown.
"""

import logging
import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from service_fixtures import Served

from qianxun import TextItem, assemble
from qianxun.protocols import Delta, Message, Sampling
from qianxun.records import CHUNK_BITS
from qianxun.settings import Settings
from qianxun.storage.keys import Grant

LABELS = ("hr", "人事", "public")
BASES = ("wiki", "制度")
QUESTIONS = ("差旅住宿限额是多少？", "那加班呢？", "What is the limit, 限额?", "住宿 limit", "第一个呢？")
# Words that are in nothing else; of each document one in its text, one in its title, one in its source.
RARE = "鼋鼍鼐鼒鼗鼙鼢鼩鼫鼬鼯鼱鼷鼹齁齄齆齉龀龃龅龆龇龈龉龊龌龛龠龢"
OTHERS = ("search", "ask", "read", "write", "feedback")
SETTINGS = (
    "generator.name=echo",
    "answer.hopeless=0",
    "answer.min_support=0",
    "answer.passages=1",
    "conversation.history_tokens=300",
    "feedback.keep_questions=true",
)


class Echo:
    """Repeats what it is shown, with a mark after every line."""

    name, context_tokens = "echo", 6000

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: Any = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The prompt, but for the rules."""
        for line in "\n".join(message.content for message in messages[1:]).splitlines():
            yield Delta(f"{line} [1]\n")
        yield Delta(finish_reason="stop", usage=(10, 10))

    def count_tokens(self, text: str) -> int:
        """About as many as there are characters."""
        return len(text) // 2


@dataclass
class Doc:
    """A document as the evaluator knows it. `talk` is the token of the conversation whose own it is."""

    base: str
    id: int
    said: str
    title: str
    source: str
    labels: set[str]
    talk: str = ""


@dataclass
class Who:
    """Somebody with a key, or with none (`secret` "")."""

    secret: str
    owner: str
    labels: frozenset[str] | None
    bases: frozenset[str] | None
    actions: frozenset[str]
    holds: bool = True

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}

    def sees(self, doc: Doc, talk: str = "") -> bool:
        if doc.talk:
            return doc.talk == talk
        return self.labels is None or bool(self.labels & doc.labels)


@dataclass
class Talking:
    """A conversation."""

    token: str
    owner: str
    base: str
    turns: int = 0


@dataclass
class World:
    """All that there is, as it should be."""

    docs: list[Doc] = field(default_factory=list)
    people: list[Who] = field(default_factory=list)
    talks: list[Talking] = field(default_factory=list)
    judgements: list[tuple[str, str]] = field(default_factory=list)
    bases: set[str] = field(default_factory=lambda: set(BASES))
    n_made: int = 0


class Lines(logging.Handler):
    """The log, as it is written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.text = ""
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


pick = st.integers(0, 99)
labelled = st.frozensets(st.sampled_from(LABELS), min_size=0, max_size=2)


class Rights(RuleBasedStateMachine):
    """A service, and what should come of each request to it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setitem(assemble.BUILT_IN["generators"], "echo", f"{__name__}:Echo")  # type: ignore[arg-type]
        self.folder = tempfile.TemporaryDirectory()
        self.served = Served(Path(self.folder.name), SETTINGS)
        self.client = self.served.client()
        self.world = World()
        self.kbs = {name: self.served.base(name) for name in BASES}
        self.log = Lines()
        logging.getLogger().addHandler(self.log)
        logging.getLogger("qianxun").setLevel(logging.INFO)
        reading = frozenset(("search", "ask", "read"))
        self.world.people.append(Who("", "public", frozenset(("public",)), None, reading))
        self.grant(admin=True)

    def teardown(self) -> None:
        logging.getLogger().removeHandler(self.log)
        logging.getLogger("qianxun").setLevel(logging.NOTSET)
        for kb in self.kbs.values():
            kb.close()
        self.served.close()
        self.folder.cleanup()
        self.patch.undo()

    # -- the world -----------------------------------------------------------------------------------

    def words(self) -> list[str]:
        """Three words that nothing else holds."""
        n = self.world.n_made = self.world.n_made + 1
        one, other = RARE[n % len(RARE)], RARE[n // len(RARE)]
        return [f"{one}{other}{part}" for part in "甲乙丙"]

    def put(self, base: str, labels: set[str], twin: Doc | None = None, talk: str = "") -> Doc:
        said, title, source = self.words()
        said = twin.said if twin else said
        folder = f"conversation:{talk}/" if talk else ""
        text = f"差旅住宿限额的说明：{said}的住宿限额为 650 元，limit 由{said}核定，加班另定。"
        item = TextItem(f"{folder}{source}.md", title, text)
        labels = {f"conversation:{talk}"} if talk else labels
        self.kbs[base].add_texts([item], labels=sorted(labels))
        (found,) = (one for one in self.kbs[base].documents() if one.source == item.source)
        if not labels:  # without any it has those of the settings
            self.kbs[base].label([found.id], remove=found.labels)
        self.world.docs.append(Doc(base, found.id, said, title, source, set(labels), talk))
        return self.world.docs[-1]

    def grant(
        self,
        *,
        labels: frozenset[str] | None = None,
        bases: frozenset[str] | None = None,
        actions: frozenset[str] = frozenset(),
        admin: bool = False,
        ended: bool = False,
    ) -> None:
        grant = Grant.everything() if admin else Grant(labels, bases, actions)  # type: ignore[arg-type]
        past = datetime.now(UTC) - timedelta(days=2)
        when: dict[str, Any] = {"now": past, "expires": past + timedelta(days=1)} if ended else {}
        key, secret = self.served.service.keys.create("陳", grant, **when)
        person = Who(secret, f"key:{key.id}", grant.labels, grant.bases, grant.actions, holds=not ended)
        self.world.people.append(person)

    @initialize(sets=st.lists(labelled, min_size=4, max_size=6))
    def begin(self, sets: list[frozenset[str]]) -> None:
        for place, labels in enumerate(sets):
            self.put(BASES[place % 2], set(labels))
        self.grant(labels=frozenset(("hr",)), actions=frozenset(OTHERS))
        self.grant(labels=frozenset(("人事", "public")), bases=frozenset(("制度",)), actions=frozenset(OTHERS))

    # -- asking and holding it against the evaluator ----------------------------------------------------

    def who(self, n: int) -> Who:
        return self.world.people[n % len(self.world.people)]

    def doc(self, n: int) -> Doc:
        return self.world.docs[n % len(self.world.docs)]

    def ask(
        self, who: Who, method: str, path: str, body: Any = None, *, base: str = "", own: str = "", said: str = ""
    ) -> httpx.Response:
        """The reply. None of what the caller may not see is in it, apart from what they `said` themselves."""
        before = len(self.log.text)
        whole = path if path.startswith(("/v1/", "/mcp", "/metrics")) else f"/api/v1{path}"
        reply = self.client.request(method, whole, json=body, headers=who.headers | {"Accept": "application/json"})
        assert reply.status_code < 500 or reply.status_code == 501, reply.text + self.log.text[before:]
        told = f"{reply.text}\n{reply.headers}".replace(said, "") if said else f"{reply.text}\n{reply.headers}"
        for word in self.hidden_from(who, base, own):
            assert said == word or word not in told, f"{word} is told: {told}"
        for doc in self.world.docs:
            for word in (doc.said, doc.title, doc.source):
                assert word not in self.log.text[before:], f"{word} is in the log"
        return reply

    def hidden_from(self, who: Who, base: str, own: str) -> set[str]:
        """The words that this person must not be told in this base, or in that conversation of theirs."""
        shown = [d for d in self.world.docs if d.base == base and self.may_use(who, base) and who.sees(d, own)]
        seen = {word for doc in shown for word in (doc.said, doc.title, doc.source)}
        return {word for doc in self.world.docs for word in (doc.said, doc.title, doc.source)} - seen

    def may_use(self, who: Who, base: str) -> bool:
        return who.holds and base in self.world.bases and (who.bases is None or base in who.bases)

    def expected(self, who: Who, action: str, base: str) -> int:
        """The status of a request for something that is there."""
        if not who.holds:
            return 401
        if action not in who.actions and "admin" not in who.actions:
            return 403
        return 200 if self.may_use(who, base) else 404

    def same_as(self, reply: httpx.Response, other: httpx.Response, *ids: Any) -> None:
        """Two refusals say the same, but for the ids of what was asked for and of the requests."""

        def plain(one: httpx.Response, id: Any) -> Any:
            body = re.sub(r'"request_id": ?"[^"]*"', "", one.text)
            headers = {n: v for n, v in one.headers.items() if n not in ("x-request-id", "content-length", "date")}
            return one.status_code, re.sub(rf"\b{id}\b", "ID", body), headers

        assert plain(reply, ids[0]) == plain(other, ids[1])

    # -- what happens ------------------------------------------------------------------------------------

    @rule(base=st.sampled_from(BASES), labels=labelled)
    def add(self, base: str, labels: frozenset[str]) -> None:
        if base in self.world.bases:
            self.put(base, set(labels))

    @rule(n=pick, labels=labelled)
    def add_twin(self, n: int, labels: frozenset[str]) -> None:
        """Another document that says the same."""
        doc = self.doc(n)
        if not doc.talk and doc.base in self.world.bases:
            self.put(doc.base, set(labels), twin=doc)

    @rule(
        labels=st.none() | labelled,
        bases=st.none() | st.frozensets(st.sampled_from((*BASES, "nowhere")), max_size=2),
        actions=st.frozensets(st.sampled_from(OTHERS), min_size=3),
        ended=st.integers(0, 7),
    )
    def make_key(
        self, labels: frozenset[str] | None, bases: frozenset[str] | None, actions: frozenset[str], ended: int
    ) -> None:
        self.grant(labels=labels, bases=bases, actions=actions, ended=ended == 0)

    @rule(n=st.integers(2, 99), how=st.sampled_from(("revoke", "rotate", "delete")))
    def change_key(self, n: int, how: str) -> None:
        """In force for the next request."""
        who = self.who(n)
        id, other = who.owner.removeprefix("key:"), Who(**vars(who))
        if not (who.secret and who.holds) or "admin" in who.actions:
            return
        keys = self.served.service.keys
        if how == "rotate":
            who.secret = keys.rotate(id)
        else:
            getattr(keys, how)(id)
            who.holds = False
        reply = self.client.get("/api/v1/bases", headers=other.headers)
        assert reply.status_code == 401
        never = self.client.get("/api/v1/bases", headers={"Authorization": f"Bearer qx-00000000-{'A' * 43}"})
        self.same_as(reply, never, "", "")
        assert self.client.get("/api/v1/bases", headers=who.headers).status_code == (200 if who.holds else 401)

    # -- what is asked -----------------------------------------------------------------------------------

    @rule(n=pick)
    def list_bases(self, n: int) -> None:
        who = self.who(n)
        reply = self.ask(who, "GET", "/bases")
        if not who.holds:
            assert reply.status_code == 401
            return
        counted = {
            name: sum(d.base == name and who.sees(d) for d in self.world.docs)
            for name in self.world.bases
            if self.may_use(who, name)
        }
        assert {one["name"]: one["documents"] for one in reply.json()["bases"]} == counted

    @rule(
        n=pick,
        base=st.sampled_from(BASES),
        narrow=st.sampled_from(("", "label = hr", "source ^= conversation:", "label != hr")),
    )
    def list_documents(self, n: int, base: str, narrow: str) -> None:
        who = self.who(n)
        reply = self.ask(who, "GET", f"/bases/{base}/documents?filter={narrow}", base=base)
        assert reply.status_code == self.expected(who, "read", base)
        if reply.status_code != 200:
            return
        kept = {
            "": lambda doc: True,
            "label = hr": lambda doc: "hr" in doc.labels,
            "label != hr": lambda doc: "hr" not in doc.labels,
            "source ^= conversation:": lambda doc: doc.talk,
        }[narrow]
        seen = {d.id for d in self.world.docs if d.base == base and who.sees(d) and kept(d)}
        assert {one["id"] for one in reply.json()["documents"]} == seen
        assert reply.json()["next"] is None

    @rule(
        n=pick,
        base=st.sampled_from(BASES),
        about=st.none() | pick,
        mode=st.sampled_from(("lexical", "hybrid", "dense")),
        operator=st.sampled_from(("", " source:conversation:", " OR label:hr", " -650")),
        explain=st.booleans(),
    )
    def search(self, n: int, base: str, about: int | None, mode: str, operator: str, explain: bool) -> None:
        who = self.who(n)
        said = "" if about is None else self.doc(about).said
        query = said or f"限额{operator}"
        body = {"query": query, "k": 1000, "mode": mode, "explain": explain}
        reply = self.ask(who, "POST", f"/bases/{base}/search", body, base=base, said=said)
        assert reply.status_code == self.expected(who, "search", base)
        if reply.status_code != 200:
            return
        visible = {f"{d.source}.md": d for d in self.world.docs if d.base == base and who.sees(d)}
        named = {
            s for hit in reply.json()["hits"] for s in (hit["source"], *hit["duplicates"], *hit["near_duplicates"])
        }
        assert named <= set(visible)
        if query == "限额" and mode != "dense":
            assert named == set(visible)
        if said and mode == "lexical":
            assert {source for source, doc in visible.items() if doc.said == said} <= named

    @rule(
        n=pick,
        base=st.sampled_from(BASES),
        about=st.none() | pick,
        question=st.sampled_from(QUESTIONS),
        s=st.booleans(),
    )
    def answer(self, n: int, base: str, about: int | None, question: str, s: bool) -> None:
        who = self.who(n)
        doc = None if about is None else self.doc(about)
        body = {"question": question, "documents": [doc.id] if doc else [], "stream": s}
        reply = self.ask(who, "POST", f"/bases/{base}/ask", body, base=base)
        expected = self.expected(who, "ask", base)
        there = doc is None or any(d.base == base and d.id == doc.id and who.sees(d) for d in self.world.docs)
        assert reply.status_code == (expected if there or expected != 200 else 404)
        if doc and not there:
            none = self.ask(who, "POST", f"/bases/{base}/ask", body | {"documents": [99999]})
            self.same_as(reply, none, doc.id, 99999)

    @rule(n=pick, about=pick, part=st.sampled_from(("", "text", "chunks", "passage", "original")))
    def show(self, n: int, about: int, part: str) -> None:
        who, doc = self.who(n), self.doc(about)

        def path(id: int) -> str:
            if part == "passage":
                return f"/bases/{doc.base}/passages/{id << CHUNK_BITS}?around=2"
            return f"/bases/{doc.base}/documents/{id}{'/original' if part == 'original' else f'?part={part}'}"

        reply = self.ask(who, "GET", path(doc.id), base=doc.base)
        expected = self.expected(who, "read", doc.base)
        # Of texts that were not sent as files no original is kept.
        assert reply.status_code == (expected if (who.sees(doc) and part != "original") or expected != 200 else 404)
        if reply.status_code == 200:
            assert doc.source in reply.text
        elif not who.sees(doc) or expected != 200:
            none = self.ask(who, "GET", path(99999))
            shift = CHUNK_BITS if part == "passage" else 0
            self.same_as(reply, none, doc.id << shift, 99999 << shift)

    @rule(n=pick, about=pick, add=labelled, take=labelled)
    def label(self, n: int, about: int, add: frozenset[str], take: frozenset[str]) -> None:
        who, doc = self.who(n), self.doc(about)
        body = {"add": sorted(add - take), "remove": sorted(take)}
        reply = self.ask(who, "PATCH", f"/bases/{doc.base}/documents/{doc.id}", body, base=doc.base)
        expected = self.expected(who, "write", doc.base)
        if expected == 200 and not who.sees(doc):
            expected = 404
        after = (doc.labels | (add - take)) - take
        if expected == 200 and who.labels is not None and not ((add | take) <= who.labels and after & who.labels):
            expected = 403
        assert reply.status_code == expected
        if expected == 200:
            doc.labels = after
            assert reply.json()["document"]["labels"] == sorted(after if who.labels is None else after & who.labels)
        elif expected == 404:
            none = self.ask(who, "PATCH", f"/bases/{doc.base}/documents/99999", body)
            self.same_as(reply, none, doc.id, 99999)

    @rule(n=pick, about=pick, purge=st.booleans())
    def remove(self, n: int, about: int, purge: bool) -> None:
        who, doc = self.who(n), self.doc(about)
        reply = self.ask(who, "DELETE", f"/bases/{doc.base}/documents/{doc.id}?purge={purge}", base=doc.base)
        expected = self.expected(who, "write", doc.base)
        expected = 404 if expected == 200 and not who.sees(doc) else expected
        assert reply.status_code == expected
        if expected == 200:
            assert [one["id"] for one in reply.json()["removed"]] == [doc.id]
            assert (reply.json()["answers"] is None) == ("admin" not in who.actions)
            self.world.docs.remove(doc)
            if not self.world.docs:
                self.put("wiki", set())
        elif expected == 404:
            self.same_as(reply, self.ask(who, "DELETE", f"/bases/{doc.base}/documents/99999"), doc.id, 99999)

    @rule(n=pick, about=pick, kind=st.sampled_from(("up", "down", "click", "accepted")), above=st.booleans())
    def judge(self, n: int, about: int, kind: str, above: bool) -> None:
        who, doc = self.who(n), self.doc(about)
        seen = next((d for d in self.world.docs if d.base == doc.base and who.sees(d)), None)

        def body(id: int) -> dict[str, Any]:
            if above and seen is not None:
                return {
                    "kind": kind,
                    "question": "限额？",
                    "chunks": [seen.id << CHUNK_BITS],
                    "above": [id << CHUNK_BITS],
                }
            return {"kind": kind, "question": "限额？", "chunks": [id << CHUNK_BITS]}

        path = f"/bases/{doc.base}/feedback"
        reply = self.ask(who, "POST", path, body(doc.id), base=doc.base)
        expected = self.expected(who, "feedback", doc.base)
        expected = {200: 201 if who.sees(doc) else 404}.get(expected, expected)
        assert reply.status_code == expected
        if expected == 201:
            self.world.judgements.append((doc.base, reply.json()["token"]))
        elif expected == 404:
            self.same_as(reply, self.ask(who, "POST", path, body(99999)), doc.id << CHUNK_BITS, 99999 << CHUNK_BITS)

    @rule(n=pick, which=pick)
    def me(self, n: int, which: int) -> None:
        who = self.who(n)
        reply = self.ask(who, "GET", "/me")
        assert reply.status_code == (200 if who.holds else 401)
        if who.holds:
            assert reply.json()["id"] == who.owner

    @rule(n=pick)
    def bases_that_are_not_there(self, n: int) -> None:
        """A knowledge base that somebody may not use is not there."""
        who = self.who(n)
        for method, path in (("GET", "/documents"), ("POST", "/search"), ("POST", "/ask"), ("GET", "/documents/1")):
            body = {"query": "限额"} if path == "/search" else {"question": "限额"} if path == "/ask" else None
            for base in BASES:
                if not self.may_use(who, base):
                    reply = self.ask(who, method, f"/bases/{base}{path}", body)
                    self.same_as(reply, self.ask(who, method, f"/bases/nothing{path}", body), base, "nothing")

    @rule(base=st.sampled_from(BASES), by=pick)
    def delete_base(self, base: str, by: int) -> None:
        """By who may; then there is nothing of it for anybody. Seldom: it is made again, empty."""
        who = self.who(by)
        if by % 4 or base not in self.world.bases:
            return
        reply = self.ask(who, "DELETE", f"/bases/{base}")
        expected = self.expected(who, "admin", base)
        assert reply.status_code == expected
        if expected == 200:
            self.kbs[base].close()
            self.world.docs = [doc for doc in self.world.docs if doc.base != base]
            self.world.talks = [talk for talk in self.world.talks if talk.base != base]
            assert self.ask(who, "GET", f"/bases/{base}").status_code == 404
            assert self.ask(who, "POST", "/bases", {"name": base}).status_code == 201
            self.kbs[base] = self.served.base(base)
            if not self.world.docs:
                self.put(base, set())

    # -- what other clients ask -------------------------------------------------------------------------

    @rule(n=pick)
    def models_and_metrics(self, n: int) -> None:
        who = self.who(n)
        reply = self.ask(who, "GET", "/v1/models")
        assert reply.status_code == (200 if who.holds else 401)
        if who.holds:
            named = {one["id"] for one in reply.json()["data"]}
            usable = {base for base in BASES if self.may_use(who, base) and who.actions & {"ask", "admin"}}
            assert {name for name in named if name in BASES} == usable
        counted = self.ask(who, "GET", "/metrics")
        assert counted.status_code == (
            401 if not who.holds or not who.secret else 200 if "admin" in who.actions else 403
        )

    @rule(n=pick, base=st.sampled_from(BASES), question=st.sampled_from(QUESTIONS), stream=st.booleans())
    def chat(self, n: int, base: str, question: str, stream: bool) -> None:
        who = self.who(n)
        messages = [{"role": "user", "content": "加班呢？"}, {"role": "assistant", "content": "须申请。"}]
        body = {"model": base, "messages": [*messages, {"role": "user", "content": question}], "stream": stream}
        reply = self.ask(who, "POST", "/v1/chat/completions", body, base=base)
        expected = self.expected(who, "ask", base)
        assert reply.status_code == (404 if expected == 403 else expected)
        if expected in (403, 404):
            none = self.ask(who, "POST", "/v1/chat/completions", body | {"model": "nothing"})
            self.same_as(reply, none, base, "nothing")

    @rule(
        n=pick,
        base=st.sampled_from(BASES),
        about=pick,
        tool=st.sampled_from(("search", "ask", "read_passage", "list_documents", "list_knowledge_bases")),
    )
    def assistant(self, n: int, base: str, about: int, tool: str) -> None:
        who, doc = self.who(n), self.doc(about)
        given: dict[str, Any] = {} if tool == "list_knowledge_bases" else {"knowledge_base": base}
        given |= {"question": "限额？"} if tool in ("search", "ask") else {}
        given |= {"chunk": doc.id << CHUNK_BITS} if tool == "read_passage" else {}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": given}}
        reply = self.ask(who, "POST", "/mcp", call, base=base)
        assert reply.status_code == (200 if who.holds else 401)
        if not who.holds:
            return
        result = reply.json()["result"]
        if tool == "list_knowledge_bases":
            assert set(result["structuredContent"]["knowledge_bases"]) == {b for b in BASES if self.may_use(who, b)}
            return
        expected = self.expected(who, {"list_documents": "read", "read_passage": "read"}.get(tool, tool), base)
        seen = {d.id for d in self.world.docs if d.base == base and who.sees(d)}
        if tool == "read_passage" and doc.id not in seen:
            expected = 404
        assert bool(result.get("isError")) == (expected != 200)
        if expected == 200 and tool == "list_documents":
            assert {one["id"] for one in result["structuredContent"]["documents"]} == seen

    # -- conversations -----------------------------------------------------------------------------------

    @rule(n=pick, base=st.sampled_from(BASES))
    def begin_talk(self, n: int, base: str) -> None:
        who = self.who(n)
        reply = self.ask(who, "POST", f"/bases/{base}/conversations", {"title": ""})
        expected = self.expected(who, "ask", base)
        expected = {200: 201 if who.secret else 403}.get(expected, expected)
        assert reply.status_code == expected
        if expected == 201:
            self.world.talks.append(Talking(reply.json()["token"], who.owner, base))

    @rule(n=pick)
    def give_file(self, n: int) -> None:
        """A file of a conversation's own."""
        if self.world.talks:
            talk = self.world.talks[n % len(self.world.talks)]
            self.put(talk.base, set(), talk=talk.token)

    @rule(
        n=pick,
        which=pick,
        how=st.sampled_from(
            ("show", "markdown", "json", "list", "rename", "set", "events", "stop", "delete", "ask", "ask")
        ),
        question=st.sampled_from(QUESTIONS),
        file=st.none() | pick,
        stream=st.booleans(),
    )
    def talk(self, n: int, which: int, how: str, question: str, file: int | None, stream: bool) -> None:
        if not self.world.talks:
            return
        talk = self.world.talks[which % len(self.world.talks)]
        # Mostly by who may.
        owner = next(one for one in self.world.people if one.owner == talk.owner)
        who = owner if n % 3 else self.who(n)
        mine = who.owner == talk.owner
        own = talk.token if mine else ""
        talks = f"/bases/{talk.base}/conversations"
        doc = self.doc(file) if file is not None else None
        method, rest, body = {
            "show": ("GET", "", None),
            "markdown": ("GET", "/export", None),
            "json": ("GET", "/export?format=json", None),
            "rename": ("PATCH", "", {"title": "差旅"}),
            "set": ("PATCH", "", {"settings": {"persona": "法务", "labels": ["别人的"]}}),
            "delete": ("DELETE", "", None),
            "events": ("GET", f"/turns/{max(1, talk.turns)}/events", None),
            "stop": ("POST", f"/turns/{max(1, talk.turns)}/stop", None),
            "ask": ("POST", "/ask", {"question": question, "stream": stream, "documents": [doc.id] if doc else []}),
            "list": ("GET", "", None),
        }[how]
        if how == "list":
            reply = self.ask(who, "GET", talks)
            if reply.status_code == 200:
                theirs = {one.token for one in self.world.talks if (one.owner, one.base) == (who.owner, talk.base)}
                assert {one["token"] for one in reply.json()["conversations"]} == theirs
            return
        reply = self.ask(who, method, f"{talks}/{talk.token}{rest}", body, base=talk.base, own=own)
        expected = self.expected(who, "ask", talk.base)
        if expected == 200 and not who.secret:
            expected = 403
        if expected == 200 and not mine:
            expected = 404
        if expected == 404:
            none = self.ask(who, method, f"{talks}/{'0' * 32}{rest}", body)
            self.same_as(reply, none, talk.token, "0" * 32)
        if expected == 200 and doc and how == "ask":
            seen = any((d.base, d.id) == (talk.base, doc.id) and who.sees(d, own) for d in self.world.docs)
            expected = 200 if seen else 404
        if expected == 200 and how in ("events", "stop"):
            expected = 404 if not talk.turns else 400 if how == "stop" else 200
        assert reply.status_code == expected, reply.text
        if expected == 200 and how == "set":
            assert reply.json()["settings"] == body["settings"]
        if expected == 200 and how == "ask":
            talk.turns += 1
        if expected == 200 and how == "delete":
            self.world.talks.remove(talk)
            gone = [d for d in self.world.docs if d.talk == talk.token]
            self.world.docs = [d for d in self.world.docs if d not in gone]
            assert not [d for d in self.kbs[talk.base].documents() if talk.token in d.source]
            if not self.world.docs:
                self.put("wiki", set())


TestRights = Rights.TestCase
TestRights.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    # A shorter story of the same kind would take minutes to find.
    phases=[Phase.generate],
    report_multiple_bugs=False,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.fuzz
def test_many_more_stories() -> None:
    settings_of_many = settings(
        max_examples=150,
        stateful_step_count=60,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Rights, settings=settings_of_many)


# -- what a story would seldom come upon -----------------------------------------------------------------------


def test_what_is_set_for_a_conversation_is_its_owners_as_it_was_set(tmp_path: Path) -> None:
    """Also where names in it are those of what others are not told."""
    served = Served(tmp_path)
    with served.base() as kb:
        kb.add_texts([TextItem("差旅.md", "差旅", "差旅住宿限额是 650 元。")], labels=["public"])
    talks = "/api/v1/bases/default/conversations"
    mine, other = (served.client(labels=["public"], actions=["ask"]) for _ in range(2))
    chosen = {
        "persona": "法務",
        "labels": ["hr"],
        "degraded": ["reranker: http://10.0.0.1"],
        "answer": {"labels": ["x"]},
    }
    begun = mine.post(talks, json={"title": "差旅", "settings": chosen})
    assert begun.status_code == 201
    assert begun.json()["settings"] == chosen
    one = f"{talks}/{begun.json()['token']}"
    assert mine.get(one).json()["settings"] == mine.get(f"{one}/export?format=json").json()["settings"] == chosen
    assert "settings" not in mine.get(talks).json()["conversations"][0]

    renamed = mine.patch(one, json={"title": "出差 trip"}).json()
    assert (renamed["title"], renamed["settings"]) == ("出差 trip", chosen)
    changed = mine.patch(one, json={"settings": {"deep": 3}}).json()
    assert (changed["title"], changed["settings"]) == ("出差 trip", {"deep": 3})
    assert mine.patch(one, json={}).json()["settings"] == {"deep": 3}
    for bad, status in (
        ({"settings": ["deep"]}, 422),
        ({"settings": "{}"}, 422),
        ({"settings": {"指示": "請簡短。" * 2000}}, 400),
        ({"deep": 3}, 422),
    ):
        assert mine.patch(one, json=bad).status_code == status, bad
        assert mine.post(talks, json=bad).status_code == status, bad
    assert mine.get(one).json()["settings"] == {"deep": 3}

    for stranger, status in ((other, 404), (served.client(), 403)):
        for told in ({"settings": {}}, {"title": "我的", "settings": {}}):
            assert stranger.patch(one, json=told).status_code == status, told
    assert mine.get(one).json()["settings"] == {"deep": 3}
    assert mine.delete(one).status_code == 200
    assert mine.patch(one, json={"settings": {}}).status_code == 404
    served.close()


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[Served]:
    """A letter that hr may read, with an attachment that only 法务 may."""
    served = Served(tmp_path)
    with served.base() as kb:
        kb.add_texts([TextItem("letter.eml", "信", "差旅住宿限额见附件。")], labels=["hr"])
        kb.add_texts([TextItem("letter.eml!秘密附件.pdf", "秘密附件", "龘龘限额为 650 元。")], labels=["法务"])
        kb.add_texts([TextItem("letter.eml!公开附件.pdf", "公开附件", "限额另定。")], labels=["hr"])
    yield served
    served.close()


def test_who_labels_a_letter_does_not_open_an_attachment_that_they_may_not_see(letters: Served) -> None:
    """What is inside a file goes with it: but only as far as the caller sees that."""
    client = letters.client(labels=["hr", "public"], actions=["read", "write", "search"])
    reply = client.patch("/api/v1/bases/default/documents/1", json={"add": ["public"]})
    assert reply.status_code == 200
    assert reply.json()["document"]["labels"] == ["hr", "public"]
    shown = client.get("/api/v1/bases/default/documents").json()["documents"]
    assert {one["source"]: one["labels"] for one in shown} == {
        "letter.eml": ["hr", "public"],
        "letter.eml!公开附件.pdf": ["hr", "public"],
    }
    with letters.base() as kb:
        assert kb.document(2).labels == ("法务",)


def test_who_labels_a_letter_needs_the_labels_of_all_of_it(letters: Served) -> None:
    """One of the attachments would be out of their sight."""
    with letters.base() as kb:
        kb.label([1], add=["public"])
        kb.label([2, 3], remove=["public"])
    client = letters.client(labels=["hr", "public"], actions=["read", "write"])
    reply = client.patch("/api/v1/bases/default/documents/1", json={"remove": ["hr"]})
    assert (reply.status_code, reply.json()["kind"]) == (403, "Forbidden")
    with letters.base() as kb:
        assert [kb.document(n).labels for n in (1, 2, 3)] == [("hr", "public"), ("法务",), ("hr",)]


def test_who_removes_a_letter_leaves_the_attachment_that_they_may_not_see(letters: Served) -> None:
    client = letters.client(labels=["hr"], actions=["read", "write"])
    reply = client.delete("/api/v1/bases/default/documents/1")
    assert [one["source"] for one in reply.json()["removed"]] == ["letter.eml", "letter.eml!公开附件.pdf"]
    assert "秘密" not in reply.text
    with letters.base() as kb:
        assert [one.source for one in kb.documents()] == ["letter.eml!秘密附件.pdf"]


def test_no_key_and_no_token_opens_what_is_a_conversations_own(tmp_path: Path) -> None:
    """Also if somebody writes such a label into a key, or a directory has a group of that name."""
    served = Served(tmp_path)
    owner = served.client(labels=["hr"])
    with served.base() as kb:
        token = owner.post("/api/v1/bases/default/conversations", json={}).json()["token"]
        item = TextItem(f"conversation:{token}/私人.md", "私人", "龘龘住宿限额。")
        kb.add_texts([item], labels=[f"conversation:{token}"])
    nosy = served.client(labels=[f"conversation:{token}", "hr"], actions=["search", "read", "ask", "write"])
    assert nosy.get("/api/v1/bases/default/documents").json()["documents"] == []
    assert nosy.post("/api/v1/bases/default/search", json={"query": "限额"}).json()["hits"] == []
    assert nosy.get("/api/v1/me").json()["labels"] == ["hr"]
    for client in (nosy, served.client(admin=True), served.client(labels=None, actions=["read", "write", "search"])):
        gone = client.get("/api/v1/bases/default/documents/1")
        never = client.get("/api/v1/bases/default/documents/2")
        assert gone.status_code == never.status_code == 404
        assert gone.json()["remedy"] == never.json()["remedy"]
        assert client.patch("/api/v1/bases/default/documents/1", json={"add": ["hr"]}).status_code == 404
        assert client.delete("/api/v1/bases/default/documents/1").status_code == 404
    # What may be done with what one sees is refused as for what there is not, to administrators as well.
    for client in (nosy, served.client(admin=True), served.client(labels=None, actions=OTHERS)):
        mine = client.post("/api/v1/bases/default/conversations", json={}).json()["token"]
        for path, given in (
            ("ask", lambda n: {"question": "限额？", "documents": [n]}),
            (f"conversations/{mine}/ask", lambda n: {"question": "限额？", "documents": [n]}),
            ("feedback", lambda n: {"kind": "up", "question": "限额？", "chunks": [n << CHUNK_BITS]}),
        ):
            replies = [client.post(f"/api/v1/bases/default/{path}", json=given(n)) for n in (1, 2)]
            if client is nosy and path == "feedback":
                assert {reply.status_code for reply in replies} == {403}
                continue
            assert {reply.status_code for reply in replies} == {404}
            assert replies[0].json()["remedy"] == replies[1].json()["remedy"]
        for path in (f"passages/{1 << CHUNK_BITS}", "documents/1/original", "documents/1?part=text"):
            assert client.get(f"/api/v1/bases/default/{path}").status_code == 404
        call = {"name": "read_passage", "arguments": {"chunk": 1 << CHUNK_BITS, "knowledge_base": "default"}}
        told = client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        assert told.json()["result"]["isError"]
        chat = {"model": "default", "messages": [{"role": "user", "content": "住宿限额是多少？"}]}
        assert "龘" not in client.post("/v1/chat/completions", json=chat).text
    answer = owner.post(
        f"/api/v1/bases/default/conversations/{token}/ask", json={"question": "住宿限额是多少？"}
    ).json()
    assert [one["source"] for one in answer["passages"]] == [item.source]
    served.close()


def test_nobody_may_give_or_take_the_label_of_a_conversation(tmp_path: Path) -> None:
    served = Served(tmp_path)
    with served.base() as kb:
        kb.add_texts([TextItem("a.md", "a", "限额。")], labels=["hr"])
    for body in ({"add": [f"conversation:{'0' * 32}"]}, {"remove": ["conversation:x"]}):
        for client in (served.client(admin=True), served.client(labels=["hr"], actions=["write", "read"])):
            assert client.patch("/api/v1/bases/default/documents/1", json=body).status_code == 403
    served.close()


def test_a_remembered_answer_is_not_for_who_may_read_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(assemble.BUILT_IN["generators"], "echo", f"{__name__}:Echo")  # type: ignore[arg-type]
    served = Served(tmp_path, SETTINGS)
    with served.base() as kb:
        kb.add_texts([TextItem("a.md", "题", "龘龘差旅住宿限额为 650 元。")], labels=["hr"])
    body = {"question": "差旅住宿限额是多少？"}
    path = "/api/v1/bases/default/ask"
    hr = served.client(labels=["hr"])
    assert [hr.post(path, json=body).json()["cached"] for _ in range(2)] == [False, True]
    # Another key with the same labels may be told what was written for the first.
    assert served.client(labels=["hr"]).post(path, json=body).json()["cached"]
    for other in (served.client(labels=["public"]), served.client()):
        reply = other.post(path, json=body)
        assert not reply.json()["cached"]
        assert "龘" not in reply.text
    with served.base() as kb:
        kb.label([1], add=["public"], remove=["hr"])
    reply = hr.post(path, json=body)
    assert "龘" not in reply.text
    assert not reply.json()["cached"]
    served.close()


@pytest.mark.parametrize("how", ["unlabelled", "removed"])
def test_what_was_said_in_a_conversation_is_gone_with_the_right_to_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setitem(assemble.BUILT_IN["generators"], "echo", f"{__name__}:Echo")  # type: ignore[arg-type]
    served = Served(tmp_path, SETTINGS)
    with served.base() as kb:
        kb.add_texts([TextItem("a.md", "题", "龘龘差旅住宿限额为 650 元。")], labels=["hr", "x"])
    client = served.client(labels=["hr"])
    talks = "/api/v1/bases/default/conversations"
    token = client.post(talks, json={}).json()["token"]
    client.post(f"{talks}/{token}/ask", json={"question": "差旅住宿限额是多少？"})
    ways = ("", "/export", "/export?format=json", "/turns/1/events")
    assert all("龘" in client.get(f"{talks}/{token}{way}").text for way in ways)
    with served.base() as kb:
        kb.label([1], remove=["hr"]) if how == "unlabelled" else kb.remove([1])
    for way in ways:
        assert "龘" not in client.get(f"{talks}/{token}{way}").text, way
    following = client.post(f"{talks}/{token}/ask", json={"question": "它由谁核定？"})
    assert "龘" not in following.text
    served.close()


def test_jobs_about_the_files_of_a_conversation_are_their_owners(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.base().close()
    owner, admin, other = served.client(labels=["hr"]), served.client(admin=True), served.client(labels=["hr"])
    talks = "/api/v1/bases/default/conversations"
    token = owner.post(talks, json={}).json()["token"]
    sent = owner.post(f"{talks}/{token}/files", files=[("files", ("龘龘私人.txt", "限额".encode()))])
    assert sent.status_code == 202, sent.text
    job = sent.json()["job"]
    assert [one["job"] for one in owner.get("/api/v1/jobs").json()["jobs"]] == [job]
    for client in (admin, other):
        assert client.get("/api/v1/jobs").json()["jobs"] == []
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("GET", "/events")):
            hidden = client.request(method, f"/api/v1/jobs/{job}{path}")
            never = client.request(method, f"/api/v1/jobs/{'0' * 32}{path}")
            assert (hidden.status_code, hidden.json()["kind"]) == (404, "NotFound")
            assert hidden.json()["detail"].replace(job, "0" * 32) == never.json()["detail"]
        assert client.get(f"{talks}/{token}/files").status_code == 404
        assert client.post(f"{talks}/{token}/files", files=[("files", ("a.txt", b"x"))]).status_code == 404
    assert owner.get(f"/api/v1/jobs/{job}").json()["files"] == [f"conversation:{token}/龘龘私人.txt"]
    served.close()


def test_of_labels_everybody_sees_their_own(tmp_path: Path) -> None:
    """Labels are names of departments and projects: a document that many may read does not tell of the others."""
    served = Served(tmp_path / "home", SETTINGS[1:])
    with served.base() as kb:
        kb.add_texts(
            [TextItem("差旅.md", "差旅", "差旅住宿限额是 650 元。")], labels=["public", "并购案", "人事（甲）"]
        )
        (document,) = kb.documents()
        (chunk,) = kb.chunks(document.id)
    base, question = "/api/v1/bases/default", "差旅住宿限额是多少？"

    def replies(client: Any) -> Iterator[httpx.Response]:
        yield client.post(f"{base}/search", json={"query": question, "explain": True})
        yield client.post(f"{base}/ask", json={"question": question})
        yield client.post(f"{base}/ask", json={"question": question, "stream": True})
        yield client.get(f"{base}/documents")
        for part in ("", "text", "chunks"):
            yield client.get(f"{base}/documents/{document.id}", params={"part": part})
        yield client.get(f"{base}/passages/{chunk.chunk}", params={"around": 1})
        yield client.patch(f"{base}/documents/{document.id}", json={"add": ["public"]})
        token = client.post(f"{base}/conversations", json={}).json()["token"]
        talk = f"{base}/conversations/{token}"
        yield client.post(f"{talk}/ask", json={"question": question})
        yield client.post(f"{talk}/ask", json={"question": question, "stream": True})
        for path in ("", "/export", "/export?format=json", "/turns/1/events"):
            yield client.get(f"{talk}{path}")
        yield client.patch(talk, json={"title": "住宿"})
        yield client.post(
            "/v1/chat/completions", json={"model": "default", "messages": [{"role": "user", "content": question}]}
        )
        for name, given in (
            ("search", {"question": question}),
            ("ask", {"question": question}),
            ("read_passage", {"chunk": chunk.chunk}),
            ("list_documents", {}),
        ):
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": given}}
            yield client.post("/mcp", json=call)

    told = 0
    for reply in replies(served.client(labels=["public"], actions=OTHERS)):
        assert reply.status_code == 200, reply.text
        assert "差旅" in reply.text or "住宿" in reply.text
        assert "并购案" not in reply.text
        assert "人事（甲）" not in reply.text
        told += '"public"' in reply.text
    assert told >= 15
    assert sum("并购案" in reply.text for reply in replies(served.client(admin=True))) == told
    served.close()


def test_word_lists_are_held_over_every_way_to_read_a_document(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("并购案 | mask\n绝密 | block\n", encoding="utf-8")
    served = Served(tmp_path / "home", [*SETTINGS[1:], f'guard.words=["{words}"]'])
    with served.base() as kb:
        kb.add_texts(
            [TextItem("a.md", "差旅", "差旅限额：併購案按 650 元。"), TextItem("b.md", "值班", "值班表。绝密甲")]
        )
        chunks = {one.source: kb.chunks(one.id)[0] for one in kb.documents()}
    (masked, blocked), base = (chunks[name] for name in ("a.md", "b.md")), "/api/v1/bases/default"

    def tool(client: Any, chunk: int) -> str:
        params = {"name": "read_passage", "arguments": {"chunk": chunk}}
        return client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).text

    for grant in ({"labels": ["public"], "actions": OTHERS}, {"admin": True}):
        client = served.client(**grant)
        shown = [
            client.get(f"{base}/passages/{masked.chunk}").text,
            client.get(f"{base}/documents/{masked.document}?part=text").text,
            client.get(f"{base}/documents/{masked.document}?part=chunks").text,
            tool(client, masked.chunk),
        ]
        for text in shown:
            assert "■■■按 650" in text
            assert "併購案" not in text
        assert client.get(f"{base}/passages/{blocked.chunk}").status_code == 404
        assert "There is no chunk" in tool(client, blocked.chunk)
        assert client.get(f"{base}/documents/{blocked.document}?part=text").json()["text"].endswith("值班表。")
        assert client.get(f"{base}/documents/{blocked.document}?part=chunks").json()["chunks"] == []
    served.close()
