"""The published schema of a statement: closed, and what the command line prints."""

import orjson
import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import ValidationError

from receipts.log.signing import Envelope
from receipts.statement.schema import Statement, schema
from receipts.store.row import blob
from tests.world import MARIA, World, cli


def test_the_command_prints_what_is_published() -> None:
    printed = orjson.loads(cli("receipt", "schema"))
    assert printed == schema()
    Draft202012Validator(printed)  # raises where it is no schema


async def test_a_receipt_of_a_reset_holds_and_with_another_field_does_not(world: World) -> None:
    await world.reset(MARIA)
    validator = Draft202012Validator(schema())
    rows = world.rows("SELECT envelope FROM statements ORDER BY leaf_index")
    payloads = [Envelope.decode(blob(envelope)).payload for (envelope,) in rows]
    assert {Statement.model_validate_json(p).predicate.kind for p in payloads} >= {"intent", "outcome", "decision"}
    for payload in payloads:
        statement = orjson.loads(payload)
        assert validator.is_valid(statement)
        facts = statement["predicate"].get("about", statement["predicate"])
        facts["calledAt"] = 1
        with pytest.raises(ValidationError, match="calledAt"):
            Statement.model_validate_json(orjson.dumps(statement))
        assert not validator.is_valid(statement)
