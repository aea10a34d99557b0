"""Telling people that they are needed: at once, again after a third of the time, the next group after two thirds.

Level-triggered: what must be told follows from what waits, so a crash forgets nothing, and the outbox (`notices` in the
store) tells nobody the same twice. A notice has the contract's title, risk, how many wait, and a link; the sentence
of the action only where the route's settings say so; never a button that decides.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Literal

import httpx2
import orjson
import structlog
from pydantic import JsonValue

from adapters.credentials.cache import Credentials
from contracts.action.http_request import check_base_url
from contracts.canonical import new_id
from contracts.errors import AilyusError
from receipts.action.action import Action
from receipts.store.transaction import Conflict, Txn
from receipts.tables import inventory, notices
from receipts.tables.notices import DueNotice
from server.approvals.inbox import Inbox
from server.operations import connection_notice
from server.operations.connection_notice import ConnectionNotice
from server.operations.webhooks import CLAIM_MS, client, delivered, signed_headers
from server.workspace.settings.notification import NoticePart

MAX_TRIES = 8
"""Failed deliveries after which a notice is given up; the console's inbox then says so."""
Event = Literal["waiting", "reminder", "next_group", "connection"]
log = structlog.get_logger()


class ApprovalNotifications:
    """The outbox: what is due is written down, then delivered."""

    def __init__(
        self,
        inbox: Inbox,
        routes: Mapping[str, NoticePart],
        credentials: Credentials,
        console: Callable[[], str],
        admins: Collection[str] = (),
    ) -> None:
        for name, route in routes.items():
            _check(name, route, routes)
        self._inbox = inbox
        self._routes = routes
        self._credentials = credentials
        self._console = console
        self._admins = admins
        self._told: dict[str, int] = {}
        self._told_lost: frozenset[str] = frozenset()
        self._http = client()

    @property
    def tells(self) -> bool:
        """Is anybody told at all?"""
        return bool(self._routes)

    def routes_of(self, tenant: str) -> Mapping[str, NoticePart]:
        """Who is told what this tenant asks for, by the names of the settings."""
        # INVARIANT 9: a route of another tenant is none of this one's business, and would learn what it asks for
        return {name: route for name, route in self._routes.items() if self._tenant(route) in (None, tenant)}

    def _tenant(self, route: NoticePart) -> str | None:
        """Whose requests it is told: of a channel its connection's tenant, else as the settings say; None for all."""
        target = self._inbox.runner.release.targets.get(route.connection or "")
        return route.tenant if target is None else target.tenant

    async def test(self, name: str, tenant: str) -> bool:
        """Send one message by a route that says that it is a test; was it taken?"""
        route, title = self._routes[name], "A test of Ailyus: nothing waits"
        try:
            if route.webhook is None:
                return await self._slack(route, f"{title}. <{self._console()}/notices|Its page>", tenant)
            document = {"event": "test", "title": title, "link": f"{self._console()}/notices"}
            return await self._posted(new_id("ntc"), route, document)
        except AilyusError as error:  # no credential: what is told to people is that it was not taken
            log.warning("notice", route=name, code=error.code)
            return False

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()

    async def sweep(self) -> None:
        """Write down what is due by now, then deliver what is due to be tried."""
        if not self._routes:
            return
        await self._write_down()
        for due in await notices.due(self._inbox.runner.journal.store):
            # claimed first: a delivery takes up to 5 s, and other replicas sweep meanwhile
            if await self._claimed(due):
                await self._deliver(due)

    async def failed(self, tenant: str) -> list[dict[str, str]]:
        """Notices that were given up, about requests that still wait."""
        found = await notices.failed(self._inbox.runner.journal.store, tenant)
        return [{"action": notice.action_id, "route": notice.route} for notice in found]

    async def _write_down(self) -> None:
        journal = self._inbox.runner.journal
        now = journal.store.now_ms()
        waiting = await inventory.waiting_times(journal.store)
        stages = {one.action_id: _stage(one.created_ms, one.expires_ms, now) for one in waiting}
        new: list[tuple[str, Event, str]] = []
        for action_id, stage in stages.items():
            if self._told.get(action_id, -1) < stage and (action := await journal.get(action_id)) is not None:
                new += [(action_id, event, route) for event, route in self._events(action, stage)]
        targets = self._inbox.runner.release.targets
        lost = await connection_notice.lost(journal.store, targets.values())
        untold = [row for row in lost if connection_notice.subject(row) not in self._told_lost]
        new += connection_notice.events(untold, self._routes, self._admins, targets)
        if new:
            await self._insert(new)
        # only what is written down was told: a store that could not take it is asked again
        self._told, self._told_lost = stages, frozenset(map(connection_notice.subject, lost))

    async def _insert(self, new: list[tuple[str, Event, str]]) -> None:
        def work(txn: Txn) -> None:
            for action_id, event, route in new:
                notices.add(txn, new_id("ntc"), action_id, event, route)

        await self._inbox.runner.journal.store.write(work)

    def _events(self, action: Action, stage: int) -> list[tuple[Event, str]]:
        """Who is to be told what by now; what was told already is written down once."""
        needs = orjson.loads(action.asked or b"{}")["subject"]["needs"]
        wanted = {role for need in needs for role, _ in need}
        own = self.routes_of(action.request.tenant)
        asked = [name for name, route in own.items() if not route.roles or wanted & set(route.roles)]
        first = [name for name in asked if not _is_next(name, self._routes)]
        events: list[tuple[Event, str]] = [("waiting", name) for name in first]
        if stage >= 1:
            events += [("reminder", name) for name in first]
        if stage >= 2:
            events += [("next_group", follow) for name in first if (follow := own[name].next) and follow in own]
        return events

    async def _claimed(self, due: DueNotice) -> bool:
        # INVARIANT: of several that sweep at once one delivers; if it dies, the notice is due again
        try:
            await self._inbox.runner.journal.store.write(lambda txn: notices.claim(txn, due, CLAIM_MS))
        except Conflict:
            return False
        return True

    async def _deliver(self, due: DueNotice) -> None:
        journal, route = self._inbox.runner.journal, self._routes.get(due.route)
        about: Action | ConnectionNotice | None
        if due.event == connection_notice.EVENT:
            about = await connection_notice.notice(journal.store, due.action_id, self._console())
        else:
            action = await journal.get(due.action_id)
            about = action if action is not None and action.state == "waiting" else None
        try:
            # decided meanwhile, or its route is gone from the settings: nobody is called to what is over
            done = about is None or route is None or await self._sent(due, about, route)
        except AilyusError as error:
            log.warning("notice", route=due.route, code=error.code)
            done = False
        now, tried = journal.store.now_ms(), due.tried + 1
        given_up = not done and tried >= MAX_TRIES
        if given_up:
            log.warning("notice_given_up", route=due.route, hint="see [notices] in ailyus.toml")
        # doubled pauses: a receiver that is down is not hammered when it comes back
        following = now if done or given_up else now + min(600_000, 1000 * 2**tried)

        def work(txn: Txn) -> None:
            notices.record_try(
                txn,
                due,
                next_ms=following,
                delivered_ms=now if done else None,
                failed_ms=now if given_up else None,
            )

        await journal.store.write(work)

    async def _sent(self, due: DueNotice, about: Action | ConnectionNotice, route: NoticePart) -> bool:
        if isinstance(about, ConnectionNotice):
            if route.webhook is not None:
                return await self._posted(due.id, route, about.document())
            return await self._slack(route, about.slack_text(), about.tenant)
        return await self._told_of(due, about, route)

    async def _told_of(self, due: DueNotice, action: Action, route: NoticePart) -> bool:
        contract = action.request.contract
        count = sum(a.request.tenant == action.request.tenant for a in await self._inbox.waiting())
        link = f"{self._console()}/approvals/{action.id}"
        title, risk = self._inbox.title(contract), action.request.risk
        says = action.sentence.quoted if route.sentence and action.sentence is not None else ""
        if route.webhook is not None:
            notice: dict[str, JsonValue] = {"event": due.event, "title": title, "risk": risk, "waiting": count}
            notice |= {"says": says, "link": link} if says else {"link": link}
            return await self._posted(due.id, route, notice)
        return await self._slack(route, slack_text(due.event, says or title, risk, count, link), action.request.tenant)

    async def _posted(self, id_: str, route: NoticePart, notice: Mapping[str, JsonValue]) -> bool:
        body, secret = orjson.dumps(notice), await self._credentials.value(route.secret or "none") or ""
        at = self._inbox.runner.journal.store.now_ms()
        return await delivered(self._http, route.webhook or "", body, signed_headers(secret, id_, at, body))

    async def _slack(self, route: NoticePart, text: str, tenant: str) -> bool:
        """Slack's `chat.postMessage`, with the connection's own credential; it answers 200 to what it refuses too."""
        target = self._inbox.runner.release.targets.get(route.connection or "")
        # INVARIANT 9: a channel of another tenant would learn what this one asks for
        if target is None or target.tenant != tenant:
            raise AilyusError("bad_settings", f"`{route.connection}` is no connection of this tenant")
        headers = {target.header: f"{target.scheme} {await self._credentials.value(target.write) or ''}".strip()}
        # no preview: Slack would fetch the link, and show what stands behind it in the channel
        message = {"channel": route.channel, "text": text, "unfurl_links": False, "unfurl_media": False}
        # nor does a name or an address in a sentence become a link or call somebody
        message |= {"parse": "none", "link_names": False}
        try:
            answer = await self._http.post(f"{target.base_url}/chat.postMessage", json=message, headers=headers)
            return answer.status_code == 200 and answer.json().get("ok") is True
        except (httpx2.HTTPError, ValueError, AttributeError):
            return False


