"""So many calls a second, reads and writes, by real clients of both eras that keep their connections and sessions."""

import asyncio
import itertools
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.slowness import scaled

RECORDS = tuple(f"r{number}" for number in range(40))
ERAS = ("legacy", "auto")
CLIENTS = 4
"""Of each era."""
MOST = 24
"""Calls on their way at once: a machine that cannot keep the pace makes fewer."""
_LETTERS = "abcdefghij"


def name_of(number: int) -> str:
    """A number as a word of letters, since events have such names."""
    return "".join(_LETTERS[int(digit)] for digit in str(number))


@dataclass
class Load:
    """What was asked, what was answered, and what went wrong."""

    url: str
    token: str
    rate: float
    tls: ssl.SSLContext
    """What its clients trust."""
    idle: float
    """Seconds for which its clients keep a connection that is idle; the library's own are 5."""
    sent: dict[str, str] = field(default_factory=dict)
    """The record of each event that was asked for."""
    answers: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0
    """How long it lasted: a machine that cannot keep the pace is told by it."""

    async def run(self, until: asyncio.Event) -> None:
        """Call at this rate until it is enough, and then until everything is answered."""
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            clients = [await stack.enter_async_context(self._client(era)) for era in ERAS for _ in range(CLIENTS)]
            turns, places = itertools.cycle(clients), asyncio.Semaphore(MOST)
            begun = time.monotonic()
            for number in itertools.count():
                await asyncio.sleep(max(0.0, begun + number / self.rate - time.monotonic()))
                if until.is_set():
                    break
                await places.acquire()
                group.create_task(self._one(next(turns), number)).add_done_callback(lambda _: places.release())
            self.seconds = time.monotonic() - begun

    @asynccontextmanager
    async def _client(self, era: str) -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {self.token}"}
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=self.idle)
        async with (
            httpx2.AsyncClient(
                headers=headers, timeout=scaled(30), trust_env=False, verify=self.tls, limits=limits
            ) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=era) as client,
        ):
            yield client

    async def _one(self, client: Client, number: int) -> None:
        record, at = RECORDS[number % len(RECORDS)], time.monotonic()
        # a write and a read in turn at each client
        is_write = number // (len(ERAS) * CLIENTS) % 2 == 0
        try:
            if is_write:
                self.sent[name_of(number)] = record
                answer = await self._ended(client, "add_event", {"record": record, "name": name_of(number)})
            else:
                answer = await self._ended(client, "get_record", {"record": record})
            status = str(answer["status"])
            self.answers[status] += 1
            if status != "confirmed":
                self.errors.append(f"call {number}: {answer}")
        except Exception as error:  # whatever a client meets is what is looked for
            self.errors.append(f"call {number}: {_told(error)}")
        self.slowest = max(self.slowest, time.monotonic() - at)

    async def _ended(self, client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call; one that goes on is asked after, as its agent would."""
        found = await client.call_tool(tool, arguments)
        answer = dict(found.structured_content or {})
        while answer.get("status") == "running":
            self.answers["running"] += 1
            asked = {"action_id": answer["action_id"], "wait_seconds": 20}
            answer = dict((await client.call_tool("get_action", asked)).structured_content or {})
        return answer


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def not_once(sent: dict[str, str], state: Any) -> list[str]:
    """What stands at the target otherwise than once, and what nobody asked for."""
    found: Counter[tuple[str, str]] = Counter(
        (record, event["name"])
        for record, kept in state["acme"]["records"]["records"].items()
        for event in kept["events"]
    )
    wrong = [
        f"{name} stands {found[(record, name)]} times" for name, record in sent.items() if found[(record, name)] != 1
    ]
    return wrong + [f"nobody asked for {name}" for record, name in found if sent.get(name) != record]
