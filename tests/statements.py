"""Every statement that a test's gateway signed, held against the published schema."""

from contracts.errors import AilyusError
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Envelope
from receipts.statement.schema import Statement
from receipts.store.row import Read, blob, integer


def check_statements(read: Read, keys: LogKeys) -> None:
    """Raise for a statement under these keys that has a field which no model declares, or lacks one."""
    for leaf, data in read("SELECT leaf_index, envelope FROM statements ORDER BY leaf_index"):
        try:
            envelope = Envelope.decode(blob(data))
        except AilyusError:
            continue
        if not keys.holds(envelope, integer(leaf)):
            continue  # a hostile test put it there
        statement = Statement.model_validate_json(envelope.payload)
        assert statement.predicate_type == f"https://ailyus.dev/{statement.predicate.kind}/v1"
