"""The quality pages in a real browser: what an evaluator does there, in both languages, and what a narrower key sees.

After each test: no request went to another host, no content-security policy was violated, no script failed.
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from web_browser import Browser, Site, browsing, missing, serving, texts

import qianxun
from qianxun import TextItem
from qianxun.settings import load_settings
from qianxun.storage.keys import USUAL, Grant, Keys
from qianxun.storage.service import open_service
from qianxun.testing import ScriptedServer
from qianxun.testing.server import Request

pytestmark = [pytest.mark.web, pytest.mark.skipif(bool(missing()), reason=missing())]

LANGUAGES = ("en", "zh")
WORDS = {
    "en": {
        "going": ("queued", "running"),
        "done": "done",
        "worse": "B is worse than A",
        "better": "B is better than A",
        "hollow": "Hollow",
        "in part": "borne in part",
        "everybody": "Everybody's questions.",
        "own": "Your own questions.",
        "down": "thumb down",
        "frozen": "frozen as version 1",
        "draft": "draft",
    },
    "zh": {
        "going": ("等待中", "运行中"),
        "done": "已完成",
        "worse": "B 不如 A",
        "better": "B 优于 A",
        "hollow": "空心点",
        "in part": "部分有据",
        "everybody": "显示所有人的提问。",
        "own": "只显示您自己的提问。",
        "down": "踩",
        "frozen": "第 1 版",
        "draft": "草稿",
    },
}
LEAVE = "年假：工作满一年的员工每年有五天带薪年假。"
STIPEND = "值班補貼：On-call engineers receive 300 yuan a night."
TRAVEL = "出差报销：住宿费每天不超过五百元（含税）。"
DOCUMENTS = (
    ("人事/年假.txt", LEAVE, "public"),
    ("人事/值班.txt", STIPEND, "public"),
    ("财务/出差.txt", TRAVEL, "财务"),
)
WHO = "甲乙丙丁戊己庚辛"
QUESTIONS = {"en": "How much do on-call engineers receive a night?", "zh": "年假有几天？"}
ANSWERED = {"en": "300 yuan", "zh": "五天"}
IN_VAIN = "冥王星的食堂幾點開門？"
POORLY = "出差住宿费每天多少元？"
COMMENT = "答案少了一句：<b>要满一年</b>！"


@dataclass
class Model:
    """A generator that answers from what it is told, well or not, and waits for `going` where a test holds it."""

    is_good: bool = True
    going: threading.Event = field(default_factory=threading.Event)

    def reply(self, request: Request) -> str:
        """An answer to the question at the end of the last turn."""
        self.going.wait(60)
        asked = str(request.body["messages"][-1]["content"])[-80:]
        if "2 + 3" in asked:
            return "5"  # whether it can be asked at all
        if "住宿" in asked:
            return "住宿费每天不超过五百元[1]。月球分部另有补贴九百元[1]。"
        if "on-call" in asked:
            return "On-call engineers receive 300 yuan a night [1]."
        if "年假" in asked and self.is_good:
            return "工作满一年的员工每年有五天带薪年假[1]。"
        return "不知道。"


@dataclass(frozen=True)
class World:
    """A service in which there was work: its site, its model, the key of a reader, and the runs by name."""

    site: Site
    model: Model
    reader: str
    runs: dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("quality")
    model = Model()
    model.going.set()
    with ScriptedServer(model.reply) as server:
        lines = (
            '[encoder]\nname = "hash"',
            f'[generator]\nurl = "{server.url}"',
            "[answer]\ncache = 0",
            "[feedback]\nkeep_questions = true",
            '[audit]\nquestions = "text"',
        )
        (home / "qianxun.toml").write_text("\n".join(lines), encoding="utf-8")
        with qianxun.open(home / "kb" / "default", settings=load_settings(overrides=[f"home={home}"])) as kb:
            for source, text, label in DOCUMENTS:
                kb.add_texts([TextItem(source, source.partition("/")[2], text)], labels=[label])
        with closing(Keys(open_service(home))) as keys:
            _, admin = keys.create("admin", Grant.everything())
            _, reader = keys.create("QA", Grant(frozenset(("public",)), None, frozenset((*USUAL, "evaluate"))))
        with serving(home) as found:
            site = replace(found, key=admin)
            yield World(site, model, reader, worked(site, model, reader))


def worked(site: Site, model: Model, reader: str) -> dict[str, str]:
    """What people and evaluations did before anybody looks; the runs by name."""
    runs = {}
    with qianxun.Client(site.url, site.key) as admin, qianxun.Client(site.url, reader) as other:
        for _ in range(2):
            assert admin.ask(IN_VAIN).verdict == "no_evidence"
        assert admin.ask(POORLY).verdict == "partial"
        assert other.ask("土星上有几台打印机？").verdict == "no_evidence"
        (leave,) = (hit.chunk for hit in admin.search(QUESTIONS["zh"], k=1).passages)
        (travel,) = (hit.chunk for hit in admin.search(POORLY, k=1).passages)
        admin.feedback("down", QUESTIONS["zh"], [leave], comment=COMMENT)
        admin.feedback("up", POORLY, [travel], comment="对")
        several = [{"question": f"员工{who}每年有几天年假？", "answers": ["五天"]} for who in WHO]
        for name, is_good in (("good", True), ("bad", False)):
            model.is_good = is_good
            runs[name] = admin.evaluate(questions=several).token
            assert admin.jobs.wait(runs[name]).state == "done"
        model.is_good = True
        runs["reader's"] = other.evaluate(questions=several[:2]).token
        assert other.jobs.wait(runs["reader's"]).state == "done"
    return runs


@pytest.fixture(scope="module")
def chromium(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(world.site, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    chromium.open("/sign-in")
    chromium.forget()
    chromium.appear()
    yield chromium
    assert chromium.faults() == []
    assert chromium.requests > 0


def signed_in(browser: Browser, language: str = "en", key: str = "", **looks: Any) -> None:
    """Signs in, with the administrator's key unless another is given."""
    browser.appear(language, **looks)
    browser.sign_in(key or browser.site.key)


