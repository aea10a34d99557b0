"""Ids of sessions: whose they are, in the id itself; whatever is changed about one is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.action.request import Caller
from server.mcp.jsonrpc import declared_elicitation
from server.mcp.session_ids import Foreign, McpSession, SessionIds

IDS = SessionIds(b"k" * 32)
NAMES = st.text("abcdefghij-", min_size=1, max_size=12)


def caller(agent: str = "bot", person: str = "ann", tenant: str = "acme") -> Caller:
    return Caller(agent, tenant, person, person, frozenset(), frozenset())


@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.booleans(), NAMES, NAMES, NAMES)
def test_an_id_gives_back_what_it_was_made_of(inner: str, links: bool, agent: str, person: str, tenant: str) -> None:
    session = McpSession(inner, links)
    text = IDS.given(session, caller(agent, person, tenant))
    assert text.isascii()
    assert text.isprintable()
    assert IDS.read(text, caller(agent, person, tenant)) == session
    assert SessionIds(b"o" * 32).read(text, caller(agent, person, tenant)) is None


@given(st.integers(0, 130), st.characters())
def test_a_changed_id_is_none(at: int, new: str) -> None:
    text = IDS.given(McpSession("0" * 32, False), caller())
    at %= len(text)
    changed = text[:at] + new + text[at + 1 :]
    if changed != text:
        assert IDS.read(changed, caller()) is None


@pytest.mark.parametrize(
    "other", [caller("bot2"), caller(person="bob"), caller(tenant="globex"), caller("bot\nann", "")]
)
def test_an_id_is_one_principals(other: Caller) -> None:
    with pytest.raises(Foreign):
        IDS.read(IDS.given(McpSession("0" * 32, True), caller()), other)


@given(st.text(max_size=300))
def test_no_text_is_an_id_by_chance(text: str) -> None:
    assert IDS.read(text, caller()) is None


@pytest.mark.parametrize(
    ("body", "declares"),
    [
        (b'{"method": "initialize", "params": {"capabilities": {"elicitation": {"url": {}}}}}', {"url": {}}),
        (b'{"method": "initialize", "params": {"capabilities": {}}}', {}),
        (b'{"method": "initialize", "params": {"capabilities": {"elicitation": []}}}', {}),
        (b'{"method": "tools/call", "params": {"arguments": {"note": "initialize"}}}', None),
        (b'{"method": "tools/list"}', None),
        (b'["initialize"]', None),
        (b'{"method": "initialize"', None),
        (b'{"method": "initialize", "params": null}', None),
    ],
)
def test_only_a_handshake_opens_a_session(body: bytes, declares: object) -> None:
    assert declared_elicitation(body) == declares
