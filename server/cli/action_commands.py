"""Commands about actions: what is on its way, and what became of it."""

from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.admin.client import ask_owner, list_owner
from server.cli.options import AsOption
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.passphrase import open_key
from server.cli.store import reading, reading_of
from server.cli.workspace_option import WorkspaceOption, open_workspace

action = typer.Typer(help="What is on its way.", no_args_is_help=True)
IdArgument = Annotated[str, typer.Argument(help="The action's id.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("list", actions),
        ("show", show_action),
        ("cancel", cancel),
        ("resolve", resolve),
        ("open", incidents),
    ):
        action.command(name)(report_errors(command))
    app.add_typer(action, name="action")


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
    from server.results.text import text_of
    from server.results.timestamp import iso

    with reading_of(workspace, action_id) as read:
        report_errors = inventory.told(read, action_id)
        steps = entries.of_action_in(read, action_id)
        why = reason_of(read, steps[-1].receipt) if steps else ""
    if report_errors is None:
        raise AilyusError("not_found", f"there is no action `{action_id}`")
    result = ActionResult.unpacked(report_errors.result)
    because = [f"why, for people: {why}"] if why else []
    if report_errors.state == "ready":  # the row keeps the answer that it waits for people, although they have decided
        because = ["approved, and not carried out yet: `ailyus halts` lists what may hold it"]
    receipts = [{"receipt": one.receipt, "kind": one.kind, "status": one.status, "at": iso(one.at_ms)} for one in steps]
    show(
        format,
        {"result": result.document(), "receipts": receipts, "why": why},
        [*because, text_of(result), "", *table(receipts, ("at", "kind", "status", "receipt"))],
    )


def cancel(action_id: IdArgument, workspace: WorkspaceOption = ".") -> None:
    """End a request that waits."""

    ask_owner(open_workspace(workspace), "DELETE", f"/actions/{action_id}")


def resolve(
    action_id: IdArgument,
    asserted: Annotated[str, typer.Option(help="What you found at the target: applied or not_applied.")],
    as_: AsOption,
    comment: Annotated[str, typer.Option(help="What you looked at.")] = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Say, signed, what became of an action whose outcome is unknown or diverged. It is asserted, never confirmed."""
    from policies.principal import keyid_of
    from policies.signed_resolution import Resolution, sign_resolution
    from server.workspace.clock import now_ms

    if asserted not in ("applied", "not_applied"):
        raise AilyusError("bad_settings", f"`{asserted}` is not `applied` or `not_applied`", hint="choose one of both")
    space = open_workspace(workspace)
    key = open_key(space.key_file(as_))
    said = Resolution(
        purpose="ailyus-resolution-v1",
        origin=space.settings.origin,
        action_id=action_id,
        asserted="applied" if asserted == "applied" else "not_applied",
        comment=comment[:500],
        person=as_,
        at_ms=now_ms(),
    )
    signed = sign_resolution(said, key, keyid_of(key.public_key().public_bytes_raw()))
    result = ask_owner(space, "POST", "/resolutions", signed.model_dump(mode="json"))
    status = str(result.get("status")) if isinstance(result, dict) else ""
    show(format, {"action": action_id, "status": status}, [f"recorded: {status}"])


def incidents(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the outcomes in doubt that nobody has resolved."""

    rows = list_owner(open_workspace(workspace), "/incidents")
    show(format, rows, table(rows, ("action", "contract", "status", "agent")) if rows else ["nothing is open"])
