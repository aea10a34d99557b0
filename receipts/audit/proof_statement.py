"""A statement of a proof file: its place in the log, what it says, and what it is about."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from contracts.canonical import canonical
from contracts.errors import AilyusError
from receipts.log.signing import Envelope
from receipts.statement.statement import PREDICATE, TYPE

Predicate = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ProofStatement:
    """One statement of the file: its place in the log, what it says, and the digests of its subjects by their names."""

    index: int
    predicate: Predicate
    subjects: Mapping[str, str]

    @property
    def receipt(self) -> str:
        """The receipt's id."""
        return str(self.predicate["receipt"])

    @property
    def action(self) -> str | None:
        """The action that it is about; None for what is about the gateway itself."""
        found = self.predicate.get("action")
        return found if isinstance(found, str) else None


def statement_of(envelope: Envelope, index: int) -> ProofStatement:
    """The statement in an envelope whose signature was checked. Raises `not_authentic` for another form."""
    try:
        statement = orjson.loads(envelope.payload)
        predicate = statement["predicate"]
        subjects = {str(s["name"]): str(s["digest"]["sha256"]) for s in statement["subject"]}
        kind = PREDICATE.format(kind=predicate["kind"])
        # two texts of one statement would have two leaves: only the canonical one counts
        same = canonical(statement) == envelope.payload
        same = same and (statement["_type"], statement["predicateType"]) == (TYPE, kind)
        same = same and isinstance(predicate["receipt"], str)
    except (ValueError, KeyError, TypeError, AttributeError, AilyusError):
        raise AilyusError("not_authentic", "a payload is not a canonical in-toto statement") from None
    if not same:
        raise AilyusError("not_authentic", "a payload is not a canonical in-toto statement")
    return ProofStatement(index, predicate, subjects)
