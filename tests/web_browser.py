"""A real `qianxun serve` with the sample documents, and a real Chromium in front of it, for tests and for pictures.

Whatever the browser does is held against three rules, however it was brought to it: no request goes to another host, no
content-security policy is violated, no script fails.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import qianxun
from qianxun import TextItem
from qianxun.settings import load_settings

Found = TypeVar("Found")

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or ""
DRIVER: Final = shutil.which("chromedriver") or ""
SAMPLES: Final = Path(str(resources.files("qianxun.samples"))) / "documents"
# What a document may try: it must be text wherever it is shown.
EVIL: Final = '<script>document.title="taken"</script><img src="https://evil.example/x.png" onerror="alert(1)">'
SECONDS: Final = 30.0


def missing() -> str:
    """Why there is no browser here; "" if there is one."""
    if not CHROMIUM or not DRIVER:
        return "Debian's chromium and chromium-driver are not installed"
    try:
        import selenium  # noqa: F401
        import selenium_axe_python  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed"
    return ""


@dataclass(frozen=True, slots=True)
class Site:
    """A service: where it is, the administrator's key, its home."""

    url: str
    key: str
    home: Path


def filled(home: Path) -> None:
    """A home whose knowledge base holds the sample documents, and one that means harm."""
    settings = load_settings(overrides=[f"home={home}"])
    with qianxun.open(home / "kb" / "default", settings=settings) as kb:
        # By names of their own: pictures show no folder of the machine that they were made on.
        files = {path.relative_to(SAMPLES).as_posix(): path for path in SAMPLES.rglob("*.*")}
        kb.add_handed(files, labels=["public"])
        kb.add_texts([TextItem(f"{EVIL}.md", EVIL, f"# {EVIL}\n\n注入测试 injection {EVIL}\n")], labels=["public"])


