"""An event of a target's own audit log."""

import dataclasses

import pytest

from contracts.action.target_event import TargetEvent


def test_an_event_is_a_change_unless_it_says_otherwise_and_never_changes() -> None:
    event = TargetEvent("e1", 1, ("us",), "lock", ("u1",), None)
    assert event.is_change
    assert event in {TargetEvent("e1", 1, ("us",), "lock", ("u1",), None)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.at_ms = 2  # type: ignore[misc]
