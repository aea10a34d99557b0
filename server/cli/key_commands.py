"""Commands about the gateway's own keys: the one that signs the log, and the one that seals secrets."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, FormatOption, report_errors, show, table
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from pydantic import JsonValue

    from server.workspace.workspace import Workspace

key = typer.Typer(help="The gateway's own keys: of the log, and of sealed secrets.", no_args_is_help=True)


class OwnKeyKind(StrEnum):
    """Which of the gateway's own keys."""

    log = "log"
    secrets = "secrets"


AsOption = Annotated[str, typer.Option("--as", help="The person who rotates it; named in the statement.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it stands in the statement.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    key.command("list")(report_errors(list_keys))
    key.command("rotate")(report_errors(rotate))
    app.add_typer(key, name="key")


def list_keys(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the gateway's own keys: since when each counts, where it is read from, whether it is retired."""
    from dataclasses import asdict

    from server.workspace.own_keys import own_keys

    rows: list[dict[str, JsonValue]] = [asdict(one) for one in own_keys(open_workspace(workspace))]
    shown = [{**row, "first": "" if row["first"] is None else row["first"]} for row in rows]
    show(format, rows, table(shown, ("kind", "keyid", "state", "since", "first", "source")))


def rotate(
    which: Annotated[OwnKeyKind, typer.Argument(help="The key that signs the log, or the one that seals secrets.")],
    as_: AsOption,
    reason: ReasonOption,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Of the log: only put a new key beside the present one, for every replica."),
    ] = False,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Let a new key follow, by a logged statement; old proofs still verify. Of secrets while no gateway runs."""
    space = open_workspace(workspace)
    _require_person(space, as_, reason)
    if which is OwnKeyKind.secrets:
        _rotate_secrets(space, as_, reason, format)
        return
    if prepare:
        _prepare(space, format)
        return
    done = _rotated(space, f"/gateway-keys/{which}", {"by": as_, "reason": reason})
    record = done.get("record")
    first = f"from statement {int(str(record['leaf'])) + 1} on" if isinstance(record, dict) else "already"
    show(
        format,
        done,
        [
            f"the log is signed with the key {done['keyid']} {first}; until then it was {done['former']}",
            f"{done['following']}",
            "next: hand the new roots.json to whoever verifies; by the old one they follow the statement in new proofs",
        ],
    )


def _rotate_secrets(space: "Workspace", by: str, reason: str, format: Format) -> None:
    import asyncio
    from dataclasses import asdict

    from server.workspace.key_rotation import rotate_sealing_key

    done = asyncio.run(rotate_sealing_key(space, by, reason))
    lines = [f"everything is sealed with the key {done.keyid} already", done.following]
    if done.record is not None:
        lines[0] = f"{done.record.resealed} rows are sealed with the key {done.keyid}; until now {done.record.former}"
        lost = f"{done.record.unopened} rows do not open with the former key, and were left as they are"
        lines[1:1] = [lost] if done.record.unopened else []
    show(format, asdict(done), [*lines, "next: ailyus serve; clients and people sign in anew where they are asked to"])


def _prepare(space: "Workspace", format: Format) -> None:
    from receipts.log.signing import Signer
    from server.workspace.log_key import open_log_key
    from server.workspace.log_key_rotation import prepare_log_key

    keyid = Signer(prepare_log_key(space, Signer(open_log_key(space, make=False)).keyid)).keyid
    said = f"the key {keyid} stands after the present one at `{space.settings.log.key}`"
    show(format, {"keyid": keyid}, [said, "next: give every replica the same, then run this again without `--prepare`"])


def _require_person(space: "Workspace", name: str, reason: str) -> None:
    from receipts.journal.log_rotation import MAX_REASON

    if name not in {person.name for person in space.settings.people}:
        raise AilyusError("unknown_person", f"`{name}` is no declared person")
    if not 3 <= len(reason) <= MAX_REASON:
        hint = f"say in 3 to {MAX_REASON} characters why the key is rotated"
        raise AilyusError("bad_settings", f"`{reason[:60]}` is no reason", hint=hint)


def _rotated(space: "Workspace", path: str, body: dict[str, str]) -> "dict[str, JsonValue]":
    """By the gateway that runs here, or in the store where none does."""
    import asyncio
    from dataclasses import asdict

    from server.admin.client import ask_owner, find_owner
    from server.workspace.key_rotation import rotate_here

    if find_owner(space) is not None:
        answer = ask_owner(space, "POST", path, body)
        return answer if isinstance(answer, dict) else {}
    return asdict(asyncio.run(rotate_here(space, body["by"], body["reason"])))
