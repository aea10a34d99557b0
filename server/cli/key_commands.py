"""Commands about the gateway's own keys: the one that signs the log, and the one that seals secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, group, verb
from server.cli.choice import person_of
from server.cli.document_part import part
from server.cli.output import table
from server.cli.owner import asked
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

key = group("The gateway's own keys: of the log, and of sealed secrets.")


class OwnKeyKind(StrEnum):
    """Which of the gateway's own keys."""

    log = "log"
    secrets = "secrets"


RotatorOption = Annotated[
    str | None, typer.Option("--as", help="The person who rotates it; named in the statement. Else the only one.")
]
ReasonOption = Annotated[str, typer.Option(help="Why; it stands in the statement.")]


@dataclass(frozen=True, slots=True)
class OwnKeyRow:
    """One key: since when (UTC) and from which leaf it counts, its source, and the line of a log key for mirrors."""

    kind: str
    keyid: str
    state: str
    since: str
    first: int | None
    source: str
    verifier_key: str


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """The key that counts now, the one before, the statement about it (None: it was so already), and what to do."""

    keyid: str
    former: str = ""
    record: (
        Annotated[
            Mapping[str, object],
            part(
                "receipts.journal.log_rotation:RotationRecord", "receipts.journal.secret_rotation:SecretRotationRecord"
            ),
        ]
        | None
    ) = None
    following: str = ""


@verb(key, "list")
def list_keys(workspace: WorkspaceOption = ".") -> Answer[list[OwnKeyRow]]:
    """List the gateway's own keys: since when each counts, where it is read from, whether it is retired."""
    from dataclasses import asdict

    from server.workspace.own_keys import own_keys

    rows = [OwnKeyRow(**asdict(one)) for one in own_keys(open_workspace(workspace))]
    return Answer(rows, table(rows, ("kind", "keyid", "state", "since", "first", "source")))


@verb(key, "rotate")
def rotate(
    which: Annotated[OwnKeyKind, typer.Argument(help="The key that signs the log, or the one that seals secrets.")],
    reason: ReasonOption,
    as_: RotatorOption = None,
    prepare: Annotated[
        bool,
        typer.Option("--prepare", help="Of the log: only put a new key beside the present one, for every replica."),
    ] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[RotatedKey]:
    """Let a new key follow, by a logged statement; old proofs still verify. Of secrets while no gateway runs."""
    space = open_workspace(workspace)
    by = person_of(space, as_)
    _require_reason(reason)
    if which is OwnKeyKind.secrets:
        return _rotate_secrets(space, by, reason)
    if prepare:
        return _prepare(space)
    done = _rotated(space, f"/gateway-keys/{which}", {"by": by, "reason": reason})
    first = f"from statement {int(str(done.record['leaf'])) + 1} on" if done.record else "already"
    return Answer(
        done,
        says=[
            f"the log is signed with the key {done.keyid} {first}; until then it was {done.former}",
            done.following,
            "next: hand the new roots.json to whoever verifies; by the old one they follow the statement in new proofs",
        ],
    )


def _rotate_secrets(space: "Workspace", by: str, reason: str) -> Answer[RotatedKey]:
    import asyncio
    from dataclasses import asdict

    from server.workspace.key_rotation import rotate_sealing_key

    done = asyncio.run(rotate_sealing_key(space, by, reason))
    lines = [f"everything is sealed with the key {done.keyid} already", done.following]
    record = None
    if done.record is not None:
        record = asdict(done.record)
        lines[0] = f"{done.record.resealed} rows are sealed with the key {done.keyid}; until now {done.record.former}"
        lost = f"{done.record.unopened} rows do not open with the former key, and were left as they are"
        lines[1:1] = [lost] if done.record.unopened else []
    former = done.record.former if done.record else ""
    following = "next: ailyus serve; clients and people sign in anew where they are asked to"
    return Answer(RotatedKey(done.keyid, former, record, done.following), says=[*lines, following])


def _prepare(space: "Workspace") -> Answer[RotatedKey]:
    from receipts.log.signing import Signer
    from server.workspace.log_key import open_log_key
    from server.workspace.log_key_rotation import prepare_log_key

    keyid = Signer(prepare_log_key(space, Signer(open_log_key(space, make=False)).keyid)).keyid
    said = f"the key {keyid} stands after the present one at `{space.settings.log.key}`"
    following = "next: give every replica the same, then run this again without `--prepare`"
    return Answer(RotatedKey(keyid, following=following), says=[said, following])


def _require_reason(reason: str) -> None:
    from receipts.journal.log_rotation import MAX_REASON

    if not 3 <= len(reason) <= MAX_REASON:
        hint = f"say in 3 to {MAX_REASON} characters why the key is rotated"
        raise AilyusError("bad_settings", f"`{reason[:60]}` is no reason", hint=hint)


def _rotated(space: "Workspace", path: str, body: dict[str, str]) -> RotatedKey:
    """By the gateway that runs here, or in the store where none does."""
    import asyncio
    from dataclasses import asdict

    from server.admin.client import find_owner
    from server.workspace.key_rotation import rotate_here

    if find_owner(space) is not None:
        return asked(space, "POST", path, RotatedKey, body)
    done = asyncio.run(rotate_here(space, body["by"], body["reason"]))
    return RotatedKey(done.keyid, done.former, asdict(done.record) if done.record else None, done.following)
