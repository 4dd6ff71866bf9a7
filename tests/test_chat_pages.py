"""The chat in a browser: a real service, a real chat over it, a scripted model, Chromium. `make test-chat`."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pytest
from oidc_provider import CLIENT, OidcProvider, providing
from test_pdf_format import pdf

import qianxun
from qianxun.chat import is_installed
from qianxun.errors import Unauthorized
from qianxun.service.pages import SIGN_IN_BACK
from qianxun.testing import Reply, ScriptedServer
from qianxun.testing.server import Request

# Chainlit itself must not be imported here: it writes into the folder where it is.
if not is_installed():
    pytest.skip("the extra `chat` is not installed", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.chrome.service import Service as Driver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, CHROMEDRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
pytestmark = [
    pytest.mark.chat,
    pytest.mark.skipif(not CHROMEDRIVER.exists(), reason="Chromium and its driver are not installed"),
]

WAIT_SECONDS = 30.0
T = TypeVar("T")
DOCUMENTS = {
    "差旅.md": "# 差旅制度\n\n## 住宿\n\n一类城市住宿限额为每晚 650 元，凭票报销。\n",
    "餐補.md": "# 餐補\n\n出差期間每天餐補 120 元。\n",
    "remote.md": "# Remote work\n\nEmployees may work remotely for two days a week.\n",
}
# What is asked for is on the second page; the first is so long that it is a passage of its own.
PDF = pdf(
    [
        [(72, 760 - 18 * n, 12, f"第{n}条 仓库每天巡检两次，记录保存备查，由值班员签字。") for n in range(38)],
        [
            (72, 760, 14, "第二章 冷库"),
            (72, 730, 12, "冷库温度不得高于零下 18 度。The cold store is kept below -18 degrees."),
        ],
    ]
)
ANSWERS = {
    "冷库": "冷库温度不得高于零下 18 度[1]。",
    "cold store": "The cold store is kept below -18 degrees [1].",
    "住宿": "一类城市住宿限额为每晚 650 元[1]。月球分部另有补贴 900 元[1]。",
    "remote": "Employees may work remotely for two days a week [1].",
    "慢": tuple(f"第{n}句很长，慢慢地写。" for n in range(400)),
    "图": "![x](http://elsewhere.example/x.png?q=650) 住宿限额为每晚 650 元[1]。<img src=http://elsewhere.example/y.png>",
    "approved": "Requests are approved by the team lead [1]. They are approved within five working days [1].",
    "退款": "退款在七天内到账[1]。",
    "附件": "保修期为 37 个月[1]。",
}


def reply(request: Request) -> Reply | str:
    words = str(request.body["messages"][-1]["content"])
    asked = re.split("问题：|Question:", words)[-1]
    if "称我为老师" in str(request.body["messages"][0]["content"]):
        return f"老师，{ANSWERS['住宿']}"
    if "改写成不看上文" in str(request.body["messages"][0]["content"]):
        return Reply("住宿限额？", first_seconds=8.0 if "想很久" in words else 0.0)
    if "2 + 3" in asked:
        return "5"
    for sign, text in ANSWERS.items():
        if sign in asked:
            slow = sign == "慢"
            return Reply(text, between_seconds=0.1 if slow else 0.005)
    return "不知道。"


@contextlib.contextmanager
def running(home: Path, *words: str) -> Iterator[dict[str, Any]]:
    """A command of qianxun that serves; what it says of itself when it does."""
    environment = {**os.environ, "QIANXUN_HOME": str(home)}
    command = [sys.executable, "-m", "qianxun", "--json", *words]
    with (home / f"{words[0]}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=home)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home / f"{words[0]}.log").read_text(encoding="utf-8")[-4000:]
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


class World:
    """A service with documents, its key, and a chat over it; both can be restarted. `written` are its settings."""

    def __init__(self, home: Path, written: str) -> None:
        self.home = home
        (home / "qianxun.toml").write_text(re.sub(r"(?m)^ +", "", written), encoding="utf-8")
        self._serving, self._chatting = contextlib.ExitStack(), contextlib.ExitStack()
        self.service = self.key = self.chat = ""
        self.restart_service()

    def restart_service(self) -> None:
        """The service anew, where it was."""
        self._serving.close()
        told = self._serving.enter_context(running(self.home, "serve", "--port", port_of(self.service)))
        self.service, self.key = told["url"], told["key"] or self.key

    def restart(self) -> None:
        """The chat anew, where it was."""
        self._chatting.close()
        started = running(self.home, "chat", "--service", self.service, "--port", port_of(self.chat))
        self.chat = self._chatting.enter_context(started)["url"]

    def add(self, files: dict[str, bytes]) -> None:
        """Documents for everybody."""
        with qianxun.Client(self.service, self.key) as client:
            job = client.documents.upload(list(files.items()), labels=["public"])
            assert client.jobs.wait(job.token).state == "done"

    def close(self) -> None:
        self._chatting.close()
        self._serving.close()

    def counted(self, kind: str) -> int:
        """How many thumbs of a kind are kept."""
        command = [sys.executable, "-m", "qianxun", "--json", "feedback"]
        environment = {**os.environ, "QIANXUN_HOME": str(self.home)}
        told = subprocess.run(command, env=environment, cwd=self.home, capture_output=True, check=True).stdout
        return int(json.loads(told)[kind])


def port_of(address: str) -> str:
    """The port of an address; any, of none."""
    return str(urlsplit(address).port or 0)


def settings(model: ScriptedServer) -> str:
    return f"""
        [generator]
        url = "{model.url}"
        [encoder]
        name = "hash"
        [reading]
        workers = 1
        [answer]
        cache = 0
        [personas.teacher]
        instructions = "请称我为老师。"
        [personas.careful]
        unsupported = "remove"
        [personas.strict]
        unsupported = "refuse"
    """


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ScriptedServer(reply) as model:
        world = World(tmp_path_factory.mktemp("home"), settings(model))
        try:
            world.add({name: text.encode() for name, text in DOCUMENTS.items()} | {"仓库.pdf": PDF})
            world.restart()
            yield world
        finally:
            world.close()


@pytest.fixture
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for word in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "lang=zh-CN", "window-size=1300,900",
    ):  # fmt: skip
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Driver(str(CHROMEDRIVER)))
    driver.execute_cdp_cmd("Network.setUserAgentOverride", {"userAgent": "test", "acceptLanguage": "zh-CN,zh"})
    try:
        yield driver
        assert_here(driver)
    finally:
        driver.quit()


def assert_here(driver: Any) -> None:
    """Nothing was asked of another host or refused, and nothing broke the page's policy."""
    asked, refused = [], []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            asked.append(message["params"].get("request", message["params"])["url"])
        if message["method"] == "Network.responseReceived":
            reply = message["params"]["response"]
            refused += [(reply["status"], reply["url"])] if reply["status"] >= 400 else []
    hosts = {urlsplit(url).hostname for url in asked if url.startswith(("http", "ws"))}
    assert asked
    assert hosts <= {"127.0.0.1", "localhost"}, hosts
    assert refused == []
    said = [entry["message"] for entry in driver.get_log("browser")]
    assert not [line for line in said if "Content Security Policy" in line], said


