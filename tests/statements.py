"""Every statement that a test's gateway signed, held against the published schema."""

from collections.abc import Mapping

from contracts.errors import AilyusError
from receipts.log.signing import Envelope
from receipts.statement.schema import Statement
from receipts.store.row import Read, blob


def check_statements(read: Read, keys: Mapping[str, bytes]) -> None:
    """Raise for a statement under these keys that has a field which no model declares, or lacks one."""
    for (data,) in read("SELECT envelope FROM statements ORDER BY leaf_index"):
        try:
            envelope = Envelope.decode(blob(data))
        except AilyusError:
            continue
        if not envelope.holds(keys):
            continue  # a hostile test put it there
        statement = Statement.model_validate_json(envelope.payload)
        assert statement.predicate_type == f"https://ailyus.dev/{statement.predicate.kind}/v1"
