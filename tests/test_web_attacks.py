"""What somebody who means harm would try at the pages, and what other programs of the machine do to them unasked."""

import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_fixtures import URL, Served
from starlette.testclient import TestClient

from qianxun import TextItem, assemble
from qianxun.marking import excerpt
from qianxun.messages import speaking
from qianxun.reasons import reason_in_words, reason_of_the_file
from qianxun.records import Asker
from qianxun.service.jobs import results
from qianxun.service.jobs.runner import run_jobs
from qianxun.service.pages import SESSION, session_of
from qianxun.storage.keys import USUAL
from qianxun.web.laid_out import laid_out

LEAVE = "年假：工作满一年的员工每年有五天带薪年假。"
OTHER = "年假：工作满一年的员工每年有七天带薪年假，另有病假。"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "家", ["audit.questions=text"])
    made.base().close()
    yield made
    made.close()


def browser(served: Served, **grant: Any) -> TestClient:
    client = TestClient(served.app, base_url=URL, raise_server_exceptions=False, headers={"Origin": URL})
    client.cookies.set(SESSION, served.service.sessions.begin(served.key(**grant), timedelta(hours=1)))
    return client


# -- sessions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "others",
    [
        'theme={"dark": true}',
        "[x]",
        "a b=c",
        'username-localhost-8888="2|1:0|10:1"',
        "=",
        "年假=五天",
        "x=\x7f",
        "a,b=c",
    ],
)
def test_cookies_of_other_programs_of_this_host_sign_nobody_out(served: Served, others: str) -> None:
    """Cookies are of a host, whatever its port: and not everybody writes them by the rules."""
    secret = served.service.sessions.begin(served.key(admin=True), timedelta(hours=1))
    client = served.client()
    for line in (f"{others}; {SESSION}={secret}", f"{SESSION}={secret}; {others}"):
        assert client.get("/quality", headers={"Cookie": line.encode()}).status_code == 200


@given(st.text(max_size=60))
def test_no_cookie_makes_a_page_fail(line: str) -> None:
    from starlette.datastructures import Headers

    found = session_of(Headers(raw=[(b"cookie", line.encode("utf-8", "replace"))]))
    assert found is None or found


def test_who_signs_in_anew_leaves_no_session_behind(served: Served) -> None:
    key, sessions = served.key(admin=True), served.service.sessions
    before = sessions.begin(key, timedelta(hours=1))
    headers = {"Cookie": f"{SESSION}={before}", "Origin": URL}
    # Who does not know a key ends nothing.
    assert served.client().post("/sign-in", data={"key": "qx-wrong"}, headers=headers).status_code == 401
    assert sessions.shown_by(before) == key
    reply = served.client().post("/sign-in", data={"key": key}, headers=headers, follow_redirects=False)
    assert reply.status_code == 303
    assert before not in reply.headers["set-cookie"]
    assert sessions.shown_by(before) is None


# -- what costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "|a|\n|---" + " " * 50_000 + "x\n",
        "|a|\n" + "-" * 50_000 + "x\n",
        "|a|\n" + "|---" * 12_000 + "x\n",
        "a | b\n" * 10_000,
        "\n" * 60_000,
        "|\\" * 30_000,
        "#" * 60_000,
    ],
)
def test_no_text_takes_long_to_lay_out(text: str) -> None:
    begun = time.process_time()
    laid_out(text, [])
    assert time.process_time() - begun < 3.0


@pytest.mark.parametrize("text", ["a " * 60_000, "年假" * 60_000, "年假，a " * 30_000 + "b"])
def test_no_passage_takes_long_to_be_cut_out_of(text: str) -> None:
    begun = time.process_time()
    start, end = excerpt(text, ["a", "年假", "b"], 360)
    assert time.process_time() - begun < 3.0
    assert 0 <= start < end <= len(text)


