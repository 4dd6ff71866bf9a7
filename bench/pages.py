"""Rows: from the end of typing to the first result on screen, in Chromium before a real service; and what pages weigh.

Questions are typed as people type: letter by letter, Chinese by an input method, with pauses in which what is there so
far is asked. Times are taken in the page: the end of typing is the last event of a key, of the input method or of the
field; a result is on screen with the first frame after it is in the document under the address of that question. Beside
it, in the same run: the same questions asked of the API, the same part of the page fetched without a browser, and the
page of an empty field, which waits for the same pause and searches nothing.

    python -m bench.pages [--chunks 100000] [--questions 64] [--loads 5] [--save]

Needs Debian's chromium, chromium-driver and fonts-noto-cjk, and selenium.
"""

import argparse
import json
import math
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bench import corpus
from bench.rows import ROOT, Figure, Row, in_words, number, save
from bench.serving import qianxun_serving
from qianxun.text import has_cjk

sys.path.insert(0, str(ROOT / "tests"))

from web_browser import CHROMIUM, DRIVER, Browser, Site, browsing, filled, serving

K: Final = 10
TARGET_MS: Final = 300.0
TARGET_KB: Final = 100.0
WARM_UP: Final = 4
# What is in it is the document's own: A4 at 150 dpi.
PICTURE: Final = "viewer, a page of a PDF"
_SCRIPT: Final = Path(__file__).with_name("pages.js")
_WAIT_SECONDS: Final = 60.0
# The last of a question is typed; what is before it is there at once.
_TYPED_CHARS: Final = 12
_LETTERS: Final = re.compile(r"[A-Za-z]{3}")
# Letters of a syllable or two, as an input method shows them until they are a word.
_SYLLABLES: Final = "qian"


