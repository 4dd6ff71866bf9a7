"""Signing in at the pages with a small, real identity provider: there and back, what may be wrong, and for how long."""

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st
from oidc_provider import CLIENT, SECRET, SUBJECT, OidcProvider, providing
from service_fixtures import URL, Served
from starlette.testclient import TestClient

from qianxun import TextItem
from qianxun.errors import Overloaded, SettingsError, Unauthorized
from qianxun.service.access import Caller
from qianxun.service.app import create_app, create_service
from qianxun.service.oidc.renewing import Renewal
from qianxun.service.pages import SESSION, SIGN_IN_BACK
from qianxun.service.service import Service
from qianxun.storage.service import open_service
from qianxun.storage.tickets import Tickets
from qianxun.web.signing import LEFT
from qianxun.web.signing_oidc import _TICKET as TICKET

BACK = f"{URL}{SIGN_IN_BACK}"
OURS = {"Origin": URL}
ZH = {"Accept-Language": "zh-CN"}


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with providing() as found:
        found.back = [BACK]
        yield found


def serve(home: Path, provider: OidcProvider, *more: str) -> Served:
    os.environ["OIDC_TEST_SECRET"] = SECRET
    return Served(
        home,
        [
            f"tokens.issuer={provider.url}",
            f"tokens.audience={CLIENT}",
            f"oidc.client_id={CLIENT}",
            "oidc.secret_env=OIDC_TEST_SECRET",
            "oidc.name=登录中心",
            *more,
        ],
    )


@pytest.fixture
def served(tmp_path: Path, provider: OidcProvider) -> Iterator[Served]:
    found = serve(tmp_path / "home", provider)
    yield found
    found.close()
    os.environ.pop("OIDC_TEST_SECRET")


class Person:
    """Somebody with a browser: cookies of the service in `client`; the issuer is asked without any."""

    def __init__(self, served: Served) -> None:
        self.client = served.client()

    def goes(self, next: str = "/library", **how: Any) -> str:
        """Where the issuer would lead them back to."""
        reply = self.client.get("/sign-in/oidc", params={"next": next}, follow_redirects=False, **how)
        assert reply.status_code == 303, reply.text
        led = httpx.get(reply.headers["location"], follow_redirects=False)
        assert led.status_code == 302, led.text
        return led.headers["location"]

    def comes(self, address: str, **how: Any) -> Any:
        """What the service says to who comes back."""
        return self.client.get(address, follow_redirects=False, **how)

    def signs_in(self, next: str = "/library") -> str:
        """The secret of their session."""
        reply = self.comes(self.goes(next))
        assert reply.status_code == 303, reply.text
        return self.client.cookies[SESSION]


def session_of(served: Served, person: Person) -> Renewal:
    found = served.service.sessions.found(person.client.cookies[SESSION])
    assert found is not None
    return Renewal.of(found.renewal)


def is_old(served: Served, person: Person, *, seconds: float = 0.0) -> None:
    """Makes the token of a session one that has run out so long ago, whatever it says itself."""
    secret = person.client.cookies[SESSION]
    found = served.service.sessions.found(secret)
    assert found is not None
    kept = Renewal.of(found.renewal)
    aged = Renewal(kept.who, kept.subject, kept.refresh, kept.id, 0.0, datetime.now(UTC).timestamp() - seconds)
    served.service.sessions.renew(secret, found.shown, str(aged))


# -- there and back --------------------------------------------------------------------------------------


def test_who_comes_back_has_the_rights_of_their_token(served: Served, provider: OidcProvider) -> None:
    with served.base() as kb:
        kb.add_texts([TextItem("薪酬.md", "薪酬 Payroll", "工程师三级的月薪为 28000 元。")], labels=["hr"])
    person = Person(served)
    page = person.client.get("/sign-in?next=/%3Fq=月薪", headers=ZH)
    assert "用登录中心登录" in page.text
    assert 'href="/sign-in/oidc?next=%2F%3Fq%3D%E6%9C%88%E8%96%AA"' in page.text
    reply = person.comes(person.goes("/?q=工程师月薪 28000"))
    assert reply.status_code == 303
    assert reply.headers["location"].startswith("/?q=")
    assert "薪酬 Payroll" in person.client.get(reply.headers["location"]).text
    assert "薪酬 Payroll" not in served.client().get(reply.headers["location"]).text
    assert person.client.cookies.get(TICKET) is None


