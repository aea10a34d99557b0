"""Is an answer the whole, or one page of it?"""

from typing import Any

import pytest

from adapters.http.page_signs import is_page

PAGES: list[Any] = [
    {"results": [1], "next": "https://x.example/?page=2"},
    {"comments": [], "next_page": "https://x.example/2", "count": 250},
    {"Resources": [{}, {}], "totalResults": 9, "itemsPerPage": 2, "startIndex": 1},
    {"schemas": ["x"], "members": [1], "totalResults": 2},
    {"data": [], "meta": {"has_more": True}},
    {"items": [], "nextPageToken": "t"},
    {"value": [], "@odata.nextLink": "https://x.example/"},
    {"R": {"ListResult": {"IsTruncated": "true", "Items": []}}},
    {"response_metadata": {"next_cursor": "dXNlcjp"}, "members": []},
    {"edges": [], "pageInfo": {"hasNextPage": True}},
]
WHOLE: list[Any] = [
    [],
    None,
    {"results": [1], "next": None, "count": 1},
    {"comments": [], "next_page": None, "count": 0},
    {"Resources": [{}], "totalResults": 1},
    {"data": [], "meta": {"has_more": False}},
    {"R": {"ListResult": {"IsTruncated": "false", "Items": []}}},
    {"response_metadata": {"next_cursor": ""}, "members": []},
    {"lines": [{"cents": 100}], "total": 100},
]


@pytest.mark.parametrize("value", PAGES)
def test_one_page_of_several(value: Any) -> None:
    assert is_page({}, value)


@pytest.mark.parametrize("value", WHOLE)
def test_the_whole(value: Any) -> None:
    assert not is_page({}, value)


def test_a_link_to_the_next_page() -> None:
    assert is_page({"link": '<https://x.example/?after=1>; rel="next"'}, [])
    assert is_page({"link": '<https://x.example/>; rel="self", <https://x.example/?after=1>; rel=next'}, [])
    assert not is_page({"link": '<https://x.example/>; rel="self"'}, [])
