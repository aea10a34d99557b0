"""The document that an approver sees: its digest, its text, and what is too long to be shown."""

from hypothesis import given
from hypothesis import strategies as st

from policies.approval_document import MAX_SHOWN, Display, Line, render

LINES = st.lists(
    st.builds(
        Line,
        label=st.text("abc", min_size=1, max_size=3),
        value=st.text("xyz\n", max_size=3),
        origin=st.sampled_from(["gateway", "agent"]),
    ),
    min_size=1,
    max_size=3,
)


@given(LINES, LINES)
def test_two_documents_have_one_digest_only_if_every_line_and_its_origin_is_the_same(
    one: list[Line], other: list[Line]
) -> None:
    first, second = Display(lines=tuple(one)), Display(lines=tuple(other))
    assert (first.digest == second.digest) is (one == other)


@given(LINES)
def test_a_value_never_begins_a_line_of_its_own(lines: list[Line]) -> None:
    assert len(render(Display(lines=tuple(lines))).splitlines()) == len(lines)


def test_whose_words_a_value_is_stands_behind_it() -> None:
    agent = Line(label="reason", value="a new phone", origin="agent")
    ours = Line(label="risk", value="high", origin="contract")
    assert render(Display(lines=(agent, ours))) == "reason  a new phone (the agent's words)\nrisk    high"


def test_what_cannot_be_shown_whole_does_not_fit() -> None:
    fitting = Line(label="note", value="n" * MAX_SHOWN, origin="agent")
    assert Display(lines=(fitting,)).fits
    assert not Display(lines=(fitting, fitting.model_copy(update={"value": "n" * (MAX_SHOWN + 1)}))).fits
    # a character that is written out when it is shown counts as what is shown
    assert not Display(lines=(fitting.model_copy(update={"value": "\u202e" * (MAX_SHOWN // 2)}),)).fits
