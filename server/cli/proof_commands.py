"""Commands that prove: a proof file, its verification, and the audit of the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, verb
from server.cli.document_part import part
from server.cli.exit_code import DONE, REFUSED
from server.cli.options import ArchiveOption, EitherArgument
from server.cli.progress import working
from server.cli.receipt_choice import receipt_of
from server.cli.receipt_list import since_ms
from server.cli.store import reading, reading_of
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from receipts.audit.proof_answer import ProofAnswer


@dataclass(frozen=True, slots=True)
class WrittenProof:
    """The file that proves a receipt."""

    receipt: str
    file: str
    bytes: int


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """The answer to one question: `yes`, `no` or `unknown`, and why.

    `contradicts`: what was run again says otherwise than the record.
    """

    verdict: str
    why: str
    contradicts: bool


@dataclass(frozen=True, slots=True)
class VerifiedProof:
    """A proof that holds: the receipt's predicate, the size of the log, what is not opened, and who cosigned (UTC).

    `authorised`: Cedar was run again, and approvals counted. `effect`: expectations were evaluated again.
    """

    authentic: bool
    authorised: VerifiedAnswer
    effect: VerifiedAnswer
    receipt: Annotated[Mapping[str, object], part("receipts.statement.schema:predicate_schema")]
    checkpoint: int
    not_shown: list[str]
    witnessed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit found; the size of the log `then` and `now`, losses that people accepted, archives not read.

    `attested` is `self` or `witness`, and `witnessed` the size of the log up to which trusted witnesses cosigned.
    """

    ok: bool
    findings: list[str]
    then: int
    now: int
    attested: str
    losses: list[str]
    unread: list[str]
    witnessed: int


def register(receipt: typer.Typer, single: typer.Typer) -> None:
    """Add the commands to `ailyus receipt`, and the audit to those of one word."""
    verb(receipt, "proof")(proof)
    verb(receipt, "verify")(verify_file)
    verb(single, "audit")(audit)


def proof(
    id_: EitherArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; standard output if left out.")] = None,
    since: Annotated[
        Path | None, typer.Option(help="An older checkpoint (a signed note) to prove continuity from.")
    ] = None,
    disclose: Annotated[bool, typer.Option(help="Open the commitments: parameters, observations, approvals.")] = True,
    workspace: WorkspaceOption = ".",
) -> Answer[WrittenProof] | None:
    """Write one offline file that proves a receipt."""
    from receipts.audit.proof import write_proof
    from receipts.log.checkpoint import Checkpoint
    from server.admin.access import PROOF, record_here

    old = None
    if since is not None:
        old = Checkpoint.of_note(read_note(since)).size
    with reading_of(workspace, id_) as read:
        receipt_id = receipt_of(read, id_)
    # a proof that opens nothing holds digests alone: nobody needs to know who has it
    if disclose:  # guard: who reads a proof at the command line
        record_here(open_workspace(workspace), receipt_id, PROOF)
    with reading_of(workspace, receipt_id) as read:
        data = write_proof(read, receipt_id, old, disclose).encoded()
    if out is None:  # the proof itself is JSON, whichever format is asked for
        typer.echo(data.decode(), nl=False)
        return None
    out.write_bytes(data)
    said = f"wrote {out}, {len(data)} bytes: `ailyus receipt verify {out} --trust roots.json` needs no gateway"
    return Answer(WrittenProof(receipt_id, str(out), len(data)), says=[said])


