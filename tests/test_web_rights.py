"""Every page and every kind of caller: what they are let do, what else holds at every door, and what no story may show.

The table has a line for each route of the pages. A route that is not in it fails the test: whoever adds one says here
who may use it.
"""

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from service_fixtures import URL, Served, with_chat
from starlette.testclient import TestClient

from qianxun import TextItem, assemble
from qianxun.chat.ids import Place
from qianxun.evaluation.question_sets.drafts import Drafts
from qianxun.evaluation.question_sets.records import Question
from qianxun.records import CHUNK_BITS
from qianxun.service.jobs.runner import run_jobs
from qianxun.service.pages import SESSION, is_open, is_page
from qianxun.storage.keys import USUAL, Grant
from qianxun.web.site import POLICY

SAMPLE: Final = Path(str(resources.files("qianxun.samples"))) / "documents" / "legal" / "数据保存与销毁制度.pdf"
EVERYTHING: Final = ("search", "ask", "read", "feedback", "write", "evaluate")

# Who asks, as a grant: None shows no key, "ended" shows the session of a key that was revoked.
KINDS: Final[dict[str, dict[str, Any] | None]] = {
    "nobody": None,
    "reader": {"labels": ["public"]},
    "editor": {"labels": ["public"], "actions": [*USUAL, "write"]},
    "evaluator": {"labels": ["public"], "actions": [*USUAL, "evaluate"]},
    "overseer": {"labels": None, "actions": [*USUAL, "evaluate"]},
    "admin": {"admin": True},
    "elsewhere": {"labels": None, "actions": EVERYTHING, "bases": ["others"]},
    "ended": {"labels": ["public"]},
}
YES, NO, GONE, WHO, BAD = "let", "403", "404", "401", "400"


def _for(**outcomes: str) -> dict[str, str]:
    """An outcome for each kind of caller; `everybody` for those that are not named."""
    usual = outcomes.pop("everybody", YES)
    return {kind: WHO if kind == "ended" and kind not in outcomes else outcomes.get(kind, usual) for kind in KINDS}


OPEN = _for(ended=YES)
# There is no identity provider here; tests/test_oidc.py has one.
ABSENT = _for(everybody=GONE, ended=GONE)
READING = _for(elsewhere=GONE)
WRITING = _for(everybody=NO, editor=YES, admin=YES, elsewhere=GONE)
KEEPING = _for(everybody=NO, admin=YES)
MEASURING = _for(everybody=NO, evaluator=YES, overseer=YES, admin=YES, elsewhere=YES)
MEASURING_HERE = {**MEASURING, "elsewhere": GONE}
SETS = _for(everybody=NO, overseer=YES, admin=YES, elsewhere=YES)
# Of somebody else: there for administrators only.
ANOTHERS = _for(everybody=GONE, admin=YES)
ANOTHERS_RUN = _for(everybody=NO, evaluator=GONE, overseer=GONE, admin=YES, elsewhere=GONE)

