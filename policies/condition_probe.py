"""The probes of a policy's conditions: Cedar tells which policies hold and not why, so it is asked about their parts.

A probe is a permit with a policy's scope and a beginning of its conditions. Whatever it says, it decides nothing: a
bundle of probes stands in no release.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import cedarpy
from cedarpy import pst

from contracts.compiler.program import Program
from policies.bundle import Bundle
from policies.policy_position import Position, policy_texts
from policies.policy_slice import Slice, groups_of, slice_of
from policies.policy_syntax import Clause, PolicySyntax, Span
from policies.receipt_policy import APART


@dataclass(frozen=True, slots=True)
class ProbedCondition:
    """A condition with the probe that says whether Cedar comes to it, and the one that says whether it holds then."""

    policy: str
    position: Position
    text: str
    reached: str
    holds: str
    is_unless: bool


@dataclass(frozen=True, slots=True)
class ConditionProbes:
    """The probes of one policy by their ids: the whole of it has its own id, its scope alone that of `scope`."""

    policy: str
    conditions: tuple[ProbedCondition, ...]
    probes: Mapping[str, pst.Template]
    scope: str

    @classmethod
    def of(cls, syntax: PolicySyntax) -> "ConditionProbes":
        """The probes of a policy as it is written."""
        name, source = syntax.policy.id, syntax.policy.source
        # a comment in it ends with its line
        scope = "\n,".join(source[span.start : span.end] for span in syntax.scope)
        texts: dict[str, str] = {}
        found: list[ProbedCondition] = []
        before = ""
        for number, clause in enumerate(syntax.clauses):
            reached = f"{name}#{number}"
            texts[reached] = before
            for at, (span, held) in enumerate(_beginnings(syntax, clause)):
                holds = f"{name}#{number}.{at}"
                texts[holds] = before + held
                place, text = syntax.position(span), syntax.text(span)
                found.append(ProbedCondition(name, place, text, reached, holds, clause.is_unless))
                reached = holds
            before += f" {source[clause.whole.start : clause.whole.end]}\n"
        texts[name] = before
        probes = {probe: _permit(probe, scope, conditions) for probe, conditions in texts.items()}
        return cls(name, tuple(found), probes, f"{name}#0" if found else name)


def written_policies(bundle: Bundle) -> Iterator[PolicySyntax]:
    """Each policy about actions as it is written, in the order of the files."""
    for file, text in sorted(bundle.policy_texts.items()):
        for written in policy_texts(file, text) if file not in APART else ():
            yield PolicySyntax.of(written)


def probing(bundle: Bundle, programs: Mapping[str, Program], probes: Iterable[ConditionProbes]) -> Bundle:
    """The bundle with probes in the place of its policies; one without probes is left out."""
    by_policy = {one.policy: one.probes for one in probes}
    groups = groups_of(programs)
    slices: dict[str, Slice] = {}
    for action, old in bundle.slices.items():
        own = {probe: node for name in old.nodes for probe, node in by_policy.get(name, {}).items()}
        made = slice_of(action, own, dict.fromkeys(own, ""), groups[action], bundle.roles)
        # whether a request is guarded hangs on the same policies, and no approvals are asked for
        slices[action] = replace(made, guards=old.guards, vectors=())
    return replace(bundle, slices=slices)


def _beginnings(syntax: PolicySyntax, clause: Clause) -> Iterator[tuple[Span, str]]:
    """Each condition of a clause, with the `when` that it and all before it in the clause hold."""
    held = ""
    for span in clause.conjuncts:
        held += f" when {{ {syntax.policy.source[span.start : span.end]}\n}}"
        yield span, held


def _permit(name: str, scope: str, conditions: str) -> pst.Template:
    (found,) = cedarpy.policies_to_pst(f"permit ({scope}\n) {conditions};").static_policies.values()
    return replace(found, id=name)
