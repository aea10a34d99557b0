"""The request to Cedar: principals, action, resource and context of one situation, in Cedar's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.action.request import ActionRequest, Caller
from contracts.compiler.program import Program, placeholder
from policies.cedar_json import entity, instant, principal
from policies.decision import DecisionContext, ResourceFacts
from policies.schema import RESERVED_ROLE, enum_type


@dataclass(frozen=True, slots=True)
class Situation:
    """Who asks for what, about which resource, in which circumstances."""

    request: ActionRequest
    caller: Caller
    facts: ResourceFacts
    decision_context: DecisionContext


class CedarRequests:
    """Writes requests for the contracts and the declared roles of one release."""

    def __init__(self, programs: Mapping[str, Program], roles: frozenset[str]) -> None:
        self._programs = programs
        self._roles = roles

    def principals(self, caller: Caller) -> list[dict[str, object]]:
        """The agent and the person as entities, with their roles as parents."""
        # INVARIANT: an undeclared role among the parents would fail the build; only declared ones count.
        return [
            # guard: declared roles only
            principal("Agent", caller.agent, caller.tenant, caller.roles & self._roles),
            principal("Person", caller.person, caller.tenant, caller.person_roles & self._roles),
        ]

    def resource(self, facts: ResourceFacts) -> dict[str, object]:
        """The resource as an entity; tenant and environment are the connection's, never the record's."""
        attributes: dict[str, object] = dict(facts.attributes)
        attributes["tenant"] = facts.tenant
        attributes["environment"] = entity("Environment", facts.environment)
        return {"uid": {"type": facts.resource_type, "id": facts.resource_id}, "attrs": attributes, "parents": []}

    def context(
        self, situation: Situation, approvals: Mapping[str, int], oldest_seconds: int, guarded: bool
    ) -> dict[str, object]:
        """The context with these approvals, of which the oldest is so old."""
        facts, decision_context = situation.facts, situation.decision_context
        # every declared role, with 0: an absent one would make its guard err, and Cedar skips that
        counts = {role: approvals.get(role, 0) for role in self._roles}
        # beside the roles, so that one record holds all that approvals are compared with
        counts[RESERVED_ROLE] = oldest_seconds
        context: dict[str, object] = {
            "params": self.params(situation.request),
            "person": entity("Person", situation.caller.person),
            "env": env_of(decision_context),
            "origin": {"trusted": facts.origin_trusted},
            "approvals": counts,
            "guarded": guarded,
            "repeat": decision_context.repeat,
            "rate": {
                "lastHour": decision_context.rate.last_hour,
                "lastDay": decision_context.rate.last_day,
                "spentLastDay": decision_context.rate.spent_last_day,
                "spends": decision_context.spends,
            },
            "plan": {"size": decision_context.plan_size, "wave": decision_context.wave},
            "resourceOpenIncident": decision_context.open_incident,
        }
        # only where the contract declares it: the schema knows no `request` elsewhere
        if facts.asked is not None:
            context["request"] = dict(facts.asked)
        return context

    def approval(self, situation: Situation, approver: str, role: str) -> dict[str, object]:
        """May this person approve it in this role? The action is `approve:<contract>`."""
        request, facts = situation.request, situation.facts
        return {
            "principal": {"type": "Person", "id": approver},
            "action": {"type": "Action", "id": f"approve:{request.contract}"},
            "resource": {"type": facts.resource_type, "id": facts.resource_id},
            "context": {
                "role": entity("Role", role),
                "params": self.params(request),
                "requester": entity("Person", situation.caller.person),
                "agent": entity("Agent", situation.caller.agent),
                "env": env_of(situation.decision_context),
            },
        }

    def params(self, request: ActionRequest) -> dict[str, object]:
        """The parameters with enum values as entities; what arrives late in a plan is a placeholder."""
        program = self._programs[request.contract]
        out: dict[str, object] = {}
        for name, value in request.params.items():
            enum = program.contract.inputs[name].enum
            out[name] = entity(enum_type(request.contract, name), str(value)) if enum else value
        for name in request.late:  # no policy of the slice reads it: `CallParser.parse_step` refuses it otherwise
            field = program.contract.inputs[name]
            value = placeholder(field)
            out[name] = entity(enum_type(request.contract, name), str(value)) if field.enum else value
        return out


def queries_of(situation: Situation) -> list[Mapping[str, object]]:
    """Who asks for what, without the context: the agent, and the person that it acts for."""
    caller, facts = situation.caller, situation.facts
    action = {"type": "Action", "id": situation.request.contract}
    resource = {"type": facts.resource_type, "id": facts.resource_id}
    return [
        {"principal": {"type": kind, "id": name}, "action": action, "resource": resource}
        for kind, name in (("Agent", caller.agent), ("Person", caller.person))
    ]


def env_of(decision_context: DecisionContext) -> dict[str, object]:
    """The part of the context that is the same for everybody: the time and the change freeze."""
    return {"now": instant(decision_context.now_ms // 1000), "changeFreeze": decision_context.change_freeze}
