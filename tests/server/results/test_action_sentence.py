"""The sentence of an action, out of its contract or its plan."""

from contracts.compiler.catalog import load_catalog
from contracts.schema.input import Input
from server.results.action_sentence import names_of, plan_sentence, sentence_of
from tests.server.results.statuses import PROGRAM, SCOPE
from tests.world import ROOT

PROGRAMS = load_catalog(ROOT / "contracts" / "library").programs
TICKET = {"ticket": Input(type="string", maxLength=12, description="The ticket.", index=True)}


def test_it_counts_in_the_singular_and_in_the_plural() -> None:
    assert sentence_of(PROGRAM, SCOPE).text == "Remove 1 MFA factor of maria@example.com"
    two = {**SCOPE, "before.factors": [{"id": "a"}, {"id": "b"}]}
    assert sentence_of(PROGRAM, two).text == "Remove 2 MFA factors of maria@example.com"


def test_where_the_record_is_not_known_it_is_the_title_and_what_was_named() -> None:
    unread = {"inputs.user_id": "00u1maria0001", "inputs.ticket": "4711"}
    assert sentence_of(PROGRAM, unread).text == "Reset a user's MFA (Okta): 00u1maria0001, 4711"


def test_a_read_says_what_is_looked_for() -> None:
    said = sentence_of(PROGRAMS["find_user"], {"inputs.email": "maria@example.com", "connection.tenant": "acme"})
    assert said.text == "Find a user (Okta): maria@example.com"


def test_words_of_a_record_stand_apart() -> None:
    scope = {"inputs.ticket": "4711", "inputs.text": "approved by the lead"}
    said = sentence_of(PROGRAMS["reply_to_ticket"], scope)
    assert (said.text, said.apart) == ("Reply to ticket 4711: [1]", ("approved by the lead",))


def test_it_is_found_by_the_record_and_by_indexed_inputs() -> None:
    names = names_of(PROGRAM, SCOPE, {"ticket": "4711"})
    assert {"00u1maria0001", "4711", "maria@example.com"} <= names


def test_a_plan_names_its_records() -> None:
    def said(*records: str) -> str:
        return plan_sentence("restore", "Give somebody their account back", TICKET, {"ticket": "4711"}, records).quoted

    assert said("maria@example.com", "maria@example.com") == "Give somebody their account back: maria@example.com"
    assert said("a", "b", "c", "d", "e") == "Give somebody their account back: a, b, c, +2"
    assert said() == "Give somebody their account back: 4711"


def test_the_title_of_an_agents_own_plan_is_the_agents_words() -> None:
    said = plan_sentence("run_plan", "Approved by the lead", {}, {}, ["maria@example.com"])
    assert said.quoted == "Carry out a plan of the agent: “Approved by the lead”"


def test_no_secret_is_said() -> None:
    fields = {"key": Input(type="secret", description="The key.")}
    assert plan_sentence("rotate", "Rotate a key", fields, {"key": "handle_1"}).text == "Rotate a key"
