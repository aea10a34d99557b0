"""Telling somebody: an escalation is delivered by its route, acknowledged by a person, or goes on to the next route."""

from collections.abc import Mapping
from functools import partial

import orjson
import structlog
from pydantic import JsonValue

from adapters.credentials.cache import Credentials
from contracts.action.http_request import check_base_url
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from receipts.journal.outcome import REVIEW_ROUTE, Escalation, escalate
from receipts.statement.gateway_facts import EscalationFacts
from receipts.store.transaction import Conflict, Txn, Work
from receipts.tables import escalations
from receipts.tables.escalations import OpenEscalation
from server.actions.runner import ActionRunner
from server.operations.webhooks import CLAIM_MS, client, delivered, signed_headers
from server.workspace.settings.notification import EscalationPart

MAX_TRIES = 5
"""Failed deliveries after which the next route is told too."""
log = structlog.get_logger()


class Escalations:
    """Delivers escalations; what is not acknowledged goes on."""

    def __init__(self, runner: ActionRunner, routes: Mapping[str, EscalationPart], credentials: Credentials) -> None:
        for route in routes.values():
            check_base_url(route.webhook)
        self._runner = runner
        self._routes = routes
        self._credentials = credentials
        self._http = client()

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()

    def routes_of(self, tenant: str) -> Mapping[str, EscalationPart]:
        """Where somebody is told of this tenant's actions, by the names of the settings."""
        # INVARIANT 9: a route of another tenant would learn what became of this one's
        return {name: route for name, route in self._routes.items() if route.tenant in (None, tenant)}

    async def test(self, name: str) -> bool:
        """Send one message by a route that says that it is a test, and is about no action; was it taken?"""
        return await self._posted(new_id("esc"), name, {"route": name, "event": "test"})

    async def sweep(self) -> None:
        """Deliver what is due; go on to the next route where nobody acknowledged."""
        for open_ in await escalations.due(self._runner.journal.store):
            if await self._claimed(open_):
                await self._one(open_)

    async def _claimed(self, open_: OpenEscalation) -> bool:
        # INVARIANT: of several that sweep at once one goes on; if it dies, the escalation is due again
        try:
            await self._runner.journal.store.write(lambda txn: escalations.claim(txn, open_.id, CLAIM_MS))
        except Conflict:
            return False
        return True

    async def _one(self, open_: OpenEscalation) -> None:
        route = self.routes_of(open_.tenant).get(open_.route)
        if route is None:
            log.warning("no_route", route=open_.route, hint="give it a webhook under [escalations] in ailyus.toml")
            # put off and not dropped: a route that is added to the settings later is used then
            await self._update(
                open_, partial(escalations.put_off, escalation=open_.id, next_ms=self._now() + 3_600_000)
            )
            return
        if open_.delivered:
            await self._go_on(open_, route, "unacknowledged")
        elif await self._delivered(open_):
            at, following = self._now(), self._now() + route.after
            change = partial(escalations.deliver, escalation=open_.id, at_ms=at, next_ms=following)
            await self._update(open_, change, event="delivered")
        elif open_.tried + 1 >= MAX_TRIES:  # a pager that is down must not keep the next person from being called
            await self._go_on(open_, route, "undeliverable")
        else:
            pause = min(60_000, 1000 * 2**open_.tried)
            await self._update(open_, partial(escalations.put_off, escalation=open_.id, next_ms=self._now() + pause))

    async def _delivered(self, open_: OpenEscalation) -> bool:
        journal = self._runner.journal
        action = await journal.get(open_.action_id)
        if action is None:  # nothing is left to tell of, so that it is not tried again either
            return True
        # names and ids: what a target or an agent wrote leaves by the console alone, unless the settings say otherwise
        notice: dict[str, JsonValue] = {
            "escalation": open_.id,
            "route": open_.route,
            "action": action.id,
            "contract": action.request.contract,
            "risk": action.request.risk,
            "status": action.status,
            "receipt": action.receipt_id,
        }
        if self._routes[open_.route].sentence and action.sentence is not None:
            notice["says"] = action.sentence.quoted
        return await self._posted(open_.id, open_.route, notice)

    async def _posted(self, id_: str, name: str, notice: Mapping[str, JsonValue]) -> bool:
        route, headers = self._routes[name], {"content-type": "application/json"}
        body = orjson.dumps(notice)
        try:
            secret = await self._credentials.value(route.secret or "none")
        except AilyusError as error:
            log.warning("no_secret", route=name, hint=error.hint)
            return False
        if secret is not None:
            headers = signed_headers(secret, id_, self._now(), body)
        return await delivered(self._http, route.webhook, body, headers)

    async def _go_on(self, open_: OpenEscalation, route: EscalationPart, event: str) -> None:
        following = route.next if route.next in self.routes_of(open_.tenant) else None
        more = Escalation(new_id("esc"), following) if following else None
        if more:
            change = partial(escalations.hand_on, escalation=open_.id, at_ms=self._now())
            await self._update(open_, change, event=event, more=more)
            return
        # without a next route the same one is told again
        again = self._now() + route.after
        await self._update(open_, partial(escalations.begin_again, escalation=open_.id, next_ms=again), event=event)

    async def acknowledge(self, escalation: str, person: str) -> None:
        """A person takes it on."""
        runner = self._runner
        if runner.release.people.get(person) is None:
            raise AilyusError("unknown_person", f"`{person}` is no declared person")
        open_ = await escalations.find(runner.journal.store, escalation)
        if open_ is None:
            raise AilyusError("not_found", f"there is no escalation `{escalation}`", hint="`ailyus escalation list`")
        # INVARIANT: a review is over when somebody in its role says what they found, and not before
        if open_.route.startswith(REVIEW_ROUTE):  # guard: a review is not merely taken on
            hint = f"`ailyus escalation close {escalation} --comment TEXT`"
            raise AilyusError("bad_form", "this is a review, which is closed with a comment", hint=hint)
        change = partial(escalations.acknowledge, escalation=escalation, at_ms=self._now(), person=person)
        try:
            await self._update(open_, change, event="acknowledged", by=person)
        except Conflict:
            raise AilyusError("not_waiting", "somebody acknowledged it already") from None

    async def _update(
        self,
        open_: OpenEscalation,
        change: Work[None],
        *,
        event: str = "",
        by: str = "",
        more: Escalation | None = None,
    ) -> None:
        journal = self._runner.journal
        facts = EscalationFacts(event=event, escalation=open_.id, route=open_.route, of=open_.action_id)
        action = await journal.get(open_.action_id)
        if by and action:
            who = journal.notary.pseudonym(action.request.tenant, "person", by)
            facts = facts.also({"by": who})
        tenant = action.request.tenant if action else ""
        subject = {open_.id: sha256(open_.id.encode())}
        sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), tenant, subject, self._now())

        def work(txn: Txn) -> None:
            change(txn)
            if more:
                escalate(txn, more, open_.action_id)
            if event:
                sealed.insert(txn)

        await journal.store.write(work)

    async def listed(self, tenant: str | None = None) -> list[dict[str, JsonValue]]:
        """Every escalation that nobody acknowledged, newest first; of one tenant, or of all."""
        return [
            {
                "escalation": one.id,
                "action": one.action_id,
                "route": one.route,
                "contract": one.contract,
                "status": one.status,
                "createdMs": one.created_ms,
                "deliveredMs": one.delivered_ms,
            }
            for one in await escalations.unacknowledged(self._runner.journal.store, tenant)
        ]

    def _now(self) -> int:
        return self._runner.journal.store.now_ms()
