"""What proxies say of a client: X-Forwarded-For, -Proto and -Host, or `Forwarded` (RFC 7239).

Each proxy adds its word at the end. So the list is read from there: it is believed as far as proxies wrote it, and the
first address that is none of theirs is the client. What stands before it anybody may have written.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from server.listener.proxies import Proxies, address_of
from server.workspace.hosts import host_fault

MOST: Final = 32
"""Proxies behind each other; a longer list is no list of proxies."""
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, section 5.6.2
_QUOTED: Final = r'"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*"'
_PAIR: Final = re.compile(rf"[ \t]*({_NAME})=({_NAME}|{_QUOTED})[ \t]*(;|,|$)")
Headers = Iterable[tuple[bytes, bytes]]


class HopFault(Exception):
    """What stands there says nothing that could be believed."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What a proxy saw: the client's address and port, the scheme and the host that it asked for. Empty: not said."""

    client: str = ""
    port: int = 0
    scheme: str = ""
    host: str = ""


def told(headers: Headers, proxies: Proxies) -> Hop:
    """What the believed proxies say, one of which is at the other end of the connection. Raises `HopFault`."""
    found: dict[bytes, list[str]] = {}
    for name, value in headers:
        if name.startswith(b"x-forwarded-") or name == b"forwarded":
            found.setdefault(name, []).append(value.decode("latin-1"))
    if not found:
        return Hop()
    standard = _chosen(_elements(", ".join(found[b"forwarded"])), proxies) if b"forwarded" in found else None
    common = _chosen(_common(found), proxies)
    if standard is None:
        return common
    for one, other in (
        (standard.client, common.client),
        (standard.scheme, common.scheme),
        (standard.host, common.host),
    ):
        # INVARIANT: a proxy that writes one of the two passes the other on as the client wrote it
        if one and other and one != other:  # guard: two words about one client
            raise HopFault(
                "Forwarded and X-Forwarded-… say different things; let the proxy remove what it does not set"
            )
    return Hop(
        standard.client or common.client,
        standard.port or common.port,
        standard.scheme or common.scheme,
        standard.host or common.host,
    )


def _chosen(hops: Sequence[Hop], proxies: Proxies) -> Hop:
    """The hop nearest to us whose client is no proxy: what our own proxies saw first."""
    for hop in reversed(hops):
        if not proxies.has_address(hop.client):  # guard: the first address that is no proxy
            return hop
    return hops[0] if hops else Hop()


def _common(found: dict[bytes, list[str]]) -> list[Hop]:
    fors, schemes, hosts = (
        _listed(found.get(name, [])) for name in (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
    )
    if not fors:
        return [_hop("", schemes[-1] if schemes else "", hosts[-1] if hosts else "")] if schemes or hosts else []

    def beside(values: list[str], index: int) -> str:
        # as many as addresses: each proxy added one of both. Else the nearest proxy's word counts
        return "" if not values else values[index] if len(values) == len(fors) else values[-1]

    return [_hop(each, beside(schemes, n), beside(hosts, n)) for n, each in enumerate(fors)]


def _listed(values: list[str]) -> list[str]:
    found = [part.strip() for value in values for part in value.split(",", MOST + 1)]
    if len(found) > MOST:
        raise HopFault(f"more than {MOST} proxies")
    return found


def _elements(text: str) -> list[Hop]:
    """The elements of `Forwarded` (RFC 7239, section 4)."""
    hops: list[Hop] = []
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None or pair[1].lower() in pairs or len(hops) >= MOST:
            raise HopFault("the header Forwarded does not have its form")
        at = pair.end()
        value = re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2].startswith('"') else pair[2]
        pairs[pair[1].lower()] = value
        if pair[3] != ";":
            hops.append(_hop(pairs.get("for", ""), pairs.get("proto", ""), pairs.get("host", "")))
            pairs = {}
    return hops


def _hop(client: str, scheme: str, host: str) -> Hop:
    if scheme.lower() not in ("", "http", "https"):
        raise HopFault("the scheme is neither http nor https")
    if host and host_fault(host):
        raise HopFault("the host is none that anybody can ask for")
    address, port = _node(client)
    return Hop(address, port, scheme.lower(), host.lower())


def _node(text: str) -> tuple[str, int]:
    """An address and its port, `[::1]:80`, `10.0.0.5:80` or an address alone; `unknown` and the like are no address."""
    name, mark, port = text, "", ""
    if text.startswith("["):
        name, mark, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        name, mark, port = text.partition(":")
    address = address_of(name)
    number = int(port) if mark and port.isascii() and port.isdigit() and len(port) < 6 else 0
    return (str(address), number) if address is not None else ("unknown" if text else "", 0)
