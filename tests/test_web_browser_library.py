"""The library in a real browser, against a real service: what people do with documents, in both languages.

What has to wait, waits by a lock of the knowledge base that the test holds, not by the clock. After each test: no
request went to another host, no content-security policy was violated, no script failed.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from web_browser import EVIL, SAMPLES, Browser, Site, browsing, missing, serving, texts

import qianxun
from qianxun import TextItem, assemble
from qianxun.settings import load_settings
from qianxun.storage.keys import USUAL, Grant, Keys
from qianxun.storage.service import open_service

pytestmark = [pytest.mark.web, pytest.mark.skipif(bool(missing()), reason=missing())]

LANGUAGES: Final = ("en", "zh")
BOTH: Final = pytest.mark.parametrize("language", LANGUAGES)
ENCODER: Final = "hash"
# Nothing is changed in this one; what is done to documents is done in `work-en` and `work-zh`.
BASE: Final = "/library/制度"
SHORT: Final = 60
DUPLICATES: Final = ("行政/停电检修通知.txt", "行政/停电检修通知（更正）.txt")
SOURCES: Final = (*DUPLICATES, "人事/员工手册.md", "products/价格表-2025.html", "归档/损坏的扫描件.pdf")
LEAVE: Final = "工作满一年的员工每年有五天带薪年假。Annual leave is five days."
WORDS: Final = {
    "en": {
        "make": "Make it", "add": "Add documents", "send": "Add", "waiting": "… waiting", "queued": "… queued",
        "added": "✓ newly added", "failed": "✗ failed", "done": "✓ done", "cancelled": "– cancelled",
        "list": "To the documents", "next": "Next page", "previous": "Previous page", "read": "Read",
        "inside": "In the library", "chunk": "Chunk 1", "labels": "Change the labels", "remove": "Remove …",
        "confirm": "Remove", "keep": "Do not remove", "receipt": "Receipt", "removed": "Removed", "stop": "Stop",
        "chosen": "Remove the chosen …", "rebuild": "Rebuild the indexes", "reindex": "Re-index", "jobs": "Jobs",
        "duplicates": "Duplicates", "split": "Preview splitting", "preview": "Preview", "alike": "% alike",
        "settings": "as the settings say · by structure", "beside": "beside it · by size alone", "sources": "Sources",
        "step": "in step", "broken": "Open it in a PDF reader", "running": "… running",
        "stopping": "It is being stopped.", "refused": "no folder", "sync": "Looking at all sources",
        "look": "Look at all of them now",
    },
    "zh": {
        "make": "创建", "add": "添加文档", "send": "添加", "waiting": "… 等待", "queued": "… 等待中",
        "added": "✓ 已添加", "failed": "✗ 失败", "done": "✓ 已完成", "cancelled": "– 已取消",
        "list": "查看文档", "next": "下一页", "previous": "上一页", "read": "阅读",
        "inside": "在资料库中查看", "chunk": "片段 1", "labels": "修改标签", "remove": "移除……",
        "confirm": "移除", "keep": "不移除", "receipt": "移除凭据", "removed": "已移除", "stop": "停止",
        "chosen": "移除所选……", "rebuild": "重建索引", "reindex": "重新索引", "jobs": "任务",
        "duplicates": "重复文档", "split": "切分预览", "preview": "预览", "alike": "% 相似",
        "settings": "现行设置 · 按结构", "beside": "对照 · 只按长度", "sources": "来源",
        "step": "已同步", "broken": "请在 PDF 阅读器中打开", "running": "… 运行中",
        "stopping": "正在停止。", "refused": "文件夹", "sync": "检查全部来源", "look": "立即全部检查",
    },
}  # fmt: skip


# -- the service -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("library")
    settings = load_settings(overrides=[f"home={home}", f"encoder.name={ENCODER}", "reading.workers=1"])
    folder = home / "文件"
    for name in SOURCES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((SAMPLES / name).read_bytes())
    with qianxun.open(home / "kb" / "制度", settings=settings) as kb:
        kb.add([folder], labels=["public"])
        items = [TextItem(f"短文/{n:02d}.md", f"短文 {n:02d}", f"第 {n} 條：請假。") for n in range(SHORT - 1)]
        kb.add_texts([*items, TextItem(f"{EVIL}.md", EVIL, f"# {EVIL}\n\n{EVIL}")], labels=["public"])
    for language in LANGUAGES:
        with qianxun.open(home / "kb" / f"work-{language}", settings=settings) as kb:
            texts = [TextItem(f"规程/{n}.md", f"规程 {n}", f"# 规程 {n}\n\n第 {n} 條。{LEAVE}") for n in range(5)]
            kb.add_texts(texts, labels=["public"])
    with serving(home, ENCODER__NAME=ENCODER, READING__WORKERS="1") as found:
        yield found


@pytest.fixture(scope="module")
def chromium(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(site, tmp_path_factory.mktemp("profile")) as found:
        found.sign_in(site.key)
        yield found


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Signed in with the administrator's key."""
    chromium.appear()
    chromium.faults()
    yield chromium
    assert chromium.faults() == []


