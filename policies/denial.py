"""The reason of a denial, as a sentence for people: what forbids it, or which permit or role is missing."""

from collections.abc import Sequence

from cedarpy import pst

from contracts.action.request import Caller
from policies.decision import DecisionRecord
from policies.policy_slice import Slice


def reason_of(sliced: Slice, contract: str, caller: Caller, record: DecisionRecord, denied: Sequence[str]) -> str:
    """What forbids it, or which permit or role is missing, as a sentence for people."""
    reasons = []
    for who in denied:
        name, roles = (caller.agent, caller.roles) if who == "agent" else (caller.person, caller.person_roles)
        policies = record.policies.get(who, ())
        reasons.append(_missing(sliced, contract, f"the {who} `{name}`", roles, policies))
    if record.errors:
        reasons.append(f"{len(record.errors)} policies could not be evaluated")
    return "; ".join(reasons) or "not permitted"


def permits(sliced: Slice, ids: Sequence[str]) -> bool:
    """Are these the policies of a permit, and not of a forbid or of nothing?"""
    return bool(ids) and all(sliced.nodes[name].effect == "permit" for name in ids)


def _missing(sliced: Slice, contract: str, whom: str, roles: frozenset[str], policies: Sequence[str]) -> str:
    """Why one principal is not permitted: the policies that forbid it, else what its permits ask for."""
    # a forbid wins over every permit, so no permit needs to be named beside it
    forbids = [f"`{name}`" for name in policies if sliced.nodes[name].effect == "forbid"]
    if forbids:
        return f"{', '.join(forbids)} forbids it to {whom}"
    permits = sorted(name for name, node in sliced.nodes.items() if node.effect == "permit")
    if not permits:
        return f"no policy permits `{contract}` to anybody"
    wanted = sorted({role for name in permits for role in _roles_of(sliced.nodes[name].principal)})
    named = ", ".join(f"`{name}`" for name in permits)
    # the sentence is for receipts and people: an agent would learn the policies from it
    if wanted and not roles & set(wanted):
        held = ", ".join(sorted(roles)) or "no role"
        return f"{whom} holds {held}, and {named} permits `{contract}` to {', '.join(wanted)} only"
    return f"no permit of `{contract}` applies to {whom} here ({named})"


def _roles_of(principal: pst.PrincipalOrResourceConstraint) -> tuple[str, ...]:
    """The role that a policy's scope names."""
    if not isinstance(principal, pst.ScopeIn | pst.ScopeIsIn) or not isinstance(principal.entity, pst.EntityUid):
        return ()
    return (principal.entity.id,) if str(principal.entity.type) == "Role" else ()