# Method and path of a route → (address of an example, form that is sent, who is let).
# {id}: a document, {job}, {run}: of nobody here, {set}, {frozen}: question sets, {new}: a name that was never used.
ROUTES: Final[dict[tuple[str, str], tuple[str, dict[str, Any], dict[str, str]]]] = {
    ("GET", "/static/{name}"): ("/static/qianxun.css", {}, OPEN),
    ("GET", "/sign-in"): ("/sign-in", {}, OPEN),
    ("POST", "/sign-in"): ("/sign-in", {"key": "{key}"}, OPEN),
    ("GET", "/sign-in/oidc"): ("/sign-in/oidc", {}, ABSENT),
    ("GET", "/sign-in/oidc/back"): ("/sign-in/oidc/back?state=x&code=y", {}, ABSENT),
    ("POST", "/sign-out"): ("/sign-out", {}, _for()),
    ("GET", "/sign-out/oidc"): ("/sign-out/oidc", {}, ABSENT),
    ("POST", "/preferences"): ("/preferences", {"theme": "dark"}, OPEN),
    ("GET", "/"): ("/?q=数据&base=default", {}, READING),
    ("GET", "/answer"): ("/answer?q=数据保存多久？&base=default", {}, READING),
    ("GET", "/view/{base}/{id}"): ("/view/default/{id}?as=text", {}, READING),
    ("GET", "/view/{base}/{id}/page/{number}"): ("/view/default/{id}/page/1", {}, READING),
    ("GET", "/view/{base}/{id}/original"): ("/view/default/{id}/original", {}, READING),
    ("GET", "/library"): ("/library", {}, _for()),
    ("POST", "/library"): ("/library", {"name": "{new}"}, KEEPING),
    ("GET", "/library/{base}"): ("/library/default", {}, READING),
    ("GET", "/library/{base}/add"): ("/library/default/add", {}, WRITING),
    ("POST", "/library/{base}/documents"): ("/library/default/documents", {"files": b"words"}, WRITING),
    ("POST", "/library/{base}/addresses"): (
        "/library/default/addresses",
        {"addresses": "https://intranet.example/a"},
        WRITING,
    ),
    ("GET", "/library/{base}/sources"): ("/library/default/sources", {}, KEEPING),
    ("POST", "/library/{base}/sources/forget"): ("/library/default/sources/forget", {"of": "{source}"}, KEEPING),
    ("POST", "/library/{base}/upkeep"): ("/library/default/upkeep", {"job": "check"}, KEEPING),
    ("GET", "/library/{base}/duplicates"): ("/library/default/duplicates", {}, READING),
    ("GET", "/library/{base}/jobs"): ("/library/default/jobs", {}, READING),
    ("GET", "/library/{base}/jobs/{job}"): ("/library/default/jobs/{job}", {}, ANOTHERS),
    ("POST", "/library/{base}/jobs/{job}/stop"): ("/library/default/jobs/{job}/stop", {}, ANOTHERS),
    ("GET", "/library/{base}/split"): ("/library/default/split?document={text}", {}, WRITING),
    ("POST", "/library/{base}/split"): ("/library/default/split", {"text": "年假五天。", "beside": "fixed"}, WRITING),
    ("GET", "/library/{base}/remove"): ("/library/default/remove?id={text}", {}, WRITING),
    ("POST", "/library/{base}/remove"): ("/library/default/remove", {"id": "{text}"}, WRITING),
    ("GET", "/library/{base}/{id}"): ("/library/default/{id}", {}, READING),
    ("POST", "/library/{base}/{id}/labels"): ("/library/default/{text}/labels", {"add": "public"}, WRITING),
    ("GET", "/quality"): ("/quality", {}, MEASURING),
    ("POST", "/quality/runs"): ("/quality/runs", {"base": "default", "questions": "年假？ | 五天"}, MEASURING_HERE),
    ("GET", "/quality/runs/{id}"): ("/quality/runs/{run}", {}, ANOTHERS_RUN),
    ("POST", "/quality/runs/{id}/cancel"): ("/quality/runs/{run}/cancel", {}, ANOTHERS_RUN),
    # Neither has figures: what is let gets that far.
    ("GET", "/quality/compare"): ("/quality/compare?a={run}&b={run}", {}, {**ANOTHERS_RUN, "admin": BAD}),
    ("GET", "/quality/unanswered"): ("/quality/unanswered?base=default", {}, MEASURING_HERE),
    ("GET", "/quality/feedback"): ("/quality/feedback?base=default", {}, MEASURING_HERE),
    ("GET", "/quality/sets"): ("/quality/sets", {}, SETS),
    ("GET", "/quality/sets/{name}"): ("/quality/sets/{set}", {}, SETS),
    ("GET", "/quality/question"): ("/quality/question", {}, SETS),
    ("POST", "/quality/question"): (
        "/quality/question",
        {"set": "{set}", "question": "几天？", "answerable": "no"},
        SETS,
    ),
    ("POST", "/quality/sets/{name}/remove"): ("/quality/sets/{set}/remove", {"id": "q1"}, SETS),
    ("POST", "/quality/sets/{name}/freeze"): ("/quality/sets/{set}/freeze", {}, SETS),
    ("POST", "/quality/sets/{name}/begin"): ("/quality/sets/{frozen}/begin", {}, SETS),
}
ROWS: Final = sorted(ROUTES, key=lambda route: (route[1], route[0]))
# These change nothing that is kept by the service.
UNKEPT: Final = {("POST", "/preferences"), ("POST", "/library/{base}/split")}


