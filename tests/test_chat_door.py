"""The chat's door: who comes in, from which pages, to which paths, and what goes out. Chainlit is a stand-in here."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from service_fixtures import Served
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from qianxun.chat import who
from qianxun.chat.door import POLICY, Door
from qianxun.chat.folder import MOST_UPLOAD_MB
from qianxun.client.connection import unreachable
from qianxun.client.records import Conversation, Me, PassageInPlace, Turn, WholeConversation
from qianxun.errors import Forbidden, NotFound, Unauthorized
from qianxun.messages import language
from qianxun.records import Answer, Passage, Span
from qianxun.service.app import create_app
from qianxun.service.chatting import Chat

HERE = "http://127.0.0.1:8001"
SOCKET = "ws://127.0.0.1:8001/chat/ws/socket.io/"
OURS = {"Origin": HERE}
SIGNED_IN = {"Cookie": "qianxun_session=qs-holds; access_token=forged"}


class StandIn:
    """What Chainlit would be asked, and as whom."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, str | None]] = []
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        assert b"authorization" not in headers
        self.seen.append((scope["type"], scope["path"], headers.get(b"cookie", b"").decode(), who.secret()))
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": language()})
            return
        more = [(b"set-cookie", b"access_token=leaked"), (b"content-security-policy", b"none of ours")]
        headers_out = [(b"content-type", b"text/html"), *more]
        await send({"type": "http.response.start", "status": self.status, "headers": headers_out})
        await send({"type": "http.response.body", "body": b"chainlit"})


class Service:
    """The service's word: one session holds; nobody may come in, if `open`."""

    def __init__(self) -> None:
        self.open = True
        self.away = False
        self.ended: list[str | None] = []
        self.anew = False
        self.holds = "qs-holds"

    async def me(self, *, anew: bool = False) -> Me:
        self.anew = anew
        if self.away:
            raise unreachable("http://127.0.0.1:8781", OSError("All connection attempts failed"))
        if who.secret() is None and self.open:
            return Me("public", "public", frozenset(("public",)), None, frozenset(("ask", "search")), 0, 0, 0)
        if who.secret() == self.holds:
            return Me("k1", "张三", None, None, frozenset(("ask",)), 0, 0, 0)
        if who.secret() == "qs-reads":
            return Me("k2", "reader", None, None, frozenset(("read",)), 0, 0, 0)
        raise Unauthorized("No.")

    async def sign_in(self, key: str) -> tuple[str, int]:
        if key == "qx-right":
            return "qs-holds", 3600
        raise Unauthorized("The key does not hold.") if key else Forbidden("{no} field.", no="No")

    async def sign_out(self) -> None:
        self.ended.append(who.secret())

    async def passage(self, base: str, chunk: int) -> PassageInPlace:
        raise NotFound("There is no passage {chunk}.", chunk=chunk)

    async def conversation(self, base: str, token: str) -> WholeConversation:
        assert (base, token) == ("default", "0" * 32)
        text = "本產品保修期 37 個月。"
        own = Passage(1, 0.5, 7, 1, "a.md", "a", None, None, (), Span(0, len(text)), text, "", (), {})
        answer = Answer("?", text, "answered", (), (own,), {}, {}, (), ())
        turns = (Turn(1, "removed", "", "?", None, False), Turn(2, "done", "", "?", answer, True))
        return WholeConversation(Conversation(token, "", "", "", "", 2), turns)


@pytest.fixture
def page() -> StandIn:
    return StandIn()


@pytest.fixture
def service() -> Service:
    return Service()


def client(page: StandIn, service: Any, url: str = HERE, **how: Any) -> TestClient:
    door = Door(page, service, lambda id, name: f"{id}!", **how)
    return TestClient(door, base_url=url, follow_redirects=False)