def until(found: Callable[[], T], what: str) -> T:
    """What is found, as soon as there is something."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        with contextlib.suppress(Exception):
            if it := found():
                return it
        assert time.monotonic() < end, what
        time.sleep(0.1)


class Page:
    """The chat as a person sees it."""

    def __init__(self, browser: Any, world: World) -> None:
        self.browser, self.world = browser, world

    def sign_in(self) -> "Page":
        self.browser.get(f"{self.world.chat}sign-in")
        self.browser.find_element(By.ID, "key").send_keys(self.world.key, Keys.ENTER)
        self.ready()
        return self

    def ready(self) -> None:
        until(lambda: self.browser.find_element(By.ID, "chat-input").is_displayed(), "the chat is there")
        time.sleep(0.5)

    def ask(self, question: str) -> None:
        box = self.browser.find_element(By.ID, "chat-input")
        box.click()
        box.send_keys(question)
        time.sleep(0.2)
        box.send_keys(Keys.ENTER)

    @property
    def text(self) -> str:
        return str(self.browser.find_element(By.TAG_NAME, "body").text)

    def sees(self, words: str) -> None:
        until(lambda: words in self.text, f"{words!r} is to be seen in {self.text[-2000:]!r}")

    def open_settings(self) -> None:
        until(lambda: self.browser.find_element(By.ID, "chat-settings-open-modal"), "the gear").click()
        until(lambda: self.browser.find_element(By.ID, "chat-settings").is_displayed(), "the panel")
        time.sleep(0.5)

    def choose(self, name: str, label: str) -> None:
        """Chooses one of a setting's values."""
        self.browser.find_element(By.ID, name).click()
        options = f"//*[@role='option'][normalize-space()='{label}']"
        until(lambda: self.browser.find_element(By.XPATH, options), label).click()
        time.sleep(0.3)

    def write(self, name: str, text: str) -> None:
        """Writes a setting instead of what was there."""
        field = self.browser.find_element(By.ID, name)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE, text)

    def slide(self, name: str, n: int) -> None:
        """Moves a slider by so many steps."""
        self.browser.find_element(By.CSS_SELECTOR, f"#{name} [role=slider]").send_keys(Keys.ARROW_RIGHT * n)

    def confirm(self) -> None:
        self.browser.find_element(By.ID, "confirm").click()
        until(lambda: not self.browser.find_elements(By.ID, "chat-settings"), "no panel")

    def chips(self) -> list[Any]:
        return list(self.browser.find_elements(By.CSS_SELECTOR, "a.element-link"))

    def shoot(self, name: str) -> None:
        folder = os.environ.get("CHAT_SCREENSHOTS")
        if folder:
            self.browser.save_screenshot(f"{folder}/{name}.png")


@pytest.fixture
def page(browser: Any, world: World) -> Page:
    return Page(browser, world).sign_in()


SAID: dict[str, dict[str, Any]] = {
    "zh": {
        "again": "重新提问",
        "stopped": "这个回答被中止了。",
        "search": "搜索",
        "too large": "文件超过 100 MB。",
        "begins": "将开始新的对话。已登录时，当前对话会留在历史记录中",
        "step": r"检索：\d+ 个段落；\d+\.\d\d 秒后答完",
        "asked": "一类城市的住宿限额是多少？",
        "answer": "每晚 650 元",
        "unsupported": "〔无依据〕",
        "no thumb": "评价针对所引用的段落，没有找到依据的回答不引用段落。",
        "removed": "该段落已移除，或您无权查看。",
        "as set": "按系统设置",
        "page": "第 2 页",
        "about cold": "冷库温度是多少？",
        "read": "文件已读取",
        "reading": "正在读取文件",
        "not read": "文件未能读取",
        "some read": "部分文件未能读取",
        "kind": "无法读取扩展名为 .exe 的文件",
        "reading stopped": "已停止读取。",
        "open": "在文档中打开此处",
        "past": "今天",
        "policies": ["按系统设置", "保留并标出", "删去", "有这样的句子就不回答"],
        "sign in": ("用登录中心登录", "如需用登录中心登录，请到服务的页面。", "对话", "登录"),
    },
    "en": {
        "again": "Ask again",
        "stopped": "This answer was stopped.",
        "search": "Search",
        "too large": "File is larger than 100 MB",
        "begins": "A new conversation begins. This one stays in the history",
        "step": r"Search: \d+ passages; answer after \d+\.\d\d s",
        "asked": "住宿 limit?",
        "answer": "每晚 650 元",
        "unsupported": "〔not supported〕",
        "no thumb": "A thumb is about passages, and an answer that found nothing names none.",
        "removed": "This passage was removed, or is not for you.",
        "as set": "as set for everybody",
        "page": "page 2",
        "about cold": "How cold is the cold store?",
        "read": "Files are read",
        "reading": "Reading files",
        "not read": "Files are not read",
        "some read": "Some files are not read",
        "kind": "iles named .exe cannot be read",
        "reading stopped": "Reading was stopped.",
        "open": "Open the document here",
        "past": "Today",
        "policies": [
            "as set for everybody",
            "show them, marked",
            "leave them out",
            "rather no answer than one with such",
        ],
        "sign in": (
            "Sign in with 登录中心",
            "With 登录中心 one signs in at the pages of the service.",
            "Chat",
            "Sign in",
        ),
    },
}
both = pytest.mark.parametrize("language", SAID)


def in_language(page: Page, language: str) -> dict[str, Any]:
    """The chat in a language; what it says there."""
    page.browser.add_cookie({"name": "qianxun_language", "value": language, "path": "/"})
    page.browser.get(page.world.chat)
    page.ready()
    return SAID[language]


