"""An identity provider on this machine for tests: small, but it checks what real ones check.

It gives a code once, to who holds the verifier; it takes a refresh token once, and ends the whole session where one
comes twice. What it says wrongly on purpose is set on the object.
"""

import base64
import functools
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "qianxun-页面"
SECRET = "s3cret: 秘密+%"
SUBJECT = "u-17"
_REALM = "/realms/main"


@functools.cache
def signing_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key(name: str) -> dict[str, Any]:
    shown = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key(name).public_key()))
    return {"kty": "RSA", "n": shown["n"], "e": shown["e"], "use": "sig", "kid": name}


@dataclass
class Grant:
    """What somebody agreed to: for which request, and which refresh tokens came of it."""

    asked: dict[str, str]
    refresh: str = ""
    used: set[str] = field(default_factory=set)
    ended: bool = False


class OidcProvider:
    """`url` is the issuer. `back` are the addresses that it leads back to."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = SECRET
        self.methods: list[str] | None = None
        self.names_itself = True
        self.renews = True
        self.opaque = False  # access tokens that only it can read
        self.lasts = 300.0
        self.away = False
        self.slow_seconds = 0.0
        self.claims: dict[str, Any] = {"groups": ["hr"], "name": "李雷"}
        self.wrong: dict[str, Any] = {}  # claims of ID tokens that are not as they should be
        self.key = "a"
        self.answer: dict[str, str] = {}  # what it says wrongly on the way back
        self.asks = False  # whether a page asks the person, with a button
        self.back: list[str] = []
        self.codes: dict[str, Grant] = {}
        self.grants: list[Grant] = []
        self.paths: list[str] = []
        self.refreshes = 0
        self.hints: list[dict[str, str]] = []
        self._guard = threading.Lock()

    # -- what it says --------------------------------------------------------------------------------

    def metadata(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?kc=1",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/logout",
            "authorization_response_iss_parameter_supported": self.names_itself,
        }
        return told if self.methods is None else {**told, "token_endpoint_auth_methods_supported": self.methods}

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": self.url, "sub": SUBJECT, "iat": now, "exp": now + self.lasts, "jti": secrets.token_hex(4)}
        said = {name: value for name, value in (usual | self.claims | claims).items() if value is not None}
        return jwt.encode(said, signing_key(self.key), "RS256", headers={"kid": self.key})

    def authorized(self, asked: dict[str, str]) -> str:
        """Where the browser of who agreed goes."""
        code = secrets.token_urlsafe(16)
        with self._guard:
            self.codes[code] = Grant(asked)
        answer = {"code": code, "state": asked["state"], "iss": self.url, **self.answer}
        if not self.names_itself:
            answer.pop("iss", None)
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def tokens(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        time.sleep(self.slow_seconds)
        if not self._knows(form, authorization):
            return 401, {"error": "invalid_client", "error_description": "secret of 张三 <b>"}
        with self._guard:
            if form.get("grant_type") == "authorization_code":
                return self._redeemed(form)
            return self._refreshed(form)

    def _knows(self, form: dict[str, str], authorization: str) -> bool:
        if not self.secret:
            return form.get("client_id") == CLIENT and "client_secret" not in form and not authorization
        if self.methods == ["client_secret_post"]:
            return form.get("client_id") == CLIENT and form.get("client_secret") == self.secret
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        return [unquote_plus(part) for part in given.split(":")] == [CLIENT, self.secret]

    def _redeemed(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        grant = self.codes.pop(form.get("code", ""), None)
        if grant is None or form.get("redirect_uri") != grant.asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        made = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if grant.asked["code_challenge_method"] != "S256" or made.decode() != grant.asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        self.grants.append(grant)
        return 200, self._given(grant, nonce=grant.asked["nonce"])

    def _refreshed(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.refreshes += 1
        token = form.get("refresh_token", "")
        for grant in self.grants:
            if token in grant.used:
                grant.ended = True  # somebody has stolen it, for all that it knows
            if token == grant.refresh and not grant.ended:
                grant.used.add(token)
                return 200, self._given(grant)
        return 400, {"error": "invalid_grant", "error_description": "for 张三"}

    def _given(self, grant: Grant, **claims: Any) -> dict[str, Any]:
        access = secrets.token_urlsafe(24) if self.opaque else self.token(aud=["account"], typ="Bearer")
        given = {"access_token": access, "token_type": "Bearer", "expires_in": self.lasts}
        given["id_token"] = self.token(**{"aud": CLIENT, **claims, **self.wrong})
        if self.renews:
            grant.refresh = secrets.token_urlsafe(24)
            given["refresh_token"] = grant.refresh
        return given

    def revoke(self) -> None:
        """Ends the sessions of everybody."""
        for grant in self.grants:
            grant.ended = True

    # -- HTTP ----------------------------------------------------------------------------------------

    def answered(self, method: str, target: str, body: str, authorization: str) -> tuple[int, str, str, str]:
        """Status, kind, body and where it leads, of a request."""
        path, asked = urlsplit(target).path, {k: v[0] for k, v in parse_qs(urlsplit(target).query).items()}
        self.paths.append(path)
        if self.away:
            return 503, "text/plain", "", ""
        if path == f"{_REALM}/.well-known/openid-configuration":
            return 200, "application/json", json.dumps(self.metadata()), ""
        if path == f"{_REALM}/keys":
            return 200, "application/json", json.dumps({"keys": [public_key("a")]}), ""
        if path == f"{_REALM}/authorize":
            right = asked.get("client_id") == CLIENT and asked.get("redirect_uri") in self.back
            right = right and asked.get("response_type") == "code" and "openid" in asked["scope"].split()
            if not right:
                return 400, "text/plain", "no such client", ""
            if self.asks and "agreed" not in asked:
                hidden = "".join(
                    f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
                    for name, value in {**asked, "agreed": "1"}.items()
                )
                head = "<!doctype html><title>Provider</title><link rel='icon' href='data:,'>"
                page = f"{head}<form>{hidden}<button>Agree</button></form>"
                return 200, "text/html; charset=utf-8", page, ""
            return 302, "text/plain", "", self.authorized(asked)
        if path == f"{_REALM}/token" and method == "POST":
            form = {name: values[0] for name, values in parse_qs(body).items()}
            status, told = self.tokens(form, authorization)
            return status, "application/json", json.dumps(told), ""
        if path == f"{_REALM}/logout":
            self.hints.append(asked)
            return 302, "text/plain", "", asked["post_logout_redirect_uri"]
        return 404, "text/plain", "", ""


@contextmanager
def providing() -> Iterator[OidcProvider]:
    """A running provider."""
    provider = OidcProvider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            authorization = self.headers.get("Authorization", "")
            status, kind, text, leads = provider.answered(self.command, self.path, body, authorization)
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if leads:
                self.send_header("Location", leads)
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}{_REALM}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
