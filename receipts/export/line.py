"""A record of an export as one line of JSON, in the form that its settings name."""

import orjson

from receipts.export.batch import ExportFormat, ExportRecord
from receipts.export.ocsf import event_of


def line_of(record: ExportRecord, form: ExportFormat, version: str) -> bytes:
    """One line with its end; `version` is that of the gateway."""
    if form == "ocsf":
        return orjson.dumps(event_of(record, version)) + b"\n"
    # the envelope as it was signed and hashed: whoever parses and writes it anew has other bytes
    place = b'{"leaf_index":%d,"after":%d,"envelope":' % (record.leaf_index, record.after)
    return place + record.envelope.encoded() + b"}\n"
