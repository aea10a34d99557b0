"""The browser: flows carried out in pages, with an account of its own, and honest about what was sent."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from pydantic import JsonValue

from adapters.browser.chromium import Chromium
from adapters.credentials import Credentials, revealed
from contracts.action.dispatch import Dispatch, Gate
from contracts.action.observation import Delivery, Execution, Outage, Reading, ReadOutage, Response, outage_of
from contracts.action.resolver import Resolver
from contracts.action.target import Target, Ui
from contracts.compiler.expressions import Fault
from contracts.compiler.flow_program import FlowProgram, FlowRequest, render_flow
from contracts.compiler.program import BrowserProgram, FlowRead
from contracts.errors import AilyusError
from contracts.schema.flow import Flow, Locator

if TYPE_CHECKING:  # heavy: the browser's driver is loaded when the first page is opened
    from playwright.async_api import StorageState

    from adapters.browser.chromium import Tab
    from adapters.browser.flow_run import Look, Visit

_LAST_LOOK_SECONDS = 1.5
"""What a visit leaves of its time for a picture of the page that it does not know."""
_RESTORE = """items => {
  const own = items[location.origin];
  if (own && sessionStorage.length === 0)
    for (const [name, value] of Object.entries(own)) sessionStorage.setItem(name, value);
}"""
_PATIENT_SECONDS = 60.0
"""How long a sign-in that failed is not tried again: applications lock accounts."""
_OUTAGES: Mapping[str, Outage] = {"not_sent": "unreachable", "in_doubt": "target_failed"}
"""Reading visits that say something of the application and nothing of the record."""


@dataclass(slots=True)
class _Session:
    """What is kept of one account at one connection, in memory, never on disk: cookies, and `items` of storage."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    state: "StorageState | None" = None
    items: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: ReadOutage | None = None
    failed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What became of one visit."""

    delivery: Delivery
    reads: Mapping[str, JsonValue]
    status: int | None
    fault: str | None
    absent: bool
    evidence: Mapping[str, bytes]
    notes: tuple[str, ...]
    outage: Outage | None = None


class _NotSignedIn(Exception):
    """There is no session. `again`: the sign-in got nowhere, so that the next attempt may; else a person sees to it."""

    def __init__(self, why: ReadOutage, *, again: bool) -> None:
        super().__init__(why.sentence)
        self.why = why
        self.again = again


class BrowserSessions:
    """Signed-in sessions by connection and account. One sign-in at a time each."""

    def __init__(self, browser: Chromium) -> None:
        self.browser = browser
        self._known: dict[tuple[str, str], _Session] = {}

    def of(self, target: Target, login: str) -> _Session:
        """The session of one account at one target instance."""
        return self._known.setdefault((target.digest, login), _Session())


class BrowserAdapter:
    """Reads and executes through pages for one release. The browser and its sessions outlive the release."""

    def __init__(
        self, release: Resolver, gate: Gate, root: Path, now_ms: Callable[[], int], sessions: BrowserSessions
    ) -> None:
        self._release = release
        self._gate = gate
        self._root = root
        self._credentials = Credentials(root)
        self._now_ms = now_ms
        self._sessions = sessions

    async def read(
        self, read: FlowRead, target: Target, scope: Mapping[str, object], deadline: float
    ) -> Reading | Fault:
        """What one read flow sees, in a context and a page of its own."""
        if target.ui is None:
            return Fault(f"the connection `{target.name}` has no account for the browser")
        flow = render_flow(read.flow, target.ui.base_url, scope)
        if isinstance(flow, Fault):
            return flow
        seen = await self._seen(_Visiting(flow, target, target.ui, deadline, reading=True))
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
            return _execution(dispatch, started, started, "", _unsent("the order is not for a browser"))
        same = target is not None and target.digest == dispatch.target_digest
        if target is None or target.ui is None or not same or flow.base_url != target.ui.base_url.rstrip("/"):
            fault = "the target instance is not the one that the order names"
            return _execution(dispatch, started, self._now_ms(), "", _unsent(fault))
        try:
            secrets = await revealed(self._gate, dispatch)
        except AilyusError as error:
            return _execution(dispatch, started, self._now_ms(), target.ui.principal, _unsent(error.sentence))
        kinds = frozenset(program.contract.evidence.get("browser", ())) if not program.secretive else frozenset[str]()
        visiting = _Visiting(
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
        return _execution(dispatch, started, self._now_ms(), target.ui.principal, seen)

    # -- one visit -----------------------------------------------------------------------------------------------------

    async def _seen(self, visiting: "_Visiting") -> _Seen:
        """Visit, and once more after a new sign-in if the session had run out before anything was sent."""
        state: StorageState | None = None
        try:
            for _ in range(2):
                state = await self._signed_in(visiting, state)
                seen = await self._visit(visiting, state)
                if seen is not None:
                    return seen
            return _stopped("the application signs the account out at once")
        except AilyusError as error:  # no browser, no credential
            outage: Outage = "no_credential" if error.code == "no_credential" else "unreachable"
            return replace(_stopped(error.sentence), outage=outage)
        except _NotSignedIn as none:
            seen = _unsent(none.why.sentence) if none.again else _stopped(none.why.sentence)
            return replace(seen, outage=none.why.outage)

    async def _visit(self, visiting: "_Visiting", state: "StorageState | None") -> _Seen | None:
        """One visit in a fresh context; None when the application asks for a sign-in and nothing was sent."""
        from playwright.async_api import Error

        from adapters.browser.flow_run import FlowHalt, PageNotFound, SignedOut, Visit

        visit: Visit | None = None
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
                    async with asyncio.timeout(visiting.left() - _LAST_LOOK_SECONDS):
                        login = visiting.flow.program.login
                        visit = Visit(
                            tab,
                            visiting.ui.base_url,
                            visiting.deadline - _LAST_LOOK_SECONDS,
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
        outage = _outage(visit) if delivery == "not_sent" else None
        return _Seen(delivery, dict(reads), status, fault, absent, pictures, notes, outage)

    async def _stored(self, visiting: "_Visiting", tab: "Tab") -> None:
        """Give the tab what the session keeps in session storage, which no tab inherits."""
        login = visiting.flow.program.login
        if login is None or not login.flow.session_storage:
            return
        items = self._sessions.of(visiting.target, visiting.ui.account(reading=visiting.reading)[0]).items
        await tab.context.add_init_script(f"({_RESTORE})({orjson.dumps(items).decode()})")

    # -- signing in ----------------------------------------------------------------------------------------------------

    async def _signed_in(self, visiting: "_Visiting", used: "StorageState | None") -> "StorageState | None":
        """The stored session of the account, or a new one when that is the `used` one, which had run out.

        Raises `_NotSignedIn`.
        """
        program = visiting.flow.program.login
        if program is None:
            return None
        reference, principal = visiting.ui.account(reading=visiting.reading)
        session = self._sessions.of(visiting.target, reference)
        async with session.lock:
            if session.state is not None and session.state is not used:
                return session.state
            if session.failed and time.monotonic() - session.failed_at < _PATIENT_SECONDS:
                raise _NotSignedIn(session.failed, again=False)
            session.state = None
            fault = await self._sign_in(visiting, program, reference, principal, session)
            if fault is not None:
                session.failed, session.failed_at = fault, time.monotonic()
                raise _NotSignedIn(fault, again=False)
            session.failed = None
            return session.state

    async def _sign_in(
        self, visiting: "_Visiting", program: FlowProgram, reference: str, principal: str, session: _Session
    ) -> ReadOutage | None:
        """Sign in, in a context of its own; the reason why not, with its step, or None. Raises `_NotSignedIn`."""
        from playwright.async_api import Error

        from adapters.browser.flow_run import FlowHalt, PageNotFound, Visit

        username, _, password = (self._credentials.value(reference) or "").partition(":")
        steps = program.filled({"login.username": username, "login.password": password})
        if isinstance(steps, Fault) or not username or not password:
            return ReadOutage(f"there is no `username:password` at `{reference}`", "no_credential")
        flow = program.flow
        try:
            async with (
                self._sessions.browser.tab(visiting.urls, None) as tab,
                asyncio.timeout(visiting.left() - _LAST_LOOK_SECONDS),
            ):
                visit = Visit(tab, visiting.ui.base_url, visiting.deadline, flow.patience)
                try:
                    await visit.follow(steps)
                    shown = await _account(visit, flow)
                    items = await visit.stored() if flow.session_storage else {}
                except FlowHalt as halt:
                    if halt.delivery == "not_sent" or visit.exits.gone:
                        raise _NotSignedIn(ReadOutage(halt.sentence, _outage(visit)), again=True) from None
                    asked = await visit.shows(flow.challenge)
                    what = "the sign-in asks for what only a person can give" if asked else "the sign-in failed"
                    pictured = await self._pictured(visiting, visit, flow, password)
                    return _refused(f"{what} ({halt.sentence}){pictured}")
                if shown != principal:  # guard: the account that is shown
                    return _refused("the sign-in shows another account than the connection's")
                # INVARIANT: the account is no wider than what the connection says of it, as the application sees it.
                for path in flow.refused:
                    if not await visit.is_refused(path):  # guard: pages that must be refused
                        wider = "which must be refused to it: it is wider than declared"
                        return _refused(f"the account gets `{path}`, {wider}")
                session.items = items
                session.state = await tab.context.storage_state()
                if not flow.local_storage:  # what is not needed is not carried over, and costs 65 ms an action
                    session.state["origins"] = []
        except PageNotFound:
            return ReadOutage("there is no such sign-in page", "target_failed")
        except (Error, TimeoutError):
            raise _NotSignedIn(ReadOutage("the sign-in did not work in time", "unreachable"), again=True) from None
        return None

    async def _pictured(self, visiting: "_Visiting", visit: "Visit", flow: Flow, password: str) -> str:
        """Keep a picture of the page at which a sign-in failed, for whoever looks after it; where it is, in words.

        INVARIANT: it covers whatever was filled in, and there is none where the page could show the password.
        """
        filled = [step.fill for step in flow.steps if step.fill is not None]
        masks = (*flow.mask, *filled, Locator(css="input[type=password]"))
        if await visit.holds(password):
            return ""
        picture = (await visit.pictures("stopped", frozenset({"screenshot"}), masks)).get("stopped.png")
        if picture is None:
            return ""
        place = Path(".ailyus", "sign-in", f"{visiting.target.name}.png")
        await asyncio.to_thread(_keep, self._root / place, picture)
        return f"; `{place}` shows the page"


@dataclass(frozen=True, slots=True)
class _Visiting:
    """One rendered flow with everything that a visit needs."""

    flow: FlowRequest
    target: Target
    ui: Ui
    deadline: float
    reading: bool = False
    enter: Callable[[], str | None] = lambda: None
    secrets: Mapping[str, str] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()

    @property
    def urls(self) -> frozenset[str]:
        """The origins that the context may reach."""
        return frozenset({self.ui.base_url, *self.ui.origins})

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def masks(self) -> tuple[Locator, ...]:
        """What no picture shows; a password field never does."""
        return (*self.flow.program.flow.mask, Locator(css="input[type=password]"))


async def _account(visit: "Visit", flow: Flow) -> str:
    """Who is signed in, as a page shows it or the application's API says it."""
    if flow.account_from is not None:
        return await visit.told(flow.account_from)
    return await visit.account(flow.account) if flow.account else ""


