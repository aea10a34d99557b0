"""Commands about actions and their approvals."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.admin.client import ask_owner, list_owner
from server.cli.output import Format, FormatOption, WorkspaceOption, show, table, told
from server.cli.store import reading

if TYPE_CHECKING:
    from pydantic import JsonValue

    from policies.approval import Binding
    from server.execution.approval_request import ApprovalRequest

approval = typer.Typer(help="What waits for people, and their decisions.", no_args_is_help=True)
action = typer.Typer(help="What is on its way.", no_args_is_help=True)
IdArgument = Annotated[str, typer.Argument(help="The action's id.")]
ActionArgument = Annotated[str | None, typer.Argument(help="The action's id; the only one that waits, if left out.")]
AsOption = Annotated[str, typer.Option("--as", help="The person who decides.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for group, commands in (
        (
            approval,
            (
                ("list", approvals),
                ("show", show_approval),
                ("approve", approve),
                ("refuse", refuse),
                ("enrol", enrol),
                ("keys", list_keys),
                ("revoke", revoke_key),
            ),
        ),
        (
            action,
            (("list", actions), ("show", show_action), ("cancel", cancel), ("resolve", resolve), ("open", incidents)),
        ),
    ):
        for name, command in commands:
            group.command(name)(told(command))
    app.add_typer(approval, name="approval")
    app.add_typer(action, name="action")


# -- approvals -----------------------------------------------------------------------------------------------------


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

    binding, asked, facts = _binding(workspace, action_id, as_, None, "approve", "")
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
    _decide(workspace, action_id, as_, role, "approve", comment, format)


def refuse(
    action_id: ActionArgument = None,
    as_: AsOption = "lead",
    role: Annotated[str | None, typer.Option(help="The role in which you decide.")] = None,
    comment: Annotated[str, typer.Option(help="The reason; the agent is told.")] = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Refuse one exact action."""
    _decide(workspace, action_id, as_, role, "refuse", comment, format)


def enrol(as_: AsOption, workspace: WorkspaceOption = ".") -> None:
    """Make a key with a passphrase and link it to a declared person: at once, or by their first release."""
    from receipts.log.signing import create_key
    from server.workspace.releases import has_signed_release
    from server.workspace.workspace import Workspace

    space = Workspace.open(Path(workspace).resolve())
    path = space.key_file(as_)
    if path.exists():
        raise AilyusError("bad_settings", f"there is a key for `{as_}` already", hint=f"it is `{path}`")
    passphrase = ask_passphrase("new passphrase: ")
    if len(passphrase) < 12 or passphrase != ask_passphrase("again: "):
        raise AilyusError("bad_settings", "the passphrases differ or have fewer than 12 characters", hint="try again")
    key = create_key(path, passphrase.encode())
    public = key.public_key().public_bytes_raw().hex()
    try:
        ask_owner(space, "POST", "/keys", {"public": public, "person": as_, "kind": "file"})
    except AilyusError as error:
        if error.code == "no_owner" and not has_signed_release(space):
            typer.echo(f"made {path}; the first release that {as_} signs links it: ailyus release --as {as_}")
            return
        path.unlink()
        raise
    typer.echo(f"linked a key to {as_}: {path}")