def test_what_is_asked_of_the_issuer(served: Served, provider: OidcProvider) -> None:
    client = served.client()
    replies = [client.get("/sign-in/oidc", headers=ZH, follow_redirects=False) for _ in range(2)]
    address = urlsplit(replies[0].headers["location"])
    one, other = ({k: v[0] for k, v in parse_qs(urlsplit(r.headers["location"]).query).items()} for r in replies)
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{provider.url}/authorize"
    assert one["kc"] == "1"  # what the issuer's own address has stays
    assert one["redirect_uri"] == BACK
    assert one["response_type"] == "code"
    assert one["scope"] == "openid profile"
    assert one["code_challenge_method"] == "S256"
    assert one["ui_locales"] == "zh-CN"
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) >= 43
        assert one[name] != other[name]
    cookie = replies[0].headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=600" in cookie
    assert one["state"] not in cookie


@pytest.mark.parametrize("methods", [None, ["client_secret_basic"], ["client_secret_post"]])
def test_the_secret_is_shown_as_the_issuer_takes_it(
    served: Served, provider: OidcProvider, methods: list[str] | None
) -> None:
    provider.methods = methods
    assert Person(served).signs_in()


def test_a_client_without_a_secret(tmp_path: Path, provider: OidcProvider) -> None:
    provider.secret = ""
    served = serve(tmp_path, provider, "oidc.secret_env=")
    try:
        assert Person(served).signs_in()
    finally:
        served.close()


def test_an_access_token_for_this_service_goes_before_the_id_token(tmp_path: Path, provider: OidcProvider) -> None:
    served = serve(tmp_path, provider, "tokens.audience=account")
    try:
        person = Person(served)
        person.signs_in()
        assert person.client.get("/").status_code == 200
    finally:
        served.close()


def test_tokens_that_open_nothing_here_sign_nobody_in(tmp_path: Path, provider: OidcProvider) -> None:
    served = serve(tmp_path, provider, "tokens.audience=another-service")
    try:
        person = Person(served)
        reply = person.comes(person.goes(), headers=ZH)
        assert reply.status_code == 401
        assert "登录中心已登录，但它签发的令牌不是给本服务的。" in reply.text
        assert SESSION not in person.client.cookies
    finally:
        served.close()


def test_any_process_takes_up_what_another_began(served: Served, tmp_path: Path, provider: OidcProvider) -> None:
    person = Person(served)
    address = person.goes()
    other = Served.__new__(Served)
    other.service = create_service(served.settings)
    try:
        client = TestClient(create_app(other.service), base_url=URL, cookies=dict(person.client.cookies))
        assert client.get(address, follow_redirects=False).status_code == 303
    finally:
        other.service.close()


def test_behind_a_proxy_people_come_back_to_the_address_that_they_know(tmp_path: Path, provider: OidcProvider) -> None:
    served = serve(tmp_path, provider, "web.address=https://search.example.com/")
    provider.back = [f"https://search.example.com{SIGN_IN_BACK}"]
    try:
        client = TestClient(served.app, base_url="https://search.example.com")
        begun = client.get("/sign-in/oidc", follow_redirects=False)
        assert begun.headers["set-cookie"].startswith(f"__Host-{TICKET}=")
        assert "Secure" in begun.headers["set-cookie"]
        led = httpx.get(begun.headers["location"], follow_redirects=False).headers["location"]
        reply = client.get(led, follow_redirects=False)
        assert reply.status_code == 303
        assert [c for c in reply.headers.get_list("set-cookie") if c.startswith(SESSION) and "Secure" in c]
        # The proxy asks over http; pages at that address are ours all the same.
        client = TestClient(served.app, base_url=URL, cookies=dict(client.cookies))
        for origin, status in (("https://evil.example", 403), ("https://search.example.com", 303)):
            left = client.post("/sign-out", headers={"Origin": origin}, follow_redirects=False)
            assert left.status_code == status
    finally:
        served.close()


