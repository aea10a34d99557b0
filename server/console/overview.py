"""The overview on the home page: outcomes over time, how long approvals take, what is denied by which rule, latency
and health by connection, of the newest statements of seven days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from receipts.store.row import Read
from receipts.tables import overview
from receipts.tables.overview import ConnectionSend, Outcomes, Taken
from server.console.charts import Chart, columns, percentile, rows
from server.console.filters import counted, lasted

DAYS = 7
PART_MS = 6 * 3_600_000
"""How much time one column of the chart of outcomes is about."""
KINDS = (
    ("good", "confirmed"),
    ("open", "taken back or not applied"),
    ("stopped", "denied or refused"),
    ("doubt", "in doubt"),
)
_OF = {
    **dict.fromkeys(("confirmed", "asserted_applied"), "good"),
    **dict.fromkeys(("denied", "refused", "invalid"), "stopped"),
    **dict.fromkeys(("unknown", "diverged", "partial"), "doubt"),
}
"""The kind of each status; every other was taken back, not applied or not asked any more."""
WAITS = ((60_000, "1 min"), (300_000, "5 min"), (900_000, "15 min"), (3_600_000, "1 h"), (14_400_000, "4 h"))
MAX_ROWS = 8


@dataclass(frozen=True, slots=True)
class Overview:
    """The charts, and the health of each connection; `since_ms` is from when on they count."""

    since_ms: int
    outcomes: Chart | None
    lead_times: Chart | None
    median_wait: str
    denials: Chart | None
    latencies: Chart | None
    health: Mapping[str, dict[str, JsonValue]]


def overview_of(read: Read, tenant: str, now_ms: int) -> Overview:
    """Everything, in one snapshot."""
    begin = (now_ms // PART_MS + 1) * PART_MS - DAYS * 86_400_000
    since = overview.oldest_counted(read, tenant, begin)
    ends = overview.outcomes(read, tenant, begin, PART_MS)
    taken = overview.lead_times(read, tenant, since)
    denied = overview.denials_by_rule(read, tenant, since)
    sent = overview.sent(read, tenant, begin)
    return Overview(
        since_ms=since,
        outcomes=_outcomes(ends, begin) if ends else None,
        lead_times=_waits(taken) if taken else None,
        median_wait=lasted(percentile([one.waited_ms for one in taken], 0.5)) if taken else "",
        denials=_denials(denied) if denied else None,
        latencies=_latencies(sent),
        health=health_of(sent),
    )


def _outcomes(ends: Sequence[Outcomes], begin: int) -> Chart:
    counts: list[dict[str, int]] = [{} for _ in range(DAYS * 86_400_000 // PART_MS)]
    for one in ends:
        kind = _OF.get(one.status, "open")
        if 0 <= one.part < len(counts):
            counts[one.part][kind] = counts[one.part].get(kind, 0) + one.count
    names = [_day(begin + place * PART_MS) for place in range(len(counts))]
    return columns(names, counts, KINDS, "from")


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%d %b %H:%M")


def _waits(taken: Sequence[Taken]) -> Chart:
    below = [sum(one.waited_ms <= most for one in taken) for most, _ in WAITS]
    counts = [after - before for before, after in zip([0, *below], [*below, len(taken)], strict=False)]
    names = [*(f"within {words}" for _, words in WAITS), "later"]
    values = [(name, float(count), str(count)) for name, count in zip(names, counts, strict=True)]
    return rows(values, ("decided", "approvals"), "open")


def _denials(denied: dict[str, int]) -> Chart:
    values = [(name or "no policy permits it", float(n), str(n)) for name, n in list(denied.items())[:MAX_ROWS]]
    return rows(values, ("rule", "denials"), "stopped")


def _latencies(sent: Sequence[ConnectionSend]) -> Chart | None:
    taken: dict[str, list[float]] = {}
    for one in sent:
        if one.is_ended and one.status == "confirmed":
            taken.setdefault(one.connection, []).append(float(one.updated_ms - one.sent_ms))
    slow = sorted(((percentile(t, 0.95), name, t) for name, t in taken.items()), reverse=True)[:MAX_ROWS]
    values = [(name, p95, f"{lasted(percentile(t, 0.5))} · {lasted(p95)}") for p95, name, t in slow]
    return rows(values, ("connection", "median · 95 of 100"), "plain") if values else None


def health_of(sent: Sequence[ConnectionSend]) -> dict[str, dict[str, JsonValue]]:
    """Of each connection the newest actions: how many were confirmed, when the last one was, and how long half took."""
    by: dict[str, list[ConnectionSend]] = {}
    for one in sent:
        by.setdefault(one.connection, []).append(one)
    found: dict[str, dict[str, JsonValue]] = {}
    for name, own in by.items():
        ended = [one for one in own if one.is_ended]
        good = [one for one in ended if one.status == "confirmed"]
        last = max((one.updated_ms for one in good), default=None)
        median = lasted(percentile([one.updated_ms - one.sent_ms for one in good], 0.5)) if good else ""
        said = f"{len(good)} of {counted(len(ended), 'action')} confirmed"
        found[name] = {"said": said, "last_ms": last, "median": median}
    return found
