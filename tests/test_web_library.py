"""The library's pages: rights as the API's, what is done with files and what is said of it, in both languages."""

import io
import itertools
import re
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from service_fixtures import URL, Served
from starlette.testclient import TestClient

import qianxun
from qianxun import TextItem
from qianxun.errors import InputError
from qianxun.filters import Contains
from qianxun.ingestion.preview import MOST_CHARS
from qianxun.records import Asker, Passage, Span, Status, check_labels
from qianxun.service.jobs.runner import run_jobs
from qianxun.service.jobs.work import Stopped, Telling
from qianxun.settings import SplittingSettings
from qianxun.storage.keys import USUAL
from qianxun.storage.reindex import Progress
from qianxun.web.chunked import laid_chunks
from qianxun.web.library import MOST_COMPARED, PAGE
from qianxun.web.library_jobs import file_lines

LEAVE = "年假：工作满一年的员工每年有五天带薪年假。".encode()
STIPEND = "值班補貼：On-call engineers receive 300 yuan a night.".encode()
HOSTILE = "<script>alert(1)</script>\"'&<img src=x>{{7*7777}}"
BASE = "/library/人事"


class Library(Served):
    """A service with its pages, whose jobs are run when the test says so."""

    def run(self) -> int:
        return run_jobs(self.settings, threading.Event(), nice=0, until_empty=True)

    def browser(self, language: str = "en", **grant: Any) -> TestClient:
        """Somebody who has signed in, in a browser; without a grant, somebody who has not."""
        client = TestClient(self.app, base_url=URL, raise_server_exceptions=False)
        client.headers |= {"Accept-Language": language, "Origin": URL}
        if grant:
            reply = client.post("/sign-in", data={"key": self.key(**grant)}, follow_redirects=False)
            assert reply.status_code == 303
        return client


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Library]:
    made = Library(tmp_path / "家")
    made.base("人事").close()
    yield made
    made.close()


def writer(served: Library, *labels: str, language: str = "en") -> TestClient:
    return served.browser(language, labels=labels, actions=[*USUAL, "write"])


def texts(served: Library, *items: tuple[str, str, str, Sequence[str]]) -> dict[str, int]:
    """Adds (source, title, text, labels); the ids by source."""
    with served.base("人事") as kb:
        for source, title, text, labels in items:
            kb.add_texts([TextItem(source, title, text)], labels=labels)
        return {one.source: one.id for one in kb.documents()}


def sent(client: TestClient, *files: tuple[str, bytes], **fields: Any) -> Any:
    parts = [("files", (name, data, "application/octet-stream")) for name, data in files]
    return client.post(f"{BASE}/documents", files=parts, data=fields, follow_redirects=False)


