"""The content of a release in parts that can be compared: contracts, policies by their `@id`, connections, people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import cedarpy
import orjson
from pydantic import JsonValue

from contracts.errors import AilyusError
from contracts.schema.contract import RISKS
from policies.policy_position import policy_texts

Noun = Literal["contract", "plan", "system", "flow", "policy", "tests", "connection", "person", "setting"]
"""What a part is. `tests` is a file of policy tests; a setting is one of roles, environments, releasers and freeze."""
Facts = Mapping[str, JsonValue]
"""What one part says, field by field."""
_NOTHING: Mapping[str, Facts] = {}
_NOBODY: frozenset[str] = frozenset()
_SERVES: Mapping[Noun, str] = {"connection": "kind", "system": "system", "flow": "target"}
"""The field by which a part says of which target its contracts are."""


@dataclass(frozen=True, slots=True)
class ReleaseContent:
    """Everything that a release says: its parts by noun and name.

    `reach` are the contracts that each policy can say anything about. A noun that is not in `parts` is not known: an
    earlier version of ailyus logged nothing of people and little of connections.
    """

    parts: Mapping[Noun, Mapping[str, Facts]] = field(default_factory=dict)
    reach: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def risk_of(self, noun: Noun, name: str) -> str:
        """The highest risk of the contracts that a part is about; empty where there are none."""
        contracts = self.parts.get("contract", _NOTHING)
        about: Iterable[str] = ()
        if noun == "contract":
            about = (name,)
        elif noun == "policy":
            about = self.reach.get(name, ())
        elif noun in _SERVES and name in self.parts.get(noun, _NOTHING):
            kind = self.parts[noun][name].get(_SERVES[noun])
            about = [c for c, facts in contracts.items() if facts.get("target") == kind]
        found = {str(contracts[c].get("risk")) for c in about if c in contracts}
        return max(found & set(RISKS), key=RISKS.index, default="")

    def of_tenant(self, tenant: str) -> "ReleaseContent":
        """What of it is about one tenant: its connections and people, their contracts, and the policies of those."""
        connections = {n: f for n, f in self.parts.get("connection", _NOTHING).items() if f.get("tenant") == tenant}
        kinds = {facts.get("kind") for facts in connections.values()}
        # INVARIANT 9: where it is not known whose a contract is, it is nobody's
        contracts = {n: f for n, f in self.parts.get("contract", _NOTHING).items() if f.get("target") in kinds}
        shared: dict[Noun, Mapping[str, Facts]] = {
            noun: {n: f for n, f in self.parts.get(noun, _NOTHING).items() if f.get(_SERVES[noun]) in kinds}
            for noun in ("system", "flow")
        }
        policies = self.parts.get("policy", _NOTHING)
        parts: dict[Noun, Mapping[str, Facts]] = {
            "contract": contracts,
            "plan": {n: f for n, f in self.parts.get("plan", _NOTHING).items() if _used_by(f) <= contracts.keys()},
            **shared,
            "policy": {n: f for n, f in policies.items() if self.reach.get(n, _NOBODY) & contracts.keys()},
            "connection": connections,
            "person": {n: f for n, f in self.parts.get("person", _NOTHING).items() if f.get("tenant") == tenant},
            "setting": self.parts.get("setting", _NOTHING),
        }
        return ReleaseContent({noun: part for noun, part in parts.items() if noun in self.parts}, self.reach)


def _used_by(plan: Facts) -> set[str]:
    """The contracts of a plan's steps, also of those inside of a list."""
    found: set[str] = set()
    steps = plan.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict):
            found |= {str(step["contract"])} if step.get("contract") else set()
            found |= _used_by(step)
    return found


def policy_facts(file: str, text: str) -> dict[str, Facts]:
    """The policies of one file by their `@id`, each in Cedar's JSON form. Raises `AilyusError`."""
    facts: dict[str, Facts] = {}
    # one by one: Cedar holds the interpreter while it reads, which took 0.1 s for 1,000 policies at once
    for number, written in enumerate(policy_texts(file, text)):
        try:
            found = orjson.loads(cedarpy.policies_to_json_str(written.source))["staticPolicies"]
        except ValueError:
            raise AilyusError("bad_policy", "the file does not parse", field=file) from None
        for one in found.values():
            facts[str(one.get("annotations", {}).get("id", f"policy{number}"))] = one
    return facts


def reach_of(slices: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """The contracts of each policy, from the policies of each contract."""
    reach: dict[str, set[str]] = {}
    for contract, policies in slices.items():
        for policy in policies:
            reach.setdefault(policy, set()).add(contract)
    return {policy: frozenset(contracts) for policy, contracts in reach.items()}
