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
from hypothesis import example, given, settings
from hypothesis import strategies as st
from service_fixtures import URL, Served
from starlette.testclient import TestClient

import qianxun
from qianxun import assemble
from qianxun.cli.main import main
from qianxun.errors import InputError, NotFound
from qianxun.evaluation.answers.comparing import compare_answers
from qianxun.evaluation.answers.measuring import AnswerReport, Result
from qianxun.evaluation.answers.scoring import Scores
from qianxun.evaluation.comparing.sides import Given, Note
from qianxun.evaluation.comparison import compared
from qianxun.evaluation.question_sets.drafts import Drafts
from qianxun.evaluation.question_sets.file import read_questions
from qianxun.evaluation.question_sets.records import Evidence, Question
from qianxun.evaluation.reports.words import note
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


def test_a_run_is_no_files_in_the_library(served: Quality) -> None:
    admin, evaluator = served.client(admin=True), served.evaluator("hr")
    id = served.started(evaluator, questions=ASKED)
    listed = admin.get("/library/default/jobs").text
    assert f'href="/quality/runs/{id}"' in listed
    assert "1 file" not in listed
    led = evaluator.get(f"/library/default/jobs/{id}", follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, f"/quality/runs/{id}")


def test_a_line_of_questions_without_a_question_is_named(served: Quality) -> None:
    admin = served.client(admin=True)
    sent = {"base": "default", "questions": "年假有几天？ | 五天\r\n\r\n｜答案没有問題 on call\r\n"}
    reply = admin.post("/quality/runs", data=sent, headers={"Accept-Language": "zh", "Referer": f"{URL}/quality"})
    assert reply.status_code == 400
    assert "第 3 行的竖线前没有问题：|答案没有問題 on call" in reply.text
    assert 'href="/quality" data-back' in reply.text
    assert served.service.jobs.all(None, kind="evaluate") == []


def test_what_stands_between_sentences_about_questions_in_vain(tmp_path: Path) -> None:
    served = Served(tmp_path, ["audit.questions=hash"])
    text = " ".join(shown(served.client(admin=True), "/quality/unanswered").split())
    assert "Everybody's questions. The texts" in text
    assert "显示所有人的提问。不保存" in shown(served.client(admin=True), "/quality/unanswered", "zh")
    served.close()


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


def test_typed_questions_compare_in_any_order(served: Quality) -> None:
    admin = served.client(admin=True)
    lines = ["灭火器多久检查一次？ | 每月", "年假有幾天？ ｜ 五天", "What is the secret ingredient? | cinnamon"]
    a = served.started(admin, questions="\n".join(lines))
    b = served.started(admin, questions="\n".join([*lines[::-1], "Who is on the moon?"]))
    text = " ".join(shown(admin, f"/quality/compare?a={a}&b={b}").split())
    assert "questions 3" in text
    assert "only in B" in text
    assert "only in A" not in text


def test_a_question_with_other_accepted_answers_is_not_compared(served: Quality) -> None:
    admin = served.client(admin=True)
    same = "How much do on-call engineers receive? | 300 yuan | ３００元"
    a = served.started(admin, questions=f"年假有几天？ | 五天\n{same}")
    b = served.started(admin, questions=f"年假有几天？ | 三十天\n{same.replace('３００', '300')}")
    text = " ".join(shown(admin, f"/quality/compare?a={a}&b={b}").split())
    assert "questions 1" in text
    assert "A and B accept other answers to q1, so it is left out." in text
    assert "对 q1 可接受的答案不同" in shown(admin, f"/quality/compare?a={a}&b={b}", "zh")
    c, d = (served.started(admin, questions=f"年假有几天？{answer}") for answer in (" | 五天", ""))
    reply = admin.get("/quality/compare", params={"a": c, "b": d})
    assert (reply.status_code, "accept other answers" in reply.text) == (400, True)


def test_other_evidence_is_said_and_left_out_of_evidence_recall(served: Quality) -> None:
    admin, drafts = served.client(admin=True), Drafts(served.home / "questions")

    def measured(name: str, *evidence: Evidence) -> str:
        second = Evidence("值班.txt", "On-call engineers receive")
        for question in (
            Question("", "年假有几天？", ("五天",), evidence),
            Question("", "How much do on-call engineers receive?", ("300 yuan",), (second,)),
        ):
            drafts.put(name, question, made="2026-01-01")
        return served.started(admin, set=drafts.freeze(name, made="2026-01-01"))

    quoted, whole = Evidence("年假.txt", "五天带薪年假"), Evidence("出差.txt")
    a, b = measured("甲", quoted, whole), measured("乙", whole)
    path = f"/quality/compare?a={a}&b={b}"
    assert "A and B look for other evidence of q1, so evidence recall leaves it out." in shown(admin, path)
    text = " ".join(shown(admin, f"{path}&measure=evidence_recall", "zh").split())
    assert "对 q1 所查的依据不同，依据召回率未计入这一题。" in text
    # The same in any order and script; gone is other evidence.
    c = measured("丙", whole, Evidence("年假.txt", "五天 帶薪年假"))
    assert "other evidence" not in shown(admin, f"/quality/compare?a={a}&b={c}")
    with served.base() as kb:
        kb.remove([one.id for one in kb.documents() if "出差" in one.source])
    d = served.started(admin, set="丙.v1")
    assert "A and B look for other evidence of q1" in shown(admin, f"/quality/compare?a={c}&b={d}")
    # The words of the evidence are kept nowhere.
    kept = (served.home / "results" / a / "rows.jsonl").read_text(encoding="utf-8")
    assert [len(json.loads(line)["evidence"]) for line in kept.splitlines()] == [16, 16]