def _keep(path: Path, picture: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(picture)


def _look(kinds: frozenset[str], masks: tuple[Locator, ...], pictures: dict[str, bytes]) -> "Look":
    """Takes the declared pictures of a moment."""

    async def look(moment: str, visit: "Visit") -> None:
        wanted = kinds - {"snapshot"} if moment == "after" else kinds
        pictures.update(await visit.pictures(moment, wanted, masks))

    return look


async def _says_no(visit: "Visit", declined: Locator | None) -> bool:
    """Does the application itself say that it did not take the commit?"""
    return visit.exits.submitted and declined is not None and await visit.shows([declined])


def _refused(sentence: str) -> ReadOutage:
    return ReadOutage(sentence, "credential_refused")


def _outage(visit: "Visit | None") -> Outage:
    """What the page that is shown says of the application."""
    status = visit.exits.document if visit is not None else None
    return (outage_of(status) if status is not None else None) or "unreachable"


def _unsent(fault: str) -> _Seen:
    return _Seen("not_sent", {}, None, fault, False, {}, ())


def _stopped(fault: str) -> _Seen:
    return _Seen("stopped", {}, None, fault, False, {}, ())


def _execution(dispatch: Dispatch, started_ms: int, ended_ms: int, identity: str, seen: _Seen) -> Execution:
    flow = dispatch.rendered
    response = None
    if seen.status is not None:
        response = Response(seen.status, {}, dict(seen.reads), orjson.dumps(seen.reads))
    return Execution(
        route=dispatch.route,
        attempt=dispatch.attempt,
        delivery=seen.delivery,
        started_ms=started_ms,
        ended_ms=ended_ms,
        method=flow.method,
        url=flow.url,
        request_digest=flow.digest,
        response=response,
        fault=seen.fault,
        identity=identity,
        via=f"browser:{flow.program.flow.flow}" if isinstance(flow, FlowRequest) else "browser",
        evidence=seen.evidence,
        notes=seen.notes,
    )
