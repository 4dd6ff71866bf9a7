"""Tokens of a real little issuer, which signs with real keys: whose are taken, and what their claims let people do."""

import asyncio
import base64
import functools
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from service_fixtures import Served
from web_server import LOCAL, Reply, Web, serving

from qianxun import TextItem
from qianxun.errors import Overloaded, QianxunError, SettingsError, Unauthorized
from qianxun.messages import set_language
from qianxun.service.tokens import MAX_TOKEN_CHARS, Tokens, reader_of_tokens, tokens_of
from qianxun.settings import Settings, SourcesSettings, TokensSettings

AUDIENCE = "qianxun"


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def other_key(name: str, kind: str) -> Any:
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[kind])


def key_for(name: str, algorithm: str) -> Any:
    return rsa_key(name) if algorithm[:2] in ("RS", "PS") else other_key(name, algorithm)


def public(key: Any, algorithm: str, kid: str | None, **more: Any) -> dict[str, Any]:
    """A public key as issuers publish it."""
    algorithms = jwt.algorithms.get_default_algorithms()
    shown = json.loads(algorithms[algorithm].to_jwk(key.public_key()))
    shown.pop("key_ops", None)
    return {**shown, "use": "sig", **({} if kid is None else {"kid": kid}), **more}


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Issuer:
    """An identity provider on this machine."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.url = web.address("/realms/公司").replace("公司", "main")
        self.clock = Clock()
        self.publishes(public(rsa_key("a"), "RS256", "a"))
        told = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        web.replies["/realms/main/.well-known/openid-configuration"] = Reply(json.dumps(told).encode())

    def publishes(self, *keys: Any) -> None:
        self.web.replies["/realms/main/keys"] = Reply(json.dumps({"keys": list(keys)}).encode())

    def is_down(self) -> None:
        self.web.replies["/realms/main/keys"] = Reply(b"", status=503)

    def times_asked(self) -> int:
        return self.web.paths().count("/realms/main/keys")

    def tokens(self, **tokens: Any) -> Tokens:
        given = {"issuer": self.url, "audience": (AUDIENCE,), **tokens}
        return Tokens(Settings(tokens=TokensSettings(**given)), now=self.clock)

    def claims(self, **claims: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "u-17", "exp": now + 300, "iat": now, "name": "李雷"}
        return {name: value for name, value in (usual | claims).items() if value is not None}

    def token(self, key: str = "a", algorithm: str = "RS256", header: Any = None, **claims: Any) -> str:
        signed = json.dumps(self.claims(**claims)).encode()  # PyJWT would not sign what no issuer may say
        headers = {"kid": key} | (header or {})
        return jwt.api_jws.encode(signed, key_for(key, algorithm), algorithm, headers=headers)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as web:
        yield Issuer(web)


def test_a_token_says_who_it_is_and_what_they_may_see(issuer: Issuer) -> None:
    caller = issuer.tokens().caller(issuer.token(groups=["hr", "人力资源部", "財務 部"]))
    assert caller.id == f"token:{issuer.url}:u-17"
    assert caller.name == "李雷"
    assert caller.labels == {"public", "hr", "人力资源部", "財務 部"}
    assert caller.bases is None
    assert caller.actions == {"search", "ask", "read", "feedback"}
    assert not caller.is_admin


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"])
def test_keys_of_every_kind(issuer: Issuer, algorithm: str) -> None:
    issuer.publishes(public(rsa_key("a"), "RS256", "a"), public(key_for("k", algorithm), algorithm, "k"))
    tokens = issuer.tokens(algorithms=(algorithm,))
    assert tokens.caller(issuer.token("k", algorithm)).id.endswith(":u-17")
    with pytest.raises(Unauthorized, match=r"not one of tokens\.algorithms"):
        issuer.tokens(algorithms=("RS384",)).caller(issuer.token("k", algorithm))


def test_keys_may_be_where_the_settings_say(issuer: Issuer) -> None:
    issuer.web.replies["/elsewhere"] = issuer.web.replies.pop("/realms/main/keys")
    tokens = issuer.tokens(jwks_url=issuer.web.address("/elsewhere"))
    assert tokens.caller(issuer.token()).name == "李雷"
    assert issuer.web.paths() == ["/elsewhere"]


# -- tokens that do not hold -----------------------------------------------------------------------------


def test_refusals_name_what_is_wrong_and_repeat_nothing(issuer: Issuer) -> None:
    now = int(time.time())
    tokens = issuer.tokens()
    for claims, reason in (
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": issuer.url + "/"}, "another issuer"),
        ({"iss": None}, "no claim 'iss'"),
        ({"iss": [issuer.url]}, "another issuer"),
        ({"aud": "other"}, "another audience"),
        ({"aud": ["other", "更多"]}, "another audience"),
        ({"aud": None}, "no claim 'aud'"),
        ({"aud": {"qianxun": True}}, "another audience"),
        ({"exp": now - 60}, "has expired"),
        ({"exp": None}, "no claim 'exp'"),
        ({"exp": "soon"}, "malformed"),
        ({"exp": 1e308 * 10}, "malformed"),
        ({"exp": [now + 60]}, "malformed"),
        ({"nbf": now + 90}, "not valid yet"),
        ({"nbf": "明天"}, "malformed"),
        ({"iat": now + 90}, "not valid yet"),
        ({"sub": None}, "names nobody"),
        ({"sub": ""}, "names nobody"),
        ({"sub": "甲\n乙"}, "names nobody"),
        ({"sub": "x" * 256}, "names nobody"),
    ):
        with pytest.raises(Unauthorized) as caught:
            tokens.caller(issuer.token(**claims))
        assert reason in str(caught.value), claims
        assert "evil" not in str(caught.value)
    set_language("zh")
    with pytest.raises(Unauthorized) as caught:
        tokens.caller(issuer.token(exp=now - 60))
    assert caught.value.in_words() == "令牌被拒绝：它已过期。请重新登录，使用新的令牌。"


def test_clocks_may_differ_a_little(issuer: Issuer) -> None:
    now = int(time.time())
    assert issuer.tokens().caller(issuer.token(exp=now - 10, nbf=now + 10, iat=now + 10))
    with pytest.raises(Unauthorized, match="expired"):
        issuer.tokens(leeway_seconds=0.0).caller(issuer.token(exp=now - 10))


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_no_token_chooses_how_it_is_checked(issuer: Issuer) -> None:
    """RFC 8725, 2.1: `none`, and the public key taken for a shared secret."""
    tokens = issuer.tokens()
    claims = issuer.claims(groups=["board"])
    for name in ("none", "None", "NONE", "", "HS256", "HS512", None, ["RS256"], {"alg": "RS256"}):
        with pytest.raises(Unauthorized):
            tokens.caller(unsigned({"alg": name, "kid": "a"}, claims))
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = rsa_key("a").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), json.dumps(public(rsa_key("a"), "RS256", "a")).encode()):
        begun = unsigned({"alg": "HS256", "kid": "a"}, claims).rpartition(".")[0]
        signature = hmac.digest(secret, begun.encode(), hashlib.sha256)
        forged = f"{begun}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        with pytest.raises(Unauthorized, match="algorithms"):
            tokens.caller(forged)


def test_a_secret_among_the_keys_opens_nothing(issuer: Issuer) -> None:
    secret = base64.urlsafe_b64encode(b"s" * 64).decode()
    issuer.publishes({"kty": "oct", "kid": "a", "k": secret, "alg": "HS256"})
    with pytest.raises(Unauthorized):
        issuer.tokens().caller(jwt.encode(issuer.claims(), b"s" * 64, "HS256", headers={"kid": "a"}))
    with pytest.raises(Unauthorized, match="not signed with a key"):
        issuer.tokens().caller(issuer.token())


def test_a_key_is_good_for_its_own_algorithm(issuer: Issuer) -> None:
    issuer.publishes(public(rsa_key("a"), "RS256", "a", alg="RS512"))
    with pytest.raises(Unauthorized, match="not signed with a key"):
        issuer.tokens(algorithms=("RS256", "RS512")).caller(issuer.token())
    issuer.publishes(public(rsa_key("a"), "RS256", "a", use="enc"))
    with pytest.raises(Unauthorized, match="not signed with a key"):
        issuer.tokens().caller(issuer.token())


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_key_that_is_too_short_opens_nothing(issuer: Issuer) -> None:
    short = rsa_key("short", 1024)
    issuer.publishes(public(short, "RS256", "short"))
    signed = jwt.encode(issuer.claims(), short, "RS256", headers={"kid": "short"})
    with pytest.raises(Unauthorized, match="not signed with a key"):
        issuer.tokens().caller(signed)


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "../../../../dev/null"},
        {"kid": "a' OR '1'='1"},
        {"kid": "密钥"},
        {"kid": "k" * 4000},
        {"jku": "http://127.0.0.1:1/keys", "kid": "mine"},
        {"jwk": "own", "kid": "mine"},
        {"x5u": "https://evil.example/cert", "kid": "mine"},
        {"crit": ["exp"]},
        {"crit": []},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
    ],
)
def test_headers_lead_nowhere(issuer: Issuer, header: dict[str, Any]) -> None:
    if "jwk" in header:
        header = {**header, "jwk": public(rsa_key("mine"), "RS256", "mine")}
    tokens = issuer.tokens()
    with pytest.raises(Unauthorized):
        tokens.caller(issuer.token("mine", header=header))
    with pytest.raises(Unauthorized):
        tokens.caller(issuer.token("a", header=header))
    assert set(issuer.web.paths()) <= {"/realms/main/keys", "/realms/main/.well-known/openid-configuration"}


@pytest.mark.parametrize("kid", [17, None, ["a"], {"a": 1}, True])
def test_a_key_id_is_a_text(issuer: Issuer, kid: Any) -> None:
    with pytest.raises(Unauthorized):
        issuer.tokens().caller(unsigned({"alg": "RS256", "kid": kid}, issuer.claims(), b"x" * 256))


def test_a_token_without_a_key_id_is_held_against_the_keys_that_fit(issuer: Issuer) -> None:
    issuer.publishes(public(rsa_key("a"), "RS256", None), public(other_key("e", "ES256"), "ES256", None))
    signed = jwt.encode(issuer.claims(), other_key("e", "ES256"), "ES256")
    assert issuer.tokens().caller(signed).name == "李雷"
    with pytest.raises(Unauthorized, match="not signed with a key"):
        issuer.tokens().caller(jwt.encode(issuer.claims(), other_key("f", "ES256"), "ES256"))


def test_a_huge_token_is_not_read(issuer: Issuer) -> None:
    with pytest.raises(Unauthorized, match=f"longer than {MAX_TOKEN_CHARS}"):
        issuer.tokens().caller(issuer.token(groups=["g" * MAX_TOKEN_CHARS]))
    assert issuer.web.asked == []
    many = [f"组{n}" for n in range(400)]
    assert issuer.tokens().caller(issuer.token(groups=many)).labels == {"public", *many}


@pytest.mark.parametrize("claims", ["[" * 5000, "1", '"a"', "null", "{", "", "\ud800", '{"exp": ' + "9" * 4400 + "}"])
def test_what_is_signed_may_be_no_claims(issuer: Issuer, claims: str) -> None:
    signed = jwt.api_jws.encode(claims.encode("utf-8", "surrogatepass"), rsa_key("a"), "RS256", headers={"kid": "a"})
    with pytest.raises(Unauthorized):
        issuer.tokens().caller(signed)


@rules(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    text=st.text(max_size=60)
    | st.text("abcABC019-_=.", max_size=80)
    | st.tuples(*[st.binary(max_size=30)] * 3).map(
        lambda three: ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in three)
    )
)
def test_whatever_is_sent_is_refused_in_order(issuer: Issuer, text: str) -> None:
    with pytest.raises(Unauthorized):
        issuer.tokens().caller(text)


# -- the issuer's keys -----------------------------------------------------------------------------------


def test_a_new_key_is_found_and_one_that_was_taken_back_holds_no_longer(issuer: Issuer) -> None:
    tokens = issuer.tokens(keys_minutes=10.0)
    old, new = issuer.token("a"), issuer.token("b")
    tokens.caller(old)
    issuer.publishes(public(rsa_key("b"), "RS256", "b"))
    issuer.clock.seconds += 61
    assert tokens.caller(new)
    with pytest.raises(Unauthorized, match="not signed with a key"):
        tokens.caller(old)


def test_without_a_new_key_id_keys_are_looked_for_in_time(issuer: Issuer) -> None:
    tokens = issuer.tokens(keys_minutes=10.0)
    old = issuer.token("a")
    tokens.caller(old)
    issuer.publishes(public(rsa_key("b"), "RS256", "b"))
    issuer.clock.seconds += 599
    assert tokens.caller(old)
    issuer.clock.seconds += 2
    with pytest.raises(Unauthorized):
        tokens.caller(old)


def test_unknown_key_ids_make_one_look_a_minute(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    tokens.caller(issuer.token())
    issuer.clock.seconds += 61
    for n in range(20):
        with pytest.raises(Unauthorized):
            tokens.caller(issuer.token(header={"kid": f"made-up-{n}"}))
        issuer.clock.seconds += 1
    assert issuer.times_asked() == 2


def test_the_last_keys_hold_while_the_issuer_is_down_but_not_for_ever(issuer: Issuer) -> None:
    tokens = issuer.tokens(keys_minutes=10.0, keys_hours_unreachable=2.0)
    token = issuer.token()
    tokens.caller(token)
    issuer.is_down()
    issuer.clock.seconds += 3600
    assert tokens.caller(token)
    assert tokens.caller(token)
    assert issuer.times_asked() == 2
    issuer.clock.seconds += 3700
    with pytest.raises(Overloaded, match="cannot be had") as caught:
        tokens.caller(token)
    assert caught.value.retry_after == 60
    issuer.publishes(public(rsa_key("a"), "RS256", "a"))
    issuer.clock.seconds += 61
    assert tokens.caller(token)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"", status=404),
        Reply(b"<html>"),
        Reply(b"[]"),
        Reply(b'{"keys": {"kty": "RSA"}}'),
        Reply(b'{"keys": [' + b'{"kty": "RSA"},' * 300 + b"{}]}"),
        Reply(b'{"keys": [], "more": "' + b"x" * 300_000 + b'"}'),
        Reply(b"[" * 100_000),
        Reply(b"", status=302, headers={"Location": "/elsewhere"}),
    ],
)
def test_what_is_no_set_of_keys_is_not_taken_for_one(issuer: Issuer, reply: Reply) -> None:
    issuer.web.replies["/elsewhere"] = issuer.web.replies["/realms/main/keys"]
    issuer.web.replies["/realms/main/keys"] = reply
    with pytest.raises(Overloaded):
        issuer.tokens().caller(issuer.token())


def test_odd_keys_do_not_spoil_the_others(issuer: Issuer) -> None:
    odd: list[Any] = [7, None, "a", {}, {"kty": "RSA", "kid": "a"}, {"kty": "RSA", "kid": "a", "n": 7, "e": []}]
    private = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key("a"))) | {"kid": "a"}  # shown by mistake
    private.pop("key_ops")
    issuer.publishes(*odd, private)
    assert issuer.tokens().caller(issuer.token()).name == "李雷"


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://evil.example", "jwks_uri": "{url}/keys"},
        {"issuer": "{url}/", "jwks_uri": "{url}/keys"},
        {"issuer": "{url}"},
        {"issuer": "{url}", "jwks_uri": ["{url}/keys"]},
        {"issuer": "{url}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{url}", "jwks_uri": "http://example.com/keys"},
        {"issuer": "{url}", "jwks_uri": "http://localhost:1/keys"},
        {"issuer": "{url}", "jwks_uri": "https://169.254.169.254/keys"},
        {"issuer": "{url}", "jwks_uri": "https://10.0.0.7/keys"},
    ],
)
def test_an_issuer_cannot_lead_into_the_network(issuer: Issuer, told: dict[str, Any]) -> None:
    text = json.dumps(told).replace("{url}", issuer.url)
    issuer.web.replies["/realms/main/.well-known/openid-configuration"] = Reply(text.encode())
    with pytest.raises(Overloaded):
        issuer.tokens().caller(issuer.token())
    assert issuer.times_asked() == 0


def test_what_the_settings_open_is_open_for_keys_too(issuer: Issuer) -> None:
    with serving() as elsewhere:
        elsewhere.replies["/keys"] = issuer.web.replies["/realms/main/keys"]
        told = {"issuer": issuer.url, "jwks_uri": elsewhere.address("/keys", host="127.0.0.2")}
        issuer.web.replies["/realms/main/.well-known/openid-configuration"] = Reply(json.dumps(told).encode())
        given = Settings(tokens=TokensSettings(issuer=issuer.url, audience=(AUDIENCE,)))
        with pytest.raises(Overloaded):
            Tokens(given).caller(issuer.token())
        opened = replace(given, sources=SourcesSettings(allow_networks=LOCAL))
        told["jwks_uri"] = elsewhere.address("/keys")
        issuer.web.replies["/realms/main/.well-known/openid-configuration"] = Reply(json.dumps(told).encode())
        assert Tokens(opened).caller(issuer.token())


# -- claims and rights -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "labels"),
    [
        ("hr", {"hr"}),
        ("人力 资源", {"人力 资源"}),
        (["hr", " 財務 ", "", "hr"], {"hr", "財務"}),
        (["hr", 7, None, True, ["board"], {"board": 1}], {"hr"}),
        (["hr,board", "a\u202eb", "line\nbreak"], set()),
        (None, set()),
        (7, set()),
        (True, set()),
        ({"hr": True}, set()),
        ({"groups": ["hr"]}, set()),
    ],
)
def test_a_claim_of_odd_shape_gives_nothing(issuer: Issuer, claim: Any, labels: set[str]) -> None:
    assert issuer.tokens().caller(issuer.token(groups=claim)).labels == {"public", *labels}


def test_labels_by_table_and_by_prefix(issuer: Issuer) -> None:
    token = issuer.token(groups=["人力资源部", "cn=hr,dc=公司", "陌生"])
    table = ("人力资源部=hr", "人力资源部=薪酬", "cn=hr,dc=公司=all")
    assert issuer.tokens(label_of=table, labels=()).caller(token).labels == {"hr", "薪酬", "all"}
    assert issuer.tokens(labels_prefix="group:").caller(token).labels == {"public", "group:人力资源部", "group:陌生"}
    assert issuer.tokens(labels_claim="").caller(token).labels == {"public"}


def test_claims_inside_claims_and_with_dots_in_their_names(issuer: Issuer) -> None:
    token = issuer.token(**{"realm_access": {"roles": ["编辑"]}, "https://example.com/groups": ["hr"]})
    assert issuer.tokens(labels_claim="realm_access.roles").caller(token).labels == {"public", "编辑"}
    assert issuer.tokens(labels_claim="https://example.com/groups").caller(token).labels == {"public", "hr"}
    assert issuer.tokens(labels_claim="realm_access.roles.x").caller(token).labels == {"public"}
    assert (
        issuer.tokens(subject_claim="email").caller(issuer.token(email="li@example.com")).id.endswith("li@example.com")
    )


def test_actions_and_knowledge_bases(issuer: Issuer) -> None:
    token = issuer.token(scope="openid qianxun:search write admin qianxun:admin", kbs=["手册", "wiki"])
    caller = issuer.tokens(actions=("search", "ask", "write"), actions_claim="scope", bases_claim="kbs").caller(token)
    assert caller.actions == {"search", "write"}
    assert caller.bases == {"手册", "wiki"}
    assert issuer.tokens(bases_claim="kbs").caller(issuer.token()).bases == frozenset()
    assert issuer.tokens(actions_claim="scope").caller(issuer.token()).actions == frozenset()


def test_administrators_are_named_in_the_settings(issuer: Issuer) -> None:
    tokens = issuer.tokens(admin_values=("系统管理员",), bases_claim="kbs")
    admin = tokens.caller(issuer.token(groups=["系统管理员"]))
    assert admin.is_admin
    assert (admin.labels, admin.bases) == (None, None)
    assert not tokens.caller(issuer.token(groups=["系统管理员2", "admin"])).is_admin
    assert not issuer.tokens().caller(issuer.token(groups=["admin"], admin=True)).is_admin


def test_a_name_is_a_line(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    assert tokens.caller(issuer.token(name="李\u202e雷\nX" + "x" * 200)).name == "李雷 X" + "x" * 96
    assert tokens.caller(issuer.token(name=["李雷"])).name == "u-17"


@pytest.mark.parametrize(
    "tokens",
    [
        {"audience": ()},
        {"audience": ("",)},
        {"issuer": "http://login.example.com"},
        {"issuer": "login.example.com"},
        {"issuer": "https://user:secret@login.example.com"},
        {"jwks_url": "http://login.example.com/keys"},
        {"jwks_url": "file:///keys"},
        {"algorithms": ("HS256",)},
        {"algorithms": ("RS256", "none")},
        {"algorithms": ()},
        {"actions": ("admin",)},
        {"actions": ("搜索",)},
        {"label_of": ("hr",)},
        {"label_of": ("hr=",)},
        {"label_of": ("hr=a,b",)},
        {"labels": ("a,b",)},
        {"admin_values": ("admin",), "labels_claim": ""},
    ],
)
def test_settings_that_would_let_in_too_many_are_refused(tokens: dict[str, Any]) -> None:
    given = {"issuer": "https://login.example.com", "audience": (AUDIENCE,), **tokens}
    with pytest.raises(SettingsError) as caught:
        tokens_of(Settings(tokens=TokensSettings(**given)))
    assert "secret" not in str(caught.value)


def test_a_request_with_a_token_is_answered_with_its_rights(issuer: Issuer, tmp_path: Path) -> None:
    tokens = [f"tokens.issuer={issuer.url}", f"tokens.audience={AUDIENCE}", "tokens.label_of=人力资源部=hr"]
    served = Served(tmp_path / "home", tokens)
    with served.base() as kb:
        kb.add_texts([TextItem("a", "a", "公开的年假规定。")], labels=["public"])
        kb.add_texts([TextItem("b", "b", "薪酬保密。")], labels=["hr"])
        kb.add_texts([TextItem("c", "c", "董事会决议。")], labels=["board"])
    with served.client() as client:
        path = "/api/v1/bases/default/documents"
        for claims, seen in (({"groups": ["人力资源部", "board"]}, ["a", "b"]), ({}, ["a"])):
            headers = {"authorization": f"Bearer {issuer.token(**claims)}"}
            found = client.get(path, headers=headers).json()["documents"]
            assert [one["source"] for one in found] == seen
        assert client.get("/api/v1/me", headers=headers).json()["id"] == f"token:{issuer.url}:u-17"
        for token in (issuer.token(exp=1), issuer.token() + "x", "a.b.c", ".."):
            refused = client.get(path, headers={"authorization": f"Bearer {token}"})
            assert refused.status_code == 401
            assert refused.json()["kind"] == "Unauthorized"
            assert refused.headers["www-authenticate"].startswith("Bearer")
    served.close()


def test_the_service_reads_them_without_waiting(issuer: Issuer) -> None:
    assert reader_of_tokens(tokens_of(Settings())) is None
    read = reader_of_tokens(tokens_of(Settings(tokens=TokensSettings(issuer=issuer.url, audience=(AUDIENCE,)))))
    assert read is not None
    assert asyncio.run(read(issuer.token())).name == "李雷"  # type: ignore[arg-type]
    with pytest.raises(QianxunError):
        asyncio.run(read("a.b.c"))  # type: ignore[arg-type]
