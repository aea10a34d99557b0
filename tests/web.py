"""HTTP clients for what runs on this machine: no proxy of the environment, and no certificates, which take 30 ms to load."""

import functools
from typing import Any

import httpx2

from adapters.tls import no_trust
from tests.slowness import scaled

_NOBODY = no_trust()
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
"""A connection is used again for 2 s: some servers of tests close it after 5 s, and who meets that gets no answer."""
_client = functools.partial(httpx2.AsyncClient, trust_env=False, verify=_NOBODY, limits=_LIMITS)
_blocking_client = functools.partial(httpx2.Client, trust_env=False, verify=_NOBODY, limits=_LIMITS)


def web(timeout: float | None = 5.0, **how: Any) -> httpx2.AsyncClient:
    """A client in asyncio; `timeout` in seconds, longer on a busy machine; None: for ever."""
    return _client(timeout=None if timeout is None else scaled(timeout), **how)


def blocking_web(timeout: float | None = 5.0, **how: Any) -> httpx2.Client:
    """A client that blocks; `timeout` in seconds, longer on a busy machine; None: for ever."""
    return _blocking_client(timeout=None if timeout is None else scaled(timeout), **how)