def test_an_answer_with_its_passages_one_click_away(page: Page) -> None:
    page.ask("一类城市的住宿限额是多少？")
    page.sees("每晚 650 元")
    page.sees("重新提问")
    assert "〔无依据〕" in page.text or "〔依据较弱〕" in page.text
    chip = until(page.chips, "a chip")[0]
    assert chip.text == "[1]"
    chip.click()
    page.sees("在文档中打开此处")
    quoted = page.browser.find_elements(By.TAG_NAME, "blockquote")
    assert any("650" in one.text for one in quoted)
    link = page.browser.find_element(By.PARTIAL_LINK_TEXT, "在文档中打开此处").get_attribute("href")
    assert link.startswith(f"{page.world.service}/view/default/")
    assert "#cited" in link
    page.shoot("answer")
    page.browser.get(link)
    assert "650" in until(lambda: page.browser.find_element(By.ID, "cited").text, "the place in the document")


@both
def test_a_number_that_is_used_twice_opens_both_its_sentences(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.open_settings()
    page.write("filter", f'title = "Requests {language}"')
    page.confirm()
    text = "Requests are approved by the team lead. 中间的话。They are approved within five working days."
    page.world.add({f"requests-{language}.md": f"# Requests {language}\n\n{text}\n".encode()})
    page.ask("Who approves requests, approved how fast?")
    page.sees(said["again"])
    until(lambda: len(page.chips()) == 2, "two chips")
    page.chips()[-1].click()
    page.sees(said["open"])
    quoted = " ".join(one.text for one in page.browser.find_elements(By.TAG_NAME, "blockquote"))
    assert "team lead" in quoted
    assert "five working days" in quoted
    assert "中间的话" not in quoted


@both
def test_what_was_said_is_there_after_a_reload_and_after_a_restart(page: Page, language: str) -> None:
    said = in_language(page, language)
    question = f"Remote days? remote ({language})"
    page.ask(question)
    page.sees("two days a week")
    page.sees(said["again"])
    address = until(lambda: "/thread/" in page.browser.current_url and page.browser.current_url, "an address")
    page.browser.refresh()
    page.ready()
    page.sees("two days a week")
    page.world.restart()
    page.browser.get(page.world.chat)
    page.ready()
    page.sees(said["past"])
    until(lambda: page.browser.find_element(By.PARTIAL_LINK_TEXT, question), "its title").click()
    page.sees("two days a week")
    assert page.browser.current_url == address
    until(page.chips, "a chip")[0].click()
    page.sees("Employees may work remotely")
    page.ask("一类城市的住宿限额呢？")
    page.sees("每晚 650 元")
    assert page.browser.current_url.rstrip("#") == address
    page.shoot("history")


@both
def test_the_button_below_an_answer_is_there_once(page: Page, language: str) -> None:
    said = in_language(page, language)
    question = f"住宿 limit, once ({language})?"
    page.ask(question)
    page.sees(said["again"])

    def stays_once() -> None:
        time.sleep(2)
        page.sees(said["again"])
        assert page.text.count(said["again"]) == 1

    page.browser.get(page.world.chat)
    page.ready()
    until(lambda: page.browser.find_element(By.PARTIAL_LINK_TEXT, question), "its title").click()
    page.sees(said["answer"])
    stays_once()
    page.world.restart()
    page.browser.get_log("performance")  # what was asked while it was away was refused
    time.sleep(4)
    stays_once()
    page.browser.refresh()


@both
def test_the_service_may_begin_anew_between_an_answer_and_the_click_on_its_chip(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.ask(said["asked"])
    page.sees(said["again"])
    page.world.restart_service()
    page.browser.get_log("performance")  # what was asked while it was away was refused
    until(page.chips, "a chip")[0].click()
    page.sees(said["open"])
    page.browser.refresh()
    page.ready()
    page.sees(said["answer"])
    assert said["asked"] in page.text
    page.ask("Remote days? remote")
    page.sees("two days a week")


@both
def test_a_chip_of_a_pdf_says_which_page(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.open_settings()
    page.slide("passages", 1)
    page.confirm()
    page.ask(said["about cold"])
    page.sees(said["again"])
    until(page.chips, "a chip")[0].click()
    page.sees(said["page"])
    address = page.browser.find_element(By.PARTIAL_LINK_TEXT, said["open"]).get_attribute("href")
    page.browser.get(address)
    until(lambda: page.browser.find_element(By.CSS_SELECTOR, "rect#cited").is_displayed(), "the quote on its page")


def test_a_thumb_reaches_the_feedback_of_the_service(page: Page) -> None:
    page.ask("住宿限额？")
    page.sees("重新提问")
    up = until(lambda: page.browser.find_elements(By.CSS_SELECTOR, ".positive-feedback-off"), "a thumb")[-1]
    up.click()
    submit = until(lambda: page.browser.find_elements(By.ID, "submit-feedback"), "the dialogue")[0]
    submit.click()
    until(lambda: page.world.counted("up") == 1, "the thumb in the store")
    page.browser.refresh()
    page.ready()
    until(lambda: page.browser.find_elements(By.CSS_SELECTOR, ".positive-feedback-on"), "the thumb that was given")
    down = until(lambda: page.browser.find_elements(By.CSS_SELECTOR, ".negative-feedback-off"), "a thumb")[-1]
    down.click()
    until(lambda: page.browser.find_elements(By.ID, "submit-feedback"), "the dialogue")[0].click()
    until(lambda: page.world.counted("down") == 1, "the thumb in the store")


@both
def test_a_thumb_that_cannot_be_kept_says_why_once_and_without_a_status(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.open_settings()
    page.write("filter", "label = nowhere")
    page.confirm()
    page.ask(said["asked"])
    page.sees(said["again"])
    before = page.world.counted("up")
    until(lambda: page.browser.find_elements(By.CSS_SELECTOR, ".positive-feedback-off"), "a thumb")[-1].click()
    until(lambda: page.browser.find_elements(By.ID, "submit-feedback"), "the dialogue")[0].click()
    page.sees(said["no thumb"])
    assert len(page.browser.find_elements(By.CSS_SELECTOR, "[data-sonner-toast]")) == 1
    assert "Internal Server" not in page.text
    assert page.world.counted("up") == before
    page.browser.get_log("performance")  # what was refused was to be
    page.browser.refresh()


def test_thumbs_are_offered_for_answers_only_and_to_who_is_signed_in(browser: Any, world: World) -> None:
    page, thumbs = Page(browser, world), ".positive-feedback-off"
    browser.get(world.chat)
    page.ready()
    page.ask("住宿限额？")
    page.sees("重新提问")
    assert not browser.find_elements(By.CSS_SELECTOR, thumbs)
    page.sign_in()
    page.open_settings()
    page.write("filter", "label 胡说 ＡＢ")
    page.confirm()
    page.ask("住宿限额？")
    page.sees("重新提问")
    assert not browser.find_elements(By.CSS_SELECTOR, thumbs)


@both
def test_an_answer_is_stopped_and_stays_as_far_as_it_was_written(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.ask("慢慢回答")
    page.sees("第3句")
    until(lambda: page.browser.find_elements(By.ID, "stop-button"), "the button")[0].click()
    page.sees(said["again"])
    page.sees(said["stopped"])
    assert "第200句" not in page.text
    assert "manually" not in page.text
    assert "第1句" in page.text


@both
def test_an_answer_is_stopped_while_its_question_is_being_understood(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.ask(said["asked"])
    page.sees(said["again"])
    until(lambda: "/thread/" in page.browser.current_url, "an address")
    page.ask("那想很久呢？")
    until(lambda: said["search"] in page.text.split("想很久")[-1].split("\n"), "the step")
    time.sleep(1)
    until(lambda: page.browser.find_elements(By.ID, "stop-button"), "the button")[0].click()
    page.sees(said["stopped"])
    below = page.text.split("想很久")[-1]
    assert said["search"] not in below.split("\n")
    assert said["again"] in below

    def ended() -> bool:
        with qianxun.Client(page.world.service, page.world.key) as client:
            talks = client.conversations
            turns = talks.show(talks.list()[0].token).turns
            return [one.state for one in turns] == ["done", "stopped"]

    until(ended, "that the service stops")
    page.ask("住宿？")
    until(lambda: said["answer"] in page.text.split("想很久")[-1], "the next answer")


def test_who_is_not_signed_in_stops_an_answer_and_keeps_what_was_written(browser: Any, world: World) -> None:
    page = Page(browser, world)
    browser.get(world.chat)
    page.ready()
    page.ask("慢慢回答")
    page.sees("第3句")
    browser.find_element(By.ID, "stop-button").click()
    page.sees("这个回答被中止了。")
    page.sees("重新提问")
    assert "第2句" in page.text
    browser.find_element(By.XPATH, "//button[contains(normalize-space(), '重新提问')]").click()
    until(lambda: page.text.split("重新提问")[-1].count("第3句"), "the same once more")
    browser.find_element(By.ID, "stop-button").click()
    until(lambda: page.text.count("这个回答被中止了。") == 2, "that it was stopped")


def test_an_answer_that_is_being_written_is_read_on_after_a_reload(page: Page) -> None:
    page.ask("慢慢回答这个")
    page.sees("第3句")
    until(lambda: "/thread/" in page.browser.current_url, "an address")
    page.browser.refresh()
    page.ready()
    page.sees("第3句")
    page.sees("第30句")
    until(lambda: page.browser.find_elements(By.ID, "stop-button"), "the button")[0].click()
    page.sees(SAID["zh"]["stopped"])
    assert "第300句" not in page.text


@both
def test_who_is_signed_out_meanwhile_is_led_to_where_one_signs_in(page: Page, language: str) -> None:
    said = in_language(page, language)
    secret = page.browser.get_cookie("qianxun_session")["value"]
    page.browser.execute_script("fetch('/chat/logout', {method: 'POST'})")

    def ended() -> bool:
        with contextlib.suppress(Unauthorized), qianxun.Client(page.world.service, secret) as client:
            client.me()
            return False
        return True

    until(ended, "no session")
    page.ask(said["asked"])
    page.sees(said["sign in"][3])
    link = until(lambda: page.browser.find_element(By.LINK_TEXT, said["sign in"][3]), "where to sign in")
    assert link.get_attribute("href") == f"{page.world.chat}sign-in"
    page.browser.get_log("performance")  # what was refused was to be
    page.browser.get(f"{page.world.chat}sign-in")


def test_pictures_of_other_hosts_are_words(page: Page) -> None:
    page.ask("给我看图")
    page.sees("重新提问")
    assert not page.browser.find_elements(By.CSS_SELECTOR, "img[src*='elsewhere']")
    assert not page.browser.find_elements(By.CSS_SELECTOR, "a[href*='elsewhere']")


@both
def test_a_file_for_this_conversation_is_read_and_cited(page: Page, language: str, tmp_path: Path) -> None:
    said = in_language(page, language)
    file = tmp_path / "保修.md"
    file.write_text("# 附件\n\n本产品的保修期为 37 个月。\n", encoding="utf-8")
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(file))
    page.sees("保修.md")
    time.sleep(1)
    page.ask("附件里的保修期多长？")
    page.sees(said["read"])
    page.sees("保修期为 37 个月")
    until(page.chips, "a chip")[0].click()
    page.sees("本产品的保修期为 37 个月。")
    page.shoot("files")


def test_files_that_cannot_be_read_are_named_with_the_reason(page: Page, tmp_path: Path) -> None:
    file, empty = tmp_path / "季度 報告.pdf", tmp_path / "empty.txt"
    file.write_bytes("不是 PDF。No PDF at all.".encode())
    empty.write_bytes(b"")
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(empty))
    page.sees("文件是空的。")
    page.browser.refresh()
    page.ready()
    page.browser.get_log("performance")  # what was refused was to be
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(file))
    page.sees("季度 報告.pdf")
    time.sleep(1)
    page.ask("住宿限额？")
    page.sees("文件未能读取")
    page.sees("不是可读取的 PDF")
    page.sees("每晚 650 元")
    assert "conversation:" not in page.text
    assert "文件已读取" not in page.text


@both
def test_a_file_of_a_kind_that_is_not_read_takes_nothing_else_with_it(
    page: Page, language: str, tmp_path: Path
) -> None:
    said = in_language(page, language)
    good, bad = tmp_path / "保修.md", tmp_path / "工具 Ｔool.exe"
    good.write_text("# 附件\n\n本产品的保修期为 37 个月。\n", encoding="utf-8")
    bad.write_bytes(b"MZ no document")
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(f"{bad}\n{good}")
    page.sees("保修.md")
    page.sees(".exe")
    time.sleep(1)
    page.ask("附件里的保修期多长？")
    page.sees(said["some read"])
    page.sees(said["kind"])
    page.sees("保修期为 37 个月")
    page.sees(said["again"])
    # Alone it is named too, and the question is answered all the same.
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(bad))
    time.sleep(2)
    page.ask(said["asked"])
    page.sees(said["not read"])
    page.sees(said["answer"])
    shown = page.browser.find_elements(By.CSS_SELECTOR, ".positive-feedback-off")
    assert len(shown) == 2


@both
def test_reading_a_file_is_stopped(page: Page, language: str, tmp_path: Path) -> None:
    said, file = in_language(page, language), tmp_path / "台帳 ledger.txt"
    with file.open("w", encoding="utf-8") as stream:
        for n in range(300_000):
            stream.write(f"第 {n} 號倉庫存有 {n * 7919 % 10007} 箱貨物，由 keeper {n * 31 % 97} 看管。\n")
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(file))
    page.sees(file.name)
    time.sleep(2)
    page.ask(said["asked"])
    page.sees(said["reading"])

    with qianxun.Client(page.world.service, page.world.key) as client:
        until(lambda: client.jobs.list()[0].state == "running", "the job")
        until(lambda: page.browser.find_elements(By.ID, "stop-button"), "the button")[0].click()
        page.sees(said["reading stopped"])
        page.sees(said["not read"])
        assert said["reading"] not in page.text
        until(lambda: client.jobs.list()[0].state == "cancelled", "that the service stops")
    assert said["answer"] not in page.text
    page.ask(said["asked"])
    page.sees(said["answer"])


@both
def test_a_file_that_is_too_large_is_said_to_be(page: Page, language: str, tmp_path: Path) -> None:
    said, file = in_language(page, language), tmp_path / "大 large.txt"
    with file.open("wb") as stream:
        stream.truncate(101 * 1024 * 1024)
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(file))
    page.sees(said["too large"])


