"""Verify a proof file offline, with roots that come from the verifier and never from the file.

`verify` answers one question: is it authentic? It needs no gateway, store or network. The command `receipt verify` and
the demo call it; `server/console/static/verify.js` does the same in a browser, and both MUST agree. It does not run
Cedar or the expectations again, which `authorisation.py` and `effect.py` do. What was left out of a file it cannot
know: `AuthenticProof.not_shown` says so.

- Each statement MUST lie in the log of one signed checkpoint, and be signed, as that is, by a trusted key or one that
  came after it by a rotation in the log; no key counts outside its part of the log.
- An outcome's intent MUST lie in the log before it, for the same action (invariant 1).
- An approval that is opened MUST be signed by a key that was linked by then and not revoked, and be for this very
  action (invariant 2).
- What is opened MUST be what was committed to, with a salt of the right length.
- Where the verifier trusts witnesses, enough of them MUST have cosigned the checkpoint.
- A fault MUST be told by the first thing that fails, as `bad_proof` or `not_authentic`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from contracts.errors import AilyusError
from contracts.text.repeated_keys import refuse_repeated
from receipts.audit.approval_evidence import check_approvals
from receipts.audit.bundle import BundleFile, bundled
from receipts.audit.disclosure import Disclosed, opened
from receipts.audit.proof import MAX_FILE, ProofFile
from receipts.audit.proof_statement import Predicate, ProofStatement, statement_of
from receipts.audit.roots import Roots
from receipts.log.checkpoint import Checkpoint, LogProof, decode
from receipts.log.cosignature import Quorum
from receipts.log.log_keys import LogKeys
from receipts.log.merkle import consistent, included, leaf_hash
from receipts.log.rotation import rotation_of
from receipts.log.signing import Envelope
from receipts.statement.statement import SELF

NOT_RUN: Final = "whether Cedar decides the same again and whether the expectations hold again was not run here"
"""What `verify` alone does not do: `authorisation.py` and `effect.py` do it."""


@dataclass(frozen=True, slots=True)
class AuthenticProof:
    """An authentic proof: the receipt's own predicate, those of its action, the checkpoint, and what is not shown."""

    receipt: Predicate
    statements: tuple[Predicate, ...]
    checkpoint: Checkpoint
    disclosed: "Disclosed"
    not_shown: tuple[str, ...]
    witnessed: Mapping[str, int]
    """The trusted witnesses that cosigned the checkpoint, each with the time in seconds."""


def verify(data: bytes, roots: Roots, since: str | None = None) -> AuthenticProof:
    """Answer *authentic?*: raises `AilyusError` `not_authentic` or `bad_proof` naming the first thing that fails."""
    file, bundle = _read(data)
    entries = [(Envelope.decode(e.envelope.encode()), LogProof.parse(e.proof)) for e in file.statements]
    keys, quorum = _keys(entries, roots), roots.quorum
    checkpoint: Checkpoint | None = None
    stated: list[ProofStatement] = []
    witnessed: Mapping[str, int] = {}
    for envelope, proof in entries:
        if not keys.holds(envelope, proof.index):
            raise AilyusError("not_authentic", "a statement's signature does not hold under a trusted key")
        own, _ = keys.signed(proof.note, roots.origin)
        witnessed = _witnessed(quorum, proof.note)
        # one checkpoint: of two, one could be of a log that was forked after the other
        if checkpoint is not None and own != checkpoint:
            raise AilyusError("not_authentic", "the proofs end in different checkpoints")
        checkpoint = own
        if not included(leaf_hash(envelope.leaf()), proof.index, own.size, proof.hashes, own.root):
            raise AilyusError("not_authentic", "a statement is not in the log that its proof names")
        stated.append(statement_of(envelope, proof.index))
    # of two statements with one receipt a page could show one and verify the other
    for count in (Counter(s.receipt for s in stated), Counter(s.index for s in stated)):
        if any(n > 1 for n in count.values()):
            raise AilyusError("not_authentic", "a statement is in the file twice")
    receipt = next((s.predicate for s in stated if s.receipt == file.receipt), None)
    if checkpoint is None or receipt is None:
        raise AilyusError("not_authentic", "the receipt is not among the statements")
    if bundle is not None and not bundle.is_about(receipt):  # guard: a bundle and its proof
        raise AilyusError("not_authentic", "the bundle is about something else than its proof")
    _check_order(stated)
    disclosed = opened(file, stated)
    check_approvals(disclosed, stated)
    if since is not None:
        _check_since(file, checkpoint, keys.signed(since, roots.origin)[0])
    not_shown = tuple(said for said in _not_shown(receipt, stated, disclosed, since) if not witnessed or said != SELF)
    predicates = tuple(s.predicate for s in stated)
    return AuthenticProof(receipt, predicates, checkpoint, disclosed, not_shown, witnessed)


def _read(data: bytes) -> tuple[ProofFile, BundleFile | None]:
    # before it is parsed: a file comes from strangers
    if len(data) > MAX_FILE:
        raise AilyusError("bad_proof", "the file is larger than 32 MiB")
    refuse_repeated(data, "bad_proof", "the file")  # guard: keys that a file names twice
    try:
        bundle = bundled(data)
        return (bundle.proof, bundle) if bundle is not None else (ProofFile.model_validate_json(data), None)
    except ValidationError:
        raise AilyusError("bad_proof", "the file is no ailyus-proof-v1") from None