def slack_text(event: str, title: str, risk: str, count: int, link: str) -> str:
    """A message in Slack's mrkdwn about a title or a sentence: only our link has its control characters `&<>`."""
    plain = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    again = {"reminder": "Still waiting: ", "next_group": "Nobody answered: "}.get(event, "")
    return f"{again}{plain} ({risk} risk) needs a person; {count} waiting. <{link}|Look and decide>"


def _stage(created_ms: int, expires_ms: int, now_ms: int) -> int:
    """0, 1 after a third of the time, 2 after two thirds."""
    return min(2, max(0, 3 * (now_ms - created_ms) // max(1, expires_ms - created_ms)))


def _is_next(name: str, routes: Mapping[str, NoticePart]) -> bool:
    """A group that another names as its next is told only then."""
    return any(route.next == name for route in routes.values())


def _check(name: str, route: NoticePart, routes: Mapping[str, NoticePart]) -> None:
    where = f"notices.{name}"
    if route.connection is not None and route.tenant is not None:
        hint = "take `tenant` away"
        raise AilyusError("bad_settings", f"`{where}` has the tenant of its `connection`", hint=hint)
    if (route.webhook is None) == (route.connection is None):
        hint = "see server/README.md"
        raise AilyusError("bad_settings", f"`{where}` needs a `webhook` or a `connection`, not both", hint=hint)
    if route.webhook is not None:
        check_base_url(route.webhook)
        if route.secret is None:
            hint = 'for example secret = "file:.ailyus/secrets/notices"'
            raise AilyusError("bad_settings", f"`{where}` has no `secret`: notices are signed", hint=hint)
    elif route.channel is None:
        raise AilyusError("bad_settings", f"`{where}` has no `channel`", hint='for example channel = "#security"')
    if route.next is not None and route.next not in routes:
        raise AilyusError("bad_settings", f"`{where}` names `{route.next}` as next, which is no notice", hint="add it")
