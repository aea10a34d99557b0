"""The processes that run adapters in Python: one for each connection and credential, kept while they answer."""

import asyncio
import sys
from pathlib import Path

from adapters.credentials import Credentials
from adapters.python.host import Call, Host, HostReply
from contracts.action.target import Target
from contracts.errors import AilyusError


class Hosts:
    """The pool. A process that starts serves whoever waits for it, also after the first who asked has given up.

    `python` is the interpreter in whose environment the adapters are installed: that of the gateway.
    """

    def __init__(self, root: Path, python: str = sys.executable) -> None:
        self._root = root
        self._python = python
        self._opening: dict[tuple[str, str], asyncio.Task[Host]] = {}
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
        return await asyncio.shield(self._start(target, reference))

    def warm(self, target: Target, reference: str) -> None:
        """Start a process without waiting for it."""
        if not self._closed:
            self._start(target, reference)

    async def close(self) -> None:
        """End every process."""
        self._closed = True
        opened = await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.gather(*(host.close() for host in opened if isinstance(host, Host)), *self._closing)
        self._opening.clear()

    def _start(self, target: Target, reference: str) -> asyncio.Task[Host]:
        key = (target.digest, reference)  # guard: one credential a process
        known = self._opening.get(key)
        if known is not None:
            if not known.done():
                return known
            host = None if known.cancelled() or known.exception() else known.result()
            if host is not None and host.usable:
                return known
            if host is not None:
                task = asyncio.create_task(host.retire())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
        self._opening[key] = task_of = asyncio.create_task(self._opened(target, reference))
        return task_of

    async def _opened(self, target: Target, reference: str) -> Host:
        if target.plugin is None:
            raise AilyusError("no_adapter", f"the connection `{target.name}` has no adapter")
        first = {
            "entry_point": target.plugin.entry_point,
            "digest": target.plugin.digest,
            "base_url": target.base_url,
            "principal": target.principal,
            "credential": Credentials(self._root).value(reference) or "",  # read anew with each process
        }
        folder = self._root / ".ailyus" / "adapters" / target.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        host = Host()
        await host.open(self._python, first, folder)
        return host


def _is_usable(opened: asyncio.Task[Host]) -> bool:
    return not opened.cancelled() and opened.exception() is None and opened.result().usable
