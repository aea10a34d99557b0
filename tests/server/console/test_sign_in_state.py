"""The state of a sign-in in a cookie: opened only under its key, unedited and in its time."""

from hypothesis import given
from hypothesis import strategies as st

from policies.passkey import encode
from server.console.sign_in_state import SignInState, opened, sealed

KEY = b"k" * 32
BEGUN = SignInState(state="s", nonce="n", verifier="v", to="/inbox", until_ms=1_000)


def test_a_state_is_opened_under_its_key_until_its_time() -> None:
    text = sealed(BEGUN, KEY)
    assert opened(text, KEY, 999) == BEGUN
    assert opened(text, KEY, 1_000) is None
    assert opened(text, b"l" * 32, 999) is None
    # the MAC of one state does not hold for another
    other = encode(BEGUN.model_copy(update={"to": "/people"}).model_dump_json().encode())
    assert opened(f"{other}.{text.partition('.')[2]}", KEY, 999) is None


@given(st.integers(0, 400), st.characters(codec="ascii"))
def test_a_changed_cookie_opens_as_it_was_or_not_at_all(at: int, character: str) -> None:
    text = sealed(BEGUN, KEY)
    at = min(at, len(text) - 1)
    # base64 has spare bits at its end: another letter there may mean the same bytes
    assert opened(text[:at] + character + text[at + 1 :], KEY, 0) in (None, BEGUN)


@given(st.text(max_size=40))
def test_any_text_is_refused_without_an_error(text: str) -> None:
    assert opened(text, KEY, 0) is None
