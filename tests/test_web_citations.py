"""Between an answer and the click on its citation anything may happen: its own words are opened, or that they are gone.

All kinds of links there are: of the search page, of its answer, of the chat's answers, of the feedback inbox, and those
that programs make of the API's replies.
"""

import html
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from service_fixtures import URL, Served, with_chat
from starlette.testclient import TestClient

import qianxun
from qianxun import assemble
from qianxun.chat.shown import view_address as chat_address
from qianxun.chat.talk import source_address
from qianxun.client import reading
from qianxun.knowledge_base import KnowledgeBase
from qianxun.models.hashing import HashEncoder
from qianxun.protocols import Vectors
from qianxun.records import Span
from qianxun.settings import Settings
from qianxun.storage.keys import USUAL
from qianxun.web.laid_out import heads_above
from qianxun.web.site import view_address
from qianxun.web.viewing import WINDOW, _window

FILES = {
    "差旅.md": "# 差旅\n\n差旅住宿限额是每晚 650 元（含税）。\n\n交通费实报实销。\n",
    "加班.txt": "加班須事先申請，經主管核准後方可報支加班費。\n逾期不予受理。\n",
    "oncall.md": "# On-call\n\nThe engineer answers a page within 15 minutes.\n\nStipends are paid monthly.\n",
    "rates.md": "# Rates\n\n| 城市 | 限额 |\n| --- | --- |\n| 上海 | 700 元 |\n| 北京 | 720 元 |\n",
}
QUESTIONS = (
    "差旅住宿限额是多少？",
    "加班費怎麼報支？",
    "How fast does the engineer answer a page?",
    "北京的限额是多少？",
)
READS = {"labels": ["public"], "actions": [*USUAL, "evaluate"]}


class Other(HashEncoder):
    """Another encoder: the same vectors turned round."""

    name = "other"
    fingerprint = "other-1"

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32, unit rows."""
        return super().encode_passages(texts)[:, ::-1].copy()


@dataclass
class Link:
    """A link to a citation, the file that it is of, and the words that were cited."""

    address: str
    source: str
    words: str


@dataclass
class Asked:
    """Where files lie, where the service is at home, and what was cited before anything happened."""

    folder: Path
    home: Path
    links: list[Link]

    def opened(self, overrides: Sequence[str] = ()) -> dict[str, str]:
        """What each link shows, after a restart: the words that are marked; "gone" where it says that these are."""
        served = Served(self.home, overrides)
        client = TestClient(with_chat(served), base_url=URL, headers={"Authorization": f"Bearer {served.key(**READS)}"})
        session = {"Cookie": f"qianxun_session={served.service.sessions.begin(served.key(**READS), HOUR)}"}
        found = {}
        for link in self.links:
            page = client.get(link.address, headers=session)
            found[link.address] = said(page.text) if "/chat/" in link.address else marked(page.text, page.status_code)
        served.close()
        return found


def hour() -> Any:
    from datetime import timedelta

    return timedelta(hours=1)


HOUR = hour()


def plain(text: str) -> str:
    """The letters and digits of a text: tables and headings are laid out, Markdown is escaped."""
    return "".join(c for c in html.unescape(re.sub(r"<[^>]*>", "", text)) if c.isalnum())


def marked(page: str, status: int) -> str:
    if status == 404:
        assert "Removed" in page
        return "gone"
    found = re.findall(r"<mark[^>]*>(.*?)</mark>", page, re.DOTALL)
    if not found:
        assert "does not stand here any more" in page
        return "gone"
    return plain("".join(found))


def said(passage: str) -> str:
    if "was removed, or is not for you" in passage:
        return "gone"
    return plain("".join(line for line in passage.split("\n") if line.startswith("> ")))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Answers of which every link is kept."""
    monkeypatch.setitem(assemble.BUILT_IN["encoders"], "other", f"{__name__}:Other")  # type: ignore[arg-type]
    folder, home = tmp_path / "文档", tmp_path / "home"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    served = Served(home)
    with served.base() as kb:
        kb.add([folder], labels=["public"])
    client = served.client(**READS)
    links: list[Link] = []
    for question in QUESTIONS:
        answer = reading.answer(client.post("/api/v1/bases/default/ask", json={"question": question}).json())
        assert answer.citations
        for one in answer.citations:
            by_program = f"/view/default/{one.document}?from={one.span.start}&to={one.span.end}"
            ours = view_address("default", one.document, one.span.start, one.span.end, one.quote)
            chip = source_address("default", [one])
            for address in (by_program, ours, chip):
                links.append(Link(address, one.source, one.quote))
            page = client.get("/answer", params={"base": "default", "q": question}).text
            assert html.escape(ours) in page or "chip" not in page
        found = client.post("/api/v1/bases/default/search", json={"query": question, "k": 1}).json()["hits"][0]
        hits = client.get("/", params={"q": question, "k": 1}).text
        address = view_address("default", found["document"], found["start"], found["end"], found["text"])
        assert html.escape(address) in hits
        links.append(Link(address, found["source"], found["text"]))
        body = {"kind": "up", "question": question, "chunks": [found["chunk"]]}
        assert client.post("/api/v1/bases/default/feedback", json=body).status_code == 201
        assert html.escape(address) in client.get("/quality/feedback").text
    served.close()
    return Asked(folder, home, links)


