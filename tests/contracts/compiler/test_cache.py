"""The cache of compiled values: what was used last stays."""

from contracts.compiler.cache import Cache


def test_what_was_not_used_for_longest_goes() -> None:
    cache: Cache[str] = Cache(2)
    cache.keep({"a": "A", "b": "B"})
    assert cache.get("a") == "A"
    cache.keep({"c": "C"})
    assert [cache.get(key) for key in "abc"] == ["A", None, "C"]


def test_more_than_there_is_room_for() -> None:
    cache: Cache[str] = Cache(2)
    cache.keep({"a": "A", "b": "B", "c": "C"})
    assert [cache.get(key) for key in "abc"] == [None, "B", "C"]
