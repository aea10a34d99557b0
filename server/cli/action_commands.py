"""Commands about actions: approval, action, receipt, audit."""

import getpass
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, FormatOption, WorkspaceOption, show, table, told
from server.cli.owner import ask_owner, list_owner

if TYPE_CHECKING:
    from pydantic import JsonValue

    from policies.approval import Binding
    from server.requests import Asked

approval = typer.Typer(help="What waits for people, and their decisions.", no_args_is_help=True)
action = typer.Typer(help="What is on its way.", no_args_is_help=True)
receipt = typer.Typer(help="Receipts: find, read, prove, verify.", no_args_is_help=True)
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
        (
            receipt,
            (
                ("find", find_receipts),
                ("show", show_receipt),
                ("proof", proof),
                ("evidence", evidence),
                ("verify", verify_file),
                ("export", export),
                ("recheck", recheck),
            ),
        ),
    ):
        for name, command in commands:
            group.command(name)(told(command))
    app.add_typer(approval, name="approval")
    app.add_typer(action, name="action")
    app.add_typer(receipt, name="receipt")
    app.command()(told(audit))


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
    from policies.display import render

    binding, asked = _binding(workspace, action_id, as_, None, "approve", "")
    show(
        format,
        {"binding": binding.model_dump(mode="json"), "display": asked.display.model_dump(mode="json")},
        [render(asked.display)],
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
    """Make a key with a passphrase and link it to a declared person."""
    from receipts.signing import create_key
    from server.settings import Workspace

    space = Workspace.open(Path(workspace).resolve())
    path = space.key_file(as_)
    if path.exists():
        raise AilyusError("bad_settings", f"there is a key for `{as_}` already", hint=f"it is `{path}`")
    passphrase = _passphrase("new passphrase: ")
    if len(passphrase) < 12 or passphrase != _passphrase("again: "):
        raise AilyusError("bad_settings", "the passphrases differ or have fewer than 12 characters", hint="try again")
    key = create_key(path, passphrase.encode())
    public = key.public_key().public_bytes_raw().hex()
    try:
        ask_owner(space, "POST", "/keys", {"public": public, "person": as_, "kind": "file"})
    except AilyusError:
        path.unlink()
        raise
    typer.echo(f"linked a key to {as_}: {path}")


def list_keys(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the linked keys."""
    from server.settings import Workspace

    rows = list_owner(Workspace.open(Path(workspace).resolve()), "/keys")
    show(format, rows, table(rows, ("keyid", "person", "kind", "revoked")))


def revoke_key(keyid: Annotated[str, typer.Argument()], workspace: WorkspaceOption = ".") -> None:
    """Revoke a key: it approves nothing any more, also not what it approved and was not done yet."""
    from server.settings import Workspace

    ask_owner(Workspace.open(Path(workspace).resolve()), "DELETE", f"/keys/{keyid}")


def _decide(
    workspace: str, action_id: str | None, person: str, role: str | None, verdict: str, comment: str, format_: Format
) -> None:
    from policies.approval import sign_binding
    from policies.display import render
    from policies.principal import keyid_of
    from receipts.signing import is_encrypted, load_key
    from server.settings import Workspace

    space = Workspace.open(Path(workspace).resolve())
    path = space.key_file(person)
    binding, asked = _binding(workspace, action_id, person, role, verdict, comment)
    # INVARIANT: the signer signs what it displays, never a digest that it was sent.
    if (
        asked.display.digest != binding.subject.display_digest
        or binding.approver != person
        or binding.verdict != verdict
    ):
        raise AilyusError("bad_signature", "what the gateway asks to be signed is not what it shows")
    if format_ is Format.text:
        typer.echo(render(asked.display))
    encrypted = path.exists() and is_encrypted(path)
    key = load_key(path, _passphrase("passphrase: ").encode() if encrypted else None)
    signed = sign_binding(binding, key, keyid_of(key.public_key().public_bytes_raw()))
    result = ask_owner(space, "POST", "/approvals", signed.model_dump(mode="json"))
    state = result.get("state") if isinstance(result, dict) else None
    words = {
        "ready": "approved; it is being carried out",
        "waiting": "approved; more approvals are needed",
        "refused": "refused",
    }
    show(format_, {"action": binding.subject.action_id, "state": state}, [words.get(str(state), str(state))])


def _passphrase(prompt: str) -> str:
    # only from the terminal: no flag, variable or pipe can hold it
    try:
        with open("/dev/tty"):
            return getpass.getpass(prompt)
    except OSError:
        raise AilyusError(
            "bad_settings", "a passphrase is asked for at a terminal only", hint="run it in one"
        ) from None


def _waiting(workspace: str) -> "list[dict[str, JsonValue]]":
    from server.settings import Workspace

    return list_owner(Workspace.open(Path(workspace).resolve()), "/approvals")


def _binding(
    workspace: str, action_id: str | None, person: str, role: str | None, verdict: str, comment: str
) -> "tuple[Binding, Asked]":
    from policies.approval import Binding
    from server.requests import Asked
    from server.settings import Workspace

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
    return Binding.model_validate(body["binding"]), Asked.model_validate(body["asked"])


# -- actions -------------------------------------------------------------------------------------------------------


def actions(workspace: WorkspaceOption = ".", format: FormatOption = Format.text) -> None:
    """List the newest actions."""
    with _reading(workspace) as connection:
        found = connection.execute(
            "SELECT id, contract, state, status, agent, person FROM actions ORDER BY created_ms DESC LIMIT 50"
        ).fetchall()
    names = ("action", "contract", "state", "status", "agent", "person")
    rows = [dict(zip(names, row, strict=True)) for row in found]
    show(format, rows, table(rows, names) if rows else ["no action yet"])


def show_action(
    action_id: Annotated[str, typer.Argument()],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Show what an agent was told about an action, and every receipt of it."""
    import orjson

    from server.answers import iso, text_of

    with _reading(workspace) as connection:
        row = connection.execute("SELECT result FROM actions WHERE id = ?", (action_id,)).fetchone()
        if row is None:
            raise AilyusError("not_found", f"there is no action `{action_id}`")
        steps = connection.execute(
            "SELECT id, kind, status, at_ms FROM statements WHERE action_id = ? ORDER BY leaf_index", (action_id,)
        ).fetchall()
    result = orjson.loads(row[0])
    receipts = [{"receipt": r[0], "kind": r[1], "status": r[2], "at": iso(r[3])} for r in steps]
    show(
        format,
        {"result": result, "receipts": receipts},
        [text_of(result), "", *table(receipts, ("at", "kind", "status", "receipt"))],
    )


def cancel(action_id: Annotated[str, typer.Argument()], workspace: WorkspaceOption = ".") -> None:
    """End a request that waits."""
    from server.settings import Workspace

    ask_owner(Workspace.open(Path(workspace).resolve()), "DELETE", f"/actions/{action_id}")


def resolve(
    action_id: Annotated[str, typer.Argument()],
    asserted: Annotated[str, typer.Option(help="What you found at the target: applied or not_applied.")],
    as_: AsOption,
    comment: Annotated[str, typer.Option(help="What you looked at.")] = "",
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Say, signed, what became of an action whose outcome is unknown or diverged. It is asserted, never confirmed."""
    import time

    from policies.principal import keyid_of
    from policies.resolution import Resolution, sign_resolution
    from receipts.signing import is_encrypted, load_key
    from server.settings import Workspace

    if asserted not in ("applied", "not_applied"):
        raise AilyusError("bad_settings", f"`{asserted}` is not `applied` or `not_applied`", hint="choose one of both")
    space = Workspace.open(Path(workspace).resolve())
    path = space.key_file(as_)
    key = load_key(path, _passphrase("passphrase: ").encode() if path.exists() and is_encrypted(path) else None)
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
    from server.settings import Workspace

    rows = list_owner(Workspace.open(Path(workspace).resolve()), "/incidents")
    show(format, rows, table(rows, ("action", "contract", "status", "agent")) if rows else ["nothing is open"])


# -- receipts ------------------------------------------------------------------------------------------------------


def recheck(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A receipt or an action.")],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Look again at what was confirmed; exit 1 when it does not hold any more."""
    from server.settings import Workspace

    with _reading(workspace) as connection:
        row = connection.execute("SELECT action_id FROM statements WHERE id = ?", (id_,)).fetchone()
    space = Workspace.open(Path(workspace).resolve())
    result = ask_owner(space, "POST", f"/actions/{row[0] if row else id_}/recheck")
    facts = result if isinstance(result, dict) else {}
    show(format, facts, [f"{facts.get('status')}: receipt {facts.get('receipt')}"])
    if facts.get("status") != "holds":
        raise typer.Exit(1)


def find_receipts(
    agent: Annotated[str | None, typer.Option(help="What one agent did.")] = None,
    contract: Annotated[str | None, typer.Option()] = None,
    status: Annotated[str | None, typer.Option(help="confirmed, denied, unknown, …")] = None,
    match: Annotated[
        str | None, typer.Option(help="An id, e-mail or indexed input, exactly; it is looked up by HMAC.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="outcome, decision, intent, key, release, agent")] = None,
    since: Annotated[str | None, typer.Option(help="For example 12h or 30m.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Find receipts, newest first."""
    import time

    from contracts.contract import milliseconds
    from receipts.query import Query, find
    from server.answers import iso

    try:
        since_ms = int(time.time() * 1000) - milliseconds(since) if since else 0
    except ValueError as error:
        raise AilyusError("bad_settings", str(error), hint="for example --since 12h") from None
    with _reading(workspace) as connection:
        matches = _search_values(connection, match) if match else []
        query = Query(
            agent=agent, contract=contract, status=status, kind=kind, matches=matches, since_ms=since_ms, limit=limit
        )
        if match and not matches:
            found = []
        else:
            found = find(lambda sql, *params: connection.execute(sql, params).fetchall(), query)
    rows: list[dict[str, object]] = [
        {
            "at": iso(f.at_ms),
            "receipt": f.receipt_id,
            "kind": f.kind,
            "status": f.status,
            "changed": f.changed,
            "contract": f.contract,
            "agent": f.agent,
            "action": f.action_id,
        }
        for f in found
    ]
    show(format, rows, table(rows, ("at", "receipt", "kind", "status", "contract", "agent")) if rows else ["none"])


def _search_values(connection: sqlite3.Connection, value: str) -> list[str]:
    """The pseudonyms that a value can have, in every tenant and for every kind that is indexed."""
    from contracts.canonical import pseudonym

    inputs = {
        name[6:]
        for (name,) in connection.execute(
            "SELECT DISTINCT 'input.' || j.key FROM actions, json_each(CAST(request AS TEXT), '$.params') AS j"
        )
    }
    kinds = ["resource", "label", "person", *(f"input.{name}" for name in sorted(inputs))]
    keys = [bytes(key) for (key,) in connection.execute("SELECT key FROM tenant_keys")]
    return [pseudonym(key, kind, value) for key in keys for kind in kinds]


def show_receipt(
    receipt_id: Annotated[str, typer.Argument()],
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """Read a receipt: six sentences before any hash."""
    import orjson

    from receipts.signing import Envelope
    from server.telling import sentences

    with _reading(workspace) as connection:
        row = connection.execute("SELECT envelope, leaf_index FROM statements WHERE id = ?", (receipt_id,)).fetchone()
        if row is None:
            raise AilyusError("not_found", f"there is no receipt `{receipt_id}`")
    statement = orjson.loads(Envelope.decode(bytes(row[0])).payload)
    lines = [
        *sentences(statement["predicate"]),
        "",
        f"log index {row[1]}",
        orjson.dumps(statement, option=orjson.OPT_INDENT_2).decode(),
    ]
    show(format, statement, lines)


def evidence(
    receipt_id: Annotated[str, typer.Argument()],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder to write each piece to.")] = None,
    workspace: WorkspaceOption = ".",
    format: FormatOption = Format.text,
) -> None:
    """List what a receipt's evidence is, or write it to files: bodies, screenshots, snapshots of pages."""
    with _reading(workspace) as connection:
        rows = connection.execute(
            "SELECT e.label, e.data FROM evidence AS e JOIN statements AS s USING (leaf_index) WHERE s.id = ?"
            " ORDER BY e.label",
            (receipt_id,),
        ).fetchall()
    if not rows:
        raise AilyusError("not_found", f"there is no evidence of a receipt `{receipt_id}`")
    pieces = [{"label": str(label), "bytes": len(data)} for label, data in rows]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        for piece, (label, data) in zip(pieces, rows, strict=True):
            path = out / re.sub(r"[^A-Za-z0-9._-]", "-", str(label))
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            piece["file"] = str(path)
    show(format, pieces, table(pieces, ("label", "bytes", "file") if out else ("label", "bytes")))


def proof(
    receipt_id: Annotated[str, typer.Argument()],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; standard output if left out.")] = None,
    since: Annotated[
        Path | None, typer.Option(help="An older checkpoint (a signed note) to prove continuity from.")
    ] = None,
    disclose: Annotated[bool, typer.Option(help="Open the commitments: parameters, observations, approvals.")] = True,
    workspace: WorkspaceOption = ".",
) -> None:
    """Write one offline file that proves a receipt."""
    from receipts.log import Checkpoint
    from receipts.proof import write_proof

    old = None
    if since is not None:
        old = Checkpoint.of_note(_note(since)).size
    with _reading(workspace) as connection:
        data = write_proof(connection, receipt_id, old, disclose).encoded()
    if out is None:
        typer.echo(data.decode(), nl=False)
    else:
        out.write_bytes(data)


def verify_file(
    file: Annotated[Path, typer.Argument(help="A file written by `receipt proof`.")],
    trust: Annotated[Path, typer.Option(help="The trusted roots; they come from you, never from the file.")] = Path(
        "roots.json"
    ),
    since: Annotated[Path | None, typer.Option(help="An older checkpoint that the log must continue.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Verify a proof file offline; the exit code carries the verdict."""
    from receipts.verify import read_roots, verify
    from server.telling import sentences

    try:
        data = file.read_bytes()
    except OSError:
        raise AilyusError("bad_proof", f"`{file}` cannot be read") from None
    verified = verify(data, read_roots(trust), _note(since) if since else None)
    body = {
        "authentic": True,
        "receipt": dict(verified.receipt),
        "checkpoint": verified.checkpoint.size,
        "not_shown": list(verified.not_shown),
    }
    lines = [f"authentic: yes, {len(verified.statements)} statements in a log of {verified.checkpoint.size}"]
    lines += sentences(verified.receipt)
    lines += [f"not shown: {what}" for what in verified.not_shown]
    show(format, body, lines)


def export(
    after: Annotated[int, typer.Option(help="The cursor: the last leaf index that you have.")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000)] = 100_000,
    workspace: WorkspaceOption = ".",
) -> None:
    """Print statements as JSON lines, in the order of the log; the leaf index is a cursor without gaps."""
    with _reading(workspace) as connection:
        rows = connection.execute(
            "SELECT leaf_index, envelope FROM statements WHERE leaf_index > ? ORDER BY leaf_index LIMIT ?",
            (after, limit),
        )
        for index, envelope in rows:
            typer.echo(f'{{"leaf_index":{index},"envelope":{bytes(envelope).decode()}}}')


def _note(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise AilyusError("bad_proof", f"the checkpoint `{path}` cannot be read") from None


def audit(
    workspace: WorkspaceOption = ".",
    trust: Annotated[
        Path | None, typer.Option(help="The trusted roots; roots.json of the workspace if left out.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Also write the newest checkpoint to this file.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Recompute the log's root and compare every body, index column, approval and intent."""
    from receipts.audit import audit as run_audit
    from receipts.sqlite import newest_note
    from receipts.verify import read_roots
    from server.settings import Workspace

    space = Workspace.open(Path(workspace).resolve())
    roots = read_roots(trust or space.root / "roots.json")
    with _reading(workspace) as connection:
        findings = list(run_audit(connection, roots))
        note = newest_note(connection)
    if checkpoint is not None:
        checkpoint.write_text(note, encoding="utf-8")
    show(
        format,
        {"ok": not findings, "findings": findings},
        findings or ["ok: nothing is missing and nothing was changed"],
    )
    if findings:
        raise typer.Exit(1)


@contextmanager
def _reading(workspace: str) -> Iterator[sqlite3.Connection]:
    from receipts.sqlite import connect
    from server.settings import Workspace

    space = Workspace.open(Path(workspace).resolve())
    if not space.store.exists():
        raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
    connection = connect(space.store, readonly=True)
    try:
        yield connection
    finally:
        connection.close()
