"""The policies about a release itself: which changes need the approval of further people before they become live.

They stand in the file `release.cedar` and are decided apart from actions, under a schema of their own. Who may release
at all says `[release] roles`; these policies forbid a release until enough people have approved it, and permit nothing.

- Every policy here MUST be a forbid that approvals can lift: one that no approval lifts would end all releases.
- An error in a policy MUST NOT become a permit (invariant 9).
- The live release decides about the next one, with its own policies and its own people (invariant 8).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import cedarpy
import orjson
from cedarpy import pst

from contracts.canonical import digest, sha256
from contracts.errors import AilyusError
from policies.approval_requirement import NO_APPROVALS, ApprovalRequirement, literals, minimal, vectors_of
from policies.cedar_json import instant, principal
from policies.cedar_schema import cedar_schema
from policies.policy_check import check_policy
from policies.policy_file import policies_of
from policies.schema import RESERVED_ROLE

FILE: Final = "release.cedar"
"""The file of these policies, in the folder `policies`."""
ACTION: Final = "release"
RISK: Final[Mapping[str, int]] = {"": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}
"""What `context.risk` is for each risk; 0 is a change that no contract is concerned by."""
# who may release is decided before; Cedar denies what nothing permits
_PERMIT: Final = f'permit (principal, action == Action::"{ACTION}", resource);'


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A release that somebody wants to make live.

    `risk` is the highest of the contracts that its changes concern. `widens`: some change lets more through, or may do
    so. `rollback`: exactly this was live before. `parts` are the nouns that it changes, such as `contract` or `person`.
    """

    author: str
    tenant: str
    roles: frozenset[str]
    origin: str
    risk: str = ""
    widens: bool = False
    rollback: bool = False
    parts: frozenset[str] = frozenset()
    change_freeze: bool = False
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseDecision:
    """Permitted, or the smallest sets of approvals that would permit it; neither where an age or an error denies.

    `policies` are the ids that forbid it.
    """

    permitted: bool
    needs: tuple[ApprovalRequirement, ...]
    policies: tuple[str, ...]

    @property
    def says(self) -> str:
        """What is needed, in words."""
        ways = [", ".join(f"{count} {role}" for role, count in need) for need in self.needs]
        by = ", ".join(f"`{name}`" for name in self.policies)
        return f"{by} asks for approvals: {' or '.join(ways)}" if ways else f"{by or 'no policy'} forbids it"