def test_a_conversation_that_is_not_there_is_said_not_to_be(page: Page) -> None:
    page.browser.get(f"{page.world.chat}thread/{'0' * 32}.default")
    page.sees("没有这个会话。")
    assert "resume" not in page.text
    page.browser.get(page.world.chat)
    page.ready()
    page.browser.get_log("performance")  # what was refused was to be
    page.browser.refresh()


def test_who_is_not_signed_in_and_sends_a_file_finds_where_to(browser: Any, world: World, tmp_path: Path) -> None:
    page, file = Page(browser, world), tmp_path / "保修.md"
    file.write_text("# 附件\n\n本產品的保修期为 37 个月。\n", encoding="utf-8")
    browser.get(world.chat)
    page.ready()
    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(file))
    page.sees("保修.md")
    time.sleep(1)
    page.ask("保修期？")
    page.sees("登录后才能上传文件。")
    link = until(lambda: browser.find_element(By.LINK_TEXT, "登录"), "where to sign in")
    assert link.get_attribute("href") == f"{world.chat}sign-in"


def test_who_shows_no_key_asks_what_is_public_and_nothing_is_kept(browser: Any, world: World) -> None:
    page = Page(browser, world)
    browser.get(world.chat)
    page.ready()
    page.ask("住宿限额？")
    page.sees("每晚 650 元")
    page.sees("重新提问")
    with qianxun.Client(world.service, world.key) as client:
        before = len(client.conversations.list())
    browser.refresh()
    page.ready()
    with qianxun.Client(world.service, world.key) as client:
        assert len(client.conversations.list()) == before