def test_a_proxy_that_is_trusted_says_whether_the_way_is_safe(tmp_path: Path, provider: OidcProvider) -> None:
    served = serve(tmp_path, provider, "service.trusted_proxies=10.0.0.9")
    try:
        for proxy, scheme in (("10.0.0.9", "https"), ("10.0.0.8", "http")):
            client = TestClient(served.app, base_url=URL, client=(proxy, 50000))
            reply = client.get("/sign-in/oidc", headers={"X-Forwarded-Proto": "https"}, follow_redirects=False)
            asked = parse_qs(urlsplit(reply.headers["location"]).query)
            assert asked["redirect_uri"] == [BACK.replace("http", scheme, 1)]
            assert ("Secure" in reply.headers["set-cookie"]) is (scheme == "https")
    finally:
        served.close()


def test_a_sign_in_is_audited_as_one_with_a_key_is_and_nothing_secret_is_kept(
    served: Served, provider: OidcProvider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ended: list[Any] = []
    served.service.listeners.append(ended.append)
    person = Person(served)
    address = person.goes()
    code = parse_qs(urlsplit(address).query)["code"][0]
    person.comes(address)
    secret = person.client.cookies[SESSION]
    is_old(served, person)
    person.client.get("/")
    back = next(one for one in ended if one.route == SIGN_IN_BACK)
    assert back.facts.action == "sign-in"
    assert back.caller.id == f"token:{provider.url}:{SUBJECT}"
    found = served.service.sessions.found(secret)
    assert found is not None
    kept = Renewal.of(found.renewal)
    hidden = [SECRET, code, found.shown, kept.refresh, kept.id, secret]
    assert all(hidden)
    served.close()
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    # What httpx says of addresses of the test's own requests, with the code in them, is not the service's.
    lines = "\n".join(one.getMessage() for one in caplog.records if not one.name.startswith(("httpx", "httpcore")))
    for text in hidden:
        assert text.encode() not in data
        assert text not in lines


# -- what does not hold ----------------------------------------------------------------------------------


def test_a_state_that_is_not_the_browsers_own_signs_nobody_in(served: Served, provider: OidcProvider) -> None:
    """Who is sent an address with somebody else's code is not signed in as them."""
    attacker, victim = Person(served), Person(served)
    theirs = attacker.goes()
    for comes in (lambda: victim.comes(theirs), lambda: (victim.goes(), victim.comes(theirs))[1]):
        reply = comes()
        assert reply.status_code == 401
        assert "This browser did not begin to sign in" in reply.text
        assert SESSION not in victim.client.cookies
    assert f"{urlsplit(provider.url).path}/token" not in provider.paths
    assert attacker.comes(theirs).status_code == 303


def test_a_changed_state_or_ticket_is_refused(served: Served) -> None:
    person = Person(served)
    address = person.goes()
    ticket = person.client.cookies[TICKET]
    state = parse_qs(urlsplit(address).query)["state"][0]
    for changed in (address.replace(state, ""), address.replace(state, state[:-1]), address.replace(state, "状态")):
        person.client.cookies.set(TICKET, ticket, domain="127.0.0.1", path="/")
        assert person.comes(changed).status_code == 401
    for changed in ("", ticket[:-4] + "AAAA", ticket[8:], "密", "a" * 4000):
        client = served.client()
        cookie = f"{TICKET}={changed}".encode()
        assert client.get(address, headers={b"Cookie": cookie}, follow_redirects=False).status_code == 401


def test_a_ticket_holds_for_ten_minutes(served: Served) -> None:
    oidc = served.service.oidc
    assert oidc is not None
    address, ticket = oidc.begin(BACK, "/", "en")
    state = parse_qs(urlsplit(address).query)["state"][0]
    assert oidc.begun(ticket, state).next == "/"
    oidc._tickets._now = lambda: datetime.now(UTC) + timedelta(minutes=10)
    with pytest.raises(Unauthorized, match="too long ago"):
        oidc.begun(ticket, state)


def test_a_code_is_good_once(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    address, ticket = person.goes(), person.client.cookies[TICKET]
    assert person.comes(address).status_code == 303
    # The browser has given its ticket away.
    assert "did not begin" in person.comes(address).text
    # And who still had it is refused by the issuer.
    client = served.client()
    reply = client.get(address, headers={"Cookie": f"{TICKET}={ticket}", **ZH}, follow_redirects=False)
    assert reply.status_code == 401
    assert "登录中心未允许登录（invalid_grant）。请重试。" in reply.text
    assert SESSION not in client.cookies


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"nonce": "another"}, "a token that does not hold"),
        ({"nonce": None}, "a token that does not hold"),
        ({"nonce": ["x"]}, "a token that does not hold"),
        ({"nonce": "\ud800"}, "a token that does not hold"),
        ({"aud": "another"}, "a token that does not hold"),
        ({"aud": ["another", CLIENT], "azp": "another"}, "a token that does not hold"),
        ({"iss": "https://evil.example"}, "a token that does not hold"),
        ({"sub": None}, "a token that does not hold"),
        ({"iat": None}, "a token that does not hold"),
        ({"exp": 1}, "The clocks of 登录中心 and of this service differ."),
        ({"iat": 32503680000}, "The clocks of 登录中心 and of this service differ."),
    ],
)
def test_an_id_token_that_does_not_hold_signs_nobody_in(
    served: Served, provider: OidcProvider, wrong: dict[str, Any], said: str
) -> None:
    provider.wrong = wrong
    person = Person(served)
    reply = person.comes(person.goes())
    assert reply.status_code == 401
    assert said in reply.text
    assert SESSION not in person.client.cookies
    assert person.client.cookies.get(TICKET) is None


