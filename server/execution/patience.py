"""Patience with a system that cannot be asked just now: a look that was not taken is taken again for some seconds.

An access token that is being refreshed, a target that restarts: after a send that is no reason to leave an outcome in
doubt, or an attempt out; after people's approval it is none to ask them anew. Before that a write waits only for a
limit of requests that soon frees; of all else its agent is told that it may call again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from contracts.action.dispatch import ReadPermit
from contracts.action.observation import Observation, Outage
from contracts.action.target import Target
from policies.decision import Denied, Unavailable
from policies.release import Release
from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.journal.journal import Journal
from server.results import answers

LIMIT_SECONDS: Final = 10.0
"""How long a write waits for a target that takes no more requests just now; half of what its agent waits."""
PATIENCE_MS: Final = 5_000
"""A refresh of a token that gave nothing is tried again after 1 s, then after 2 s."""
APPROVED_SECONDS: Final = 10.0
"""How long an approved action is looked at again at a time. A gateway that ends waits no longer for it; the next look
for actions (`RecoveryLoop`) goes on with it, here or at another replica."""
_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 4.0
_LASTING: Final = frozenset({"not_connected", "no_open_route"})
"""What lasts until a person does something."""
_WAITED_FOR: Final = frozenset({"not_cosigned"})
"""What was waited for already."""
log = structlog.get_logger()


class Patience:
    """With one connection, from the first question that was not taken on; no longer than its reads may lag behind."""

    def __init__(self, target: Target) -> None:
        self._seconds = min(PATIENCE_MS, target.max_settle_ms) / 1000
        self._until: float | None = None

    async def bears(self, outage: Outage | None) -> bool:
        """Is it worth asking again, after a pause: could nobody be asked, for a reason that may pass, in this time?"""
        if outage is None or outage in _LASTING | _WAITED_FOR:
            return False
        now = time.monotonic()
        self._until = now + self._seconds if self._until is None else self._until
        if now >= self._until:
            return False
        await asyncio.sleep(min(_PAUSE_SECONDS, self._until - now))
        return True


class ApprovalPatience:
    """With whatever an approved action depends on: each pause is longer than the last, up to `APPROVED_SECONDS`."""

    def __init__(self) -> None:
        self._until = time.monotonic() + APPROVED_SECONDS
        self._pause = _PAUSE_SECONDS

    async def bears(self) -> bool:
        """Is it decided again now, after a pause? Else it is left as it stands, to whoever looks next."""
        left = self._until - time.monotonic()
        if left <= 0:
            return False
        await asyncio.sleep(min(self._pause, left))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        return True


async def keeps_approval(journal: Journal, release: Release, action: Action, unsent: Denied) -> bool:
    """Does an action stay approved: was nobody refused, may the reason pass by itself, and do its approvals still hold?

    INVARIANT 2: it is decided again when the system answers, and its approvals count no longer than they say.
    """
    if not isinstance(unsent, Unavailable) or action.state == "new":
        return False
    if unsent.outage in _LASTING and not _is_brought(release, unsent):
        return False
    return journal.store.now_ms() < await approved_until_ms(journal, action)  # guard: an outage after an approval


def _is_brought(release: Release, unsent: Unavailable) -> bool:
    """Is what lacks the requester's own token, which whatever their agent asks for next brings along?"""
    target = release.targets.get(unsent.connection)
    exchanges = target is not None and target.oauth2 is not None and target.oauth2.is_exchanged
    return exchanges and unsent.outage == "not_connected"


async def approved_until_ms(journal: Journal, action: Action) -> int:
    """Until when the approvals of an action may still be used, in milliseconds since the epoch."""
    given = [one.binding.expires_ms for one in await journal.approvals(action.id)]
    return min([*given, action.expires_ms])


def left_approved(action: Action, unsent: Unavailable) -> ActionResult:
    """What its agent is told meanwhile; whoever runs the gateway reads the reason in the log."""
    log.warning(
        "approved_action_waits",
        connection=unsent.connection or action.request.connection,
        outage=unsent.outage,
        contract=action.request.contract,
        action=action.id,
    )
    return answers.running(action.id, action.receipt_id)


def outage_of(seen: Observation) -> Outage | None:
    """Why a look was not taken; None where it was, or where the record is at fault."""
    return seen.outage.outage if seen.outage is not None else None


async def has_waited(unsent: Unavailable) -> bool:
    """Wait where the target said how soon it takes requests again: who decided before must decide anew."""
    if not 0.0 < unsent.frees_seconds <= LIMIT_SECONDS:
        return False
    await asyncio.sleep(unsent.frees_seconds)
    return True


async def observe_patiently(
    observe: Callable[[ReadPermit], Awaitable[Observation]], permit: ReadPermit, target: Target
) -> Observation:
    """One look that was taken, or the last one that was not."""
    patience = Patience(target)
    while True:
        seen = await observe(permit)
        if not await patience.bears(outage_of(seen)):
            return seen