def test_who_is_not_signed_in_finds_where_to(browser: Any, world: World) -> None:
    page = Page(browser, world)
    browser.get(world.chat)
    page.ready()
    until(lambda: browser.find_element(By.ID, "user-nav-button"), "the menu").click()
    page.sees("未登录")
    until(lambda: browser.find_element(By.CSS_SELECTOR, "[role=menuitem]"), "its entry")
    entry = browser.find_element(By.CSS_SELECTOR, "[role=menuitem]")
    assert entry.text == "登录"
    entry.click()
    until(lambda: browser.find_element(By.ID, "key"), "the form")


def test_a_page_is_told_no_secret(page: Page) -> None:
    cookie = page.browser.get_cookie("qianxun_session")
    assert cookie["httpOnly"]
    names = {one["name"] for one in page.browser.get_cookies()}
    assert "access_token" not in names
    assert page.world.key not in page.browser.page_source


def test_a_passage_that_was_removed_meanwhile_is_said_to_be(page: Page) -> None:
    with qianxun.Client(page.world.service, page.world.key) as client:
        job = client.documents.upload(("退款.md", "# 退款\n\n退款在七天内到账。\n".encode()), labels=["public"])
        client.jobs.wait(job.token)
        page.ask("退款多久到账？")
        page.sees("重新提问")
        (document,) = (one.id for one in client.documents.list() if one.title == "退款")
        client.documents.remove(document)
    until(page.chips, "a chip")[0].click()
    page.sees("该段落已移除，或您无权查看。")
    page.browser.refresh()
    page.ready()
    page.sees("出处已删除")


def test_in_english_in_the_dark_on_a_phone(page: Page) -> None:
    page.browser.add_cookie({"name": "qianxun_language", "value": "en", "path": "/"})
    page.browser.add_cookie({"name": "qianxun_theme", "value": "dark", "path": "/"})
    page.browser.set_window_size(500, 844)
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    page.browser.get(page.world.chat)
    page.ready()
    assert page.browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en-US"
    page.ask("Remote days? remote")
    page.sees("Ask again")
    page.shoot("phone")
    assert "Open the document here" not in page.text
    until(page.chips, "a chip")[0].click()
    page.sees("Open the document here")
    width = page.browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 390


def test_the_page_is_dark_where_the_system_is_unless_another_look_was_chosen(page: Page) -> None:
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    for cookie, look in (("", "dark"), ("light", "light"), ("dark", "dark")):
        if cookie:
            page.browser.add_cookie({"name": "qianxun_theme", "value": cookie, "path": "/"})
        page.browser.execute_script("if (!arguments[0]) localStorage.removeItem('vite-ui-theme')", cookie)
        page.browser.refresh()
        page.ready()
        assert look in page.browser.find_element(By.TAG_NAME, "html").get_attribute("class").split()


