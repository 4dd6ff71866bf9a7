"""Between an answer and the click on its chip, in a real browser: the page stays open while something happens behind.

What was cited is opened with its own words marked, or the page says that they were removed, in both languages.
`test_web_citations` does the same over HTTP for every kind of link.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from web_browser import Browser, Site, browsing, missing, serving

import qianxun
from qianxun.knowledge_base import KnowledgeBase
from qianxun.settings import load_settings
from qianxun.web.site import view_address

pytestmark = [pytest.mark.web, pytest.mark.skipif(bool(missing()), reason=missing())]

LANGUAGES = ("en", "zh")
REMOVED = {"en": "This document was removed, or is not for you.", "zh": "该文档已移除，或您无权查看。"}
# A document for each that happens to one: what is asked of it, its text.
DOCUMENTS = {
    "reloaded": {
        "en": ("How high is the hotel limit?", "# Travel\n\nThe hotel limit is 150 euros a night.\n"),
        "zh": ("差旅住宿限额是多少？", "# 差旅\n\n差旅住宿限额是每晚 650 元（含税）。\n"),
    },
    "restarted": {
        "en": (
            "How fast does the engineer answer?",
            "# On-call\n\nThe engineer answers a page in 15 minutes.\n",
        ),
        "zh": ("加班費怎麼報支？", "# 加班\n\n加班費須經主管核准後方可報支。\n"),
    },
    "rebuilt": {
        "en": ("How long is the warranty of a pump?", "# Warranty\n\nThe warranty of a pump is 24 months.\n"),
        "zh": ("水泵的保修期是多久？", "# 保修\n\n水泵的保修期是二十四个月。\n"),
    },
    "reindexed": {
        "en": ("When is the canteen open?", "# Canteen\n\nThe canteen is open from noon to two.\n"),
        "zh": ("食堂几点开门？", "# 食堂\n\n食堂每天中午十二点开门。\n"),
    },
    "changed": {
        "en": ("Who signs a contract?", "# Contracts\n\nA contract is signed by two directors.\n"),
        "zh": ("合同由谁签署？", "# 合同\n\n合同由两名董事签署。\n"),
    },
    "removed": {
        "en": ("Where are visitors registered?", "# Visitors\n\nVisitors are registered at the south gate.\n"),
        "zh": ("访客在哪里登记？", "# 访客\n\n访客在南门登记。\n"),
    },
    "added_again": {
        "en": ("How is a laptop returned?", "# Laptops\n\nA laptop is returned to the depot by post.\n"),
        "zh": ("笔记本电脑怎么归还？", "# 设备\n\n笔记本电脑邮寄到仓库归还。\n"),
    },
    "label_taken": {
        "en": ("What does the gym cost?", "# Gym\n\nThe gym costs 12 euros a month.\n"),
        "zh": ("健身房收费多少？", "# 健身房\n\n健身房每月收费八十元。\n"),
    },
}
HOLDS = ("reloaded", "restarted", "rebuilt", "reindexed")
GONE = ("changed", "removed", "added_again", "label_taken")


class World:
    """A service over a folder that was added, which can be stopped and started at the same address."""

    def __init__(self, home: Path, folder: Path, stack: contextlib.ExitStack) -> None:
        self.home, self.folder = home, folder
        self._stack = stack
        self.site: Site = stack.enter_context(serving(home))

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """The service is down for a while."""
        self._stack.close()
        yield
        self._stack.enter_context(serving(self.home, urlsplit(self.site.url).port or 0))

    def base(self, *overrides: str) -> KnowledgeBase:
        """The knowledge base, beside the service, as commands have it."""
        return opened(self.home, *overrides)

    def synced(self, *overrides: str) -> None:
        """What changed in the folder is taken over."""
        with self.base(*overrides) as kb:
            kb.sync()


def opened(home: Path, *overrides: str) -> KnowledgeBase:
    return qianxun.open(home / "kb" / "default", settings=load_settings(overrides=[f"home={home}", *overrides]))


def name_of(what: str, language: str) -> str:
    return f"{what}-{language}.md"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home, folder = tmp_path_factory.mktemp("citations"), tmp_path_factory.mktemp("文档")
    for what, texts in DOCUMENTS.items():
        for language, (_, text) in texts.items():
            (folder / name_of(what, language)).write_text(text, encoding="utf-8")
    with opened(home, "reading.workers=1") as kb:
        kb.add([folder], labels=["public"])
    with contextlib.ExitStack() as stack:
        yield World(home, folder, stack)


@pytest.fixture(scope="module")
def chromium(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(world.site, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    yield chromium
    assert chromium.faults() == []
    assert chromium.requests > 0


# -- what may happen to a document's file or to all of them ------------------------------------------------------------


def reloaded(world: World, browser: Browser, name: str) -> None:
    browser.leave(browser.driver.refresh)
    browser.settle()


def restarted(world: World, browser: Browser, name: str) -> None:
    with world.stopped():
        pass


def rebuilt(world: World, browser: Browser, name: str) -> None:
    """Everything derived is made again; a file that comes is cut in another way."""
    cut = ("splitting.strategy=sentences", "splitting.max_tokens=32")
    with world.stopped():
        (world.folder / f"new-{name}").write_text("# 新\n\n第一条。第二条。\n", encoding="utf-8")
        world.synced(*cut)
        with world.base(*cut) as kb:
            kb.rebuild()


def reindexed(world: World, browser: Browser, name: str) -> None:
    """Another encoder, while the service runs; with the next one it is the first again."""
    with world.base() as kb:
        now = kb.info()["encoder"]["name"]
        kb.reindex("builtin" if now == "hash" else "hash", even_if_worse=True)
    with world.base() as kb:
        assert kb.info()["encoder"]["name"] != now


def changed(world: World, browser: Browser, name: str) -> None:
    """The words moved, and others stand where they stood."""
    path = world.folder / name
    text = path.read_text(encoding="utf-8")
    path.write_text(f"# 新\n\n全文改写，以下另有规定。Rewritten.\n\n{text}", encoding="utf-8")
    world.synced()


def removed(world: World, browser: Browser, name: str) -> None:
    with world.base() as kb:
        kb.remove([one.id for one in kb.documents() if one.source.endswith(name)])


def added_again(world: World, browser: Browser, name: str) -> None:
    removed(world, browser, name)
    with world.base() as kb:
        kb.add([world.folder / name], labels=["public"])


def label_taken(world: World, browser: Browser, name: str) -> None:
    with world.base() as kb:
        kb.label([one.id for one in kb.documents() if one.source.endswith(name)], add=["hr"], remove=["public"])


HAPPENS: dict[str, Callable[[World, Browser, str], None]] = {
    one.__name__: one for one in (reloaded, restarted, rebuilt, reindexed, changed, removed, added_again, label_taken)
}


# -- an answer, and the click -----------------------------------------------------------------------------------------


@dataclass
class Link:
    """Where a link leads, and the words that it is of."""

    address: str
    words: str


def plain(text: str) -> str:
    """The letters and digits of a text: tables and headings are laid out."""
    return "".join(c for c in text if c.isalnum())


def answered(browser: Browser, world: World, question: str, name: str) -> list[Link]:
    """Asks in the page; its links to that document, that of the first chip first."""
    browser.open("/")
    browser.one("#q").send_keys(question)
    browser.press("\ue007")
    browser.one(".answer .chip")
    browser.settle()
    with qianxun.Client(world.site.url) as client:
        cited = client.ask(question).citations
        found = client.search(question).passages
    known = {
        view_address("default", one.document, one.span.start, one.span.end, words): words
        for one, words in [*((one, one.quote) for one in cited), *((one, one.text) for one in found)]
        if one.source.endswith(name)
    }
    shown = [link.get_attribute("href").removeprefix(world.site.url) for link in browser.all(".answer a, .hit h2 a")]
    links = [Link(address, known[address]) for address in dict.fromkeys(shown) if address in known]
    chip = browser.one(".answer .chip").get_attribute("href").removeprefix(world.site.url)
    assert links
    assert links[0].address == chip
    return links


def seen(browser: Browser, language: str) -> str:
    """The words that the page marks; "gone" where it says that they were removed."""
    if browser.all("main mark"):
        assert browser.in_sight("#cited")
        return plain("".join(mark.text for mark in browser.all("main mark")))
    assert browser.text("main [role=alert]") == REMOVED[language]
    assert browser.audit() == []
    return "gone"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", [*HOLDS, *GONE])
def test_a_chip_of_a_page_that_stayed_open(browser: Browser, world: World, what: str, language: str) -> None:
    question, text = DOCUMENTS[what][language]
    browser.appear(language)
    links = answered(browser, world, question, name_of(what, language))
    assert all(plain(link.words) in plain(text) for link in links)
    HAPPENS[what](world, browser, name_of(what, language))
    browser.leave(lambda: browser.one(".answer .chip").click())
    assert browser.driver.current_url.removeprefix(world.site.url) == links[0].address
    for link in links:
        if link is not links[0]:
            browser.open(link.address)
        assert seen(browser, language) == ("gone" if what in GONE else plain(link.words)), link
