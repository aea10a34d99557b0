"""Charts as numbers: bars are as long as what they say, and the table behind them says the same."""

import pytest

from server.console.charts import HEIGHT, WIDTH, columns, percentile, rows

KINDS = (("good", "confirmed"), ("doubt", "in doubt"))


def test_columns_are_stacked_and_as_high_as_their_share() -> None:
    chart = columns(["Mon", "Tue"], [{"good": 3, "doubt": 1}, {"good": 2}], KINDS, "day")
    first, second, third = chart.bars
    assert (first.kind, second.kind, third.x) == ("good", "doubt", WIDTH / 2 + 1)
    assert first.height == pytest.approx(3 * second.height, abs=0.2)
    assert second.y + second.height == pytest.approx(first.y, abs=0.2)
    assert all(bar.y >= 0 and bar.y + bar.height <= HEIGHT for bar in chart.bars)
    assert second.title == "Mon: 1 in doubt"
    assert chart.columns == ("day", "confirmed", "in doubt")
    assert chart.rows == (("Mon", "3", "1"), ("Tue", "2", "0"))


def test_nothing_draws_nothing() -> None:
    assert columns([], [], KINDS, "day").bars == ()
    assert columns(["Mon"], [{}], KINDS, "day").bars == ()
    assert rows([], ("rule", "denials")).bars == ()
    assert rows([("a", 0.0, "0")], ("rule", "denials")).bars == ()


def test_rows_fit_with_their_numbers_behind_them() -> None:
    chart = rows([("a-very-long-name-of-some-rule", 8.0, "8 of 10"), ("b", 4.0, "4")], ("rule", "denials"))
    long, short = chart.bars
    assert long.width == pytest.approx(2 * short.width, abs=0.2)
    number = next(label for label in chart.labels if label.text == "8 of 10")
    assert number.x + 6 * len(number.text) <= WIDTH
    assert chart.labels[0].text == "a-very-long-name-of-s…"
    assert chart.rows[0] == ("a-very-long-name-of-some-rule", "8 of 10")


@pytest.mark.parametrize(("part", "value"), [(0.5, 2), (0.95, 4), (0.0, 1), (1.0, 4)])
def test_a_percentile_is_one_of_the_values(part: float, value: int) -> None:
    assert percentile([4, 1, 3, 2], part) == value
