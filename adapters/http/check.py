"""The harmless read that a connection declares as its `check`: is its credential taken, and what is answered?"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import httpx2
from pydantic import JsonValue

from adapters.decoding import Undecodable, decode
from adapters.http.address import host_of, origin_of, target_of
from adapters.http.answer import TooLarge, content_of
from adapters.tls import trusted
from contracts.action.http_request import same_place
from contracts.action.target import Target
from contracts.compiler.expressions import Fault

SECONDS: Final = 10.0
"""How long the target may take."""


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What the target answered: its status, and its body where that is JSON."""

    status: int
    body: JsonValue = field(default=None, repr=False)

    @property
    def is_taken(self) -> bool:
        """Did the target take the credential and answer?"""
        return 200 <= self.status < 300


async def checked(target: Target, credential: str | None) -> CheckAnswer | Fault:
    """One GET of the declared path with this credential. It follows no redirect and is sent once."""
    url = f"{target.base_url.rstrip('/')}{target.check}"
    if not target.check or not same_place(url, target.base_url):
        return Fault("the connection declares no `check` below its base URL")
    fields = {"host": host_of(url), "accept": "application/json", "accept-encoding": "gzip", **dict(target.headers)}
    if credential is not None:
        fields[target.header.lower()] = f"{target.scheme} {credential}".strip()
    request = httpx2.Request(
        "GET",
        origin_of(url),
        headers=[(name.lower().encode("ascii"), value.encode("ascii")) for name, value in fields.items()],
        extensions={"target": target_of(url)},
    )
    transport = httpx2.AsyncHTTPTransport(verify=trusted(), trust_env=False)
    try:
        async with asyncio.timeout(SECONDS), transport:
            answer = await transport.handle_async_request(request)
            try:
                return CheckAnswer(answer.status_code, _json(await content_of(answer)))
            finally:
                await answer.aclose()
    except (httpx2.TransportError, httpx2.InvalidURL, TooLarge, TimeoutError, OSError) as error:
        # never the exception's text: it can hold URLs, headers and bodies
        return Fault(f"the target could not be asked: {type(error).__name__.lower()}")


def _json(raw: bytes) -> JsonValue:
    try:
        return decode(raw, "json", ())
    except Undecodable:
        return None
