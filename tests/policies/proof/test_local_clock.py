"""Claims about hours and days are about the clocks of the settings' time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from policies.proof.invariant import InvariantText, parse_invariant
from policies.proof.local_clock import FIRST_SECOND, LAST_SECOND, shifts_of
from policies.proof.prover import Prover
from tests.policies.proof.making import rules

HOURS = """
@id("all") permit (principal, action == Action::"pay_bill", resource);
@id("hours") forbid (principal, action == Action::"pay_bill", resource)
unless { context.env.weekday <= 5 && context.env.localTime >= duration("9h") };
"""


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Honolulu"])
def test_each_second_has_the_shift_of_its_zone(zone: str) -> None:
    found = shifts_of(zone)
    assert (found[0][0], found[-1][1]) == (FIRST_SECOND, LAST_SECOND)
    assert [one[0] for one in found[1:]] == [one[1] + 1 for one in found[:-1]]
    for first, last, shift in found:
        for second in (first, (first + last) // 2, last):
            assert datetime.fromtimestamp(second, ZoneInfo(zone)).utcoffset().total_seconds() == shift  # type: ignore[union-attr]  # a zone has one
    assert (len(found) > 1) is (zone == "Europe/Berlin")


def test_a_day_of_the_week_is_that_of_the_zone() -> None:
    made = rules(HOURS, "Pacific/Honolulu")
    prover = Prover(made, 60_000)
    weekend = InvariantText(name="none on Sunday", action="pay_bill", never="context.env.weekday == 7")
    assert prover.invariant(parse_invariant(weekend, made.bundle)).outcome == "proven"
    # Friday evening there is Saturday in UTC
    utc = 'context.env.now.toTime() < duration("8h") && context.env.weekday == 5'
    found = prover.invariant(parse_invariant(InvariantText(name="a", action="pay_bill", never=utc), made.bundle))
    assert found.outcome == "refuted"
    assert datetime.fromtimestamp(found.examples[0].context.now_ms / 1000, UTC).isoweekday() == 6
