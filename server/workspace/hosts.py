"""Names of hosts, as a Host header and the settings write them."""

import re
from collections.abc import Collection

_NAME = re.compile(
    r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?|\[[0-9a-f:.]{2,45}\]"
)
_DEFAULT_PORTS = (":443", ":80")


def plain_host(host: str) -> str:
    """The one form of a host: in lower case (RFC 9110, section 4.2.3), and without the port of HTTPS or HTTP."""
    host = host.lower()
    return next((host.removesuffix(port) for port in _DEFAULT_PORTS if host.endswith(port)), host)


def is_among(host: str, names: Collection[str]) -> bool:
    """Is a host, in its one form, one of these names? `name:*` is the name with any port."""
    return host in names or f"{host.rpartition(':')[0]}:*" in names


def host_fault(host: str) -> str | None:
    """Why no Host header can ever be this name, or None. A port may be `*`."""
    name, mark, port = host.lower().rpartition(":")
    if not mark or host.endswith("]"):  # no port, or the colons of an IPv6 address
        name, mark, port = host.lower(), "", ""
    # told at the start: a host that never matches would only be noticed by the clients that it refuses
    if "/" in host:
        return "a host has no scheme and no path: `ailyus.example.com`, or with a port `ailyus.example.com:8443`"
    if "*" in name:
        return "every host is named in full: a `*` in a name is matched by nothing"
    if len(name) > 253 or not _NAME.fullmatch(name):
        return "a host is a name or an address, such as `ailyus.example.com` or `10.0.0.5:8443`"
    if mark and port != "*" and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return "a port is a number from 1 to 65535"
    return None
