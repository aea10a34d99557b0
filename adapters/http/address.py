"""The address of a request: what of its URL stands on the wire, and what httpx2 is told of it."""

import functools
from urllib.parse import urlsplit

import httpx2


def origin_of(url: str) -> httpx2.URL:
    """Scheme, host and port: all that the client has to know, and all that its log and its exceptions can hold."""
    parts = urlsplit(url)
    return _parsed(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/")


_parsed = functools.lru_cache(maxsize=256)(httpx2.URL)  # 24 µs for each URL; many requests go to few origins


def target_of(url: str) -> bytes:
    """Path and query byte for byte as they were rendered: `httpx2.URL` takes dots out and escapes anew."""
    rest = url.partition("://")[2].partition("#")[0]
    return rest[rest.index("/") :].encode("ascii")


def host_of(url: str) -> str:
    """The value of `Host`: lower case, with the port where the URL has one, an IPv6 address in brackets."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if parts.port is None else f"{name}:{parts.port}"