def test_a_conversation_is_named_by_enter_and_deleted_without_another_word(page: Page) -> None:
    page.ask("住宿限额，改名？")
    page.sees("重新提问")
    until(lambda: "/thread/" in page.browser.current_url, "an address")

    def chosen(n: int) -> None:
        more = until(lambda: page.browser.find_element(By.CSS_SELECTOR, "[data-active=true] #thread-options"), "more")
        page.browser.execute_script("arguments[0].focus()", more)
        page.browser.switch_to.active_element.send_keys(Keys.ENTER)
        until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "[role=menuitem]"), "what can be done")[n].click()

    chosen(0)
    field = until(lambda: page.browser.find_element(By.CSS_SELECTOR, "[role=dialog] input#name"), "a field")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("差旅 Ｔravel", Keys.ENTER)
    until(lambda: not page.browser.find_elements(By.CSS_SELECTOR, "[role=dialog]"), "no dialogue")
    page.sees("差旅 Ｔravel")
    chosen(-1)
    until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "[role=alertdialog] button"), "the dialogue")
    time.sleep(0.5)
    page.browser.find_elements(By.CSS_SELECTOR, "[role=alertdialog] button")[-1].click()
    until(lambda: "/thread/" not in page.browser.current_url, "another page")
    for _ in range(20):
        assert "没有这个会话" not in page.text
        time.sleep(0.1)
    page.browser.get_log("performance")  # what was refused was to be
    page.browser.refresh()


@both
def test_nothing_is_cut_off_on_a_phone(page: Page, language: str) -> None:
    name = "规章制度与工作手册-2026年修订版"
    page.browser.set_window_size(500, 844)
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    with qianxun.Client(page.world.service, page.world.key) as client:
        client.create_base(name)
        try:
            said = in_language(page, language)
            until(lambda: page.browser.find_element(By.CSS_SELECTOR, "button[role=combobox]"), "the choice").click()
            until(lambda: page.browser.find_element(By.CSS_SELECTOR, f"[data-test='select-item:{name}']"), "it").click()
            page.ready()
            page.shoot(f"narrow-{language}")
            beyond = beyond_the_window(page.browser)
            job = client.documents.upload(("差旅.md", DOCUMENTS["差旅.md"].encode()), labels=["public"], base=name)
            client.jobs.wait(job.token)
            page.ask(said["asked"])
            page.sees(said["again"])
            until(page.chips, "a chip")[0].click()
            page.sees(said["open"])
            time.sleep(0.7)
            page.shoot(f"narrow-passage-{language}")
            assert beyond + beyond_the_window(page.browser) == []
        finally:
            page.browser.get(f"{page.world.chat}sign-in")
            client.delete_base(name)


def beyond_the_window(browser: Any) -> list[str]:
    """Buttons and links that are seen not or not wholly for the width; the page, where one has to scroll sideways."""
    found = browser.execute_script(
        "const [most, page] = [window.innerWidth, document.documentElement];"
        "const [inner, outer] = [visualViewport.width, page.scrollWidth];"
        "const beyond = [...document.querySelectorAll('button, a')].filter((one) => {"
        "  const seen = one.getBoundingClientRect();"
        "  return seen.width && (seen.right > 390 || seen.left < 0) && one.checkVisibility();"
        "}).map((one) => one.id + one.className + one.getBoundingClientRect().right);"
        "return outer > 390 || most > 390 ? [...beyond, `${most} ${inner} ${outer}`] : beyond;"
    )
    assert isinstance(found, list)
    return found


def test_the_service_has_the_chat_itself(browser: Any, world: World) -> None:
    page = Page(browser, world)
    browser.get(f"{world.service}/chat/")
    page.ready()  # as nobody in particular
    browser.get(f"{world.service}/sign-in")
    browser.find_element(By.ID, "key").send_keys(world.key, Keys.ENTER)
    until(lambda: browser.find_element(By.LINK_TEXT, "对话"), "the link to the chat").click()
    page.ready()
    page.ask("一类城市的住宿限额是多少？")
    page.sees("每晚 650 元")
    page.sees("重新提问")
    until(page.chips, "a chip")[0].click()
    page.sees("在文档中打开此处")
    address = until(lambda: "/thread/" in browser.current_url and browser.current_url.rstrip("#"), "an address")
    browser.get(address)
    page.ready()
    page.sees("每晚 650 元")
    page.shoot("mounted")


def test_what_is_set_for_answers_is_passed_on_with_each_question(page: Page) -> None:
    page.open_settings()
    page.choose("unsupported", "删去")
    page.slide("passages", 1)
    page.write("context_tokens", "800")
    page.write("instructions", "請稱我為老師，分點回答。请称我为老师！")
    page.shoot("settings")
    page.confirm()
    page.ask("一类城市的住宿限额是多少？")
    page.sees("老师，一类城市住宿限额为每晚 650 元")
    page.sees("重新提问")
    assert "月球分部" not in page.text
    page.sees("检索：1 个段落")
    page.browser.refresh()
    page.ready()
    page.sees("重新提问")
    page.open_settings()
    assert page.browser.find_element(By.ID, "unsupported").text == "删去"
    assert page.browser.find_element(By.ID, "context_tokens").get_attribute("value") == "800"
    page.confirm()
    page.open_settings()
    page.choose("unsupported", "有这样的句子就不回答")
    page.confirm()
    page.ask("那二类城市的住宿限额呢？")
    page.sees("不予回答")
    assert "月球分部" not in page.text


