"""The command `ailyus policy shadow`: a candidate decides beside the live release, and permits nothing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer
from server.cli.choice import AsOption, person_of
from server.cli.exit_code import INVALID, REFUSED
from server.cli.output import fail, table
from server.cli.owner import asked, told
from server.cli.policy_change_commands import CandidateOption
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ShadowFlipRow:
    """Decisions of one kind that the shadow makes otherwise; `actions` are the first of them."""

    kind: str
    action: str
    agent: str
    before: str
    after: str
    policies: list[str]
    count: int
    actions: list[str]


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """The shadow that is on or was the last one, and what came of it. `state`: `on`, `off` or `none`.

    Of all decisions `unfit` could not be decided by it, and for `dropped` there was no time.
    """

    state: str
    name: str
    by: str
    began: str
    until: str | None
    same: int
    wider: int
    narrower: int
    unfit: int
    dropped: int
    flips: list[ShadowFlipRow]


@dataclass(frozen=True, slots=True)
class EndedShadow:
    """Was a shadow on?"""

    ended: bool


def shadow_policies(
    what: Annotated[Literal["on", "off", "report"], typer.Argument(help="Begin it, end it, or tell what came of it.")],
    candidate: CandidateOption = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="How long, for example 168h; else until it is ended.")
    ] = None,
    as_: AsOption = None,
    workspace: WorkspaceOption = ".",
) -> Answer[ShadowReport]:
    """Let a candidate decide beside the live release, and count where it decides otherwise. It permits nothing.

    It goes on over a restart and on every replica. Exit 3: the candidate does not load.
    """
    space = open_workspace(workspace)
    if what != "on" and (candidate or for_):
        raise AilyusError("bad_settings", f"`{what}` takes no candidate and no time", hint="`ailyus policy shadow on`")
    says: list[str] = []
    if what == "on":
        says = _begin(space, candidate, for_, person_of(space, as_))
    elif what == "off":
        ended = asked(space, "DELETE", "/shadow", EndedShadow, by=person_of(space, as_)).ended
        says = ["the shadow is off" if ended else "no shadow was on"]
    report = _report(space)
    return Answer(report, _lines(report) if what == "report" else [], says)


def _begin(space: "Workspace", candidate: str | None, for_: str | None, by: str) -> list[str]:
    from contracts.schema.fields import milliseconds
    from server.workspace.candidate_folder import candidate_folder
    from server.workspace.release_package import candidate_of

    try:
        length = None if for_ is None else milliseconds(for_)
    except ValueError as error:
        raise AilyusError("bad_settings", str(error), hint="for example --for 168h") from None
    try:
        if candidate is None:
            _, package = candidate_of(space)
        else:
            with candidate_folder(space.root, candidate) as folder:
                _, package = candidate_of(space, folder)
    except AilyusError as error:
        fail(error, INVALID if error.code not in ("not_found", "no_workspace") else REFUSED)
    name = candidate or "the files"
    body = {"name": name, "by": by, "package": package.model_dump(mode="json"), "milliseconds": length}
    told(space, "POST", "/shadow", body)
    return [f"{name} decides beside the live release from now on, and permits nothing: `ailyus policy shadow report`"]


def _report(space: "Workspace") -> ShadowReport:
    from receipts.tables import shadows
    from server.results.timestamp import iso
    from server.workspace.clock import now_ms
    from server.workspace.stores import is_made, reading

    if not space.settings.has_database and not space.store.exists():
        return _none()
    with reading(space) as read:
        record = shadows.current(read) if is_made(space, read) else None
        found = shadows.flips(read) if record is not None else []
    if record is None:
        return _none()
    rows = [
        ShadowFlipRow(f.kind, f.action, f.agent, f.before, f.after, list(f.policies), f.count, list(f.actions))
        for f in found
    ]
    count, until = record.count, record.ended_ms or record.until_ms
    return ShadowReport(
        "on" if record.is_on(now_ms()) else "off",
        record.name,
        record.by,
        iso(record.began_ms),
        None if until is None else iso(until),
        count.same,
        count.wider,
        count.narrower,
        count.unfit,
        count.dropped,
        rows,
    )


def _none() -> ShadowReport:
    return ShadowReport("none", "", "", "", None, 0, 0, 0, 0, 0, [])


def _lines(report: ShadowReport) -> list[str]:
    if report.state == "none":
        return ["no shadow was ever on"]
    head = f"shadow {report.state}: {report.name}, by {report.by} since {report.began}"
    head += f" until {report.until}" if report.until else ""
    decided = report.same + report.wider + report.narrower
    counts = f"{decided} decisions, {report.same} same, {report.wider} wider, {report.narrower} narrower"
    left = f"; {report.unfit} could not be decided, for {report.dropped} there was no time"
    rows = [
        {
            "change": "WIDER" if one.kind == "wider" else one.kind,
            "count": str(one.count),
            "action": one.action,
            "agent": one.agent,
            "before": one.before,
            "after": one.after,
            "policies": ", ".join(one.policies),
            "for example": ", ".join(one.actions[:2]),
        }
        for one in report.flips
    ]
    return [head, counts + (left if report.unfit or report.dropped else ""), *(table(rows, rows[0]) if rows else ())]