@dataclass(frozen=True, slots=True)
class Question:
    """What is typed, and what it is written in: "zh", "traditional", "en", "mixed"."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """What somebody typing does after a pause: `key`, `compose` (the letters so far) or `commit` (the word)."""

    what: str
    text: str
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """What one question took, in milliseconds. `parts` add up to `all`; `answer` is None where there was no box."""

    kind: str
    all: float
    parts: Mapping[str, float]
    requests: int
    answer: float | None
    empty: float
    api: float
    part: float


@dataclass(frozen=True, slots=True)
class Load:
    """A page loaded with nothing kept: requests, bytes as they were sent, milliseconds to the first text on screen."""

    page: str
    requests: int
    n_bytes: int
    first_paint_ms: float


# -- pure parts ------------------------------------------------------------------------------------------


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that so large a share (0 to 1) does not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def interval(samples: Sequence[float], share: float, *, draws: int = 2000) -> tuple[float, float]:
    """Where the percentile lies in 95 of 100 drawings of as many samples."""
    chance = random.Random(1)
    found = sorted(percentile(chance.choices(samples, k=len(samples)), share) for _ in range(draws))
    return found[int(0.025 * draws)], found[int(0.975 * draws) - 1]


def figure_at(samples: Sequence[float], share: float) -> Figure:
    """The percentile as a figure; its range is its 95 % interval."""
    return Figure(percentile(samples, share), *interval(samples, share), len(samples))


def strokes(text: str, chance: random.Random) -> list[Stroke]:
    """How a text is typed: some ten keys a second, Chinese two characters at a time."""

    def pause() -> float:
        return min(0.6, max(0.03, chance.lognormvariate(math.log(0.1), 0.5)))

    before, rest = text[:-_TYPED_CHARS], text[-_TYPED_CHARS:]
    found = [Stroke("commit", before, pause())] if before else []
    while rest:
        n = 2 if has_cjk(rest[:2]) and all(map(has_cjk, rest[:2])) else 1
        piece, rest = rest[:n], rest[n:]
        if has_cjk(piece):
            found += [Stroke("compose", _SYLLABLES[: i + 1], pause()) for i in range(len(_SYLLABLES))]
            found.append(Stroke("commit", piece, pause()))
        else:
            found.append(Stroke("key" if piece.isascii() else "commit", piece, pause()))
    return found


def kind_of(text: str) -> str:
    """What a question is written in; "" where that cannot be said."""
    if not has_cjk(text):
        return "en" if _LETTERS.search(text) else ""
    return "mixed" if _LETTERS.search(text) else "zh"


def in_turn(found: Mapping[str, Sequence[str]], n: int) -> list[Question]:
    """n questions, one of each kind in turn, none twice; a kind that has no more is left out."""
    left = {kind: iter(dict.fromkeys(texts)) for kind, texts in found.items()}
    out: list[Question] = []
    while left and len(out) < n:
        for kind in list(left):
            text = next(left[kind], None)
            if text is None:
                del left[kind]
            elif len(out) < n:
                out.append(Question(kind, text))
    return out


def is_typed(text: str) -> bool:
    """Whether somebody might type this as it is: one line of some length, nothing but one blank at a time."""
    return 4 <= len(text) <= 80 and text == " ".join(text.split())


# -- what is asked ---------------------------------------------------------------------------------------


def questions(n: int, chunks: int) -> list[Question]:
    """Questions on the training text, Chinese and mixed; traditional and English ones of the development sets."""
    found: dict[str, list[str]] = {"zh": [], "traditional": [], "en": [], "mixed": []}
    for text in filter(is_typed, corpus.questions(40 * n, chunks)):
        kind = kind_of(text)
        if kind in ("zh", "mixed"):
            found[kind].append(text)
    development = corpus.shared() / "data" / "dev"
    for kind, name in (("traditional", "drcd-zht"), ("en", "xquad-en-to-zh")):
        found[kind] = _evenly(development / name / "queries.jsonl.gz", 4 * n)
    return in_turn(found, n)


def _evenly(path: Path, n: int) -> list[str]:
    """n questions of a set, evenly spread; none where it is not there."""
    if not path.exists():
        return []
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [text for line in lines if is_typed(text := json.loads(line)["text"])]
    return texts[:: max(1, len(texts) // n)]


# -- in the browser --------------------------------------------------------------------------------------


class Search:
    """The search page of a service over one knowledge base, in a browser that is signed in."""

    def __init__(self, browser: Browser, base: str, seed: int = 1) -> None:
        import httpx

        self.browser, self.base = browser, base
        self._chance = random.Random(seed)
        browser.driver.set_script_timeout(_WAIT_SECONDS)
        browser.sign_in(browser.site.key)
        browser.open("/")
        browser.run(_SCRIPT.read_text(encoding="utf-8"))
        browser.run("document.getElementById('q').focus()")
        cookie = browser.driver.get_cookie("qianxun_session")["value"]
        self._http = httpx.Client(base_url=browser.site.url, trust_env=False, timeout=_WAIT_SECONDS)
        self._as_api = {"Authorization": f"Bearer {browser.site.key}"}
        self._as_page = {"X-Qianxun-Part": "results", "Cookie": f"qianxun_session={cookie}"}

    def close(self) -> None:
        """Lets go of the connection."""
        self._http.close()

    def ask(self, question: Question) -> Taken:
        """Types a question, waits for its first result and its answer; empties the field; asks the same by HTTP."""
        self.browser.run("bench.begin(arguments[0], '.hit')", question.text)
        for stroke in strokes(question.text, self._chance):
            self._do(stroke)
        seen = self._taken()
        answered = self.browser.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; bench.answered().then(done);"
        )
        self.browser.run("bench.begin('', '.empty')")
        self._clear()
        empty = self._taken()
        return Taken(
            question.kind,
            seen["shown"] - seen["typed"],
            {
                "pause": seen["asked"] - seen["typed"],
                "service": seen["first"] - seen["asked"],
                "transfer": seen["came"] - seen["first"],
                "into the document": seen["there"] - seen["came"],
                "layout and paint": seen["shown"] - seen["there"],
            },
            seen["requests"],
            None if answered is None else answered - seen["typed"],
            empty["shown"] - empty["typed"],
            self._timed(lambda: self._by_api(question.text)),
            self._timed(lambda: self._by_page(question.text)),
        )

    def _taken(self) -> dict[str, float]:
        found: dict[str, float] = self.browser.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; bench.taken.then(done);"
        )
        return found

    def _do(self, stroke: Stroke) -> None:
        time.sleep(stroke.pause_seconds)
        command = self.browser.driver.execute_cdp_cmd
        if stroke.what == "key":
            command("Input.dispatchKeyEvent", {"type": "keyDown", "text": stroke.text, "key": stroke.text})
            command("Input.dispatchKeyEvent", {"type": "keyUp", "key": stroke.text})
        elif stroke.what == "compose":
            at = len(stroke.text)
            command("Input.imeSetComposition", {"text": stroke.text, "selectionStart": at, "selectionEnd": at})
        else:
            command("Input.insertText", {"text": stroke.text})

    def _clear(self) -> None:
        self.browser.run("document.getElementById('q').select()")
        key = {"key": "Backspace", "code": "Backspace", "windowsVirtualKeyCode": 8}
        for kind in ("rawKeyDown", "keyUp"):
            self.browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, **key})

    def _timed(self, ask: Callable[[], None]) -> float:
        begun = time.perf_counter()
        ask()
        return 1000 * (time.perf_counter() - begun)

    def _by_api(self, text: str) -> None:
        address = f"/api/v1/bases/{quote(self.base)}/search"
        self._http.post(address, json={"query": text, "k": K}, headers=self._as_api).raise_for_status()

    def _by_page(self, text: str) -> None:
        self._http.get("/", params={"q": text}, headers=self._as_page).raise_for_status()


def loads(browser: Browser, paths: Mapping[str, str], times: int) -> list[Load]:
    """Each page, loaded so many times with an empty cache."""
    found = []
    for name, path in paths.items():
        for _ in range(times):
            browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
            browser.open(path)
            browser.until(lambda: not browser.all("[data-load][aria-busy]"), "the answer")
            browser.until(lambda: browser.run(_PAINTED), "the first paint")
            requests, n_bytes, paint = browser.run(_WEIGHED)
            found.append(Load(name, requests, n_bytes, paint))
    return found


_PAINTED: Final = "return performance.getEntriesByName('first-contentful-paint').length > 0"
_WEIGHED: Final = """
const parts = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
return [parts.length, parts.reduce((sum, one) => sum + one.transferSize, 0),
  performance.getEntriesByName("first-contentful-paint")[0].startTime];
