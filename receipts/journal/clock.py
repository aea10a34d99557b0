"""The way out for a store whose clock was once ahead: its time is taken back, by a signed statement.

While the clock is behind the store's last commit nothing is claimed, so nothing is sent. When that last commit was made
by a clock that ran ahead, a person says so; what waits for a time that the wrong clock gave is set to now.
"""

from typing import Final

from contracts.canonical import digest, new_id
from contracts.errors import AilyusError
from receipts.journal.journal import Journal
from receipts.statement.gateway_facts import ClockFacts
from receipts.store.store import MAX_CLOCK_BACK_MS
from receipts.store.transaction import Txn

_DAY_MS: Final = 86_400_000
_TO_NOW: Final = (
    # whoever is signed in, introduced or known by a role until then
    "UPDATE sessions SET expires_ms = ?1 WHERE expires_ms > ?2",
    "UPDATE introductions SET expires_ms = ?1 WHERE expires_ms > ?2",
    "UPDATE role_facts SET at_ms = 0 WHERE at_ms > ?1 AND CAST(?2 AS BIGINT) > 0",
    "UPDATE handles SET expires_ms = ?1 WHERE expires_ms > ?2",
    # what waits for people, for its turn or for its deadline
    "UPDATE actions SET expires_ms = ?1 WHERE expires_ms > ?2 AND state <> 'ended' AND state = 'waiting'",
    "UPDATE actions SET held_until_ms = ?1 WHERE held_until_ms > ?2",
    "UPDATE actions SET lease_until_ms = ?1 WHERE lease_until_ms > ?2",
    "UPDATE intents SET deadline_ms = ?1 WHERE deadline_ms > ?2 AND state = 'intent'",
    "UPDATE escalations SET next_ms = ?1 WHERE next_ms > ?2 AND acknowledged_ms IS NULL",
    "UPDATE notices SET next_ms = ?1 WHERE next_ms > ?2 AND delivered_ms IS NULL",
    # what counts in a rate or a budget
    "UPDATE actions SET sent_ms = ?1 WHERE sent_ms > ?1 AND CAST(?2 AS BIGINT) > 0",
    "UPDATE intents SET at_ms = ?1 WHERE at_ms > ?1 AND CAST(?2 AS BIGINT) > 0",
)
"""?1 is now; ?2 a day after it, since times within it may be meant."""


async def accept_clock(journal: Journal, person: str, reason: str) -> tuple[int, int]:
    """Take the store's time back to the clock's: both, in milliseconds. Raises `bad_settings` if all is well."""
    store = journal.store
    before, now = store.high_water_ms, store.now_ms()
    if now >= before - MAX_CLOCK_BACK_MS:
        hint = "nothing needs to be done"
        raise AilyusError("bad_settings", "the clock is not behind the store's last commit", hint=hint)
    facts = ClockFacts(event="clock", from_=before, to=now, by=person, reason=reason)
    sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", {"clock": digest(facts.said)}, now)

    def work(txn: Txn) -> None:
        for sql in _TO_NOW:
            txn.write(sql, now, now + _DAY_MS, rows=None)
        sealed.insert(txn)

    store.reset_clock()
    await store.write(work)
    return before, now
