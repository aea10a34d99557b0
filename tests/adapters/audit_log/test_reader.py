"""The reader of an audit log: all of its pages, or why it cannot be read."""

from typing import Any

import pytest

from contracts.action.http_request import HttpRequest
from contracts.compiler.expressions import Fault
from tests.adapters.audit_log.pages import FEED, answers, page, read, row


async def test_pages_of_a_feed_are_read_to_the_end_oldest_first() -> None:
    asked: list[HttpRequest] = []
    found = await read(FEED, answers(page(row(2), next="c1"), page(row(1), row(2_000)), asked=asked))
    assert [one.id for one in found] == ["e1", "e2"]
    assert "cursor" not in asked[0].url
    assert "cursor=c1" in asked[1].url
    assert found[0].at_ms == 1_001_000


@pytest.mark.parametrize(
    "pages",
    [
        [page(row(1), next="c"), (500, {}, {})],
        [page(row(1), next="c"), page(row(2), next="c")],
        [page(row(1), row(1))],
        [page(row(1, at="yesterday"))],
        [page(row(1, who={}))],
        [page(row(1, at="2026-01-01T00:00:00"))],
        [(200, {}, {"data": {}})],
        [(403, {}, {})],
    ],
)
async def test_a_log_that_is_not_whole_or_not_readable_is_none(pages: list[Any]) -> None:
    assert isinstance(await read(FEED, answers(*pages)), Fault)
