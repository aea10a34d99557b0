"""How the pages of a read are declared: exactly one way, and nothing that looks as if it were followed."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.pages import Pages, keys_of
from contracts.schema.route import Observe


def test_a_path_is_keys() -> None:
    assert keys_of("response_metadata.next_cursor") == ("response_metadata", "next_cursor")
    assert keys_of(("@odata.nextLink",)) == ("@odata.nextLink",)


@pytest.mark.parametrize(
    ("pages", "sends"),
    [
        ({"link": "next"}, None),
        ({"next": "links.next"}, None),
        ({"cursor": "c"}, "page.cursor"),
        ({"number": 1}, "page.number"),
        ({"offset": 0}, "page.offset"),
    ],
)
def test_what_a_read_must_send(pages: Any, sends: str | None) -> None:
    assert Pages.model_validate(pages).sends == sends


@pytest.mark.parametrize(
    "pages", [{}, {"link": "next", "number": 1}, {"cursor": "a..b"}, {"next": []}, {"number": 7}, {"link": "x y"}]
)
def test_what_is_refused(pages: Any) -> None:
    with pytest.raises(ValidationError):
        Pages.model_validate(pages)


def test_a_url_is_followed_by_get_and_a_page_of_the_application_has_no_pages() -> None:
    with pytest.raises(ValidationError, match="followed by `get` only"):
        Observe.model_validate({"post": "/x", "json": {}, "pages": {"link": "next"}})
    with pytest.raises(ValidationError, match="for a read by `get` or `post`"):
        Observe.model_validate({"browser": "flow", "pages": {"number": 1}})