def test_chainlit_is_told_who_asks_by_the_word_of_the_service_and_by_nothing_else(
    page: StandIn, service: Service
) -> None:
    reply = client(page, service).get("/chat/user", headers=SIGNED_IN)
    assert reply.status_code == 200
    assert page.seen == [("http", "/chat/user", "access_token=k1!", "qs-holds")]
    assert "set-cookie" not in reply.headers
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("cookie", ["qianxun_session=qs-ended", "qianxun_session=qs-reads", "access_token=forged"])
def test_who_does_not_hold_signs_in(page: StandIn, service: Service, cookie: str) -> None:
    service.open = False
    asked = client(page, service)
    headers = {"Cookie": cookie}
    assert asked.get("/chat/user", headers=headers).status_code == 401
    assert asked.get("/chat/", headers=headers).headers["location"] == "/chat/sign-in"
    assert asked.get("/chat/login", headers=headers).headers["location"] == "/chat/sign-in"
    assert page.seen == []


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", ("暂时连不上服务。请重试。", "本页会在几秒后自动重新加载。")), ("en", ("cannot be reached", "by itself"))],
)
@pytest.mark.parametrize("sign_in", ["", "/sign-in"])
def test_the_service_away_lets_nobody_in_and_the_page_says_so(
    page: StandIn, service: Service, language: str, words: tuple[str, str], sign_in: str
) -> None:
    service.away = True
    asked = client(page, service, sign_in=sign_in)
    headers = {"Cookie": f"{SIGNED_IN['Cookie']}; qianxun_language={language}; qianxun_theme=dark"}
    for path in ("", "login", f"thread/{'0' * 32}.default"):
        reply = asked.get(f"/chat/{path}", headers=headers)
        assert reply.status_code == 503
        assert int(reply.headers["retry-after"]) > 0
        assert reply.headers["content-security-policy"] == POLICY
        assert '<meta http-equiv="refresh"' in reply.text
        assert f'<html lang="{language}" data-theme="dark">' in reply.text
        assert "<script" not in reply.text
        assert "127.0.0.1" not in reply.text
        assert all(part in reply.text for part in words)
    for reply in (asked.get("/chat/user", headers=headers), asked.get("/chat/source/default/7", headers=headers)):
        assert reply.status_code == 503
        assert words[0] in reply.text
        assert "127.0.0.1" not in reply.text
    with pytest.raises(WebSocketDisconnect), asked.websocket_connect(SOCKET, headers={**headers, **OURS}):
        pass
    assert page.seen == []


@pytest.mark.parametrize(
    "url, headers, how, comes_in",
    [
        (HERE, {}, {}, True),
        ("http://localhost:1", {}, {}, True),
        ("http://10.0.0.9", {}, {}, True),  # only asked where `anonymous` allows it
        (HERE, {}, {"anonymous": False}, False),
        ("http://rebound.example", {}, {}, False),
        ("http://chat.example", {}, {"names": ["Chat.example"]}, True),
        (HERE, {"X-Forwarded-For": "10.0.0.1"}, {}, False),
    ],
)
def test_nobody_in_particular_comes_in_where_that_is_safe(
    page: StandIn, service: Service, url: str, headers: Mapping[str, str], how: Mapping[str, Any], comes_in: bool
) -> None:
    reply = client(page, service, url, **how).get("/chat/user", headers=headers)
    assert (reply.status_code == 200) is comes_in


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:9999", "https://127.0.0.1"])
def test_what_changes_anything_comes_from_our_pages(page: StandIn, service: Service, origin: str | None) -> None:
    headers = {**SIGNED_IN, **({} if origin is None else {"Origin": origin})}
    asked = client(page, service)
    for method, path in (
        ("POST", "project/action"),
        ("PUT", "feedback"),
        ("DELETE", "project/thread"),
        ("POST", "logout"),
    ):
        assert asked.request(method, f"/chat/{path}", headers=headers, json={}).status_code == 403
    assert page.seen == []
    assert asked.put("/chat/feedback", headers={**SIGNED_IN, **OURS}, json={}).status_code == 200


@pytest.mark.parametrize(
    "origin, comes",
    [("https://chat.example", True), ("https://chat.example:9999", False), ("https://evil.example", False)],
)
def test_another_port_of_our_name_is_another_program(page: StandIn, service: Service, origin: str, comes: bool) -> None:
    """Behind a proxy that calls us by another name, the name is all that tells; browsers send cookies to every port."""
    asked = client(page, service, names=["Chat.example"])
    headers = {**SIGNED_IN, "Origin": origin}
    assert asked.put("/chat/feedback", headers=headers, json={}).status_code == (200 if comes else 403)


