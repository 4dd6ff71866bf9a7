"""Rows: how long after the generator wrote the first piece of an answer it can be read in the chat, in Chromium.

A scripted generator writes some thirty tokens a second and notes when it writes the first. The page notes when that
text is in the document, and when it is on screen. Beside it, in the same run: a client of the service's event stream,
which is what the chat is, too; the difference is what Chainlit and the page cost. Each question has a conversation of
its own. Some answers begin as a sentence might that says that there is no answer ("文档中…", "The
documents …"): of these nothing is shown before it is clear that they do not; they are counted by themselves.

    python -m bench.first_token [--questions 40] [--save]

Needs the extra `chat`, selenium, Debian's chromium and chromium-driver.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import qianxun
from bench.pages import figure_at, percentile
from bench.rows import ROOT, Row, in_words, number, save
from qianxun import TextItem
from qianxun.chat import is_installed
from qianxun.settings import load_settings
from qianxun.testing import Reply, Request, ScriptedServer
from qianxun.testing.reply import tokens_of

sys.path.insert(0, str(ROOT / "tests"))

from web_browser import CHROMIUM, DRIVER, Browser, browsing, serving

TARGET_MS: Final = 150.0
BETWEEN_SECONDS: Final = 0.03
LIKE_A_REFUSAL: Final = "begins like a refusal"
_WARM_UP: Final = 2
_WAIT_SECONDS: Final = 60.0
_SCRIPT: Final = Path(__file__).with_name("first_token.js")
_ENTER: Final = "\ue007"
_SELF_TEST: Final = "2 + 3"
_SETTINGS: Final = """\
generator.url = "{url}"
answer.cache = 0
answer.hopeless = 0.0
answer.clarify = false
"""
# What the documents say, what is asked, and two answers: the second begins as one might that there is none. No answer
# begins as its question does, so that the page can tell them apart by their first piece.
_TALKS: Final = {
    "zh": (
        (
            "工作满五年的员工每年有十天带薪年休假。",
            "工作满五年的员工每年有几天带薪年休假？",
            "满五年的员工每年有十天带薪年休假[1]。其余照制度办理[1]。",
            "文档中写明，工作满五年的员工每年有十天带薪年休假[1]。",
        ),
        (
            "流量计上游的直管段长度应不小于管径的十倍。",
            "流量计上游的直管段要多长？",
            "上游直管段的长度应不小于管径的十倍[1]。安装前请复核[1]。",
            "资料里说，上游直管段的长度应不小于管径的十倍[1]。",
        ),
    ),
    "traditional": (
        (
            "加班須事先申請，經主管核准後方可報支加班費。",
            "加班費要怎麼申請？",
            "須事先申請，經主管核准後方可報支加班費[1]。其餘照規定辦理[1]。",
            "文檔中寫明，加班須事先申請，經主管核准後方可報支[1]。",
        ),
        (
            "出差期間每天餐補一百二十元，憑行程單發放。",
            "出差期間每天餐補多少？",
            "每天餐補一百二十元[1]。憑行程單發放[1]。",
            "這些資料說，出差期間每天餐補一百二十元[1]。",
        ),
    ),
    "en": (
        (
            "Employees may work remotely for two days a week, if their manager agrees.",
            "How many days a week may employees work remotely?",
            "Employees may work remotely for two days a week [1]. Their manager has to agree [1].",
            "The documents say that employees may work remotely for two days a week [1].",
        ),
        (
            "The warranty of the level sensor lasts 24 months from delivery.",
            "How long is the warranty of the level sensor?",
            "It lasts 24 months from delivery [1]. Ask the seller for the rest [1].",
            "The passages say that the warranty lasts 24 months from delivery [1].",
        ),
    ),
    "mixed": (
        (
            "Inkstone API 每分钟最多接受 60 次 request，超出返回 429。",
            "Inkstone API 的 rate limit 是多少？",
            "Rate limit 是每分钟 60 次 request [1]。超出返回 429 [1]。",
            "资料 (source) 说 rate limit 是每分钟 60 次 request [1]。",
        ),
        (
            "VPN 的 certificate 每 90 天更换一次，由 IT 服务台签发。",
            "VPN certificate 多久换一次？",
            "Certificate 每 90 天更换一次 [1]。由 IT 服务台签发 [1]。",
            "文档 (wiki) 写明 certificate 每 90 天更换一次 [1]。",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Script:
    """A question, the answer that the generator is to write, and what it is counted as."""

    kind: str
    question: str
    answer: str

    @property
    def start(self) -> str:
        """Its first piece."""
        return next(token for token in tokens_of(self.answer) if token.strip()).strip()


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds after the generator's first piece: in the page's document, on screen, at a client of the stream."""

    kind: str
    there: float
    painted: float
    stream: float