def test_a_token_that_somebody_else_signed_signs_nobody_in(served: Served, provider: OidcProvider) -> None:
    provider.key = "b"  # which is not among those that it shows
    person = Person(served)
    assert "a token that does not hold" in person.comes(person.goes()).text


def test_an_access_token_is_no_id_token(served: Served, provider: OidcProvider) -> None:
    import jwt
    from oidc_provider import signing_key

    oidc = served.service.oidc
    assert oidc is not None
    claims = jwt.decode(provider.token(aud=CLIENT), options={"verify_signature": False})
    token = jwt.encode(claims, signing_key("a"), "RS256", headers={"kid": "a", "typ": "at+jwt"})
    assert oidc._tokens.caller(token)
    with pytest.raises(Unauthorized, match="another kind"):
        oidc._tokens.claims(token, client=CLIENT)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"iss": "https://evil.example"}, "The answer is not of 登录中心."),
        ({"iss": ""}, "The answer is not of 登录中心."),
        ({"code": ""}, "The answer is not of 登录中心."),
        ({"code": "c" * 5000}, "The answer is not of 登录中心."),
        (
            {"error": "access_denied", "error_description": "call 555"},
            "登录中心 refused to sign you in (access_denied).",
        ),
        ({"error": "<b>call 555</b>"}, "登录中心 refused to sign you in (error)."),
    ],
)
def test_what_the_issuer_answers_is_held_against_what_it_may(
    served: Served, provider: OidcProvider, answer: dict[str, str], said: str
) -> None:
    provider.answer = answer
    person = Person(served)
    reply = person.comes(person.goes())
    assert reply.status_code == 401
    assert said in reply.text
    assert "555" not in reply.text
    assert SESSION not in person.client.cookies


