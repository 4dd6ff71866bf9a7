"""The quality pages: who sees what, figures as the command line prints them, frozen sets that are never changed."""

import html
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_fixtures import URL, Served
from starlette.testclient import TestClient

import qianxun
from qianxun.cli.main import main
from qianxun.errors import InputError, NotFound
from qianxun.evaluation.answers.comparing import compare_answers
from qianxun.evaluation.comparing.sides import Given, Note
from qianxun.evaluation.comparison import compared
from qianxun.evaluation.question_sets.drafts import Drafts
from qianxun.evaluation.question_sets.file import read_questions
from qianxun.evaluation.question_sets.records import Evidence, Question
from qianxun.records import Asker
from qianxun.service.jobs.runner import run_jobs
from qianxun.storage.keys import USUAL
from qianxun.web.quality_plots import Point, trend

LEAVE = "年假：工作满一年的员工每年有五天带薪年假。"
STIPEND = "值班補貼：On-call engineers receive 300 yuan a night."
TRAVEL = "出差报销：住宿费每天不超过五百元（含税）。"
ASKED = "年假有几天？ | 五天 | 5天\nHow much do on-call engineers receive? | 300 yuan\n月球上有几家分公司？\n"
EVALUATES = [*USUAL, "evaluate"]
NASTY = '<script>alert("年假")</script>'


class Quality(Served):
    """A service with three documents, two of one label."""

    def run(self) -> None:
        run_jobs(self.settings, threading.Event(), nice=0, until_empty=True)

    def evaluator(self, *labels: str) -> TestClient:
        return self.client(labels=labels or None, actions=EVALUATES)

    def started(self, client: TestClient, **form: str) -> str:
        """A run that is done; its id."""
        reply = client.post("/quality/runs", data={"base": "default", **form}, follow_redirects=False)
        assert reply.status_code == 303, reply.text
        self.run()
        return str(reply.headers["location"].rpartition("/")[2])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Quality]:
    made = Quality(tmp_path / "家", ["feedback.keep_questions=true", "audit.questions=text"])
    with made.base() as kb:
        for source, text, label in (
            ("人事/年假.txt", LEAVE, "hr"),
            ("人事/值班.txt", STIPEND, "hr"),
            ("财务/出差.txt", TRAVEL, "财务"),
        ):
            kb.add_texts([qianxun.TextItem(source, source, text)], labels=[label])
    yield made
    made.close()


def shown(client: TestClient, path: str, language: str = "en") -> str:
    """The text of a page, without its tags; checked for what no page may have."""
    reply = client.get(path, headers={"Accept-Language": language})
    assert reply.status_code == 200, reply.text
    assert not re.search(
        r"\sstyle=|<style|<script(?![^>]*src=)|\son[a-z]+=|(?:src|href)=\"(?:https?:|data:|//)", reply.text
    )
    return html.unescape(re.sub(r"<[^>]*>", " ", reply.text))


# -- who may -----------------------------------------------------------------------------------------------------------

PAGES = ("", "/unanswered", "/feedback", "/sets", "/question")


@pytest.mark.parametrize("path", PAGES)
def test_the_pages_are_for_who_may_evaluate(served: Quality, path: str) -> None:
    for client in (served.client(), served.client(labels=None)):
        assert client.get(f"/quality{path}").status_code == 403
    assert served.evaluator().get(f"/quality{path}").status_code == 200
    of_sets = path in ("/sets", "/question")
    assert served.evaluator("hr").get(f"/quality{path}").status_code == (403 if of_sets else 200)


def test_a_run_is_its_owners_and_administrators(served: Quality) -> None:
    hr, other = served.evaluator("hr"), served.evaluator("hr")
    id = served.started(hr, questions=ASKED)
    assert other.get(f"/quality/runs/{id}").status_code == 404
    assert other.get("/quality/compare", params={"a": id, "b": id}).status_code == 404
    assert other.post(f"/quality/runs/{id}/cancel").status_code == 404
    assert id not in other.get("/quality").text
    assert served.client(admin=True).get(f"/quality/runs/{id}").status_code == 200
    job = served.service.jobs.submit("check", "default", owner="").token
    assert served.client(admin=True).get(f"/quality/runs/{job}").status_code == 404


