"""The sign-in of an account: its own flow, what it must show and be refused, and a picture where it fails."""

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.browser.account_session import AccountSession, BrowserSessions
from adapters.browser.visit_fault import FlowHalt, PageNotFound
from adapters.browser.visit_request import LAST_LOOK_SECONDS, VisitRequest
from adapters.credentials.cache import Credentials
from contracts.action.observation import Outage, ReadOutage, outage_of
from contracts.compiler.expressions import Fault
from contracts.compiler.flow_program import FlowProgram
from contracts.schema.flow import Flow
from contracts.schema.locator import Locator

if TYPE_CHECKING:  # heavy: the browser's driver is loaded when the first page is opened
    from playwright.async_api import StorageState

    from adapters.browser.flow_run import FlowRun

_PATIENT_SECONDS = 60.0
"""How long a sign-in that failed is not tried again: applications lock accounts."""


class NotSignedIn(Exception):
    """There is no session. `again`: the sign-in got nowhere, so that the next attempt may; else a person sees to it."""

    def __init__(self, why: ReadOutage, *, again: bool) -> None:
        super().__init__(why.sentence)
        self.why = why
        self.again = again


class AccountSignIn:
    """The sign-ins of one adapter. One at a time for each account; one that failed is not tried again at once."""

    def __init__(self, credentials: Credentials, sessions: BrowserSessions) -> None:
        self._root = credentials.root
        self._credentials = credentials
        self._sessions = sessions

    async def state_for(self, visiting: VisitRequest, used: "StorageState | None") -> "StorageState | None":
        """The stored session of the account, or a new one when that is the `used` one, which had run out.

        Raises `NotSignedIn`.
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
                raise NotSignedIn(session.failed, again=False)
            session.state = None
            fault = await self._sign_in(visiting, program, reference, principal, session)
            if fault is not None:
                session.failed, session.failed_at = fault, time.monotonic()
                raise NotSignedIn(fault, again=False)
            session.failed = None
            return session.state

    async def _sign_in(
        self, visiting: VisitRequest, program: FlowProgram, reference: str, principal: str, session: AccountSession
    ) -> ReadOutage | None:
        """Sign in, in a context of its own; the reason why not, with its step, or None. Raises `NotSignedIn`."""
        from playwright.async_api import Error

        from adapters.browser.account_page import stored
        from adapters.browser.flow_run import FlowRun

        self._credentials.doubt(reference)  # applications lock accounts: none is tried with a password that was changed
        username, _, password = (await self._credentials.value(reference) or "").partition(":")
        steps = program.filled({"login.username": username, "login.password": password})
        if isinstance(steps, Fault) or not username or not password:
            return ReadOutage(f"there is no `username:password` at `{reference}`", "no_credential")
        flow = program.flow
        try:
            async with (
                self._sessions.browser.tab(visiting.urls, None) as tab,
                asyncio.timeout(visiting.left() - LAST_LOOK_SECONDS),
            ):
                visit = FlowRun(tab, visiting.ui.base_url, visiting.deadline, flow.patience)
                try:
                    await visit.follow(steps)
                    shown = await _account(visit, visiting.ui.base_url.rstrip("/"), flow)
                    items = await stored(visit.page) if flow.session_storage else {}
                except FlowHalt as halt:
                    if halt.delivery == "not_sent" or visit.exits.gone:
                        raise NotSignedIn(ReadOutage(halt.sentence, outage_shown(visit)), again=True) from None
                    asked = await visit.elements.shows(flow.challenge)
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
            raise NotSignedIn(ReadOutage("the sign-in did not work in time", "unreachable"), again=True) from None
        return None

    async def _pictured(self, visiting: VisitRequest, visit: "FlowRun", flow: Flow, password: str) -> str:
        """Keep a picture of the page at which a sign-in failed, for whoever looks after it; where it is, in words.

        INVARIANT: it covers whatever was filled in, and there is none where the page could show the password.
        """
        filled = [step.fill for step in flow.steps if step.fill is not None]
        masks = (*flow.mask, *filled, Locator(css="input[type=password]"))
        from adapters.browser.account_page import holds  # Playwright is heavy: loaded with the first page

        if await holds(visit.page, password):
            return ""
        picture = (await visit.pictures("stopped", frozenset({"screenshot"}), masks)).get("stopped.png")
        if picture is None:
            return ""
        place = Path(".ailyus", "sign-in", f"{visiting.target.name}.png")
        await asyncio.to_thread(_keep, self._root / place, picture)
        return f"; `{place}` shows the page"


async def _account(visit: "FlowRun", base: str, flow: Flow) -> str:
    """Who is signed in, as a page shows it or the application's API says it."""
    from adapters.browser.account_page import told

    if flow.account_from is not None:
        return await told(visit.page, base, flow.account_from)
    return str(await visit.elements.shown(flow.account)) if flow.account else ""


def _keep(path: Path, picture: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(picture)


def _refused(sentence: str) -> ReadOutage:
    return ReadOutage(sentence, "credential_refused")


def outage_shown(visit: "FlowRun | None") -> Outage:
    """What the page that is shown says of the application."""
    status = visit.exits.document if visit is not None else None
    return (outage_of(status) if status is not None else None) or "unreachable"