@contextlib.contextmanager
def held(browser: Browser, base: str, name: str = "ingest") -> Iterator[None]:
    """Jobs of a knowledge base wait meanwhile: at their beginning for `ingest`, before they write for `write`."""
    ingest, write = assemble.locks(browser.site.home / "kb" / base)
    with {"ingest": ingest, "write": write}[name].held():
        yield


def stay(browser: Browser) -> None:
    """Marks the page, to be seen by `stayed`."""
    browser.run("window.stayed = true")


def stayed(browser: Browser) -> bool:
    """Whether it is still the page that was marked: nothing was loaded anew."""
    return bool(browser.run("return window.stayed === true"))


def state(browser: Browser) -> str:
    """What the page of a job says of it."""
    return browser.text("#job .card .state")


def document(browser: Browser, base: str, source: str) -> str:
    """The path of a document in the library."""
    browser.open(f"{base}?q=" + quote(source))
    return str(browser.one("table.documents tbody a").get_attribute("href")).removeprefix(browser.site.url)


def written(folder: Path, **files: bytes) -> list[Path]:
    """Files of these names, with their endings: `_` stands for the dot."""
    made = []
    for name, data in files.items():
        made.append(folder / ".".join(name.rsplit("_", 1)))
        made[-1].write_bytes(data)
    return made


# -- knowledge bases and their documents -----------------------------------------------------------------