def test_runs_of_typed_questions_are_told_apart_by_the_first(served: Quality) -> None:
    admin = served.client(admin=True)
    long = "How many days of annual leave 年假 are there for people who have worked here since 2019?"
    ids = [
        served.started(admin, questions=typed) for typed in (ASKED, f"{long} | 五天", f" ＯＮ call{NASTY}　何時？ | x")
    ]
    for language, names in (
        ("en", ("“年假有几天？”, first of 3", f"“{long[:40]}…”", f"“ＯＮ call{NASTY[:-5]}")),
        ("zh", ("“年假有几天？”等 3 题", f"“{long[:40]}…”", "“ＯＮ call")),
    ):
        listed = shown(admin, "/quality", language)
        assert all(name[:40] in listed for name in names[:2])
        for id, name in zip(ids, names, strict=True):
            assert name[:30] in html.unescape(
                admin.get(f"/quality/runs/{id}", headers={"Accept-Language": language}).text
            )
    assert NASTY[:12] not in admin.get("/quality").text
    job = served.service.jobs.get(ids[0])
    with served.service.database.transaction() as db:  # of before
        old = json.dumps({name: value for name, value in job.arguments.items() if name != "first"})
        db.execute("UPDATE jobs SET arguments = ? WHERE token = ?", (old, ids[0]))
    assert "questions that were sent" in shown(admin, f"/quality/runs/{ids[0]}")


def test_the_form_stands_on_the_knowledge_base_of_the_last_run(served: Quality) -> None:
    def chosen(client: TestClient) -> list[str]:
        return re.findall(r"<option selected>([^<]*)</option>", client.get("/quality").text)

    admin, other = served.client(admin=True), served.evaluator()
    for name in ("aaa", "制度"):
        with served.base(name) as kb:
            kb.add_texts([qianxun.TextItem("年假.txt", "年假.txt", LEAVE)])
    assert (chosen(admin), chosen(other)) == (["default"], ["default"])
    id = served.started(admin, base="制度", questions=ASKED)
    assert (chosen(admin), chosen(other)) == (["制度"], ["default"])
    # It may not use that of its own last run any more.
    few = served.client(labels=None, actions=EVALUATES, bases=["aaa"])
    (key,) = (one for one in served.service.keys.all() if one.grant.bases == frozenset(("aaa",)))
    with served.service.database.transaction() as db:
        db.execute("UPDATE jobs SET owner = ? WHERE token = ?", (f"key:{key.id}", id))
    assert chosen(few) == ["aaa"]
    assert chosen(served.client(labels=None, actions=EVALUATES, bases=["没有"])) == []


def test_a_run_shows_what_was_accepted(served: Quality) -> None:
    hr = served.evaluator("hr")
    id = served.started(hr, questions=f"年假有几天？ | 五天 + 帶薪 | {NASTY}\n月球上有几家分公司？")
    text = shown(hr, f"/quality/runs/{id}")
    assert "accepted:" in text
    assert "五天 + 帶薪" in text
    assert text.count("accepted:") == 1
    assert "可接受" in shown(hr, f"/quality/runs/{id}", "zh")
    # Runs of before did not keep it.
    path = served.home / "results" / id / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text(
        "".join(json.dumps({k: v for k, v in row.items() if k != "accepted"}) + "\n" for row in rows), encoding="utf-8"
    )
    assert "accepted:" not in shown(hr, f"/quality/runs/{id}")


def test_what_a_named_set_accepts_is_for_who_sees_every_document(served: Quality) -> None:
    admin = served.client(admin=True)
    Drafts(served.home / "questions").put("秘密", Question("", "冥王星？", ("紫晶",)), made="2026-01-01")
    id = served.started(admin, set="秘密")
    assert "紫晶" in shown(admin, f"/quality/runs/{id}")
    few = served.evaluator("财务")
    (key,) = (one for one in served.service.keys.all() if one.grant.labels == frozenset(("财务",)))
    with served.service.database.transaction() as db:
        db.execute("UPDATE jobs SET owner = ? WHERE token = ?", (f"key:{key.id}", id))
    assert "冥王星" in shown(few, f"/quality/runs/{id}")
    assert "紫晶" not in shown(few, f"/quality/runs/{id}")
    result = few.get(f"/api/v1/jobs/{id}/result")
    assert "紫晶" not in result.text
    assert ["evidence" in one for one in result.json()["results"]] == [False]