@contextlib.contextmanager
def serving(home: Path, port: int = 0, **settings: str) -> Iterator[Site]:
    """`qianxun serve` of a home, on a port, 0 for any; settings as variables name them: ENCODER__NAME="hash"."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QIANXUN_")}
    environment |= {
        "QIANXUN_HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    environment |= {f"QIANXUN_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "qianxun", "--json", "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=home, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Site(told["url"], told["key"] or "", home)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]


class Browser:
    """Chromium without a window. `site` is the service that it may speak to, and no other host.

    What it asks for and says is noted for `faults`, unless it is not `watched`: that takes time of its own.
    """

    def __init__(self, site: Site, profile: Path, *, watched: bool = True) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (
            "--headless=new",
            "--no-sandbox",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--force-device-scale-factor=1",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        if watched:
            options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.site = site
        self.driver = webdriver.Chrome(options, Service(DRIVER))
        self.requests = 0
        self.appear()

    # -- how it looks at pages -----------------------------------------------------------------------

    def appear(self, language: str = "en", *, dark: bool = False, width: int = 1100, height: int = 900) -> None:
        """What pages are told of the reader: language, theme, and the size of the window in pixels."""
        command = self.driver.execute_cdp_cmd
        agent = self.driver.execute_script("return navigator.userAgent")
        wish = "zh-CN,zh;q=0.9" if language == "zh" else "en-GB,en;q=0.9"
        command("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": wish})
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        command("Emulation.setEmulatedMedia", {"features": [theme, still]})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        command("Emulation.setDeviceMetricsOverride", size)

    def forget(self) -> None:
        """Signs out and forgets what the reader chose."""
        self.driver.delete_all_cookies()

    def scripts(self, allowed: bool) -> None:
        """Whether pages may run scripts."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    # -- what it does --------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """Goes to a page of the service."""
        self.driver.get(self.site.url + path)

    def all(self, selector: str) -> list[Any]:
        """The elements of a CSS selector."""
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def one(self, selector: str) -> Any:
        """The first of these elements, waited for."""
        return self.until(lambda: next(iter(self.all(selector)), None), selector)

    def text(self, selector: str) -> str:
        """What the first of these elements shows."""
        return self.until(lambda: [str(one.text) for one in self.all(selector)[:1]], selector)[0]

    def until(self, look: Callable[[], Found], what: str = "") -> Found:
        """What `look` gives, once it is true. Elements may change under its eyes."""
        from selenium.common.exceptions import StaleElementReferenceException, WebDriverException

        end = time.monotonic() + SECONDS
        while True:
            try:
                found = look()
                if found:
                    return found
            except WebDriverException as error:
                # The driver says it in its own words too, where the page is another one in between.
                gone = "does not belong to the document" in str(error)
                if not gone and not isinstance(error, StaleElementReferenceException):
                    raise
            assert time.monotonic() < end, (
                f"not within {SECONDS:g} seconds: {what or look}; at {self.driver.current_url}"
            )
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        """Keys, pressed wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def leave(self, act: Callable[[], None]) -> None:
        """Does what leads to another page, and waits for it."""
        loaded = "return document.readyState === 'complete' ? performance.timeOrigin : 0"
        before = self.run(loaded)
        act()
        self.until(lambda: self.run(loaded) not in (0, before), "another page")

    def settle(self) -> None:
        """Waits for an answer, which comes after the passages and moves them: a click would go to what was there."""
        self.until(lambda: not self.all("[data-load][aria-busy], [data-load][data-moved]"), "the answer")

    def run(self, script: str, *given: Any) -> Any:
        """What a script returns on the page."""
        return self.driver.execute_script(script, *given)

    def in_sight(self, selector: str) -> bool:
        """Whether the first of these elements is in the window."""
        return bool(
            self.run(
                "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
                "return b.height > 0 && b.bottom > 0 && b.top < innerHeight && b.right > 0 && b.left < innerWidth;",
                selector,
            )
        )

    def rows(self, selector: str = "table.documents tbody tr") -> list[str]:
        """What each row of a table shows, on one line."""
        return [" ".join(text.split()) for text in self.until(lambda: texts(self.all(selector)), selector)]

    def choose(self, *names: str) -> None:
        """Presses the button or follows the link that shows one of these names, and waits for the next page."""
        (one, *_) = self.until(
            lambda: [one for one in self.all("main button, main a") if one.text in names], " or ".join(names)
        )
        self.leave(one.click)

    def sign_in(self, key: str) -> None:
        """Signs in with a key, as people do."""
        self.open("/sign-in")
        self.one("#key").send_keys(key)
        self.leave(lambda: self.one("form.card button").click())

    # -- what is held against rules --------------------------------------------------------------------

    def faults(self) -> list[str]:
        """What went against the rules since this was asked last."""
        ours = urlsplit(self.site.url).netloc
        found: list[str] = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] not in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                continue
            address = message["params"].get("url") or message["params"]["request"]["url"]
            self.requests += 1
            parts = urlsplit(address)
            if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != ours:
                found.append(f"request to another host: {address}")
        for entry in self.driver.get_log("browser"):
            line = entry["message"]
            if (
                "Content Security Policy" in line
                or "Content-Security-Policy" in line
                or entry["source"] == "javascript"
            ):
                found.append(line)
        return found

    def audit(self) -> list[str]:
        """What axe finds on the page that is serious or critical, a line for each element."""
        source = resources.files("selenium_axe_python") / "axe-core" / "axe.min.js"
        self.run(source.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations'], preload: false})"
            ".then((result) => done(result.violations),"
            " (error) => done([{impact: 'critical', id: String(error), nodes: []}]));"
        )
        return [
            f"{one['id']} at {self.driver.current_url}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"] or [{"html": ""}]
        ]

    def is_wider_than_the_window(self) -> bool:
        """Whether one has to scroll sideways."""
        return bool(self.run("return document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def picture(self, path: Path, colours: int = 64) -> None:
        """The window as a small PNG."""
        import io

        from PIL import Image

        image = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        image.quantize(colours).save(path, optimize=True)

    def close(self) -> None:
        """Ends it."""
        self.driver.quit()


@contextlib.contextmanager
def browsing(site: Site, profile: Path, *, watched: bool = True) -> Iterator[Browser]:
    """A browser for a while."""
    browser = Browser(site, profile, watched=watched)
    try:
        yield browser
    finally:
        browser.close()


def texts(elements: Sequence[Any]) -> list[str]:
    """What elements show."""
    return [str(one.text) for one in elements]
