"""Reviews after the fact: asked for once, delivered to nobody, closed once, and held against the log."""

import pytest

from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.journal.outcome import acknowledge
from receipts.store.transaction import Conflict
from receipts.tables import after_reviews, escalations
from receipts.tables.after_reviews import AfterReview
from tests.receipts.making import action, intend

pytestmark = pytest.mark.both_stores


async def _asked(journal: Journal) -> AfterReview:
    asked = action()
    await intend(journal, asked)
    # another attempt is no further review
    for _ in range(2):
        await journal.store.write(lambda txn: after_reviews.ask(txn, journal.notary, asked, "SecurityLead"))
    (review,) = await journal.store.read_aside(after_reviews.open_reviews)
    assert (review.action_id, review.role, review.tenant, review.contract) == (
        asked.id, "SecurityLead", "acme", "reset",
    )  # fmt: skip
    return review


async def test_it_is_open_until_somebody_closes_it(journal: Journal) -> None:
    review = await _asked(journal)
    assert await escalations.due(journal.store) == [], "nobody is paged for it"
    assert await journal.store.read_aside(lambda read: after_reviews.open_reviews(read, "other")) == []
    # who settles the outcome has not reviewed it
    await journal.store.write(lambda txn: acknowledge(txn, review.action_id, "bob"))
    assert await journal.store.read_aside(lambda read: after_reviews.find(read, review.id)) == review
    await journal.store.write(lambda txn: after_reviews.close(txn, journal.notary, review, "ann", "it was right"))
    assert await journal.store.read_aside(after_reviews.open_reviews) == []
    with pytest.raises(Conflict):
        await journal.store.write(lambda txn: after_reviews.close(txn, journal.notary, review, "bob", "no"))
    said = "SELECT data FROM evidence WHERE label = 'comment'"
    assert await journal.store.read(said) == [(b"it was right",)]


@pytest.mark.parametrize(
    ("attack", "finding"),
    [
        ("UPDATE escalations SET acknowledged_ms = 1", "was closed, and no statement says by whom"),
        ("UPDATE escalations SET id = 'esc_other'", "is not what its statement says"),
    ],
)
async def test_a_review_that_vanishes_is_a_finding(journal: Journal, attack: str, finding: str) -> None:
    await _asked(journal)
    roots = Roots.of(journal.store.origin, journal.store.keys)

    async def findings() -> list[str]:
        found = await journal.store.read_aside(lambda read: list(audit(read, roots)))
        return [one for one in found if "the review" in one]

    assert await findings() == []
    await journal.store.write(lambda txn: txn.write(attack))
    assert any(one.endswith(finding) for one in await findings())
