"""The pages in a real browser, against a real service: what people do on them, in both languages.

After each test: no request went to another host, no content-security policy was violated, no script failed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from web_browser import EVIL, Browser, Site, browsing, filled, missing, serving, texts

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

LANGUAGES = ("en", "zh")
QUESTIONS = {"en": "What is the rate limit of the Inkstone API?", "zh": "差旅住宿标准是多少？"}
WORDS = {
    "en": {
        "found": "passages in",
        "why": "Why this result?",
        "dark": "Dark",
        "out": "Sign out",
        "narrow": "Narrow down",
    },
    "zh": {"found": "段，用时", "why": "为何有这条结果？", "dark": "深色", "out": "退出", "narrow": "缩小范围"},
}
ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("web")
    filled(home)
    with serving(home) as found:
        yield found


@pytest.fixture(scope="module")
def chromium(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(site, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    chromium.open("/sign-in")
    chromium.forget()
    chromium.appear()
    yield chromium
    assert chromium.faults() == []
    assert chromium.requests > 0


def asked(browser: Browser) -> dict[str, str]:
    """What the address of the page asks."""
    return {name: values[0] for name, values in parse_qs(urlsplit(browser.driver.current_url).query).items()}


def search(browser: Browser, question: str) -> None:
    """Types a question, and waits for what is found."""
    field = browser.one("#q")
    field.clear()
    field.send_keys(question)
    browser.until(lambda: asked(browser).get("q") == question and browser.all(".hit"), question)


def shown(browser: Browser) -> list[str]:
    """The titles of what was found, once nothing changes any more."""
    browser.until(lambda: not browser.all("#results[aria-busy]") and browser.all(".hit"), "passages")
    return browser.until(lambda: texts(browser.all(".hit h2")), "titles")


def pdf_hit(browser: Browser) -> None:
    browser.open("/?format=pdf&q=" + quote("流量计 安装"))
    browser.settle()
    browser.leave(lambda: browser.one(".hit h2 a").click())


def test_a_question_is_asked_and_its_passage_opened(browser: Browser) -> None:
    """The smoke of the suite: the one path that everybody takes."""
    browser.open("/")
    search(browser, "差旅住宿标准")
    browser.settle()
    browser.leave(lambda: browser.one(".hit h2 a").click())
    assert browser.in_sight("#cited")
    assert browser.audit() == []


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_passages_come_while_one_types(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open("/")
    assert browser.run("return document.activeElement.id") == "q"
    assert browser.text(".narrow-by summary") == WORDS[language]["narrow"]
    browser.press(*QUESTIONS[language])
    browser.until(lambda: browser.all(".hit"), "passages")
    browser.until(lambda: asked(browser).get("q") == QUESTIONS[language], "the address")
    assert WORDS[language]["found"] in browser.text("#found")
    # And a screen reader is told.
    assert browser.run("return document.getElementById('said').textContent") == browser.text("#found")
    assert browser.all(".hit mark")


# What the page asks for waits until the test lets it: `allow(n)` the nth of what was asked.
HOLD = """
window.asked = [];
const really = window.fetch;
window.fetch = (address, how) => new Promise((resolve, reject) => {
  const where = new URL(address, location.href);
  const typing = "X-Qianxun-Typing" in how.headers;
  const one = { path: where.pathname, q: where.searchParams.get("q") ?? "", state: "waiting", typing };
  how.signal.addEventListener("abort", () => {
    one.state = "given up";
    reject(new DOMException("", "AbortError"));
  });
  one.go = () => really(address, how).then(resolve, reject);
  window.asked.push(one);
});
window.allow = (n) => window.asked[n].go();
window.typed = (text, kind = "input", how = {}) => {
  const field = document.getElementById("q");
  field.value = text;
  field.dispatchEvent(new (kind === "input" ? InputEvent : CompositionEvent)(kind, { bubbles: true, ...how }));
};
"""


def requests(browser: Browser) -> list[tuple[str, str, str]]:
    """What the page has asked for: path, question, state."""
    found = browser.run("return window.asked.map((one) => [one.path, one.q, one.state])")
    return [tuple(one) for one in found]


def held(browser: Browser, language: str = "en") -> None:
    """An empty search page that asks for nothing before it is let."""
    browser.appear(language)
    browser.open("/")
    browser.run(HOLD)


def longer_than_the_pause(browser: Browser) -> None:
    """Lets pass what the page waits after a key, twice."""
    browser.driver.execute_async_script("setTimeout(arguments[arguments.length - 1], 2 * PAUSE_MS)")


@pytest.mark.web
@pytest.mark.parametrize("question", ["差旅住宿標準 hotel", "rate limit"])
def test_keys_that_follow_each_other_ask_once(browser: Browser, question: str) -> None:
    held(browser)
    browser.run("for (let n = 1; n <= arguments[0].length; n++) { typed(arguments[0].slice(0, n)); }", question)
    browser.until(lambda: requests(browser), "a request")
    longer_than_the_pause(browser)
    assert requests(browser) == [("/", question, "waiting")]
    # The same again is not asked for.
    browser.run("typed(arguments[0])", question)
    longer_than_the_pause(browser)
    assert len(requests(browser)) == 1


@pytest.mark.web
def test_a_question_that_is_overtaken_is_given_up_and_never_shown(browser: Browser) -> None:
    held(browser)
    browser.run("typed('年假')")
    browser.until(lambda: requests(browser), "the first request")
    browser.run("typed('warranty')")
    browser.until(lambda: len(requests(browser)) == 2, "the second request")
    assert requests(browser) == [("/", "年假", "given up"), ("/", "warranty", "waiting")]
    browser.run("allow(1)")
    browser.until(lambda: browser.all(".hit"), "passages")
    browser.run("allow(0)")
    longer_than_the_pause(browser)
    assert asked(browser)["q"] == "warranty"
    assert all("warranty" in text.lower() or "保修" in text for text in texts(browser.all(".hit"))[:1])


@pytest.mark.web
def test_an_answer_is_asked_for_after_its_passages_and_given_up_with_them(browser: Browser) -> None:
    held(browser)
    browser.run("typed('差旅住宿标准是多少？')")
    browser.until(lambda: requests(browser), "the request for passages")
    longer_than_the_pause(browser)
    assert [path for path, _, _ in requests(browser)] == ["/"]
    browser.run("allow(0)")
    browser.until(lambda: len(requests(browser)) == 2, "the request for the answer")
    assert browser.all(".hit")
    assert requests(browser)[1] == ("/answer", "差旅住宿标准是多少？", "waiting")
    browser.run("typed('年假')")
    browser.until(lambda: len(requests(browser)) == 3, "the next request")
    assert requests(browser)[1:] == [("/answer", "差旅住宿标准是多少？", "given up"), ("/", "年假", "waiting")]


def answers_asked(browser: Browser) -> list[tuple[str, bool]]:
    """What an answer was asked for: the question, and whether the page said that its reader still types."""
    asked = "return window.asked.filter((one) => one.path === '/answer').map((one) => [one.q, one.typing])"
    return [tuple(one) for one in browser.run(asked)]


@pytest.mark.web
@pytest.mark.parametrize("ending", ["stands", "click", "enter"])
def test_a_question_counts_once_it_is_finished(browser: Browser, ending: str) -> None:
    held(browser)
    browser.run("const take = window.asked.push.bind(window.asked); window.asked.push = (one) => (take(one), one.go())")
    # Whoever goes on typing has asked nothing yet.
    for text in ("差旅住宿", "差旅住宿標準 hotel"):
        browser.run("typed(arguments[0])", text)
        browser.until(lambda text=text: (text, True) in answers_asked(browser), "an answer while one types")
    browser.until(lambda: not browser.all("#results [aria-busy]"), "the answer")
    assert answers_asked(browser) == [("差旅住宿", True), ("差旅住宿標準 hotel", True)]
    if ending == "click":
        browser.run("document.querySelector('.hit summary').click(); document.querySelector('.hit summary').click()")
    if ending == "enter":
        browser.press(ENTER)
    finished = ("差旅住宿標準 hotel", False)
    browser.until(lambda: finished in answers_asked(browser), "the question")
    browser.driver.execute_async_script("setTimeout(arguments[arguments.length - 1], STANDING_MS + LATER_MS)")
    assert answers_asked(browser)[2:] == [finished]


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_filters_are_cleared_as_soon_as_any_is_set(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open("/?q=" + quote("差旅 hotel"))
    browser.one(".narrow-by summary").click()
    clear = browser.one("[data-clear]")
    assert not clear.is_displayed()
    browser.one("[name=source]").send_keys("no-such-source")
    browser.until(clear.is_displayed, "the link")
    browser.leave(clear.click)
    assert asked(browser) == {"q": "差旅 hotel", "base": "default"}
    assert browser.all(".hit")


@pytest.mark.web
def test_pages_that_show_documents_are_loaded_anew_when_the_browser_has_kept_them(browser: Browser) -> None:
    browser.open("/?q=" + quote("差旅 hotel"))
    found = browser.one(".hit h2 a").get_attribute("href").removeprefix(browser.site.url)
    kept = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    for path in ("/?q=hotel", found, found.partition("?")[0].replace("/view/", "/library/"), "/library/default"):
        browser.open(path)
        browser.leave(lambda: browser.run(kept))
        assert browser.one("main").value_of_css_property("visibility") == "visible"
    # What somebody writes into stays as it is.
    browser.open("/sign-in")
    browser.one("#key").send_keys("half a key")
    browser.run("window.stayed = true; " + kept)
    longer_than_the_pause(browser)
    assert browser.run("return window.stayed") is True


@pytest.mark.web
def test_letters_of_a_word_that_is_to_come_are_not_asked(browser: Browser) -> None:
    held(browser, "zh")
    # A word is done, and the next one begun at once.
    browser.run("typed('年', 'compositionend'); typed('年', 'compositionstart');")
    browser.run("typed('年jia', 'input', { isComposing: true });")
    longer_than_the_pause(browser)
    assert requests(browser) == []
    browser.run("typed('年假', 'input', { isComposing: true }); typed('年假', 'compositionend');")
    browser.until(lambda: requests(browser), "the request")
    assert requests(browser) == [("/", "年假", "waiting")]


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_filters_narrow_down_and_are_in_the_address(browser: Browser, language: str) -> None:
    from selenium.webdriver.support.ui import Select

    browser.appear(language)
    browser.open("/")
    search(browser, "保修 warranty")
    browser.one(".narrow-by summary").click()
    Select(browser.one("select[name=format]")).select_by_visible_text("html")
    browser.until(lambda: asked(browser).get("format") == "html", "the filter in the address")
    browser.until(
        lambda: browser.all(".hit") and all(text.endswith(".html") for text in texts(browser.all(".hit .source"))),
        "pages only",
    )
    found = shown(browser)
    browser.driver.refresh()
    assert shown(browser) == found
    browser.one("input[name=source]").send_keys("no-such-source")
    browser.until(lambda: browser.all("#results .empty"), "nothing found")
    browser.one("input[name=after]").send_keys("01012099")
    browser.leave(lambda: browser.one(".fields a").click())
    assert set(asked(browser)) <= {"q", "base"}
    assert browser.all(".hit")


@pytest.mark.web
def test_keys_do_what_a_mouse_does(browser: Browser) -> None:
    browser.open("/?q=" + quote("保修"))
    focused = "return document.activeElement.closest('.hit')?.id || document.activeElement.id"
    browser.press("/")
    assert browser.run(focused) == "q"
    browser.press(ESCAPE)
    assert browser.run(focused) != "q"
    browser.press("j")
    assert browser.run(focused) == "hit-1"
    browser.press("j", "j", "k")
    assert browser.run(focused) == "hit-2"
    expected = browser.text("#hit-2 h2")
    browser.leave(lambda: browser.press(ENTER))
    assert browser.text("h1") == expected
    # The first thing that Tab reaches leads past the head of the page.
    browser.open("/?q=" + quote("保修"))
    browser.press(TAB)
    assert browser.run("return document.activeElement.className") == "skip"


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_why_a_result_is_there_can_be_seen(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open("/?q=" + quote("绩效考核 等级"))
    browser.settle()
    why = browser.one(".why summary")
    assert why.text == WORDS[language]["why"]
    assert not browser.one(".why table").is_displayed()
    why.click()
    browser.until(lambda: browser.one(".why table").is_displayed(), "the table")
    stages = texts(browser.all(".hit:first-child .why tbody th"))
    assert {"en": {"meaning", "words"}, "zh": {"语义", "字词"}}[language] <= set(stages)


@pytest.mark.web
def test_an_address_can_be_shared_and_one_can_go_back(browser: Browser) -> None:
    browser.open("/")
    search(browser, "年假")
    browser.press(ENTER)
    first = browser.driver.current_url
    search(browser, "warranty period")
    browser.press(ENTER)
    found = shown(browser)
    browser.driver.back()
    browser.until(
        lambda: browser.one("#q").get_attribute("value") == "年假" and browser.all(".hit"), "the first question"
    )
    assert browser.driver.current_url == first
    browser.driver.forward()
    browser.until(lambda: browser.one("#q").get_attribute("value") == "warranty period", "the second question")
    browser.until(lambda: shown(browser) == found, "the same passages")
    # From a passage one comes back to where one was.
    browser.settle()
    browser.leave(lambda: browser.one(".hit h2 a").click())
    browser.driver.back()
    browser.until(lambda: shown(browser) == found, "the passages")
    # The language may be changed without losing what was asked.
    browser.leave(lambda: browser.one("button[name=language]").click())
    assert browser.one("#q").get_attribute("value") == "warranty period"


@pytest.mark.web
@pytest.mark.parametrize("question", ["年假", "年假 annual leave"])
def test_back_from_another_knowledge_base_leads_to_the_one_that_was_searched(browser: Browser, question: str) -> None:
    from selenium.webdriver.support.ui import Select

    browser.sign_in(browser.site.key)
    browser.open("/library")
    browser.one("#name").send_keys("another")
    browser.leave(lambda: browser.one("form.card button").click())
    try:
        browser.open("/?q=" + quote(question))
        found = shown(browser)
        select = "select[name=base]"
        browser.leave(lambda: Select(browser.one(select)).select_by_visible_text("another"))
        assert (asked(browser)["base"], browser.all(".hit")) == ("another", [])
        browser.leave(browser.driver.back)
        assert shown(browser) == found
        assert Select(browser.one(select)).first_selected_option.text == "default"
        # A browser that has kept the page shows it as it was left.
        kept = (
            "const select = document.querySelector('select[name=base]'); select.value = 'another';"
            "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})); return select.value;"
        )
        assert browser.run(kept) == "default"
        # What is typed next is asked of the same one.
        search(browser, f"{question} 天")
        assert asked(browser)["base"] == "default"
    finally:
        browser.run(
            "const headers = {Authorization: 'Bearer ' + arguments[0]};"
            "return fetch('/api/v1/bases/another', {method: 'DELETE', headers}).then((reply) => reply.status)",
            browser.site.key,
        )


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_stands_above_the_passages_with_links_to_its_words(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open("/")
    search(browser, QUESTIONS[language])
    browser.one(".answer .chip")
    assert browser.in_sight(".answer")
    assert (
        browser.run("return document.querySelector('.answer').compareDocumentPosition(document.querySelector('.hits'))")
        & 4
    )  # follows
    assert browser.audit() == []
    browser.settle()
    browser.leave(lambda: browser.one(".answer .chip").click())
    assert browser.in_sight("#cited")


# Time stands still after an answer has come: until `goOn`, every click follows it at once.
STAND_STILL = """
const after = window.setTimeout;
window.setTimeout = (act, ms) => ms === AIMED_MS ? void (window.goOn = act) : after(act, ms);
"""


def click_at(browser: Browser, place: tuple[int, int]) -> None:
    """What a hand does, wherever that is now."""
    for kind in ("mousePressed", "mouseReleased"):
        at = {"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", at)


def middle(browser: Browser, selector: str) -> tuple[int, int]:
    """Where the first of these elements is in the window."""
    x, y = browser.run(
        "const b = document.querySelector(arguments[0]).getClientRects()[0];"
        "return [b.x + b.width / 2, b.y + b.height / 2];",
        selector,
    )
    return round(x), round(y)


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_click_that_was_aimed_before_the_answer_came_goes_where_it_was_aimed(browser: Browser, language: str) -> None:
    held(browser, language)
    browser.run(STAND_STILL)
    browser.run("typed(arguments[0])", QUESTIONS[language])
    browser.until(lambda: requests(browser), "the request for passages")
    browser.run("allow(0)")
    browser.until(lambda: len(requests(browser)) == 2, "the request for the answer")
    title, summary = middle(browser, ".hit h2 a"), middle(browser, ".hit summary")
    address = browser.one(".hit h2 a").get_attribute("href")
    browser.run("allow(1)")
    browser.until(lambda: browser.run("return !!window.goOn"), "the answer")
    assert middle(browser, ".hit h2 a")[1] > title[1]
    # Nothing was there: nothing happens, whatever is there now.
    at = middle(browser, ".hit h2 a")
    click_at(browser, (at[0], middle(browser, "#found")[1]))
    assert asked(browser)["q"] == QUESTIONS[language]
    # What opens and shuts, and then a link.
    click_at(browser, summary)
    browser.until(lambda: browser.run("return document.querySelector('.hit details').open"), "why")
    click_at(browser, summary)
    browser.until(lambda: not browser.run("return document.querySelector('.hit details').open"), "why no more")
    browser.leave(lambda: click_at(browser, title))
    assert browser.driver.current_url == address


@pytest.mark.web
def test_a_click_after_the_answer_was_seen_goes_to_what_is_there(browser: Browser) -> None:
    browser.open("/?q=" + quote("差旅住宿标准是多少？"))
    browser.settle()
    address = browser.one(".answer .chip").get_attribute("href")
    browser.leave(lambda: click_at(browser, middle(browser, ".answer .chip")))
    assert browser.driver.current_url == address


@pytest.mark.web
def test_where_nothing_is_supported_no_answer_is_shown(browser: Browser) -> None:
    browser.open("/?q=" + quote("Who won the chess tournament of 1997?"))
    browser.settle()
    assert not browser.all(".answer")


@pytest.mark.web
def test_passages_in_another_language_are_marked(browser: Browser) -> None:
    browser.open("/?q=" + quote("How long is the notice before a planned power cut?"))
    foreign = [hit for hit in browser.all(".hit") if "in Chinese" in hit.text]
    assert foreign
    assert all("停电" in hit.text or any("\u4e00" <= c <= "\u9fff" for c in hit.text) for hit in foreign)


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_of_a_pdf_is_shown_with_the_quote_in_sight(browser: Browser, language: str) -> None:
    browser.appear(language)
    pdf_hit(browser)
    assert browser.all(".page svg image")
    assert browser.in_sight("rect#cited")
    loaded = (
        "return performance.getEntriesByType('resource')"
        ".some((one) => /\\/page\\/\\d+$/.test(one.name) && one.responseStatus === 200)"
    )
    browser.until(lambda: browser.run(loaded), "the picture")
    assert browser.audit() == []
    here = browser.text(".pages span")
    browser.leave(lambda: browser.one(".pages a[rel=next]").click())
    assert browser.text(".pages span") != here
    browser.leave(lambda: browser.one(".pages a[rel=prev]").click())
    assert browser.text(".pages span") == here
    browser.leave(lambda: browser.one("header .line a").click())
    assert browser.in_sight("mark#cited")


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_signing_in_and_out(browser: Browser, language: str) -> None:
    browser.appear(language)
    browser.open("/?q=" + quote("年假"))
    browser.leave(lambda: browser.one("a[href^='/sign-in']").click())
    browser.one("#key").send_keys("qx-wrong")
    browser.leave(lambda: browser.one("form.card button").click())
    assert browser.one("#wrong").is_displayed()
    assert browser.audit() == []
    browser.one("#key").send_keys(browser.site.key)
    browser.leave(lambda: browser.one("form.card button").click())
    assert asked(browser)["q"] == "年假"
    (out,) = [button for button in browser.all("header button") if button.text == WORDS[language]["out"]]
    browser.leave(out.click)
    assert urlsplit(browser.driver.current_url).path == "/sign-in"
    assert "qianxun_session" not in {cookie["name"] for cookie in browser.driver.get_cookies()}


@pytest.mark.web
def test_a_reader_chooses_the_theme_and_it_stays(browser: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    browser.open("/")
    light = browser.run(ground)
    (dark,) = [button for button in browser.all("header button") if button.text == WORDS["en"]["dark"]]
    browser.leave(dark.click)
    assert browser.run(ground) != light
    browser.open("/sign-in")
    assert browser.run(ground) != light
    browser.forget()
    browser.appear(dark=True)
    browser.open("/")
    assert browser.run(ground) != light
    (other,) = [button for button in browser.all("header button") if button.text == "Light"]
    browser.leave(other.click)
    assert browser.run(ground) == light


@pytest.mark.web
def test_without_scripts_everything_is_there(browser: Browser) -> None:
    browser.scripts(False)
    try:
        browser.open("/")
        browser.one("#q").send_keys(QUESTIONS["zh"])
        browser.one("form.search button").click()
        browser.one(".hit")
        browser.one("[data-load] a").click()
        browser.one(".answer .chip").click()
        browser.one("#cited")
        browser.open("/")
        browser.one("button[name=language]").click()
        browser.until(lambda: browser.text(".narrow-by summary") == WORDS["zh"]["narrow"], "the other language")
    finally:
        browser.scripts(True)


@pytest.mark.web
def test_what_a_document_says_is_text(browser: Browser) -> None:
    browser.open("/?q=injection")
    (hit,) = [link for link in browser.all(".hit h2 a") if EVIL in link.text]
    browser.settle()
    browser.leave(hit.click)
    assert browser.text("h1") == EVIL
    assert browser.driver.title.startswith(EVIL)
    assert not browser.all("main script, main img")


def places(browser: Browser) -> dict[str, Any]:
    """A page of every kind, by what it is."""
    browser.open("/?format=html&q=" + quote("价格 型号"))
    table = browser.one(".hit h2 a").get_attribute("href")
    pdf_hit(browser)
    pdf = browser.driver.current_url
    return {
        "empty": "/",
        "found": "/?q=" + quote("差旅住宿标准是多少？"),
        "nothing": "/?source=no-such-source&q=x",
        "wrong": "/?after=yesterday&q=x",
        "answer": "/answer?base=default&q=" + quote("差旅住宿标准是多少？"),
        "table": table.removeprefix(browser.site.url),
        "pdf": pdf.removeprefix(browser.site.url),
        "gone": "/view/default/99999",
        "refused": "/view/nobase/1",
        "sign-in": "/sign-in",
    }


@pytest.mark.web
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible(browser: Browser, language: str, dark: bool) -> None:
    browser.appear(language, dark=dark)
    found = []
    for path in places(browser).values():
        browser.open(path)
        browser.settle()
        for summary in browser.all("details:not([open]) > summary"):
            summary.click()
        found += browser.audit()
    assert found == []


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_phone_shows_every_page_without_scrolling_sideways(browser: Browser, language: str) -> None:
    browser.appear(language, width=390, height=844)
    wide = []
    for name, path in places(browser).items():
        browser.open(path)
        browser.settle()
        for summary in browser.all("details:not([open]) > summary"):
            summary.click()
        if browser.is_wider_than_the_window():
            wide.append(name)
        assert browser.audit() == []
    assert wide == []


@pytest.mark.web
@pytest.mark.parametrize("language", LANGUAGES)
def test_who_is_signed_in_is_seen_on_a_phone_too(browser: Browser, language: str) -> None:
    browser.sign_in(browser.site.key)
    for width in (390, 1100):
        browser.appear(language, width=width, height=844)
        browser.open("/")
        assert browser.text(".who")
        # The longest name that there may be.
        browser.run("document.querySelector('.who').textContent = '采购部·王小明 Procurement '.repeat(9)")
        assert not browser.is_wider_than_the_window()
        one, other = browser.one(".who").rect, browser.one(".tools form:last-child button").rect
        assert abs(one["y"] + one["height"] / 2 - other["y"] - other["height"] / 2) < 8  # on one line
        assert browser.audit() == []


def test_the_browser_is_seen_when_it_breaks_a_rule(browser: Browser) -> None:
    """That nothing is found by these checks must mean something."""
    browser.open("/")
    browser.run(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.1:9/x.png'}));"
        "document.body.append(Object.assign(document.createElement('button'), {style: 'color:#777;background:#888'}));"
    )
    browser.until(lambda: any("Content Security Policy" in fault for fault in browser.faults()), "a fault")
    assert any("button-name" in line for line in browser.audit())


def test_pictures_are_of_this_release() -> None:
    """What the documentation shows is there, and small."""
    docs = Path(__file__).parents[1] / "docs"
    used = {
        name for page in docs.glob("*.md") for name in re.findall(r"pictures/([\w-]+\.png)", page.read_text("utf-8"))
    }
    files = list((docs / "pictures").glob("*.png"))
    assert {file.name for file in files} == used
    for file in files:
        assert file.stat().st_size < 120_000, file.name