def test_answers_are_shown_as_far_as_their_documents_may_be_seen(served: Quality) -> None:
    admin = served.client(admin=True)
    id = served.started(admin, questions=ASKED)
    assert "五天带薪年假" in shown(admin, f"/quality/runs/{id}")
    job = served.service.jobs.get(id)
    # The same run, of a key whose labels reach none of it any more.
    few = served.evaluator("财务")
    (key,) = (one for one in served.service.keys.all() if one.grant.labels == frozenset(("财务",)))
    mine = served.service.jobs.submit(
        "evaluate", "default", owner=f"key:{key.id}", arguments={**job.arguments, "asker": []}
    )
    with served.service.database.transaction() as db:
        db.execute(
            "UPDATE jobs SET state = 'done', finished = created, result = (SELECT result FROM jobs WHERE token = ?) "
            "WHERE token = ?",
            (id, mine.token),
        )
    (served.home / "results" / id).rename(served.home / "results" / mine.token)
    text = shown(few, f"/quality/runs/{mine.token}")
    assert "五天带薪年假" not in text
    assert "answers are not shown" in text


def test_sets_by_name_are_for_who_sees_every_document(served: Quality) -> None:
    Drafts(served.home / "questions").put("秘密", Question("", "年假有几天？", ("五天",)), made="2026-01-01")
    hr = served.evaluator("hr")
    assert "秘密" not in hr.get("/quality").text
    assert hr.post("/quality/runs", data={"base": "default", "set": "秘密"}).status_code == 403
    for path, form in (
        ("/question", {"set": "秘密", "question": "何时？", "answers": "今天", "answerable": "yes"}),
        ("/sets/秘密/freeze", {}),
        ("/sets/秘密/begin", {}),
        ("/sets/秘密/remove", {"id": "q1"}),
    ):
        assert hr.post(f"/quality{path}", data=form).status_code == 403
    assert hr.get("/quality/sets/秘密").status_code == 403


def test_a_form_of_another_origin_changes_nothing(served: Quality) -> None:
    browser = TestClient(served.app, base_url=URL)
    signed = browser.post(
        "/sign-in", data={"key": served.key(admin=True)}, headers={"Origin": URL}, follow_redirects=False
    )
    assert signed.status_code == 303
    form = {"set": "草稿", "question": "年假有几天？", "answers": "五天", "answerable": "yes"}
    for origin in ("http://evil.example", "null"):
        assert browser.post("/quality/question", data=form, headers={"Origin": origin}).status_code == 403
        assert browser.post("/quality/runs", data={"base": "default"}, headers={"Origin": origin}).status_code == 403
    assert Drafts(served.home / "questions").all() == []
    assert browser.post("/quality/question", data=form, headers={"Origin": URL}).status_code == 200
    assert [one.name for one in Drafts(served.home / "questions").all()] == ["草稿"]


# -- runs --------------------------------------------------------------------------------------------------------------


def test_figures_are_those_that_the_command_line_prints(served: Quality, capsys: pytest.CaptureFixture[str]) -> None:
    drafts = Drafts(served.home / "questions")
    for question in (
        Question("", "年假有几天？", ("五天", "5天"), (Evidence("年假.txt", "五天带薪年假"),)),
        Question("", "How much do on-call engineers receive?", ("300 yuan",), (Evidence("值班.txt"),)),
        Question("", "月球上有几家分公司？", answerable=False),
    ):
        drafts.put("人事", question, made="2026-01-01")
    frozen = drafts.freeze("人事", made="2026-01-01")
    admin = served.client(admin=True)
    id = served.started(admin, set=frozen)
    file = served.home / "questions" / f"{frozen}.jsonl"
    options = [part for one in ("encoder.name=hash", f"home={served.home}") for part in ("--set", one)]
    assert main(["eval", "answers", str(file), "--json", *options]) == 0
    printed = json.loads(capsys.readouterr().out)
    text = " ".join(shown(admin, f"/quality/runs/{id}").split())
    for measure in printed["measures"].values():
        if measure is not None:
            low, high = measure["interval"]
            assert f"{measure['mean']:.4f} {low:.4f} … {high:.4f} {measure['n']}" in text
    for row in printed["results"]:
        assert row["question"] in text
        assert " ".join(row["answer"].split()) in text
    assert printed["questions"]["digest"] in text
    listed = " ".join(shown(admin, "/quality").split())
    mean = printed["measures"]["correctness"]
    assert f"correctness {mean['mean']:.4f} ( {mean['interval'][0]:.4f}".replace("( ", "(") in listed.replace("( ", "(")