def _keys(entries: Sequence[tuple[Envelope, LogProof]], roots: Roots) -> LogKeys:
    """The trusted keys, and those that came after them by the rotations in the file. Raises `not_authentic`.

    What a rotation says, and where it stands, is only claimed here: like every statement of the file it is then checked
    under these keys.
    """
    keys = roots.trusted
    for envelope, proof in sorted(entries, key=lambda entry: entry[1].index):
        rotation = rotation_of(envelope)
        # INVARIANT 10: each key is named by the one before it, back to a key that the verifier trusts
        if rotation is not None:
            keys = keys.after(rotation, proof.index)
    return keys


def _witnessed(quorum: Quorum | None, note: str) -> Mapping[str, int]:
    """Who cosigned a checkpoint. Raises `not_authentic` where these are fewer witnesses than the verifier asks for."""
    if quorum is None:
        return {}
    found = quorum.among(note)
    if len(found) < quorum.need:  # guard: enough witnesses
        hint = "the gateway asks its witnesses again and again: write the proof once more in a minute"
        said = f"the checkpoint is cosigned by {len(found)} of {len(quorum.cosigners)} witnesses: {quorum.need} must be"
        raise AilyusError("not_authentic", said, hint=hint)
    return found


def _check_order(stated: Sequence[ProofStatement]) -> None:
    """What was sent was intended before: the outcome's intent is in the log, earlier, for the same action."""
    by_receipt = {s.receipt: s for s in stated}
    for own in stated:
        intent = own.predicate.get("intent")
        if own.predicate.get("kind") != "outcome" or intent is None:
            continue
        found = by_receipt.get(str(intent))
        if found is None or found.index >= own.index or (found.action, found.subjects) != (own.action, own.subjects):
            raise AilyusError("not_authentic", "the outcome's intent is not in the log before it")


def _check_since(file: ProofFile, checkpoint: Checkpoint, older: Checkpoint) -> None:
    proof = file.consistency
    if proof is None or proof.old != older.size:
        hint = "write the proof with `ailyus receipt proof ID --since CHECKPOINT`"
        raise AilyusError("not_authentic", "the file holds no consistency proof from that checkpoint", hint=hint)
    hashes = [decode(h) for h in proof.hashes]
    if not consistent(older.size, older.root, checkpoint.size, checkpoint.root, hashes):
        raise AilyusError("not_authentic", "the log is not a continuation of the older checkpoint")


def _not_shown(
    receipt: Predicate, stated: Sequence[ProofStatement], disclosed: Disclosed, since: str | None
) -> Iterator[str]:
    """What this verdict does not cover, and what whoever wrote the file can have left out."""
    limits = receipt.get("limits")
    yield from (str(limit) for limit in limits) if isinstance(limits, list) else ()
    yield NOT_RUN
    yield (
        "whoever wrote the file can have left statements out: a later look, a person's resolution, or a key's"
        " revocation would not be missed"
    )
    named, opened = 0, 0
    for own in stated:
        approvals = own.predicate.get("approvals")
        if own.predicate.get("kind") == "intent" and isinstance(approvals, list):
            named += len(approvals)
            opened += sum((own.receipt, f"approval/{i}") in disclosed for i in range(len(approvals)))
    if named > opened:  # guard: what leaving out can hide
        yield f"{named - opened} of {named} approvals that the intents name are not in the file"
    if not named and any(own.predicate.get("kind") == "intent" for own in stated):
        yield "no approval: the intents name none, so the gateway's word is taken that the policies asked for none"
    erased = _erased(stated)
    gone = sum(1 for own in stated if own.action in erased for _ in _closed(own, disclosed))
    if gone:
        yield f"erased: {gone} pieces of evidence, as a statement in the log says"
    closed = [label for own in stated if own.action not in erased for label in _closed(own, disclosed)]
    if closed:
        listed = ", ".join(f"`{label}`" for label in closed[:_LISTED])
        more = f" and {len(closed) - _LISTED} more" if len(closed) > _LISTED else ""
        yield f"{len(closed)} pieces of evidence are not opened: {listed}{more}"
    if since is None:
        yield "no older checkpoint was compared; use --since to show that the log was never rewritten"


def _erased(stated: Sequence[ProofStatement]) -> set[str]:
    """The actions of which a statement of the file says that everything personal was erased."""
    about = [own.predicate.get("about") for own in stated if own.predicate.get("kind") == "erasure"]
    named = [one.get("actions") for one in about if isinstance(one, dict)]
    return {str(action) for actions in named if isinstance(actions, list) for action in actions}


_LISTED = 12
"""Pieces of evidence that are named where they are not opened."""


def _closed(own: ProofStatement, disclosed: Disclosed) -> Iterator[str]:
    """The evidence of an action that a statement commits to and the file does not open."""
    commitments = own.predicate.get("commitments")
    if own.action is None or not isinstance(commitments, dict):
        return
    for label in commitments:
        if (own.receipt, label) not in disclosed:
            yield label
