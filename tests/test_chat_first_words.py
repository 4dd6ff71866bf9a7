"""The list of conversations waits for the first words of an answer, and so does what comes behind them. No Chainlit."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources, util
from pathlib import Path
from typing import Any

import pytest
from web_browser import CHROMIUM, DRIVER, Browser, Site, browsing

from qianxun.chat import first_words
from qianxun.chat.who import asking_as

SCRIPT = (resources.files("qianxun.chat") / "static" / "qianxun.js").read_text(encoding="utf-8")
PAGE = '<!doctype html><html><head><script src="/qianxun.js"></script></head><body></body></html>'
# A socket that comes to no connection: what it is told is told by hand, and how many frames were painted before.
SOCKET = """
const done = arguments[arguments.length - 1];
let frames = 0;
const paint = () => { frames += 1; requestAnimationFrame(paint); };
requestAnimationFrame(paint);
const socket = new WebSocket(`ws://${location.host}/`), told = [];
const say = (...words) => words.forEach((data) => socket.dispatchEvent(new MessageEvent("message", { data })));
socket.onmessage = (event) => told.push([event.data, frames]);
"""


class Served(BaseHTTPRequestHandler):
    """A page that holds our script, and the script."""

    def do_GET(self) -> None:
        is_script = self.path == "/qianxun.js"
        self.send_response(200)
        self.send_header("Content-Type", f"text/{'javascript' if is_script else 'html'}; charset=utf-8")
        self.end_headers()
        self.wfile.write((SCRIPT if is_script else PAGE).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """At a page with our script and no Chainlit."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    if not CHROMIUM or not DRIVER:
        pytest.skip("Chromium and its driver are not installed")
    folder: Path = tmp_path_factory.mktemp("page")
    with ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            site = Site(f"http://127.0.0.1:{server.server_port}", "", folder)
            with browsing(site, folder / "profile", watched=False) as one:
                yield one
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def page(browser: Browser) -> Browser:
    """The page, loaded anew."""
    browser.open("/")
    return browser


async def waited() -> float:
    """Seconds until the list may be shown."""
    begun = time.monotonic()
    await first_words.sent()
    return time.monotonic() - begun


def test_where_no_answer_is_awaited_nothing_waits() -> None:
    assert asyncio.run(waited()) < 0.1


def test_it_comes_after_the_first_words_of_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_words, "_BEHIND_SECONDS", 0.0)
    monkeypatch.setattr(first_words, "_MOST_SECONDS", 60.0)

    async def page() -> tuple[bool, float]:
        with asking_as("qs-王"), first_words.awaited() as first:
            list = asyncio.create_task(waited())
            with asking_as("qs-other"):
                others = await waited()
            await asyncio.sleep(0.05)
            early = list.done()
            first.set()
            await list
            await waited()
            return early, others

    early, others = asyncio.run(page())
    assert not early
    assert others < 0.1


def test_it_waits_for_no_words_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_words, "_MOST_SECONDS", 0.2)

    async def page() -> float:
        with asking_as("qs-李"), first_words.awaited():
            return await waited()

    assert 0.2 <= asyncio.run(page()) < 5


def test_an_answer_that_fails_lets_it_go() -> None:
    async def page() -> bool:
        with asking_as(None), pytest.raises(RuntimeError), first_words.awaited() as first:
            raise RuntimeError("no generator")
        return first.is_set() and await waited() < 0.1

    assert asyncio.run(page())


@pytest.mark.chat
def test_what_comes_before_the_first_words_are_on_screen_is_told_together_behind_them(page: Browser) -> None:
    at_once, all = page.driver.execute_async_script(f"""{SOCKET}
        const wait = (at_once) => told.length < 3 ? setTimeout(wait, 5, at_once) : done([at_once, told]);
        const begin = () => {{
          if (frames < 3) return setTimeout(begin, 5);
          say("first", "second", "third");
          wait(told.length);
        }};
        begin();
    """)
    assert at_once == 1
    assert [words for words, _ in all] == ["first", "second", "third"]
    assert all[0][1] < all[1][1] == all[2][1]


@pytest.mark.chat
def test_what_fails_takes_nothing_with_it_and_nothing_is_told_after_the_end(page: Browser) -> None:
    told = page.driver.execute_async_script(f"""{SOCKET}
        socket.onmessage = (event) => {{ told.push(event.data); if (event.data === "bad") throw new Error("bad"); }};
        say("first", "bad", "good");
        socket.onclose = () => told.push("the end");
        socket.dispatchEvent(new CloseEvent("close"));
        done([...told]);
    """)
    assert told == ["first", "bad", "good", "the end"]


@pytest.mark.chat
def test_a_page_that_is_not_seen_is_told_at_once(page: Browser) -> None:
    told = page.driver.execute_async_script(f"""{SOCKET}
        say("first", "second");
        Object.defineProperty(document, "hidden", {{ get: () => true }});
        document.dispatchEvent(new Event("visibilitychange"));
        const hidden = told.length;
        say("third", "fourth");
        done([hidden, told.length]);
    """)
    assert told == [2, 4]


@pytest.mark.chat
def test_chainlit_listens_as_our_script_expects() -> None:
    found = util.find_spec("chainlit")
    if found is None or found.origin is None:
        pytest.skip("the extra `chat` is not installed")
    (script,) = (Path(found.origin).parent / "frontend" / "dist" / "assets").glob("index-*.js")
    text = script.read_text(encoding="utf-8")
    assert ".ws.onmessage=" in text
    assert ".ws.onclose=" in text
