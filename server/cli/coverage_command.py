"""`ailyus audit coverage`: the audit log of a target, compared one to one with receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.answer import Answer, verb
from server.cli.exit_code import DONE, REFUSED
from server.cli.progress import working
from server.cli.receipt_list import since_ms
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from contracts.action.target_event import TargetEvent
    from receipts.coverage.changes import ReceiptedChange
    from receipts.coverage.coverage import AmbiguousGroup
    from server.operations.coverage import CoverageAudit


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An event of the target's log; `atMs` is milliseconds since 1970, UTC, by the target's clock."""

    event: str
    atMs: int
    action: str
    objects: list[str]
    requestId: str | None


@dataclass(frozen=True, slots=True)
class EventlessReceipt:
    """A receipt of a change that the target's log does not show."""

    receipt: str
    action: str
    contract: str
    status: str


@dataclass(frozen=True, slots=True)
class AmbiguousMatch:
    """Events and receipts of which `number` lack the other (`lacks`); which ones, nothing tells.

    `lacks` is `receipt`, `event`, or `match`: an event and a receipt have only some objects in common.
    """

    lacks: str
    number: int
    events: list[AuditEvent]
    receipts: list[EventlessReceipt]


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """What was compared, from `sinceMs` to `untilMs` (milliseconds since 1970, UTC), and what lacks the other.

    `foreign` events are of other accounts or no changes; `ignored` ones are left out by the settings. `escalatedTo` is
    the escalation that took the findings.
    """

    ok: bool
    sinceMs: int
    untilMs: int
    matched: int
    foreign: int
    ignored: int
    unreceipted: list[AuditEvent]
    eventless: list[EventlessReceipt]
    ambiguous: list[AmbiguousMatch]
    escalatedTo: str | None


def register(single: typer.Typer) -> None:
    """Add the command."""
    verb(single, "audit coverage")(coverage)


def coverage(
    target: Annotated[str, typer.Option(help="The name under [coverage] in ailyus.toml.")],
    since: Annotated[str, typer.Option(help="How far back, for example 72h.")] = "24h",
    until: Annotated[
        str | None, typer.Option(help="Up to how long ago; as far as events have settled if left out.")
    ] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[CoverageReport]:
    """Did our credential change anything without a receipt? Compare the target's own audit log with the receipts."""
    from server.operations.coverage import audit_coverage
    from server.results.timestamp import iso

    space = open_workspace(workspace)
    end = since_ms(until) if until is not None else None
    with working("reading the audit log") as step:
        found = audit_coverage(space, target, since_ms(since), end, lambda pages: step(pages, pages + 1))
    report = _report(found)
    compared = (
        f"{report.matched} events of `{target}` have a receipt, from {iso(found.since_ms)} to {iso(found.until_ms)}"
    )
    says = [compared]
    says += [f"{report.ignored} events are left out by `ignore`"] if report.ignored else []
    if found.findings and space.settings.coverage[target].escalate is not None:
        says.append(f"told: {found.told}" if found.told else "nobody took the escalation")
    lines = _lines(report)
    return Answer(
        report,
        lines or ["ok: every change by our credential has a receipt, and every receipt its event"],
        says,
        REFUSED if found.findings else DONE,
    )


def _lines(report: CoverageReport) -> list[str]:
    lines = [f"no receipt: {_event_line(one)}" for one in report.unreceipted]
    lines += [f"no event: {one.receipt} says that {one.contract} ended {one.status}" for one in report.eventless]
    for group in report.ambiguous:
        shown = ", ".join([*(one.event for one in group.events), *(one.receipt for one in group.receipts)])
        lacks = "may be no match" if group.lacks == "match" else f"of these lack their {group.lacks}"
        lines.append(f"ambiguous: {group.number} {lacks}: {shown}")
    return lines


def _event_line(event: AuditEvent) -> str:
    from contracts.text.visible_text import visible
    from server.results.timestamp import iso

    return visible(f"{event.event}, {event.action} of {', '.join(event.objects) or 'nothing named'}, {iso(event.atMs)}")


def _report(found: "CoverageAudit") -> CoverageReport:
    coverage = found.coverage
    return CoverageReport(
        ok=not found.findings,
        sinceMs=found.since_ms,
        untilMs=found.until_ms,
        matched=len(coverage.matched),
        foreign=coverage.foreign,
        ignored=coverage.ignored,
        unreceipted=_events(coverage.unreceipted),
        eventless=_receipts(coverage.eventless),
        ambiguous=[_match(group) for group in coverage.ambiguous],
        escalatedTo=found.told,
    )


def _match(group: "AmbiguousGroup") -> AmbiguousMatch:
    return AmbiguousMatch(group.lacks, group.number, _events(group.events), _receipts(group.changes))


def _events(events: "Sequence[TargetEvent]") -> list[AuditEvent]:
    return [AuditEvent(one.id, one.at_ms, one.action, list(one.objects), one.request_id) for one in events]


def _receipts(changes: "Sequence[ReceiptedChange]") -> list[EventlessReceipt]:
    return [EventlessReceipt(one.receipt, one.action, one.contract, one.status) for one in changes]
