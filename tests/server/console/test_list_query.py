"""The query of a list: in the address, as chips, as links; and times as people write them."""

from datetime import UTC, datetime

import pytest

from contracts.errors import AilyusError
from server.console.list_query import MAX_OPTIONS, ListQuery, instant, options

NOW = int(datetime(2026, 11, 30, 8, tzinfo=UTC).timestamp() * 1000)
QUERY = ListQuery("/actions", {"words": "a&b c", "status": "", "agent": "support-bot"}, before="act_9")


def test_each_chip_leads_to_the_list_without_its_filter() -> None:
    assert QUERY.chips == [
        {"words": "words: a&b c", "to": "/actions?agent=support-bot"},
        {"words": "agent: support-bot", "to": "/actions?words=a%26b+c"},
    ]


def test_the_pages_beside_it_keep_the_filters() -> None:
    assert QUERY.links("act_5", None) == {
        "older": "/actions?words=a%26b+c&agent=support-bot&before=act_5",
        "newer": "",
        "newest": "/actions?words=a%26b+c&agent=support-bot",
    }
    assert ListQuery("/actions", {}).links(None, None) == {"older": "", "newer": "", "newest": ""}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 0),
        ("12h", NOW - 12 * 3_600_000),
        ("2026-11-30", NOW - 8 * 3_600_000),
        ("2026-11-29 22:00", NOW - 10 * 3_600_000),
        ("2026-11-30T09:00+01:00", NOW),
    ],
)
def test_a_time_is_so_long_ago_or_a_date(text: str, at: int) -> None:
    assert instant(text, NOW) == at


@pytest.mark.parametrize("text", ["yesterday", "12", "2026-13-01", "-1h", "9999999999999999h x"])
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(AilyusError, match="is no time"):
        instant(text, NOW)


def test_a_place_in_the_log_is_a_number() -> None:
    assert ListQuery("/receipts", {}, before="7").place() == (7, None)
    with pytest.raises(AilyusError, match="is a number"):
        QUERY.place()


def test_what_is_chosen_is_offered() -> None:
    names = [f"agent-{n}" for n in range(MAX_OPTIONS + 5)]
    assert options(names, names[-1]) == [names[-1], *names[:MAX_OPTIONS]]
    assert options(["a", "b"], "b") == ["a", "b"]
