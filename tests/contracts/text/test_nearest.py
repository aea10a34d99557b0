"""A misspelt name is answered with the one that was meant, or with where the names stand."""

from contracts.text.nearest import MAX_NAMED, did_you_mean


def test_the_nearest_name_is_named() -> None:
    assert did_you_mean("suport-bot", ["support-bot", "other"]) == "did you mean `support-bot`?"
    assert did_you_mean("CONFIRMED", ["confirmed", "denied"]) == "did you mean `confirmed`?"


def test_what_is_near_to_nothing_is_told_all_names_or_where_they_stand() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "one of a, b"
    many = [f"name{number:02}" for number in range(MAX_NAMED + 2)]
    assert did_you_mean("zzz", many, where="`ailyus agent list`") == "`ailyus agent list`"
    assert did_you_mean("zzz", many).endswith(f"name{MAX_NAMED - 1} and 2 more")
    assert did_you_mean("zzz", []) == "there is none yet"
    assert did_you_mean("zzz", [], where="make one") == "make one"
