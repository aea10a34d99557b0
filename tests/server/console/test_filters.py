"""How times, numbers and sentences of ours are written on a page."""

import pytest

from server.console.filters import ago, counted, exact, lasted, ticked

NOW = 1_790_000_000_000
MIN, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("before_ms", "said"),
    [
        (0, "just now"), (44_000, "just now"), (-1_000, "in a moment"), (45_000, "1 min ago"), (5 * MIN, "5 min ago"),
        (89 * MIN, "89 min ago"), (-4 * MIN, "in 4 min"), (2 * HOUR, "2 h ago"), (35 * HOUR, "35 h ago"),
        (2 * DAY, "2 days ago"), (-40 * DAY, "in 40 days"), (200 * DAY, "2026-03-05"),
    ],
)  # fmt: skip
def test_a_time_is_said_from_here(before_ms: int, said: str) -> None:
    assert ago(NOW - before_ms, NOW) == said


def test_the_exact_time_is_in_utc() -> None:
    assert exact(NOW) == "2026-09-21 14:13:20 UTC"


@pytest.mark.parametrize(
    ("ms", "said"), [(340, "340 ms"), (2_500, "2.5 s"), (3_000, "3 s"), (4 * MIN, "4 min"), (3 * HOUR, "3 h")]
)
def test_a_duration_has_its_unit(ms: int, said: str) -> None:
    assert lasted(ms) == said


def test_a_number_has_its_noun() -> None:
    assert [counted(n, "action") for n in (0, 1, 2)] == ["0 actions", "1 action", "2 actions"]
    assert counted(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("sentence", "html"),
    [
        ("no name", "no name"),
        ("the contract `a_b` is halted", "the contract <code>a_b</code> is halted"),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("<i>`a", "&lt;i&gt;`a"),
        ("`a` <`", "<code>a</code> &lt;`"),
        ("a\u202eb", "a\\u{202E}b"),
    ],
)
def test_names_in_a_sentence_are_code_and_nothing_is_markup(sentence: str, html: str) -> None:
    assert ticked(sentence) == html