def scripts(n: int) -> list[Script]:
    """n questions: Chinese, traditional, English and mixed in turn, one in four answered like a refusal."""
    found = []
    for i, kind in enumerate(islice(cycle(_TALKS), n)):
        round, talks = i // len(_TALKS), _TALKS[kind]
        _, question, answer, like_a_refusal = talks[round % len(talks)]
        usual = round % 4 != 3
        found.append(Script(kind if usual else LIKE_A_REFUSAL, question, answer if usual else like_a_refusal))
    return found


def talked_of(home: Path) -> None:
    """A home whose knowledge base holds the documents that are asked about."""
    texts = [text for talks in _TALKS.values() for text, *_ in talks]
    with qianxun.open(home / "kb" / "default", settings=load_settings(overrides=[f"home={home}"])) as kb:
        kb.add_texts([TextItem(f"{n}.md", f"{n}", text) for n, text in enumerate(texts, 1)], labels=["public"])


class Generator:
    """The script of the generator: it passes the self-test, then says the answer that is set, and notes who asked."""

    def __init__(self) -> None:
        self.answer = ""
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        """The answer."""
        if _SELF_TEST in str(request.body["messages"][-1]["content"]):
            return Reply("5")
        self.asked.append(request)
        return Reply(self.answer, first_seconds=0.1, between_seconds=BETWEEN_SECONDS)

    def told(self, ask: Callable[[], float], answer: str) -> tuple[float, float]:
        """What asking gives, and when the first piece was written, both in seconds; waits for the end."""
        self.answer = answer
        self.asked.clear()
        seen = ask()
        if len(self.asked) != 1:
            raise SystemExit(f"The generator was asked {len(self.asked)} times, not once, for: {answer}")
        (request,) = self.asked
        if not request.wait(_WAIT_SECONDS):
            raise SystemExit("The generator did not come to its end.")
        return seen, request.first_delta


class Chat:
    """The chat's page, in a browser that is signed in, and a client of the service beside it."""

    def __init__(self, browser: Browser, base: str = "default") -> None:
        import httpx

        self._browser = browser
        self._base = f"/api/v1/bases/{base}/conversations"
        headers = {"Authorization": f"Bearer {browser.site.key}"}
        self._http = httpx.Client(base_url=browser.site.url, headers=headers, trust_env=False, timeout=_WAIT_SECONDS)
        browser.driver.set_script_timeout(_WAIT_SECONDS)
        browser.sign_in(browser.site.key)

    def close(self) -> None:
        """Lets go of the connection."""
        self._http.close()

    def ask(self, script: Script) -> list[float]:
        """Asks in a new conversation: when the first piece is in the document, and when on screen; since 1970."""
        self._browser.open("/chat/")
        field = self._browser.one("#chat-input")
        # It takes questions once its connection stands.
        self._browser.until(lambda: self._browser.all("#chat-submit, #chat-input[contenteditable=true]"), "the field")
        time.sleep(1.0)
        self._browser.run(_SCRIPT.read_text(encoding="utf-8"))
        self._browser.run("bench.begin(arguments[0])", script.start)
        field.click()
        field.send_keys(script.question)
        time.sleep(0.2)
        field.send_keys(_ENTER)
        found: list[float] = self._browser.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; bench.taken.then(done);"
        )
        return [one / 1000 for one in found]

    def listen(self, script: Script) -> float:
        """Asks by HTTP in a new conversation: when the first text has come, since 1970."""
        from qianxun.client.connection import EventReader

        token = self._http.post(self._base, json={"title": script.question}).raise_for_status().json()["token"]
        asked = {"question": script.question, "stream": True}
        reader, first = EventReader(), 0.0
        with self._http.stream("POST", f"{self._base}/{token}/ask", json=asked) as reply:
            for piece in reply.iter_bytes():
                for event in reader.feed(piece):
                    if not first and event.data.get("event") == "text":
                        first = time.time()
        return first


