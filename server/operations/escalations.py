"""Telling somebody: an escalation is delivered by its route, acknowledged by a person, or goes on to the next route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
import structlog
from pydantic import JsonValue

from adapters.secrets import Credentials
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from contracts.http_request import check_base_url
from receipts.conclusion import Escalation, escalate
from receipts.predicates import EscalationFacts
from receipts.store import Conflict, Txn, integer
from server.actions.pipeline import Pipeline
from server.operations.webhooks import CLAIM_MS, client, delivered, signed_headers

MAX_TRIES = 5
"""Failed deliveries after which the next route is told too."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Way:
    """One route: its webhook, which route is told when nobody acknowledges within `after_ms`, and what signs it."""

    webhook: str
    next: str | None
    after_ms: int
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class _Open:
    id: str
    action_id: str
    route: str
    tried: int
    delivered: bool


class Escalations:
    """Delivers escalations; what is not acknowledged goes on."""

    def __init__(self, pipeline: Callable[[], Pipeline], ways: Mapping[str, Way], credentials: Credentials) -> None:
        for way in ways.values():
            check_base_url(way.webhook)
        self._pipeline = pipeline
        self._ways = ways
        self._credentials = credentials
        self._http = client()

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()

    async def sweep(self) -> None:
        """Deliver what is due; go on to the next route where nobody acknowledged."""
        store = self._pipeline().journal.store
        rows = await store.read(
            "SELECT id, action_id, route, tried, delivered_ms IS NOT NULL FROM escalations"
            " WHERE acknowledged_ms IS NULL AND handed_on_ms IS NULL AND next_ms <= ? LIMIT 20",
            store.now_ms(),
        )
        for row in rows:
            open_ = _Open(str(row[0]), str(row[1]), str(row[2]), integer(row[3]), bool(row[4]))
            if await self._claimed(open_):
                await self._one(open_)

    async def _claimed(self, open_: _Open) -> bool:
        # INVARIANT: of several that sweep at once one goes on; if it dies, the escalation is due again
        def work(txn: Txn) -> None:
            txn.write(
                "UPDATE escalations SET next_ms = ? WHERE id = ? AND acknowledged_ms IS NULL AND next_ms <= ?",
                txn.now_ms + CLAIM_MS,
                open_.id,
                txn.now_ms,
            )

        try:
            await self._pipeline().journal.store.write(work)
        except Conflict:
            return False
        return True

    async def _one(self, open_: _Open) -> None:
        way = self._ways.get(open_.route)
        if way is None:
            log.warning("no_route", route=open_.route, hint="give it a webhook under [escalations] in ailyus.toml")
            await self._update(open_, "tried = tried + 1, next_ms = ?", self._now() + 3_600_000)
            return
        if open_.delivered:
            await self._go_on(open_, way, "unacknowledged")
        elif await self._delivered(open_, way):
            await self._update(
                open_, "delivered_ms = ?, next_ms = ?", self._now(), self._now() + way.after_ms, event="delivered"
            )
        elif open_.tried + 1 >= MAX_TRIES:
            await self._go_on(open_, way, "undeliverable")
        else:
            pause = min(60_000, 1000 * 2**open_.tried)
            await self._update(open_, "tried = tried + 1, next_ms = ?", self._now() + pause)

    async def _delivered(self, open_: _Open, way: Way) -> bool:
        journal = self._pipeline().journal
        action = await journal.get(open_.action_id)
        if action is None:
            return True
        # names and ids only: what a target or an agent wrote leaves by the console, never by a notice
        notice = {
            "escalation": open_.id,
            "route": open_.route,
            "action": action.id,
            "contract": action.request.contract,
            "risk": action.request.risk,
            "status": action.status,
            "receipt": (action.result or {}).get("receipt_id"),
        }
        body, headers = orjson.dumps(notice), {"content-type": "application/json"}
        try:
            secret = self._credentials.value(way.secret or "none")
        except AilyusError as error:
            log.warning("no_secret", route=open_.route, hint=error.hint)
            return False
        if secret is not None:
            headers = signed_headers(secret, open_.id, self._now(), body)
        return await delivered(self._http, way.webhook, body, headers)

    async def _go_on(self, open_: _Open, way: Way, event: str) -> None:
        following = way.next if way.next in self._ways else None
        more = Escalation(new_id("esc"), following) if following else None
        if more:
            await self._update(open_, "handed_on_ms = ?", self._now(), event=event, more=more)
            return
        # without a next route the same one is told again
        columns, again = "delivered_ms = NULL, tried = 0, next_ms = ?", self._now() + way.after_ms
        await self._update(open_, columns, again, event=event)

    async def acknowledge(self, escalation: str, person: str) -> None:
        """A person takes it on."""
        pipeline = self._pipeline()
        if pipeline.release.people.get(person) is None:
            raise AilyusError("unknown_person", f"`{person}` is no declared person")
        rows = await pipeline.journal.store.read("SELECT action_id, route FROM escalations WHERE id = ?", escalation)
        if not rows:
            raise AilyusError("not_found", f"there is no escalation `{escalation}`", hint="`ailyus escalation list`")
        action_id = str(rows[0][0])
        open_ = _Open(escalation, action_id, str(rows[0][1]), 0, True)
        columns = "acknowledged_ms = ?, acknowledged_by = ?"
        try:
            await self._update(open_, columns, self._now(), person, event="acknowledged", by=person)
        except Conflict:
            raise AilyusError("not_waiting", "somebody acknowledged it already") from None

    async def _update(
        self,
        open_: _Open,
        columns: str,
        *values: int | str,
        event: str = "",
        by: str = "",
        more: Escalation | None = None,
    ) -> None:
        journal = self._pipeline().journal
        facts = EscalationFacts(event=event, escalation=open_.id, route=open_.route, of=open_.action_id)
        action = await journal.get(open_.action_id)
        if by and action:
            who = journal.notary.pseudonym(action.request.tenant, "person", by)
            facts = facts.also({"by": who})
        tenant = action.request.tenant if action else ""
        subject = {open_.id: sha256(open_.id.encode())}
        sealed = journal.notary.seal_plain(facts, new_id("rcp"), tenant, subject, self._now())

        def work(txn: Txn) -> None:
            # only our own literals are joined into the text; every value is a parameter
            sql = f"UPDATE escalations SET {columns} WHERE id = ? AND acknowledged_ms IS NULL"
            txn.write(sql, *values, open_.id)
            if more:
                escalate(txn, more, open_.action_id)
            if event:
                sealed.insert(txn)

        await journal.store.write(work)

    async def listed(self, tenant: str | None = None) -> list[dict[str, JsonValue]]:
        """Every escalation that nobody acknowledged, newest first; of one tenant, or of all."""
        rows = await self._pipeline().journal.store.read(
            "SELECT e.id, e.action_id, e.route, a.contract, a.status, e.created_ms, e.delivered_ms"
            " FROM escalations AS e JOIN actions AS a ON a.id = e.action_id"
            " WHERE e.acknowledged_ms IS NULL AND (?1 IS NULL OR a.tenant = ?1) ORDER BY e.created_ms DESC LIMIT 100",
            tenant,
        )
        return [
            {
                "escalation": str(r[0]),
                "action": str(r[1]),
                "route": str(r[2]),
                "contract": str(r[3]),
                "status": str(r[4]),
                "createdMs": int(str(r[5])),
                "deliveredMs": None if r[6] is None else int(str(r[6])),
            }
            for r in rows
        ]

    def _now(self) -> int:
        return self._pipeline().journal.store.now_ms()
