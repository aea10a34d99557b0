"""A record as a line: the signed envelope as it is in the log, or an event."""

import orjson

from receipts.export.line import line_of
from receipts.log.signing import Envelope
from tests.receipts.export.records import record_of


def test_a_statement_keeps_its_bytes() -> None:
    record = record_of("outcome")
    line = line_of(record, "statements", "1.0")
    assert line.count(b"\n") == 1
    assert record.envelope.encoded() in line
    said = orjson.loads(line)
    assert (said["leaf_index"], said["after"]) == (12, 9)
    assert Envelope.decode(orjson.dumps(said["envelope"])).holds({record.envelope.keyid: b""}) is False


def test_an_event_is_one_line() -> None:
    line = line_of(record_of("agent"), "ocsf", "1.0")
    assert line.count(b"\n") == 1
    assert orjson.loads(line)["metadata"]["product"]["version"] == "1.0"
