"""The chat in a browser: a real service, a real chat over it, a scripted model, Chromium. `make test-chat`."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pytest

import qianxun
from qianxun.chat import is_installed
from qianxun.errors import Unauthorized
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
ANSWERS = {
    "住宿": "一类城市住宿限额为每晚 650 元[1]。月球分部另有补贴 900 元[1]。",
    "remote": "Employees may work remotely for two days a week [1].",
    "慢": tuple(f"第{n}句很长，慢慢地写。" for n in range(400)),
    "图": "![x](http://elsewhere.example/x.png?q=650) 住宿限额为每晚 650 元[1]。<img src=http://elsewhere.example/y.png>",
    "退款": "退款在七天内到账[1]。",
    "附件": "保修期为 37 个月[1]。",
}


def reply(request: Request) -> Reply | str:
    words = str(request.body["messages"][-1]["content"])
    asked = re.split("问题：|Question:", words)[-1]
    if "称我为老师" in str(request.body["messages"][0]["content"]):
        return f"老师，{ANSWERS['住宿']}"
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
    """A service with documents, its key, and a chat over it that can be restarted."""

    def __init__(self, home: Path, service: str, key: str, stack: contextlib.ExitStack) -> None:
        self.home, self.service, self.key = home, service, key
        self._stack = stack
        self.restart()

    def restart(self) -> None:
        self._stack.close()
        port = str(urlsplit(self.chat).port) if hasattr(self, "chat") else "0"
        started = running(self.home, "chat", "--service", self.service, "--port", port)
        self.chat: str = self._stack.enter_context(started)["url"]

    def counted(self, kind: str) -> int:
        """How many thumbs of a kind are kept."""
        command = [sys.executable, "-m", "qianxun", "--json", "feedback"]
        environment = {**os.environ, "QIANXUN_HOME": str(self.home)}
        told = subprocess.run(command, env=environment, cwd=self.home, capture_output=True, check=True).stdout
        return int(json.loads(told)[kind])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    with ScriptedServer(reply) as model, contextlib.ExitStack() as stack:
        settings = f"""
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
        """
        (home / "qianxun.toml").write_text(re.sub(r"(?m)^ +", "", settings), encoding="utf-8")
        with running(home, "serve", "--port", "0") as told:
            with qianxun.Client(told["url"], told["key"]) as client:
                sent = [(name, text.encode()) for name, text in DOCUMENTS.items()]
                job = client.documents.upload(sent, labels=["public"])
                assert client.jobs.wait(job.token).state == "done"
            yield World(home, told["url"], told["key"], stack)
            stack.close()


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
    """Nothing was asked of another host, and nothing broke the page's policy."""
    asked = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            asked.append(message["params"].get("request", message["params"])["url"])
    hosts = {urlsplit(url).hostname for url in asked if url.startswith(("http", "ws"))}
    assert asked
    assert hosts <= {"127.0.0.1", "localhost"}, hosts
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


def test_what_was_said_is_there_after_a_reload_and_after_a_restart(page: Page) -> None:
    page.ask("Remote days? remote")
    page.sees("two days a week")
    page.sees("重新提问")
    address = until(lambda: "/thread/" in page.browser.current_url and page.browser.current_url, "an address")
    page.browser.refresh()
    page.ready()
    page.sees("two days a week")
    page.world.restart()
    page.browser.get(address)
    page.ready()
    page.sees("two days a week")
    until(page.chips, "a chip")[0].click()
    page.sees("Employees may work remotely")
    page.ask("一类城市的住宿限额呢？")
    page.sees("每晚 650 元")
    assert page.browser.current_url.rstrip("#") == address
    page.shoot("history")


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
    down = until(lambda: page.browser.find_elements(By.CSS_SELECTOR, ".negative-feedback-off"), "a thumb")[-1]
    down.click()
    until(lambda: page.browser.find_elements(By.ID, "submit-feedback"), "the dialogue")[0].click()
    until(lambda: page.world.counted("down") == 1, "the thumb in the store")


def test_an_answer_is_stopped_and_stays_as_far_as_it_was_written(page: Page) -> None:
    page.ask("慢慢回答")
    page.sees("第3句")
    until(lambda: page.browser.find_elements(By.ID, "stop-button"), "the button")[0].click()
    page.sees("重新提问")
    assert "第200句" not in page.text
    assert "manually" not in page.text
    assert "第1句" in page.text


