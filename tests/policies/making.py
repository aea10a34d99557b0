"""Small bundles for tests: two contracts, two roles, and whatever policies a test writes."""

from typing import Any

import cedarpy
from cedarpy import pst

from contracts.action.request import ActionRequest, Caller
from contracts.compiler.catalog import load_catalog
from contracts.compiler.program import Program
from policies.bundle import Bundle, load_bundle
from policies.decider import Decider
from policies.decision import Decision, DecisionContext, ResourceFacts
from tests.world import ROOT

PROGRAMS: dict[str, Program] = dict(load_catalog(ROOT / "contracts" / "library").programs)
ROLES = ("Support", "SecurityLead", "Director")
PERMIT = '@id("permit-all") permit (principal, action, resource);'
CALLER = Caller("bot", "acme", "ann", "ann", frozenset({"Support"}), frozenset({"Support"}))


def bundle(*policies: str) -> Bundle:
    return load_bundle({"test.cedar": "\n".join(policies)}, PROGRAMS, ROLES, ("prod", "staging"))


def clauses(conditions: str) -> pst.Template:
    """A policy with these conditions."""
    text = f"permit (principal, action, resource) {conditions};"
    (found,) = cedarpy.policies_to_pst(text).static_policies.values()
    return found


def condition(text: str) -> pst.Expr:
    """The expression of one condition."""
    (clause,) = clauses(f"when {{ {text} }}").clauses
    return clause.expr


def request(contract: str = "reset_user_mfa", **params: Any) -> ActionRequest:
    program = PROGRAMS[contract]
    fill = {n: "text" for n, f in program.contract.inputs.items() if f.type == "string" and not f.optional}
    return ActionRequest(
        contract, 1, program.digest, program.contract.kind, program.contract.risk, "acme", "bot", "ann", "ann", "okta", "t",
        {**fill, **params}, None, None,
    )  # fmt: skip


def facts(contract: str = "reset_user_mfa", **changes: Any) -> ResourceFacts:
    program = PROGRAMS[contract]
    fields: dict[str, Any] = {
        "resource_type": program.resource_type,
        "resource_id": "r",
        "label": None,
        "attributes": {a.name: False for a in program.attributes},
        "asked": {"verified": True, "requesterIsSubject": True} if program.asked else None,
        "tenant": "acme",
        "environment": "prod",
        "origin_trusted": False,
    }
    return ResourceFacts(**{**fields, **changes})


def decide(made: Bundle, contract: str = "reset_user_mfa", caller: Caller = CALLER, **more: Any) -> Decision:
    decider = Decider(made, PROGRAMS)
    known = more.pop("facts", None) or facts(contract)
    return decider.decide(request(contract), caller, known, DecisionContext(1_767_000_000_000), **more)
