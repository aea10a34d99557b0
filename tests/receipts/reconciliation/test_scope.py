"""The names by which expressions read two looks and an answer, with digests where a secret passes."""

from dataclasses import replace

from contracts.action.observation import Execution, Observation, Reading, Response
from contracts.compiler.catalog import load_catalog
from contracts.hiding import Hiding
from receipts.reconciliation.scope import hide_compared, scope_of
from tests.world import ROOT

PROGRAM = load_catalog(ROOT / "contracts" / "library").programs["unlock_user"]
HIDING = Hiding(b"k" * 32)
BASE = {"inputs.user_id": "00u1"}


def look(status: str) -> Observation:
    value = {"status": status, "profile": {"email": "ann@acme.test"}}
    return Observation({"user": Reading("user", 200, value, b"", 1)}, 1, "separate_credential")


def test_both_looks_and_the_answer_have_names_of_their_own() -> None:
    sent = Execution(0, 1, "answered", 1, 2, "POST", "u", "d", Response(204, {"etag": "1"}, None, b""))
    scope = scope_of(PROGRAM, BASE, look("LOCKED_OUT"), look("ACTIVE"), sent)
    assert scope == {
        **BASE,
        "before.user": {"status": "LOCKED_OUT", "profile": {"email": "ann@acme.test"}},
        "after.user": {"status": "ACTIVE", "profile": {"email": "ann@acme.test"}},
        "response.status": 204,
        "response.headers": {"etag": "1"},
        "response.body": None,
    }


def test_without_an_answer_there_is_no_response_to_read() -> None:
    unanswered = Execution(0, 1, "in_doubt", 1, 2, "POST", "u", "d", None)
    for execution in (unanswered, None):
        scope = scope_of(PROGRAM, BASE, look("LOCKED_OUT"), look("ACTIVE"), execution)
        assert not any(name.startswith("response.") for name in scope)


def test_what_is_compared_with_itself_is_hidden_on_both_sides_and_nothing_else() -> None:
    program = replace(PROGRAM, compared=frozenset({"user.profile.email"}))
    kept = replace(look("LOCKED_OUT"), hiding=HIDING)
    before, after = kept, look("ACTIVE")
    scope = scope_of(program, BASE, before, after, None)
    hidden = HIDING.all("ann@acme.test")
    assert scope["before.user"] == {"status": "LOCKED_OUT", "profile": {"email": hidden}}
    assert scope["after.user"] == {"status": "ACTIVE", "profile": {"email": hidden}}
    assert after.readings["user"].value == {"status": "ACTIVE", "profile": {"email": "ann@acme.test"}}


def test_nothing_is_hidden_where_no_secret_passed_or_nothing_is_there() -> None:
    scope: dict[str, object] = {"before.user": {"a": {"b": "x"}}, "after.user": {"a": "y"}}
    hide_compared(scope, ["user.a.b"], None)
    assert scope["before.user"] == {"a": {"b": "x"}}
    hide_compared(scope, ["user.a.b", "user.c", "other.d"], HIDING)
    assert scope == {"before.user": {"a": {"b": HIDING.all("x")}}, "after.user": {"a": "y"}}
