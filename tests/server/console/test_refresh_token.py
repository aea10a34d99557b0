"""A refresh token in the store: only its subject's and only under its key, and nothing of it in plain."""

from hypothesis import given
from hypothesis import strategies as st

from server.console.refresh_token import hidden, revealed

KEY = bytes(range(32))
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(TEXTS, TEXTS, st.data())
def test_a_token_comes_back_to_its_subject_and_edited_to_nobody(
    subject: str, refresh: str, data: st.DataObject
) -> None:
    sealed = hidden(subject, refresh, KEY)
    assert revealed(subject, sealed, KEY) == refresh
    assert revealed(subject + "x", sealed, KEY) == ""
    assert revealed(subject, sealed, KEY[::-1]) == ""
    at = data.draw(st.integers(0, len(sealed) - 1))
    assert revealed(subject, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], KEY) == ""


def test_no_token_is_kept_as_nothing_and_one_token_never_as_the_same_bytes() -> None:
    assert hidden("s", "", KEY) == b""
    assert revealed("s", b"", KEY) == ""
    assert hidden("s", "refresh", KEY) != hidden("s", "refresh", KEY)