@pytest.mark.parametrize("language, said", [("en", "Back to the runs"), ("zh", "返回评测记录")])
def test_what_does_not_compare_leads_back_to_the_runs(served: Quality, language: str, said: str) -> None:
    admin = served.client(admin=True)
    a = served.started(admin, questions="年假有几天？ | 五天")
    b = served.started(admin, questions="How much do on-call engineers receive? | 300 yuan")
    for asked_for, status, why in (
        ({"a": a, "b": b}, 400, ("A and B have no question in common.", "没有相同的问题")),
        ({"a": a, "b": "0" * 32}, 404, ("0" * 32, "0" * 32)),
        ({"a": a}, 400, ("Choose one as A and another one as B.", "请选择一条作为 A，另一条作为 B。")),
        ({}, 400, ("Two runs are needed.", "需要两条评测记录。")),
    ):
        reply = admin.get("/quality/compare", params=asked_for, headers={"Accept-Language": language})
        assert reply.status_code == status
        assert why[language == "zh"] in reply.text
        assert f'href="/quality">{said}</a>' in reply.text
    assert admin.get("/quality/compare", params={"a": "x", "b": a}).status_code == 422


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


def test_typed_questions_may_have_full_width_bars_and_what_was_understood_is_said(served: Quality) -> None:
    typed = "夜间值班津贴是多少？｜三百元 ｜ 300 yuan\r\n年假有幾天？｜五天|5天\nWho is on the moon?\n"
    admin = served.client(admin=True)
    id = served.started(admin, questions=typed)
    for language, said in (
        ("en", "3 questions, 2 of them with accepted answers"),
        ("zh", "共 3 题，其中 2 题写有可接受的答案"),
    ):
        assert said in shown(admin, f"/quality/runs/{id}", language)
    rows = admin.get(f"/api/v1/jobs/{id}/result").json()["results"]
    assert {row["question"]: row["answerable"] for row in rows} == {
        "夜间值班津贴是多少？": True,
        "年假有幾天？": True,
        "Who is on the moon?": False,
    }
    assert [row["correctness"] for row in rows if row["question"].startswith("年假")] == [1.0]


def data_set(served: Quality, name: str) -> Path:
    folder = served.home / "questions" / name
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(json.dumps({"_id": "d1", "text": LEAVE}), encoding="utf-8")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "年假几天"}), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\n", encoding="utf-8")
    return folder


def test_what_cannot_be_measured_is_neither_offered_nor_begun(served: Quality) -> None:
    admin, drafts = served.client(admin=True), Drafts(served.home / "questions")
    assert "<optgroup" in admin.get("/quality").text
    assert "retrieval/" not in admin.get("/quality").text
    drafts.put("人事", Question("", "年假有几天？", ("五天",)), made="2026-01-01")
    frozen = drafts.freeze("人事", made="2026-01-01")
    data_set(served, "數據集")
    page = admin.get("/quality").text
    assert re.findall(r'value="retrieval/([^"]*)"', page) == ["數據集"]
    assert f"<option>{frozen}</option>" in page
    for form, said in (
        ({"what": "retrieval", "set": frozen}, "检索只能用数据集（BEIR）评测，人事.v1 是问题集"),
        ({"set": f"retrieval/{frozen}"}, "检索只能用数据集（BEIR）评测，人事.v1 是问题集"),
        ({"what": "retrieval"}, "检索只能用数据集（BEIR）评测。"),
        ({"what": "retrieval", "questions": ASKED}, "检索只能用数据集（BEIR）评测。"),
        ({}, "没有可评测的内容"),
        ({"set": frozen, "questions": ASKED}, "既填写了问题，又选择了问题集"),
    ):
        reply = admin.post("/quality/runs", data={"base": "default", **form}, headers={"Accept-Language": "zh"})
        assert reply.status_code == 400, form
        assert said in html.unescape(reply.text)
        assert "`" not in re.sub(r"<[^>]*>", " ", reply.text)
    refused = admin.post("/api/v1/bases/default/evaluations", json={"what": "retrieval", "set": frozen})
    assert refused.status_code == 400
    assert served.service.jobs.all(None, kind="evaluate") == []
    id = served.started(admin, set="retrieval/數據集")
    assert "nDCG@10" in shown(admin, f"/quality/runs/{id}")


