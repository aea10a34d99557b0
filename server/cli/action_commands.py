"""Commands about actions: what is on its way, and what became of it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, group, verb
from server.cli.choice import person_of
from server.cli.confirmation import YesOption, confirm
from server.cli.document_part import part
from server.cli.output import note, table
from server.cli.owner import asked, told
from server.cli.passphrase import open_key
from server.cli.receipt_list import since_ms
from server.cli.store import reading, reading_of
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from receipts.store.row import Read
    from server.workspace.workspace import Workspace

action = group("What is on its way, and what became of it.")
IdArgument = Annotated[str, typer.Argument(help="The action's id, which starts with `act_`.")]


ToldForm = Annotated[Mapping[str, object], part("server.results.output_schema:OUTPUT_SCHEMA")]
"""The form that every tool publishes."""


@dataclass(frozen=True, slots=True)
class ActionLine:
    """One action in a list."""

    at: str
    action: str
    what: str
    contract: str
    state: str
    status: str
    agent: str
    person: str


@dataclass(frozen=True, slots=True)
class ActionWish:
    """What to list; None and an empty text match everything."""

    words: str
    status: str | None
    agent: str | None
    person: str | None
    contract: str | None
    connection: str | None
    approver: str | None
    record: str | None
    since: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt of an action."""

    receipt: str
    kind: str
    status: str
    at: str


@dataclass(frozen=True, slots=True)
class ShownAction:
    """What the agent was told, every receipt, and why it was denied, for people."""

    result: ToldForm
    receipts: list[ReceiptRow]
    why: str


@dataclass(frozen=True, slots=True)
class EndedAction:
    """An action, and what it is now."""

    action: str
    status: str