def test_two_runs_are_compared_and_drawn_over_time(served: Quality) -> None:
    drafts = Drafts(served.home / "questions")
    for who in "甲乙丙丁戊己庚辛":
        drafts.put("多题", Question("", f"员工{who}每年有几天年假？", ("五天",)), made="2026-01-01")
    frozen = drafts.freeze("多题", made="2026-01-01")
    admin = served.client(admin=True)
    a = served.started(admin, set=frozen)
    with served.base() as kb:
        kb.remove([one.id for one in kb.documents() if "年假" in one.source])
    b = served.started(admin, set=frozen)
    text = " ".join(shown(admin, f"/quality/compare?a={a}&b={b}").split())
    assert "B is worse than A by correctness (p = 0.0078, at most 0.05 asked for)." in text
    assert "B is better than A" in shown(admin, f"/quality/compare?a={b}&b={a}")
    assert "correctness" not in shown(admin, f"/quality/compare?a={a}&b={b}", "zh")
    page = admin.get("/quality").text
    assert page.count('<circle class="dot"') == 2
    assert '<svg class="trend"' in page
    assert "over time" in page
    assert admin.get("/quality", params={"measure": "f1"}).status_code == 200
    for wrong in ({"a": a, "b": "0" * 32}, {"a": a, "b": "x"}):
        assert admin.get("/quality/compare", params=wrong).status_code in (404, 422)
    assert admin.get("/quality/compare", params={"a": a, "b": b, "measure": "beauty"}).status_code == 400


