"""The policies about receipts: who reads those of a tenant, who reads their evidence, and who takes decisions.

They stand in the file `receipts.cedar` and are decided apart from actions, under a schema of their own. A set without
the file has the bundled one. Console and HTTP API ask `ReceiptPolicies`, and so does `Decider.may_approve`.

- Nobody MUST read the receipts of another tenant, whatever the policies say (invariant 9).
- An agent reads only if the agent and its person are both permitted (invariant 3).
- An error in a policy MUST NOT become a permit, and a file without policies permits nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

import cedarpy
import orjson
from cedarpy import pst

from contracts.action.request import Caller
from contracts.canonical import digest, sha256
from contracts.errors import AilyusError
from policies.cedar_json import principal
from policies.cedar_schema import cedar_schema
from policies.policy_check import check_policy
from policies.policy_file import policies_of
from policies.principal import Person
from policies.release_policy import FILE as RELEASE_FILE

Access = Literal["read_receipts", "read_evidence", "take_decisions"]
RECEIPTS: Final[Access] = "read_receipts"
EVIDENCE: Final[Access] = "read_evidence"
DECISIONS: Final[Access] = "take_decisions"
FILE: Final = "receipts.cedar"
"""The file of these policies, in the folder `policies`."""
APART: Final = frozenset((FILE, RELEASE_FILE))
"""The files whose policies are about no contract."""
READING_ROLES: Final = frozenset(("Auditor", "Analyst"))
"""The roles that the bundled policies name. The schema knows them, also where nobody declares them."""
# no name that an `@id` can have
_WALL: Final = "forbid (principal, action, resource) unless { principal.tenant == resource.tenant };"


@dataclass(frozen=True, slots=True)
class ReceiptPolicies:
    """The policies of one file, parsed and checked once."""

    nodes: Mapping[str, pst.Template]
    sources: Mapping[str, str]
    roles: frozenset[str]
    schema: cedarpy.Schema
    policies: cedarpy.PolicySet

    @classmethod
    def of(cls, text: str | None, roles: Iterable[str]) -> "ReceiptPolicies":
        """Parse and check the text of the file, or the bundled one (None); raises `AilyusError` `bad_policy`."""
        known = frozenset(roles) | READING_ROLES
        return _bundled(known) if text is None else _parsed(text, known)

    @property
    def digest(self) -> str:
        """Digest over the policies in Cedar's JSON form: a comment that changes is no other policy."""
        return digest(dict(self.sources))

    def permits(self, access: Access, person: Person, tenant: str) -> bool:
        """May this person do so with the receipts of a tenant?"""
        return self._permits(access, "Person", person.name, person.tenant, person.roles, tenant)

    def require_decider(self, person: Person) -> None:
        """Raise `no_authority` for a person who only reads, as an auditor does: they decide nothing in any role."""
        if not self.permits(DECISIONS, person, person.tenant):  # guard: who only reads decides nothing
            hint = "`policies/receipts.cedar` says who decides"
            raise AilyusError("no_authority", f"`{person.name}` may look, and decide nothing", hint=hint)

    def permits_caller(self, access: Access, caller: Caller, tenant: str) -> bool:
        """May this agent do so, for the person it acts for? Both are asked."""
        both = (("Agent", caller.agent, caller.roles), ("Person", caller.person, caller.person_roles))
        # guard: a program reads no more than its person
        return all(self._permits(access, kind, name, caller.tenant, held, tenant) for kind, name, held in both)

    def _permits(self, access: Access, kind: str, name: str, own: str, held: frozenset[str], tenant: str) -> bool:
        attributes = {"name": name}
        documents = [
            principal(kind, name, own, held & self.roles, attributes),
            {"uid": {"type": "Receipts", "id": tenant}, "attrs": {"tenant": tenant}, "parents": []},
        ]
        # INVARIANT 9: with the schema, so that what does not fit it is an error and no permit
        entities = cedarpy.Entities.from_json_str(orjson.dumps(documents).decode(), self.schema)
        query = {
            "principal": {"type": kind, "id": name},
            "action": {"type": "Action", "id": access},
            "resource": {"type": "Receipts", "id": tenant},
            "context": {},
        }
        result = cedarpy.is_authorized(query, self.policies, entities, self.schema)
        # guard: an error is no permit to read
        return result.decision is cedarpy.Decision.Allow and not result.diagnostics.errors


def _parsed(text: str, roles: frozenset[str]) -> "ReceiptPolicies":
    schema = cedar_schema(_schema(roles))
    nodes: dict[str, pst.Template] = {}
    sources: dict[str, str] = {}
    for found in policies_of(FILE, text, schema):
        if found.name in nodes:
            sentence = f"the id `{found.name}` is used twice"
            raise AilyusError("bad_policy", sentence, field=str(found.position))
        check_policy(found.name, found.node, str(found.position), roles, {})
        nodes[found.name], sources[found.name] = found.node, sha256(found.source)
    (wall,) = cedarpy.policies_to_pst(_WALL).static_policies.values()
    # INVARIANT 9: what an admin writes lifts no forbid of another policy
    own = {**nodes, "": replace(wall, id="")}  # guard: receipts of one tenant
    policies = cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=own, template_links=()))
    return ReceiptPolicies(nodes, sources, roles, schema, policies)


@lru_cache(maxsize=4)
def _bundled(roles: frozenset[str]) -> ReceiptPolicies:
    return _parsed(files("policies").joinpath("library", FILE).read_text(encoding="utf-8"), roles)


def _schema(roles: Iterable[str]) -> str:
    actions = ", ".join(f'"{name}"' for name in (RECEIPTS, EVIDENCE, DECISIONS))
    return "\n".join(
        (
            f"entity Role enum {orjson.dumps(sorted(roles)).decode()};",
            "entity Agent in [Role] { tenant: String, name: String };",
            "entity Person in [Role] { tenant: String, name: String };",
            "entity Receipts { tenant: String };",
            f"action {actions} appliesTo {{ principal: [Agent, Person], resource: [Receipts], context: {{}} }};",
        )
    )
