"""Edits of the bundled policies: forty that permit more, and rewrites that change nothing."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import cedarpy
from cedarpy import pst

from policies.bundle import Bundle
from policies.decider import Decider
from policies.policy_slice import groups_of, slice_of
from policies.proof.prover import Prover, Verdict
from policies.proof.ruleset import Ruleset
from policies.receipt_policy import APART
from policies.schema import CONTEXT
from tests.policies.library import LIBRARY, shipped
from tests.policies.making import PROGRAMS

Edit = tuple[str, str, str]
"""The `@id`, a part of the policy's text, and what stands there afterwards; the whole text is removed by `""`."""
_SUPPORT, _OPERATIONS = 'principal in Role::"Support"', 'principal in Role::"Operations"'
_SAME = "principal.tenant == resource.tenant"
WIDER: tuple[Edit, ...] = (
    ("tenant-wall", "", ""),
    ("tenant-wall", _SAME, f'{_SAME} || resource.environment == Environment::"staging"'),
    ("tenant-wall", "action, resource", 'action in Action::"write", resource'),
    ("tenant-wall", _SAME, f'{_SAME} || principal.tenant like "ac*"'),
    ("high-risk-needs-a-guard", "", ""),
    ("high-risk-needs-a-guard", "_high", "_critical"),
    ("high-risk-needs-a-guard", "context.guarded", 'context.guarded || resource.environment == Environment::"staging"'),
    ("high-risk-needs-a-guard", "context.guarded", 'context.guarded || principal in Role::"SecurityLead"'),
    ("no-writes-in-a-change-freeze", "", ""),
    ("no-writes-in-a-change-freeze", '"prod"', '"staging"'),
    ("no-writes-in-a-change-freeze", "when {", "when { !context.origin.trusted &&"),
    ("no-writes-in-a-change-freeze", '"write"', '"read"'),
    ("open-incident-needs-a-person", "", ""),
    (
        "open-incident-needs-a-person",
        "context.resourceOpenIncident",
        "context.resourceOpenIncident && context.repeat < 3",
    ),
    ("open-incident-needs-a-person", "is Agent", 'is Agent in Role::"Support"'),
    ("prod-high-needs-lead", "", ""),
    ("prod-high-needs-lead", "900", "9000"),
    ("prod-high-needs-lead", " && context.approvals.oldestSeconds <= 900", ""),
    ("prod-high-needs-lead", "approvals.SecurityLead", "approvals.Operations"),
    ("prod-high-needs-lead", "when {", "when { context.plan.size == 0 &&"),
    ("vip-needs-two-leads", "", ""),
    ("vip-needs-two-leads", "2", "1"),
    ("many-exports-need-a-lead", "", ""),
    ("many-exports-need-a-lead", "20", "21"),
    ("many-exports-need-a-lead", "approvals.SecurityLead", "approvals.Support"),
    ("large-plans-need-a-lead", "", ""),
    ("large-plans-need-a-lead", "> 20", "> 20 && context.plan.wave > 1"),
    ("mfa-reset-is-for-the-requester", "", ""),
    ("mfa-reset-is-for-the-requester", " && context.request.requesterIsSubject", ""),
    ("mfa-reset-is-for-the-requester", "context.request.verified && ", ""),
    ("mfa-reset-is-for-the-requester", "verified && ", "verified || "),
    ("privileged-groups-need-lead", "", ""),
    ("privileged-groups-need-lead", "&& resource.privileged", "&& !resource.privileged"),
    ("support-may-read", _SUPPORT, "principal"),
    ("support-may-help-accounts", "permit (" + _SUPPORT, "permit (principal"),
    ("support-may-work-on-tickets", '"tag_tickets"', '"write"'),
    ("operations-may-rotate-keys", _OPERATIONS, _SUPPORT),
    ("operations-may-handle-incidents", _OPERATIONS, "principal"),
    ("support-may-use-slack", 'action in Action::"tag_chat"', "action"),
    ("leads-may-approve", 'when { context.role == Role::"SecurityLead" }', ""),
    ("leads-may-approve", 'context.role == Role::"SecurityLead"', 'context.role == Role::"Operations"'),
    ("leads-may-approve-exports", 'when { context.role == Role::"SecurityLead" }', ""),
)
_POLICY = re.compile(r'^@id\("([^"]+)"\).*?;$', re.DOTALL | re.MULTILINE)


def texts() -> dict[str, str]:
    """Each bundled policy about actions, as it is written."""
    files = (path.read_text() for path in sorted(LIBRARY.glob("*.cedar")) if path.name not in APART)
    return {found[1]: found[0] for text in files for found in _POLICY.finditer(text)}


def wider(made: Bundle, edit: Edit) -> Bundle:
    """The bundle with one edit that permits more."""
    name, old, new = edit
    text = texts()[name]
    assert old in text, edit
    policies = cedarpy.policies_to_pst(text.replace(old, new, 1) if old else "").static_policies.values()
    found = next(iter(policies), None)
    return edited(made, {name: None if found is None else replace(found, id=name)})


