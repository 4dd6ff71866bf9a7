"""Where a model server is and by which key: what an address may hold, and what must never be seen of a key."""

import ipaddress
import os
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from qianxun.errors import SettingsError
from qianxun.settings import EncoderSettings, GeneratorSettings, RerankerSettings, address_of

# What people copy from examples; the client adds these itself.
_ENDPOINT: Final = re.compile(r"/(embeddings|rerank|reranks|score|chat/completions|models)$")
_VERSION: Final = re.compile(r"/v\d+$")


@dataclass(frozen=True, slots=True)
class Place:
    """A server's address as it may be shown: no user, password or query is in it.

    `address` is where OpenAI's endpoints are (it ends in /v1 unless the settings give another path), `root` is what
    is before the version. `has_path` tells whether the settings gave a path. The key is in the environment only.
    """

    section: str
    address: str
    root: str
    host: str
    origin: str
    has_path: bool
    key_variable: str

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the name or number of the host is this machine's own."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def key(self) -> str:
        """The key; "" if none is set up. Raises SettingsError if the variable that should hold it does not."""
        if not self.key_variable:
            return ""
        found = os.environ.get(self.key_variable, "").strip()
        if not found:
            raise SettingsError(
                "{section}.api_key_env names the environment variable {variable}, which is not set.",
                remedy="Put the server's key into it, or empty {section}.api_key_env.",
                section=self.section,
                variable=self.key_variable,
            )
        if not re.fullmatch(r"[!-~]+", found):
            raise SettingsError(
                "The key in the environment variable {variable} holds spaces, line breaks or characters beyond ASCII.",
                remedy="Set it again, without quotation marks.",
                variable=self.key_variable,
            )
        return found

    def authorization(self) -> dict[str, str]:
        """The header that shows the key."""
        key = self.key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def proxy(self) -> str | None:
        """The environment's proxy for this server; None on this machine, or if there is none or NO_PROXY names it.

        Raises SettingsError for a proxy that is not spoken to.
        """
        import urllib.request

        if self.is_on_this_machine or urllib.request.proxy_bypass(self.host):
            return None
        proxies = urllib.request.getproxies()
        found = proxies.get(urlsplit(self.address).scheme) or proxies.get("all")
        if not found:
            return None
        kind, separator, _ = found.partition("://")
        if separator and kind not in ("http", "https"):
            raise SettingsError(
                "The environment sends requests to {address} through a {kind} proxy, which is not spoken here.",
                remedy="Put {host} into NO_PROXY, or set an http:// proxy.",
                address=self.address,
                kind=kind,
                host=self.host,
            )
        return found if separator else f"http://{found}"


def place_of(section_name: str, section: EncoderSettings | RerankerSettings | GeneratorSettings) -> Place:
    """The place that a section of the settings names. Raises SettingsError for an address that is none."""
    given = address_of(section)
    parts = _parsed(given)
    if parts is None or not parts.hostname:
        raise SettingsError(
            "{section}.url is not the address of a server.",
            remedy="Write it like http://127.0.0.1:8101/v1.",
            section=section_name,
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            "{section}.url holds more than scheme, host and path, and addresses are shown in messages and logs.",
            remedy="Take user, password and query out; name the variable that holds the key in {section}.api_key_env.",
            section=section_name,
        )
    path = _ENDPOINT.sub("", parts.path.rstrip("/"))
    origin = f"{parts.scheme}://{parts.netloc}"
    return Place(
        section=section_name,
        address=origin + (path or "/v1"),
        root=origin + _VERSION.sub("", path),
        host=parts.hostname.lower(),
        origin=origin,
        has_path=bool(path),
        key_variable=section.api_key_env,
    )


def _parsed(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port  # a port that is no number is found only when it is asked for
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") else None
