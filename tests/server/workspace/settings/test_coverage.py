"""`[coverage.NAME]`: each source has what it needs, and nothing that another one needs."""

import pytest
from pydantic import ValidationError

from server.workspace.settings.coverage import CoveragePart, FeedPart

OWN = {"connection": "c", "actors": ("a",)}
FEED = {"path": "/log", "next": "page.next"}


@pytest.mark.parametrize(
    "more",
    [
        {"source": "json"},
        {"source": "okta", "feed": FEED},
        {"source": "github"},
        {"source": "okta", "organization": "acme"},
        {"source": "okta", "actors": ()},
    ],
)
def test_what_does_not_fit_the_source_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CoveragePart.model_validate({**OWN, **more})


def test_a_feed_has_usual_names_and_no_address_of_its_own() -> None:
    part = CoveragePart.model_validate({**OWN, "source": "json", "feed": FEED})
    assert part.feed is not None
    assert (part.feed.id, part.feed.request_id, part.settle) == ("id", "", 600_000)
    for path in ("https://b.example", "/log?x=1", "log"):
        with pytest.raises(ValidationError):
            FeedPart.model_validate({**FEED, "path": path})
