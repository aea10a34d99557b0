"""The policies about receipts: what the bundled ones say, and that nothing in them becomes a permit by mistake."""

from dataclasses import replace

import pytest

from contracts.action.request import Caller
from contracts.errors import AilyusError
from policies.bundle import load_bundle
from policies.decider import Decider
from policies.decision import DecisionContext
from policies.principal import Person
from policies.receipt_policy import DECISIONS, EVIDENCE, FILE, RECEIPTS, ReceiptPolicies
from tests.policies.library import LIBRARY
from tests.policies.making import CALLER, PROGRAMS, facts, request

ACCESS = (RECEIPTS, EVIDENCE, DECISIONS)
BUNDLED = ReceiptPolicies.of(None, ("Support",))
PERSON = Person("ann", "local", "ann", "acme", frozenset())
EVERYTHING = '@id("all") permit (principal, action, resource);'


def person(*roles: str) -> Person:
    return replace(PERSON, roles=frozenset(roles))


def program(agent: tuple[str, ...], person: tuple[str, ...] = ()) -> Caller:
    return Caller("siem", "acme", "ann", "ann", frozenset(agent), frozenset(person))


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ((), (True, True, True)),
        (("Support",), (True, True, True)),
        (("Auditor",), (True, True, False)),
        (("Analyst",), (True, False, False)),
        (("Auditor", "Analyst"), (True, False, False)),
        # a role that nobody declared is none
        (("Root",), (True, True, True)),
    ],
)
def test_the_bundled_policies_about_people(roles: tuple[str, ...], expected: tuple[bool, ...]) -> None:
    assert tuple(BUNDLED.permits(access, person(*roles), "acme") for access in ACCESS) == expected


@pytest.mark.parametrize(
    ("agent", "whose", "expected"),
    [
        ((), (), (False, False, False)),
        (("Support",), ("Auditor",), (False, False, False)),
        (("Auditor",), (), (True, True, False)),
        (("Analyst",), (), (True, False, False)),
        # no more than its person
        (("Auditor",), ("Analyst",), (True, False, False)),
    ],
)
def test_the_bundled_policies_about_programs(
    agent: tuple[str, ...], whose: tuple[str, ...], expected: tuple[bool, ...]
) -> None:
    assert tuple(BUNDLED.permits_caller(access, program(agent, whose), "acme") for access in ACCESS) == expected


def test_nobody_reads_another_tenants() -> None:
    wide = ReceiptPolicies.of(EVERYTHING, ())
    for policies in (BUNDLED, wide):
        assert policies.permits(RECEIPTS, PERSON, "acme")
        assert not any(policies.permits(access, PERSON, "globex") for access in ACCESS)
        assert not any(policies.permits_caller(access, program(("Auditor",)), "globex") for access in ACCESS)


def test_an_empty_file_permits_nothing_and_an_error_is_no_permit() -> None:
    errs = ReceiptPolicies.of(
        EVERYTHING + '@id("errs") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };', ()
    )
    for policies in (ReceiptPolicies.of("", ()), errs):
        assert not any(policies.permits(access, PERSON, "acme") for access in ACCESS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (EVERYTHING * 2, "is used twice"),
        ('@id("x") permit (principal, action == Action::"release", resource);', "release"),
        ('@id("x") permit (principal in Role::"Nobody", action, resource);', "Nobody"),
    ],
)
def test_a_file_that_says_nothing_sound(text: str, says: str) -> None:
    with pytest.raises(AilyusError, match=says) as raised:
        ReceiptPolicies.of(text, ())
    assert str(raised.value.field).startswith(FILE)


def test_who_only_reads_approves_nothing() -> None:
    texts = {p.name: p.read_text() for p in LIBRARY.glob("*.cedar")}
    roles = ("Support", "Operations", "SecurityLead", "Auditor")
    without = {name: text for name, text in texts.items() if name != FILE}
    for policies in (texts, without):
        bundle = load_bundle(policies, PROGRAMS, roles, ("prod", "staging"))
        decider, context = Decider(bundle, PROGRAMS), DecisionContext(1)

        def may(*held: str, decider: Decider = decider, context: DecisionContext = context) -> bool:
            lead = Caller("", "acme", "lead", "lead", frozenset(), frozenset(held))
            return decider.may_approve(request(), CALLER, facts(), context, lead, "SecurityLead") is not None

        assert may("SecurityLead")
        assert not may("SecurityLead", "Auditor")
    # what is there by itself changes no digest; what an admin writes does
    written = [load_bundle(each, PROGRAMS, roles, ("prod", "staging")).digest for each in (texts, without)]
    assert len(set(written)) == 2