class Pages(Served):
    """A service with a knowledge base, and browsers of whom one likes."""

    def __init__(self, home: Path, overrides: Any = ()) -> None:
        super().__init__(home, overrides)
        self.n = 0
        with self.base() as kb:
            kb.add_handed({"制度/保存.pdf": SAMPLE}, labels=["public"])
            self.id = kb.documents()[0].id

    def browser(self, kind: str, **limits: int) -> TestClient:
        """Somebody of a kind, in a browser."""
        client = TestClient(self.app, base_url=URL, raise_server_exceptions=False, headers={"Origin": URL})
        grant = KINDS[kind]
        if grant is None:
            return client
        if kind == "ended":
            key, secret = self.service.keys.create("陈", Grant(frozenset(("public",)), None, frozenset(USUAL)))
            self.service.keys.revoke(key.id)
        else:
            secret = self.key(**grant, **limits)
        client.cookies.set(SESSION, self.service.sessions.begin(secret, self.lasting))
        return client

    @property
    def lasting(self) -> Any:
        from datetime import timedelta

        return timedelta(hours=1)

    def example(self, route: tuple[str, str]) -> tuple[str, dict[str, Any]]:
        """An address and a form that could be served, of things that are there."""
        address, form, _ = ROUTES[route]
        self.n += 1
        known: dict[str, Any] = {"id": self.id, "new": f"新-{self.n}", "set": f"set-{self.n}", "frozen": "frozen"}
        wanted = str((address, form))
        if "{text}" in wanted:
            with self.base() as kb:
                kb.add_texts([TextItem(f"text-{self.n}", "一", f"年假 {self.n} 天。")], labels=["public"])
                known["text"] = max(one.id for one in kb.documents())
        if "{source}" in wanted:
            folder = self.home / f"folder-{self.n}"
            folder.mkdir()
            with self.base() as kb:
                kb.add([folder])
                known["source"] = kb.sources()[-1].address
        if "{job}" in wanted:
            known["job"] = self.service.jobs.submit("add", "default", owner="key:another", arguments={}).token
        if "{run}" in wanted:
            known["run"] = self.service.jobs.submit("evaluate", "default", owner="key:another", arguments={}).token
        if "{key}" in wanted:
            known["key"] = self.key()
        drafts = Drafts(self.home / "questions")
        if "{set}" in wanted:
            drafts.put(known["set"], Question("", "年假有几天？", ("五天",)), made="2026-01-01T00:00:00+00:00")
        if "{frozen}" in wanted:
            known["frozen"] = self._frozen(drafts)
        filled = {name: value.format(**known) if isinstance(value, str) else value for name, value in form.items()}
        return address.format(**known), filled

    def _frozen(self, drafts: Drafts) -> str:
        """A frozen set without its draft, so that one can be begun."""
        name, made = f"begun-{self.n}", "2026-01-01T00:00:00+00:00"
        drafts.put(name, Question("", "年假有几天？", ("五天",)), made=made)
        frozen = drafts.freeze(name, made=made)
        (self.home / "questions" / f"{name}.jsonl").unlink()
        return frozen

    def ask(self, client: TestClient, route: tuple[str, str], **headers: str) -> httpx.Response:
        """The reply to an example of a route."""
        address, form = self.example(route)
        files = {name: (f"{self.n}.txt", form.pop(name)) for name in list(form) if isinstance(form[name], bytes)}
        return client.request(
            route[0], address, data=form or None, files=files or None, headers=headers, follow_redirects=False
        )


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    made = Pages(tmp_path_factory.mktemp("家"))
    made.base("others").close()
    yield made
    made.close()


def outcome(reply: httpx.Response) -> str:
    return YES if reply.status_code < 400 else str(reply.status_code)


def routes_of(app: Any) -> set[tuple[str, str]]:
    """Method and path of every route of the pages."""
    found = set()
    for route in app.routes:
        inner = route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]
        for one in inner:
            path = getattr(one, "path_format", "") or getattr(one, "path", "")
            if path.startswith("/static/") or (path and is_page(path)):
                found |= {(method, path) for method in one.methods or () if method != "HEAD"}
    return found


def test_every_route_is_in_the_table(pages: Pages) -> None:
    assert routes_of(pages.app) == set(ROUTES)


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_is_let_do_what_the_table_says(pages: Pages, kind: str) -> None:
    wrong = []
    for route in ROWS:
        reply = pages.ask(pages.browser(kind), route)
        if outcome(reply) != ROUTES[route][2][kind]:
            wrong.append((route, reply.status_code, ROUTES[route][2][kind]))
    assert not wrong