@both
def test_what_is_set_for_a_conversation_is_there_after_the_chat_began_anew(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.open_settings()
    page.choose("persona", "teacher")
    page.choose("unsupported", said["policies"][2])
    page.slide("passages", 1)
    page.confirm()
    page.ask(said["asked"])
    page.sees("老师，一类城市")
    page.sees(said["again"])
    address = until(lambda: "/thread/" in page.browser.current_url and page.browser.current_url, "an address")
    page.open_settings()
    page.write("context_tokens", "900")
    page.write("filter", "label = public")
    page.confirm()
    token = unquote(address).rpartition("/")[2].partition(".")[0]
    with qianxun.Client(page.world.service, page.browser.get_cookie("qianxun_session")["value"]) as client:
        kept = {"persona": "teacher", "unsupported": "remove", "passages": 1}
        changed = kept | {"filter": "label = public", "context_tokens": 900}
        until(lambda: client.conversations.show(token).settings == changed, "what was set")
    page.world.restart()
    page.browser.get(address)
    page.ready()
    page.sees(said["again"])
    page.open_settings()
    assert page.browser.find_element(By.ID, "persona").text == "teacher"
    assert page.browser.find_element(By.ID, "unsupported").text == said["policies"][2]
    assert page.browser.find_element(By.ID, "context_tokens").get_attribute("value") == "900"
    assert page.browser.find_element(By.ID, "filter").get_attribute("value") == "label = public"
    page.confirm()
    answers = page.text.count("老师，一类城市")
    page.ask(said["asked"])
    until(lambda: page.text.count("老师，一类城市") > answers, "an answer as it was set")
    until(lambda: page.text.count(said["again"]) == 2, "its end")
    assert "月球分部" not in page.text
    # Nothing of it is set for another conversation.
    page.browser.get(page.world.chat)
    page.ready()
    page.open_settings()
    assert page.browser.find_element(By.ID, "persona").text == said["as set"]
    page.confirm()


def test_what_cannot_be_kept_holds_on_its_page_and_is_said_not_to_be_kept(page: Page) -> None:
    page.ask("一类城市的住宿限额是多少？")
    page.sees("重新提问")
    page.open_settings()
    page.choose("persona", "teacher")
    page.browser.execute_script(
        "const field = document.getElementById('filter');"
        "Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, arguments[0]);"
        "field.dispatchEvent(new Event('input', {bubbles: true}));",
        " or ".join(["label = public"] * 1500),
    )
    page.confirm()
    page.sees("设置在本页有效，但没有随会话保存：")
    page.sees("16,384")
    page.open_settings()
    assert page.browser.find_element(By.ID, "persona").text == "teacher"
    page.confirm()


def test_what_is_set_and_does_not_hold_any_more_is_named_and_questions_are_answered(page: Page) -> None:
    secret = page.browser.get_cookie("qianxun_session")["value"]
    kept = {"persona": "已删除", "unsupported": ["mark"], "deep": "很多", "passages": 1, "filter": {"n": 1}}
    with qianxun.Client(page.world.service, secret) as client:
        token = client.conversations.begin(title="旧的设置", settings=kept)
    page.browser.get(f"{page.world.chat}thread/{token}.default")
    page.ready()
    page.sees("原来的设置不再有效：角色")
    page.open_settings()
    assert page.browser.find_element(By.ID, "persona").text == "按系统设置"
    page.confirm()
    page.ask("一类城市的住宿限额是多少？")
    page.sees("检索：1 个段落")
    page.sees("每晚 650 元")
    page.sees("重新提问")


def test_what_is_set_beyond_its_bounds_is_said_to_be(page: Page) -> None:
    page.browser.add_cookie({"name": "qianxun_language", "value": "en", "path": "/"})
    page.browser.get(page.world.chat)
    page.ready()
    page.open_settings()
    page.sees("Instructions of your own")
    page.choose("unsupported", "leave them out")
    page.write("context_tokens", "7")
    page.confirm()
    page.ask("Remote days? remote")
    page.sees("Context length is 7; the least is 100.")
    assert "openapi" not in page.text


def test_signing_out_ends_the_session(page: Page) -> None:
    secret = page.browser.get_cookie("qianxun_session")["value"]
    with qianxun.Client(page.world.service, secret) as client:
        assert client.me().name == "admin"
        page.browser.execute_script("fetch('/chat/logout', {method: 'POST'})")
        until(lambda: not page.browser.get_cookie("qianxun_session"), "no session")
        with pytest.raises(Unauthorized):
            client.me()


@both
def test_a_conversation_belongs_to_the_knowledge_base_that_was_chosen(page: Page, language: str) -> None:
    said, name = in_language(page, language), f"第二库-{language}"
    with qianxun.Client(page.world.service, page.world.key) as client:
        client.create_base(name)
        try:
            page.browser.get(page.world.chat)
            page.ready()
            until(lambda: page.browser.find_element(By.CSS_SELECTOR, "button[role=combobox]"), "the choice").click()
            until(lambda: page.browser.find_element(By.CSS_SELECTOR, f"[data-test='select-item:{name}']"), "it").click()
            page.ready()
            page.ask(said["asked"])
            page.sees(said["again"])
            assert [one.title for one in client.conversations.list(base=name)] == [said["asked"]]
            until(lambda: f".{name}" in unquote(page.browser.current_url), "its address")
            page.browser.refresh()
            page.ready()
            until(lambda: page.browser.find_element(By.CSS_SELECTOR, ".message-content"), "what was said")
            page.sees(said["asked"])
            until(lambda: page.browser.find_element(By.CSS_SELECTOR, "button[role=combobox]"), "the choice").click()
            other = "[data-test='select-item:default']"
            until(lambda: page.browser.find_element(By.CSS_SELECTOR, other), "the other").click()
            page.sees(said["begins"])
        finally:
            page.browser.get(f"{page.world.chat}sign-in")
            client.delete_base(name)


@both
def test_an_answer_is_asked_for_again(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.ask(said["asked"])
    page.sees(said["again"])
    button = f"//button[contains(normalize-space(), '{said['again']}')]"
    before = len(page.browser.find_elements(By.XPATH, button))
    page.browser.find_elements(By.XPATH, button)[-1].click()
    until(lambda: len(page.browser.find_elements(By.XPATH, button)) > before, "a second answer")
    assert page.text.count(said["asked"]) >= 2
    assert page.text.count(said["answer"]) >= 2
    assert page.text.count(said["unsupported"]) >= 2


@both
def test_steps_are_named_with_what_they_took(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.ask(said["asked"])
    page.sees(said["again"])
    step = until(lambda: re.search(said["step"], page.text), "a step with its time").group()
    until(lambda: page.browser.find_element(By.XPATH, f"//button[contains(., '{step}')]"), "the step").click()
    took = {"zh": r"撰写回答：\d+\.\d\d 秒", "en": r"writing the answer: \d+\.\d\d s"}[language]
    until(lambda: re.search(took, page.text), "what each stage took")


@both
def test_a_persona_is_chosen(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.open_settings()
    assert said["as set"] in page.text
    page.choose("persona", "teacher")
    page.confirm()
    page.ask(said["asked"])
    page.sees("老师，一类城市住宿限额为每晚 650 元")


@both
def test_a_chip_says_what_became_of_its_passage_in_the_readers_language(page: Page, language: str) -> None:
    said = in_language(page, language)
    with qianxun.Client(page.world.service, page.world.key) as client:
        sent = (f"退款-{language}.md", "# 退款\n\n退款在七天内到账。\n".encode())
        client.jobs.wait(client.documents.upload(sent, labels=["public"]).token)
        page.ask("退款多久到账？")
        page.sees(said["again"])
        for document in list(client.documents.list()):
            if document.source.endswith(sent[0]):
                client.documents.remove(document.id)
    until(page.chips, "a chip")[0].click()
    page.sees(said["removed"])


@both
def test_a_comment_beside_a_thumb_reaches_the_inbox(page: Page, language: str) -> None:
    said, comment = in_language(page, language), f"太短了 too short ({language})"
    page.ask(said["asked"])
    page.sees(said["again"])
    until(lambda: page.browser.find_elements(By.CSS_SELECTOR, ".negative-feedback-off"), "a thumb")[-1].click()
    until(lambda: page.browser.find_element(By.CSS_SELECTOR, "[role=dialog] textarea"), "a field").send_keys(comment)
    page.browser.find_element(By.ID, "submit-feedback").click()

    def kept() -> bool:
        page.browser.get(f"{page.world.service}/quality/feedback?kind=down")
        return comment in page.text

    until(kept, "the comment in the inbox of the service")


def choices(page: Page, name: str) -> list[str]:
    """What a setting may be; none, if there is no such field."""
    for field in page.browser.find_elements(By.ID, name):
        field.click()
        options = until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "[role=option]"), "its values")
        found = [str(one.text) for one in options]
        options[0].send_keys(Keys.ESCAPE)
        until(lambda: not page.browser.find_elements(By.CSS_SELECTOR, "[role=option]"), "no values")
        return found
    return []


@both
def test_no_less_strict_answer_can_be_asked_for_than_is_set(page: Page, language: str) -> None:
    said = in_language(page, language)
    page.open_settings()
    assert choices(page, "unsupported") == said["policies"]
    page.write("filter", "label = public")
    page.choose("unsupported", said["policies"][1])
    page.choose("persona", "careful")
    until(lambda: choices(page, "unsupported") == [said["policies"][0], *said["policies"][2:]], "what is as strict")
    assert page.browser.find_element(By.ID, "unsupported").text == said["policies"][0]
    assert page.browser.find_element(By.ID, "filter").get_attribute("value") == "label = public"
    page.choose("persona", "strict")
    until(lambda: choices(page, "unsupported") == [], "nothing to choose")
    page.confirm()
    page.ask(said["asked"])
    page.sees(said["again"])
    assert said["answer"] not in page.text


# -- for everybody -----------------------------------------------------------------------------------------------------


def serious(browser: Any) -> list[tuple[str, str]]:
    """What axe finds on the page that is serious or critical: rule and element."""
    source = resources.files("selenium_axe_python") / "axe-core" / "axe.min.js"
    browser.execute_script(source.read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations'], preload: false}).then((result) => done(result.violations));"
    )
    assert isinstance(found, list)
    bad = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], node["html"]) for one in bad for node in one["nodes"]]


