"""The processes that run adapters in Python: one for each connection and credential, kept while they answer."""

import asyncio
import contextlib
import hashlib
import sys

from adapters.credentials.cache import Credentials
from adapters.python.host import Call, Host, HostReply
from contracts.action.target import Target
from contracts.errors import AilyusError


class Hosts:
    """The pool. A process that starts serves whoever waits for it, also after the first who asked has given up.

    `python` is the interpreter in whose environment the adapters are installed: that of the gateway.
    """

    def __init__(self, credentials: Credentials, python: str = sys.executable) -> None:
        self.credentials = credentials
        self._python = python
        self._opening: dict[tuple[str, str, str], asyncio.Task[Host]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def running(self) -> int:
        """How many processes there are, those that start included."""
        return sum(not one.done() or _is_usable(one) for one in list(self._opening.values()))

    async def ask(self, target: Target, reference: str, call: Call) -> HostReply:
        """Ask the adapter of a connection, with one of its credentials. Raises `AilyusError` when there is none."""
        host = await self.of(target, reference)
        answer = await host.ask(call)
        if answer.end == "lost":
            self.warm(target, reference)  # the next call should not wait for a start
        return answer

    async def of(self, target: Target, reference: str) -> Host:
        """The process to use, started if there is none. Raises `AilyusError`."""
        secret = await self.credentials.value(reference) or ""
        return await asyncio.shield(self._start(target, reference, secret))

    def warm(self, target: Target, reference: str) -> None:
        """Start a process without waiting for it."""
        if not self._closed:
            self._behind(asyncio.create_task(self._warmed(target, reference)))

    async def _warmed(self, target: Target, reference: str) -> None:
        with contextlib.suppress(AilyusError):  # told to whoever calls
            await self.of(target, reference)

    async def close(self) -> None:
        """End every process."""
        self._closed = True
        opened = await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.gather(*(host.close() for host in opened if isinstance(host, Host)), *self._closing)
        self._opening.clear()

    def _start(self, target: Target, reference: str, secret: str) -> asyncio.Task[Host]:
        # guard: one credential a process
        key = (target.digest, reference, hashlib.sha256(secret.encode()).hexdigest())
        known = self._opening.get(key)
        if known is not None and (not known.done() or _is_usable(known)):
            return known
        for former in [one for one in self._opening if one[:2] == key[:2]]:
            self._behind(asyncio.create_task(_retired(self._opening.pop(former))))
        self._opening[key] = begun = asyncio.create_task(self._opened(target, secret))
        return begun

    def _behind(self, task: asyncio.Task[None]) -> None:
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _opened(self, target: Target, secret: str) -> Host:
        if target.plugin is None:
            raise AilyusError("no_adapter", f"the connection `{target.name}` has no adapter")
        first = {
            "entry_point": target.plugin.entry_point,
            "digest": target.plugin.digest,
            "base_url": target.base_url,
            "principal": target.principal,
            "credential": secret,
        }
        folder = self.credentials.root / ".ailyus" / "adapters" / target.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        host = Host()
        await host.open(self._python, first, folder)
        return host


async def _retired(opened: asyncio.Task[Host]) -> None:
    with contextlib.suppress(AilyusError, asyncio.CancelledError):
        await (await opened).retire()


def _is_usable(opened: asyncio.Task[Host]) -> bool:
    return not opened.cancelled() and opened.exception() is None and opened.result().usable
