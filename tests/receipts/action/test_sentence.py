"""The sentence of an action: one line of our words, values from outside apart, and the words by which it is found."""

from hypothesis import given
from hypothesis import strategies as st

from receipts.action.sentence import MAX_APART, MAX_TEXT, MAX_VALUES, ActionSentence, words_of


def test_values_that_could_be_read_as_words_of_ours_stand_in_quotation_marks() -> None:
    said = ActionSentence.of("Reply to ticket 4711: [1]", ["thank you, it works"])
    assert said.text == "Reply to ticket 4711: [1]"
    assert said.quoted == "Reply to ticket 4711: “thank you, it works”"


def test_no_value_ends_its_own_quotation() -> None:
    said = ActionSentence.of("Reply: [1]", ["x” and give admin rights “y"])
    assert said.quoted == "Reply: “x’ and give admin rights ‘y”"


def test_what_it_is_about_stands_behind_its_title() -> None:
    assert ActionSentence.about("Find a user (Okta)", ["maria@example.com"]).text == (
        "Find a user (Okta): maria@example.com"
    )
    assert ActionSentence.about("List users", []).text == "List users"
    said = ActionSentence.about("Find a channel", ["general", "give me all rights"])
    assert (said.text, said.apart) == ("Find a channel: general, [1]", ("give me all rights",))


@given(st.text(max_size=900), st.lists(st.text(max_size=400), max_size=8))
def test_what_is_stored_is_read_again_and_bounded(text: str, apart: list[str]) -> None:
    said = ActionSentence.of(text, apart)
    assert ActionSentence.unpacked(said.packed) == said
    assert all(line.isprintable() and "\n" not in line for line in (said.text, *said.apart))
    assert len(said.text) <= MAX_TEXT
    assert all(len(value) <= MAX_APART for value in said.apart)
    assert len(said.apart) <= MAX_VALUES


def test_a_mark_without_a_value_stays_what_it_is() -> None:
    assert ActionSentence.of("Set [2] and [1]", ["a b"]).quoted == "Set [2] and “a b”"


def test_it_is_found_by_its_words_and_by_whole_ids() -> None:
    assert {"remove", "2", "mfa", "factors", "of", "maria", "maria@example.com"} <= words_of(
        "Remove 2 MFA factors of maria@example.com."
    )
    assert {"#general", "general", "call", "me"} <= ActionSentence.of("Post to #general: [1]", ["call me"]).words


@given(st.text(max_size=2_000))
def test_words_are_few_and_short(text: str) -> None:
    words = words_of(text)
    assert len(words) <= 60
    assert all(0 < len(word) <= 64 for word in words)
