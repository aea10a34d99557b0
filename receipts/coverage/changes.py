"""The changes that the log of statements says were sent by a connection, as an audit of coverage needs them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import JsonValue

from contracts.errors import AilyusError
from receipts.log.signing import Envelope
from receipts.store.row import Read, Row, blob
from receipts.tables.archives import archived_statements

MAX_CHANGES: Final = 200_000
"""Statements that one audit of coverage compares."""
_NO_END: Final = 2**53


@dataclass(frozen=True, slots=True)
class AttemptSpan:
    """One send that may have arrived: when, in milliseconds since the epoch, and the target's own request id."""

    began_ms: int
    ended_ms: int
    request_id: str | None
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class ReceiptedChange:
    """What one receipt says was, or may have been, changed. `objects` are the ids among its parameters.

    `open`: only its intent is in the log yet, so that no event is missing.
    """

    receipt: str
    action: str
    contract: str
    status: str
    objects: frozenset[str]
    attempts: tuple[AttemptSpan, ...]
    open: bool = False

    @property
    def request_ids(self) -> frozenset[str]:
        """The target's own ids of its requests, as far as it told them."""
        return frozenset(one.request_id for one in self.attempts if one.request_id is not None)

    @property
    def began_ms(self) -> int:
        """When its first send began."""
        return min(one.began_ms for one in self.attempts)


def changes_of(read: Read, connection: str, tenant: str, since_ms: int) -> list[ReceiptedChange]:
    """The changes by one connection that ended since then, or have not ended, oldest first.

    Raises `AilyusError` `bad_settings` where some of them are in archives only, or where they are too many.
    """
    (oldest,) = read("SELECT min(at_ms) FROM statements WHERE tenant = ?", tenant)[0]
    # a receipt that is in an archive only would count as missing
    if archived_statements(read, tenant) and (oldest is None or int(str(oldest)) > since_ms):
        hint = "choose a later `--since`; what was archived was audited before, or must be read from its archive"
        raise AilyusError("bad_settings", "some receipts of that time are in an archive", hint=hint)
    rows = read(
        "SELECT s.id, s.kind, s.action_id, s.contract, s.status, s.at_ms, s.envelope, a.request FROM statements AS s"
        " JOIN actions AS a ON a.id = s.action_id"
        " WHERE s.tenant = ?1 AND a.connection = ?2 AND ("
        "   (s.kind = 'outcome' AND s.at_ms >= ?3 AND coalesce(s.changed, 1) = 1)"
        "   OR (s.kind = 'intent' AND a.state <> 'ended'))"
        " ORDER BY s.leaf_index LIMIT ?4",
        tenant,
        connection,
        since_ms,
        MAX_CHANGES + 1,
    )
    if len(rows) > MAX_CHANGES:
        sentence = f"more than {MAX_CHANGES} receipts are to be compared"
        raise AilyusError("bad_settings", sentence, hint="choose a shorter time by `--since` and `--until`")
    found = [change for row in rows if (change := _change(row)) is not None]
    return sorted(found, key=lambda one: (one.began_ms, one.receipt))


def _change(row: Row) -> ReceiptedChange | None:
    is_open = row[1] == "intent"
    predicate = orjson.loads(Envelope.decode(blob(row[6])).payload)["predicate"]
    attempts: tuple[AttemptSpan, ...] = (AttemptSpan(int(str(row[5])), _NO_END, None, True),)
    if not is_open:
        sent = [one for one in predicate.get("attempts", ()) if one["delivery"] != "not_sent"]
        attempts = tuple(
            AttemptSpan(one["startedMs"], one["endedMs"], one["requestId"], one["delivery"] == "in_doubt")
            for one in sent
        )
    if not attempts:  # already so: nothing was sent
        return None
    objects = frozenset(_texts(orjson.loads(blob(row[7])).get("params", {})))
    return ReceiptedChange(str(row[0]), str(row[2]), str(row[3]), str(row[4]), objects, attempts, is_open)


def _texts(value: JsonValue) -> list[str]:
    """Every text and number among the parameters of an action, however deep."""
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [str(value)] if isinstance(value, str | int) and not isinstance(value, bool) else []