def test_an_answer_that_is_being_written_is_read_on_after_a_reload(page: Page) -> None:
    page.ask("慢慢回答这个")
    page.sees("第3句")
    until(lambda: "/thread/" in page.browser.current_url, "an address")
    page.browser.refresh()
    page.ready()
    page.sees("第3句")
    page.sees("第30句")


def test_pictures_of_other_hosts_are_words(page: Page) -> None:
    page.ask("给我看图")
    page.sees("重新提问")
    assert not page.browser.find_elements(By.CSS_SELECTOR, "img[src*='elsewhere']")
    assert not page.browser.find_elements(By.CSS_SELECTOR, "a[href*='elsewhere']")


def test_a_file_for_this_conversation_is_read_and_cited(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "保修.md"
    file.write_text("# 附件\n\n本产品的保修期为 37 个月。\n", encoding="utf-8")
    page.browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(file))
    page.sees("保修.md")
    time.sleep(1)
    page.ask("附件里的保修期多长？")
    page.sees("文件已读取")
    page.sees("保修期为 37 个月")
    until(page.chips, "a chip")[0].click()
    page.sees("本产品的保修期为 37 个月。")
    page.shoot("files")


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
    page.open_settings()
    page.choose("unsupported", "有这样的句子就不回答")
    page.confirm()
    page.ask("那二类城市的住宿限额呢？")
    page.sees("没有找到")
    assert "月球分部" not in page.text


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
    page.sees("context_tokens is 7; the least is 100.")


def test_signing_out_ends_the_session(page: Page) -> None:
    secret = page.browser.get_cookie("qianxun_session")["value"]
    with qianxun.Client(page.world.service, secret) as client:
        assert client.me().name == "admin"
        page.browser.execute_script("fetch('/chat/logout', {method: 'POST'})")
        until(lambda: not page.browser.get_cookie("qianxun_session"), "no session")
        with pytest.raises(Unauthorized):
            client.me()


def test_a_conversation_belongs_to_the_knowledge_base_that_was_chosen(page: Page) -> None:
    with qianxun.Client(page.world.service, page.world.key) as client:
        client.create_base("第二库")
        page.browser.get(page.world.chat)
        page.ready()
        until(lambda: page.browser.find_element(By.CSS_SELECTOR, "button[role=combobox]"), "the choice").click()
        until(lambda: page.browser.find_element(By.CSS_SELECTOR, "[data-test='select-item:第二库']"), "it").click()
        page.ready()
        page.ask("住宿限额？")
        page.sees("重新提问")
        assert [one.title for one in client.conversations.list(base="第二库")] == ["住宿限额？"]
        until(lambda: ".第二库" in unquote(page.browser.current_url), "its address")
    page.browser.refresh()
    page.ready()
    until(lambda: page.browser.find_element(By.CSS_SELECTOR, ".message-content"), "what was said")
    page.sees("住宿限额？")


# -- in both languages -------------------------------------------------------------------------------------------------

SAID = {
    "zh": {
        "again": "重新提问",
        "step": r"检索：\d+ 个段落；\d+\.\d\d 秒后答完",
        "asked": "一类城市的住宿限额是多少？",
        "answer": "每晚 650 元",
        "unsupported": "〔无依据〕",
        "removed": "该段落已移除，或您无权查看。",
        "as set": "按系统设置",
    },
    "en": {
        "again": "Ask again",
        "step": r"Search: \d+ passages; answer after \d+\.\d\d s",
        "asked": "住宿 limit?",
        "answer": "每晚 650 元",
        "unsupported": "〔not supported〕",
        "removed": "This passage was removed, or is not for you.",
        "as set": "as set for everybody",
    },
}
both = pytest.mark.parametrize("language", SAID)


def in_language(page: Page, language: str) -> dict[str, str]:
    """The chat in a language; what it says there."""
    page.browser.add_cookie({"name": "qianxun_language", "value": language, "path": "/"})
    page.browser.get(page.world.chat)
    page.ready()
    return SAID[language]


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
    until(lambda: re.search(r"\w+: \d+\.\d\d s", page.text), "what each stage took")


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