def measured(n: int) -> list[Taken]:
    """All questions, by page and by stream in turn."""
    generator = Generator()
    found: list[Taken] = []
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(generator) as model:
        home = Path(folder) / "home"
        home.mkdir()
        talked_of(home)
        (home / "qianxun.toml").write_text(_SETTINGS.format(url=model.url), encoding="utf-8")
        with serving(home) as site, browsing(site, Path(folder) / "profile", watched=False) as browser:
            chat = Chat(browser)
            try:
                for script in scripts(n + _WARM_UP):
                    found.append(_taken(chat, generator, script))
            finally:
                chat.close()
    return found[_WARM_UP:]


def _taken(chat: Chat, generator: Generator, script: Script) -> Taken:
    seen: list[float] = []

    def ask() -> float:
        seen.extend(chat.ask(script))
        return seen[0]

    there, written = generator.told(ask, script.answer)
    streamed, written_again = generator.told(lambda: chat.listen(script), script.answer)
    return Taken(script.kind, 1000 * (there - written), 1000 * (seen[1] - written), 1000 * (streamed - written_again))


def rows(taken: Sequence[Taken]) -> Iterator[Row]:
    """Percentiles, of answers that do not begin like a refusal, beside the stream."""
    usual = [one for one in taken if one.kind != LIKE_A_REFUSAL]
    for name, share, target in (("p50", 0.5, None), ("p95", 0.95, TARGET_MS), ("max", 1.0, None)):
        yield Row(
            name=f"chat-first-token-{name}",
            what=f"the generator's first token to the chat's on screen, {name}",
            unit="ms",
            ours=figure_at([one.painted for one in usual], share),
            target=target,
            peers={"a client of the service's stream": figure_at([one.stream for one in usual], share)},
            command="python -m bench.first_token",
            data=f"eight documents, {len(usual)} questions, {1 / BETWEEN_SECONDS:.0f} tokens a second",
        )


def told(taken: Sequence[Taken]) -> str:
    """The table, for people."""
    lines = ["| ms after the generator's first token | n | p50 | p95 | max | ≤ 150 |", "|---|---|---|---|---|---|"]
    kinds = [*dict.fromkeys(one.kind for one in taken if one.kind != LIKE_A_REFUSAL), "all of these", LIKE_A_REFUSAL]
    values: Sequence[tuple[str, Callable[[Taken], Any]]] = (
        ("service's stream", lambda one: one.stream),
        ("in the page", lambda one: one.there),
        ("on screen", lambda one: one.painted),
    )
    for kind in kinds:
        of_it = [one for one in taken if kind == one.kind or (kind == "all of these" and one.kind != LIKE_A_REFUSAL)]
        for what, value in values if of_it else ():
            samples = [value(one) for one in of_it]
            figures = " | ".join(number(percentile(samples, share)) for share in (0.5, 0.95, 1.0))
            share = sum(one <= TARGET_MS for one in samples) / len(samples)
            lines.append(f"| {kind}: {what} | {len(samples)} | {figures} | {share:.0%} |")
    return "\n".join(lines)


def main() -> int:
    """The command; 1 where the target is missed, 2 where something is not installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--save", action="store_true", help="append to bench/results, then `python -m bench.table`")
    given = parser.parse_args()
    if not CHROMIUM or not DRIVER or not is_installed():
        print("Debian's chromium and chromium-driver, or the extra `chat`, are not installed.")
        return 2
    taken = measured(given.questions)
    print(told(taken), end="\n\n")
    found = list(rows(taken))
    for row in found:
        print(in_words(row.as_record()), flush=True)
    if given.save:
        save(found)
    return 1 if any(row.met() is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