def test_a_run_that_failed_names_no_folder_of_the_machine(served: Quality) -> None:
    admin, folder = served.client(admin=True), data_set(served, "坏集")
    (folder / "qrels" / "test.tsv").unlink()
    id = served.started(admin, set="retrieval/坏集")
    for language, said in (("en", "failed"), ("zh", "失败")):
        text = shown(admin, f"/quality/runs/{id}", language)
        assert said in text
        assert "test.tsv" in text
        assert str(served.home) not in text


def test_answers_are_shown_by_the_hundred_and_long_questions_in_short(served: Quality) -> None:
    admin = served.client(admin=True)
    id = served.started(admin, questions="年假有几天？ | 五天")
    long = f"{NASTY}與 on-call，" + "年假幾天？" * 1000
    rows = served.home / "results" / id / "rows.jsonl"
    one = json.loads(rows.read_text(encoding="utf-8"))
    many = [{**one, "id": f"n{n}", "question": f"第{n}问？", "correctness": 1.0, "citations": []} for n in range(249)]
    written = [{**one, "id": "long", "question": long, "correctness": 0.0, "citations": []}, *many]
    rows.write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    pages = [admin.get(f"/quality/runs/{id}").text]
    while found := re.search(r'rel="next" href="([^"]*)"', pages[-1]):
        pages.append(admin.get(html.unescape(found[1])).text)
    assert [page.count('<li class="card"') for page in pages] == [100, 100, 50]
    ids = [one for page in pages for one in re.findall(r'<li class="card" id="([^"]*)"', page)]
    assert sorted(ids) == sorted(row["id"] for row in written)
    assert ids[0] == "long"
    assert re.findall(r'rel="prev" href="([^"]*)"', pages[1])[0] == f"/quality/runs/{id}"
    assert "101–200 of 250" in shown(admin, f"/quality/runs/{id}?after=100")
    assert "第 101–200 条，共 250 条" in shown(admin, f"/quality/runs/{id}?after=100", "zh")
    (summary,) = re.findall(r"<summary>.*script.*</summary>", pages[0])
    assert len(summary) < 600
    assert "…" in summary
    assert html.unescape(pages[0]).count(long) == 1
    assert NASTY not in pages[0]
    assert admin.get(f"/quality/runs/{id}?after=9999").status_code == 200
    Drafts(served.home / "questions").put("长", Question("", long, ("五天",)), made="2026-01-01")
    page = admin.get(f"/quality/sets/{quote('长')}").text
    assert len(re.findall(r"<h2.*</h2>", page)[0]) < 600
    assert long in html.unescape(page)


def test_runs_of_one_minute_are_told_apart_and_one_is_not_compared_with_itself(served: Quality) -> None:
    admin = served.client(admin=True)
    a, b = (served.started(admin, questions=ASKED) for _ in range(2))
    with served.service.database.transaction() as db:
        for id, moment in ((a, "2026-11-22T10:00:07+00:00"), (b, "2026-11-22T10:00:41+00:00")):
            db.execute("UPDATE jobs SET finished = ? WHERE token = ?", (moment, id))
    text, compared_with = shown(admin, "/quality", "zh"), shown(admin, f"/quality/compare?a={a}&b={b}")
    for moment in ("2026-11-22 10:00:07", "2026-11-22 10:00:41"):
        assert moment in text
        assert moment in compared_with
    labels = re.findall(r'name="a"[^>]*aria-label="([^"]*)"', admin.get("/quality").text)
    assert len(set(labels)) == 2
    reply = admin.get("/quality/compare", params={"a": a, "b": a}, headers={"Accept-Language": "zh"})
    assert reply.status_code == 400
    assert "A 和 B 是同一次评测。" in reply.text
    assert served.evaluator("hr").get("/quality/compare", params={"a": a, "b": a}).status_code == 404


def test_rooms_that_are_not_for_somebody_are_not_in_their_menu(served: Quality) -> None:
    for actions, rooms in ((["search"], []), (["search", "read"], ["/library"]), (EVALUATES, ["/library", "/quality"])):
        client = served.client(actions=actions)
        (menu,) = re.findall(r'<nav aria-label="Rooms">.*?</nav>', client.get("/").text, re.DOTALL)
        assert re.findall(r'href="(/[a-z]+)"', menu) == rooms
        for room in ("/library", "/quality"):
            assert client.get(room).status_code == (200 if room in rooms else 403)


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


