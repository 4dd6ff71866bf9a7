"""Which machines pages may be fetched from: those of the public internet, and what the settings open.

A page may name any host, and lead on to any other; a server that fetches what it is told to is how others reach into
a network. So a name is looked up once, every address of it is judged, and the connection goes to one that was judged.
"""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qianxun.errors import SettingsError, SourceError
from qianxun.sources.addresses import host_name

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS: Final = (80, 443)
# Global by their number, and yet other machines or this one: what carries IPv4 in IPv6 (mapped, compatible, NAT64,
# Teredo, 6to4), and the services of clouds that tell a machine its secrets.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10",
        "168.63.129.16/32", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "192.88.99.0/24",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """What the settings open: networks, and hosts wherever they are."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Sequence[str]) -> "Opened":
        """What `sources.allow_networks` says. Raises SettingsError."""
        networks, hosts = [], set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip(), strict=False))
                continue
            except ValueError:
                host = host_name(entry.strip())
            if not host:
                raise SettingsError(
                    "sources.allow_networks: {entry!r} is neither a network nor a host name.",
                    remedy="Example: 10.0.0.0/8, or wiki.example.com",
                    entry=entry,
                )
            hosts.add(host)
        return cls(tuple(networks), frozenset(hosts))

    def holds(self, ip: Ip) -> bool:
        """Whether an address is in one of the networks."""
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip.version == network.version and ip in network for network in self.networks)


def is_public(ip: Ip) -> bool:
    """Whether an address is one machine on the public internet."""
    if any(ip.version == network.version and ip in network for network in _NOT_PUBLIC):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def addresses_of(host: str, port: int, opened: Opened) -> list[str]:
    """The addresses that a connection to this host may go to. Raises SourceError if one of them is not allowed."""
    name = host_name(host)
    try:
        ips = [ipaddress.ip_address(address.partition("%")[0]) for address in resolved(name or host, port)]
    except (OSError, ValueError) as error:
        raise SourceError(
            "{host} cannot be found ({error}).",
            remedy="Check the spelling of the address, and the network.",
            host=host,
            error=getattr(error, "strerror", None) or error,
        ) from error
    if name in opened.hosts:
        return list(map(str, ips))
    for ip in ips:
        if not opened.holds(ip) and not is_public(ip):
            raise SourceError(
                "{host} ({address}) is not on the public internet.",
                remedy='To read pages from there, open it: sources.allow_networks = ["{host}"].',
                host=host,
                address=ip,
            )
    if port not in PORTS and not all(map(opened.holds, ips)):
        raise SourceError(
            "{host}: pages are not fetched from port {port}.",
            remedy='To read pages from there, open it: sources.allow_networks = ["{host}"].',
            host=host,
            port=port,
        )
    return list(map(str, ips))