def kb_of(asked: Asked, *overrides: str) -> KnowledgeBase:
    settings = qianxun.load_settings(
        overrides=[f"home={asked.home}", "encoder.name=hash", "reading.workers=1", *overrides]
    )
    return qianxun.open(asked.home / "kb" / "default", settings=settings)


def nothing(asked: Asked) -> None:
    """The service is started again."""


def rebuilt(asked: Asked) -> None:
    with kb_of(asked) as kb:
        kb.rebuild()


def compacted(asked: Asked) -> None:
    with kb_of(asked) as kb:
        kb.compact()


def another_encoder(asked: Asked) -> None:
    with kb_of(asked) as kb:
        kb.reindex("other", even_if_worse=True)


def another_splitting(asked: Asked) -> None:
    """Files that did not change stay as they were cut; those that come are cut otherwise."""
    (asked.folder / "新.md").write_text("# 新\n\n第一条。第二条。\n", encoding="utf-8")
    with kb_of(asked, "splitting.strategy=sentences", "splitting.max_tokens=32") as kb:
        kb.add([asked.folder], labels=["public"])
        kb.rebuild()


def neighbours_gone(asked: Asked) -> None:
    with kb_of(asked) as kb:
        kb.add_texts([qianxun.TextItem("前", "前", "别的。")], labels=["public"])
        kb.remove([one.id for one in kb.documents() if one.source == "前"])


@pytest.mark.parametrize("happened", [nothing, rebuilt, compacted, another_encoder, another_splitting, neighbours_gone])
def test_every_link_opens_its_own_words(asked: Asked, happened: Callable[[Asked], None]) -> None:
    happened(asked)
    shown = asked.opened()
    for link in asked.links:
        assert shown[link.address] == plain(link.words), (link, shown[link.address])


def changed(asked: Asked) -> None:
    """The words moved, and others stand where they stood."""
    path = asked.folder / "差旅.md"
    path.write_text(
        "# 差旅\n\n新制度，全文改写：住宿限额另定为 700 元。\n\n差旅住宿限额是每晚 650 元（含税）。\n", encoding="utf-8"
    )
    with kb_of(asked) as kb:
        kb.add([asked.folder], labels=["public"])


def changed_and_back(asked: Asked) -> None:
    """The same words are another document: that they are the same nobody has looked at."""
    changed(asked)
    (asked.folder / "差旅.md").write_text(FILES["差旅.md"], encoding="utf-8")
    with kb_of(asked) as kb:
        kb.add([asked.folder], labels=["public"])


