"""The shadow at the console: what it would decide otherwise for a tenant; an admin begins and ends it."""

from collections.abc import Callable

from pydantic import JsonValue
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import RECEIPTS
from policies.release import Release
from receipts.store.store import Store
from receipts.tables import shadows
from server.admin import access
from server.console.estate import is_alone
from server.console.redirection import redirect
from server.console.visit import ConsoleRequest, View
from server.operations.candidates import Candidates

MAX_FLIPS = 50
"""Kinds of flips of a shadow on one page; `ailyus policy shadow report` has all."""


class ShadowPages:
    """Begins a proposed release as the shadow of the live one, and ends it."""

    def __init__(self, candidates: Candidates, is_admin: Callable[[Person], bool]) -> None:
        self._candidates = candidates
        self._is_admin = is_admin

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("POST", "/releases/{candidate}/shadow", self.begin),
            View("POST", "/policies/shadow/end", self.end),
        ]

    async def begin(self, visit: ConsoleRequest) -> Response:
        """Let a candidate decide beside the live release; it permits nothing."""
        self._require_right(visit)
        digest = visit.named("candidate")
        await self._candidates.begin_shadow(digest, visit.person.name)
        return redirect(f"/releases/{digest}")

    async def end(self, visit: ConsoleRequest) -> Response:
        """End the shadow that is on, whoever began it."""
        self._require_right(visit)
        await self._candidates.shadow.end(visit.person.name)
        return redirect("/policies")

    def _require_right(self, visit: ConsoleRequest) -> None:
        live = self._candidates.releases.runner.release
        if not may_shadow(self._is_admin(visit.person), is_alone(live, visit.tenant)):
            hint = "see `[console] admins`; with several tenants, begin it at the terminal: `ailyus policy shadow on`"
            raise AilyusError("no_authority", "only an admin begins or ends a shadow here", hint=hint)


def may_shadow(is_admin: bool, is_alone: bool) -> bool:
    """May somebody begin and end it here? It decides every tenant's calls again."""
    # INVARIANT 9: with several tenants, only who sees them all lets something decide beside all of them
    return is_admin and is_alone  # guard: who begins a shadow at the console


async def shadow_of(store: Store, release: Release, person: Person) -> dict[str, JsonValue] | None:
    """The candidate that decides beside the live release, and what it makes otherwise for the tenant of a person.

    Whose calls these are is told to whoever reads receipts; others see how many there are.
    """
    record = await store.read_aside(shadows.current)
    if record is None or not record.is_on(store.now_ms()):
        return None
    # what the shadow did for other tenants is not told here, as a number neither
    flips = [one for one in await store.read_aside(shadows.flips) if one.tenant == person.tenant]
    counts: dict[str, JsonValue] = {
        kind: sum(one.count for one in flips if one.kind == kind) for kind in ("wider", "narrower")
    }
    shown = flips[:MAX_FLIPS] if access.may(release, RECEIPTS, person) else []
    told: list[JsonValue] = [one.model_dump(mode="json") for one in shown]
    return {
        "name": record.name,
        "by": record.by,
        "digest": record.digest,
        "began_ms": record.began_ms,
        **counts,
        "flips": told,
    }