def test_half_a_question_of_the_search_page_is_audited_and_is_none_without_an_answer(served: Quality) -> None:
    hr = served.evaluator("hr")
    with hr:
        for question in ("冥王", "冥王星的食", "冥王星的食堂 canteen", "冥王星的食堂 canteen 幾點開門？"):
            given = {"base": "default", "q": question}
            part = {"X-Qianxun-Part": "answer", "X-Qianxun-Typing": "1"}
            assert hr.get("/answer", params=given, headers=part).status_code == 200
        assert hr.get("/answer", params=given, headers={"X-Qianxun-Part": "answer"}).status_code == 200
        recorded(served)
        assert re.findall("冥王\\S*", shown(hr, "/quality/unanswered")) == ["冥王星的食堂"]
        audit = assemble.audit(served.settings, served.service.database)
        rows = [(row.action, row.question, row.body.get("verdict")) for row in audit.rows(action="ask")]
    assert [question for _, question, _ in rows[:2]] == ["冥王", "冥王星的食"]
    told = [(action, verdict or "") for action, _, verdict in rows]
    assert told == [("ask.typing", "")] * 4 + [("ask", "no_evidence")]


def test_rights_hold_for_half_a_question_too(served: Quality) -> None:
    typing = {"X-Qianxun-Typing": "1"}
    with served.client(actions=["search"]) as client:
        assert client.get("/answer", params={"base": "default", "q": "年假"}, headers=typing).status_code == 403


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


def test_long_titles_of_what_was_found_are_shortened(served: Quality) -> None:
    long = "很長的 title " * 30
    with served.base() as kb:
        kb.add_texts([qianxun.TextItem("长.txt", long, "食堂守则另行公布。")], labels=["public"])
    admin = served.client(admin=True)
    with admin:
        asked(admin, "冥王星的食堂幾點開門？")
        recorded(served)
        page = shown(admin, "/quality/unanswered")
    assert f"{long[:60]}…" in page
    assert long[:61] not in page


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


def test_clicks_are_said_to_be_told_by_programs(served: Quality) -> None:
    assert "opened (told by programs)" in shown(served.client(admin=True), "/quality/feedback")
    assert "点开（由程序上报）" in shown(served.client(admin=True), "/quality/feedback", "zh")


# -- question sets -----------------------------------------------------------------------------------------------------


def kept(client: TestClient, **form: Any) -> Any:
    return client.post("/quality/question", data=form, follow_redirects=False)


def test_questions_are_put_into_a_draft_changed_frozen_and_gone_on_with(served: Quality) -> None:
    admin, folder = served.client(admin=True), served.home / "questions"
    full = {
        "set": "人事（２０２６）",
        "question": f"年假有几天？{NASTY}",
        "answers": "五天\r\n5 days + paid\r\n5天",
        "answerable": "yes",
        "source": ["年假.txt", ""],
        "quote": ["五天带薪\r\n年假", ""],
        "note": "来自反馈",
    }
    reply = kept(admin, **full)
    assert reply.status_code == 303, reply.text
    assert reply.headers["location"] == f"/quality/sets/{quote('人事（２０２６）')}#q1"
    assert kept(admin, set="人事（２０２６）", question="月球？", answerable="no").status_code == 303
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


@pytest.mark.parametrize("name", ["年" * 65, "leave " * 33, "假 leave" * 60])
def test_a_name_of_a_set_that_is_too_long_is_said_to_be(served: Quality, name: str) -> None:
    admin, folder = served.client(admin=True), served.home / "questions"
    form = {"set": name, "question": "年假有几天？", "answers": "五天", "answerable": "yes"}
    for language, said in (
        ("en", "is too long for a question set. It may have 64 Chinese characters or 192 letters; the first"),
        ("zh", "…”太长。最多 64 个汉字或 192 个字母；这个名称的前"),
    ):
        reply = admin.post("/quality/question", data=form, headers={"Accept-Language": language})
        assert reply.status_code == 400
        assert said in html.unescape(reply.text)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["年" * 64, "x" * 192])
def test_the_longest_name_of_a_set_goes_all_the_way(served: Quality, name: str) -> None:
    admin, folder = served.client(admin=True), served.home / "questions"
    form = {"set": name, "question": "年假有几天？", "answers": "五天", "answerable": "yes"}
    assert kept(admin, **form).status_code == 303
    assert admin.get("/quality/question", params={"set": name, "id": "q1"}).status_code == 200
    frozen = admin.post(f"/quality/sets/{quote(name)}/freeze")
    assert (frozen.status_code, (folder / f"{name}.v1.jsonl").is_file()) == (200, True)
    assert admin.get(f"/quality/runs/{served.started(admin, set=f'{name}.v1')}").status_code == 200
    (folder / f"{name}.v1.jsonl").rename(folder / f"{name}.jsonl")  # a draft of it would be called `-draft`
    reply = admin.post(f"/quality/sets/{quote(name)}/begin", headers={"Accept-Language": "en"})
    assert (reply.status_code, "is too long for a question set" in reply.text) == (400, True)
    assert [one.name for one in folder.glob("*.jsonl")] == [f"{name}.jsonl"]


