"""The `state` of an authorization request: whoever has it can read nothing of it, change nothing, and use it once."""

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from contracts.action.oauth_client import OAuthClient
from server.operations.connections.authorization_request import (
    VALID_MS,
    AuthorizationRequest,
    RequestKeys,
    new_id,
    request_url,
)

NOW = 1_700_000_000_000
KEYS = RequestKeys(bytes(32), "a session")
REQUEST = AuthorizationRequest(
    id=new_id(),
    connection="books",
    reference="oauth2:books/both/0123456789abcdef",
    side="both",
    holder="",
    by="lead",
    until_ms=NOW + VALID_MS,
)
CLIENT = OAuthClient(
    "authorization_code",
    "ailyus",
    "basic",
    read_scopes=("a", "b"),
    write_scopes=("b", "a"),
    resource="https://api.example.com",
    authorize_parameters=(("access_type", "offline"),),
)


def test_a_request_comes_back_to_its_session_in_its_time() -> None:
    state = KEYS.seal(REQUEST)
    assert KEYS.open(state, NOW) == REQUEST
    assert KEYS.open(state, NOW + VALID_MS) is None
    assert RequestKeys(bytes(32), "another session").open(state, NOW) is None
    assert RequestKeys(b"1" * 32, "a session").open(state, NOW) is None
    assert KEYS.seal(REQUEST) != state, "two states of one request say nothing of each other"


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_state_that_was_changed_anywhere_is_none(at: int, by: int) -> None:
    state = KEYS.seal(REQUEST).encode()
    place = at % len(state)
    changed = state[:place] + bytes([(state[place] ^ by) & 0x7F]) + state[place + 1 :]
    # base64url has several spellings of its last character, which mean the same bytes
    assert KEYS.open(changed.decode(), NOW) is None or changed[:-1] == state[:-1]


@given(st.text(max_size=300))
def test_what_we_never_gave_is_none(text: str) -> None:
    assert KEYS.open(text, NOW) is None
    assert KEYS.open(text * 50, NOW) is None


def test_verifier_and_nonce_are_of_one_request_and_stand_in_no_state() -> None:
    other = REQUEST.model_copy(update={"id": new_id()})
    assert KEYS.verifier(REQUEST) == KEYS.verifier(REQUEST)
    assert len({KEYS.verifier(REQUEST), KEYS.nonce(REQUEST), KEYS.verifier(other), KEYS.nonce(other)}) == 4
    assert 43 <= len(KEYS.verifier(REQUEST)) <= 128


def test_the_address_has_every_parameter_once() -> None:
    url = request_url(KEYS, REQUEST, CLIENT, "https://id.example.com/authorize?tenant=1", "https://g.example.com/back")
    asked = parse_qs(urlsplit(url).query)
    assert all(len(values) == 1 for values in asked.values())
    state = asked.pop("state")[0]
    assert KEYS.open(state, NOW) == REQUEST
    assert {name: values[0] for name, values in asked.items()} == {
        "tenant": "1",
        "response_type": "code",
        "client_id": "ailyus",
        "redirect_uri": "https://g.example.com/back",
        "scope": "a b",
        "code_challenge": KEYS.challenge(REQUEST),
        "code_challenge_method": "S256",
        "resource": "https://api.example.com",
        "access_type": "offline",
    }