def verify_file(
    file: Annotated[Path, typer.Argument(help="A file written by `receipt bundle` or `receipt proof`.")],
    trust: Annotated[Path, typer.Option(help="The trusted roots; they come from you, never from the file.")] = Path(
        "roots.json"
    ),
    since: Annotated[Path | None, typer.Option(help="An older checkpoint that the log must continue.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 unless all three answers are yes.")] = False,
) -> Answer[VerifiedProof]:
    """Is it authentic, was it authorised, is its effect confirmed? Offline. Exit 1 where the record is contradicted."""
    from contracts.text.source import MalformedSource, read_bytes
    from receipts.audit.authorisation import authorised
    from receipts.audit.effect import effect_of
    from receipts.audit.proof import MAX_FILE
    from receipts.audit.roots import read_roots
    from receipts.audit.verify import NOT_RUN, verify
    from server.results.receipt_summary import summarize
    from server.results.timestamp import iso

    try:
        data = read_bytes(file, MAX_FILE)
    except MalformedSource as error:  # bounded: a proof comes from somebody whom nobody trusts yet
        raise AilyusError("bad_proof", str(error), field=str(file)) from None
    verified = verify(data, read_roots(trust), read_note(since) if since else None)
    lines = [f"authentic: yes, {len(verified.statements)} statements in a log of {verified.checkpoint.size}"]
    permitted, effect = authorised(verified), effect_of(verified)
    lines += [f"authorised: {permitted.said}", f"effect confirmed: {effect.said}"]
    witnessed = {name: iso(seconds * 1000) for name, seconds in verified.witnessed.items()}
    if witnessed:
        lines.append(f"witnessed: by {', '.join(f'{name} at {at}' for name, at in witnessed.items())}")
    lines += summarize(verified.receipt)
    not_shown = [what for what in verified.not_shown if what != NOT_RUN]
    lines += [f"not shown: {what}" for what in not_shown]
    document = VerifiedProof(
        True, _told(permitted), _told(effect), dict(verified.receipt), verified.checkpoint.size, not_shown, witnessed
    )
    holds = not any(one.contradicts or (strict and one.verdict != "yes") for one in (permitted, effect))
    return Answer(document, lines, code=DONE if holds else REFUSED)


def _told(answer: "ProofAnswer") -> VerifiedAnswer:
    return VerifiedAnswer(answer.verdict, answer.why, answer.contradicts)


def read_note(path: Path) -> str:
    """The signed note of a checkpoint in a file. Raises `AilyusError`."""
    from contracts.text.source import MalformedSource, read_source

    try:
        return read_source(path)
    except MalformedSource as error:
        raise AilyusError("bad_proof", f"the checkpoint is none: {error}", field=str(path)) from None


def audit(
    workspace: WorkspaceOption = ".",
    trust: Annotated[
        Path | None, typer.Option(help="The trusted roots; roots.json of the workspace if left out.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Also write the newest checkpoint to this file.")] = None,
    since: Annotated[
        str, typer.Option(help="How far back, for example 72h; or a file with an older checkpoint to be continued.")
    ] = "168h",
    archive: ArchiveOption = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(help="Ask the witness at this URL (repeatable); those of the settings if left out."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no witness; rely on what was cosigned.")] = False,
) -> Answer[Audited]:
    """Is anything missing? Recompute the log up to its newest signed checkpoint and compare every row with it."""
    from receipts.audit.archive_walk import unread
    from receipts.audit.attestation import attestation
    from receipts.audit.audit import SELF_ATTESTED
    from receipts.audit.audit import audit as run_audit
    from receipts.audit.losses import losses
    from receipts.audit.questions import first_since
    from receipts.audit.roots import read_roots
    from receipts.store.key_history import keys_from
    from receipts.store.log_tables import newest_note
    from server.operations.witness_word import WitnessWord, heard_of
    from server.workspace.archives import archives_at_hand
    from server.workspace.stores import remembered_head

    space = open_workspace(workspace)
    roots = read_roots(trust or space.root / "roots.json")
    kept = read_note(Path(since)) if Path(since).is_file() else None
    # before the snapshot: what a witness cosigns now, the log that is audited must continue
    heard = WitnessWord() if offline else heard_of(space, roots, witness)
    head = remembered_head(space)  # before the snapshot, which may only hold more
    with (
        working("auditing the log"),
        reading(workspace) as read,
        archives_at_hand(space, read, archive or (), roots.trusted) as archives,
    ):
        keys = keys_from(read, roots.trusted)
        older = keys.signed(kept, roots.origin)[0] if kept is not None else None
        findings = [*run_audit(read, roots, head, older, archives, heard.vouched), *heard.findings]
        attested = attestation(read, roots)
        lost, closed = losses(read, keys), unread(read, archives)
        note = newest_note(read)
        then, now = (older.size, first_since(read, 0)[1]) if older else first_since(read, since_ms(since))
    if checkpoint is not None:
        checkpoint.write_text(note, encoding="utf-8")
    after = f"since the checkpoint at {then}" if older else f"since {since} ago"
    kind = "witness" if attested else "self"
    said = f"ok: nothing is missing and nothing was changed; {now} statements, {now - then} {after}"
    return Answer(
        Audited(not findings, findings, then, now, kind, list(lost), list(closed), attested.size if attested else 0),
        [*(findings or [said, attested.says if attested else SELF_ATTESTED]), *lost, *closed],
        code=REFUSED if findings else DONE,
    )