def test_runs_of_retrieval_compare_as_on_the_command_line(
    served: Quality, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = served.home / "questions" / "小集"
    (folder / "qrels").mkdir(parents=True)
    corpus = {"d1": LEAVE, "d2": STIPEND, "d3": TRAVEL}
    queries = {"q1": "年假几天", "q2": "住宿费每天多少", "q3": "on-call engineers a night"}
    for name, texts in (("corpus", corpus), ("queries", queries)):
        lines = [json.dumps({"_id": id, "text": text}, ensure_ascii=False) for id, text in texts.items()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    judged = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td3\t1\nq3\td2\t1\n"
    (folder / "qrels" / "test.tsv").write_text(judged, encoding="utf-8")
    admin = served.client(admin=True)
    a, b = (served.started(admin, set="小集", what="retrieval") for _ in range(2))
    files = []
    for id in (a, b):
        files.append(str(tmp_path / f"{id}.json"))
        Path(files[-1]).write_text(json.dumps(admin.get(f"/api/v1/jobs/{id}").json()["result"]), encoding="utf-8")
    assert main(["eval", "compare", *files, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    text = " ".join(shown(admin, f"/quality/compare?a={a}&b={b}").split())
    for row in printed["pooled"]:
        assert f"{row['measure']} {row['a']:.4f} {row['b']:.4f}" in text
    assert printed["verdict"] == "no difference"
    assert "No difference by nDCG@10 can be told from chance" in text
    one = " ".join(shown(admin, f"/quality/runs/{a}").split())
    for result in admin.get(f"/api/v1/jobs/{a}").json()["result"]["results"]:
        assert f"{result['mode']} {result['nDCG@10']:.4f} {result['MRR@10']:.4f}" in one
    answers = served.started(admin, questions=ASKED)
    assert admin.get("/quality/compare", params={"a": a, "b": answers}).status_code == 400


def test_a_run_that_waits_or_fails_is_shown_as_such(served: Quality) -> None:
    hr = served.evaluator("hr")
    reply = hr.post("/quality/runs", data={"base": "default", "questions": ASKED}, follow_redirects=False)
    address = reply.headers["location"]
    assert "waiting" in shown(hr, address) or "queued" in shown(hr, address)
    assert hr.get(address, headers={"X-Qianxun-Part": "run"}).text.lstrip().startswith("<p")
    assert hr.post(f"{address}/cancel", follow_redirects=False).status_code == 303
    assert "cancelled" in shown(hr, address)
    assert "已取消" in shown(hr, address, "zh")
    assert hr.post("/quality/runs", data={"base": "default", "questions": "  "}).status_code == 400
    assert hr.post("/quality/runs", data={"base": "没有", "questions": ASKED}).status_code == 404
    assert hr.post("/quality/runs", data={"base": "default", "what": "beauty", "questions": ASKED}).status_code == 400


# -- asked in vain -----------------------------------------------------------------------------------------------------


def asked(client: TestClient, question: str) -> str:
    reply = client.post("/api/v1/bases/default/ask", json={"question": question})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["verdict"])


def recorded(served: Served) -> None:
    """Waits until what was asked is in the audit."""
    import time

    time.sleep(0.3)


def test_questions_without_an_answer_are_shown_to_who_asked_and_to_administrators(served: Quality) -> None:
    hr, other, admin = served.evaluator("hr"), served.evaluator("hr"), served.client(admin=True)
    with hr, other:
        for question in (f"{NASTY} 月球分公司？", "冥王星的食堂几點開門？", "冥王星的食堂几点开门？"):
            assert asked(hr, question) == "no_evidence"
        assert asked(other, "土星上有几台打印机？") == "no_evidence"
        assert asked(hr, "年假有几天？") == "answered"
        recorded(served)
        mine = shown(hr, "/quality/unanswered")
        assert NASTY in mine
        assert "土星" not in mine
        assert NASTY not in hr.get("/quality/unanswered").text
        # Two writings of one question are one.
        assert len(re.findall("冥王星", mine)) == 1
        everybodys = shown(admin, "/quality/unanswered", "zh")
        assert "土星" in everybodys
        assert "显示所有人的提问" in everybodys
        assert "年假有几天" not in everybodys
        assert "土星" not in shown(admin, "/quality/unanswered?which=poor")
        assert admin.get("/quality/unanswered", params={"base": "没有"}).status_code == 404
        # Into a set, from there.
        (address, *_) = re.findall(r'href="(/quality/question\?asked=\d+)"', admin.get("/quality/unanswered").text)
        assert "冥王星" in admin.get(html.unescape(address)).text or "土星" in admin.get(html.unescape(address)).text
        assert hr.get(html.unescape(address)).status_code == 403


def test_where_no_text_is_kept_that_is_said(tmp_path: Path) -> None:
    served = Quality(tmp_path / "home")
    served.base().close()
    admin = served.client(admin=True)
    with admin:
        for _ in range(3):
            asked(admin, "月球上有几家分公司？")
        recorded(served)
        text = " ".join(shown(admin, "/quality/unanswered").split())
        assert "月球" not in text
        assert "The texts of questions are not kept" in text
        assert "text not kept 3" in text


# -- feedback ----------------------------------------------------------------------------------------------------------


def chunk_of(served: Quality, word: str) -> int:
    with served.base() as kb:
        (document,) = (one for one in kb.documents() if word in one.source)
        return kb.chunks(document.id)[0].chunk


def judged(client: TestClient, kind: str, question: str, *chunks: int, comment: str = "") -> None:
    reply = client.post(
        "/api/v1/bases/default/feedback",
        json={"kind": kind, "question": question, "chunks": list(chunks), "comment": comment},
    )
    assert reply.status_code == 201, reply.text


def test_the_inbox_shows_what_its_reader_may_read_all_of(served: Quality) -> None:
    admin, hr, money = served.client(admin=True), served.evaluator("hr"), served.evaluator("财务")
    leave, travel = chunk_of(served, "年假"), chunk_of(served, "出差")
    judged(hr, "up", f"年假几天？{NASTY}", leave, comment=f"很好！{NASTY}")
    judged(money, "down", "住宿標準？", travel, comment="过时了")
    judged(admin, "accepted", "both of them", leave, travel)
    everything = shown(admin, "/quality/feedback")
    assert everything.index("both of them") < everything.index("住宿標準") < everything.index("年假几天")
    assert f"很好！{NASTY}" in everything
    assert NASTY not in admin.get("/quality/feedback").text
    text = shown(hr, "/quality/feedback")
    assert "年假几天" in text
    assert "住宿標準" not in text
    assert "both of them" not in text
    assert "过时了" not in text
    assert "Into a question set" not in text
    assert "住宿標準" in shown(money, "/quality/feedback?kind=down", "zh")
    assert "年假几天" not in shown(admin, "/quality/feedback?kind=down")


def test_a_judgement_becomes_a_question_of_a_draft(served: Quality) -> None:
    admin = served.client(admin=True)
    judged(admin, "up", "年假有几天？", chunk_of(served, "年假"), comment="答得好")
    (address,) = re.findall(r'href="(/quality/question\?[^"]*judgement=\d+)"', admin.get("/quality/feedback").text)
    form = admin.get(html.unescape(address)).text
    for value in ("年假有几天？", "人事/年假.txt", LEAVE, "答得好"):
        assert value in form
    assert admin.get("/quality/question", params={"base": "default", "judgement": 99}).status_code == 404


def test_what_goes_with_a_document_is_gone_from_the_inbox(served: Quality) -> None:
    admin = served.client(admin=True)
    leave, travel = chunk_of(served, "年假"), chunk_of(served, "出差")
    judged(admin, "up", "紫晶海豚？", leave, travel, comment="紫晶手风琴")
    with served.base() as kb:
        assert [one.comment for one in kb.feedback.inbox()] == ["紫晶手风琴"]
        assert kb.feedback.inbox(asker=Asker.of("hr")) == []
        kb.remove([one.id for one in kb.documents() if "年假" in one.source])
        (left,) = kb.feedback.inbox()
    assert (left.question, left.comment, left.chunks) == ("", "", (travel,))
    assert "紫晶" not in shown(admin, "/quality/feedback")


def test_the_inbox_goes_on_over_pages(served: Quality) -> None:
    leave = chunk_of(served, "年假")
    with served.base() as kb:
        for n in range(40):
            kb.feedback.record("up", f"第{n}问", [leave])
        first = kb.feedback.inbox(count=25)
        rest = kb.feedback.inbox(count=25, before=first[-1].id)
        assert [one.question for one in (*first, *rest)] == [f"第{n}问" for n in reversed(range(40))]
    page = served.client(admin=True).get("/quality/feedback").text
    (more,) = re.findall(r'href="(/quality/feedback\?[^"]*before=\d+)"', page)
    assert "第0问" in shown(served.client(admin=True), html.unescape(more))


# -- question sets -----------------------------------------------------------------------------------------------------


def kept(client: TestClient, **form: Any) -> Any:
    return client.post("/quality/question", data=form, follow_redirects=False)


def test_questions_are_put_into_a_draft_changed_frozen_and_gone_on_with(served: Quality) -> None:
    admin, folder = served.client(admin=True), served.home / "questions"
    full = {
        "set": "人事（２０２６）",
        "question": f"年假有几天？{NASTY}",
        "answers": "五天\r\n5 days + paid | 5天",
        "answerable": "yes",
        "source": ["年假.txt", ""],
        "quote": ["五天带薪\r\n年假", ""],
        "note": "来自反馈",
    }
    reply = kept(admin, **full)
    assert reply.status_code == 303, reply.text
    assert reply.headers["location"] == f"/quality/sets/{quote('人事（２０２６）')}#q1"
    assert kept(admin, set="人事（２０２６）", question="月球？").status_code == 303
    path = folder / "人事（２０２６）.jsonl"
    first, second = read_questions(path).questions
    assert first.answers == ("五天", ("5 days", "paid"), "5天")
    assert first.evidence == (Evidence("年假.txt", "五天带薪\n年假"),)
    assert (first.made_by, first.note, second.answerable, second.id) == ("pages", "来自反馈", False, "q2")
    page = admin.get(f"/quality/sets/{quote('人事（２０２６）')}").text
    assert NASTY not in page
    assert NASTY in html.unescape(page)
    assert "定稿" in shown(admin, f"/quality/sets/{quote('人事（２０２６）')}", "zh")
    form = admin.get("/quality/question", params={"set": "人事（２０２６）", "id": "q1"}).text
    assert "5 days + paid" in form
    assert kept(admin, **{**full, "id": "q1", "question": "年假几天？"}).status_code == 303
    assert [one.question for one in read_questions(path).questions] == ["年假几天？", "月球？"]

    frozen = admin.post(f"/quality/sets/{quote('人事（２０２６）')}/freeze", follow_redirects=False)
    assert frozen.headers["location"] == f"/quality/sets/{quote('人事（２０２６）.v1')}"
    before = (folder / "人事（２０２６）.v1.jsonl").read_bytes()
    for reply in (
        kept(admin, **{**full, "set": "人事（２０２６）.v1"}),
        admin.post(f"/quality/sets/{quote('人事（２０２６）.v1')}/remove", data={"id": "q1"}),
        admin.post(f"/quality/sets/{quote('人事（２０２６）.v1')}/begin"),  # there is a draft
    ):
        assert reply.status_code == 400
    assert (folder / "人事（２０２６）.v1.jsonl").read_bytes() == before
    admin.post(f"/quality/sets/{quote('人事（２０２６）')}/remove", data={"id": "q2"})
    again = admin.post(f"/quality/sets/{quote('人事（２０２６）')}/freeze", follow_redirects=False)
    assert again.headers["location"].endswith(quote("人事（２０２６）.v2"))
    assert (folder / "人事（２０２６）.v1.jsonl").read_bytes() == before
    path.unlink()
    begun = admin.post(f"/quality/sets/{quote('人事（２０２６）.v1')}/begin", follow_redirects=False)
    assert begun.headers["location"] == f"/quality/sets/{quote('人事（２０２６）')}"
    assert len(read_questions(path).questions) == 2
    assert "人事（２０２６）.v2" in shown(admin, "/quality/sets", "zh")


def test_a_frozen_set_that_has_no_number_in_its_name_stays(served: Quality) -> None:
    drafts, folder = Drafts(served.home / "questions"), served.home / "questions"
    drafts.put("a", Question("", "年假有几天？", ("五天",)), made="2026-01-01")
    (folder / f"{drafts.freeze('a', made='2026-01-01')}.jsonl").rename(folder / "hr-2026.jsonl")
    before = (folder / "hr-2026.jsonl").read_bytes()
    with pytest.raises(InputError):
        drafts.put("hr-2026", Question("", "何时？", ("今天",)), made="2026-01-01")
    assert drafts.begin("hr-2026", made="2026-01-01") == "hr-2026-draft"
    drafts.put("hr-2026-draft", Question("", "何时？", ("今天",)), made="2026-01-01")
    assert (folder / "hr-2026.jsonl").read_bytes() == before
    (folder / "坏.jsonl").write_text("{", encoding="utf-8")
    assert "坏" in shown(served.client(admin=True), "/quality/sets")


@pytest.mark.parametrize("name", ["../秘密", "a/b", "", " ", ".hidden", "a\\b", "名\n字", "x" * 300])
def test_what_is_no_name_of_a_set_is_refused(served: Quality, name: str) -> None:
    admin = served.client(admin=True)
    assert kept(admin, set=name, question="年假？").status_code in (400, 422)
    assert not list(served.home.rglob("*.jsonl"))


@pytest.mark.parametrize(
    "form",
    [
        {"question": " ", "answers": "五天", "answerable": "yes"},
        {"question": "年假？", "answers": "五天"},
        {"question": "年假？", "answerable": "yes"},
        {"question": "年假？", "id": "q9"},
    ],
)
def test_what_is_no_question_is_refused(served: Quality, form: dict[str, str]) -> None:
    assert kept(served.client(admin=True), set="草稿", **form).status_code in (400, 404)
    assert Drafts(served.home / "questions").all() == []


def test_two_at_a_time_lose_no_question(tmp_path: Path) -> None:
    def put(who: str) -> None:
        for n in range(10):
            Drafts(tmp_path).put("共", Question("", f"{who}{n}？", ("是",)), made="2026-01-01")

    people = [threading.Thread(target=put, args=(who,)) for who in ("甲", "乙")]
    for one in people:
        one.start()
    for one in people:
        one.join()
    questions = Drafts(tmp_path).read("共").questions
    assert {one.question for one in questions} == {f"{who}{n}？" for who in ("甲", "乙") for n in range(10)}
    assert len({one.id for one in questions}) == 20


def test_a_set_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Drafts(tmp_path).remove("无", "q1")
    with pytest.raises(NotFound):
        Drafts(tmp_path / "没有").read("无")
    assert Drafts(tmp_path / "没有").all() == []


# -- comparisons and plots ---------------------------------------------------------------------------------------------

share = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
A, B = Given("A", "report"), Given("B", "report")


def row(id: str, value: float | None, question: str = "") -> dict[str, Any]:
    measures = dict.fromkeys(
        ("contained", "f1", "citation_precision", "citation_recall", "evidence_recall", "refusal"), value
    )
    return {"id": id, "question": question or f"问 {id}", "correctness": value, **measures}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(share, share), min_size=1, max_size=12))
def test_answers_compare_as_any_two_lists_of_values(values: list[tuple[float | None, float | None]]) -> None:
    rows_a, rows_b = ([row(f"q{n}", pair[side]) for n, pair in enumerate(values)] for side in (0, 1))
    both = [(a, b) for a, b in values if a is not None and b is not None]
    if not both:
        with pytest.raises(InputError):
            compare_answers(A, B, rows_a, rows_b, name="集")
        return
    report = compare_answers(A, B, rows_a, list(reversed(rows_b)), name="集")
    plain = compared([a for a, _ in both], [b for _, b in both])
    found = report.of_measure
    assert (found.p, found.verdict, found.interval) == (plain.p, plain.verdict, plain.interval)
    assert (found.a, found.b) == pytest.approx((plain.before, plain.after))
    assert len(report.datasets[0].changed) == plain.n_changed


def test_only_questions_of_both_are_compared() -> None:
    one = [row("q1", 1.0), row("q2", 0.0), row("q3", 1.0, "改了？")]
    other = [row("q1", 1.0), row("q3", 0.0), row("q4", 1.0)]
    report = compare_answers(A, B, one, other, name="集")
    assert report.datasets[0].n == 1
    assert report.notes == (Note("only one", "A", 2, "q2"), Note("only one", "B", 2, "q3"))
    with pytest.raises(InputError):
        compare_answers(A, B, one[:1], other[1:], name="集")


moments = st.datetimes()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(moments, st.floats(0, 1), st.booleans()), min_size=2, max_size=8))
def test_a_trend_stays_inside_its_drawing(values: list[tuple[Any, float, bool]]) -> None:
    points = [
        Point(moment, value, (max(0, value - 0.1), min(1, value + 0.1)) if has else None, "<点>", n > 0)
        for n, (moment, value, has) in enumerate(sorted(values, key=lambda one: one[0]))
    ]
    drawn = trend(points, '"标题"')
    assert drawn.count("<circle") == len(points)
    assert drawn.count('class="dot other"') == 1
    assert "<点>" not in drawn
    assert "style=" not in drawn
    for share_of_width in re.findall(r'c?x\d?="([\d.]+)%"', drawn):
        assert 0 <= float(share_of_width) <= 100
    for pixels in re.findall(r'(?:cy|y\d)="([-\d.]+)"', drawn):
        assert 0 <= float(pixels) <= 180


@pytest.mark.parametrize("values", [(1.0, 1.0), (0.0, 0.0), (0.93, 0.97)])
def test_figures_over_time_stand_between_0_and_1_and_no_point_is_cut_off(values: tuple[float, float]) -> None:
    points = [Point(datetime(2026, 1, n + 1, tzinfo=UTC), value, None, "x") for n, value in enumerate(values)]
    drawn = trend(points, "正确性")
    ticks = [float(text) for text in re.findall(r">([\d.]+)</text>", drawn)]
    assert (min(ticks), max(ticks)) == (0.0, 1.0)
    for middle, radius in re.findall(r'cy="([\d.]+)" r="(\d+)"', drawn):
        assert float(middle) - float(radius) >= 0
        assert float(middle) + float(radius) <= 180
