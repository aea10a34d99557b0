"""The slice of a bundle: the policies that can say anything about one action, parsed once."""

from collections.abc import Mapping
from dataclasses import dataclass

import cedarpy
from cedarpy import pst

from contracts.canonical import digest
from contracts.compiler.program import Program
from policies.approval_requirement import literals, vectors_of
from policies.cedar_expression import context_keys, param_keys
from policies.schema import CONTEXT, RESERVED_ROLE, membership


@dataclass(frozen=True, slots=True)
class Slice:
    """The policies that can say anything about one action, parsed once, with their stable ids.

    `guards` are the ids of the forbids that approvals can lift; whether one of them asks is decided per request.
    `reads` are the keys of the context that they read, `params` the parameters (`*`: all of them).
    """

    policies: cedarpy.PolicySet
    nodes: Mapping[str, pst.Template]
    digest: str
    guards: frozenset[str]
    vectors: tuple[tuple[tuple[str, int], ...], ...]
    reads: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()


def matches(constraint: pst.ActionConstraint, member_of: frozenset[str]) -> bool:
    """Does a policy's action scope cover an action that is in these groups (itself included)?"""
    if isinstance(constraint, pst.ActionEq):
        return constraint.entity.id in member_of
    if isinstance(constraint, pst.ActionIn):
        return any(entity.id in member_of for entity in constraint.entities)
    return True


def slice_of(
    action: str,
    nodes: Mapping[str, pst.Template],
    sources: Mapping[str, str],
    member_of: frozenset[str],
    roles: frozenset[str],
) -> Slice:
    """The slice of an action that is a member of these groups; `sources` are the digests of the policies."""
    own = {n: node for n, node in nodes.items() if matches(node.action, member_of)}
    needs: dict[str, int] = {}
    guards: set[str] = set()
    for name, node in own.items():
        for clause in node.clauses:
            for role, count in literals(clause.expr, roles):
                # a guard is a forbid: a permit that reads approvals holds nothing back
                if node.effect == "forbid":
                    guards.add(name)
                if role != RESERVED_ROLE:
                    needs[role] = max(needs.get(role, 0), count)
    # parsed once here: 1,000 policies as text cost 48 to 70 ms in every call
    policies = cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=own, template_links=()))
    bodies = [clause.expr for node in own.values() for clause in node.clauses]
    reads = frozenset(key for body in bodies for key in context_keys(body))
    reads = CONTEXT if "*" in reads else reads
    params = frozenset(key for body in bodies for key in param_keys(body))
    digested = digest({n: sources[n] for n in own})
    return Slice(policies, own, digested, frozenset(guards), vectors_of(action, needs), reads, params)


def slices_of(
    nodes: Mapping[str, pst.Template],
    sources: Mapping[str, str],
    groups: Mapping[str, frozenset[str]],
    roles: frozenset[str],
) -> dict[str, Slice]:
    """The slice of each action; actions that the very same policies cover share one, which is parsed once."""
    made: dict[tuple[str, ...], Slice] = {}
    slices: dict[str, Slice] = {}
    for action, member_of in groups.items():
        names = tuple(name for name, node in nodes.items() if matches(node.action, member_of))
        if names not in made:
            made[names] = slice_of(action, {name: nodes[name] for name in names}, sources, member_of, roles)
        slices[action] = made[names]
    return slices


def groups_of(programs: Mapping[str, Program]) -> dict[str, frozenset[str]]:
    """The groups of each action, itself included; an approval of it is an action of its own."""
    members: dict[str, frozenset[str]] = {}
    for program in programs.values():
        members[program.name] = membership(program) | {program.name}
        members[f"approve:{program.name}"] = frozenset({f"approve:{program.name}", "approve"})
    return members