def write(browser: Browser, selector: str, text: str) -> None:
    """Writes into a field instead of what is there."""
    element = browser.one(selector)
    element.clear()
    element.send_keys(text)


def path(browser: Browser) -> str:
    """Where the browser is."""
    return unquote(urlsplit(browser.driver.current_url).path)


def test_the_room_is_there(browser: Browser) -> None:
    signed_in(browser)
    browser.leave(lambda: browser.one("header nav a[href='/quality']").click())
    assert len(browser.all("nav.parts a")) == 4
    assert browser.all("table.runs tbody tr")
    assert browser.audit() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_is_seen_to_be_written_and_said_not_to_be_supported(
    browser: Browser, world: World, language: str
) -> None:
    signed_in(browser, language)
    browser.open("/")
    browser.one("#q").send_keys(POORLY)
    browser.until(lambda: browser.all(".hit"), "passages")
    # Nothing is written while one types.
    assert not browser.one("[data-working]").is_displayed()
    assert browser.one(".answer-place a").is_displayed()
    world.model.going.clear()
    try:
        browser.press("\ue007")
        working = browser.until(lambda: [one for one in browser.all("[data-working]") if one.is_displayed()], "work")
        assert working[0].text.startswith(("An answer is being written", "正在撰写回答")[language == "zh"])
        assert not browser.one(".answer-place a").is_displayed()
        assert browser.audit() == []
    finally:
        world.model.going.set()
    said = browser.text(".answer-place p.faint")
    assert said.startswith(("A model wrote an answer, but", "模型写了回答，但")[language == "zh"])
    assert not browser.all(".answer")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_two_choices_of_a_question_stand_beside_their_words(browser: Browser, language: str) -> None:
    signed_in(browser, language)
    for width in (1100, 390):
        browser.appear(language, width=width, height=844)
        browser.open("/quality/question")
        for label in browser.all(".question label.check"):
            radio = label.find_element("css selector", "input").rect
            assert radio["width"] < 30
            assert radio["x"] - label.rect["x"] < 8
            assert abs(radio["y"] + radio["height"] / 2 - label.rect["y"] - 13) < 10
    browser.appear(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_is_begun_goes_on_and_ends_without_a_reload(browser: Browser, world: World, language: str) -> None:
    words = WORDS[language]
    signed_in(browser, language)
    browser.open("/quality")
    browser.one("details.start summary").click()
    write(browser, "#questions", f"{QUESTIONS[language]} | {ANSWERED[language]}\n月球上有几家分公司？\n")
    world.model.going.clear()
    try:
        browser.leave(lambda: browser.one("details.start button").click())
        assert any(word in browser.text("#run [role=status]") for word in words["going"])
        assert browser.all("form[action$='/cancel'] button")
        browser.run("window.stayed = true")
        browser.until(lambda: words["going"][1] in browser.text("#run [role=status]"), "it runs")
    finally:
        world.model.going.set()
    browser.until(lambda: words["done"] in browser.text("#run [role=status]"), "it is done")
    assert browser.run("return window.stayed") is True
    assert browser.all("#run .report table")
    assert len(browser.all("#run li.card")) == 2
    for summary in browser.all("#run li.card summary"):
        summary.click()
    assert any(ANSWERED[language] in text for text in texts(browser.all("#run .words")))
    assert browser.audit() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_run_is_stopped(browser: Browser, world: World, language: str) -> None:
    signed_in(browser, language)
    browser.open("/quality")
    browser.one("details.start summary").click()
    # Many: a job looks from time to time whether it is to stop.
    write(browser, "#questions", f"{QUESTIONS[language]} | {ANSWERED[language]}\n" * 300)
    world.model.going.clear()
    try:
        browser.leave(lambda: browser.one("details.start button").click())
        browser.leave(lambda: browser.one("form[action$='/cancel'] button").click())
    finally:
        world.model.going.set()
    browser.until(lambda: not browser.all("[data-going]"), "it is over")
    assert {"en": "cancelled", "zh": "已取消"}[language] in browser.text("#run [role=status]")


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_runs_are_compared_with_their_verdict(browser: Browser, world: World, language: str) -> None:
    words = WORDS[language]
    signed_in(browser, language)
    browser.open("/quality")
    browser.one(f"input[name=a][value='{world.runs['good']}']").click()
    browser.one(f"input[name=b][value='{world.runs['bad']}']").click()
    browser.leave(lambda: browser.one("form[action='/quality/compare'] button").click())
    assert words["worse"] in browser.text(".verdict")
    assert browser.one(".verdict").get_attribute("role") == "status"
    assert len(browser.all(".report table")) == 2
    assert {"en": "first of 8", "zh": "等 8 题"}[language] in browser.text("main")
    browser.leave(lambda: browser.one(f"a.button[href*='a={world.runs['bad']}']").click())
    assert words["better"] in browser.text(".verdict")


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_over_time_are_drawn_and_told_without_colour(browser: Browser, language: str) -> None:
    """Two runs on one frozen set, then one on its next version: hollow, and said to be other questions."""
    words, name = WORDS[language], f"时间-{language}"
    with qianxun.Client(browser.site.url, browser.site.key) as admin:
        for version, questions in (("v1", WHO[:2]), ("v1", WHO[:2]), ("v2", WHO[:3])):
            frozen(browser.site.home, name, version, questions)
            assert admin.jobs.wait(admin.evaluate(set=f"{name}.{version}").token).state == "done"
    signed_in(browser, language)
    browser.open("/quality")
    figure = f"//section[.//h2[contains(., '{name}')]]"
    (section,) = browser.driver.find_elements("xpath", figure)
    (svg,) = section.find_elements("css selector", "svg.trend")
    assert svg.get_attribute("role") == "img"
    assert name in svg.get_attribute("aria-label")
    assert svg.size["height"] > 100
    dots = svg.find_elements("css selector", "circle")
    hollow = [dot for dot in dots if "other" in dot.get_attribute("class")]
    assert (len(dots), len(hollow)) == (3, 2)
    # Other in form, not in colour alone; and said below.
    filled = next(dot for dot in dots if dot not in hollow)
    assert hollow[0].value_of_css_property("fill") != filled.value_of_css_property("fill")
    assert hollow[0].value_of_css_property("stroke") == filled.value_of_css_property("fill")
    assert words["hollow"] in section.text
    # The same as a table.
    section.find_element("css selector", "summary").click()
    rows = section.find_elements("css selector", "tbody tr")
    assert len(rows) == 3
    shown = [dot.find_element("css selector", "title").get_attribute("textContent") for dot in dots]
    for row, point in zip(rows, reversed(shown), strict=True):
        assert row.find_element("css selector", "td").text == point.split()[-1]


def frozen(home: Path, name: str, version: str, who: str) -> None:
    """A frozen set of a question for each of those people, if it is not there."""
    from qianxun.evaluation.question_sets.drafts import Drafts
    from qianxun.evaluation.question_sets.records import Question

    folder = home / "questions"
    if (folder / f"{name}.{version}.jsonl").exists():
        return
    drafts = Drafts(folder)
    known = drafts.read(name).questions if (folder / f"{name}.jsonl").exists() else ()
    for one in who[len(known) :]:
        drafts.put(name, Question("", f"员工{one}每年有几天年假？", ("五天",)), made="2026-01-01")
    assert drafts.freeze(name, made="2026-01-01") == f"{name}.{version}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_asked_in_vain_and_what_little_bears(browser: Browser, language: str) -> None:
    from selenium.webdriver.support.ui import Select

    words = WORDS[language]
    signed_in(browser, language)
    browser.open("/quality/unanswered")
    assert words["everybody"] in browser.text("main")
    found = {row.find_element("css selector", "th").text: row for row in browser.all("#asked tbody tr")}
    assert found[IN_VAIN].find_element("css selector", "td.number").text == "2"
    assert "土星上有几台打印机？" in found
    assert POORLY not in found
    browser.run("window.stayed = true")
    Select(browser.one("select[name=which]")).select_by_value("poor")
    browser.until(lambda: POORLY in browser.text("#asked"), "the other verdict")
    assert browser.run("return window.stayed") is True
    assert words["in part"] in browser.text("#asked")
    assert IN_VAIN not in browser.text("#asked")
    assert "which=poor" in browser.driver.current_url
    # A question leads to a search, and into a set.
    browser.leave(lambda: browser.one("#asked td:last-child a[href^='/quality/question']").click())
    assert browser.one("#question").get_attribute("value") == POORLY
    browser.driver.back()
    browser.leave(lambda: browser.one("#asked td:last-child a[href^='/?']").click())
    assert browser.one("#q").get_attribute("value") == POORLY


@pytest.mark.parametrize("language", LANGUAGES)
def test_from_a_comment_to_a_question_of_a_frozen_set_to_a_run(browser: Browser, language: str) -> None:
    from selenium.webdriver.support.ui import Select

    words, name = WORDS[language], f"反馈-{language}"
    signed_in(browser, language)
    browser.open("/quality/feedback")
    browser.run("window.stayed = true")
    Select(browser.one("select[name=kind]")).select_by_value("down")
    browser.until(lambda: len(browser.all("#inbox li.card")) == 1, "thumbs down only")
    assert browser.run("return window.stayed") is True
    assert browser.text("#inbox .comment") == COMMENT
    assert browser.text("#inbox .tag") == words["down"]
    browser.one("#inbox summary").click()
    assert LEAVE in browser.text("#inbox .words")
    browser.leave(lambda: browser.one("#inbox details a").click())
    assert browser.in_sight("#cited")
    browser.driver.back()
    # Into a draft.
    browser.leave(lambda: browser.one("#inbox a[href^='/quality/question']").click())
    assert browser.one("#question").get_attribute("value") == QUESTIONS["zh"]
    assert browser.one("#note").get_attribute("value") == COMMENT
    write(browser, "#set", name)
    write(browser, "#answers", "五天\n5 天")
    browser.leave(lambda: browser.one("form.question button").click())
    assert path(browser) == f"/quality/sets/{name}"
    assert words["draft"] in browser.text(".where")
    # Changed there.
    browser.leave(lambda: browser.one("li.card a.button").click())
    write(browser, "#question", "满一年的员工，年假有几天？")
    browser.leave(lambda: browser.one("form.question button").click())
    assert texts(browser.all("li.card h2")) == ["满一年的员工，年假有几天？"]
    assert texts(browser.all("li.card .tag")) == ["五天", "5 天"]
    # Frozen: nothing of it can be changed any more.
    browser.leave(lambda: browser.one("form[action$='/freeze'] button").click())
    assert path(browser) == f"/quality/sets/{name}.v1"
    assert words["frozen"] in browser.text(".where")
    assert not browser.all("li.card a.button, li.card button")
    # And measured on.
    browser.open("/quality")
    browser.one("details.start summary").click()
    Select(browser.one("details.start select[name=set]")).select_by_visible_text(f"{name}.v1")
    browser.leave(lambda: browser.one("details.start button").click())
    browser.until(lambda: words["done"] in browser.text("#run [role=status]"), "it is done")
    assert browser.text("h1").startswith(name)
    assert browser.text("#run li.card summary").endswith("满一年的员工，年假有几天？")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_sees_what_is_theirs_and_no_more(browser: Browser, world: World, language: str) -> None:
    signed_in(browser, language, world.reader)
    browser.open("/quality")
    assert len(browser.all("nav.parts a")) == 3
    assert [link.get_attribute("href").rpartition("/")[2] for link in browser.all("table.runs th a")] == [
        world.runs["reader's"]
    ]
    assert not browser.all("select[name=set]")
    browser.open("/quality/unanswered")
    assert WORDS[language]["own"] in browser.text("main")
    assert texts(browser.all("#asked tbody th")) == ["土星上有几台打印机？"]
    browser.open("/quality/feedback")
    assert texts(browser.all("#inbox h2")) == [QUESTIONS["zh"]]
    assert not browser.all("#inbox a[href^='/quality/question']")
    for refused in (f"/quality/runs/{world.runs['good']}", "/quality/sets", "/quality/question"):
        browser.open(refused)
        assert browser.all("main [role=alert]")
        assert "五天" not in browser.text("main")


def places(world: World) -> dict[str, str]:
    """A quality page of every kind, by what it is."""
    frozen(world.site.home, "页面", "v1", WHO)
    good, bad = world.runs["good"], world.runs["bad"]
    return {
        "runs": "/quality",
        "run": f"/quality/runs/{good}",
        "comparison": f"/quality/compare?a={good}&b={bad}",
        "in vain": "/quality/unanswered",
        "poor": "/quality/unanswered?which=poor",
        "nothing": "/quality/unanswered?which=poor&days=1&base=default",
        "feedback": "/quality/feedback",
        "sets": "/quality/sets",
        "draft": f"/quality/sets/{quote('页面')}",
        "frozen": f"/quality/sets/{quote('页面.v1')}",
        "question": f"/quality/question?set={quote('页面')}&id=q1",
        "no run": f"/quality/runs/{'0' * 32}",
    }


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible(browser: Browser, world: World, language: str, dark: bool) -> None:
    signed_in(browser, language, dark=dark)
    found = []
    for place in places(world).values():
        browser.open(place)
        unfold(browser)
        found += browser.audit()
    assert found == []


WIDE = "return [...document.querySelectorAll('table')].filter(t => t.offsetWidth > t.parentElement.clientWidth).length"
RIGHT = "return document.querySelector(arguments[0]).getBoundingClientRect().right"
LONG = "HR-handbook-questions-of-the-second-half-of-2026-checked-by-the-works-council-很长的问题集名称"


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_fit_a_screen(browser: Browser, world: World, language: str) -> None:
    frozen(world.site.home, LONG, "v1", WHO[:1])
    with qianxun.Client(browser.site.url, browser.site.key) as admin:
        long = {"question": "How many days of annual leave 年假 do people get who came in 2019?", "answers": ["x"]}
        assert admin.jobs.wait(admin.evaluate(questions=[long] * 11).token).state == "done"
    signed_in(browser, language, width=1280)
    shown = places(world)
    wide = []
    for name in ("runs", "comparison", "run", "in vain", "poor", "sets"):
        browser.open(shown[name])
        if browser.run(WIDE):
            wide.append(name)
    assert wide == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_name_of_a_set_leaves_its_state_and_number_in_sight_on_a_phone(
    browser: Browser, world: World, language: str
) -> None:
    frozen(world.site.home, LONG, "v1", WHO[:1])
    signed_in(browser, language, width=390, height=844)
    browser.open("/quality/sets")
    for cell in (2, 3):
        assert browser.run(RIGHT, f"tbody td:nth-child({cell})") <= 390


def test_a_long_accepted_answer_stays_on_a_phone(browser: Browser) -> None:
    answers = [
        "Employees who have worked here for a year have five days of paid annual leave 每年有五天带薪年假",
        "五" * 90,
    ]
    with qianxun.Client(browser.site.url, browser.site.key) as admin:
        run = admin.evaluate(questions=[{"question": QUESTIONS["zh"], "answers": answers}]).token
        assert admin.jobs.wait(run).state == "done"
    signed_in(browser, width=390, height=844)
    browser.open(f"/quality/runs/{run}")
    unfold(browser)
    assert "五" * 90 in browser.text("main")
    assert not browser.is_wider_than_the_window()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_phone_shows_every_page_without_scrolling_sideways(browser: Browser, world: World, language: str) -> None:
    signed_in(browser, language, width=390, height=844)
    wide, found = [], []
    for name, place in places(world).items():
        browser.open(place)
        unfold(browser)
        if browser.is_wider_than_the_window():
            wide.append(name)
        found += browser.audit()
    assert (wide, found) == ([], [])


def unfold(browser: Browser) -> None:
    """Opens what can be opened."""
    for summary in browser.all("details:not([open]) > summary"):
        summary.click()
