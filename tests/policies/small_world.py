"""A release of three contracts and six policies: small enough to be looked at by brute force."""

from dataclasses import replace

from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from policies.budget import FILE
from policies.candidate import Candidate
from policies.principal import People
from policies.release import Release
from tests.world import ROOT

ACTIONS = ("get_user", "suspend_user", "unlock_user")
CATALOG = load_catalog(ROOT / "contracts" / "library")
SMALL = replace(CATALOG, programs={name: CATALOG.programs[name] for name in ACTIONS}, plans={})
OKTA = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
ROLES = ("Support", "SecurityLead")
SUSPEND = 'action == Action::"suspend_user"'
BASE = f"""
@id("may") permit (principal in Role::"Support", action, resource);
@id("lead-may") permit (principal in Role::"SecurityLead", action in Action::"read", resource);
@id("wall") forbid (principal, action, resource) unless {{ principal.tenant == resource.tenant }};
@id("guard") forbid (principal, {SUSPEND}, resource) when {{ resource.environment == Environment::"prod" }}
unless {{ context.approvals.SecurityLead >= 1 && context.approvals.oldestSeconds <= 900 }};
@id("limit") forbid (principal is Agent, action in Action::"write", resource) when {{ context.rate.lastHour >= 10 }};
@id("freeze") forbid (principal, action in Action::"write", resource) when {{ context.env.changeFreeze }};
"""


def release(text: str, *, target: Target = OKTA, risk: str = "", budgets: str = "") -> Release:
    catalog = SMALL
    if risk:
        program = SMALL.programs["suspend_user"]
        contract = program.contract.model_copy(update={"risk": risk})
        catalog = replace(SMALL, programs={**SMALL.programs, "suspend_user": replace(program, contract=contract)})
    texts = {"a.cedar": text} | ({FILE: budgets} if budgets else {})
    candidate = Candidate(catalog, texts, {target.name: target}, People({}), ROLES, origin="o")
    return Release.build(candidate)