@verb(action, "list")
def actions(
    words: Annotated[list[str] | None, typer.Argument(help="Words of the sentence, all of them.")] = None,
    in_doubt: Annotated[
        bool, typer.Option("--in-doubt", help="Only those whose outcome is in doubt, and that nobody has resolved.")
    ] = False,
    status: Annotated[str | None, typer.Option(help="confirmed, denied, unknown, …")] = None,
    agent: Annotated[str | None, typer.Option(help="What one agent did.")] = None,
    person: Annotated[str | None, typer.Option(help="What was done for one person.")] = None,
    contract: Annotated[str | None, typer.Option(help="What was done by one contract or plan.")] = None,
    connection: Annotated[str | None, typer.Option(help="What was done there.")] = None,
    approver: Annotated[str | None, typer.Option(help="What one person approved.")] = None,
    record: Annotated[str | None, typer.Option(help="A record's id or label, or an indexed input, whole.")] = None,
    since: Annotated[str | None, typer.Option(help="How far back, for example 12h or 30m.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    workspace: WorkspaceOption = ".",
) -> Answer[list[ActionLine]]:
    """List the newest actions, each with what it does to whom; with --in-doubt, those that a person has to look at."""
    from receipts.audit import vocabulary

    if in_doubt:
        return _in_doubt(workspace)
    if status is not None:
        vocabulary.require_status(status)
    with reading(workspace) as read:
        for name, require in (
            (agent, vocabulary.require_agent),
            (contract, vocabulary.require_contract),
            (connection, vocabulary.require_connection),
            (person, vocabulary.require_person),
        ):
            if name is not None:
                require(read, name)
        wanted = ActionWish(
            " ".join(words or ()), status, agent, person, contract, connection, approver, record, since, limit
        )
        rows = _found(read, open_workspace(workspace), wanted)
    lines = table(rows, ("at", "status", "what", "agent", "person", "action")) if rows else ["none"]
    if len(rows) == limit:  # an answer that is not whole must say so, else it is believed
        lines.append(f"only the newest {limit}: ask for more with --limit, or for less by its words")
    return Answer(rows, lines)


@verb(action, "show")
def show_action(action_id: IdArgument, workspace: WorkspaceOption = ".") -> Answer[ShownAction]:
    """Show what an agent was told about an action, and every receipt of it."""
    from receipts.action.action_result import ActionResult
    from receipts.audit.denials import reason_of
    from receipts.statement import entries
    from receipts.tables import inventory
    from server.results.text import text_of
    from server.results.timestamp import iso

    with reading_of(workspace, action_id) as read:
        last = inventory.told(read, action_id)
        steps = entries.of_action_in(read, action_id)
        why = reason_of(read, steps[-1].receipt) if steps else ""
    if last is None:
        raise AilyusError("not_found", f"there is no action `{action_id}`", hint="`ailyus action list`")
    result = ActionResult.unpacked(last.result)
    because = [f"why, for people: {why}"] if why else []
    if last.state == "ready":  # the row keeps the answer that it waits for people, although they have decided
        because = ["approved, and not carried out yet: `ailyus halt list` tells what may hold it"]
    receipts = [ReceiptRow(one.receipt, one.kind, one.status, iso(one.at_ms)) for one in steps]
    lines = [*because, text_of(result), "", *table(receipts, ("at", "kind", "status", "receipt"))]
    return Answer(ShownAction(result.document(), receipts, why), lines)


@verb(action, "cancel")
def cancel(action_id: IdArgument, workspace: WorkspaceOption = ".") -> Answer[EndedAction]:
    """End a request that waits."""
    told(open_workspace(workspace), "DELETE", f"/actions/{action_id}")
    return Answer(
        EndedAction(action_id, "cancelled"), says=[f"cancelled {action_id}: nobody is asked about it any more"]
    )


@verb(action, "resolve")
def resolve(
    action_id: IdArgument,
    found: Annotated[
        Literal["applied", "not_applied"], typer.Option("--asserted", help="What you found at the target.")
    ],
    as_: Annotated[str | None, typer.Option("--as", help="The person who signs; else the only one with a key.")] = None,
    comment: Annotated[str, typer.Option(help="What you looked at.")] = "",
    yes: YesOption = False,
    workspace: WorkspaceOption = ".",
) -> Answer[EndedAction]:
    """Say, signed, what became of an action whose outcome is unknown or diverged. It is asserted, never confirmed."""
    from policies.principal import keyid_of
    from policies.signed_resolution import Resolution, sign_resolution
    from server.workspace.clock import now_ms

    space = open_workspace(workspace)
    who = person_of(space, as_, signs=True)
    note(f"{who} signs that {action_id} was {found.replace('_', ' ')}: {comment or 'without a comment'}")
    if sys.stdin.isatty():
        confirm("sign it?", yes)
    key = open_key(space.key_file(who))
    said = Resolution(
        purpose="ailyus-resolution-v1",
        origin=space.settings.origin,
        action_id=action_id,
        asserted=found,
        comment=comment[:500],
        person=who,
        at_ms=now_ms(),
    )
    signed = sign_resolution(said, key, keyid_of(key.public_key().public_bytes_raw()))
    status = asked(space, "POST", "/resolutions", dict[str, str], signed.model_dump(mode="json"))["status"]
    return Answer(EndedAction(action_id, status), says=[f"recorded: {status}"])


def _found(read: "Read", space: "Workspace", wanted: ActionWish) -> list[ActionLine]:
    """The newest of every tenant that is declared: whoever has the terminal sees them all."""
    from receipts.tables.action_search import ActionFilter, find_actions
    from server.results.timestamp import iso

    tenants = {person.tenant for person in space.settings.people}
    tenants |= {connection.tenant for connection in space.settings.connections.values()}
    found = [
        one
        for tenant in sorted(tenants)
        for one in find_actions(
            read,
            ActionFilter(
                tenant=tenant,
                words=wanted.words,
                status=wanted.status,
                agent=wanted.agent,
                person=wanted.person,
                contract=wanted.contract,
                connection=wanted.connection,
                approver=wanted.approver,
                record=wanted.record,
                since_ms=since_ms(wanted.since) if wanted.since else 0,
            ),
            limit=wanted.limit,
        ).rows
    ]
    found.sort(key=lambda one: (-one.created_ms, one.id))
    return [
        ActionLine(
            iso(one.created_ms),
            one.id,
            one.sentence.quoted,
            one.contract,
            one.state,
            one.status,
            one.agent,
            one.person,
        )
        for one in found[: wanted.limit]
    ]


def _in_doubt(workspace: str) -> Answer[list[ActionLine]]:
    from server.results.timestamp import iso

    found = asked(open_workspace(workspace), "GET", "/incidents", list[_Incident])
    rows = [
        ActionLine(iso(one.atMs), one.action, one.says, one.contract, "ended", one.status, one.agent, one.person)
        for one in found
    ]
    columns = ("at", "status", "what", "agent", "person", "action")
    return Answer(rows, table(rows, columns) if rows else ["nothing is in doubt"])


@dataclass(frozen=True, slots=True)
class _Incident:
    """An outcome in doubt, as the gateway answers it."""

    action: str
    contract: str
    status: str
    agent: str
    person: str
    says: str
    atMs: int
