"""Hosts as requests name them: without their ports, whether one is an address, whether one is this machine. Pure."""

import ipaddress
import re
from typing import Final

# As a request's Host names this machine.
LOOPBACK_NAMES: Final = frozenset(("localhost", "127.0.0.1", "[::1]"))


def without_port(host: str) -> str:
    """A host as a request names it, without its port."""
    return host if host.endswith("]") else re.sub(r":\d*$", "", host)


def is_address(host: str) -> bool:
    """Whether a host is an address, which leads to the same machine whoever says it; a name can lead anywhere."""
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def is_here(host: str) -> bool:
    """Whether a host, without brackets, is this machine by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