def test_an_issuer_that_says_who_it_is_must_do_so(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    address = person.goes()
    without = "&".join(part for part in address.split("&") if not part.startswith("iss="))
    assert "The answer is not of" in person.comes(without).text


def test_one_that_does_not_need_not(served: Served, provider: OidcProvider) -> None:
    provider.names_itself = False
    assert Person(served).signs_in()


def test_an_issuer_that_is_away_is_said_to_be(served: Served, provider: OidcProvider) -> None:
    provider.away = True
    reply = served.client().get("/sign-in/oidc?next=/library", headers=ZH, follow_redirects=False)
    assert reply.status_code == 503
    assert "暂时无法连接登录中心。" in reply.text
    assert "next=%2Flibrary" in reply.text
    # It is left alone for a moment.
    asked = len(provider.paths)
    served.client().get("/sign-in/oidc", follow_redirects=False)
    assert len(provider.paths) == asked


def test_an_issuer_that_goes_away_meanwhile(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    address = person.goes()
    provider.away = True
    reply = person.comes(address)
    assert reply.status_code == 503
    assert "登录中心 cannot be reached." in reply.text


def test_a_wrong_secret_is_told_by_its_name_only(
    tmp_path: Path, provider: OidcProvider, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(tmp_path, provider)
    provider.secret = "another"
    try:
        person = Person(served)
        reply = person.comes(person.goes())
        assert reply.status_code == 401
        assert "(invalid_client)" in reply.text
        assert "张三" not in reply.text + caplog.text
        assert SECRET not in caplog.text
    finally:
        served.close()


@pytest.mark.parametrize("next", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", ""])
def test_nobody_is_led_elsewhere(served: Served, provider: OidcProvider, next: str) -> None:
    person = Person(served)
    assert person.comes(person.goes(next)).headers["location"] == "/"


def test_an_address_that_is_too_long_for_a_cookie_is_forgotten(served: Served) -> None:
    person = Person(served)
    assert person.comes(person.goes("/?q=" + "长" * 700)).headers["location"] == "/"
    long = "/?q=" + '"' * 1990
    reply = person.client.get("/sign-in/oidc", params={"next": long}, follow_redirects=False)
    assert len(reply.headers["set-cookie"]) < 4096


def test_pages_without_a_client_have_no_such_paths(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        for path in ("/sign-in/oidc", "/sign-in/oidc/back?code=a&state=b", "/sign-out/oidc"):
            assert served.client().get(path, follow_redirects=False).status_code == 404
        assert "/sign-in/oidc" not in served.client().get("/sign-in").text
    finally:
        served.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["tokens.issuer="], "no issuer to sign in with"),
        (["oidc.secret_env=NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE, which is not set"),
        (["web.address=http://search.example.com"], "web.address is no https address"),
        (["web.address=https://search.example.com/qianxun"], "more than a scheme"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, provider: OidcProvider, settings: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        serve(tmp_path, provider, *settings)


# -- as long as it holds -----------------------------------------------------------------------------------


def test_a_token_that_has_run_out_is_renewed(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    secret = person.signs_in()
    before = session_of(served, person)
    is_old(served, person, seconds=100)
    assert person.client.get("/").status_code == 200
    after = session_of(served, person)
    assert person.client.cookies[SESSION] == secret
    assert after.refresh != before.refresh
    assert after.until > before.until - 100
    assert provider.refreshes == 1
    # And it holds again.
    assert person.client.get("/").status_code == 200
    assert provider.refreshes == 1


def test_requests_at_once_use_a_refresh_token_once(served: Served, provider: OidcProvider) -> None:
    """The issuer ends the whole session where one comes twice: two processes, many requests."""
    person = Person(served)
    secret = person.signs_in()
    is_old(served, person, seconds=100)
    provider.slow_seconds = 0.2
    other = create_service(served.settings)
    ready = threading.Barrier(2)

    def look(service: Service) -> set[str]:
        async def many() -> list[Caller]:
            return await asyncio.gather(*(service.caller(secret) for _ in range(6)))

        ready.wait()
        return {caller.name for caller in asyncio.run(many())}

    try:
        with ThreadPoolExecutor(2) as threads:
            assert list(threads.map(look, (served.service, other))) == [{"李雷"}] * 2
    finally:
        other.close()
    assert provider.refreshes == 1
    assert not any(grant.ended for grant in provider.grants)
    is_old(served, person)
    assert person.client.get("/").status_code == 200


def test_who_was_killed_while_renewing_is_not_waited_for_long(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    secret = person.signs_in()
    sessions = served.service.sessions
    past = datetime.now(UTC) - timedelta(seconds=61)
    assert sessions.take_renewal(secret, timedelta(seconds=60), now=past)
    is_old(served, person)
    assert person.client.get("/").status_code == 200
    assert provider.refreshes == 1


def test_while_another_renews_the_token_of_before_is_used(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    secret = person.signs_in()
    assert served.service.sessions.take_renewal(secret, timedelta(seconds=60))
    is_old(served, person, seconds=-10)  # about to run out
    assert person.client.get("/").status_code == 200
    assert provider.refreshes == 0


def test_a_right_that_was_taken_is_gone_with_the_next_token(served: Served, provider: OidcProvider) -> None:
    with served.base() as kb:
        kb.add_texts([TextItem("薪酬.md", "薪酬 Payroll", "工程师三级的月薪为 28000 元。")], labels=["hr"])
    person = Person(served)
    person.signs_in()
    assert "薪酬 Payroll" in person.client.get("/?q=月薪 28000").text
    provider.claims["groups"] = []
    is_old(served, person)
    assert "薪酬 Payroll" not in person.client.get("/?q=月薪 28000").text


def test_who_was_shut_out_by_the_issuer_is_signed_out(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    secret = person.signs_in()
    provider.revoke()
    is_old(served, person)
    page = person.client.get("/library", headers=ZH)
    assert page.status_code == 401
    assert "登录已过期。请重新登录。" in page.text
    assert served.service.sessions.found(secret) is None


def test_without_a_refresh_token_a_session_ends_with_its_token(served: Served, provider: OidcProvider) -> None:
    provider.renews = False
    person = Person(served)
    secret = person.signs_in()
    is_old(served, person, seconds=-10)
    assert person.client.get("/").status_code == 200
    is_old(served, person)
    assert person.client.get("/").status_code == 401
    assert served.service.sessions.found(secret) is None
    assert provider.refreshes == 0


@pytest.mark.parametrize("claims", [{"sub": "u-18"}, {"sub": None}])
def test_a_session_never_becomes_somebody_elses(served: Served, provider: OidcProvider, claims: dict[str, Any]) -> None:
    person = Person(served)
    person.signs_in()
    provider.claims |= claims
    provider.wrong = claims
    is_old(served, person)
    assert person.client.get("/").status_code == 401


def test_while_the_issuer_is_away_a_session_waits_for_it(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    secret = person.signs_in()
    provider.away = True
    is_old(served, person, seconds=-10)
    assert person.client.get("/").status_code == 200
    is_old(served, person)
    page = person.client.get("/", headers=ZH)
    assert page.status_code == 503
    assert "暂时无法连接登录中心。" in page.text
    assert served.service.sessions.found(secret) is not None
    provider.away = False
    assert served.service.oidc is not None
    served.service.oidc._provider._failed = float("-inf")
    assert person.client.get("/").status_code == 200
    # One may sign out meanwhile.
    provider.away = True
    is_old(served, person)
    assert person.client.post("/sign-out", headers=OURS, follow_redirects=False).status_code == 303
    assert served.service.sessions.found(secret) is None


def test_a_refresh_token_is_kept_before_its_tokens_are_read(
    served: Served, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(served)
    person.signs_in()
    before = session_of(served, person)
    is_old(served, person)
    assert served.service.oidc is not None
    tokens = served.service.oidc._tokens

    def nothing(*_: Any, **__: Any) -> Any:
        raise Overloaded("No keys.")

    with monkeypatch.context() as patched:
        patched.setattr(tokens, "claims", nothing)
        assert person.client.get("/").status_code == 503
    assert session_of(served, person).refresh not in ("", before.refresh)
    assert person.client.get("/").status_code == 200


def test_a_session_holds_for_the_chat_too(served: Served, provider: OidcProvider) -> None:
    """Which asks the service over HTTP, with the session's secret as a bearer token."""
    person = Person(served)
    secret = person.signs_in("/chat/")
    is_old(served, person)
    me = served.client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert me.json()["name"] == "李雷"
    assert provider.refreshes == 1


# -- signing out -------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_leads_to_where_one_signs_out_there(
    served: Served, provider: OidcProvider
) -> None:
    person = Person(served)
    secret = person.signs_in()
    known_by = session_of(served, person).id
    reply = person.client.post("/sign-out", headers=OURS, follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in")
    assert served.service.sessions.found(secret) is None
    page = person.client.get("/sign-in", headers=ZH)
    assert "您已退出本系统，但在登录中心可能仍是登录状态。" in page.text
    assert 'href="/sign-out/oidc"' in page.text
    assert known_by not in page.text
    # What leads there stands for nobody here.
    ticket = person.client.cookies[LEFT]
    for show in ({"Cookie": f"{SESSION}={ticket}"}, {"Authorization": f"Bearer {ticket}"}):
        assert served.client().get("/", headers=show).status_code == 401
    assert provider.refreshes == 0


def test_the_issuer_is_told_who_signs_out(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    person.signs_in()
    known_by = session_of(served, person).id
    person.client.post("/sign-out", headers=OURS)
    reply = person.client.get("/sign-out/oidc", follow_redirects=False)
    led = httpx.get(reply.headers["location"], follow_redirects=False)
    assert led.headers["location"] == f"{URL}/sign-in"
    assert provider.hints == [
        {"client_id": CLIENT, "id_token_hint": known_by, "post_logout_redirect_uri": f"{URL}/sign-in"}
    ]
    assert LEFT not in person.client.cookies
    assert person.client.get("/sign-out/oidc", follow_redirects=False).headers["location"] == "/sign-in"


def test_who_signed_in_with_a_key_is_not_led_to_the_issuer(served: Served) -> None:
    client = served.client()
    client.post("/sign-in", data={"key": served.key()}, headers=OURS)
    assert client.get("/").status_code == 200
    client.post("/sign-out", headers=OURS)
    assert LEFT not in client.cookies


# -- tickets -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tickets]:
    database = open_service(tmp_path_factory.mktemp("tickets"))
    yield Tickets(database)
    database.close()


@rules(max_examples=50, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=80), forged=st.text(max_size=200))
def test_a_ticket_opens_as_it_was_given_and_nothing_else_does(tickets: Tickets, text: str, forged: str) -> None:
    ticket = tickets.give(text, timedelta(minutes=1))
    assert tickets.opened(ticket) == text
    assert tickets.opened(forged) is None
    assert tickets.opened(ticket[:-1]) is None


def test_a_waiting_request_that_is_given_up_loses_nothing(served: Served, provider: OidcProvider) -> None:
    person = Person(served)
    secret = person.signs_in()
    is_old(served, person)
    provider.slow_seconds = 0.3

    async def gives_up() -> None:
        assert served.service.oidc is not None
        # A lane belongs to one loop: this one's.
        task = asyncio.create_task(served.service.oidc.shown_by(secret))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.6)

    asyncio.run(gives_up())
    assert provider.refreshes == 1
    assert person.client.get("/").status_code == 200
    assert provider.refreshes == 1