def removed(asked: Asked) -> None:
    with kb_of(asked) as kb:
        kb.remove([one.id for one in kb.documents() if one.source.endswith("差旅.md")])


def removed_and_added(asked: Asked) -> None:
    removed(asked)
    with kb_of(asked) as kb:
        kb.add([asked.folder], labels=["public"])


def cut_otherwise(asked: Asked) -> None:
    """Removed and added again to be cut in another way."""
    removed(asked)
    with kb_of(asked, "splitting.strategy=fixed", "splitting.max_tokens=32") as kb:
        kb.add([asked.folder], labels=["public"])


def label_taken(asked: Asked) -> None:
    with kb_of(asked) as kb:
        kb.label([one.id for one in kb.documents() if one.source.endswith("差旅.md")], add=["hr"], remove=["public"])


@pytest.mark.parametrize(
    "happened", [changed, changed_and_back, removed, removed_and_added, cut_otherwise, label_taken]
)
def test_a_link_whose_words_are_gone_says_so_and_all_others_hold(
    asked: Asked, happened: Callable[[Asked], None]
) -> None:
    happened(asked)
    shown = asked.opened()
    gone = {link.address for link in asked.links if link.source.endswith("差旅.md")}
    assert gone
    for link in asked.links:
        assert shown[link.address] == ("gone" if link.address in gone else plain(link.words)), link


def test_in_another_knowledge_base_of_the_same_name_no_words_are_marked_but_the_cited(asked: Asked) -> None:
    """Made anew, or put back as it was before: ids begin anew, and name other documents."""
    shutil.rmtree(asked.home / "kb" / "default")
    for name in FILES:
        (asked.folder / name).write_text(f"完全不同的内容，{name}：" + "别的话。Other words. " * 20, encoding="utf-8")
    with kb_of(asked) as kb:
        kb.add([asked.folder], labels=["public"])
    shown = asked.opened()
    for link in asked.links:
        if "words=" in link.address:
            assert shown[link.address] == "gone", link