@pytest.mark.parametrize("words", ["五天 帶薪年假", "300 YUAN"])
def test_words_without_a_source_are_not_dropped_in_silence(served: Quality, words: str) -> None:
    admin = served.client(admin=True)
    form = {"set": "草", "question": "年假？", "answers": "五天", "answerable": "yes"}
    sent = {**form, "source": ["年假.txt", " "], "quote": ["", f"\r\n{words}"]}
    for language, said in (
        ("en", f"The words “{words}” have no source. Write which document"),
        ("zh", f"原文“{words}”没有填写来源。请填写"),
    ):
        headers = {"Accept-Language": language, "Referer": f"{URL}/quality/question"}
        reply = admin.post("/quality/question", data=sent, headers=headers)
        assert reply.status_code == 400
        assert said in html.unescape(reply.text)
        assert 'href="/quality/question" data-back' in reply.text
    assert Drafts(served.home / "questions").all() == []
    assert kept(admin, **{**sent, "source": ["年假.txt", "值班.txt"]}).status_code == 303
    (saved,) = Drafts(served.home / "questions").read("草").questions
    assert saved.evidence == (Evidence("年假.txt"), Evidence("值班.txt", words))


def test_answers_that_were_not_touched_stay_as_they_are(served: Quality) -> None:
    admin, drafts = served.client(admin=True), Drafts(served.home / "questions")
    answers = ("甲｜乙 | 丙", "a + b", ("五天", "帶薪"), "两\n行")
    drafts.put("草", Question("", "年假？", answers), made="2026-01-01")
    form = admin.get("/quality/question", params={"set": "草", "id": "q1"}).text
    (shown_there,) = re.findall(r'<textarea id="answers"[^>]*>([^<]*)</textarea>', form)
    sent = html.unescape(shown_there).replace("\n", "\r\n")
    given = {"set": "草", "id": "q1", "question": "年假呢？", "answerable": "yes"}
    assert kept(admin, **given, answers=f"{sent}\r\nx | y\r\nc + d").status_code == 303
    (saved,) = drafts.read("草").questions
    assert (saved.question, saved.answers) == ("年假呢？", (*answers, "x | y", ("c", "d")))


@pytest.mark.parametrize("status", ["rejected", "proposed", "accepted"])
def test_a_question_stays_what_it_was_unless_it_is_accepted(served: Quality, status: Any) -> None:
    admin, drafts = served.client(admin=True), Drafts(served.home / "questions")
    drafts.put("草", Question("", "年假？", ("五天",), status=status), made="2026-01-01")
    page = shown(admin, "/quality/question?set=%E8%8D%89&id=q1", "zh")
    assert ("保存并采纳" in page) == (status != "accepted")
    given = {"set": "草", "id": "q1", "question": "年假几天？", "answers": "五天", "answerable": "yes"}
    assert kept(admin, **given).status_code == 303
    assert [(one.question, one.status) for one in drafts.read("草").questions] == [("年假几天？", status)]
    assert kept(admin, **given, accept="yes").status_code == 303
    assert [one.status for one in drafts.read("草").questions] == ["accepted"]


def test_whether_there_is_an_answer_to_what_was_asked_in_vain_is_left_open(served: Quality) -> None:
    admin = served.client(admin=True)
    with admin:
        asked(admin, "冥王星的食堂幾點開門？")
        recorded(served)
        (address,) = re.findall(r'href="(/quality/question\?asked=\d+)"', admin.get("/quality/unanswered").text)
        form = admin.get(html.unescape(address)).text
        assert 'name="answerable"' in form
        assert " checked" not in form
        assert " checked" in admin.get("/quality/question").text
        undecided = {"set": "草", "question": "几点？"}
        reply = admin.post("/quality/question", data=undecided, headers={"Accept-Language": "zh"})
        assert reply.status_code == 400
        assert "没有说明文档中是否有答案" in reply.text


def test_evidence_that_is_nowhere_is_said_and_not_frozen(served: Quality) -> None:
    admin = served.client(admin=True)
    nowhere = "Found in no knowledge base"
    form = {"set": "依据", "answerable": "yes"}
    for question, source, words in (
        ("年假有几天？", "年假.txt", "五天 帶薪年假"),  # in other widths and scripts
        ("值班補貼多少？", "人事/值班.txt", ""),
        ("胡说什么？", "不存在.md", "胡说"),
        ("Who says so?", "出差.txt", "住宿费每天不超过六百元"),
    ):
        assert kept(admin, **form, question=question, source=source, quote=words).status_code == 303
    page = shown(admin, f"/quality/sets/{quote('依据')}")
    assert page.count(nowhere) == 2
    assert page.index("胡说什么") < page.index(nowhere) < page.index("Who says so")
    assert shown(admin, f"/quality/sets/{quote('依据')}", "zh").count("知识库中找不到") == 2
    freeze = f"/quality/sets/{quote('依据')}/freeze"
    reply = admin.post(freeze, headers={"Accept-Language": "zh"})
    assert reply.status_code == 400
    assert "有 2 题的依据在知识库中找不到，第一题是 q3。" in html.unescape(reply.text)
    assert not (served.home / "questions" / "依据.v1.jsonl").exists()
    changed = {"id": "q3", "question": "补贴？", "source": "值班.txt", "quote": "３００ YUAN"}
    assert kept(admin, **form, **changed).status_code == 303
    assert shown(admin, f"/quality/sets/{quote('依据')}").count(nowhere) == 1
    admin.post(f"/quality/sets/{quote('依据')}/remove", data={"id": "q4"})
    assert admin.post(freeze, follow_redirects=False).status_code == 303
    # Gone since.
    with served.base() as kb:
        kb.remove([one.id for one in kb.documents() if "值班" in one.source])
    assert shown(admin, f"/quality/sets/{quote('依据.v1')}").count(nowhere) == 2


