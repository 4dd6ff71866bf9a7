"""The pages in Chinese: no gaps between Chinese characters, nothing left in English, nothing that is for programs."""

import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_fixtures import URL, Served
from starlette.testclient import TestClient

import qianxun
from qianxun.errors import InputError, NotFound
from qianxun.languages import zh
from qianxun.messages import say, speaking
from qianxun.parts import left_out_in_words
from qianxun.service import problems
from qianxun.service.jobs.runner import run_jobs
from qianxun.web.places import place_in_words
from qianxun.web.site import in_words_of_pages

HAN = "[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
GAP = re.compile(f"{HAN} {HAN}")
SET = "页面"

VOID = {"meta", "link", "input", "img", "br"}


class Words(HTMLParser):
    """The words of a page, a text at a time, and those that a reader hears: labels, titles, placeholders.

    Without what documents say, which has lines and spaces of its own.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._inside: list[bool] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attrs if name in ("aria-label", "title", "placeholder")]
        if tag not in VOID:
            self._inside.append(tag == "textarea" or "text" in (dict(attrs).get("class") or "").split())

    def handle_endtag(self, tag: str) -> None:
        self._inside.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As SVG has them."""

    def handle_data(self, data: str) -> None:
        if not any(self._inside):
            self.texts.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("家"), ["feedback.keep_questions=true", "audit.questions=text"])
    folder = tmp_path_factory.mktemp("共享")
    (folder / "考勤.md").write_text("# 考勤\n\n每天九点上班。\n", encoding="utf-8")
    (folder / "坏的.pdf").write_bytes(b"%PDF-1.4 nothing")
    with made.base("制度") as kb:
        kb.add([str(folder)], labels=["公开"])
        kb.add_texts(
            [
                qianxun.TextItem("人事/年假.txt", "年假", "工作满一年的员工每年有五天带薪年假。"),
                qianxun.TextItem("人事/年假副本.txt", "年假副本", "工作满一年的员工每年有五天带薪年假。"),
                qianxun.TextItem("台北/會議紀錄（三）.txt", "會議紀錄（三）", "值班補貼每晚三百元。"),
            ],
            labels=["公开", "人事部"],
        )
    made.base("空的").close()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser(served: Served) -> TestClient:
    client = TestClient(served.app, base_url=URL, raise_server_exceptions=False)
    client.headers |= {"Accept-Language": "zh-CN", "Origin": URL}
    assert client.post("/sign-in", data={"key": served.key(admin=True)}, follow_redirects=False).status_code == 303
    return client