def edited(made: Bundle, changes: Mapping[str, pst.Template | None]) -> Bundle:
    """The bundle with other policies by their ids, of which None is none, sliced anew."""
    before = {name: policy for sliced in made.slices.values() for name, policy in sliced.nodes.items()}
    after = {name: policy for name, policy in (before | changes).items() if policy is not None}
    sources = {name: str(hash(policy)) for name, policy in after.items()}
    groups = groups_of(PROGRAMS)
    slices = {}
    for action, old in made.slices.items():
        found = slice_of(action, after, sources, groups[action], made.roles)
        # untouched ones stay the very same, as they do when a file is edited
        slices[action] = old if found.nodes == old.nodes else replace(found, reads=CONTEXT)
    return replace(made, slices=slices, narrow=made.schema)


def rewrites(policies: Mapping[str, pst.Template]) -> Iterator[tuple[str, Mapping[str, pst.Template | None]]]:
    """Every rewrite of each policy that changes nothing: its name, and the policies in the place of the old one."""
    for name, policy in sorted(policies.items()):
        for what, rewrite in _REWRITES.items():
            clauses = tuple(rewrite(clause) for clause in policy.clauses)
            if clauses != policy.clauses:
                yield f"{name}: {what}", {name: replace(policy, clauses=clauses)}
        if isinstance(policy.principal, pst.ScopeAny):
            agent, person = (replace(policy, principal=pst.ScopeIs(pst.EntityType(k))) for k in ("Agent", "Person"))
            yield f"{name}: in two", {name: agent, f"{name}-b": replace(person, id=f"{name}-b")}
        elif isinstance(policy.principal, pst.ScopeIn) and isinstance(policy.principal.entity, pst.EntityUid):
            inside = pst.When(pst.BinaryOp("in", pst.Var("principal"), pst.EntityLit(policy.principal.entity)))
            moved = replace(policy, principal=pst.ScopeAny(), clauses=(inside, *policy.clauses))
            yield f"{name}: the role in a condition", {name: moved}


def _unless(clause: pst.Clause) -> pst.Clause:
    kind = pst.Unless if isinstance(clause, pst.When) else pst.When
    return kind(pst.UnaryOp("not", clause.expr))


def _chosen(clause: pst.Clause) -> pst.Clause:
    return replace(clause, expr=pst.IfThenElse(clause.expr, pst.BoolLit(True), pst.BoolLit(False)))


def _compared(clause: pst.Clause) -> pst.Clause:
    return replace(clause, expr=_turned(clause.expr))


def _turned(expr: pst.Expr) -> pst.Expr:
    match expr:
        case pst.BinaryOp(op="greater_eq", right=pst.LongLit(value=number)):
            return pst.BinaryOp("greater", expr.left, pst.LongLit(number - 1))
        case pst.BinaryOp(op="less_eq"):
            return pst.UnaryOp("not", pst.BinaryOp("greater", expr.left, expr.right))
        case pst.BinaryOp(op="eq"):
            return pst.BinaryOp("eq", expr.right, expr.left)
        case pst.BinaryOp(op="and"):
            return pst.BinaryOp("and", _turned(expr.left), _turned(expr.right))
        case _:
            return expr


_REWRITES: Mapping[str, Callable[[pst.Clause], pst.Clause]] = {
    "when for unless": _unless,
    "if for a condition": _chosen,
    "comparisons turned": _compared,
}


def asked(made: Bundle, live: Ruleset) -> Verdict:
    """What the prover says of an edited bundle."""
    return Prover(Ruleset(Decider(made, PROGRAMS), live.programs), 120_000).no_new_access(live)


def policies_of(made: Bundle) -> dict[str, pst.Template]:
    """Every policy of a bundle, by its id."""
    return {name: policy for sliced in made.slices.values() for name, policy in sliced.nodes.items()}


def ask_all() -> bool:
    """Ask about every edit over every contract of the library, and print what is not as it must be. Is all so?"""
    made = shipped()
    live = Ruleset(Decider(made, PROGRAMS), PROGRAMS)
    missed = 0
    for edit in WIDER:
        found = asked(wider(made, edit), live)
        if found.outcome != "refuted":
            missed += 1
            print("MISSED", edit, *found.says(3), sep="\n  ")
    print(f"{len(WIDER) - missed} of {len(WIDER)} edits that permit more are found")
    counts = {"proven": 0, "unknown": 0, "refuted": 0}
    for name, changes in rewrites(policies_of(made)):
        found = asked(edited(made, changes), live)
        counts[found.outcome] += 1
        if found.outcome == "refuted":
            print("WRONG", name, *found.says(3), sep="\n  ")
    print(f"of {sum(counts.values())} rewrites that change nothing: {counts}")
    return not missed and not counts["refuted"]