def test_evidence_in_what_may_not_be_used_is_not_found(served: Quality) -> None:
    asked = Question("", "年假有几天？", ("五天",), (Evidence("年假.txt", "五天"),))
    Drafts(served.home / "questions").put("依据", asked, made="2026-01-01")
    other = served.client(labels=None, actions=EVALUATES, bases=["别的"])
    assert "Found in no knowledge base" in shown(other, f"/quality/sets/{quote('依据')}")
    assert "Found in no knowledge base" not in shown(served.evaluator(), f"/quality/sets/{quote('依据')}")


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
    text = shown(served.client(admin=True), "/quality/sets")
    assert "坏.jsonl" in text
    assert str(served.home) not in text


@pytest.mark.parametrize("name", ["../秘密", "a/b", "", " ", ".hidden", "a\\b", "名\n字", "x" * 300])
def test_what_is_no_name_of_a_set_is_refused(served: Quality, name: str) -> None:
    admin = served.client(admin=True)
    assert kept(admin, set=name, question="年假？").status_code in (400, 422)
    assert not list(served.home.rglob("*.jsonl"))


@pytest.mark.parametrize(
    "form",
    [
        {"question": " ", "answers": "五天", "answerable": "yes"},
        {"question": "年假？", "answers": "五天", "answerable": "no"},
        {"question": "年假？", "source": "年假.txt"},
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


def told(values: list[float]) -> dict[str, Any]:
    """A report of answers with these token F1s, as it is kept and read again."""
    results = tuple(
        Result(
            Question(f"q{n}", f"年假？ leave {n}?", ("五天",)),
            "五天",
            "answered",
            Scores(True, False, value, 0.0, value, value, value, None, 1, 1, ()),
            (),
            0.01,
        )
        for n, value in enumerate(values)
    )
    shape: dict[str, Any] = json.loads(json.dumps(AnswerReport("集", 0, "", results, (), 0, {}, "1").as_json()))
    return shape


fractions = st.builds(lambda n, d: min(n, d) / d, st.integers(0, 40), st.integers(1, 40))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(fractions, fractions), min_size=1, max_size=9))
@example([(0.0, 0.0), (0.0, 1 / 3)])
def test_a_comparison_has_the_figures_of_the_runs(values: list[tuple[float, float]]) -> None:
    a, b = (told([pair[side] for pair in values]) for side in (0, 1))
    report = compare_answers(A, B, a["results"], list(reversed(b["results"])), name="集").as_json()
    for found in report["pooled"]:
        of_a, of_b = (one["measures"][found["measure"]]["mean"] for one in (a, b))
        assert (found["a"], found["b"]) == (of_a, of_b)


@settings(max_examples=30, deadline=None)
@given(st.lists(fractions, min_size=1, max_size=9))
def test_rows_that_were_kept_rounded_differ_by_nothing_else(values: list[float]) -> None:
    now = told(values)["results"]
    before = [{**one, "f1": round(one["f1"], 4), "correctness": round(one["correctness"], 4)} for one in now]
    for rows in ((before, now), (now, before)):
        report = compare_answers(A, B, *rows, name="集", measure="f1")
        assert (report.of_measure.difference, report.of_measure.p, report.datasets[0].changed) == (0.0, 1.0, ())


def test_only_questions_of_both_are_compared() -> None:
    one = [row("q1", 1.0), row("q2", 0.0), row("q3", 1.0, "改了？")]
    other = [row("q1", 1.0), row("q3", 0.0), row("q4", 1.0)]
    report = compare_answers(A, B, one, other, name="集")
    assert report.datasets[0].n == 1
    assert report.notes == (Note("only one", "A", 2, "q2"), Note("only one", "B", 2, "q3"))
    with pytest.raises(InputError):
        compare_answers(A, B, one[:1], other[1:], name="集")


