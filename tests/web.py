"""HTTP clients for what runs on this machine: no proxy of the environment, and no certificates, which take 30 ms to load."""

import functools

import httpx2

from adapters.tls import nobody

_NOBODY = nobody()
web = functools.partial(httpx2.AsyncClient, trust_env=False, verify=_NOBODY)
blocking_web = functools.partial(httpx2.Client, trust_env=False, verify=_NOBODY)