@pytest.mark.parametrize(
    "path",
    ["mcp", "login/callback", "auth/jwt", "auth/oauth/github", "auth/header", "project/element", "copilot/index.js",
     "project/share/x", "project/thread/x/element/y", "project/thread/share", "ws/socket.io/", "openapi.json", "docs",
     "slack/events"],
)  # fmt: skip
def test_paths_that_the_page_does_not_need_do_not_exist(page: StandIn, service: Service, path: str) -> None:
    asked = client(page, service)
    assert asked.get(f"/chat/{path}", headers=SIGNED_IN).status_code == 404
    assert asked.post(f"/chat/{path}", headers={**SIGNED_IN, **OURS}, json={}).status_code == 404
    assert asked.get("/elsewhere", headers=SIGNED_IN).status_code == 404
    assert asked.get("/chatter/user", headers=SIGNED_IN).status_code == 404
    assert page.seen == []


def test_what_the_page_is_made_of_is_for_everybody_and_names_nobody(page: StandIn, service: Service) -> None:
    service.open = False
    reply = client(page, service).get("/chat/assets/index.js", headers=SIGNED_IN)
    assert page.seen == [("http", "/chat/assets/index.js", "", "qs-holds")]
    assert "immutable" in reply.headers["cache-control"]
    # That a file is not there, while one version takes the place of another, is not kept for a year.
    page.status = 404
    assert client(page, service).get("/chat/assets/index.js").headers["cache-control"] == "no-store"


def test_the_connection_is_made_by_our_pages_for_somebody(page: StandIn, service: Service) -> None:
    asked = client(page, service)
    with asked.websocket_connect(
        f"{SOCKET}?EIO=4", headers={**SIGNED_IN, **OURS, "Accept-Language": "zh-TW,zh;q=0.9,en;q=0.8"}
    ) as connection:
        assert connection.receive_text() == "zh"
    assert page.seen == [("websocket", "/chat/ws/socket.io/", "access_token=k1!", "qs-holds")]
    assert service.anew  # each connection is a request, and counted as one
    service.open = False
    refused: Sequence[tuple[str, Mapping[str, str]]] = (
        (SOCKET, SIGNED_IN),
        (SOCKET, {**SIGNED_IN, "Origin": "http://evil.example"}),
        (SOCKET, OURS),
        (SOCKET.replace("ws/socket.io/", "elsewhere"), {**SIGNED_IN, **OURS}),
    )
    for path, headers in refused:
        with pytest.raises(WebSocketDisconnect) as closed, asked.websocket_connect(path, headers=dict(headers)):
            pass
        assert closed.value.code == 1008
    assert len(page.seen) == 1


def test_signing_in_and_out(page: StandIn, service: Service) -> None:
    service.open = False
    asked = client(page, service)
    form = asked.get("/chat/sign-in", headers={"Accept-Language": "zh-CN"})
    assert 'lang="zh"' in form.text
    assert "登录" in form.text
    wrong = asked.post("/chat/sign-in", headers=OURS, data={"key": "<b>qx-wrong</b>"})
    assert wrong.status_code == 401
    assert "The key does not hold." in wrong.text
    assert "qx-wrong" not in wrong.text
    right = asked.post("/chat/sign-in", headers=OURS, data={"key": " qx-right "})
    assert right.status_code == 303
    assert right.headers["set-cookie"] == "qianxun_session=qs-holds; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"
    assert asked.post("/chat/sign-in", data={"key": "qx-right"}).status_code == 403
    out = asked.post("/chat/logout", headers={**SIGNED_IN, **OURS}, json={})
    assert out.status_code == 200
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert service.ended == ["qs-holds"]


def test_a_cookie_of_a_safe_connection_is_for_safe_connections(page: StandIn, service: Service) -> None:
    asked = client(page, service, "https://127.0.0.1")
    reply = asked.post("/chat/sign-in", headers={"Origin": "https://127.0.0.1"}, data={"key": "qx-right"})
    assert reply.headers["set-cookie"].endswith("; Secure")
    # Behind a proxy with TLS, which itself asks without, it is the page's origin that tells.
    behind = client(page, service, names=["chat.example"])
    reply = behind.post("/chat/sign-in", headers={"Origin": "https://chat.example"}, data={"key": "qx-right"})
    assert reply.headers["set-cookie"].endswith("; Secure")


