"""The browser: flows carried out in pages, with an account of its own, and honest about what was sent."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from adapters.browser.account_session import BrowserSessions
from adapters.browser.launch import check_driver
from adapters.browser.sign_in import AccountSignIn, NotSignedIn, outage_shown
from adapters.browser.visit_end import VisitResult, execution_of, stopped, unsent
from adapters.browser.visit_fault import FlowHalt, PageNotFound, SignedOut
from adapters.browser.visit_request import LAST_LOOK_SECONDS, VisitRequest
from adapters.credentials.cache import Credentials
from adapters.credentials.placement import revealed
from contracts.action.dispatch import Dispatch, Gate
from contracts.action.observation import Delivery, Execution, Outage, Reading, ReadOutage
from contracts.action.resolver import Resolver
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.flow_program import FlowRequest, render_flow
from contracts.compiler.read_program import FlowRead
from contracts.compiler.route_program import BrowserProgram
from contracts.errors import AilyusError
from contracts.schema.locator import Locator

if TYPE_CHECKING:  # heavy: the browser's driver is loaded when the first page is opened
    from playwright.async_api import StorageState

    from adapters.browser.flow_run import EvidenceHook, FlowRun
    from adapters.browser.tab import Tab

_RESTORE = """items => {
  const own = items[location.origin];
  if (own && sessionStorage.length === 0)
    for (const [name, value] of Object.entries(own)) sessionStorage.setItem(name, value);
}"""
_OUTAGES: Mapping[str, Outage] = {"not_sent": "unreachable", "in_doubt": "target_failed"}
"""Reading visits that say something of the application and nothing of the record."""


class BrowserAdapter:
    """Reads and executes through pages for one release. The browser and its sessions outlive the release."""

    def __init__(
        self,
        release: Resolver,
        gate: Gate,
        credentials: Credentials,
        now_ms: Callable[[], int],
        sessions: BrowserSessions,
    ) -> None:
        self._release = release
        self._gate = gate
        self._now_ms = now_ms
        self._sessions = sessions
        self._sign_in = AccountSignIn(credentials, sessions)

    async def read(
        self, read: FlowRead, target: Target, scope: Mapping[str, object], deadline: float
    ) -> Reading | Fault:
        """What one read flow sees, in a context and a page of its own."""
        if target.ui is None:
            return Fault(f"the connection `{target.name}` has no account for the browser")
        flow = render_flow(read.flow, target.ui.base_url, scope)
        if isinstance(flow, Fault):
            return flow
        seen = await self._seen(VisitRequest(flow, target, target.ui, deadline, reading=True))
        if seen.absent:
            return Reading(read.name, 404, None, b"null", self._now_ms())
        if seen.delivery != "answered":
            sentence = f"`{read.name}` could not be read: {seen.fault}"
            outage = seen.outage or _OUTAGES.get(seen.delivery)
            return ReadOutage(sentence, outage, target.name) if outage else Fault(sentence)
        return Reading(read.name, 200, dict(seen.reads), orjson.dumps(seen.reads), self._now_ms())

    async def execute(self, dispatch: Dispatch) -> Execution:
        """Carry out the order's flow, once. Whatever is not certain after the commit left is `in_doubt`."""
        started, flow = self._now_ms(), dispatch.rendered
        program = self._release.catalog.programs[dispatch.request.contract]
        route, target = program.routes[dispatch.route], self._release.target(dispatch.request)
        if not isinstance(route, BrowserProgram) or not isinstance(flow, FlowRequest):
            return execution_of(dispatch, started, started, "", unsent("the order is not for a browser"))
        same = target is not None and target.digest == dispatch.target_digest
        if target is None or target.ui is None or not same or flow.base_url != target.ui.base_url.rstrip("/"):
            fault = "the target instance is not the one that the order names"
            return execution_of(dispatch, started, self._now_ms(), "", unsent(fault))
        try:
            secrets = await revealed(self._gate, dispatch)
        except AilyusError as error:
            return execution_of(dispatch, started, self._now_ms(), target.ui.principal, unsent(error.sentence))
        kinds = frozenset(program.contract.evidence.get("browser", ())) if not program.secretive else frozenset[str]()
        visiting = VisitRequest(
            flow,
            target,
            target.ui,
            dispatch.deadline_monotonic,
            # INVARIANT: the last question before the first byte: used, fence, epoch, deadline.
            enter=lambda: self._gate.enter(dispatch),
            secrets=secrets,
            kinds=kinds,
        )
        seen = await self._seen(visiting)
        return execution_of(dispatch, started, self._now_ms(), target.ui.principal, seen)

    # -- one visit -----------------------------------------------------------------------------------------------------

    async def _seen(self, visiting: VisitRequest) -> VisitResult:
        """Visit, and once more after a new sign-in if the session had run out before anything was sent."""
        state: StorageState | None = None
        try:
            check_driver()
            for _ in range(2):
                state = await self._sign_in.state_for(visiting, state)
                seen = await self._visit(visiting, state)
                if seen is not None:
                    return seen
            return stopped("the application signs the account out at once")
        except AilyusError as error:  # no browser, no credential
            outage: Outage = "no_credential" if error.code == "no_credential" else "unreachable"
            return replace(stopped(error.sentence), outage=outage)
        except NotSignedIn as none:
            seen = unsent(none.why.sentence) if none.again else stopped(none.why.sentence)
            return replace(seen, outage=none.why.outage)

    async def _visit(self, visiting: VisitRequest, state: "StorageState | None") -> VisitResult | None:
        """One visit in a fresh context; None when the application asks for a sign-in and nothing was sent."""
        from playwright.async_api import Error

        from adapters.browser.flow_run import FlowRun

        visit: FlowRun | None = None
        pictures: dict[str, bytes] = {}
        delivery: Delivery = "answered"
        fault: str | None = None
        absent = False
        flow = visiting.flow.program.flow
        look = _look(visiting.kinds, visiting.masks(), pictures)
        try:
            async with self._sessions.browser.tab(visiting.urls, state) as tab:
                try:
                    await self._stored(visiting, tab)
                    async with asyncio.timeout(visiting.left() - LAST_LOOK_SECONDS):
                        login = visiting.flow.program.login
                        visit = FlowRun(
                            tab,
                            visiting.ui.base_url,
                            visiting.deadline - LAST_LOOK_SECONDS,
                            flow.patience,
                            sign_in=login.flow.steps[0].goto if login else None,
                            enter=visiting.enter,
                            secrets=visiting.secrets,
                        )
                        await visit.follow(visiting.flow.steps, look)
                    await look("after", visit)
                except FlowHalt as halt:
                    delivery, fault = halt.delivery, halt.sentence
                    if visit is not None and await _says_no(visit, flow.declined):
                        delivery = "declined"
                except SignedOut:
                    if visit is None or not visit.exits.submitted:
                        return None
                    delivery, fault = "in_doubt", "the application asked for a sign-in instead of an answer"
                except PageNotFound:
                    absent = visit is not None and not visit.exits.submitted
                    delivery, fault = ("stopped" if absent else "in_doubt"), "there is no such page"
                except TimeoutError:
                    delivery, fault = "not_sent", "no page was free in time"
                    if visit is not None:
                        delivery = "in_doubt" if visit.exits.submitted else "stopped"
                        fault = "the page did not settle in time"
                if delivery != "answered" and visit is not None:
                    await look("stopped", visit)
        except Error:  # the page or the browser died: what had left by then is in doubt, else nothing was sent
            sent = visit is not None and visit.exits.submitted
            delivery, fault = ("in_doubt" if sent else "not_sent"), "the browser died"
        reads = visit.reads if visit is not None else {}
        notes = tuple(dict.fromkeys(visit.exits.notes)) if visit is not None else ()
        status = visit.exits.status if visit is not None else None
        outage = outage_shown(visit) if delivery == "not_sent" else None
        return VisitResult(delivery, dict(reads), status, fault, absent, pictures, notes, outage)

    async def _stored(self, visiting: VisitRequest, tab: "Tab") -> None:
        """Give the tab what the session keeps in session storage, which no tab inherits."""
        login = visiting.flow.program.login
        if login is None or not login.flow.session_storage:
            return
        items = self._sessions.of(visiting.target, visiting.ui.account(reading=visiting.reading)[0]).items
        await tab.context.add_init_script(f"({_RESTORE})({orjson.dumps(items).decode()})")


def _look(kinds: frozenset[str], masks: tuple[Locator, ...], pictures: dict[str, bytes]) -> "EvidenceHook":
    """Takes the declared pictures of a moment."""

    async def look(moment: str, visit: "FlowRun") -> None:
        wanted = kinds - {"snapshot"} if moment == "after" else kinds
        pictures.update(await visit.pictures(moment, wanted, masks))

    return look


async def _says_no(visit: "FlowRun", declined: Locator | None) -> bool:
    """Does the application itself say that it did not take the commit?"""
    return visit.exits.submitted and declined is not None and await visit.elements.shows([declined])