@pytest.fixture(scope="module")
def pages(served: Served, browser: TestClient) -> dict[str, str]:
    """Pages of every kind after some work, by their addresses."""

    def sent(path: str, **fields: object) -> str:
        reply = browser.post(path, data=fields, follow_redirects=False)
        assert reply.status_code == 303, reply.text
        return str(reply.headers["location"])

    def worked(path: str, **fields: object) -> str:
        found = sent(path, **fields)
        run_jobs(served.settings, threading.Event(), nice=0, until_empty=True)
        return found

    base = f"/library/{quote('制度')}"
    sent("/quality/question", set=SET, question="年假有几天？", answers="五天", answerable="yes")
    frozen = sent(f"/quality/sets/{quote(SET)}/freeze").rpartition("/")[2]
    runs = [worked("/quality/runs", base="制度", set=f"{SET}.v1") for _ in range(2)]
    job = worked(f"{base}/upkeep", job="check")
    api = f"/api/v1/bases/{quote('制度')}"
    key = {"Authorization": f"Bearer {served.key(admin=True)}"}
    hits = served.client().post(f"{api}/search", json={"query": "年假有几天？"}, headers=key).json()["hits"]
    judged = {"kind": "down", "question": "年假有几天？", "chunks": [hits[0]["chunk"]], "comment": "少了一句"}
    assert served.client().post(f"{api}/feedback", json=judged, headers=key).status_code < 300
    ids = [hit["document"] for hit in hits]
    with served.base("制度") as kb:
        (broken,) = (one.id for one in kb.documents() if one.source.endswith(".pdf"))
        (root,) = kb.sources()
    ended = [one.rpartition("/")[2] for one in runs]
    addresses = [
        "/",
        f"/?q={quote('年假有几天？')}&base={quote('制度')}",
        f"/?q={quote('年假')}&base={quote('制度')}&source={quote('没有')}",
        f"/?q=x&after={quote('昨天')}&base={quote('制度')}",
        f"/?q={quote('年假')}&base=nobase",
        f"/?q={quote('format:pdf')}&base={quote('制度')}",
        "/?k=abc",
        f"/answer?q={quote('年假有几天？')}&base={quote('制度')}",
        f"/view/{quote('制度')}/{ids[0]}",
        f"/view/{quote('制度')}/99999",
        "/view/nobase/1",
        "/sign-in",
        "/library",
        base,
        f"{base}?state=failed",
        f"/library/{quote('空的')}",
        f"{base}/add",
        f"{base}/jobs",
        job,
        f"{base}/jobs/{'f' * 32}",
        f"{base}/{ids[0]}",
        f"{base}/{broken}",
        f"{base}/duplicates",
        f"{base}/split",
        f"{base}/remove?id={ids[0]}&id={broken}",
        f"{base}/remove",
        f"{base}/sources?of={quote(root.address)}",
        "/quality",
        "/quality/runs/zz",
        *runs,
        f"/quality/compare?a={ended[0]}&b={ended[1]}",
        "/quality/unanswered?which=poor",
        f"/quality/feedback?base={quote('制度')}",
        "/quality/sets",
        f"/quality/sets/{frozen}",
        f"/quality/sets/{quote(SET)}",
        f"/quality/question?set={quote(SET)}&id=q1",
    ]
    shown = {address: browser.get(address).text for address in addresses}
    shown["split"] = browser.post(f"{base}/split", data={"text": "第一条。\n\n第二条。" * 9}).text
    shown["removed"] = browser.post(f"{base}/remove", data={"id": [ids[-1]]}).text
    assert f"{SET}的正确性" in shown["/quality"]
    return shown


def test_between_chinese_characters_there_is_no_space(pages: dict[str, str]) -> None:
    gaps = [(address, text) for address, html in pages.items() for text in Words(html).texts if GAP.search(text)]
    assert not gaps, "\n".join(f"{address}: {text[:300]}" for address, text in gaps)


def test_what_went_wrong_is_called_in_chinese(pages: dict[str, str]) -> None:
    assert [title for title in problems.TITLES.values() if title not in zh.MESSAGES] == []
    for address in ("/view/nobase/1", "/quality/runs/zz"):
        assert "<h1>未找到</h1>" in pages[address]
    assert "没有知识库 nobase。" in pages["/view/nobase/1"]


def test_pages_name_no_command_and_no_request(pages: dict[str, str]) -> None:
    said = [text for html in pages.values() for text in Words(html).texts]
    assert [text for text in said if re.search(r"`qianxun|/api/v1|curl|openapi|GET /|valid integer", text)] == []
    error = NotFound("There is no such path.", remedy="GET /api/v1/bases lists them.")
    assert in_words_of_pages(error) == "There is no such path."
    assert in_words_of_pages(InputError("The question is empty.", remedy="Type it in.")).endswith("Type it in.")


def test_why_a_file_could_not_be_read_is_said_in_the_readers_language(pages: dict[str, str]) -> None:
    (shown,) = (html for html in pages.values() if "<h1>坏的</h1>" in html or "<h1>坏的.pdf</h1>" in html)
    assert "无法读取：" in shown
    assert "The file" not in shown


def test_why_a_preview_is_empty_is_said_first_and_in_the_readers_language(browser: TestClient) -> None:
    damaged = {"file": ("壞檔 bad.pdf", b"%PDF-1.4 nothing")}
    address = f"/library/{quote('制度')}/split"
    for language, said in (("zh-CN", "该文件不是可读取的 PDF"), ("en", "The file is not a readable PDF")):
        html = browser.post(address, files=damaged, headers={"Accept-Language": language}).text
        shown = html.split('id="preview"')[1]
        assert said in shown
        assert "<h2>" not in shown  # two ways of cutting nothing


