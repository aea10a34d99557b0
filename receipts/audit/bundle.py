"""A bundle: one file about one receipt, action or plan, with what a stranger needs to answer three questions about it.

```
{"format":"ailyus-bundle-v1","kind":"action","id":"act_…","proof":{…an ailyus-proof-v1…},"withheld":["page/*"]}
```
The proof holds the statements with their places in the log, the newest cosigned checkpoint, and the evidence that may
leave: of the release the contract, the policies of its slice and the schema, of each decision Cedar's request and
entities, the approvals, and what was read before and after. What is withheld stays committed to, and checkable later.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import AilyusError
from receipts.audit.proof import MAX_FILE, ProofEntry, ProofFile, write_proof
from receipts.audit.proof_statement import Predicate
from receipts.log.signing import Envelope
from receipts.store.row import Read

Kind = Literal["receipt", "action", "plan"]
PICTURES: Final = "page/*"
"""What a bundle leaves out unless it is asked for: pictures show more of a system than the action was about."""
_FORMAT: Final = b'"ailyus-bundle-v1"'


class BundleFile(BaseModel):
    """The whole file. `withheld` are the patterns of evidence that whoever wrote it left out; nothing rests on that."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["ailyus-bundle-v1"]
    kind: Kind
    id: str = Field(max_length=200)
    proof: ProofFile
    withheld: tuple[str, ...] = Field(max_length=100)

    def encoded(self) -> bytes:
        """The file's bytes. Raises `bad_proof` where a verifier would not read so many."""
        data = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"
        if len(data) > MAX_FILE:
            hint = "leave evidence out: `--without 'before/*'`; it stays committed to"
            raise AilyusError("bad_proof", "the bundle is larger than 32 MiB", hint=hint)
        return data

    def is_about(self, receipt: Predicate) -> bool:
        """Is the proof's receipt of what the bundle is about?"""
        if self.kind == "receipt":
            return receipt.get("receipt") == self.id
        return receipt.get("action") == self.id and (self.kind == "plan") is bool(receipt.get("planOf"))


def write_bundle(read: Read, receipt: str, id_: str, without: Sequence[str]) -> BundleFile:
    """The bundle of a receipt, or of the action or plan with this id whose newest receipt it is, in one snapshot."""
    proof = write_proof(read, receipt, None, disclose=True)
    kept = tuple(one for one in proof.disclosures if not any(fnmatchcase(one.label, part) for part in without))
    found = BundleFile(
        format="ailyus-bundle-v1",
        kind="receipt",
        id=receipt,
        proof=proof.model_copy(update={"disclosures": kept}),
        withheld=tuple(without),
    )
    if id_ == receipt:
        return found
    own = next(said for said in map(_predicate, proof.statements) if said["receipt"] == receipt)
    kind: Kind = "plan" if own.get("planOf") else "action"
    return found.model_copy(update={"id": id_, "kind": kind})


def bundled(data: bytes) -> BundleFile | None:
    """The bundle in these bytes; None where they do not say that they are one. Raises `ValidationError`."""

    if _FORMAT not in data:
        return None
    try:
        said = orjson.loads(data)
    except ValueError:
        return None
    is_one = isinstance(said, dict) and said.get("format") == "ailyus-bundle-v1"
    return BundleFile.model_validate_json(data) if is_one else None


def _predicate(entry: ProofEntry) -> Predicate:
    predicate = orjson.loads(Envelope.decode(entry.envelope.encode()).payload)["predicate"]
    return predicate if isinstance(predicate, dict) else {}