@pytest.mark.parametrize("name", ["a. " * 300 + "pdf", "x" * 900 + ".pdf", " of " * 200, "a: b (c) " * 80, "a"])
def test_no_name_of_a_file_makes_a_reason_take_long(name: str) -> None:
    """A page says many, to readers of Chinese each by the template that it was made from."""
    reason = f"{name}: the PDF is damaged ({name}). Open it in a PDF reader and save it again."
    with speaking("zh"):
        reason_of_the_file("warm.pdf", "warm.pdf: x.")
        begun = time.process_time()
        for n in range(10):
            reason_of_the_file(name, reason.replace("again", f"again {n}"))
            reason_in_words(f"{n} {reason}")
        assert time.process_time() - begun < 1.0


@pytest.mark.parametrize("asked", [1 << 61, (1 << 62) - 1, 253_402_300_800_000_000, 253_370_764_799_000_000, 1])
def test_no_moment_is_too_far_away(served: Served, asked: int) -> None:
    assert browser(served, admin=True).get(f"/quality/question?asked={asked}").status_code in (404, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/?q=年假&k=" + "9" * 400,
        "/?q=年假&k=-1",
        "/view/default/" + "9" * 400,
        "/view/default/1?from=" + "9" * 400,
        "/view/default/1?page=0",
        "/view/default/1/page/" + "9" * 30,
        "/library/default?after=" + "9" * 30,
        "/library/default/1?first=" + "9" * 30,
        "/library/default/jobs?after=-1",
        "/library/default/duplicates?least=0",
        "/quality?after=" + "9" * 30,
        "/quality/unanswered?days=" + "9" * 30,
        "/quality/feedback?before=" + "9" * 30,
        "/quality/question?base=default&judgement=" + "9" * 30,
        "/answer?base=default&q=" + "a" * 20_001,
        "/library/" + "x" * 65,
    ],
)
def test_figures_that_are_too_large_are_refused(served: Served, path: str) -> None:
    assert browser(served, admin=True).get(path).status_code in (200, 400, 404, 422)


def test_half_a_character_is_shown_as_none(served: Served) -> None:
    """A form may be in any encoding; one has halves of characters."""
    form = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n\\ud800 \\u5e74\r\n--x--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=x; charset=unicode_escape"}
    reply = browser(served, admin=True).post("/library/default/split", content=form, headers=kind)
    assert reply.status_code < 500


def test_so_many_labels_are_given_at_a_time_as_by_the_api(served: Served) -> None:
    with served.base() as kb:
        kb.add_texts([TextItem("a", "a", LEAVE)], labels=["hr"])
    client = browser(served, admin=True)
    many = ",".join(f"标签{n}" for n in range(101))
    assert client.post("/library/default/1/labels", data={"add": many}).status_code == 400
    body = {"add": many.split(",")}
    assert served.client(admin=True).patch("/api/v1/bases/default/documents/1", json=body).status_code == 422
    with served.base() as kb:
        assert kb.document(1).labels == ("hr",)


# -- what is left of what was there --------------------------------------------------------------------


def test_a_run_shows_nothing_of_a_document_that_another_has_taken_the_place_of(served: Served) -> None:
    """What is quoted is of the document that there was, for whom that was; its name says nothing."""
    with served.base() as kb:
        kb.add_texts([TextItem("年假.txt", "年假", LEAVE)], labels=["hr"])
    client = browser(served, labels=["hr"], actions=[*USUAL, "evaluate"])
    started = client.post(
        "/quality/runs", data={"base": "default", "questions": "年假有几天？ | 五天"}, follow_redirects=False
    )
    run_jobs(served.settings, threading.Event(), nice=0, until_empty=True)
    page = started.headers["location"]
    assert "五天带薪年假" in client.get(page).text
    token = page.rpartition("/")[2]
    time.sleep(1.1)  # both say when to the second
    with served.base() as kb:
        kb.remove([1])
        kb.add_texts([TextItem("年假.txt", "年假", OTHER)], labels=["hr"])
    assert "五天带薪年假" not in client.get(page).text
    assert "not shown" in client.get(page).text
    admin = served.client(admin=True)
    assert admin.get(f"/api/v1/jobs/{token}/result").json()["results"] == []
    rows = served.home / "results" / token / "rows.jsonl"
    assert "五天带薪年假" in rows.read_text(encoding="utf-8")
    served.service.jobs.submit("compact", "default", owner="")
    run_jobs(served.settings, threading.Event(), nice=0, until_empty=True)
    assert "五天带薪年假" not in rows.read_text(encoding="utf-8")


