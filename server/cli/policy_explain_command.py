"""The command `ailyus policy explain`: what is decided, by which policies, and which single change would turn it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.cli.answer import Answer
from server.cli.options import NameArgument
from server.cli.policy_test_commands import BundledOption
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from policies.case import Case
    from receipts.journal.budget_count import BudgetUse


@dataclass(frozen=True, slots=True)
class Explained:
    """What would be decided, in sentences."""

    action: str
    explanation: list[str]


def explain_policy(
    name: NameArgument,
    agent_role: Annotated[list[str] | None, typer.Option(help="A role of the agent.")] = None,
    person_role: Annotated[list[str] | None, typer.Option(help="A role of the person it acts for.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="The resource's tenant; else the same as that of agent and person.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="The resource's environment; else `prod`, or the only one.")
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option(help="name=value, for example vip=true")] = None,
    approval: Annotated[list[str] | None, typer.Option(help="role=count")] = None,
    workspace: WorkspaceOption = ".",
    bundled: BundledOption = False,
) -> Answer[Explained]:
    """What is decided, by which policies, for agent and person apart, and which single change would turn it?

    For a contract by its name and the options, or for what a receipt's decision was asked, by its id.
    """
    from contracts.text.document import read_document
    from contracts.text.source import MalformedSource
    from policies.case import Case, What, Who
    from policies.diagnosis import diagnosis_of
    from policies.explanation import explain
    from server.results.budget_line import budget_line
    from server.workspace.budget_uses import counted
    from server.workspace.policy_set import policy_set_of

    if name.startswith("rcp_"):
        return _explained_receipt(workspace, name)
    found = policy_set_of(None if bundled else Path(workspace).resolve())
    decider, programs = found.decider, found.programs
    if name not in programs:
        hint = did_you_mean(name, programs, where="`ailyus contract list`")
        raise AilyusError("not_found", f"there is no contract `{name}`", hint=hint)
    own = _tenant(workspace, bundled)
    try:
        attributes = {k: read_document(v)[1] for k, _, v in (a.partition("=") for a in attribute or [])}
    except MalformedSource as error:
        raise AilyusError("bad_attribute", f"an attribute's value cannot be read: {error}", hint="quote it") from None
    pairs = [a.partition("=") for a in approval or []]
    if wrong := [f"{k}{sign}{v}" for k, sign, v in pairs if not v.isdigit()]:
        raise AilyusError("bad_attribute", f"`{wrong[0]}` says no number of approvals", hint="such as SecurityLead=1")
    counts = {k: int(v) for k, _, v in pairs}
    case = Case(
        name="explain",
        action=name,
        agent=Who(roles=tuple(agent_role or _role(decider.bundle.roles, "--agent-role")), tenant=own),
        person=Who(roles=tuple(person_role or _role(decider.bundle.roles, "--person-role")), tenant=own),
        resource=What(
            tenant=tenant or own,
            environment=environment or _environment(decider.bundle.environments),
            attributes=attributes,
        ),
        approvals=counts,
        expect="permitted",
    )
    reads_budgets = not bundled and "budget" in decider.bundle.slices[name].reads
    uses = _budget_uses(workspace, case) if reads_budgets else ()
    told = diagnosis_of(decider, programs, counted(case, uses))
    lines = [*explain(told.decision), *map(budget_line, uses), *told.lines]
    return Answer(Explained(name, lines), lines)


def _explained_receipt(workspace: str, receipt: str) -> Answer[Explained]:
    """What the files decide of what a receipt's decision was asked, and who of the declared people could approve."""
    from policies.diagnosis import diagnosis_of, with_givers
    from policies.explanation import explain
    from server.results.budget_line import budget_line
    from server.workspace.budget_uses import stored_uses
    from server.workspace.recorded_test import case_of_receipt

    space = open_workspace(workspace)
    release = space.release()
    (case, connection), programs = case_of_receipt(space, release, receipt), release.catalog.programs
    people = [
        (one, one.roles)
        for one in release.people.by_name.values()
        if one.tenant == case.resource.tenant and one.name not in (case.person.name, release.author)
    ]
    told = with_givers(diagnosis_of(release.decider, programs, case), release.decider, programs, case, people)
    lines = [*explain(told.decision), *map(budget_line, stored_uses(space, release, case, connection)), *told.lines]
    return Answer(Explained(str(case.action), lines), lines)


def _budget_uses(workspace: str, case: "Case") -> "tuple[BudgetUse, ...]":
    """What budgets have come to by the store; those of one connection need its name, and those of one agent its own."""
    from server.workspace.budget_uses import stored_uses

    space = open_workspace(workspace)
    return tuple(use for use in stored_uses(space, space.release(), case) if use.budget.text.per in ("tenant", "role"))


def _tenant(workspace: str, bundled: bool) -> str:
    """The tenant of agent and person in an explanation: that of the first declared person."""
    people = () if bundled else open_workspace(workspace).settings.people
    return people[0].tenant if people else "acme"


def _role(declared: Collection[str], option: str) -> list[str]:
    if "Support" in declared or len(declared) == 1:
        return ["Support"] if "Support" in declared else list(declared)
    raise AilyusError("bad_settings", "no role is named", hint=f"{option} {' | '.join(sorted(declared)) or 'ROLE'}")


def _environment(declared: Collection[str]) -> str:
    if "prod" in declared or len(declared) == 1:
        return "prod" if "prod" in declared else next(iter(declared))
    raise AilyusError("bad_settings", "no environment is named", hint=f"--environment {' | '.join(sorted(declared))}")
