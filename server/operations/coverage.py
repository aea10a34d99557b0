"""The audit of coverage: a target's own log is read, compared with the receipts, and findings are told by escalation.

It only reads: of the target with the read-only credential, of the store in one snapshot that begins after the log was
read, so that no event is newer than the receipts it is compared with.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import orjson

from adapters.audit_log.reader import Answer, read_events
from adapters.audit_log.source import AuditLog, CloudTrail, GitHubLog, JsonFeed, OktaLog, TimeWindow
from adapters.http.adapter import HttpAdapter
from contracts.action.http_request import HttpRequest
from contracts.action.target import Target
from contracts.action.target_event import TargetEvent
from contracts.compiler.expressions import Fault
from contracts.errors import AilyusError
from receipts.coverage.changes import changes_of
from receipts.coverage.coverage import CoverageRule, TargetCoverage, cover
from server.operations.webhooks import client, posted
from server.workspace.clock import now_ms
from server.workspace.credentials import credentials_of
from server.workspace.probe import ShutGate
from server.workspace.settings.coverage import CoveragePart
from server.workspace.settings.coverage_fault import coverage_faults
from server.workspace.stores import reading
from server.workspace.workspace import Workspace

SECONDS: Final = 30.0
"""How long a target may take for one page."""
LISTED: Final = 20
"""Ids of findings that an escalation names."""
Step = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class CoverageAudit:
    """What an audit found in a window (milliseconds since the epoch), and whom it told; `told` is None where nobody."""

    since_ms: int
    until_ms: int
    coverage: TargetCoverage
    told: str | None

    @property
    def findings(self) -> int:
        """How many events and receipts lack the other, those included of which it cannot be told which they are."""
        found = self.coverage
        return len(found.unreceipted) + len(found.eventless) + sum(group.number for group in found.ambiguous)


def part_of(workspace: Workspace, name: str) -> CoveragePart:
    """The settings of this name, whose connection and escalation exist. Raises `AilyusError` `bad_settings`."""
    settings = workspace.settings
    part = settings.coverage.get(name)
    if part is None:
        known = ", ".join(f"`{one}`" for one in settings.coverage) or "none"
        raise AilyusError("bad_settings", f"there is no [coverage.{name}]", hint=f"those of ailyus.toml: {known}")
    for fault in coverage_faults(settings, name):
        raise fault
    return part


def audit_coverage(workspace: Workspace, name: str, since_ms: int, until_ms: int | None, step: Step) -> CoverageAudit:
    """Compare the log of this name with the receipts. Raises `AilyusError` where it cannot be read whole."""
    part = part_of(workspace, name)
    settled = now_ms() - part.settle
    window = TimeWindow(since_ms, settled if until_ms is None else min(until_ms, settled))
    if window.since_ms >= window.until_ms:
        hint = f"events come up to {part.settle // 1000} s late (`settle`): ask for a time before that"
        raise AilyusError("bad_settings", "nothing of that time is settled yet", hint=hint)
    events = asyncio.run(_read(workspace, part, window, step))
    target = workspace.targets()[part.connection]
    rule = CoverageRule(
        actors=frozenset(part.actors),
        actions={contract: frozenset(actions) for contract, actions in part.actions.items()},
        ignore=frozenset(part.ignore),
        since_ms=window.since_ms,
        until_ms=window.until_ms,
        skew_ms=part.skew,
        late_ms=part.settle,
    )
    with reading(workspace) as read:
        changes = changes_of(read, target.name, target.tenant, window.since_ms)
    found = CoverageAudit(window.since_ms, window.until_ms, cover(events, changes, rule), None)
    if not found.findings or part.escalate is None:
        return found
    told = asyncio.run(_tell(workspace, name, part.escalate, found))
    return CoverageAudit(found.since_ms, found.until_ms, found.coverage, told)


def log_of(part: CoveragePart) -> AuditLog:
    """The kind of log that the settings name."""
    if part.feed is not None:
        return JsonFeed(**part.feed.model_dump())
    if part.organization is not None:
        return GitHubLog(part.organization)
    return OktaLog() if part.source == "okta" else CloudTrail()


async def _read(workspace: Workspace, part: CoveragePart, window: TimeWindow, step: Step) -> tuple[TargetEvent, ...]:
    target = workspace.targets()[part.reader or part.connection]
    release = await asyncio.to_thread(workspace.release)
    credentials = credentials_of(workspace)
    adapter = HttpAdapter(release, ShutGate(), credentials, now_ms)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(credentials.close)
        stack.push_async_callback(adapter.close)
        found = await read_events(log_of(part), target.base_url, window, _asking(adapter, target), step)
    if isinstance(found, Fault):
        raise AilyusError("unavailable", found.sentence, hint="a part of a log proves nothing: ask again")
    return found


def _asking(adapter: HttpAdapter, target: Target) -> Callable[[HttpRequest], "asyncio.Future[Answer | Fault]"]:
    return lambda http: asyncio.ensure_future(adapter.ask(target, http, SECONDS))


async def _tell(workspace: Workspace, name: str, first: str, found: CoverageAudit) -> str | None:
    """Tell the escalation, and each that follows until one takes it; its name, or None where none did."""
    routes = workspace.settings.escalations
    tenant = workspace.settings.connections[workspace.settings.coverage[name].connection].tenant
    coverage = found.coverage
    # ids alone: what a target writes leaves by the command's own output
    body = orjson.dumps(
        {
            "event": "coverage",
            "coverage": name,
            "sinceMs": found.since_ms,
            "untilMs": found.until_ms,
            "findings": found.findings,
            "unreceipted": [one.id for one in coverage.unreceipted[:LISTED]],
            "eventless": [one.receipt for one in coverage.eventless[:LISTED]],
            "ambiguous": sum(group.number for group in coverage.ambiguous),
        }
    )
    credentials = credentials_of(workspace)
    asked: set[str] = set()
    following: str | None = first
    try:
        async with client() as http:
            while following is not None and following not in asked and (route := routes.get(following)) is not None:
                asked.add(following)
                # INVARIANT 9: a route of another tenant would learn of it
                if route.tenant in (None, tenant) and await posted(http, credentials, route, body, now_ms()):
                    return following
                following = route.next
    finally:
        await credentials.close()
    return None