"""


# -- rows ------------------------------------------------------------------------------------------------


def measured(chunks: int, n: int, n_loads: int) -> tuple[list[Taken], list[Load]]:
    """All of it; the first `WARM_UP` questions are asked of a service that has just started."""
    asked = questions(n + WARM_UP, chunks)
    with tempfile.TemporaryDirectory() as folder:
        # A copy: asking for answers may write into it.
        base = Path(folder) / "kb"
        shutil.copytree(corpus.knowledge_base(chunks), base)
        with qianxun_serving(base, workers=1, nothing=False) as (_, port, key):
            site = Site(f"http://127.0.0.1:{port}", key, Path(folder))
            with browsing(site, Path(folder) / "profile", watched=False) as browser:
                search = Search(browser, base.name)
                try:
                    taken = [search.ask(question) for question in asked]
                finally:
                    search.close()
                paths = {f"search, {chunks:,} chunks": "/", "what was found": f"/?q={quote(asked[0].text)}"}
                paths |= {"library": "/library", f"a knowledge base, {chunks:,} documents": f"/library/{base.name}"}
                weighed = loads(browser, paths, n_loads)
        home = Path(folder) / "samples"
        home.mkdir()
        filled(home)
        with serving(home) as site, browsing(site, home / "profile", watched=False) as browser:
            weighed += loads(browser, _of_samples(browser), n_loads)
    return taken, weighed


def _of_samples(browser: Browser) -> dict[str, str]:
    """Pages of the sample documents."""

    def first_of(path: str) -> str:
        browser.open(path)
        address: str = browser.one(".hit h2 a").get_attribute("href")
        return address.removeprefix(browser.site.url)

    return {
        "viewer, text": first_of("/?q=" + quote("差旅住宿标准")),
        PICTURE: first_of("/?format=pdf&q=" + quote("流量计 安装")),
        "sign in": "/sign-in",
    }


def rows(taken: Sequence[Taken], weighed: Sequence[Load], chunks: int) -> Iterator[Row]:
    """Percentiles of the first result with their limits; the heaviest page."""
    command = f"python -m bench.pages --chunks {chunks}"
    data = f"{corpus.described(chunks)}, {len(taken)} questions, k={K}, hybrid; p95 with its 95 % interval"
    everything = [one.all for one in taken]
    beside = {
        "the API, same questions": [one.api for one in taken],
        "the same part of the page by HTTP": [one.part for one in taken],
        "an empty page, same pause": [one.empty for one in taken],
    }
    for name, share, target in (("p50", 0.5, None), ("p95", 0.95, TARGET_MS), ("max", 1.0, None)):
        yield Row(
            name=f"pages-{chunks}-first-result-{name}",
            what=f"end of typing to the first result on screen, {chunks:,} chunks, {name}",
            unit="ms",
            ours=figure_at(everything, share),
            target=target,
            peers={who: figure_at(samples, share) for who, samples in beside.items()},
            command=command,
            data=data,
            notes={"share within target": within(everything), "parts": parts(taken)},
        )
    heaviest = max((one for one in weighed if one.page != PICTURE), key=lambda one: one.n_bytes)
    same = [one for one in weighed if one.page == heaviest.page]
    yield Row(
        name="pages-weight",
        what=f"the heaviest page with an empty cache ({heaviest.page}, {heaviest.requests} requests)",
        unit="kB",
        ours=Figure.of([one.n_bytes / 1000 for one in same]),
        target=TARGET_KB,
        command=command,
        data="not among them: the picture of a PDF's page, and the chat's page, which is Chainlit's",
    )
    yield Row(
        name="pages-first-paint",
        what="first text on screen with an empty cache, the slowest page",
        unit="ms",
        ours=Figure.of(_slowest(weighed)),
        command=command,
        data=f"{len(weighed)} loads",
    )


def within(samples: Sequence[float]) -> float:
    """The share of samples that reach the target."""
    return sum(one <= TARGET_MS for one in samples) / len(samples)


def parts(taken: Sequence[Taken]) -> dict[str, float]:
    """The median of each part of the way, and of what is beside it."""
    found = {name: percentile([one.parts[name] for one in taken], 0.5) for name in taken[0].parts}
    answers = [one.answer for one in taken if one.answer is not None]
    return found | ({"the answer box, from the end of typing": percentile(answers, 0.5)} if answers else {})


def _slowest(weighed: Sequence[Load]) -> list[float]:
    by_page: dict[str, list[float]] = {}
    for one in weighed:
        by_page.setdefault(one.page, []).append(one.first_paint_ms)
    return max(by_page.values(), key=lambda samples: percentile(samples, 0.5))


def told(taken: Sequence[Taken], weighed: Sequence[Load]) -> str:
    """The tables, for people."""
    lines = ["| questions | n | p50 | p95 | max | within 300 ms | API p50 | API p95 |", "|---" * 8 + "|"]
    for kind in [*dict.fromkeys(one.kind for one in taken), "all"]:
        of_it = [one for one in taken if kind in (one.kind, "all")]
        samples, api = [one.all for one in of_it], [one.api for one in of_it]
        figures = [percentile(samples, share) for share in (0.5, 0.95, 1.0)]
        cells = [kind, str(len(of_it)), *map(number, figures), f"{within(samples):.1%}"]
        lines.append(f"| {' | '.join([*cells, *(number(percentile(api, share)) for share in (0.5, 0.95))])} |")
    lines += ["", "| part of the way, ms | p50 | p95 |", "|---|---|---|"]
    for name in taken[0].parts:
        samples = [one.parts[name] for one in taken]
        lines.append(f"| {name} | {number(percentile(samples, 0.5))} | {number(percentile(samples, 0.95))} |")
    beside: list[tuple[str, list[float]]] = [
        ("(the API, same question)", [one.api for one in taken]),
        ("(the same part by HTTP)", [one.part for one in taken]),
        ("(an empty page, same pause)", [one.empty for one in taken]),
        ("(the answer box)", [one.answer for one in taken if one.answer is not None]),
    ]
    for name, samples in beside:
        if samples:
            lines.append(f"| {name} | {number(percentile(samples, 0.5))} | {number(percentile(samples, 0.95))} |")
    lines.append(f"\nRequests for each question, with those that were overtaken: {_mean(taken):.1f}")
    lines += ["", "| page, empty cache | requests | kB | first paint, ms |", "|---|---|---|---|"]
    for page in dict.fromkeys(one.page for one in weighed):
        same = [one for one in weighed if one.page == page]
        paint = percentile([one.first_paint_ms for one in same], 0.5)
        lines.append(f"| {page} | {same[-1].requests} | {number(same[-1].n_bytes / 1000)} | {number(paint)} |")
    return "\n".join(lines)


def _mean(taken: Sequence[Taken]) -> float:
    return sum(one.requests for one in taken) / len(taken)


def main() -> int:
    """The command; 1 where a target is missed, 2 where there is no browser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=corpus.N_PASSAGES)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--loads", type=int, default=5, help="times that each page is loaded")
    parser.add_argument("--save", action="store_true", help="append to bench/results, then `python -m bench.table`")
    given = parser.parse_args()
    if not CHROMIUM or not DRIVER:
        print("Debian's chromium and chromium-driver are not installed.")
        return 2
    taken, weighed = measured(given.chunks, given.questions, given.loads)
    first, taken = taken[0], taken[WARM_UP:]
    print(told(taken, weighed), end="\n\n")
    print(f"The first question after the start of the service: {number(first.all)} ms", end="\n\n")
    found = list(rows(taken, weighed, given.chunks))
    for row in found:
        print(in_words(row.as_record()), flush=True)
    if given.save:
        save(found)
    return 1 if any(row.met() is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