def test_every_page_has_its_headers(pages: Pages) -> None:
    for route in ROWS:
        for kind in ("admin", "ended"):
            headers = pages.ask(pages.browser(kind), route).headers
            assert headers["x-content-type-options"] == "nosniff", route
            assert headers["x-frame-options"] == "DENY", route
            assert headers["cross-origin-resource-policy"] == "same-origin", route
            if route[1] == "/static/{name}":
                continue
            assert headers["cache-control"] in ("no-store", "private, no-cache"), route
            assert "frame-ancestors 'none'" in headers["content-security-policy"], route
            if headers.get("content-type", "").startswith("text/html"):
                assert headers["content-security-policy"] == POLICY, route
                assert headers["cross-origin-opener-policy"] == "same-origin", route
            if route[1].endswith("/original") and kind == "admin":
                assert headers["content-type"] == "application/octet-stream"
                assert headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:9000", "https://127.0.0.1:8000"]
)
def test_no_page_of_another_origin_changes_anything(pages: Pages, origin: str | None) -> None:
    """Also not as a form with files, and not where no Origin is sent at all."""
    client = pages.browser("admin")
    if origin is None:
        del client.headers["Origin"]
    else:
        client.headers["Origin"] = origin
    for route in ROWS:
        if route[0] == "GET" or (origin is None and is_open(route[1])):
            continue  # who signs in or prefers something by a program brings no cookie
        jobs = len(pages.service.jobs.all())
        address, form = pages.example(route)
        made = len(pages.service.jobs.all()) - jobs
        for files in (None, {"files": ("x.txt", b"words")}):
            reply = client.post(address, data=form, files=files, follow_redirects=False)
            assert reply.status_code == 403, (route, origin)
            assert "set-cookie" not in reply.headers
        assert len(pages.service.jobs.all()) == jobs + made
    assert client.get("/library").status_code == 200  # still signed in


CROSS: Final = (
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
)


@pytest.mark.parametrize("kind", ["nobody", "admin"])
def test_pages_of_elsewhere_set_nothing_going_and_learn_nothing(pages: Pages, kind: str) -> None:
    """Pictures and scripts of other sites, and of other ports of this host, to which browsers send the cookie, too."""
    client = pages.browser(kind)
    for route in ROWS:
        if route[0] == "GET" and not is_open(route[1]):
            for headers in CROSS:
                assert pages.ask(client, route, **headers).status_code == 403, route
    # By a link one comes in, and by an address that one types.
    for headers in (
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ):
        assert client.get("/?q=数据", headers=headers).status_code == 200


def test_limits_hold_at_every_page(pages: Pages) -> None:
    for route in ROWS:
        if is_open(route[1]) or KINDS["editor"] is None:
            continue
        client = pages.browser("editor", requests_per_minute=1)
        assert client.get("/library").status_code == 200
        reply = pages.ask(client, route)
        assert reply.status_code == 429, route
        assert int(reply.headers["retry-after"]) >= 1
        assert reply.headers["content-type"].startswith("text/html")


