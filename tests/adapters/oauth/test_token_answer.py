"""What a token endpoint answers: whatever it is, it becomes tokens that a header can carry, or a fault with a code."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.credentials.source import usable
from adapters.oauth.token_answer import TokenAnswer, TokenFault, answer_of, fault_of

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one, max_size=2))
NAMES = ("access_token", "refresh_token", "token_type", "expires_in", "scope", "id_token", "account")


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_whatever_an_endpoint_says_is_tokens_or_a_fault(said: dict[str, Any]) -> None:
    found = answer_of(said)
    if isinstance(found, TokenFault):
        return
    assert usable(found.access_token.encode()) == found.access_token
    assert not found.refresh_token or usable(found.refresh_token.encode()) == found.refresh_token
    assert found.expires_in is None or 0 <= found.expires_in < 2**31
    assert not {"access_token", "refresh_token", "id_token"} & set(found.fields)
    assert found.access_token not in repr(found) or len(found.access_token) < 4


@given(st.text())
@example("_")
def test_the_code_of_an_error_is_a_word_and_never_a_text_of_the_server(text: str) -> None:
    code = fault_of(text).code
    assert code.isascii()
    assert len(code) <= 40
    assert code.replace("_", "").isalnum()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_grant", "gone"),
        ("invalid_refresh_token", "gone"),
        ("BAD_REFRESH_TOKEN", "gone"),
        ("invalid_client", "refused"),
        ("invalid_scope", "refused"),
        ("temporarily_unavailable", "later"),
        ("ratelimited", "later"),
        ("status_429", "later"),
        ("<script>", "refused"),
    ],
)
def test_what_an_error_means(code: str, kind: str) -> None:
    assert fault_of(code).kind == kind


def test_scopes_are_those_that_it_says_however_it_separates_them() -> None:
    found = answer_of(
        {"access_token": "a", "scope": "users:read,chat:write", "team": {"id": "T1"}, "expires_in": "43200"}
    )
    assert isinstance(found, TokenAnswer)
    assert (found.scopes, found.expires_in) == ({"users:read", "chat:write"}, 43_200)
    assert found.fields == {"scope": "users:read,chat:write", "team": {"id": "T1"}, "expires_in": "43200"}
    assert isinstance(answer_of({"access_token": "a\r\nx-admin: 1"}), TokenFault)
    assert isinstance(answer_of({"access_token": "a", "token_type": "DPoP"}), TokenFault)


@pytest.mark.parametrize(
    ("fault", "says", "hint"),
    [
        (TokenFault("not_sent", "no_client_secret"), "where `client_secret` refers to", "write the file"),
        (TokenFault("refused", "wrong_issuer"), "names another issuer", "letter by letter"),
        (TokenFault("not_sent", "no_metadata"), "no metadata", "`token_url`"),
        (TokenFault("not_sent", "unreachable"), "cannot be reached", "is the server up"),
        (TokenFault("refused", "invalid_client"), "refuses the client", "`client_auth`"),
        (TokenFault("refused", "a_word_of_the_vendor"), "refuses the client", ""),
    ],
)
def test_a_fault_says_what_is_wrong_and_where_to_look(fault: TokenFault, says: str, hint: str) -> None:
    assert says in fault.sentence
    assert fault.sentence.endswith(f"({fault.code})")
    assert hint in fault.hint
    assert bool(fault.hint) is bool(hint)