@pytest.mark.parametrize(("language", "theme"), [("zh", "light"), ("en", "dark")])
def test_axe_finds_nothing_serious(page: Page, language: str, theme: str) -> None:
    pytest.importorskip("selenium_axe_python", reason="axe is not installed")
    page.browser.add_cookie({"name": "qianxun_theme", "value": theme, "path": "/"})
    said = in_language(page, language)
    found = {"the empty page": serious(page.browser)}
    page.ask(said["asked"])
    page.sees(said["again"])
    found["an answer"] = serious(page.browser)
    until(page.chips, "a chip")[0].click()
    page.sees(said["open"])
    time.sleep(0.5)
    found["a passage"] = serious(page.browser)
    page.open_settings()
    found["the panel"] = serious(page.browser)
    page.confirm()
    until(lambda: page.browser.find_elements(By.CSS_SELECTOR, ".negative-feedback-off"), "a thumb")[-1].click()
    until(lambda: page.browser.find_element(By.CSS_SELECTOR, "[role=dialog] textarea"), "a field")
    time.sleep(0.5)
    found["a comment"] = serious(page.browser)
    page.browser.get(f"{page.world.chat}sign-in")
    found["signing in"] = serious(page.browser)
    assert {where: what for where, what in found.items() if what} == {}


def test_what_can_be_done_with_a_conversation_is_reached_by_keyboard(page: Page) -> None:
    page.ask("住宿限额？")
    page.sees("重新提问")
    address = until(lambda: "/thread/" in page.browser.current_url and page.browser.current_url, "an address")
    more = until(lambda: page.browser.find_element(By.CSS_SELECTOR, "[data-active=true] #thread-options"), "its menu")
    until(lambda: more.get_attribute("tabindex") == "0", "that it can be reached")
    page.browser.execute_script("arguments[0].focus()", more)
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "[role=menuitem]"), "what can be done")
    assert page.browser.current_url == address


# -- with an identity provider -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with providing() as found:
        found.secret, found.asks = "", True
        yield found


@pytest.fixture(scope="module")
def provided(tmp_path_factory: pytest.TempPathFactory, provider: OidcProvider) -> Iterator[World]:
    """A world whose people come from the provider; the service has a chat too."""
    with ScriptedServer(reply) as model:
        more = f"""
            [tokens]
            issuer = "{provider.url}"
            audience = ["{CLIENT}"]
            [oidc]
            client_id = "{CLIENT}"
            name = "登录中心"
        """
        world = World(tmp_path_factory.mktemp("provided"), settings(model) + more)
        try:
            provider.back = [f"{world.service}{SIGN_IN_BACK}"]
            world.add({name: text.encode() for name, text in DOCUMENTS.items()})
            world.restart()
            yield world
        finally:
            world.close()


@both
@pytest.mark.parametrize("alone", [False, True], ids=["of the service", "of its own"])
def test_who_the_identity_provider_knows_signs_in_to_the_chat(
    browser: Any, provided: World, language: str, alone: bool
) -> None:
    page, (button, link, chat, _) = Page(browser, provided), SAID[language]["sign in"]
    browser.get(f"{provided.chat}sign-in")
    browser.add_cookie({"name": "qianxun_language", "value": language, "path": "/"})
    if alone:
        browser.get(f"{provided.chat}sign-in")
        until(lambda: browser.find_element(By.LINK_TEXT, link), "where to sign in").click()
    else:
        browser.get(f"{provided.service}/sign-in?next=/chat/")
    until(lambda: browser.find_element(By.LINK_TEXT, button), "the button").click()
    until(lambda: browser.title == "Provider" and browser.find_element(By.TAG_NAME, "button"), "the provider").click()
    if alone:
        until(lambda: browser.find_element(By.LINK_TEXT, chat), "the pages of the service")
        browser.get(provided.chat)
    page.ready()
    assert browser.current_url == (provided.chat if alone else f"{provided.service}/chat/")
    page.ask(SAID[language]["asked"])
    page.sees(SAID[language]["answer"])
    page.sees(SAID[language]["again"])
    until(page.chips, "a chip")[0].click()
    page.sees(SAID[language]["open"])
    until(lambda: "/thread/" in browser.current_url, "what is kept for somebody in particular")
    assert browser.find_element(By.ID, "user-nav-button").text == "李"  # of 李雷
