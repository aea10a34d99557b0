"""The early decision: is a call denied whatever its record holds? Cedar's partial evaluation says so, over unknowns.

`Decider` asks it before a target is touched, and again with what budgets have come to. It never permits: what depends
on a record, on approvals or on parameters is left open, and the decision on live facts follows.

- Only what Cedar denies whatever is still unknown MUST be denied.
- A budget MUST be filled in as a number only where it was counted; everything else of the context stays unknown.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import cedarpy
import orjson
from cedarpy import pst

from contracts.action.request import Caller
from policies.bundle import Bundle
from policies.cedar_expression import walk
from policies.cedar_json import quoted
from policies.cedar_request import CedarRequests
from policies.decision import DecisionRecord, Denied
from policies.denial import reason_of
from policies.folding import Known, attribute, bound_policies, facts_of, never_applies
from policies.principal import Person

NO_BUDGETS: Final[Mapping[str, int]] = MappingProxyType({})
"""Nothing was counted, so that every budget is unknown."""
_BUDGET: Final = attribute("context", "budget")


class EarlyDecisions:
    """Early decisions under the policies of one release."""

    def __init__(self, bundle: Bundle, requests: CedarRequests) -> None:
        self._bundle = bundle
        self._requests = requests
        self._readers = lru_cache(maxsize=None)(self._readers_of)

    def denied(
        self,
        contract: str,
        caller: Caller,
        person: Person | None,
        place: tuple[str, str],
        budgets: Mapping[str, int] = NO_BUDGETS,
    ) -> Denied | None:
        """The denial of a call at a place (tenant, environment), whatever its record holds; None where it is open."""
        sliced = self._bundle.slices[contract]
        known = {**facts_of(*place), **_counted(budgets)}
        if budgets and not self._may_be_full(contract, known):
            return None
        document = orjson.dumps(self._requests.principals(caller, person), option=orjson.OPT_SORT_KEYS)
        bound, entities = bound_policies(sliced.nodes, known), self._bundle.entities(document)
        requests: list[dict[str, object]] = [
            {"principal": f"{kind}::{quoted(name)}", "action": f"Action::{quoted(contract)}"}
            for kind, name in (("Agent", caller.agent), ("Person", caller.person))
        ]
        # without a context: what is given in part would make the rest of it absent, and not unknown
        results = [cedarpy.is_authorized_partial(request, bound, entities) for request in requests]
        denied = [r.decision is cedarpy.Decision.Deny or bool(r.diagnostics.errors) for r in results]
        if not any(denied):
            return None
        if budgets:
            requests = [{**request, "context": {"budget": dict(budgets)}} for request in requests]
        # INVARIANT 3: both must be permitted, so each has its own reasons
        who = ("agent", "person")
        record = DecisionRecord(
            policies={n: tuple(sorted(r.diagnostics.reasons)) for n, r in zip(who, results, strict=True)},
            errors=tuple(e for r in results for e in r.diagnostics.errors),
            slice_digest=sliced.digest,
            schema_digest=self._bundle.schema_digest,
            entities=document,
            requests=orjson.dumps(requests, option=orjson.OPT_SORT_KEYS),
            partial=True,  # guard: the question of an early denial
        )
        refused = [name for name, no in zip(who, denied, strict=True) if no]
        return Denied(reason_of(sliced, contract, caller, record, refused), record)

    def budgets_of(self, contract: str, denied: Denied) -> frozenset[str]:
        """The budgets that the deciding policies read; where none decided, those that any policy of the call reads."""
        readers = self._readers(contract)
        ids = denied.record.policies.values() if denied.record else ()
        deciding = {name for some in ids for name in some} & readers.keys()
        return frozenset(budget for name in deciding or readers for budget in readers[name])

    def _may_be_full(self, contract: str, known: Known) -> bool:
        """May a budget deny it? Cheap, since most calls are within their budgets: Cedar is asked about the others."""
        nodes = self._bundle.slices[contract].nodes
        # a forbid that may apply, or a permit that cannot
        return any(
            never_applies(nodes[name], known) is (nodes[name].effect == "permit") for name in self._readers(contract)
        )

    def _readers_of(self, contract: str) -> Mapping[str, frozenset[str]]:
        """The policies of a contract that read budgets, and which."""
        found = {name: _budgets_in(node) for name, node in self._bundle.slices[contract].nodes.items()}
        return {name: budgets for name, budgets in found.items() if budgets}


def _counted(budgets: Mapping[str, int]) -> Known:
    return {pst.GetAttr(_BUDGET, name): pst.LongLit(count) for name, count in budgets.items()}


def _budgets_in(policy: pst.Template) -> frozenset[str]:
    return frozenset(
        node.attr
        for clause in policy.clauses
        for node in walk(clause.expr)
        if isinstance(node, pst.GetAttr) and node.base == _BUDGET
    )
