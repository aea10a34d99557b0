"""A reader of the log for pages: of one tenant, beside the loop, and of the whole log one at a time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from contracts.errors import AilyusError
from contracts.schema.fields import milliseconds
from receipts.statement import entries
from receipts.store.row import Read
from server.approvals.inbox import Inbox
from server.console.visit import ConsoleRequest

T = TypeVar("T")


class ReceiptReader:
    """Reads on a thread of its own, so that no page keeps an action waiting."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        # the whole log, or all about an action: one at a time, so that nobody keeps every thread busy
        self._one_at_a_time = asyncio.Lock()

    async def must_see(self, visit: ConsoleRequest, receipt: str) -> None:
        """Raise `not_found` for a receipt of another tenant."""
        # INVARIANT 9: nobody reads another tenant's receipt; a foreign id is not found
        # guard: receipts of one's own tenant
        if await entries.tenant_of(self._inbox.runner.journal.store, receipt) != visit.tenant:
            raise AilyusError("not_found", "there is no such receipt that you may see", hint="search for it")

    async def of_tenant(self, visit: ConsoleRequest, receipt: str) -> str:
        """The same id, of a receipt that this person may see; an empty one stays empty."""
        if receipt:
            await self.must_see(visit, receipt)
        return receipt

    def since_ms(self, text: str, default: str) -> int:
        """The instant that lies so long ago; 0 where nothing is asked for."""
        try:
            ago = milliseconds(text or default) if text or default else None
        except ValueError:
            raise AilyusError("bad_form", f"`{text}` is no length of time", hint="for example 12h or 30m") from None
        return self._inbox.runner.journal.store.now_ms() - ago if ago is not None else 0

    async def aside(self, work: Callable[[Read], T]) -> T:
        """Read a snapshot on another thread."""
        return await self._inbox.runner.journal.store.read_aside(work)

    async def one_by_one(self, work: Callable[[Read], T]) -> T:
        """The same for what reads much, one at a time."""
        async with self._one_at_a_time:
            return await self.aside(work)
