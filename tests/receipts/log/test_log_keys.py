"""Each key of a log counts in its own part alone: for statements before its rotation, for checkpoints up to it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint
from receipts.log.log_keys import LogKey, LogKeys
from tests.receipts.rotations import ORIGIN, as_rotation, history, keys_of, signer

SIGNERS = [signer() for _ in range(4)]
A, B, C, _ = SIGNERS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_of_any_history_each_statement_and_checkpoint_holds_under_the_key_of_its_place_alone(
    lengths: list[int],
) -> None:
    used = SIGNERS[: len(lengths)]
    log = history(used, lengths)
    keys = keys_of(log, used[0])
    assert [key.keyid for key in keys.keys] == [one.keyid for one in used]
    for index, envelope in enumerate(log):
        assert keys.holds(envelope, index)
        for one in used:  # the same statement by another key of the log, or by its own one elsewhere
            if one.keyid != envelope.keyid:
                assert not keys.holds(one.envelope(envelope.payload), index)
    for size in range(1, len(log) + 1):
        own = [one for one in used if _signs(keys, one.note(ORIGIN, Checkpoint(ORIGIN, size, bytes(32)).body))]
        # the checkpoint that first covers a rotation is signed by the key that it names
        expected = next(key.keyid for key in keys.keys if key.covers(size))
        assert [one.keyid for one in own] == [expected]


def _signs(keys: LogKeys, note: str) -> bool:
    try:
        keys.signed(note, ORIGIN)
    except AilyusError:
        return False
    return True


def test_a_rotation_ends_the_former_key_and_begins_the_new_one() -> None:
    keys = LogKeys.of(A).after(as_rotation(A, B), 6)
    assert keys.keys == (LogKey(A.keyid, A.public, 0, 7), LogKey(B.keyid, B.public, 7))
    assert keys.newest.keyid == B.keyid
    assert keys.after(as_rotation(A, B), 6).public == keys.public  # said again


@pytest.mark.parametrize(
    ("rotation", "index"),
    [
        (as_rotation(A, C), 3),  # the roots say that A went on until 6
        (as_rotation(A, C), 6),
        (as_rotation(A, B), 5),
        (as_rotation(A, B), 8),
        (as_rotation(C, B), 8),
        (as_rotation(B, A), 9),  # a key does not come back
    ],
)
def test_what_the_trusted_keys_know_otherwise_is_refused(rotation: object, index: int) -> None:
    keys = LogKeys.of(A).after(as_rotation(A, B), 6)
    with pytest.raises(AilyusError, match="is not one that the trusted keys know") as caught:
        keys.after(rotation, index)  # type: ignore[arg-type]  # parametrize knows no types
    assert caught.value.code == "not_authentic"


def test_a_key_of_which_nobody_said_where_it_begins_begins_at_its_rotation() -> None:
    keys = LogKeys((*LogKeys.of(A).keys, *LogKeys.of(B).keys))
    assert keys.holds(B.envelope(b"{}"), 2)
    after = keys.after(as_rotation(A, B), 6)
    assert not after.holds(B.envelope(b"{}"), 2)
    assert after.holds(B.envelope(b"{}"), 7)
