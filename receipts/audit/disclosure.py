"""The disclosures of a proof file: evidence that opens what a statement committed to."""

import base64
import binascii
from collections.abc import Mapping, Sequence

from contracts.canonical import opens
from contracts.errors import AilyusError
from receipts.audit.proof import ProofFile
from receipts.audit.proof_statement import ProofStatement

Disclosed = Mapping[tuple[str, str], bytes]
"""(receipt, label) → what its commitment opens to."""


def opened(file: ProofFile, stated: Sequence[ProofStatement]) -> Disclosed:
    """What a file opens, by receipt and label. Raises `bad_proof` or `not_authentic` for what was not committed to."""
    commitments = {s.receipt: s.predicate.get("commitments") for s in stated}
    found: dict[tuple[str, str], bytes] = {}
    for item in file.disclosures:
        try:
            salt, data = base64.b64decode(item.salt, validate=True), base64.b64decode(item.data, validate=True)
        except (binascii.Error, ValueError):
            raise AilyusError("bad_proof", f"the disclosure `{item.label}` is no base64") from None
        known = commitments.get(item.receipt)
        expected = known.get(item.label) if isinstance(known, dict) else None
        # INVARIANT: a salt of any other length would let bytes of the evidence be cut off, or be put in front of it
        if not isinstance(expected, str) or not opens(expected, salt, data):
            raise AilyusError("not_authentic", f"the disclosure `{item.label}` is not what was committed to")
        if (item.receipt, item.label) in found:
            raise AilyusError("not_authentic", f"the disclosure `{item.label}` is in the file twice")
        found[item.receipt, item.label] = data
    return found