def test_what_a_search_did_without_is_said_in_the_readers_language(served: Served, browser: TestClient) -> None:
    lines = [
        "question: cut to its first 4096 characters",
        "faiss: 240 changes behind",
        "tantivy: 240 changes behind",
        "faiss",
        "dense: encode took longer than 2 s (budget.encode).",
        "reranker",
        "lexical took longer than 3 s (budget.lexical).",
        "generator",
        "planner",
    ]
    with speaking("zh"):
        assert left_out_in_words(lines) == [
            "问题过长，只按前 4096 个字符搜索。",
            "文档的最新改动（240 处）尚未纳入搜索。",
            "文档的最新改动尚未纳入搜索。",
            "已省略：语义。encode 超过了 2 秒（budget.encode）。",
            "已省略：重排模型。",
            "lexical 超过了 3 秒（budget.lexical）。",
            "已省略：回答模型。",
            "已省略：拆分问题。",
        ]
    with speaking("en"):
        assert left_out_in_words(["dense: It failed.", "hypothetical answer"]) == [
            "Left out: meaning. It failed.",
            "Left out: other wordings.",
        ]
    question = "年假有几天？補貼 annual leave " * 250
    for language, said in (("zh-CN", "只按前 4096 个字符搜索"), ("en", "only its first 4096 characters")):
        given = {"Accept-Language": language}
        page = browser.get("/", params={"q": question, "base": "制度"}, headers=given).text
        assert said in page
        assert "question: cut" not in page


def test_one_passage_is_one(browser: TestClient) -> None:
    asked = {"q": "年假有几天？", "base": "制度", "k": 1}
    assert " 1 passage in " in " " + " ".join(
        Words(browser.get("/", params=asked, headers={"Accept-Language": "en"}).text).texts
    )
    assert "1 段，用时" in browser.get("/", params=asked).text


def test_places_are_said_in_the_readers_language() -> None:
    with speaking("zh"):
        assert place_in_words("rows 2–10") == "第 2–10 行"
        assert place_in_words("销售额, row 3") == "销售额, 第 3 行"
        assert place_in_words("slide 7") == "第 7 张幻灯片"
        assert place_in_words("Sheet 12") == "Sheet 12"
    with speaking("en"):
        assert place_in_words("lines 1–9") == "lines 1–9"


def test_only_spaces_beside_a_value_are_left_out() -> None:
    with speaking("zh"):
        assert say("{measure} of {name}", measure="正确性", name="页面") == "页面的正确性"
        assert say("{measure} of {name}", measure="正确性", name="set 1") == "set 1 的正确性"
        assert say("{measure} of {name}", measure="F1", name="年假 制度") == "年假 制度的F1"
        assert say("page {page}", page=3) == "第 3 页"
        assert say("Choose {title}", title="甲 乙") == "选择《甲 乙》"
        assert say("{{{name}}} of {{}} {measure}", name="页", measure="度") == "{页} of {} 度"
    with speaking("en"):
        assert say("{measure} of {name}", measure="正确性", name="页面") == "正确性 of 页面"


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_a_value_says_stays_as_it_is(one: str, other: str) -> None:
    values = {"measure": one, "name": other}
    with speaking("zh"):
        said = say("{measure} of {name}", **values)
    assert other in said
    assert said.endswith(one)
    assert said.replace(" ", "") == f"{other} 的{one}".replace(" ", "")


def test_retrieval_is_measured_on_data_sets_only(served: Served, browser: TestClient, pages: dict[str, str]) -> None:
    asked = {"base": "制度", "what": "retrieval", "set": f"{SET}.v1"}
    reply = browser.post("/quality/runs", data=asked, follow_redirects=False)
    assert reply.status_code == 400
    assert "检索只能用数据集（BEIR）评测" in reply.text
    assert str(served.home) not in reply.text


def test_the_way_to_a_room_is_shown_to_who_may_go_in(served: Served) -> None:
    assert 'href="/quality"' not in served.client().get("/").text
    assert 'href="/quality"' in served.client(labels=None, actions=["search", "read", "evaluate"]).get("/").text


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"Host": "evil.example"}, 421, "本服务不使用 &#39;evil.example&#39; 这个名称。"),
        ({"Origin": "https://wiki.example"}, 403, "不允许 &#39;https://wiki.example&#39; 的页面"),
        ({"X-Forwarded-For": "10.0.0.9"}, 400, "经代理转发的请求需要密钥"),
    ],
)
def test_who_is_turned_away_at_the_door_reads_why(
    served: Served, headers: dict[str, str], status: int, said: str
) -> None:
    shown = served.client().get("/", headers={**headers, "Accept-Language": "zh-CN"})
    assert shown.status_code == status
    assert said in shown.text