@BOTH
def test_a_knowledge_base_is_made_and_listed(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open("/library")
    assert "制度" in texts(browser.all(".bases h2"))
    name = f"新库-{language}"
    browser.one("#name").send_keys(name)
    browser.choose(WORDS[language]["make"])
    assert browser.text("h1") == name
    browser.open("/library")
    assert name in texts(browser.all(".bases h2"))
    assert browser.one("html").get_attribute("lang").startswith(language)


@BOTH
def test_documents_are_narrowed_while_one_types_and_turned_over(browser: Browser, language: str) -> None:
    words = WORDS[language]
    browser.appear(language)
    browser.open(BASE)
    n = SHORT + len(SOURCES)
    assert len(browser.rows()) == 50
    assert str(n) in browser.text("#documents p")
    first = browser.rows()
    browser.choose(words["next"])
    assert len(browser.rows()) == n - 50
    assert not set(first) & set(browser.rows())
    browser.choose(words["previous"])
    assert browser.rows() == first
    stay(browser)
    browser.one("input[name=q]").send_keys("停电检修")
    browser.until(lambda: len(browser.rows()) == 2, "two documents")
    assert "2" in browser.run("return document.getElementById('said').textContent")
    from selenium.webdriver.support.ui import Select

    browser.one("input[name=q]").clear()
    Select(browser.one("select[name=state]")).select_by_value("failed")
    (row,) = browser.until(lambda: len(browser.rows()) == 1 and browser.rows(), "what could not be read")
    assert "损坏的扫描件.pdf" in row
    assert words["failed"] in row
    assert words["broken"] in row
    assert "state=failed" in browser.driver.current_url
    assert stayed(browser)


# -- adding ----------------------------------------------------------------------------------------------


@BOTH
def test_files_are_chosen_and_seen_until_each_is_added(browser: Browser, language: str, tmp_path: Path) -> None:
    words, base = WORDS[language], f"work-{language}"
    files = written(
        tmp_path, **{"年假 制度（２０２６）_txt": LEAVE.encode(), "值班補貼_md": b"# on call", "坏的_pdf": b"no pdf"}
    )
    os.utime(files[0], (1_740_816_000, 1_740_816_000))
    browser.appear(language)
    browser.open(f"/library/{base}")
    browser.choose(words["add"])
    browser.one("#files").send_keys("\n".join(map(str, files)))
    assert [line.split(" (")[0] for line in texts(browser.all("[data-chosen] li"))] == [file.name for file in files]
    browser.one("#folder").send_keys("人事/新")
    with held(browser, base):
        browser.choose(words["send"])
        stay(browser)
        assert [row.endswith(words["waiting"]) for row in browser.rows()] == [True] * 3
        assert browser.audit() == []
    browser.until(lambda: state(browser) == words["done"].replace("✓", "!"), "the end of the job")
    one, two, bad = browser.rows()
    assert one.startswith("人事/新/年假 制度（２０２６）.txt")
    assert one.endswith(words["added"])
    assert two.endswith(words["added"])
    assert words["failed"] in bad
    assert words["broken"] in bad
    assert stayed(browser)
    assert words["done"][2:] in browser.run("return document.getElementById('said').textContent")
    browser.choose(words["list"])
    assert {"人事/新/年假 制度（２０２６）.txt", "人事/新/值班補貼.md"} <= set(texts(browser.all(".documents .source")))
    browser.open(f"/library/{base}?q=" + quote("年假 制度（２０２６）"))
    assert [one.get_attribute("datetime") for one in browser.all(".documents time")][:1] == ["2025-03-01T08:00:00Z"]


DROP = """
const files = new DataTransfer();
for (const [name, text] of arguments[1]) { files.items.add(new File([text], name)); }
const place = document.querySelector(arguments[0]);
const told = (kind) => place.dispatchEvent(
  new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: files }));
const seen = [];
told("dragenter");
seen.push(!told("dragover"), document.querySelector(".drop").classList.contains("over"));
told("drop");
seen.push(!document.querySelector(".drop").classList.contains("over"));
return seen;
"""


@pytest.mark.parametrize(("language", "place"), [("en", ".drop"), ("zh", "h1")])
def test_files_are_dropped_on_the_page(browser: Browser, language: str, place: str) -> None:
    words, base = WORDS[language], f"work-{language}"
    name = f"加班須知 {place.strip('.')}.md"
    browser.appear(language)
    browser.open(f"/library/{base}/add")
    assert browser.one("[data-drop-hint]").is_displayed()
    assert browser.run(DROP, place, [[name, f"# {name}\n\n加班須事先申請。"]]) == [True, True, True]
    assert browser.run(DROP, place, [["坏的.pdf", "no pdf"]]) == [True, True, True]
    assert [line.split(" (")[0] for line in texts(browser.all("[data-chosen] li"))] == [name, "坏的.pdf"]
    browser.choose(words["send"])
    stay(browser)
    browser.until(lambda: state(browser) == words["done"].replace("✓", "!"), "the end of the job")
    good, bad = browser.rows()
    assert good == f"{name} {words['added']}"
    assert bad.startswith(f"坏的.pdf {words['failed']}")
    browser.leave(lambda: browser.one("table.documents a").click())
    assert browser.text("h1") == name


@BOTH
def test_files_that_cannot_be_read_are_left_out_and_others_can_be(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open(f"/library/work-{language}/add")
    browser.run(DROP, ".drop", [["年假.txt", LEAVE], ["壞.exe", "x"], ["多 extra.md", "# x"]])
    assert browser.text("[data-left-out]").endswith("壞.exe")
    assert [line.split(" (")[0] for line in texts(browser.all("[data-chosen] li"))] == ["年假.txt", "多 extra.md"]
    assert browser.audit() == []
    browser.all("[data-chosen] button")[1].click()
    assert [line.split(" (")[0] for line in texts(browser.all("[data-chosen] li"))] == ["年假.txt"]
    browser.choose(WORDS[language]["send"])
    browser.until(lambda: state(browser) == WORDS[language]["done"], "the end of the job")
    assert [row.split()[0] for row in browser.rows()] == ["年假.txt"]


def test_a_file_that_is_dropped_twice_is_sent_once(browser: Browser) -> None:
    browser.open("/library/work-en/add")
    browser.run(DROP, ".drop", [["年假.txt", LEAVE], ["年假.txt", f"{LEAVE} again"]])
    assert len(browser.all("[data-chosen] li")) == 2
    browser.run(
        "const files = new DataTransfer();"
        "for (const file of document.querySelector('#files').files) { files.items.add(file); }"
        "document.querySelector('.drop').dispatchEvent("
        "new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true}));"
    )
    assert len(browser.all("[data-chosen] li")) == 2


def test_documents_that_were_ticked_stay_so_while_others_are_looked_for(browser: Browser) -> None:
    browser.open(f"{BASE}?q=短文/00")
    browser.until(lambda: len(browser.rows()) == 1, "one document")
    field, button = browser.one("input[name=q]"), "#documents form button"
    browser.one("tbody input[name=id]").click()
    assert browser.text(button).endswith(" (1)")
    for asked, shown, count in (("nothing-is-called-so", 0, 0), ("短文/01", 1, 1)):
        field.clear()
        field.send_keys(asked)
        browser.until(lambda n=shown: len(browser.all("tbody tr")) == n and not browser.all("[aria-busy]"), "others")
        assert len(browser.all("tbody input[name=id]:checked")) == 0
        assert not count or browser.text(button).endswith(f" ({count})")
    browser.one("tbody input[name=id]").click()
    assert browser.text(button).endswith(" (2)")
    browser.leave(lambda: browser.one(button).click())
    assert len(browser.all("form.card li")) == 2


@BOTH
def test_why_an_upload_is_refused_is_said_where_it_was_asked_for(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open(f"/library/work-{language}/add")
    stay(browser)
    browser.run(DROP, ".drop", [["年假.txt", LEAVE]])
    browser.one("#folder").send_keys("../..")
    browser.one("form[data-drop] button.main").click()
    browser.until(lambda: browser.one("[data-wrong]").is_displayed(), "why")
    assert "../.." in browser.text("[data-wrong]")
    assert WORDS[language]["refused"] in browser.text("[data-wrong]")
    assert stayed(browser)
    assert browser.one("form[data-drop] button.main").is_enabled()
    browser.one("#folder").clear()
    browser.choose(WORDS[language]["send"])
    browser.until(lambda: state(browser) == WORDS[language]["done"], "the end of the job")


# -- one document ----------------------------------------------------------------------------------------


@BOTH
def test_chunks_lie_over_the_text_and_lead_to_the_viewer_and_back(browser: Browser, language: str) -> None:
    words = WORDS[language]
    browser.appear(language)
    path = document(browser, BASE, "员工手册")
    browser.open(path)
    chunk = browser.text("#chunk-1 .text").split("\n")[0]
    assert browser.all(".chunk.even")
    browser.choose(words["chunk"])
    assert browser.in_sight("#cited")
    assert chunk in browser.run("return document.querySelector('.document .text').textContent")
    browser.choose(words["inside"])
    assert browser.driver.current_url == browser.site.url + path
    browser.choose(words["read"])
    assert "员工手册" in browser.text("h1")
    assert "/view/" in browser.driver.current_url
    browser.choose(words["inside"])
    assert browser.driver.current_url == browser.site.url + path


@BOTH
def test_labels_are_given_and_taken(browser: Browser, language: str) -> None:
    words, base = WORDS[language], f"/library/work-{language}"
    browser.appear(language)
    path = document(browser, base, "规程/0")
    browser.open(path)
    browser.one("#add").send_keys("人事, hr")
    browser.choose(words["labels"])
    assert set(texts(browser.all(".card .label"))) == {"public", "人事", "hr"}
    browser.one("input[name=remove][value=public]").click()
    browser.choose(words["labels"])
    assert set(texts(browser.all(".card .label"))) == {"人事", "hr"}
    browser.open(f"{base}?label=" + quote("人事"))
    assert len(browser.rows()) == 1


def test_lines_that_are_pasted_into_a_field_for_several_stay_several(browser: Browser) -> None:
    from selenium.webdriver.common.keys import Keys as Pressed

    def pasted(text: str, before: str) -> str:
        browser.open(f"{BASE}/add")
        source, field = browser.one("#addresses"), browser.one("#labels")
        source.send_keys(text)
        source.send_keys(Pressed.CONTROL, "ac")
        field.send_keys(before)
        field.send_keys(Pressed.CONTROL, "v")
        return str(field.get_property("value"))

    assert pasted("財務\n  hr 部\n\n研发", "public, ") == "public, 財務, hr 部, 研发"
    assert pasted("財務，研发", "") == "財務，研发"


@BOTH
def test_what_is_removed_is_asked_for_receipted_and_says_so_ever_after(browser: Browser, language: str) -> None:
    words, base = WORDS[language], f"/library/work-{language}"
    browser.appear(language)
    path = document(browser, base, "规程/1")
    browser.open(path)
    browser.choose(words["chunk"])
    cited = browser.driver.current_url.removeprefix(browser.site.url)
    browser.open(path)
    browser.choose(words["remove"])
    browser.choose(words["keep"])
    browser.open(path)
    browser.choose(words["remove"])
    assert browser.audit() == []
    browser.choose(words["confirm"])
    assert browser.text("h1") == words["removed"]
    assert browser.text("#receipt tbody th") == "规程/1.md"
    assert browser.text(".facts dd") == "1"
    assert words["receipt"] in browser.driver.title
    assert browser.audit() == []
    for gone in (cited, path):
        browser.open(gone)
        assert browser.text("h1") == words["removed"]
        assert not browser.all("#cited")
        assert browser.audit() == []
    # Several at a time, from the list.
    browser.open(f"{base}?q=" + quote("规程/"))
    for box in browser.all("input[name=id]")[:2]:
        box.click()
    browser.choose(f"{words['chosen']} (2)")
    assert len(browser.all("form.card li")) == 2
    browser.choose(words["keep"])


# -- upkeep ----------------------------------------------------------------------------------------------


@BOTH
def test_times_are_those_of_the_readers_clock_and_without_scripts_utc(browser: Browser, language: str) -> None:
    path, zone = f"{BASE}?q=短文/00", {"en": "America/New_York", "zh": "Asia/Shanghai"}[language]

    def shown() -> tuple[datetime, datetime, bool]:
        browser.open(path)
        time = browser.one("tbody time")
        written, at = time.text, datetime.fromisoformat(str(time.get_attribute("datetime")))
        return datetime.strptime(written, "%Y-%m-%d %H:%M"), at, "UTC" in browser.text("thead")

    browser.appear(language)
    browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})
    try:
        read, at, is_said = shown()
        assert read.replace(tzinfo=ZoneInfo(zone)) == at.replace(second=0, microsecond=0)
        assert read != at.astimezone(UTC).replace(tzinfo=None, second=0, microsecond=0)
        assert not is_said
        # In what comes later, too.
        browser.open(BASE)
        browser.one("input[name=q]").send_keys("短文/00")
        browser.until(lambda: len(browser.rows()) == 1, "one document")
        assert browser.text("tbody time") == f"{read:%Y-%m-%d %H:%M}"
        browser.scripts(False)
        read, at, is_said = shown()
        assert read.replace(tzinfo=UTC) == at.replace(second=0, microsecond=0)
        assert is_said
    finally:
        browser.scripts(True)
        browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


@BOTH
def test_upkeep_is_seen_while_it_goes_on(browser: Browser, language: str) -> None:
    words, base = WORDS[language], f"work-{language}"
    browser.appear(language)
    browser.open(f"/library/{base}")
    browser.choose(words["jobs"])
    with held(browser, base):
        browser.choose(words["rebuild"])
        stay(browser)
        assert state(browser) in (words["queued"], words["running"])
        assert browser.all("[data-going]")
    browser.until(lambda: state(browser) == words["done"], "the rebuilt indexes")
    assert stayed(browser)
    assert not browser.all("[data-going]")
    browser.open(f"/library/{base}/jobs")
    browser.choose(words["reindex"])
    stay(browser)
    browser.until(lambda: state(browser) == words["done"], "the end of re-indexing")
    assert stayed(browser)
    assert any(ENCODER in fact for fact in texts(browser.all(".facts dd")))
    browser.open(f"/library/{base}/jobs")
    listed = browser.rows("main tbody tr")
    assert listed[0].startswith(words["reindex"])
    assert all(words["done"] in row for row in listed[:2])


def test_a_page_outlives_a_service_that_is_busy_for_a_moment(browser: Browser) -> None:
    """What it shows stays, and it goes on by itself when the service does."""
    words, base = WORDS["en"], "work-en"
    browser.open(f"/library/{base}/jobs")
    with held(browser, base):
        browser.choose(words["rebuild"])
        before = state(browser)
        browser.run(
            "window.asked = 0; window.real = window.fetch;"
            "window.fetch = async () => { window.asked += 1; return new Response('<p>away</p>', {status: 503}); };"
        )
        browser.until(lambda: browser.run("return window.asked") > 0, "a question")
        assert browser.run("return new Promise((done) => setTimeout(() => done(window.asked), 2500))") == 1
        assert state(browser) == before
        assert "away" not in browser.text("#job")
        browser.run("window.fetch = window.real")
    browser.until(lambda: state(browser) == words["done"], "the rebuilt indexes")


@BOTH
def test_a_job_is_stopped_while_it_runs(browser: Browser, language: str) -> None:
    words, base = WORDS[language], f"work-{language}"
    browser.appear(language)
    browser.open(f"/library/{base}/add")
    browser.run(DROP, ".drop", [[f"停 {n}.txt", f"{n} {LEAVE}"] for n in range(3)])
    with held(browser, base, "write"):
        browser.choose(words["send"])
        browser.until(lambda: state(browser) == words["running"], "a running job")
        browser.choose(words["stop"])
        stay(browser)
        assert words["stopping"] in browser.text("#job .card")
    browser.until(lambda: state(browser) == words["cancelled"], "the end of the job")
    assert stayed(browser)
    assert not browser.all("[data-going]")


@BOTH
def test_a_job_is_stopped_before_it_begins(browser: Browser, language: str) -> None:
    words, base = WORDS[language], f"work-{language}"
    browser.appear(language)
    browser.open(f"/library/{base}/jobs")
    with held(browser, base):
        browser.choose(words["rebuild"])
        browser.until(lambda: state(browser) == words["queued"], "a job that waits")
        browser.choose(words["stop"])
        browser.until(lambda: state(browser) == words["cancelled"], "the end of the job")


# -- looking after documents -----------------------------------------------------------------------------


@BOTH
def test_duplicates_are_shown_and_one_of_them_chosen(browser: Browser, language: str) -> None:
    words = WORDS[language]
    browser.appear(language)
    browser.open(BASE)
    browser.choose(words["duplicates"])
    least = browser.one("input[name=least]")
    least.clear()
    least.send_keys("50")
    browser.leave(lambda: browser.one("form.fields button").click())
    shares = [int((re.findall(r"\d+", text) or ["100"])[0]) for text in texts(browser.all(".group h2"))]
    assert shares == sorted(shares, reverse=True)
    groups = [group for group in texts(browser.all(".group")) if all(name in group for name in DUPLICATES)]
    assert len(groups) == 1
    assert words["alike"] in groups[0]
    browser.one(".group input[aria-label*=更正]").click()
    browser.choose(words["chosen"])
    assert "更正" in browser.text("form.card ul")
    assert len(browser.all("form.card li")) == 1
    browser.choose(words["keep"])


@BOTH
def test_a_text_is_cut_in_two_ways_beside_each_other(browser: Browser, language: str) -> None:
    from selenium.webdriver.support.ui import Select

    words = WORDS[language]
    browser.appear(language)
    browser.open(BASE)
    n = browser.text("#documents p")
    browser.choose(words["split"])
    browser.one("#text").send_keys("# 請假\n\n## 年假\n\n五天。 Five days.\n\n## 病假\n\n須有證明。\n")
    Select(browser.one("select[name=kind]")).select_by_value("markdown")
    Select(browser.one("select[name=beside]")).select_by_value("fixed")
    browser.choose(words["preview"])
    one, two = browser.all("#preview .beside > div")
    assert one.text.startswith(words["settings"])
    assert two.text.startswith(words["beside"])
    assert one.rect["y"] == two.rect["y"]
    assert one.rect["x"] + one.rect["width"] <= two.rect["x"]
    assert "請假 › 年假" in one.text
    assert browser.audit() == []
    browser.open(BASE)
    assert browser.text("#documents p") == n
    browser.open(document(browser, BASE, "员工手册"))
    browser.choose(words["split"])
    browser.choose(words["preview"])
    assert len(browser.all("#preview .beside > div")) == 2
    assert len(browser.all("#preview .chunk")) > 4


@BOTH
def test_a_file_that_is_too_large_to_cut_is_said_before_it_is_sent(
    browser: Browser, language: str, tmp_path: Path
) -> None:
    browser.appear(language)
    browser.open(f"{BASE}/split")
    large, small = written(tmp_path, 大_txt=b"a" * 4_000_000, 小_txt=LEAVE.encode())
    line = browser.one("#too-large")
    assert not line.is_displayed()
    browser.one("#file").send_keys(str(large))
    assert line.text.startswith(("Too large: 4 MB at most", "内容过大：文字和文件合计最多 4 MB")[language == "zh"])
    stay(browser)
    browser.one("form.card button").click()
    assert stayed(browser)
    browser.one("#file").send_keys(str(small))
    assert not line.is_displayed()
    browser.leave(lambda: browser.one("form.card button").click())
    assert browser.all("#preview")


@BOTH
def test_sources_and_jobs_are_listed(browser: Browser, language: str) -> None:
    words = WORDS[language]
    browser.appear(language)
    browser.open(BASE)
    browser.choose(words["sources"])
    (row,) = browser.rows()
    assert words["step"] in row
    browser.leave(lambda: browser.one("table.documents a").click())
    bad = browser.rows("#files tbody tr")[0]
    assert "损坏的扫描件.pdf" in bad
    assert words["broken"] in bad
    browser.choose(words["look"])
    browser.until(lambda: state(browser)[2:] == words["done"][2:], "the end of the look")
    browser.open(f"{BASE}/jobs")
    assert browser.rows("main tbody tr")[0].startswith(words["sync"])


# -- others than administrators --------------------------------------------------------------------------


@BOTH
def test_readers_see_no_button_that_is_not_for_them(browser: Browser, language: str) -> None:
    words = WORDS[language]
    with contextlib.closing(Keys(open_service(browser.site.home))) as keys:
        reader = keys.create("reader", Grant(frozenset(("public",)), None, frozenset(USUAL)))[1]
    own = document(browser, BASE, "员工手册")
    browser.forget()
    browser.appear(language)
    browser.sign_in(reader)
    try:
        for path in ("/library", BASE, own, f"{BASE}/duplicates?least=50"):
            browser.open(path)
            shown = {one.text for one in browser.all("main button, main a.button")}
            for name in ("make", "add", "labels", "remove", "chosen", "split", "sources", "jobs"):
                assert words[name] not in shown, (path, name)
            assert not browser.all("main form[method=post], main input[type=checkbox]")
        browser.open(own)
        browser.choose(words["read"])
        browser.choose(words["inside"])
        assert browser.driver.current_url == browser.site.url + own
    finally:
        browser.forget()
        browser.appear()
        browser.sign_in(browser.site.key)


# -- every page ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def places(chromium: Browser) -> list[str]:
    """A page of every kind; what jobs, receipts and previews show is looked at where they are made."""
    one = document(chromium, BASE, "员工手册")
    return [
        "/library",
        f"{BASE}?after=50",
        f"{BASE}?state=failed",
        f"{BASE}?q=nothing-of-that",
        one,
        f"{BASE}/add",
        f"{BASE}/jobs",
        f"{BASE}/duplicates?least=50",
        f"{BASE}/split",
        f"{BASE}/split?document={one.rsplit('/', 1)[1]}",
        f"{BASE}/sources?of=" + quote(str(chromium.site.home / "文件")),
        f"{BASE}/remove?id={one.rsplit('/', 1)[1]}",
        one.replace("/library/", "/view/"),
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@BOTH
def test_every_page_is_accessible(browser: Browser, places: list[str], language: str, dark: bool) -> None:
    browser.appear(language, dark=dark)
    found = []
    for path in places:
        browser.open(path)
        found += browser.audit()
    assert found == []


@BOTH
def test_a_phone_shows_every_page_without_scrolling_sideways(
    browser: Browser, places: list[str], language: str
) -> None:
    browser.appear(language, width=390, height=844)
    wide = []
    for path in places:
        browser.open(path)
        wide += [path] * browser.is_wider_than_the_window()
    assert wide == []


@BOTH
def test_without_scripts_files_are_added_and_removed(browser: Browser, language: str, tmp_path: Path) -> None:
    words, base = WORDS[language], f"/library/work-{language}"
    (file,) = written(tmp_path, 無腳本_txt=LEAVE.encode())
    browser.appear(language)
    browser.scripts(False)

    def go(name: str) -> None:
        browser.until(lambda: [one for one in browser.all("main button, main a") if one.text == name], name)[0].click()

    try:
        browser.open(f"{base}/add")
        browser.one("#files").send_keys(str(file))
        go(words["send"])
        browser.until(lambda: browser.all("#job") and state(browser)[2:] == words["done"][2:], "the end of the job")
        assert browser.rows() == [f"{file.name} {words['added']}"]
        go(file.name)
        go(words["remove"])
        browser.one("input[name=purge]")
        go(words["confirm"])
        assert browser.text("#receipt tbody th") == file.name
        browser.open(f"{base}?q=" + quote(file.stem))
        browser.one(".empty")
    finally:
        browser.scripts(True)


def test_long_names_are_not_cut_off_and_wide_tables_not_squeezed(browser: Browser, tmp_path: Path) -> None:
    long = tmp_path / f"a_name_that_a_tool_made_{'0123456789abcdef' * 6}.txt"
    long.write_text(LEAVE, encoding="utf-8")
    wide = tmp_path / "二十列.tsv"
    row = "\t".join(["电磁流量计，法兰连接，衬里聚四氟乙烯", *["负责人"] * 19])
    wide.write_text(f"{row}\n{row}\n{row}\n", encoding="utf-8")
    base = "/library/work-en"

    def fits() -> bool:
        seen = []
        for width in (390, 1100):
            browser.appear(width=width)
            seen.append(browser.is_wider_than_the_window())
        return seen == [False, False]

    browser.open(f"{base}/add")
    browser.one("#files").send_keys(f"{long}\n{wide}")
    assert fits()
    browser.leave(lambda: browser.one("form[data-drop] button.main").click())
    browser.until(lambda: browser.all("#job .card .state.good"), "the job is done")
    assert fits()
    path = document(browser, base, long.name)
    id = path.rpartition("/")[2]
    for shown in (base, path, f"/view/work-en/{id}", f"{base}/remove?id={id}", f"{base}/split?document={id}"):
        browser.open(shown)
        assert fits(), shown
    browser.open(document(browser, base, wide.name).replace("/library/", "/view/"))
    assert fits()
    heads = "[...document.querySelectorAll('.text thead th:not(:first-child)')]"
    heights = browser.run(f"return {heads}.map((one) => one.offsetHeight)")
    assert len(heights) == 19
    assert max(heights) < 50