def test_words_that_a_list_hides_by_now_are_not_marked(asked: Asked, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("650 | mask\n15 minutes | block\n", encoding="utf-8")
    shown = asked.opened([f"guard.words={words}"])
    for link in asked.links:
        if "650" in link.words or "15 minutes" in link.words:
            assert "650" not in shown[link.address]
            assert "15minutes" not in shown[link.address]
            assert "words=" not in link.address or shown[link.address] == "gone"
        elif not link.source.endswith("oncall.md"):
            assert shown[link.address] == plain(link.words)


def test_a_number_that_is_used_twice_opens_all_that_is_cited_by_it(tmp_path: Path) -> None:
    """What is cited of a passage by one number is marked as far as it stands; the rest is said to be gone."""
    text = "# 遠程\n\n员工每周可远程办公两天。中間的話。Requests are approved within five working days.\n"
    cited = ("员工每周可远程办公两天。", "Requests are approved within five working days.")
    served = Served(tmp_path / "home")
    with served.base() as kb:
        kb.add_texts([qianxun.TextItem("远程.md", "遠程", text)], labels=["public"])
    client = TestClient(with_chat(served), base_url=URL)
    body = {"question": "员工每周可远程办公几天？"}
    (first, *_) = reading.answer(client.post("/api/v1/bases/default/ask", json=body).json()).citations
    own = client.get(f"/api/v1/bases/default/documents/{first.document}", params={"part": "text"}).json()["text"]
    both = [replace(first, quote=one, span=Span(own.index(one), own.index(one) + len(one))) for one in cited]
    shown = client.get(source_address("default", both)).text
    assert said(shown) == plain("".join(cited))
    assert "Some of what is cited" not in shown
    assert shown.count("](/view/default/") == 1
    one_gone = client.get(source_address("default", [replace(both[0], quote="别的话。"), both[1]])).text
    assert said(one_gone) == plain(cited[1])
    assert "Some of what is cited does not stand here any more." in one_gone
    assert f"from={both[1].span.start}&to={both[1].span.end}" in one_gone
    assert said(client.get(source_address("default", [replace(one, quote="无") for one in both])).text) == "gone"
    served.close()


def test_a_citation_of_a_widened_passage_opens_its_own_words(tmp_path: Path) -> None:
    """What is cited may stand beside the chunk that was found."""
    settings = ["search.widen=section", "splitting.max_tokens=32", "splitting.strategy=sentences"]
    served = Served(tmp_path / "home", settings)
    text = "# 差旅\n\n差旅住宿限额、住宿限额、差旅限额如下所述。差旅住宿限额的说明，住宿限额的说明。"
    text += "另見附件一的表格和附件二的說明，以及財務部的通知。每晚 650 元是差旅住宿限额的标准。\n"
    with served.base() as kb:
        kb.add_texts([qianxun.TextItem("差旅.md", "差旅", text)], labels=["public"])
    client = TestClient(with_chat(served), base_url=URL)
    body = {"question": "差旅住宿限额是多少？"}
    answer = reading.answer(client.post("/api/v1/bases/default/ask", json=body).json())
    beside = 0
    for one in answer.citations:
        own = client.get(f"/api/v1/bases/default/passages/{one.chunk}").json()["chunk"]
        beside += not own["start"] <= one.span.start < one.span.end <= own["end"]
        assert said(client.get(source_address("default", [one])).text) == plain(one.quote)
        ours = client.get(view_address("default", one.document, one.span.start, one.span.end, one.quote))
        assert marked(ours.text, 200) == plain(one.quote)
        # Other words than those that were cited are not shown as cited there either.
        elsewhere = re.sub(r"words=[0-9a-f]{8}", "words=00000000", source_address("default", [one]))
        assert said(client.get(elsewhere).text) == "gone"
    assert beside
    served.close()


def test_addresses_of_the_chat_and_of_the_pages_are_alike() -> None:
    ours = view_address("知识 库", 5, 0, 3, "三个字")
    assert ours == chat_address("", "知识 库", 5, 0, 3, ours.rpartition("=")[2]).removesuffix("#cited")
    assert quote("知识 库") in ours


pieces = st.lists(
    st.sampled_from(["\n", "一行。\n", "字" * 700 + "\n", "长" * 5_000, "w " * 20_000, "表 | 格\n"]), max_size=12
)


@settings(max_examples=25, deadline=None)
@given(pieces, st.integers(0, 1 << 20), st.integers(1, 3_000))
def test_what_is_cited_is_in_the_window_whatever_the_lines_are(parts: list[str], at: int, length: int) -> None:
    text = "".join(parts) or "字"
    start = at % len(text)
    end = min(len(text), start + length)
    shown = _window(text, [(start, end)], start, None)
    assert len(plain(shown["body"])) <= WINDOW
    assert plain("".join(re.findall(r"<mark[^>]*>(.*?)</mark>", shown["body"], re.DOTALL))) == plain(text[start:end])


@settings(max_examples=12, deadline=None)
@given(pieces)
@example(["表 | 格\n", "w " * 20_000, "表 | 格\n", "表 | 格\n"])
@example(["表 | 格\n", "字 | 一\n" * 8_000])
def test_from_window_to_window_one_comes_to_the_end(parts: list[str]) -> None:
    text = "".join(parts)
    shown, at, n = _window(text, [], 0, None), 0, 0
    letters = plain(shown["body"])
    while shown["after"] is not None:
        assert shown["after"] > at
        at, n = shown["after"], n + 1
        assert n <= len(text) // 1_000 + 2
        shown = _window(text, [], 0, at)
        # The heads of a table that began before are above what is left of it.
        letters += plain(shown["body"]).removeprefix(plain(heads_above(text, at) or ""))
    assert letters == plain(text)
