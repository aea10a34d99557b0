"""The losses of a log: where a store that came out of a backup went on, as the people who accepted it signed."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import orjson

from contracts.errors import AilyusError
from receipts.journal.loss import SEARCH
from receipts.log.signing import Envelope
from receipts.store.row import Read, blob

_SQL: Final = (
    "SELECT s.leaf_index, s.envelope FROM search AS w JOIN statements AS s USING (leaf_index) WHERE w.value = ?"
    " AND s.kind = 'loss' ORDER BY s.leaf_index"
)


def losses(read: Read, keys: Mapping[str, bytes]) -> list[str]:
    """Each accepted loss as one sentence, in the order of the log. What no trusted key signed is left to the audit."""
    return [said for leaf, data in read(_SQL, SEARCH) if (said := _sentence(str(leaf), blob(data), keys))]


def _sentence(leaf: str, data: bytes, keys: Mapping[str, bytes]) -> str:
    try:
        envelope = Envelope.decode(data)
    except AilyusError:
        return ""
    if not envelope.holds(keys):
        return ""
    predicate = orjson.loads(envelope.payload)["predicate"]
    about = predicate["about"]
    on = dt.datetime.fromtimestamp(predicate["atMs"] / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    size = about["rememberedSize"]
    known = "an unknown number of statements" if size is None else f"a log that was remembered at {size}"
    went_on = f"the log went on from {about['restoredSize']} in place of {known}"
    return f"`{about['by']}` accepted a loss at leaf {leaf}, {on}: {went_on}: {about['reason']}"
