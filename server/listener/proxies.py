"""Proxies by their address: a list of addresses and networks that the settings name."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from server.workspace.settings.server import UNIX


class Proxies:
    """Who is among the proxies of one list. No client at all is whoever connects by the Unix socket."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(address) for address in addresses if address != UNIX)
        self._unix = UNIX in addresses
        self.has_address = lru_cache(1024)(self._has_address)

    def has(self, client: tuple[str, int] | None) -> bool:
        """Is this end of a connection one of them?"""
        return self._unix if client is None else self.has_address(client[0])

    def _has_address(self, text: str) -> bool:
        address = address_of(text)
        return address is not None and any(address in network for network in self._networks)


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as a connection or a header writes it; None for what is none."""
    if len(text) > 64:
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    # a socket for both families writes `::ffff:10.0.0.5`
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
