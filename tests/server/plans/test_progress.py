"""How far a plan is, as its row keeps it: an older and a newer version read each other's rows."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from server.plans.progress import Progress

NAMES = st.sampled_from(["one", "two[0]", "Lead"])
PROGRESS = st.builds(
    Progress,
    roles=st.dictionaries(NAMES, st.integers(0, 3)),
    oldest_seconds=st.integers(0, 9),
    pinned=st.dictionaries(NAMES, st.dictionaries(NAMES, st.just("digest"))),
    left_out=st.dictionaries(NAMES, st.just("gone")),
    health=st.none() | st.just("{}"),
    paused_at=st.none() | st.integers(0, 9),
    stopped=st.none() | st.just("it was cancelled"),
)


@settings(max_examples=50)
@given(PROGRESS)
def test_a_row_gives_back_what_was_written(progress: Progress) -> None:
    assert Progress.unpacked(progress.packed) == progress


def test_a_row_without_progress_is_a_plan_that_has_not_begun() -> None:
    assert Progress.unpacked(None) == Progress.unpacked(b"") == Progress()
    assert Progress().paused_at is None


def test_what_a_newer_version_wrote_besides_is_left_out() -> None:
    row = orjson.loads(Progress(started_ms=5).packed) | {"invented_later": [1]}
    assert Progress.unpacked(orjson.dumps(row)) == Progress(started_ms=5)


def test_another_form_of_a_known_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Progress.unpacked(b'{"roles": ["Lead"]}')


def test_one_progress_is_not_changed_through_another() -> None:
    with pytest.raises(ValidationError):
        Progress().stopped = "late"  # type: ignore[misc]