def list_keys(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the linked keys."""
    from server.workspace.workspace import Workspace

    rows = list_owner(Workspace.open(Path(workspace).resolve()), "/keys")
    show(format, rows, table(rows, ("keyid", "person", "kind", "revoked")))


def revoke_key(
    keyid: Annotated[str, typer.Argument(help="The key's id, as `approval keys` lists it.")],
    workspace: WorkspaceOption = ".",
) -> None:
    """Revoke a key: it approves nothing any more, also not what it approved and was not done yet."""
    from server.workspace.workspace import Workspace

    ask_owner(Workspace.open(Path(workspace).resolve()), "DELETE", f"/keys/{keyid}")


def _decide(
    workspace: str, action_id: str | None, person: str, role: str | None, verdict: str, comment: str, format_: Format
) -> None:
    from policies.approval import sign_binding
    from policies.approval_document import render
    from policies.principal import keyid_of
    from receipts.log.signing import is_encrypted, load_key
    from server.workspace.workspace import Workspace

    space = Workspace.open(Path(workspace).resolve())
    path = space.key_file(person)
    binding, asked, facts = _binding(workspace, action_id, person, role, verdict, comment)
    # INVARIANT: the signer signs what it displays, never a digest that it was sent.
    if (
        asked.display.digest != binding.subject.display_digest
        or binding.approver != person
        or binding.verdict != verdict
    ):
        raise AilyusError("bad_signature", "what the gateway asks to be signed is not what it shows")
    if format_ is Format.text:
        typer.echo(render(asked.display))
        if facts["halt"]:
            typer.echo(f"\n{facts['halt']}; an approval waits until the halt is lifted")
    encrypted = path.exists() and is_encrypted(path)
    key = load_key(path, ask_passphrase("passphrase: ").encode() if encrypted else None)
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


def ask_passphrase(prompt: str) -> str:
    """A passphrase, from the terminal."""
    # only from the terminal: no flag, variable or pipe can hold it
    try:
        with open("/dev/tty"):
            return getpass.getpass(prompt)
    except OSError:
        raise AilyusError(
            "bad_settings", "a passphrase is asked for at a terminal only", hint="run it in one"
        ) from None


def _waiting(workspace: str) -> "list[dict[str, JsonValue]]":
    from server.workspace.workspace import Workspace

    return list_owner(Workspace.open(Path(workspace).resolve()), "/approvals")


def _binding(
    workspace: str, action_id: str | None, person: str, role: str | None, verdict: str, comment: str
) -> "tuple[Binding, ApprovalRequest, dict[str, JsonValue]]":
    from policies.approval import Binding
    from server.execution.approval_request import ApprovalRequest
    from server.workspace.workspace import Workspace

    if action_id is None:
        waiting = _waiting(workspace)
        if len(waiting) != 1:
            hint = "name one: `ailyus approval list`"
            raise AilyusError("unknown_approval", f"{len(waiting)} requests wait", hint=hint)
        action_id = str(waiting[0]["action"])
    query = {"person": person, "verdict": verdict, "comment": comment} | ({"role": role} if role else {})
    body = ask_owner(Workspace.open(Path(workspace).resolve()), "GET", f"/approvals/{action_id}", **query)
    if not isinstance(body, dict):
        raise AilyusError("internal", "the gateway's answer is malformed")
    facts = {"today": body["today"], "halt": body["halt"]}
    return Binding.model_validate(body["binding"]), ApprovalRequest.model_validate(body["asked"]), facts


# -- actions -------------------------------------------------------------------------------------------------------


def actions(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the newest actions."""
    from receipts.tables import inventory

    with reading(workspace) as read:
        rows = [
            {
                "action": one.id,
                "contract": one.contract,
                "state": one.state,
                "status": one.status,
                "agent": one.agent,
                "person": one.person,
            }
            for one in inventory.newest(read)
        ]
    names = ("action", "contract", "state", "status", "agent", "person")
    show(format, rows, table(rows, names) if rows else ["no action yet"])


def show_action(
    action_id: IdArgument,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Show what an agent was told about an action, and every receipt of it."""
    from receipts.action.action_result import ActionResult
    from receipts.audit.denials import reason_of
    from receipts.statement import entries
    from receipts.tables import inventory
    from server.results.answers import iso
    from server.results.text import text_of

    with reading(workspace) as read:
        told = inventory.told(read, action_id)
        steps = entries.of_action_in(read, action_id)
        why = reason_of(read, steps[-1].receipt) if steps else ""
    if told is None:
        raise AilyusError("not_found", f"there is no action `{action_id}`")
    result = ActionResult.unpacked(told.result)
    because = [f"why, for people: {why}"] if why else []
    if told.state == "ready":
        because = ["approved, and not carried out yet: `ailyus halts` lists what may hold it"]
    receipts = [{"receipt": one.receipt, "kind": one.kind, "status": one.status, "at": iso(one.at_ms)} for one in steps]
    show(
        format,
        {"result": result.document(), "receipts": receipts, "why": why},
        [*because, text_of(result), "", *table(receipts, ("at", "kind", "status", "receipt"))],
    )


def cancel(action_id: IdArgument, workspace: WorkspaceOption = ".") -> None:
    """End a request that waits."""
    from server.workspace.workspace import Workspace

    ask_owner(Workspace.open(Path(workspace).resolve()), "DELETE", f"/actions/{action_id}")


def resolve(
    action_id: IdArgument,
    asserted: Annotated[str, typer.Option(help="What you found at the target: applied or not_applied.")],
    as_: AsOption,
    comment: Annotated[str, typer.Option(help="What you looked at.")] = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Say, signed, what became of an action whose outcome is unknown or diverged. It is asserted, never confirmed."""
    import time

    from policies.principal import keyid_of
    from policies.signed_resolution import Resolution, sign_resolution
    from receipts.log.signing import is_encrypted, load_key
    from server.workspace.workspace import Workspace

    if asserted not in ("applied", "not_applied"):
        raise AilyusError("bad_settings", f"`{asserted}` is not `applied` or `not_applied`", hint="choose one of both")
    space = Workspace.open(Path(workspace).resolve())
    path = space.key_file(as_)
    key = load_key(path, ask_passphrase("passphrase: ").encode() if path.exists() and is_encrypted(path) else None)
    said = Resolution(
        purpose="ailyus-resolution-v1",
        origin=space.settings.origin,
        action_id=action_id,
        asserted="applied" if asserted == "applied" else "not_applied",
        comment=comment[:500],
        person=as_,
        at_ms=int(time.time() * 1000),
    )
    signed = sign_resolution(said, key, keyid_of(key.public_key().public_bytes_raw()))
    result = ask_owner(space, "POST", "/resolutions", signed.model_dump(mode="json"))
    status = str(result.get("status")) if isinstance(result, dict) else ""
    show(format, {"action": action_id, "status": status}, [f"recorded: {status}"])


def incidents(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the outcomes in doubt that nobody has resolved."""
    from server.workspace.workspace import Workspace

    rows = list_owner(Workspace.open(Path(workspace).resolve()), "/incidents")
    show(format, rows, table(rows, ("action", "contract", "status", "agent")) if rows else ["nothing is open"])
