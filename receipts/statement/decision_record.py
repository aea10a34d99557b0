"""The record of a Cedar decision: its digests as facts of a statement, its documents as evidence beside it."""

from policies.decision import DecisionRecord
from receipts.statement.action_facts import CedarDecision


def decision_facts(record: DecisionRecord | None) -> CedarDecision | None:
    """The Cedar decision as it stands in a statement."""
    if record is None:
        return None
    said = CedarDecision(
        policies={who: tuple(ids) for who, ids in record.policies.items()},
        errors=len(record.errors),
        slice=record.slice_digest,
        schema_=record.schema_digest,
        entities=record.entities_digest,
        requests=record.requests_digest,
        engine=record.engine,
    )
    return said.model_copy(update={"partial": True}) if record.partial else said


def decision_evidence(record: DecisionRecord | None) -> dict[str, bytes]:
    """The documents that let a stranger run the decision again."""
    return {} if record is None else {"cedar/entities": record.entities, "cedar/requests": record.requests}
