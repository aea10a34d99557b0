"""The access tokens of all connections that sign in: those that people's sign-ins gave, and those that clients fetch.

`Credentials` asks it for every reference that begins with `oauth2:`. A kept token is read from the store each time it
is used: what another replica refreshed, and what a person disconnected, counts at once.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from adapters.oauth.client_tokens import AGAIN_SECONDS, ClientTokens, DeclaredTokens, declared
from contracts.action.target import Target
from contracts.errors import AilyusError
from receipts.store.transaction import Txn
from receipts.tables import grants
from receipts.tables.grants import StoredGrant
from server.operations.connections.grants import Grants
from server.operations.connections.token_refresh import TokenRefresh

_SOONEST_END_MS: Final = 5_000
"""So long before its end a token is not sent any more, since the request takes its time; of a short one a tenth."""
USE_SECONDS: Final = 60.0
log = structlog.get_logger()


@dataclass(slots=True)
class _Seen:
    """What this replica saw of a grant: since when which tokens, and whether a target refused them."""

    version: int
    at: float
    can_refresh: bool
    doubted_at: float = float("-inf")
    is_doubted: bool = False


class AccessTokens:
    """The token source of one gateway."""

    def __init__(self, fetched: ClientTokens, kept: Grants) -> None:
        self._fetched = fetched
        self._grants = kept
        self._refresh = TokenRefresh(kept, fetched.servers)
        self._declared: dict[str, DeclaredTokens] = {}
        self._seen: dict[str, _Seen] = {}
        self._used: dict[str, int] = {}
        self._used_at = time.monotonic()

    def declare(self, targets: Iterable[Target]) -> None:
        """Learn of the connections of a release."""
        found = declared(targets)
        self._declared |= {name: one for name, one in found.items() if one.client.is_stored}
        self._fetched.declare(targets)

    async def value(self, reference: str, person: str) -> str:
        """A token that holds for some seconds more. Raises `no_credential`."""
        one = self._declared.get(reference)
        if one is None:
            return await self._fetched.value(reference, person)
        row = await self._known(reference, person, one)
        now = self._grants.store.now_ms()
        if not self._may_serve(row, now):
            row = await self._renewed(row, one)
            if not self._may_serve(row, self._grants.store.now_ms()):
                raise _unusable(row, one)
        token = self._grants.opened(row).access
        if not token:
            raise _unusable(row, one)
        self._used[row.id] = now
        return token

    async def is_obtainable(self, reference: str) -> bool:
        """Did somebody sign in, and does that still hold?"""
        if reference not in self._declared:
            return await self._fetched.is_obtainable(reference)
        row = await self._grants.find(reference)
        return row is not None and row.state != "needs_person"

    async def is_renewed(self, reference: str, since: float, person: str) -> bool:
        """Are there other tokens than at `since`? Refreshes them, if not just now."""
        one = self._declared.get(reference)
        if one is None:
            return await self._fetched.is_renewed(reference, since, person)
        row = await self._known(reference, person, one)
        seen = self._see(row)
        is_doubted = self._refresh.is_running(row) or seen.is_doubted or self._may_doubt(seen)
        if seen.at <= since and row.tokens.refresh and is_doubted:
            row = await self._renewed(row, one)
        return self._see(row).at > since

    def doubt(self, reference: str, person: str, since: float) -> bool:
        """A target refused what was known at `since`: does whoever asks next get another, which is refreshed first?"""
        if reference not in self._declared:
            return self._fetched.doubt(reference, person, since)
        seen = self._seen.get(reference.replace("{person}", person))
        if seen is None or seen.at > since:
            return seen is not None
        seen.is_doubted = seen.is_doubted or (seen.can_refresh and self._may_doubt(seen))
        return seen.is_doubted

    async def sweep(self) -> None:
        """Begin the refresh of whatever is due, also while nobody uses it; write down now and then what was used."""
        if not self._declared:
            return
        by_grant = {name.removesuffix("/{person}"): one for name, one in self._declared.items()}
        for row in await grants.due(self._grants.store):
            reference = row.id.removesuffix(f"/{row.person}") if row.person else row.id
            one = by_grant.get(reference)
            # of a connection that is none any more: its tokens end by themselves
            if one is not None and not self._refresh.is_running(row):
                self._refresh.begin(row, one).add_done_callback(_told)
        if time.monotonic() - self._used_at >= USE_SECONDS:
            await self._write_uses()

    async def close(self) -> None:
        """Let refreshes end, then give connections back."""
        await self._refresh.close()
        if self._used:
            with contextlib.suppress(AilyusError):
                await self._write_uses()
        await self._fetched.close()

    async def _known(self, reference: str, person: str, one: DeclaredTokens) -> StoredGrant:
        row = await self._grants.find(reference.replace("{person}", person))
        if row is None:
            who = f" as `{person}`" if one.client.per_person else ""
            hint = f"connect it: `ailyus connection sign-in {one.connection}`"
            raise AilyusError("not_connected", f"nobody signed in to `{one.connection}`{who}", hint=hint)
        return row

    async def _renewed(self, row: StoredGrant, one: DeclaredTokens) -> StoredGrant:
        """The grant after a refresh, where one may be tried now."""
        now = self._grants.store.now_ms()
        waits = row.tried > 0 and row.tokens.next_ms is not None and row.tokens.next_ms > now
        if row.state == "needs_person" or (waits and row.state == "ready"):
            return row
        found = await asyncio.shield(self._refresh.begin(row, one))
        if found is None:
            raise _unusable(row, one)
        return found

    def _may_serve(self, row: StoredGrant, now_ms: int) -> bool:
        # a token that a target refused is sent no more, where another one can be had
        return _is_usable(row, now_ms) and not self._see(row).is_doubted

    def _see(self, row: StoredGrant) -> _Seen:
        seen = self._seen.get(row.id)
        if seen is None:  # however long it was there before
            seen = self._seen[row.id] = _Seen(row.version, float("-inf"), bool(row.tokens.refresh))
        elif seen.version != row.version:
            seen = self._seen[row.id] = _Seen(row.version, time.monotonic(), bool(row.tokens.refresh), seen.doubted_at)
        return seen

    def _may_doubt(self, seen: _Seen) -> bool:
        now = time.monotonic()
        if now - seen.doubted_at < AGAIN_SECONDS:  # a token that is refused for good is not refreshed at each call
            return False
        seen.doubted_at = now
        return True

    async def _write_uses(self) -> None:
        used, self._used, self._used_at = self._used, {}, time.monotonic()

        def work(txn: Txn) -> None:
            for grant, at_ms in used.items():
                grants.use(txn, grant, at_ms)

        if used:
            await self._grants.store.write(work)


def _is_usable(row: StoredGrant, now_ms: int) -> bool:
    end = row.tokens.expires_ms
    return end is None or now_ms < end - min(_SOONEST_END_MS, max(0, end - row.refreshed_ms) // 10)


def _unusable(row: StoredGrant, one: DeclaredTokens) -> AilyusError:
    why = row.reason or "its access token ended, or the system refuses it"
    hint = f"connect it again: `ailyus connection sign-in {one.connection}`"
    if row.state != "needs_person":
        hint = "it is tried again; see `ailyus connection list`"
    code = "not_connected" if row.state == "needs_person" else "no_credential"
    return AilyusError(code, f"`{one.connection}` has no usable access token: {why}", hint=hint)


def _told(task: "asyncio.Task[StoredGrant | None]") -> None:
    """Whoever waits is told; where nobody does, the log is."""
    if not task.cancelled() and isinstance(fault := task.exception(), Exception):
        code = fault.code if isinstance(fault, AilyusError) else type(fault).__name__.lower()
        log.warning("token_not_refreshed", code=code)