@pytest.mark.parametrize(
    "kind, one, many",
    [
        ("only one", "q1 is only in A, and not compared.", "2 questions are only in A"),
        ("not compared", "q1 is only in A, and not compared.", "2 data sets are only in A"),
        ("unanswered", "A says nothing of q1, which counts 0.", "A says nothing of 2 questions"),
        ("unknown", "A ranks q1, which was not judged; it is left out.", "A ranks 2 questions"),
        ("no relevant", "q1 has no relevant document; it is left out.", "2 questions have no relevant"),
        ("degraded", "A: one search did without something: q1", "A: 2 searches did"),
        (
            "other evidence",
            "A and B look for other evidence of q1, so evidence recall leaves it out.",
            "A and B look for other evidence of 2 questions, which evidence recall leaves out;",
        ),
        ("other answers", "A and B accept other answers to q1, so", "A and B accept other answers to 2 questions"),
    ],
)
def test_notes_of_one_are_told_of_one(kind: str, one: str, many: str) -> None:
    told = {"kind": kind, "side": "A", "first": "q1"}
    assert note({**told, "n": 1}).startswith(one)
    assert note({**told, "n": 2}).startswith(many)


def test_questions_with_other_ids_are_paired_by_their_words() -> None:
    one = [row("q1", 1.0, "灭火器多久检查一次？"), row("q2", 0.0, "What is it?"), row("q3", 0.5, "年假？")]
    other = [row("q1", 0.0, "What is it?"), row("q2", 1.0, "灭火器多久检查一次？"), row("q4", 1.0, "年假？")]
    report = compare_answers(A, B, one, other, name="集")
    assert (report.datasets[0].n, report.notes) == (3, (Note("few", "", 1),))
    assert [(found.id, found.a, found.b) for found in report.datasets[0].changed] == [("q3", 0.5, 1.0)]


def test_the_same_words_twice_are_paired_once_each_by_their_ids_first() -> None:
    one = [row("甲", 1.0, "年假？"), row("乙", 0.0, "年假？"), row("丙", 1.0, "年假？")]
    other = [row("乙", 0.0, "年假？"), row("丁", 1.0, "年假？")]
    report = compare_answers(A, B, one, other, name="集")
    assert (report.datasets[0].n, report.datasets[0].changed) == (2, ())
    assert report.notes == (Note("only one", "A", 1, "丙"),)


def test_answers_of_which_is_not_known_what_was_accepted_are_compared() -> None:
    one = [{**row("q1", 1.0), "accepted": ["五天"], "answerable": True}, {**row("q2", 1.0), "answerable": True}]
    other = [{**row("q1", 0.0), "answerable": True}, {**row("q2", 1.0), "answerable": False}]
    report = compare_answers(A, B, one, other, name="集")
    assert report.datasets[0].n == 1
    assert Note("other answers", "", 1, "q2") in report.notes


def test_questions_with_other_evidence_are_left_out_of_evidence_recall() -> None:
    one = [{**row("q1", 1.0), "evidence": "a"}, {**row("q2", 1.0), "evidence": "a"}, row("q3", 0.5)]
    other = [{**row("q1", 0.0), "evidence": "b"}, {**row("q2", 0.5), "evidence": "a"}, row("q3", 0.5)]
    report = compare_answers(A, B, one, other, name="集")
    found = {one.measure: (one.a, one.b) for one in report.pooled}
    assert (found["evidence_recall"], found["f1"]) == ((0.75, 0.5), (2.5 / 3, 1 / 3))
    assert (report.datasets[0].n, len(report.datasets[0].changed)) == (3, 2)
    assert report.notes[0] == Note("other evidence", "", 1, "q1")
    by_evidence = compare_answers(A, B, one, other, name="集", measure="evidence_recall")
    assert [one.id for one in by_evidence.datasets[0].changed] == ["q2"]
    with pytest.raises(InputError, match="A and B look for other evidence, so evidence recall does not compare"):
        compare_answers(A, B, one[:1], other[:1], name="集", measure="evidence_recall")
    # Not known of runs of before.
    before = [{name: value for name, value in one.items() if name != "evidence"} for one in one]
    assert compare_answers(A, B, before, other, name="集").notes == (Note("few", "", 2),)


def test_the_same_words_twice_are_paired_by_what_is_accepted() -> None:
    one = [{**row("q1", 1.0, "几天？"), "accepted": ["五天"]}, {**row("q2", 0.0, "几天？"), "accepted": [["a", "b"]]}]
    other = [{**row("q1", 0.0, "几天？"), "accepted": [["b", "a"]]}, {**row("q2", 1.0, "几天？"), "accepted": ["五天"]}]
    report = compare_answers(A, B, one, other, name="集")
    assert (report.datasets[0].n, report.datasets[0].changed, report.notes) == (2, (), ())


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
