"""Commands about calls for help."""

from dataclasses import dataclass
from typing import Annotated

import typer

from server.cli.answer import Answer, group, verb
from server.cli.choice import AsOption, person_of
from server.cli.output import table
from server.cli.owner import asked, told
from server.cli.workspace_option import WorkspaceOption, open_workspace

escalation = group("Calls for help, and who took them on.")


@dataclass(frozen=True, slots=True)
class EscalationRow:
    """One call for help that nobody took on; times in milliseconds since 1970, UTC."""

    escalation: str
    action: str
    route: str
    contract: str
    status: str
    createdMs: int
    deliveredMs: int | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A call for help that somebody took on."""

    escalation: str
    by: str


@dataclass(frozen=True, slots=True)
class ClosedReview:
    """A review after the fact, and who closed it."""

    review: str
    by: str


@verb(escalation, "list")
def escalations(workspace: WorkspaceOption = ".") -> Answer[list[EscalationRow]]:
    """List what nobody has acknowledged, and the reviews that nobody has closed (route `review:ROLE`)."""
    rows = asked(open_workspace(workspace), "GET", "/escalations", list[EscalationRow])
    columns = ("escalation", "route", "contract", "status", "action")
    return Answer(rows, table(rows, columns) if rows else ["nobody is waited for"])


@verb(escalation, "ack")
def acknowledge(
    escalation_id: Annotated[str, typer.Argument(help="The escalation's id, as `escalation list` shows it.")],
    as_: AsOption = None,
    workspace: WorkspaceOption = ".",
) -> Answer[Acknowledged]:
    """Take an escalation on: the next route is not told any more."""
    space = open_workspace(workspace)
    by = person_of(space, as_)
    told(space, "POST", f"/escalations/{escalation_id}", {"person": by})
    return Answer(Acknowledged(escalation_id, by), says=[f"{by} takes {escalation_id} on; nobody else is told"])


@verb(escalation, "close")
def close(
    escalation_id: Annotated[str, typer.Argument(help="The review's id, as `escalation list` shows it.")],
    comment: Annotated[str, typer.Option(help="What you found; it is kept as evidence.")],
    as_: AsOption = None,
    workspace: WorkspaceOption = ".",
) -> Answer[ClosedReview]:
    """Close the review of what only a break-glass policy permitted: in its role, and not for yourself."""
    space = open_workspace(workspace)
    by = person_of(space, as_)
    told(space, "POST", f"/escalations/{escalation_id}/close", {"person": by, "comment": comment})
    return Answer(ClosedReview(escalation_id, by), says=[f"{by} reviewed {escalation_id}"])