def test_what_took_the_place_of_a_document_while_a_job_ran_is_another(served: Served) -> None:
    with served.base() as kb:
        kb.add_texts([TextItem("年假.txt", "年假", LEAVE)], labels=["hr"])
        (before,) = kb.documents()
    asked = served.service.jobs.submit("evaluate", "default", owner="key:1", arguments={})
    job = replace(asked, begun="2026-01-01T10:00:00.000+00:00", finished="2026-01-01T11:00:00.000+00:00")
    for added, is_its_own in (("09:59:59", True), ("10:30:00", False), ("12:00:00", False)):
        document = replace(before, added=f"2026-01-01T{added}+00:00")
        assert results.still_there([document], job) == ({"年假.txt"} if is_its_own else set())


def test_a_run_shows_nothing_of_what_is_inside_a_file_and_not_for_its_reader(served: Served, tmp_path: Path) -> None:
    """Who may see a letter need not see what is attached to it."""
    with zipfile.ZipFile(tmp_path / "来信.zip", "w") as made:
        made.writestr("附件.md", LEAVE)
        made.writestr("其他.md", "出差住宿每晚 650 元。")
    with served.base() as kb:
        kb.add_handed({"来信.zip": tmp_path / "来信.zip"}, labels=["hr"])
        inside = {one.source: one.id for one in kb.documents()}
    client = browser(served, labels=["hr"], actions=[*USUAL, "evaluate"])
    started = client.post(
        "/quality/runs", data={"base": "default", "questions": "年假有几天？ | 五天"}, follow_redirects=False
    )
    run_jobs(served.settings, threading.Event(), nice=0, until_empty=True)
    page = started.headers["location"]
    assert "五天带薪年假" in client.get(page).text
    with served.base() as kb:
        kb.label([inside["来信.zip!附件.md"]], add=["secret"], remove=["hr"])
        assert "来信.zip!其他.md" in {one.source for one in kb.documents(asker=Asker.of("hr"))}
    assert client.get(f"/view/default/{inside['来信.zip!附件.md']}").status_code == 404
    assert "五天带薪年假" not in client.get(page).text


def test_files_of_conversations_join_no_duplicates(served: Served) -> None:
    """Two documents that have nothing in common but somebody's own file are no group, for administrators either."""
    one, other = "".join(chr(0x4E00 + n * 7) for n in range(200)), "".join(chr(0x6E00 + n * 7) for n in range(200))
    with served.base() as kb:
        kb.add_texts([TextItem("a", "甲", one)], labels=["hr"])
        kb.add_texts([TextItem("b", "乙", other)], labels=["hr"])
        own = f"conversation:{'0' * 32}"
        kb.add_texts([TextItem(f"{own}/c", "丙", f"{one}\n{other}")], labels=[own])
        assert len(kb.duplicates(least=0.4)[0].documents) == 3
    client = browser(served, admin=True)
    page = client.get("/library/default/duplicates?least=40").text
    assert "No duplicates." in page
    assert "丙" not in page
    with served.base() as kb:
        assert kb.duplicates(asker=Asker.of("hr"), least=0.4) == []


# -- what is noted ---------------------------------------------------------------------------------------


def test_the_audit_says_whose_text_was_shown_where_it_is_cut(served: Served) -> None:
    with served.base() as kb:
        kb.add_texts([TextItem("a", "a", LEAVE)], labels=["hr"])
    client = browser(served, labels=["hr"], actions=[*USUAL, "write"])
    audit = assemble.audit(served.service.settings, served.service.database)
    asked = (
        ("GET", "/library/default/split?document=1", None),
        ("GET", "/library/default/remove?id=1", None),
        ("POST", "/library/default/split", {"document": "1", "beside": "fixed"}),
    )
    with client:
        for method, path, form in asked:
            assert client.request(method, path, data=form).status_code == 200
            route = path.replace("default", "{base}").partition("?")[0]
            until = time.monotonic() + 10
            found: list[Any] = []
            while not found and time.monotonic() < until:
                time.sleep(0.05)
                found = [row for row in audit.rows() if (row.body["method"], row.body["route"]) == (method, route)]
            assert found[0].body["documents"] == [1], path