def test_signing_in_is_limited_as_any_other_request(pages: Pages) -> None:
    """Or whoever has one key would fill the disk with sessions."""
    client = TestClient(pages.app, base_url=URL, headers={"Origin": URL})
    given = {"key": pages.key(requests_per_minute=2)}
    replies = [client.post("/sign-in", data=given, follow_redirects=False) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [303, 303, 429]
    assert "set-cookie" not in replies[2].headers


def test_a_full_house_says_when_to_come_again(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    for lane in pages.service.lanes.values():
        monkeypatch.setattr(lane, "_queue", 0)
        monkeypatch.setattr(lane._free, "locked", lambda: True)
    for route in (("GET", "/"), ("GET", "/view/{base}/{id}"), ("GET", "/library/{base}"), ("GET", "/quality")):
        reply = pages.ask(pages.browser("admin"), route)
        assert reply.status_code == 503, route
        assert int(reply.headers["retry-after"]) >= 1
        assert reply.headers["content-type"].startswith("text/html")


def test_every_change_is_in_the_audit_before_its_reply(pages: Pages) -> None:
    audit = assemble.audit(pages.service.settings, pages.service.database)
    for route in ROWS:
        if route[0] == "GET" or route in UNKEPT:
            continue
        reply = pages.ask(pages.browser("admin"), route)
        assert reply.status_code < 400, route
        newest = next(iter(audit.rows(newest_first=True)))
        assert (newest.body["method"], newest.body["route"]) == route
        assert newest.body["changes"] is True, route


def test_parts_of_a_page_that_cannot_stand_alone_are_none(pages: Pages) -> None:
    """Or anybody could have the service fail, and its operator woken, by asking for one."""
    client = pages.browser("admin")
    for route in ROWS:
        if route[0] == "GET" and not is_open(route[1]) and "{number}" not in route[1]:
            for part in ("main", "head", "documents", "job", "answer", "x"):
                reply = pages.ask(client, route, **{"X-Qianxun-Part": part})
                assert reply.status_code < 500, (route, part)


# -- stories -----------------------------------------------------------------------------------------------

LABELS: Final = ("hr", "人事", "public")
BASES: Final = ("wiki", "制度")
# Words that are in nothing else; of each document one in its text, one in its title, one in its source.
RARE: Final = "鼋鼍鼐鼒鼗鼙鼢鼩鼫鼬鼯鼱鼷鼹齁齄齆齉龀龃龅龆龇龈龉龊龌龛龠龢"
labelled = st.frozensets(st.sampled_from(LABELS), max_size=2)
pick = st.integers(0, 99)


@dataclass
class Doc:
    """A document as it should be. One with a `talk` is the file of a conversation, and nobody's here."""

    base: str
    id: int
    words: tuple[str, str, str]
    labels: set[str]
    talk: bool = False

    @property
    def title(self) -> str:
        return self.words[1]


@dataclass
class Person:
    """Somebody in a browser, as they should be."""

    browser: TestClient
    secret: str
    id: str
    labels: frozenset[str] | None
    bases: frozenset[str] | None
    actions: frozenset[str]
    holds: bool = True

    def may(self, action: str) -> bool:
        return self.holds and bool({action, "admin"} & self.actions)

    def may_use(self, base: str) -> bool:
        return self.holds and (self.bases is None or base in self.bases)

    def sees(self, doc: Doc) -> bool:
        return self.may_use(doc.base) and not doc.talk and (self.labels is None or bool(self.labels & doc.labels))


@dataclass
class World:
    """All that there is, and the words of what there was."""

    docs: list[Doc] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    gone: list[Doc] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    n_made: int = 0
    n_looked: int = 0


class Stories(RuleBasedStateMachine):
    """A service and people in browsers. After each step somebody looks at all pages that there are for them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.served = Served(Path(self.folder.name), ["feedback.keep_questions=true", "audit.questions=text"])
        self.app = with_chat(self.served)
        self.kbs = {name: self.served.base(name) for name in BASES}
        self.world = World()

    def teardown(self) -> None:
        for kb in self.kbs.values():
            kb.close()
        self.served.close()
        self.folder.cleanup()

    # -- the world -----------------------------------------------------------------------------------

    def put(self, base: str, labels: frozenset[str], twin: Doc | None = None, *, talk: bool = False) -> None:
        n = self.world.n_made = self.world.n_made + 1
        said, title, source = (f"{RARE[n % len(RARE)]}{RARE[n // len(RARE)]}{part}" for part in "甲乙丙")
        said = twin.words[0] if twin else said
        folder = f"conversation:{n:032x}/" if talk else ""
        text = f"差旅住宿限额的说明：{said}的住宿限额为 650 元，limit 由{said}核定，加班另定。"
        item = TextItem(f"{folder}{source}.md", title, text)
        self.kbs[base].add_texts([item], labels=[f"conversation:{n:032x}"] if talk else sorted(labels))
        id = max(one.id for one in self.kbs[base].documents())
        if not labels and not talk:  # without any it has those of the settings
            self.kbs[base].label([id], remove=self.kbs[base].document(id).labels)
        self.world.docs.append(Doc(base, id, (said, title, source), set(labels), talk))

    def come(
        self,
        labels: frozenset[str] | None = None,
        bases: frozenset[str] | None = None,
        actions: frozenset[str] = frozenset(),
    ) -> None:
        grant = Grant(labels, bases, actions) if actions else Grant.everything()  # type: ignore[arg-type]
        key, secret = self.served.service.keys.create("陳", grant)
        browser = TestClient(self.app, base_url=URL, raise_server_exceptions=False, headers={"Origin": URL})
        assert browser.post("/sign-in", data={"key": secret}, follow_redirects=False).status_code == 303
        self.world.people.append(Person(browser, secret, key.id, grant.labels, grant.bases, grant.actions))

    @initialize(sets=st.lists(labelled, min_size=4, max_size=6))
    def begin(self, sets: list[frozenset[str]]) -> None:
        for place, labels in enumerate(sets):
            self.put(BASES[place % 2], labels)
        self.put("wiki", frozenset(), talk=True)
        nobody = TestClient(self.app, base_url=URL, raise_server_exceptions=False, headers={"Origin": URL})
        reading = frozenset(("search", "ask", "read"))
        self.world.people.append(Person(nobody, "", "", frozenset(("public",)), None, reading))
        self.come()
        self.come(frozenset(("hr", "public")), None, frozenset(EVERYTHING))
        self.come(frozenset(("人事",)), frozenset(("制度",)), frozenset(EVERYTHING))

    def who(self, n: int) -> Person:
        return self.world.people[n % len(self.world.people)]

    def doc(self, n: int) -> Doc:
        return self.world.docs[n % len(self.world.docs)]

    def expected(self, who: Person, action: str, doc: Doc) -> int:
        """The status of a form about a document that is there."""
        if not who.holds:
            return 401
        return 303 if who.may(action) and who.sees(doc) else 404 if who.may(action) else 403

    # -- what happens ------------------------------------------------------------------------------------

    @rule(base=st.sampled_from(BASES), labels=labelled)
    def add(self, base: str, labels: frozenset[str]) -> None:
        self.put(base, labels)

    @rule(n=pick, labels=labelled)
    def add_twin(self, n: int, labels: frozenset[str]) -> None:
        """Another document that says the same."""
        self.put(self.doc(n).base, labels, twin=self.doc(n))

    @rule(n=pick, about=pick, add=labelled, take=labelled)
    def label(self, n: int, about: int, add: frozenset[str], take: frozenset[str]) -> None:
        """On the page of the document; in force for the next request."""
        who, doc = self.who(n), self.doc(about)
        given = add - take
        if not given | take:
            return
        form = {"add": ",".join(sorted(given)), "remove": sorted(take)}
        reply = who.browser.post(f"/library/{quote(doc.base)}/{doc.id}/labels", data=form, follow_redirects=False)
        expected, after = self.expected(who, "write", doc), (doc.labels | given) - take
        if expected == 303 and who.labels is not None and not ((given | take) <= who.labels and after & who.labels):
            expected = 403
        assert reply.status_code == expected
        if expected == 303:
            doc.labels = set(after)

    @rule(n=pick, about=pick, purge=st.booleans())
    def remove(self, n: int, about: int, purge: bool) -> None:
        who, doc = self.who(n), self.doc(about)
        form = {"id": str(doc.id), "purge": "true" if purge else ""}
        reply = who.browser.post(f"/library/{quote(doc.base)}/remove", data=form, follow_redirects=False)
        expected = self.expected(who, "write", doc)
        assert reply.status_code == expected
        if expected == 303:
            self.world.docs.remove(doc)
            self.world.gone.append(doc)
            if not self.world.docs:
                self.put("wiki", frozenset(("public",)))

    @rule(
        labels=st.none() | labelled, few=st.booleans(), actions=st.frozensets(st.sampled_from(EVERYTHING), min_size=3)
    )
    def somebody_signs_in(self, labels: frozenset[str] | None, few: bool, actions: frozenset[str]) -> None:
        self.come(labels, frozenset(("wiki",)) if few else None, actions)

    @rule(n=pick, how=st.sampled_from(("sign out", "revoke", "rotate")))
    def somebody_goes(self, n: int, how: str) -> None:
        """Then the browser's cookie opens nothing, whoever else has the key."""
        who = self.who(n)
        if not who.secret or not who.holds or "admin" in who.actions:
            return
        kept = who.browser.cookies[SESSION]
        if how == "sign out":
            assert who.browser.post("/sign-out", follow_redirects=False).status_code == 303
        elif how == "revoke":
            self.served.service.keys.revoke(who.id)
        else:
            self.served.service.keys.rotate(who.id)
        # A page that says so has the browser forget it; others might send it all the same.
        who.browser.cookies.clear()
        who.browser.headers["Cookie"] = f"{SESSION}={kept}"
        who.holds = False

    @rule(n=pick, about=pick)
    def judge(self, n: int, about: int) -> None:
        """What somebody thinks of a passage goes into the inbox, and with the passage out of it."""
        who, doc = self.who(n), self.doc(about)
        if who.secret and who.may("feedback") and who.sees(doc):
            body = {"kind": "up", "question": "限额？", "chunks": [doc.id << CHUNK_BITS], "comment": "好"}
            headers = {"Authorization": f"Bearer {who.secret}"}
            path = f"/api/v1/bases/{doc.base}/feedback"
            assert who.browser.post(path, json=body, headers=headers).status_code == 201

    @rule(n=pick, base=st.sampled_from(BASES))
    def measure(self, n: int, base: str) -> None:
        who = self.who(n)
        if not (who.secret and who.may("evaluate") and who.may_use(base)) or len(self.world.runs) > 2:
            return
        form = {"base": base, "questions": "差旅住宿限额是多少？ | 650\n加班另定吗？ | 另定"}
        reply = who.browser.post("/quality/runs", data=form, follow_redirects=False)
        assert reply.status_code == 303
        run_jobs(self.served.settings, threading.Event(), nice=0, until_empty=True)
        self.world.runs.append(reply.headers["location"].rpartition("/")[2])

    # -- what is seen --------------------------------------------------------------------------------------

    @invariant()
    def nobody_sees_what_is_not_for_them(self) -> None:
        if not self.world.people:
            return
        self.world.n_looked += 1
        who = self.who(self.world.n_looked)
        seen = {word for doc in self.world.docs if who.sees(doc) for word in doc.words}
        hidden = {word for doc in (*self.world.docs, *self.world.gone) for word in doc.words} - seen
        for address in self.addresses():
            reply = who.browser.get(address, follow_redirects=False)
            assert reply.status_code < 500, (address, reply.text)
            if not who.holds:
                assert reply.status_code == 401, address
            told = f"{reply.text}\n{reply.headers}"
            for word in hidden:
                assert word not in told, f"{word} is on {address}"
        self.all_is_there(who)

    def all_is_there(self, who: Person) -> None:
        """What somebody may see, they do."""
        for base in BASES if who.may("read") else ():
            page = who.browser.get(f"/library/{quote(base)}")
            assert page.status_code == (200 if who.may_use(base) else 404)
            titles = {doc.title for doc in self.world.docs if doc.base == base and who.sees(doc)}
            assert {title for title in titles if title in page.text} == titles
        doc = next((doc for doc in self.world.docs if who.may("read") and who.sees(doc)), None)
        if doc is not None:
            assert doc.words[0] in who.browser.get(f"/view/{quote(doc.base)}/{doc.id}").text
            if who.may("ask"):
                source = f"/chat/source/{quote(doc.base)}/{doc.id << CHUNK_BITS}"
                assert doc.words[0] in who.browser.get(source).text

    def addresses(self) -> Iterator[str]:
        """Every page, and of documents, those that are gone too, a few of each time."""
        yield from ("/", "/library", "/quality", "/quality/unanswered", "/quality/sets", "/chat/")
        for base in map(quote, BASES):
            yield f"/?q=限额&k=100&base={base}"
            yield f"/answer?q=差旅住宿限额是多少？&base={base}"
            yield f"/library/{base}?q=丙"
            for rest in ("duplicates?least=10", "jobs", "sources", "add"):
                yield f"/library/{base}/{rest}"
            yield f"/quality/feedback?base={base}"
        for run in self.world.runs[-2:]:
            yield f"/quality/runs/{run}"
        about = [*self.world.docs, *self.world.gone[-3:]]
        for doc in (about[(self.world.n_looked + place) % len(about)] for place in range(3)):
            base, chunk = quote(doc.base), doc.id << CHUNK_BITS
            yield f"/view/{base}/{doc.id}?from=0&to=9"
            yield f"/view/{base}/{doc.id}/original"
            yield f"/library/{base}/{doc.id}"
            yield f"/library/{base}/remove?id={doc.id}"
            yield f"/library/{base}/split?document={doc.id}"
            yield f"/chat/source/{base}/{chunk}?from=0&to=9&of={Place(doc.base, '0' * 32, 1, 'a').id}"


TestStories = Stories.TestCase
TestStories.settings = settings(
    max_examples=3,
    stateful_step_count=10,
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
        max_examples=60,
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Stories, settings=settings_of_many)
