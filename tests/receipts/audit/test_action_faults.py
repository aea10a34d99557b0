"""The row of an action that was erased: it still says who did what and how it ended, and no sentence."""

import pytest

from receipts.audit.action_faults import erased_faults
from receipts.audit.row_words import ActionWords
from receipts.store.row import Row

KNOWN = ActionWords("d", "acme", "bot", "reset", "okta", "p", "network", ended={"confirmed"})
ROW: Row = ("act_1", "acme", "bot", "ann", "reset", "okta", "confirmed", "ended", b"{}", None, b"{}", "")


@pytest.mark.parametrize(
    ("place", "value", "is_fault"),
    [(0, "act_1", False), (2, "other", True), (6, "denied", True), (11, "Reset maria", True), (11, "sealed:?", True)],
)
def test_what_an_erased_row_may_say(place: int, value: str, is_fault: bool) -> None:
    row = tuple(value if at == place else one for at, one in enumerate(ROW))
    assert bool(list(erased_faults(row, KNOWN))) is is_fault
