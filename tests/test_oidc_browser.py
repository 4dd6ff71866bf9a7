"""Signing in with an identity provider in a real browser: the button, the provider's own page, and out again.

The pages are as strict as ever on the way: no content-security policy is violated, no script fails, and nothing but
the provider is asked beside the service.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from oidc_provider import CLIENT, OidcProvider, providing
from web_browser import Browser, Site, browsing, filled, missing, serving

from qianxun.service.pages import SIGN_IN_BACK

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

WORDS = {
    "en": ("Sign in with 登录中心", "Sign out", "Sign out there too"),
    "zh": ("用登录中心登录", "退出", "在那边也退出"),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with providing() as found:
        found.secret = ""
        found.asks = True
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, provider: OidcProvider) -> Iterator[Site]:
    home: Path = tmp_path_factory.mktemp("web")
    filled(home)
    lines = (
        "[tokens]",
        f'issuer = "{provider.url}"',
        f'audience = ["{CLIENT}"]',
        "[oidc]",
        f'client_id = "{CLIENT}"',
        'name = "登录中心"',
    )
    (home / "qianxun.toml").write_text("\n".join(lines), encoding="utf-8")
    with serving(home) as found:
        provider.back = [f"{found.url}{SIGN_IN_BACK}"]
        yield found


@pytest.fixture
def browser(site: Site, provider: OidcProvider, tmp_path: Path) -> Iterator[Browser]:
    with browsing(site, tmp_path) as found:
        yield found
        issuer = urlsplit(provider.url).netloc
        assert [fault for fault in found.faults() if f"//{issuer}/" not in fault] == []


@pytest.mark.web
@pytest.mark.parametrize("language", WORDS)
def test_one_signs_in_with_the_button_and_out_again(browser: Browser, provider: OidcProvider, language: str) -> None:
    sign_in, out, out_there = WORDS[language]
    browser.appear(language)
    browser.open("/sign-in?next=/library")
    assert browser.text("a.button.main") == sign_in
    assert browser.audit() == []
    browser.leave(lambda: browser.one("a.button.main").click())
    assert browser.driver.title == "Provider"
    browser.leave(lambda: browser.one("button").click())
    assert urlsplit(browser.driver.current_url).path == "/library"
    assert browser.text('form[action="/sign-out"] button') == out
    browser.leave(lambda: browser.one('form[action="/sign-out"] button').click())
    assert browser.text(".note a") == out_there
    assert browser.audit() == []
    browser.leave(lambda: browser.one(".note a").click())
    assert urlsplit(browser.driver.current_url).path == "/sign-in"
    assert not browser.all(".note a")
    assert "id_token_hint" in provider.hints[-1]
    browser.open("/quality")
    assert not browser.all('form[action="/sign-out"]')