@dataclass(frozen=True, slots=True)
class ReleasePolicies:
    """The policies of one file, parsed and checked once. Without any, every release is permitted."""

    nodes: Mapping[str, pst.Template]
    sources: Mapping[str, str]
    roles: frozenset[str]
    schema: cedarpy.Schema
    policies: cedarpy.PolicySet
    vectors: tuple[ApprovalRequirement, ...]

    @classmethod
    def of(cls, text: str, roles: Iterable[str]) -> "ReleasePolicies":
        """Parse and check the text of the file; raises `AilyusError` `bad_policy`."""
        roles = frozenset(roles)
        schema = cedar_schema(schema_of(roles))
        nodes: dict[str, pst.Template] = {}
        sources: dict[str, str] = {}
        for found in policies_of(FILE, text, schema):
            if found.name in nodes:
                sentence = f"the id `{found.name}` is used twice"
                raise AilyusError("bad_policy", sentence, field=str(found.position))
            _check(found.name, found.node, str(found.position), roles)
            nodes[found.name], sources[found.name] = found.node, sha256(found.source)
        (permit,) = cedarpy.policies_to_pst(_PERMIT).static_policies.values()
        # its id can be nobody's `@id`
        own = {**nodes, "": replace(permit, id="")}
        policies = cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=own, template_links=()))
        return cls(nodes, sources, roles, schema, policies, vectors_of(ACTION, _needs(nodes.values(), roles)))

    @property
    def digest(self) -> str:
        """Digest over the policies in Cedar's JSON form: a comment that changes is no other policy."""
        return digest(dict(self.sources))

    def decide(
        self, request: ReleaseRequest, approvals: Mapping[str, int] = NO_APPROVALS, oldest_seconds: int = 0
    ) -> ReleaseDecision:
        """Permitted iff Cedar permits it, without an error, with exactly these verified approvals."""
        if not self.nodes:
            return ReleaseDecision(True, (), ())
        held = {role: count for role, count in approvals.items() if role in self.roles}
        permitted, names = self._evaluate(request, held, oldest_seconds)
        if permitted:
            return ReleaseDecision(True, (), ())
        vectors = [v for v in self.vectors if any(n for _, n in v)]
        needs = minimal([v for v in vectors if self._evaluate(request, dict(v), 0)[0]])
        return ReleaseDecision(False, needs, names)

    def _evaluate(
        self, request: ReleaseRequest, approvals: Mapping[str, int], oldest: int
    ) -> tuple[bool, tuple[str, ...]]:
        roles = request.roles & self.roles
        release = {"uid": {"type": "Release", "id": request.origin}, "attrs": {}, "parents": []}
        people = [principal("Person", request.author, request.tenant, roles), release]
        # INVARIANT 9: with the schema, so that what does not fit it is an error and no permit
        entities = cedarpy.Entities.from_json_str(orjson.dumps(people).decode(), self.schema)
        query = {
            "principal": {"type": "Person", "id": request.author},
            "action": {"type": "Action", "id": ACTION},
            "resource": {"type": "Release", "id": request.origin},
            "context": {
                "approvals": {role: approvals.get(role, 0) for role in self.roles} | {RESERVED_ROLE: oldest},
                "env": {"now": instant(request.at_ms // 1000), "changeFreeze": request.change_freeze},
                "risk": RISK[request.risk],
                "widens": request.widens,
                "rollback": request.rollback,
                "parts": sorted(request.parts),
            },
        }
        result = cedarpy.is_authorized(query, self.policies, entities, self.schema)
        # guard: an error is no permit of a release
        is_permitted = result.decision is cedarpy.Decision.Allow and not result.diagnostics.errors
        return is_permitted, tuple(sorted(name for name in result.diagnostics.reasons if name))


def schema_of(roles: Iterable[str]) -> str:
    """The Cedar schema of these policies."""
    names = sorted(roles)
    return "\n".join(
        (
            f"entity Role enum {orjson.dumps(names).decode()};",
            "entity Person in [Role] { tenant: String };",
            "entity Release;",
            f"type Approvals = {{ {', '.join(f'{role}: Long' for role in [*names, RESERVED_ROLE])} }};",
            "type Env = { now: datetime, changeFreeze: Bool };",
            f'action "{ACTION}" appliesTo {{ principal: [Person], resource: [Release], context: {{'
            " approvals: Approvals, env: Env, risk: Long, widens: Bool, rollback: Bool, parts: Set<String> } };",
        )
    )


def _needs(nodes: Iterable[pst.Template], roles: frozenset[str]) -> dict[str, int]:
    needs: dict[str, int] = {}
    for node in nodes:
        for clause in node.clauses:
            for role, count in literals(clause.expr, roles):
                if role != RESERVED_ROLE:
                    needs[role] = max(needs.get(role, 0), count)
    return needs


def _check(name: str, node: pst.Template, field: str, roles: frozenset[str]) -> None:
    check_policy(name, node, field, roles, {})
    if node.effect != "forbid":
        hint = "who may release is said by `[release] roles` in ailyus.toml; write a forbid that approvals lift"
        raise AilyusError("bad_policy", f"`{name}` permits a release", hint=hint, field=field)
    # guard: a release can be approved
    if not any(role != RESERVED_ROLE for clause in node.clauses for role, _ in literals(clause.expr, roles)):
        hint = "add `unless { context.approvals.ROLE >= 1 }`"
        raise AilyusError("bad_policy", f"`{name}` forbids releases whoever approves them", hint=hint, field=field)