def test_where_the_service_signs_in_the_chat_does_not(page: StandIn, service: Service) -> None:
    service.open = False
    asked = client(page, service, sign_in="/sign-in")
    assert asked.get("/chat/").headers["location"] == "/sign-in?next=%2Fchat%2F"
    assert asked.get("/chat/sign-in", headers=SIGNED_IN).headers["location"] == "/sign-in?next=%2Fchat%2F"
    assert asked.post("/chat/sign-in", headers=OURS, data={"key": "qx-right"}).status_code == 404


@pytest.mark.parametrize(("sign_in", "where"), [("", "/chat/sign-in"), ("/sign-in", "/sign-in?next=%2Fchat%2F")])
def test_who_is_not_signed_in_is_called_so_and_finds_where_to(
    page: StandIn, service: Service, sign_in: str, where: str
) -> None:
    door = Door(page, service, lambda id, name: f"{id}:{name}", sign_in=sign_in)  # type: ignore[arg-type]
    asked = TestClient(door, base_url=HERE, follow_redirects=False)
    assert asked.get("/chat/login").headers["location"] == where
    assert asked.get("/chat/login", headers=SIGNED_IN).headers["location"] == "/chat/"
    for spoken, name in {"zh-TW": "未登录", "en": "not signed in"}.items():
        asked.get("/chat/user", headers={"Accept-Language": spoken})
        assert page.seen[-1][2] == f"access_token=public:{name}"


def test_with_the_identity_provider_one_signs_in_at_the_service(page: StandIn, service: Service) -> None:
    service.open = False
    how = {"shown_at": 'https://search.example.com"<b>', "issuer": "登录<b>中心"}
    form = client(page, service, **how).get("/chat/sign-in", headers={"Accept-Language": "zh"})
    assert "<b>" not in form.text
    assert 'href="https://search.example.com&quot;&lt;b&gt;/sign-in"' in form.text
    assert "如需用登录&lt;b&gt;中心登录，请到服务的页面。" in form.text
    assert (
        "href" not in client(page, service).get("/chat/sign-in").text.replace("public/sign_in.css", "").split("body")[1]
    )


@pytest.mark.parametrize(("cookie", "theme"), [("", ""), ("qianxun_theme=dark", "dark"), ('qianxun_theme="><b>', "")])
def test_signing_in_looks_as_was_chosen(page: StandIn, service: Service, cookie: str, theme: str) -> None:
    form = client(page, service).get("/chat/sign-in", headers={"Cookie": cookie}).text
    assert f'data-theme="{theme}"' in form
    assert "<b>" not in form


def test_too_much_is_refused_before_it_is_read(page: StandIn, service: Service) -> None:
    asked = client(page, service, max_upload_mb=2)
    headers = {**SIGNED_IN, **OURS}
    assert asked.post("/chat/project/file", headers=headers, content=b"x" * 1_500_000).status_code == 200
    assert asked.post("/chat/project/file", headers=headers, content=b"x" * 2_500_000).status_code == 413
    assert asked.post("/chat/project/action", headers=headers, content=b"x" * 1_500_000).status_code == 413
    assert asked.post("/chat/project/action", headers=headers, content=iter([b"x"])).status_code == 413
    assert asked.post("/chat/sign-in", headers=OURS, content=b"key=" + b"x" * 900_000).status_code == 401


def test_a_passage_that_is_gone_is_said_to_be(page: StandIn, service: Service) -> None:
    reply = client(page, service).get("/chat/source/%E7%9F%A5/7?from=1&to=２", headers={"Accept-Language": "zh"})
    assert reply.text == "该段落已移除，或您无权查看。"
    service.open = False
    assert client(page, service).get("/chat/source/a/7").status_code == 401


