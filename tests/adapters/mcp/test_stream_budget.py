"""The budget of a stream: a server that says more than it was asked is cut, and why it ended is told once."""

import pytest

from adapters.mcp.stream_budget import MAX_UNASKED, Loss, Lost, StreamBudget, refusal_in
from contracts.errors import AilyusError


def test_a_server_that_floods_is_cut() -> None:
    talk = StreamBudget()
    assert all(talk.heard() for _ in range(MAX_UNASKED))
    assert not talk.over.is_set()
    assert not talk.heard()
    assert talk.over.is_set()
    assert talk.reason is Loss.FLOODS
    # it stays over, whatever is asked
    talk.asked()
    assert not talk.heard()


def test_what_we_ask_begins_the_count_anew() -> None:
    talk = StreamBudget()
    for _ in range(3):
        assert all(talk.heard() for _ in range(MAX_UNASKED))
        talk.asked()
    assert not talk.over.is_set()


def test_the_first_reason_is_the_one_that_is_told() -> None:
    talk = StreamBudget()
    talk.end(Loss.REFUSED)
    talk.end(Loss.CLOSED)
    assert talk.reason is Loss.REFUSED


@pytest.mark.parametrize("loss", Loss)
def test_a_loss_is_a_sentence_of_ours(loss: Loss) -> None:
    lost = Lost(loss)
    assert lost.sentence == loss.value
    assert lost.sentence[0].islower()
    assert lost.refused is (loss is Loss.REFUSED)


def test_a_refusal_is_found_in_whatever_holds_it() -> None:
    refusal = AilyusError("no_server", "there is no program `x`")
    assert refusal_in(refusal) is refusal
    group = ExceptionGroup("a", [ValueError("b"), ExceptionGroup("c", [OSError("d"), refusal])])
    assert refusal_in(group) is refusal
    assert refusal_in(ExceptionGroup("a", [ValueError("b")])) is None
    assert refusal_in(ValueError("b")) is None