def plain(html: str) -> str:
    """A page's words, with single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


# -- rights ----------------------------------------------------------------------------------------------


def test_knowledge_bases_are_those_that_one_may_use_with_what_one_sees(served: Library) -> None:
    served.base("secret").close()
    texts(served, ("a", "甲", "年假五天。", ["hr"]), ("b", "乙", "加班費。", ["it"]), ("c", "丙", "公开。", ["public"]))
    assert "3 documents" in served.browser(admin=True).get("/library").text
    mine = served.browser(labels=["hr"], bases=["人事"]).get("/library").text
    assert "1 document<" in mine
    assert "secret" not in mine
    assert "1 document<" in served.browser().get("/library").text


def test_only_administrators_make_knowledge_bases(served: Library) -> None:
    admin, other = served.browser(admin=True), writer(served, "hr")
    assert "New knowledge base" in admin.get("/library").text
    assert "New knowledge base" not in other.get("/library").text
    made = admin.post("/library", data={"name": "制度-2026"}, follow_redirects=False)
    assert made.status_code == 303
    assert admin.get(made.headers["location"]).status_code == 200
    assert other.post("/library", data={"name": "mine"}).status_code == 403
    assert "mine" not in served.service.bases.names()
    assert admin.post("/library", data={"name": "../x"}).status_code == 400


def test_of_others_nothing_shows(served: Library) -> None:
    ids = texts(
        served,
        ("hr/年假.md", "年假 RareTitle", "年假五天 raretext。", ["hr", "RareLabel"]),
        ("it/vpn.md", "VPN", "Dial in.", ["it"]),
        ("it/copy.md", "VPN copy", "Dial in.", ["it", "hr"]),
        ("talk.md", "Own", "Own words.", ["it"]),
    )
    hidden = ids["hr/年假.md"]
    client = writer(served, "it")
    pages = [
        "",
        "?q=年假",
        "?q=rare",
        "?label=hr",
        "?label=RareLabel",
        "?state=ready",
        "/duplicates",
        "/jobs",
        "/add",
        f"/split?document={ids['it/vpn.md']}",
        f"/{ids['it/copy.md']}",
        f"/remove?id={hidden}&id={ids['it/vpn.md']}",
    ]
    for rest in pages:
        reply = client.get(BASE + rest)
        assert reply.status_code == 200, rest
        # What one asked for oneself is shown as asked for.
        words = re.sub("<option selected>[^<]*</option>", "", reply.text.replace("?q=rare", "")).lower()
        assert "raretitle" not in words, rest
        assert "raretext" not in words, rest
        assert "hr/年假" not in words, rest
        assert ">rarelabel<" not in words, rest
        assert ">hr<" not in words, rest
    assert "3 documents" in plain(client.get(BASE).text)
    absent = hidden + 1000
    for method, rest, data in (
        ("GET", "/{}", None),
        ("POST", "/{}/labels", {"add": "it"}),
        ("GET", "/split?document={}", None),
        ("POST", "/split", {"document": "{}", "beside": "fixed"}),
        ("GET", "/remove?id={}", None),
        ("POST", "/remove", {"id": "{}"}),
    ):

        def asked(id: int, method: str = method, rest: str = rest, data: Any = data) -> Any:
            given = data and {name: value.format(id) for name, value in data.items()}
            return client.request(method, BASE + rest.format(id), data=given)

        seen, none = asked(hidden), asked(absent)
        assert seen.status_code == none.status_code >= 400, rest
        without = [
            re.sub(rf"{id}|Request \w+", "", plain(reply.text)) for id, reply in ((hidden, seen), (absent, none))
        ]
        assert without[0] == without[1], rest
    with served.base("人事") as kb:
        assert {one.id for one in kb.documents()} == set(ids.values())


def test_files_of_conversations_are_nobodys_in_the_library(served: Library) -> None:
    owner, admin = served.client(labels=["hr"]), served.browser(admin=True)
    talk = owner.post("/api/v1/bases/人事/conversations", json={}).json()["token"]
    owner.post(f"/api/v1/bases/人事/conversations/{talk}/files", files=[("files", ("own.txt", LEAVE))])
    served.run()
    with served.base("人事") as kb:
        (document,) = kb.documents()
        kb.add_texts([TextItem("copy", "copy", LEAVE.decode())])
    (job,) = served.service.jobs.all()
    for rest in ("", "/duplicates?least=10", "/jobs"):
        page = admin.get(BASE + rest)
        assert page.status_code == 200
        assert "own.txt" not in page.text
    assert "Adding documents" not in admin.get(f"{BASE}/jobs").text
    assert "1 document" in plain(admin.get(BASE).text)
    for path in (f"/{document.id}", f"/jobs/{job.token}", f"/remove?id={document.id}"):
        assert admin.get(BASE + path).status_code >= 400, path
    assert admin.post(f"{BASE}/remove", data={"id": document.id}).status_code == 404
    with served.base("人事") as kb:
        assert kb.document(document.id, asker=Asker.admin()).source.endswith("own.txt")


READING = (
    ("GET", ""),
    ("GET", "/duplicates"),
    ("GET", "/jobs"),
    ("GET", "/{id}"),
)
WRITING = (
    ("GET", "/add"),
    ("POST", "/documents"),
    ("POST", "/addresses"),
    ("GET", "/split"),
    ("POST", "/split"),
    ("GET", "/remove?id={id}"),
    ("POST", "/remove"),
    ("POST", "/{id}/labels"),
)
KEEPING = (("GET", "/sources"), ("POST", "/sources/forget"), ("POST", "/upkeep"))


@pytest.mark.parametrize("who", ["nobody", "reader", "writer", "asker", "admin"])
def test_everybody_does_what_their_key_allows(served: Library, who: str) -> None:
    (id,) = texts(served, ("a", "甲", "年假五天。", ["public"])).values()
    client = {
        "nobody": lambda: served.browser(),
        "reader": lambda: served.browser(labels=["public"]),
        "writer": lambda: writer(served, "public"),
        "asker": lambda: served.browser(labels=["public"], actions=["ask"]),
        "admin": lambda: served.browser(admin=True),
    }[who]()
    allowed = {"nobody": READING, "reader": READING, "writer": READING + WRITING, "asker": ()}.get(
        who, READING + WRITING + KEEPING
    )
    for method, rest in READING + WRITING + KEEPING:
        data = {"job": "nothing"} if rest == "/upkeep" else {"beside": "x"} if rest == "/split" else {}
        reply = client.request(method, BASE + rest.format(id=id), data=data if method == "POST" else None)
        assert (reply.status_code == 403) == ((method, rest) not in allowed), (rest, reply.status_code)
    if who in ("reader", "nobody"):
        shown = client.get(BASE).text + client.get(f"{BASE}/{id}").text
        for word in ("Add documents", "Preview splitting", "Remove", "Sources", "checkbox", "Change the labels"):
            assert word not in shown
    assert "Sources" not in writer(served, "public").get(BASE).text


def test_a_knowledge_base_of_others_is_not_there(served: Library) -> None:
    served.base("other").close()
    client = served.browser(labels=["hr"], bases=["other"], actions=[*USUAL, "write"])
    for method, rest in READING + WRITING:
        assert client.request(method, BASE + rest.format(id=1)).status_code == 404, rest


def test_pages_of_other_origins_change_nothing(served: Library) -> None:
    (id,) = texts(served, ("a", "甲", "年假五天。", ["public"])).values()
    client = served.browser(admin=True)
    for origin in ("https://evil.example", "null"):
        for rest, data in (
            ("/remove", {"id": id}),
            ("/documents", {}),
            ("/addresses", {"addresses": "https://intranet.example/a"}),
            (f"/{id}/labels", {"add": "x"}),
            ("/upkeep", {"job": "compact"}),
            ("/sources/forget", {"of": "x"}),
            ("/split", {"text": "a"}),
        ):
            assert client.post(BASE + rest, data=data, headers={"Origin": origin}).status_code == 403
        assert client.post("/library", data={"name": "x"}, headers={"Origin": origin}).status_code == 403
    with served.base("人事") as kb:
        assert [one.labels for one in kb.documents()] == [("public",)]
    assert served.service.jobs.all() == []


def test_hostile_words_stay_words(served: Library) -> None:
    ids = texts(served, (f"x/{HOSTILE}", HOSTILE, f"# {HOSTILE}\n\n{HOSTILE} 年假。", [HOSTILE.replace(",", "")]))
    client = served.browser(admin=True)
    (id,) = ids.values()
    with served.base("人事") as kb:
        kb.add_texts([TextItem("copy", "copy", kb.text(id))])
    for rest in (
        "",
        f"?q={HOSTILE}&label={HOSTILE}&state={HOSTILE}",
        f"/{id}",
        "/duplicates?least=10",
        f"/remove?id={id}",
        f"/split?document={id}",
    ):
        html = client.get(BASE + rest).text
        assert "<script>alert" not in html, rest
        assert "<img src=x" not in html, rest
        assert "54439" not in html, rest
    cut = client.post(f"{BASE}/split", data={"text": HOSTILE, "beside": "fixed"}).text
    assert "<script>alert" not in cut
    assert "</textarea><" not in cut.split("</textarea>")[0]
    receipt = client.post(f"{BASE}/remove", data={"id": id}).text
    assert "<script>alert" not in receipt
    assert "&lt;script&gt;" in receipt


# -- from a file to a receipt ----------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_from_upload_to_receipt(served: Library, language: str) -> None:
    client = writer(served, "hr", language=language)
    form = client.get(f"{BASE}/add").text
    assert 'enctype="multipart/form-data"' in form
    reply = sent(client, ("年假（２０２６）.txt", LEAVE), ("on call.md", STIPEND), folder="制度", labels="hr")
    assert reply.status_code == 303
    job = reply.headers["location"]
    waiting = client.get(job).text
    assert "data-going" in waiting
    assert ("waiting" if language == "en" else "等待") in waiting
    assert client.get(BASE).text.count("/jobs/") >= 1
    served.run()
    part = client.get(job, headers={"X-Qianxun-Part": "job"}).text
    assert "<html" not in part
    assert "data-going" not in part
    assert plain(part).count("newly added" if language == "en" else "已添加") == 3  # two files, and the sum
    listed = client.get(BASE).text
    assert "制度/年假（２０２６）.txt" in listed
    ids = re.findall(r'name="id" value="(\d+)"', listed)
    assert len(ids) == 2
    document = client.get(f"{BASE}/{ids[0]}").text
    assert f"/view/人事/{ids[0]}/original" in unquote(document)
    assert f"{BASE}/{ids[0]}" in unquote(client.get(f"/view/人事/{ids[0]}").text)
    assert "ready" in document or "就绪" in document
    asked = client.get(f"{BASE}/remove", params={"id": ids}).text
    assert asked.count('type="hidden" name="id"') == 2
    receipt = client.post(f"{BASE}/remove", data={"id": ids}).text
    for name in ("年假（２０２６）.txt", "on call.md"):
        assert name in receipt
    assert ("Receipt" if language == "en" else "移除凭据") in receipt
    facts = re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", receipt)
    assert [value for _, value in facts[:3]] == ["2", "2", "2"]
    assert len(facts) == 4  # of other people's words only administrators are told
    assert client.get(f"{BASE}/{ids[0]}").status_code == 404
    for gone in (client.post(f"{BASE}/remove", data={"id": ids}), client.get(f"{BASE}/remove", params={"id": ids})):
        assert gone.status_code == 404
        assert ("These documents are gone already." if language == "en" else "这些文档已经不在了。") in gone.text
        assert f'class="button" href="{BASE}"' in unquote(gone.text)
    assert client.get(f"{BASE}/remove").status_code == 400
    no_number = client.get(f"{BASE}/remove?id=甲").text
    assert (
        "Document: &#39;甲&#39; is no whole number" if language == "en" else "文档：&#39;甲&#39; 不是整数"
    ) in no_number
    with served.base("人事") as kb:
        assert kb.documents() == []


def test_an_administrators_receipt_counts_everything(served: Library) -> None:
    (id,) = texts(served, ("a", "甲", "年假五天。", ["public"])).values()
    receipt = served.browser(admin=True).post(f"{BASE}/remove", data={"id": id, "purge": "true"}).text
    assert "answers erased" in receipt
    assert "judgements of them" in receipt


def test_what_became_of_each_file_is_said(served: Library) -> None:
    client = served.browser(admin=True)
    sent(client, ("年假.txt", LEAVE), ("empty.txt", b""), ("broken.pdf", b"no pdf"))
    served.run()
    first = client.get(f"{BASE}/jobs/{served.service.jobs.all()[0].token}").text
    rows = {name: plain(row) for name, row in re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", first, re.S)}
    told = {plain(name): row for name, row in rows.items()}
    assert "newly added" in told["年假.txt"]
    assert "empty" in told["empty.txt"]
    assert "failed" in told["broken.pdf"]
    assert len(told["broken.pdf"]) > len("✗ failed")
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", first))
    assert (facts["newly added"], facts["failed"], facts["empty"]) == ("1", "1", "1")
    assert "needs attention" not in facts
    sent(client, ("年假.txt", LEAVE))
    served.run()
    again = client.get(f"{BASE}/jobs/{served.service.jobs.all()[0].token}").text
    assert "unchanged" in plain(again)
    chinese = served.browser("zh", admin=True).get(f"{BASE}?state=failed").text
    assert "broken.pdf" in chinese
    assert "年假.txt" not in chinese
    assert "失败" in chinese
    assert "no PDF header" not in chinese


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_list_of_jobs_says_what_could_not_be_read(served: Library, language: str) -> None:
    client = served.browser(language, admin=True)
    for files in ([("坏的.pdf", b"no pdf")], [("年假.txt", LEAVE), ("b.pdf", b"no pdf"), ("c.pdf", b"no")]):
        sent(client, *files)
        served.run()
    listed = client.get(f"{BASE}/jobs").text
    states = re.findall(r'<td>(<span class="state.*?)</td>', listed, re.S)
    signs = [(re.findall(r'class="state (\w+)"', one)[0], plain(one)) for one in states]
    done = "done" if language == "en" else "已完成"
    one, two = ("1 file", "2 files") if language == "en" else ("1 个文件", "2 个文件")
    could_not = "could not be read" if language == "en" else "无法读取"
    assert signs == [("warn", f"! {done} {two} {could_not}".replace("文件 ", "文件")), ("wrong", signs[1][1])]
    assert signs[1][1] == f"✗ {done} {one} {could_not}".replace("文件 ", "文件")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_files_of_conversations_go_by_their_own_names_in_the_jobs_of_their_owner(
    served: Library, language: str
) -> None:
    key = served.key(labels=["hr"])
    api = TestClient(served.app, base_url=URL, headers={"Authorization": f"Bearer {key}"})
    talk = api.post("/api/v1/bases/人事/conversations", json={}).json()["token"]
    files = [("files", ("值班 on call.txt", STIPEND)), ("files", ("坏的.pdf", b"no pdf"))]
    api.post(f"/api/v1/bases/人事/conversations/{talk}/files", files=files)
    served.run()
    owner = served.browser(language)
    assert owner.post("/sign-in", data={"key": key}, follow_redirects=False).status_code == 303
    own = "of a conversation" if language == "en" else "对话中的文件"
    assert own in plain(owner.get(f"{BASE}/jobs").text)
    (job,) = served.service.jobs.all()
    shown = owner.get(f"{BASE}/jobs/{job.token}").text
    assert f"conversation:{talk}" not in shown
    assert own in plain(shown)
    assert f"值班 on call.txt ✓ {'newly added' if language == 'en' else '已添加'}" in plain(shown)
    assert "坏的.pdf ✗" in plain(shown)
    # They are not in the library.
    assert f'class="button main" href="{BASE}"' not in unquote(shown)
    assert not re.findall(rf'href="{BASE}/\d+"', unquote(shown))


def test_a_document_without_text_says_why_where_it_is_read(served: Library) -> None:
    client = served.browser("zh", admin=True)
    sent(client, ("坏的.pdf", b"no pdf"), ("empty.txt", b""), ("on call.txt", STIPEND))
    served.run()
    with served.base("人事") as kb:
        ids = {one.source: one.id for one in kb.documents()}
    for source, state in (("坏的.pdf", "失败"), ("empty.txt", "无文字")):
        library = plain(client.get(f"{BASE}/{ids[source]}").text)
        viewer = client.get(f"/view/人事/{ids[source]}").text
        (said,) = re.findall(r'<p class="note warn" role="status">([^<]*)</p>', viewer)
        assert said.startswith(state), said
        reason = said.partition(" · ")[2]
        assert reason in library
        assert reason
        assert 'class="card text"' not in viewer
    assert "失败 · 无法读取：" in plain(client.get(f"{BASE}/{ids['坏的.pdf']}").text)
    assert 'class="card text"' in client.get(f"/view/人事/{ids['on call.txt']}").text


def test_who_sees_a_document_without_labels_is_said(served: Library) -> None:
    ids = texts(served, ("a.md", "甲", "年假五天。", []), ("b.md", "乙", "加班。", ["hr"]))
    admin = served.browser("zh", admin=True)
    admin.post(f"{BASE}/{ids['a.md']}/labels", data={"remove": "public"})
    assert "无 · 只有管理员能看到。" in plain(admin.get(f"{BASE}/{ids['a.md']}").text)
    assert "只有管理员能看到" not in admin.get(f"{BASE}/{ids['b.md']}").text


def test_archives_are_added_with_what_is_in_them(served: Library, tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("年假.txt", LEAVE)
        archive.writestr("broken.pdf", b"no pdf")
    client = served.browser(admin=True)
    sent(client, ("all.zip", data.getvalue()))
    served.run()
    shown = plain(client.get(f"{BASE}/jobs/{served.service.jobs.all()[0].token}").text)
    assert "all.zip ✓ newly added" in shown
    assert "all.zip!broken.pdf ✗ failed" in shown


def test_uploads_that_cannot_be_are_refused(served: Library) -> None:
    client = writer(served, "hr")
    assert sent(client, ("x.txt", LEAVE), labels="it").status_code == 403
    refused = sent(client, ("好.txt", LEAVE), ("坏.exe", LEAVE))
    assert refused.status_code == 415
    words = plain(refused.text)
    assert "坏.exe" in words
    assert "Leave it out" in words
    assert ".geojson" not in words
    assert "请去掉这个文件" in sent(writer(served, "hr", language="zh"), ("壞.exe", LEAVE)).text
    assert sent(client, ("x.txt", LEAVE), folder="../..").status_code == 400
    assert client.post(f"{BASE}/documents", data={"folder": "x"}).status_code == 415
    assert not list((served.home / "uploads").glob("*"))
    assert served.service.jobs.all() == []


def test_pages_of_the_web_are_added_by_their_addresses(served: Library) -> None:
    client = writer(served, "hr")

    def asked(addresses: str, labels: str = "") -> Any:
        data = {"addresses": addresses, "labels": labels}
        return client.post(f"{BASE}/addresses", data=data, follow_redirects=False)

    reply = asked("https://intranet.example/制度\n\n http://intranet.example/b ", "hr")
    assert reply.status_code == 303
    (job,) = served.service.jobs.all()
    assert job.arguments["addresses"] == ["https://intranet.example/制度", "http://intranet.example/b"]
    assert job.arguments["labels"] == ["hr"]
    assert client.get(reply.headers["location"]).status_code == 200
    for addresses, labels, status in (
        ("", "", 400),
        ("file:///etc/passwd", "", 400),
        ("https://a.example/", "it", 403),
    ):
        assert asked(addresses, labels).status_code == status, addresses
    assert len(served.service.jobs.all()) == 1


def test_uploads_may_be_as_large_as_uploads_and_nothing_else(tmp_path: Path) -> None:
    served = Library(tmp_path / "home", ["service.max_body_mb=0.01", "service.max_upload_mb=1"])
    try:
        served.base("人事").close()
        client = writer(served, "hr")
        long = LEAVE * 500
        assert sent(client, ("long.txt", long)).status_code == 303
        assert client.post(f"{BASE}/split", files={"file": ("long.txt", long)}).status_code == 413
        chinese = writer(served, "hr", language="zh")
        form = chinese.get(f"{BASE}/split").text
        assert 'data-most-bytes="10000"' in form
        assert "内容过大：文字和文件合计最多 0.01 MB。" in form
        came = {"Referer": URL + quote(BASE) + "/split"}
        refused = chinese.post(f"{BASE}/split", files={"file": ("长.txt", long)}, headers=came)
        assert "发送的内容过大，最多 0.01 MB。" in refused.text
        assert "max_body_mb" not in refused.text
        assert f'href="{quote(BASE)}/split" data-back' in refused.text
    finally:
        served.close()


def test_a_job_is_its_owners(served: Library) -> None:
    owner, other = writer(served, "hr"), writer(served, "hr")
    job = sent(owner, ("secret-name.txt", LEAVE)).headers["location"]
    assert other.get(job).status_code == 404
    assert other.post(f"{job}/stop").status_code == 404
    assert "Adding" not in other.get(BASE).text
    assert "secret-name" not in other.get(f"{BASE}/jobs").text
    served.base("second").close()
    assert owner.get(job.replace("%E4%BA%BA%E4%BA%8B", "second")).status_code == 404
    stopped = owner.post(f"{job}/stop")
    assert "cancelled" in stopped.text
    assert "not added" in stopped.text


def test_upkeep_is_a_job_with_a_page(served: Library) -> None:
    texts(served, ("a", "甲", "年假五天。", ["public"]))
    client = served.browser(admin=True)
    for job, said in (("reindex", "Re-indexing"), ("check", "All is well."), ("compact", "bytes now")):
        reply = client.post(f"{BASE}/upkeep", data={"job": job, "enrich": ""}, follow_redirects=False)
        assert reply.status_code == 303, reply.text
        served.run()
        page = plain(client.get(reply.headers["location"]).text)
        assert said in page
        assert "✓ done" in page
    assert client.post(f"{BASE}/upkeep", data={"job": "expire"}).status_code == 400


def test_sources_say_how_their_last_look_went(served: Library, tmp_path: Path) -> None:
    folder = tmp_path / "制度"
    folder.mkdir()
    (folder / "年假.txt").write_bytes(LEAVE)
    (folder / "broken.pdf").write_bytes(b"no pdf")
    with served.base("人事") as kb:
        kb.add([folder])
    client = served.browser(admin=True)
    shown = client.get(f"{BASE}/sources").text
    assert str(folder) in shown
    assert "in step" in shown
    files = plain(client.get(f"{BASE}/sources", params={"of": str(folder)}).text)
    assert files.index("broken.pdf failed") < files.index("年假.txt indexed")
    assert client.get(f"{BASE}/sources?of=/etc").status_code == 404
    client.post(f"{BASE}/upkeep", data={"job": "sync", "retry": "true"})
    assert served.run() == 1


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_source_is_taken_off_the_list_and_its_documents_stay(served: Library, tmp_path: Path, language: str) -> None:
    folders = [tmp_path / name for name in ("制度（舊）", "policies new")]
    with served.base("人事") as kb:
        for folder in folders:
            folder.mkdir()
            (folder / "年假.txt").write_bytes(LEAVE + folder.name.encode())
            kb.add([folder])
    client = served.browser(language, admin=True)
    page = client.get(f"{BASE}/sources", params={"of": str(folders[0])}).text
    assert ("its documents stay" if language == "en" else "它的文档保留") in page
    (of,) = re.findall(r'name="of" value="([^"]*)"', page)
    reply = client.post(f"{BASE}/sources/forget", data={"of": of}, follow_redirects=False)
    assert (reply.status_code, unquote(reply.headers["location"])) == (303, f"{BASE}/sources")
    with served.base("人事") as kb:
        assert [one.address for one in kb.sources()] == [str(folders[1])]
        assert len(kb.documents()) == 2
    assert client.post(f"{BASE}/sources/forget", data={"of": of}).status_code == 404
    assert client.post(f"{BASE}/sources/forget").status_code == 400


# -- the list --------------------------------------------------------------------------------------------


def test_the_list_is_narrowed_and_paged(served: Library) -> None:
    with served.base("人事") as kb:
        kb.add_texts([TextItem(f"hr/{n:03d}.md", f"制度 {n}", f"第 {n} 條：年假。") for n in range(60)], labels=["hr"])
        kb.add_texts([TextItem("it/vpn.md", "远程接入", "Dial in.")], labels=["it"])
    client = served.browser(admin=True)
    first = client.get(BASE).text
    assert "61 documents" in first
    assert first.count('<th scope="row">') == 50
    following = re.findall(r'rel="next" href="([^"]*)"', first)[0]
    second = client.get(following.replace("&amp;", "&")).text
    assert second.count('<th scope="row">') == 11
    assert 'rel="next"' not in second
    for query in ("q=遠程", "label=it", "q=ＶＰＮ"):
        found = client.get(f"{BASE}?{query}").text
        assert found.count('<th scope="row">') == 1, query
        assert "it/vpn.md" in found
    assert client.get(f"{BASE}?format=pdf").text.count('<th scope="row">') == 0
    part = client.get(f"{BASE}?q=vpn", headers={"X-Qianxun-Part": "documents"}).text
    assert "<html" not in part
    assert "it/vpn.md" in part


def test_a_page_of_documents_is_a_page_of_all_of_them(served: Library) -> None:
    client = served.browser(admin=True)
    sent(client, ("a.txt", LEAVE), ("b.txt", b""), ("c.pdf", b"no pdf"), ("d.txt", STIPEND))
    served.run()
    with served.base("人事") as kb:
        everything = kb.documents()
        for state in (None, *Status):
            expected = [one for one in everything if state in (None, one.state)]
            assert kb.listed(state=state) == (expected, len(expected))
            assert kb.listed(state=state, first=1, count=1) == (expected[1:2], len(expected))
        where = Contains("source", ".txt")
        assert kb.listed(where=where, first=0, count=2)[1] == 3
        assert kb.listed(asker=Asker.of("nobody"))[1] == 0


# -- a document ------------------------------------------------------------------------------------------


def test_labels_are_given_and_taken(served: Library) -> None:
    (id,) = texts(served, ("a", "甲", "年假五天。", ["hr", "it"])).values()
    client = writer(served, "hr", "公开")
    page = client.get(f"{BASE}/{id}").text
    assert ">it<" not in page
    assert client.post(f"{BASE}/{id}/labels", data={"add": "公开", "remove": "hr"}).status_code == 200
    with served.base("人事") as kb:
        assert kb.document(id).labels == ("it", "公开")
    assert client.post(f"{BASE}/{id}/labels", data={"add": "it"}).status_code == 403
    assert client.post(f"{BASE}/{id}/labels", data={"remove": "公开"}).status_code == 403
    assert client.post(f"{BASE}/{id}/labels", data={"add": "a\0b"}).status_code == 400
    assert client.post(f"{BASE}/{id}/labels", data={"add": "公开，人事"}).status_code in (400, 403)


def test_chunks_are_shown_over_the_text_and_lead_to_the_viewer(served: Library) -> None:
    paragraphs = "\n\n".join(f"第{n}段：" + "員工 annual leave 制度。" * 40 for n in range(60))
    (id,) = texts(served, ("a", "制度", paragraphs, ["hr"])).values()
    client = served.browser(labels=["hr"])
    first = client.get(f"{BASE}/{id}").text
    with served.base("人事") as kb:
        chunks = kb.chunks(id)
        assert kb.chunks(id, first=3, count=2) == chunks[3:5]
    assert first.count('<li class="chunk') == 40
    assert "chunk-40" in first
    link = re.findall(r'href="(/view/[^"]*from=[^"]*)"', first)[0].replace("&amp;", "&")
    assert f"from={chunks[0].span.start}" in link
    assert "words=" in link
    assert 'id="cited"' in client.get(link).text
    # Of a text that came from no file there is none to be had.
    assert "/original" not in first
    second = client.get(f"{BASE}/{id}?first=40").text
    assert second.count('<li class="chunk') == len(chunks) - 40
    assert "In no chunk" not in plain(second)


def passage(rank: int, text: str, start: int, end: int) -> Passage:
    span = Span(start, end)
    return Passage(rank, 0.0, rank, 1, "s", "t", None, None, (), span, text[start:end], "", (), {})


def test_what_a_chunk_repeats_and_what_no_chunk_has_is_told() -> None:
    text = "第一章 總則\n\n甲乙丙丁。戊己庚辛。"
    found = list(laid_chunks([passage(1, text, 8, 13), passage(2, text, 10, 18)], text))
    assert [one.between for one in found] == ["第一章 總則", ""]
    assert [str(one.repeated) for one in found] == ["", text[10:13]]
    assert "".join(str(one.text) for one in found) == text[8:]
    masked = list(laid_chunks([passage(1, text, 0, 18)], text, at=40, tokens_of=[7.4]))
    assert (str(masked[0].repeated), str(masked[0].text), masked[0].tokens) == (text[:18], "", 7)


def test_states_of_files_while_a_job_goes_on() -> None:
    job: dict[str, Any] = {"result": None, "state": "running"}
    lines = list(file_lines(job, ["a", "b"], [], since="2026-01-01T00:00:00.000Z"))
    assert [(one.source, one.state) for one in lines] == [("a", "waiting"), ("b", "waiting")]
    failed = {"result": {"added": 1, "failed": [{"source": "b!c", "reason": "x"}]}, "state": "done"}
    lines = list(file_lines(failed, ["b"], [], since="2026-01-01T00:00:00.000Z"))
    assert [(one.source, one.state) for one in lines][1:] == [("b!c", "failed")]


# -- duplicates and splitting ----------------------------------------------------------------------------


def test_duplicates_are_named_with_their_share(served: Library) -> None:
    body = "\n".join(f"第{n}條：員工每年有{n}天 annual leave。" for n in range(40))
    texts(
        served,
        ("a.md", "甲", body, ["hr"]),
        ("b.md", "甲", body, ["hr"]),
        ("c.md", "乙", "別的 something else", ["hr"]),
        ("d.md", "甲", body, ["it"]),
    )
    shown = plain(served.browser(labels=["hr"]).get(f"{BASE}/duplicates").text)
    assert "the same text" in shown
    assert "a.md" in shown
    assert "b.md" in shown
    assert "c.md" not in shown
    assert "d.md" not in shown
    assert served.browser(labels=["hr"]).get(f"{BASE}/duplicates?least=3").status_code == 422


TEXT = "# 請假制度\n\n## 年假\n\n工作滿一年有五天年假。 Annual leave is five days.\n\n## 病假\n\n病假需要證明。"


def test_a_text_is_cut_in_two_ways_and_nothing_is_kept(served: Library) -> None:
    client = writer(served, "hr")
    data = {"text": TEXT, "kind": "markdown", "beside": "fixed", "max_tokens": "32", "overlap_tokens": "16"}
    page = client.post(f"{BASE}/split", data=data).text
    one, two = page.split('id="preview"')[1].split("<h2>")[1:]
    assert "by structure" in one
    assert "by size alone" in two
    assert plain(one).count("Chunk ") == 2
    assert "請假制度 › 年假" in plain(one)
    assert plain(two).count("repeated from the chunk before") >= 1
    assert TEXT.splitlines()[0] in page
    assert client.post(f"{BASE}/split", data={"beside": "fixed"}).status_code == 400
    assert client.post(f"{BASE}/split", data={"text": "x", "beside": "magic"}).status_code == 400
    with served.base("人事") as kb:
        assert kb.documents() == []
    assert served.service.jobs.all() == []


@pytest.mark.parametrize("as_file_form", [False, True])
def test_the_longest_text_that_may_be_cut_is_and_of_a_longer_one_its_length_is_said(
    served: Library, as_file_form: bool
) -> None:
    """The framework takes 1 MB a field, which Chinese of 400,000 characters is more than."""
    files = {"file": ("", b"", "application/octet-stream")} if as_file_form else None
    client = writer(served, "hr", language="zh")
    line = "年假须提前三天申请，經主管核准。" * 3 + "\r\n"
    longest = (line * 10_000)[: 400_000 + (400_000 // (len(line) - 1))]
    longest = longest[: len(longest) - (len(longest.replace("\r\n", "\n")) - 400_000)]
    assert len(longest.replace("\r\n", "\n")) == 400_000
    assert len(longest.encode()) > 1_100_000
    kept = client.post(f"{BASE}/split", data={"text": longest}, files=files)
    assert kept.status_code == 200, plain(kept.text)[:500]
    assert 'id="preview"' in kept.text
    refused = client.post(f"{BASE}/split", data={"text": longest + "假"}, files=files)
    assert refused.status_code == 413
    assert "文字有 400,001 个字符，最多 400,000 个。" in refused.text
    assert 'id="preview"' not in refused.text
    assert refused.text.count("經主管核准") > 8_000  # what was written is still there


def test_a_field_that_is_refused_is_named_as_the_page_names_it(served: Library) -> None:
    client = writer(served, "hr", language="zh")
    for field, value, said in (
        ("max_tokens", "5", "片段上限（token）：5 太小，至少为 32。"),
        ("overlap_tokens", "9999", "重复的 token 数（只按长度时）：9999 太大，最多为 1,024。"),
        ("overlap_sentences", "两句", "重复的句子数：&#39;两句&#39; 不是整数。"),
    ):
        reply = client.post(f"{BASE}/split", data={"text": "年假五天。", field: value})
        assert reply.status_code == 422
        assert said in reply.text
        assert "body." not in reply.text
        assert "openapi" not in reply.text
    reply = client.get(f"{BASE}/duplicates?least=3")
    assert "相似度不低于（%）：3 太小，至少为 10。" in reply.text
    assert (
        "Alike at least, in %: 3 is too small; 10 at least."
        in client.get(f"{BASE}/duplicates?least=3", headers={"Accept-Language": "en"}).text
    )


def test_labels_may_be_separated_as_chinese_separates_words(served: Library) -> None:
    client = served.browser(admin=True)
    assert sent(client, ("x.txt", LEAVE), labels="hr，财务、it, public").status_code == 303
    served.run()
    with served.base("人事") as kb:
        (found,) = kb.documents()
        assert set(found.labels) == {"hr", "财务", "it", "public"}
    client.post(f"{BASE}/{found.id}/labels", data={"add": "甲、乙，丙；丁;戊\r\n己"})
    with served.base("人事") as kb:
        assert {"甲", "乙", "丙", "丁", "戊", "己"} <= set(kb.document(found.id).labels)


def test_an_address_that_takes_forms_says_so_to_who_looks_at_it(served: Library) -> None:
    (id,) = texts(served, ("a", "甲", "年假五天。", ["hr"])).values()
    for language, said in (("zh", "此地址没有页面，只接收表单提交。"), ("en", "it takes what a form sends.")):
        reply = served.browser(language, admin=True).get(f"{BASE}/{id}/labels")
        assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
        assert said in reply.text
        assert "Method Not Allowed" not in reply.text


def test_what_is_typed_is_there_for_who_comes_back(served: Library) -> None:
    """A browser restores no field that is not to be completed."""
    (id,) = texts(served, ("a", "甲", "年假五天。", ["hr"])).values()
    client = served.browser(admin=True)
    for address, fields in (("/library", ["name"]), (f"{BASE}/add", ["folder", "labels"]), (f"{BASE}/{id}", ["add"])):
        text = client.get(address).text
        for field in fields:
            for tag in re.findall(rf'<input[^>]* name="{field}"[^>]*>', text):
                assert "autocomplete" not in tag


def test_several_labels_in_full_width_written_as_one_are_said_to_be_several() -> None:
    with pytest.raises(InputError) as refused:
        check_labels(["ｈｒ；財務、it"])
    assert refused.value.remedy.format(**refused.value.values) == "Give them one by one: hr, 財務, it."


def test_a_label_of_the_settings_that_is_none_is_said_with_its_key(tmp_path: Path) -> None:
    made = Library(tmp_path / "家", ["access.default_labels=ｈｒ"])
    made.base("人事").close()
    client = made.browser("zh", admin=True)
    job = sent(client, ("x.txt", LEAVE)).headers["location"]
    made.run()
    assert "access.default_labels：&#39;ｈｒ&#39; 不能用作标签。" in client.get(job).text
    made.close()


def test_a_file_and_a_document_are_cut_too(served: Library) -> None:
    client = writer(served, "hr")
    files = {"file": ("假期.md", TEXT.encode(), "text/markdown")}
    page = plain(client.post(f"{BASE}/split", data={"beside": "sentences"}, files=files).text)
    assert "假期.md" in page
    assert "請假制度 › 年假" in page
    unread = client.post(f"{BASE}/split", data={"beside": "sentences"}, files={"file": ("a.pdf", b"no pdf")})
    assert unread.status_code == 200
    assert 'class="note warn"' in unread.text
    sent(client, ("假期.md", TEXT.encode()))
    served.run()
    with served.base("人事") as kb:
        (document,) = kb.documents()
        expected = len(kb.chunks(document.id))
    page = client.post(f"{BASE}/split", data={"document": document.id, "beside": "paragraphs"}).text
    assert page.split('id="preview"')[1].split("<h2>")[1].count('<li class="chunk') == expected


def test_what_is_repeated_may_be_more_than_a_chunk(tmp_path: Path) -> None:
    file = tmp_path / "加班.txt"
    file.write_text("加班費按小時計算。 Overtime is paid by the hour.\n\n" * 40, encoding="utf-8")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        for given in (SplittingSettings("fixed", 32, overlap_tokens=1024), SplittingSettings("sentences", 64)):
            cut = kb.preview(file, splitting=given)
            assert max(cut.tokens) <= given.max_tokens + 1
            assert [one.rank for one in cut.passages] == list(range(1, len(cut.passages) + 1))
            assert all(cut.text[one.span.start : one.span.end] == one.text for one in cut.passages)
            kb.add([file])
        plain_cut = kb.preview(file)
        (document,) = kb.documents()
        assert [one.text for one in plain_cut.passages] == [one.text for one in kb.chunks(document.id)]


def test_a_long_text_is_cut_at_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text("員工 annual leave 制度。\n\n" * 40_000, encoding="utf-8")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        cut = kb.preview(file)
    assert not cut.is_whole
    assert MOST_CHARS < len(cut.text) < 2 * MOST_CHARS


def test_the_page_of_the_docs_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = (Path(__file__).parents[1] / "docs" / "library.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handbook.md").write_text(TEXT, encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", docs, re.DOTALL)
    exec(compile(example, "library.md", "exec"), {})
    assert capsys.readouterr().out == "0 1 \n"
    assert f"{MOST_COMPARED:,} documents" in docs
    assert f"{PAGE} at a time" in docs


def test_word_lists_are_held_over_chunks_and_previews(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("鳳凰計劃 | mask\n", encoding="utf-8")
    served = Library(tmp_path / "home", [f'guard.words=["{words}"]'])
    try:
        served.base("人事").close()
        (id,) = texts(served, ("a", "甲", "鳳凰計劃 starts in May 五月。", ["hr"])).values()
        client = writer(served, "hr")
        for page in (
            client.get(f"{BASE}/{id}").text,
            client.post(f"{BASE}/split", data={"document": id, "beside": "fixed"}).text,
        ):
            assert "五月" in page
            assert "鳳凰計劃" not in page
    finally:
        served.close()


# -- pages -----------------------------------------------------------------------------------------------


def test_pages_are_in_the_readers_language_and_carry_no_script_of_their_own(served: Library) -> None:
    (id,) = texts(served, ("a", "甲", "年假五天。", ["public"])).values()
    reader = served.browser("zh-CN,zh;q=0.9", admin=True)
    for rest in ("", "/add", "/jobs", "/sources", "/duplicates", "/split", f"/{id}", f"/remove?id={id}"):
        page = reader.get(BASE + rest)
        assert 'lang="zh-CN"' in page.text
        words = re.sub(
            r"<[^>]*>|qianxun|English|UTC|Markdown|token|public|text|test|site\+https|\bMB\b", " ", page.text
        )
        assert not re.findall(r"[A-Za-z]{4,}", words), (rest, re.findall(r"[A-Za-z]{4,}", words))
        assert not re.findall(r"\son\w+=|style=|javascript:", page.text)
        assert page.text.count("<script") == page.text.count('<script src="/static/')
        assert "'unsafe" not in page.headers["content-security-policy"]
        levels = [int(n) for n in re.findall(r"<h([1-6])", page.text)]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), levels


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_document_that_is_not_indexed_yet_is_not_called_ready(
    served: Library, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    client = served.browser(language, admin=True)
    words = "尚未编入索引" if language == "zh" else "not to be found yet"
    texts(served, ("舊.md", "舊", "年假五天。", ["hr"]))
    assert client.get("/?q=年假").status_code == 200  # opens the indexes
    with monkeypatch.context() as dying:
        dying.setattr("qianxun.ingestion.add._catch_up", lambda run: None)
        ids = texts(served, ("新.md", "新", "加班費 Overtime。", ["hr"]))
    assert plain(client.get(BASE).text).count(words) == 1
    assert words in client.get(f"{BASE}/{ids['新.md']}").text
    assert words not in client.get(f"{BASE}/{ids['舊.md']}").text
    with served.base("人事") as kb:
        kb.catch_up()
    assert words not in client.get(BASE).text


def test_a_receipt_has_an_address_of_its_own(served: Library) -> None:
    ids = texts(served, ("年假.md", "年假", "SecretWord 年假五天。", ["hr"]), ("值班.md", "值班", "On call.", ["hr"]))
    client = writer(served, "hr")
    reply = client.post(f"{BASE}/remove", data={"id": [*ids.values()]}, follow_redirects=False)
    assert reply.status_code == 303
    receipt = reply.headers["location"]
    for page in (client.get(receipt), client.get(receipt)):
        assert page.status_code == 200
        assert "年假.md" in page.text
        assert "SecretWord" not in page.text
        assert "<dt>judgements of them</dt>" not in page.text
        assert f'name="next" value="{unquote(receipt)}"' in unquote(page.text)
    switched = client.post("/preferences", data={"language": "zh", "next": unquote(receipt)})
    assert "移除凭据" in switched.text
    assert writer(served, "hr").get(receipt).status_code == 404
    assert "年假.md" in served.browser(admin=True).get(receipt).text
    assert served.run() == 0
    assert "移除文档" in client.get(f"{BASE}/jobs").text


def test_who_switches_the_language_of_a_page_that_answered_a_form_comes_back_to_one(served: Library) -> None:
    (id,) = texts(served, ("年假.md", "年假", "年假五天。值班補貼 On call.", ["hr"])).values()
    client = writer(served, "hr")
    form = f"{BASE}/split?document={id}"
    came = {"Referer": URL + quote(form, "/?=")}
    shown = client.post(f"{BASE}/split", data={"document": id, "beside": "sentences"}, headers=came)
    assert 'id="preview"' in shown.text
    back = re.findall(r'name="next" value="([^"]*)"', shown.text)[0].replace("&amp;", "&")
    again = client.post("/preferences", data={"language": "zh", "next": back})
    assert 'id="preview"' in again.text
    assert '<option value="sentences" selected>' in again.text
    assert "切分预览" in again.text
    # A text is in no address; but what was chosen for it is.
    shown = client.post(f"{BASE}/split", data={"text": "年假五天。", "beside": "fixed"})
    back = re.findall(r'name="next" value="([^"]*)"', shown.text)[0].replace("&amp;", "&")
    assert '<option value="fixed" selected>' in client.post("/preferences", data={"theme": "dark", "next": back}).text
    # Elsewhere it is the page with the form.
    gone = client.post(f"{BASE}/remove", data={"id": 999}, headers={"Referer": URL + quote(BASE) + "?q=a"})
    assert gone.status_code == 404
    assert f'name="next" value="{BASE}?q=a"' in unquote(gone.text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_check_says_what_it_mended(served: Library, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    client = served.browser(language, admin=True)
    with monkeypatch.context() as dying:
        dying.setattr("qianxun.ingestion.add._catch_up", lambda run: None)
        texts(served, ("新.md", "新", "加班費 Overtime。", ["hr"]))
    well, mended = (
        ("一切正常", "落后 1 处改动") if language == "zh" else ("All is well", "behind the documents (changes: 1)")
    )
    for is_mended in (True, False):
        job = client.post(f"{BASE}/upkeep", data={"job": "check"}, follow_redirects=False).headers["location"]
        served.run()
        page = plain(client.get(job).text)
        assert (mended in page, well in page) == (is_mended, not is_mended)


def test_files_that_were_replaced_are_called_so_even_if_the_job_was_stopped(
    served: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, reader = served.browser(admin=True), served.browser("zh", admin=True)
    sent(client, ("年假.txt", LEAVE))
    served.run()

    def rows(job: str) -> dict[str, str]:
        found = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", reader.get(job).text, re.S)
        return {plain(name): plain(row) for name, row in found}

    job = sent(client, ("年假.txt", "年假：十天。".encode()), ("值班.txt", STIPEND)).headers["location"]
    served.run()
    assert rows(job) == {"年假.txt": "✓ 已替换", "值班.txt": "✓ 已添加"}
    job = sent(client, ("年假.txt", "年假：十五天。".encode()), ("加班.txt", "加班費。".encode())).headers["location"]

    def stopped(telling: Telling, progress: Progress) -> None:
        if progress.stage == "reading" and progress.done == progress.total:
            served.service.jobs.cancel(unquote(job).rpartition("/")[2])
            telling.told = "stop"
            raise Stopped

    monkeypatch.setattr(Telling, "__call__", stopped)
    served.run()
    assert "已取消" in reader.get(job).text
    assert rows(job) == {"年假.txt": "✓ 已替换", "加班.txt": "✓ 已添加"}


def test_the_form_says_what_can_be_read_and_what_becomes_of_labels(served: Library) -> None:
    form = served.browser("zh", admin=True).get(f"{BASE}/add").text
    (kinds,) = re.findall(r'data-kinds="([^"]*)"', form)
    assert {".pdf", ".md", ".png", ".zip"} <= set(kinds.split())
    assert ".exe" not in kinds.split()
    assert "已有的文档保留原来的标签" in form


def test_the_list_of_jobs_says_how_many_files_and_to_administrators_whose(served: Library) -> None:
    client = writer(served, "hr")
    name = served.service.keys.all()[0].name
    sent(client, ("年假.txt", LEAVE), ("on call.md", STIPEND))
    sent(client, ("年假.txt", LEAVE))
    own, all_of_them = (plain(one.get(f"{BASE}/jobs").text) for one in (client, served.browser("zh", admin=True)))
    assert "2 files" in own
    assert "1 file " in own
    assert f"· {name}" not in own.split("Asked for")[1]
    assert f"2 个文件 · {name}" in all_of_them
