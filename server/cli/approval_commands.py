"""Commands about what waits for people, and their decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from contracts.text.visible_text import visible
from server.cli.answer import Answer, group, verb
from server.cli.choice import person_of
from server.cli.confirmation import YesOption, confirm
from server.cli.document_part import part
from server.cli.output import table
from server.cli.owner import asked
from server.cli.passphrase import open_key
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from policies.approval import Binding
    from server.execution.approval_request import ApprovalRequest
    from server.workspace.workspace import Workspace

approval = group("What waits for people, and their decisions.")
Verdict = Literal["approve", "refuse"]
ActionArgument = Annotated[str, typer.Argument(help="The action's id, as `approval list` shows it.")]
SignerOption = Annotated[
    str | None, typer.Option("--as", help="The person who decides; else the only one who has a key here.")
]
RoleOption = Annotated[str | None, typer.Option(help="The role in which you decide.")]


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """One request that waits; `needs` are the sets of approvals of which one is enough, as (role, count)."""

    action: str
    contract: str
    risk: str
    agent: str
    person: str
    expiresMs: int
    needs: list[list[tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class ShownApproval:
    """What would be signed (`binding`), what is shown for it (`display`), the agent's day, and what holds it."""

    binding: Annotated[Mapping[str, object], part("policies.approval:Binding")]
    display: Annotated[Mapping[str, object], part("policies.approval_document:Display")]
    today: Mapping[str, int]
    halt: str | None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was taken: `ready`, `waiting` for more approvals, or `refused`."""

    action: str
    state: str


@verb(approval, "list")
def approvals(workspace: WorkspaceOption = ".") -> Answer[list[WaitingRow]]:
    """List every request that waits for people."""
    rows = _waiting(open_workspace(workspace))
    columns = ("action", "contract", "risk", "agent", "person")
    return Answer(rows, table(rows, columns) if rows else ["nothing waits"])


@verb(approval, "show")
def show_approval(
    action_id: ActionArgument, as_: SignerOption = None, workspace: WorkspaceOption = "."
) -> Answer[ShownApproval]:
    """Show what would be approved, exactly as it would be signed."""
    from policies.approval_document import render

    space = open_workspace(workspace)
    found = _binding(space, action_id, _Word(person_of(space, as_, signs=True), None, "approve", ""))
    ended = ", ".join(f"{count} {status}" for status, count in found.today.items()) or "nothing yet"
    return Answer(
        ShownApproval(
            found.binding.model_dump(mode="json"), found.asked.display.model_dump(mode="json"), found.today, found.halt
        ),
        [*_held(found.halt), render(found.asked.display), "", f"so far today, by this agent: {ended}"],
    )


@verb(approval, "approve")
def approve(
    action_id: ActionArgument,
    as_: SignerOption = None,
    role: RoleOption = None,
    comment: Annotated[str, typer.Option(help="A comment, signed with the decision.")] = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[Decided]:
    """Show one exact action, ask, and approve it by signing what was shown with your key."""
    space = open_workspace(workspace)
    return _decide(space, action_id, _Word(person_of(space, as_, signs=True), role, "approve", comment), yes)


@verb(approval, "refuse")
def refuse(
    action_id: ActionArgument,
    as_: SignerOption = None,
    role: RoleOption = None,
    comment: Annotated[str, typer.Option(help="The reason; the agent is told.")] = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[Decided]:
    """Show one exact action, ask, and refuse it."""
    space = open_workspace(workspace)
    return _decide(space, action_id, _Word(person_of(space, as_, signs=True), role, "refuse", comment), yes)


@dataclass(frozen=True, slots=True)
class _Word:
    """What a person says of a request: approve or refuse, in which role, and why."""

    person: str
    role: str | None
    verdict: Verdict
    comment: str


@dataclass(frozen=True, slots=True)
class _Bound:
    """What is to be signed, what is shown for it, the agent's day, and what holds it."""

    binding: "Binding"
    asked: "ApprovalRequest"
    today: dict[str, int]
    halt: str | None


@dataclass(frozen=True, slots=True)
class _Answered:
    """The same, as the gateway answers it."""

    binding: dict[str, object]
    asked: dict[str, object]
    today: dict[str, int]
    halt: str | None


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of a decision, as the gateway answers it."""

    state: str
    halt: str | None


def _decide(space: "Workspace", action_id: str, word: _Word, yes: bool) -> Answer[Decided]:
    from policies.approval import sign_binding
    from policies.approval_document import render
    from policies.principal import keyid_of

    found = _binding(space, action_id, word)
    binding, display = found.binding, found.asked.display
    # INVARIANT 2: the signer signs what it displays, never a digest that it was sent.
    if (
        display.digest != binding.subject.display_digest
        or binding.subject.action_id != action_id
        or binding.approver != word.person
        or binding.verdict != word.verdict
    ):
        raise AilyusError("bad_signature", "what the gateway asks to be signed is not what it shows")
    # never left out, whatever is printed else: nobody signs what they were not shown
    for line in [*render(display).split("\n"), "", *_held(found.halt)]:
        typer.echo(visible(line), err=True)
    confirm(f"{word.verdict} this as {word.person}, {binding.role}?", yes)
    key = open_key(space.key_file(word.person))
    signed = sign_binding(binding, key, keyid_of(key.public_key().public_bytes_raw()))
    taken = asked(space, "POST", "/approvals", _Taken, signed.model_dump(mode="json"))
    words = {
        "ready": f"approved, held by a halt: {taken.halt}" if taken.halt else "approved; it is being carried out",
        "waiting": "approved; more approvals are needed",
        "refused": "refused",
    }
    return Answer(Decided(action_id, taken.state), says=[words.get(taken.state, taken.state)])


def _held(halt: str | None) -> list[str]:
    return [f"{halt}; an approval waits until the halt is lifted", ""] if halt else []


def _waiting(space: "Workspace") -> list[WaitingRow]:
    return asked(space, "GET", "/approvals", list[WaitingRow])


def _binding(space: "Workspace", action_id: str, word: _Word) -> _Bound:
    from policies.approval import Binding
    from server.execution.approval_request import ApprovalRequest

    query = {"person": word.person, "verdict": word.verdict, "comment": word.comment}
    query |= {"role": word.role} if word.role else {}
    try:
        answer = asked(space, "GET", f"/approvals/{action_id}", _Answered, **query)
    except AilyusError as error:
        if error.code != "unknown_approval":
            raise
        hint = did_you_mean(action_id, [row.action for row in _waiting(space)], where="`ailyus approval list`")
        raise AilyusError(error.code, error.sentence, hint=hint) from None
    return _Bound(
        Binding.model_validate(answer.binding),
        ApprovalRequest.model_validate(answer.asked),
        answer.today,
        answer.halt,
    )
