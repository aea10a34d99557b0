"""One page after another: where the next is, where the list ends, and what speaks against its being whole."""

from typing import Any

import pytest

from adapters.http import page_list
from adapters.http.page_list import NextPage, PageList
from contracts.compiler.page_rule import page_rule
from contracts.schema.pages import Pages

BASE = "https://api.example/v1"


def listed(**rule: Any) -> PageList:
    return PageList(page_rule(Pages.model_validate(rule)), BASE, f"{BASE}/list?limit=2")


def page(*ids: str, **more: Any) -> Any:
    return {"data": [{"id": name} for name in ids], **more}


def test_a_cursor_is_sent_until_there_is_none() -> None:
    pages = listed(cursor="next", items="data", id="id")
    assert pages.add({}, page("a", "b", next="c2")) == NextPage(name="page.cursor", value="c2")
    assert pages.add({}, page("c", next=7)) == NextPage(name="page.cursor", value="7")
    assert pages.add({}, page("d", next="")) is None
    assert pages.fault is None
    assert pages.value == page("a", "b", "c", "d", next="")


@pytest.mark.parametrize("last", [{"next": None}, {"next": ""}, {}])
def test_how_a_cursor_ends(last: dict[str, Any]) -> None:
    pages = listed(cursor="next", items="data")
    assert pages.add({}, page("a", **last)) is None
    assert pages.fault is None


def test_a_page_that_leads_back_is_not_followed() -> None:
    pages = listed(cursor="next", items="data")
    assert pages.add({}, page("a", next="c2")) is not None
    assert pages.add({}, page(next="c2")) is None
    assert pages.fault == "page 2 leads back to a page that was read"


@pytest.mark.parametrize("named", [True, False])
def test_an_item_on_two_pages_shows_that_the_list_moved(named: bool) -> None:
    pages = listed(cursor="next", items="data", **({"id": "id"} if named else {}))
    pages.add({}, page("a", "b", next="c2"))
    pages.add({}, page("b", "c"))
    assert pages.fault == "an item of page 2 stands there twice, or on a page before"


def test_items_without_an_id_may_be_equal_on_one_page_and_ids_may_not() -> None:
    plain, named = listed(cursor="next", items="data"), listed(cursor="next", items="data", id="id")
    assert (plain.add({}, page("a", "a")), plain.fault) == (None, None)
    assert named.add({}, page("a", "a")) is None
    assert named.fault is not None
    nameless = listed(cursor="next", items="data", id="key")
    nameless.add({}, page("a"))
    assert nameless.fault == "an item of page 1 has no `key`"


@pytest.mark.parametrize(
    ("totals", "last", "whole"),
    [
        ((3, 3), "c", True),
        (("3", "3"), "c", True),
        ((3, 4), "cd", False),
        ((4, 4), "c", False),
        ((3, None), "c", False),
    ],
)
def test_the_total_stays_the_same_and_is_reached(totals: tuple[Any, Any], last: str, whole: bool) -> None:
    pages = listed(cursor="next", items="data", total="total")
    pages.add({}, page("a", "b", next="c2", total=totals[0]))
    pages.add({}, page(*last, total=totals[1]))
    assert (pages.fault is None) is whole


@pytest.mark.parametrize(
    ("more", "after", "whole"),
    [(False, "c2", True), ("false", "c2", True), (True, "", False), (None, "c2", False), ("yes", "c2", False)],
)
def test_whether_there_is_more_is_said_and_not_guessed(more: Any, after: str, whole: bool) -> None:
    pages = listed(cursor="next", items="data", more="more")
    assert pages.add({}, page("a", more=more, next=after)) is None
    assert (pages.fault is None) is whole


def test_a_last_page_that_says_otherwise_that_there_is_more_is_not_the_last() -> None:
    pages = listed(cursor="paging.cursor", items="data")
    pages.add({}, page("a", nextPageToken="t"))
    assert pages.fault == "page 1 says in another way that there is more"


@pytest.mark.parametrize(
    ("url", "followed"),
    [
        ("https://api.example/v1/list?after=2", "https://api.example/v1/list?after=2"),
        ("/v1/list?after=2#x", "https://api.example/v1/list?after=2"),
        ("?after=2", "https://api.example/v1/list?after=2"),
        ("https://api.example/other", None),
        ("https://api.example/v1/../other", None),
        ("https://api.example/v1/%2e%2e/other", None),
        ("https://api.example/v1/a%2f..%2f..%2fother", None),
        ("/v1/..\\other", None),
        ("https://api.example/v1//evil.example", None),
        ("//evil.example/v1/list", None),
        ("https://evil.example/v1/list", None),
        ("http://api.example/v1/list", None),
        ("https://user@api.example/v1/list", None),
        ("https://api.example:444/v1/list", None),
        ("https://api.example:x/v1/list", None),
        ("/v1/list\r\nx: y", None),
        ("/v1/l\u00efst", None),
        ("x" * 9000, None),
        (["/v1/list"], None),
        (True, None),
    ],
)
def test_a_url_is_followed_below_the_base_url_only(url: Any, followed: str | None) -> None:
    pages = listed(next="next", items="data")
    following = pages.add({}, page("a", next=url))
    assert (following.url if following else None) == followed
    assert (pages.fault is None) is (followed is not None)


def test_the_link_of_the_relation_is_followed() -> None:
    pages = listed(link="next")
    link = '<https://api.example/v1/list>; rel="self", <https://api.example/v1/list?after=2>; rel="last next"; x="a, b"'
    assert pages.add({"link": link}, [1, 2]) == NextPage(url="https://api.example/v1/list?after=2")
    assert pages.add({"link": '<https://api.example/v1/list>; rel="self"'}, [3]) is None
    assert (pages.value, pages.fault) == ([1, 2, 3], None)


def test_numbers_and_places_count_on() -> None:
    numbers, places = listed(number=0, items="data"), listed(offset=1, items="data")
    assert numbers.add({}, page("a", "b")) == NextPage(name="page.number", value=1)
    assert places.add({}, page("a", "b")) == NextPage(name="page.offset", value=3)
    assert places.add({}, page("c")) == NextPage(name="page.offset", value=4)
    assert places.add({}, page()) is None
    assert places.fault is None


def test_items_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_list, "MAX_ITEMS", 3)
    pages = listed(cursor="next", items="data")
    pages.add({}, page("a", "b", next="c2"))
    assert pages.add({}, page("c", "d", next="c3")) is None
    assert pages.fault == "it has more than 3 items"
