"""Makes the pictures of the pages in docs/pictures, from a service with the sample documents: `make pictures`.

Needs Debian's chromium, chromium-driver and fonts-noto-cjk; for the chat a Python that has Chainlit. With names of
pictures these alone are made: `python tools/make_pictures.py search chat`.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from web_browser import SAMPLES, Browser, browsing, filled, missing, serving  # noqa: E402

import qianxun  # noqa: E402
from qianxun.evaluation.question_sets.drafts import Drafts  # noqa: E402
from qianxun.evaluation.question_sets.records import Question  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
# Where `make test-chat` puts Chainlit, which no other environment has.
CHAINLIT = Path(os.environ.get("CHAT_PYTHON") or ROOT / ".venv-chat" / "bin" / "python")


def search(browser: Browser) -> None:
    """The search page with an answer above its passages, and why the first one was found."""
    browser.appear("zh", width=1000, height=760)
    browser.open("/?q=" + quote("差旅住宿标准是多少？"))
    browser.one(".answer")
    browser.picture(FOLDER / "search-zh.png")


def narrowed(browser: Browser) -> None:
    """Filters and the panel that says why, in the dark."""
    browser.appear("en", dark=True, width=1000, height=940)
    browser.open("/?format=html&q=" + quote("How long is the warranty?"))
    browser.settle()
    browser.one(".why summary").click()
    browser.picture(FOLDER / "filters-en-dark.png")


def viewer(browser: Browser) -> None:
    """A page of a PDF with what was cited."""
    browser.appear("zh", width=1000, height=760)
    browser.open("/?format=pdf&q=" + quote("会计凭证保存多少年"))
    browser.settle()
    browser.leave(lambda: browser.one(".hit h2 a").click())
    browser.until(lambda: browser.in_sight("rect#cited"), "the quote")
    browser.picture(FOLDER / "viewer-zh.png")


def phone(browser: Browser) -> None:
    """The search page on a phone."""
    browser.appear("en", width=390, height=760)
    browser.open("/?q=" + quote("What is the rate limit of the Inkstone API?"))
    browser.one(".answer")
    browser.picture(FOLDER / "phone-en.png")


def library(browser: Browser) -> None:
    """Documents with their states, and why one could not be read."""
    browser.appear("zh", width=1000, height=760)
    browser.sign_in(browser.site.key)
    browser.open("/library/default?format=pdf")
    browser.one("table.documents")
    browser.picture(FOLDER / "library-zh.png")


def splitting(browser: Browser) -> None:
    """A document cut in two ways beside each other."""
    browser.appear("en", width=1000, height=760)
    browser.sign_in(browser.site.key)
    browser.open("/library/default?q=oncall-runbook")
    browser.leave(lambda: browser.one("table.documents a").click())
    browser.choose("Preview splitting")
    browser.choose("Preview")
    browser.run("scrollTo(0, document.getElementById('preview').offsetTop - 16)")
    browser.picture(FOLDER / "splitting-en.png")


def quality(browser: Browser) -> None:
    """Figures over time: of a knowledge base that two documents were missing from at first, and the list of runs."""
    home = browser.site.home
    lines = (SAMPLES.parent / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    drafts = Drafts(home / "questions")
    for one in map(json.loads, lines[:20]):
        answers = (one["answer"],) if one["answerable"] else ()
        made = Question("", one["question"], answers, answerable=one["answerable"])
        drafts.put("制度与产品", made, made="2026-01-01")
    frozen = drafts.freeze("制度与产品", made="2026-01-01")
    with qianxun.Client(browser.site.url, browser.site.key) as client:
        missing_at_first = [one for one in client.documents.list() if one.source.endswith(("员工手册.md", "手册.pdf"))]
        for document in missing_at_first:
            client.documents.remove(document.id)
        for document in [*missing_at_first, None]:
            client.jobs.wait(client.evaluate(set=frozen).token)
            if document is not None:
                file = (document.source, (SAMPLES / document.source).read_bytes())
                client.jobs.wait(client.documents.upload(file, labels=["public"]).token)
    browser.appear("zh", width=1000, height=760)
    browser.sign_in(browser.site.key)
    browser.open("/quality")
    browser.one("svg.trend")
    browser.picture(FOLDER / "quality-zh.png")


@contextlib.contextmanager
def chatting(browser: Browser) -> Iterator[str]:
    """The chat over the service; its address."""
    home = browser.site.home
    command = [str(CHAINLIT), "-m", "qianxun", "--json", "chat", "--service", browser.site.url, "--port", "0"]
    environment = {**os.environ, "QIANXUN_HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=home, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def chat(browser: Browser) -> None:
    """An answer with what was found for it, and the passage that its first number opens."""
    browser.appear("zh", width=1200, height=760)
    with chatting(browser) as address:
        browser.driver.get(f"{address}sign-in")
        browser.one("#key").send_keys(browser.site.key)
        browser.leave(lambda: browser.one("button").click())
        browser.until(lambda: browser.one("#chat-input").is_displayed(), "the chat")
        browser.one("#chat-input").click()
        browser.press(*"差旅住宿标准是多少？", "\ue007")
        # A conversation that has begun gets an address of its own, which closes what is open beside it.
        browser.until(lambda: "/thread/" in browser.driver.current_url, "the conversation")
        browser.one("a.element-link").click()
        browser.one("#side-view-content blockquote")
        # The panel slides in, and nothing says when it is there.
        time.sleep(1)
        browser.picture(FOLDER / "chat-zh.png")


PICTURES = (search, narrowed, viewer, phone, library, splitting, quality, chat)


def main() -> int:
    """Makes all of them, or those that are named; 1 where there is no browser, or no Chainlit for the chat."""
    known = {make.__name__: make for make in PICTURES}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    names = parser.parse_args().names
    if unknown := sorted({*names} - {*known}):
        parser.error(f"no picture is called {unknown[0]!r}")
    wanted = [known[name] for name in names or known]
    why = missing()
    if not why and chat in wanted and not CHAINLIT.exists():
        why = f"{CHAINLIT} is not there (make test-chat makes it)"
    if why:
        print(f"No pictures were made: {why}.")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home, profile = Path(folder) / "home", Path(folder) / "profile"
        home.mkdir()
        filled(home)
        with serving(home) as site, browsing(site, profile) as browser:
            for make in wanted:
                make(browser)
                browser.forget()
    for file in sorted(FOLDER.glob("*.png")):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
