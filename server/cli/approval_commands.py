"""Commands about what waits for people: their decisions, and the keys that they sign with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.admin.client import ask_owner, list_owner
from server.cli.options import AsOption
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.passphrase import ask_passphrase, open_key
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from pydantic import JsonValue

    from policies.approval import Binding
    from server.execution.approval_request import ApprovalRequest

approval = typer.Typer(help="What waits for people, and their decisions.", no_args_is_help=True)

ActionArgument = Annotated[str | None, typer.Argument(help="The action's id; the only one that waits, if left out.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("list", approvals),
        ("show", show_approval),
        ("approve", approve),
        ("refuse", refuse),
        ("enrol", enrol),
        ("keys", list_keys),
        ("revoke", revoke_key),
    ):
        approval.command(name)(report_errors(command))
    app.add_typer(approval, name="approval")


def approvals(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List every request that waits for people."""
    rows = _waiting(workspace)
    columns = ("action", "contract", "risk", "agent", "person")
    show(format, rows, table(rows, columns) if rows else ["nothing waits"])


def show_approval(
    action_id: ActionArgument = None,
    as_: AsOption = "lead",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Show what would be approved, exactly as it would be signed."""
    from policies.approval_document import render

    binding, asked, facts = _binding(workspace, action_id, _Word(as_, None, "approve", ""))
    today, halt = facts["today"], facts["halt"]
    counted = today if isinstance(today, dict) else {}
    ended = ", ".join(f"{count} {status}" for status, count in counted.items()) or "nothing yet"
    show(
        format,
        {
            "binding": binding.model_dump(mode="json"),
            "display": asked.display.model_dump(mode="json"),
            "today": today,
            "halt": halt,
        },
        [
            *([f"{halt}; an approval waits until the halt is lifted", ""] if halt else []),
            render(asked.display),
            "",
            f"so far today, by this agent: {ended}",
        ],
    )


def approve(
    action_id: ActionArgument = None,
    as_: AsOption = "lead",
    role: Annotated[str | None, typer.Option(help="The role in which you decide.")] = None,
    comment: Annotated[str, typer.Option(help="A comment, signed with the decision.")] = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Approve one exact action, by signing what is shown with your key."""
    _decide(workspace, action_id, _Word(as_, role, "approve", comment), format)


def refuse(
    action_id: ActionArgument = None,
    as_: AsOption = "lead",
    role: Annotated[str | None, typer.Option(help="The role in which you decide.")] = None,
    comment: Annotated[str, typer.Option(help="The reason; the agent is told.")] = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Refuse one exact action."""
    _decide(workspace, action_id, _Word(as_, role, "refuse", comment), format)


def enrol(as_: AsOption, workspace: WorkspaceOption = ".") -> None:
    """Make a key with a passphrase and link it to a declared person: at once, or by their first release."""
    from receipts.log.signing import create_key
    from server.workspace.releases import has_signed_release

    space = open_workspace(workspace)
    path = space.key_file(as_)
    if path.exists():
        raise AilyusError("bad_settings", f"there is a key for `{as_}` already", hint=f"it is `{path}`")
    passphrase = ask_passphrase("new passphrase: ")
    # 12: the file may be copied and tried offline, without anybody who counts
    if len(passphrase) < 12 or passphrase != ask_passphrase("again: "):
        raise AilyusError("bad_settings", "the passphrases differ or have fewer than 12 characters", hint="try again")
    key = create_key(path, passphrase.encode())
    public = key.public_key().public_bytes_raw().hex()
    try:
        ask_owner(space, "POST", "/keys", {"public": public, "person": as_, "kind": "file"})
    except AilyusError as error:
        if error.code == "no_owner" and not has_signed_release(space):
            # nobody can link it yet: the key waits for a gateway, and a first release links it without one
            typer.echo(f"made {path}; the first release that {as_} signs links it: ailyus release sign --as {as_}")
            return
        path.unlink()  # a key that nobody linked would stand in the way of the next try
        raise
    typer.echo(f"linked a key to {as_}: {path}")


def list_keys(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the linked keys."""

    rows = list_owner(open_workspace(workspace), "/keys")
    show(format, rows, table(rows, ("keyid", "person", "kind", "revoked")))


def revoke_key(
    keyid: Annotated[str, typer.Argument(help="The key's id, as `approval keys` lists it.")],
    workspace: WorkspaceOption = ".",
) -> None:
    """Revoke a key: it approves nothing any more, also not what it approved and was not done yet."""

    ask_owner(open_workspace(workspace), "DELETE", f"/keys/{keyid}")


@dataclass(frozen=True, slots=True)
class _Word:
    """What a person says of a request: approve or refuse, in which role, and why."""

    person: str
    role: str | None
    verdict: str
    comment: str


def _decide(workspace: str, action_id: str | None, word: _Word, format_: Format) -> None:
    from policies.approval import sign_binding
    from policies.approval_document import render
    from policies.principal import keyid_of

    space = open_workspace(workspace)
    binding, asked, facts = _binding(workspace, action_id, word)
    # INVARIANT 2: the signer signs what it displays, never a digest that it was sent.
    if (
        asked.display.digest != binding.subject.display_digest
        or binding.approver != word.person
        or binding.verdict != word.verdict
    ):
        raise AilyusError("bad_signature", "what the gateway asks to be signed is not what it shows")
    if format_ is Format.text:
        typer.echo(render(asked.display))
        if facts["halt"]:
            typer.echo(f"\n{facts['halt']}; an approval waits until the halt is lifted")
    key = open_key(space.key_file(word.person))
    signed = sign_binding(binding, key, keyid_of(key.public_key().public_bytes_raw()))
    result = ask_owner(space, "POST", "/approvals", signed.model_dump(mode="json"))
    state = result.get("state") if isinstance(result, dict) else None
    halt = result.get("halt") if isinstance(result, dict) else None
    words = {
        "ready": f"approved, held by a halt: {halt}" if halt else "approved; it is being carried out",
        "waiting": "approved; more approvals are needed",
        "refused": "refused",
    }
    show(format_, {"action": binding.subject.action_id, "state": state}, [words.get(str(state), str(state))])


def _waiting(workspace: str) -> "list[dict[str, JsonValue]]":

    return list_owner(open_workspace(workspace), "/approvals")


def _binding(
    workspace: str, action_id: str | None, word: _Word
) -> "tuple[Binding, ApprovalRequest, dict[str, JsonValue]]":
    from policies.approval import Binding
    from server.execution.approval_request import ApprovalRequest

    if action_id is None:
        waiting = _waiting(workspace)
        if len(waiting) != 1:  # never the newest of several: a person signs what they meant
            hint = "name one: `ailyus approval list`"
            raise AilyusError("unknown_approval", f"{len(waiting)} requests wait", hint=hint)
        action_id = str(waiting[0]["action"])
    query = {"person": word.person, "verdict": word.verdict, "comment": word.comment}
    query |= {"role": word.role} if word.role else {}
    body = ask_owner(open_workspace(workspace), "GET", f"/approvals/{action_id}", **query)
    if not isinstance(body, dict):
        raise AilyusError("internal", "the gateway's answer is malformed")
    facts = {"today": body["today"], "halt": body["halt"]}
    return Binding.model_validate(body["binding"]), ApprovalRequest.model_validate(body["asked"]), facts
