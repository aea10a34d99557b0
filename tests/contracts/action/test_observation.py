"""Observations: what was seen, what says nothing about a record, and what proves nothing by what it lacks."""

import pytest

from contracts.action.observation import Observation, Reading, outage_of


def reading(name: str, value: object, whole: bool = True) -> Reading:
    return Reading(name, 200, value, b"", 1, whole=whole)  # type: ignore[arg-type]  # JSON of this test


SEEN = {"user": reading("user", {"id": 1}), "keys": reading("keys", [], whole=False), "gone": reading("gone", None)}


@pytest.mark.parametrize("status", [401])
def test_a_refused_credential_is_an_outage(status: int) -> None:
    assert outage_of(status) == "credential_refused"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 599])
def test_a_target_that_cannot_answer_is_an_outage(status: int) -> None:
    assert outage_of(status) == "target_failed"


@pytest.mark.parametrize("status", [200, 204, 301, 400, 402, 403, 404, 409, 410, 412, 422, 499])
def test_any_other_answer_may_be_about_the_record(status: int) -> None:
    assert outage_of(status) is None


def test_values_have_the_names_of_their_phase() -> None:
    seen = Observation(SEEN, 1, "separate_credential")
    assert seen.scope("before") == {"before.user": {"id": 1}, "before.keys": [], "before.gone": None}
    assert seen.scope("after")["after.user"] == {"id": 1}
    assert seen.cut("after") == {"after.keys"}
    assert seen.cut("before") == {"before.keys"}


def test_an_observation_is_ok_where_every_read_was_answered() -> None:
    assert Observation(SEEN, 1, "same_channel").ok
    assert not Observation(SEEN, 1, "same_channel", fault="no answer").ok
    assert not Observation({}, 1, "same_channel", missing=True).ok
