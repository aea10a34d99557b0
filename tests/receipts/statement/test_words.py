"""The newest word about a key counts, and what it does not repeat stays as it was said before."""

from pydantic import JsonValue

from receipts.statement.words import Words


def said(kind: str, status: str = "", **about: JsonValue) -> dict[str, JsonValue]:
    return {"kind": kind, "status": status, "tenant": "acme", "atMs": 1, "approval": "apr_1", "about": about}


def test_a_revocation_keeps_what_the_link_said() -> None:
    words = Words()
    words.learn(0, said("key", event="linked", keyid="k1", public="00"))
    words.learn(1, said("key", event="revoked", keyid="k1"))
    assert (words.keys["k1"].event, words.keys["k1"].text("public"), words.keys["k1"].leaf) == ("revoked", "00", 1)


def test_a_token_is_as_old_as_its_registration() -> None:
    words = Words()
    words.learn(0, said("agent", event="added", agent="bot"))
    words.learn(1, said("agent", event="promoted", agent="bot") | {"atMs": 2})
    assert words.tokens == {"bot": 1}
    words.learn(2, said("agent", event="added", agent="bot") | {"atMs": 3})
    assert words.tokens == {"bot": 3}


def test_an_approval_that_was_taken_back_stays_so() -> None:
    words = Words()
    words.learn(0, said("decision", "withdrawn"))
    words.learn(1, said("decision", "approved"))
    assert words.withdrawn == {"apr_1"}


def test_what_controls_nothing_says_nothing() -> None:
    words = Words()
    words.learn(0, said("outcome", "confirmed", keyid="k1"))
    assert words.keys == words.agents == words.roles == {}
