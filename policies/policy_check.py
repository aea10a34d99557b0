"""The check of one policy at load: what Cedar would accept, and what still would not decide as its author means."""

from collections.abc import Mapping

from cedarpy import pst

from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.approval_requirement import count_approvals, literals
from policies.cedar_expression import resource_attributes
from policies.folding import never_applies, no_approvals
from policies.policy_file import ParsedPolicy
from policies.policy_words import REVIEW
from policies.schema import RESERVED_ROLE
from policies.session_history import check_names
from policies.unsatisfiable import is_impossible

MAX_AGE = 86_400
"""Seconds of age of an approval that a policy may accept: 900000 is what somebody writes who thinks of milliseconds."""


def faults_of(found: ParsedPolicy, roles: frozenset[str], programs: Mapping[str, Program]) -> list[AilyusError]:
    """What is wrong with one policy; nothing where it is sound."""
    try:
        check_policy(found.name, found.node, str(found.position), roles, programs)
    except AilyusError as error:
        return [error]
    return []


def check_policy(
    name: str, node: pst.Template, file: str, roles: frozenset[str], programs: Mapping[str, Program]
) -> None:
    """Refuse a policy that would not decide as its author means; raises `AilyusError` `bad_policy`."""
    # INVARIANT 2: what escapes this form escapes the computed need too, as `A + B >= 2` would
    bodies = [clause.expr for clause in node.clauses]
    # guard: form of approvals
    if sum(count_approvals(b) for b in bodies) != sum(1 for b in bodies for _ in literals(b, roles)):
        hint = "compare each role with a number: `context.approvals.SecurityLead >= 1`"
        raise AilyusError("bad_policy", f"`{name}` uses approvals in another form", hint=hint, field=file)
    # trap: who may edit the attribute could lift the forbid on themselves
    editable = {a.name for p in programs.values() for a in p.attributes if a.user_editable}
    # guard: user-editable attributes
    if node.effect == "forbid" and editable & {a for b in bodies for a in resource_attributes(b)}:
        raise AilyusError("bad_policy", f"`{name}` forbids by an attribute that the target's user can edit", field=file)
    _check_guard(name, node, file, roles)
    _check_review(name, node, file, roles)
    check_names(name, node, file, programs)
    if is_impossible(node, programs):  # guard: impossible policies
        hint = "no request can ever meet its conditions; mend or remove it"
        raise AilyusError("bad_policy", f"`{name}` can never apply", hint=hint, field=file)


def _check_review(name: str, node: pst.Template, file: str, roles: frozenset[str]) -> None:
    """Refuse a review that nobody would owe or could close; raises `AilyusError` `bad_policy`."""
    role = node.annotations.get(REVIEW)
    if role is None:
        return
    if node.effect != "permit":
        hint = "write it before the permit, or ask for an approval"
        raise AilyusError(
            "bad_policy", f"`{name}` is a forbid, and what it forbids needs no review", hint=hint, field=file
        )
    if role not in roles:
        hint = f"a declared role: {', '.join(sorted(roles))}"
        raise AilyusError("bad_policy", f"`{name}` asks `{role}` for a review, which is no role", hint=hint, field=file)


def _check_guard(name: str, node: pst.Template, file: str, roles: frozenset[str]) -> None:
    asked = [(clause.expr, role, n) for clause in node.clauses for role, n in literals(clause.expr, roles)]
    # `<=` turns one above its number
    if any(role == RESERVED_ROLE and n > MAX_AGE + 1 for _, role, n in asked):
        hint = f"an age is a number of seconds, and at most {MAX_AGE} (one day)"
        raise AilyusError("bad_policy", f"`{name}` takes approvals of any age", hint=hint, field=file)
    # INVARIANT: a guard forbids while nobody has approved; one that does not asks nobody, and protects nothing
    if node.effect == "forbid" and asked and never_applies(node, no_approvals(roles)):  # guard: a guard asks somebody
        hint = "write that it is forbidden `unless { context.approvals.ROLE >= 1 }`, with 1 or more"
        raise AilyusError(
            "bad_policy", f"the guard `{name}` asks nobody: it allows what nobody has approved", hint=hint, field=file
        )