def test_a_passage_of_a_file_of_the_conversation_is_that_of_the_answer(page: StandIn, service: Service) -> None:
    asked = client(page, service)
    of = f"{'0' * 32}.2a.default"
    assert "保修期 37 個月" in asked.get(f"/chat/source/default/7?of={of}", headers=SIGNED_IN).text
    assert "removed" in asked.get(f"/chat/source/default/8?of={of}", headers=SIGNED_IN).text
    assert "removed" in asked.get(f"/chat/source/default/7?of={of.replace('2a', '1a')}", headers=SIGNED_IN).text
    assert "removed" in asked.get("/chat/source/default/7?of=../../me", headers=SIGNED_IN).text


def test_without_a_chat_the_service_takes_no_connection(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        for path in ("/chat/ws/socket.io/", "/chat/ws/", "/api/v1/bases"):
            with (
                pytest.raises(WebSocketDisconnect),
                served.client(admin=True).websocket_connect(f"ws://127.0.0.1:8000{path}"),
            ):
                pass
    finally:
        served.close()


def test_the_service_hands_its_chat_what_is_the_chats(tmp_path: Path, page: StandIn, service: Service) -> None:
    served = Served(tmp_path)
    route = Chat(served.settings, "http://127.0.0.1:8000")
    route._app = Door(page, service, lambda id, name: f"{id}!", sign_in="/sign-in")  # type: ignore[arg-type]
    try:
        asked = TestClient(create_app(served.service, route), base_url="http://127.0.0.1:8000")
        secret = served.service.sessions.begin(served.key(admin=True), timedelta(hours=1))
        assert asked.get("/chat/user").text == "chainlit"
        assert asked.get("/chat/assets/index.js").status_code == 200
        assert (
            asked.get("/chat/", headers={"Cookie": f"qianxun_session={secret}"}, follow_redirects=False)
            .headers["location"]
            .startswith("/sign-in?")
        )  # the stand-in knows another secret
        assert asked.get("/chat/user", headers={"Cookie": "qianxun_session=qs-ended"}).status_code == 401
        assert asked.post("/chat/feedback", headers={"Origin": "http://evil.example"}, json={}).status_code == 403
        with asked.websocket_connect(
            "ws://127.0.0.1:8000/chat/ws/socket.io/", headers={"Origin": "http://127.0.0.1:8000"}
        ) as connection:
            assert connection.receive_text() == "en"
        assert served.service.has_chat
    finally:
        served.close()


def test_behind_a_proxy_the_chat_goes_by_the_address_of_the_pages(
    tmp_path: Path, page: StandIn, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`web.address` is what people call the pages by where the proxy calls them by another name."""
    served = Served(tmp_path, ["web.address=https://Search.example.com:8443/"])

    def made(api: Any, home: Path, *, names: Any, sign_in: str, max_upload_mb: int) -> Door:
        # Chainlit holds a file in memory, whole, whatever the service takes.
        assert max_upload_mb == min(MOST_UPLOAD_MB, served.settings.service.max_upload_mb) < 200
        return Door(page, service, lambda id, name: f"{id}!", names=names, sign_in=sign_in)  # type: ignore[arg-type]

    monkeypatch.setattr("qianxun.chat.app.create_chat", made)
    try:
        secret = served.service.sessions.begin(served.key(admin=True), timedelta(hours=1))
        service.holds = secret
        route = Chat(served.settings, "http://127.0.0.1:8000")
        asked = TestClient(create_app(served.service, route), base_url="http://127.0.0.1:8000")
        for origin, comes in (("https://search.example.com:8443", True), ("https://search.example.com", False)):
            headers = {"Cookie": f"qianxun_session={secret}", "Origin": origin}
            assert asked.put("/chat/feedback", headers=headers, json={}).status_code == (200 if comes else 403)
        headers["Origin"] = "https://search.example.com:8443"
        with asked.websocket_connect("ws://127.0.0.1:8000/chat/ws/socket.io/", headers=headers) as connection:
            assert connection.receive_text() == "en"
    finally:
        served.close()


def test_a_reply_without_a_browser_is_a_word() -> None:
    """Not even a broken request is answered by Chainlit."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/chat/../user",
        "headers": [],
        "query_string": b"",
        "scheme": "http",
    }
    asyncio.run(Door(StandIn(), Service(), lambda *_: "")(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 404
