"""The request to Cedar: principals, action, resource and context of one situation, in Cedar's JSON."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.action.request import ActionRequest, Caller
from contracts.compiler.program import Program, placeholder
from policies.budget import FULL, Budgets
from policies.cedar_json import entity, instant, local_time, principal
from policies.decision import DecisionContext, ResourceFacts
from policies.principal import NO_ATTRIBUTES, Person
from policies.schema import RESERVED_ROLE, enum_type


@dataclass(frozen=True, slots=True)
class Situation:
    """Who asks for what, about which resource, in which circumstances."""

    request: ActionRequest
    caller: Caller
    facts: ResourceFacts
    decision_context: DecisionContext


class CedarRequests:
    """Writes requests for the contracts, the declared roles and the budgets of one release."""

    def __init__(self, programs: Mapping[str, Program], roles: frozenset[str], budgets: Budgets) -> None:
        self._programs = programs
        self._roles = roles
        self._budgets = budgets

    def principals(self, caller: Caller, person: Person | None) -> list[dict[str, object]]:
        """The agent and the person as entities, with their roles as parents; `person` is what the release declares."""
        # INVARIANT: an undeclared role among the parents would fail the build; only declared ones count.
        return [
            # guard: declared roles only
            principal("Agent", caller.agent, caller.tenant, caller.roles & self._roles, {"name": caller.agent}),
            self.person(caller, person),
        ]

    def person(self, caller: Caller, person: Person | None) -> dict[str, object]:
        """The person of a caller as an entity."""
        attributes = NO_ATTRIBUTES if person is None else person.attributes
        subject = caller.person if person is None else person.subject
        # tenant and roles are those of the call; the attributes are the release's, whoever asks
        asking = Person(caller.person, "", subject, caller.tenant, frozenset(), attributes)
        return person_entity(asking, caller.person_roles & self._roles)

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
        if budgets := self._budgets.of(situation.request.contract):
            # INVARIANT: what was not counted is more than any budget, and never nothing
            taken = decision_context.budgets
            context["budget"] = {one.name: taken.get(one.name, FULL) for one in budgets}  # guard: uncounted budgets
        # INVARIANT: what nobody looked up is absent, so that a policy that reads it errs, and permits nothing
        if decision_context.saw is not None:
            context["session"] = {"saw": sorted(decision_context.saw)}
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


def person_entity(person: Person, roles: frozenset[str]) -> dict[str, object]:
    """A person with these roles as an entity."""
    known = {"name": person.name, "subject": person.subject, "onCall": False, **person.attributes.declared}
    return principal("Person", person.name, person.tenant, roles, known)


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
    """The part of the context that is the same for everybody: the time, the change freeze, an incident."""
    second = decision_context.now_ms // 1000
    return {
        "now": instant(second),
        "changeFreeze": decision_context.change_freeze,
        "incident": decision_context.incident,
        **local_time(second, decision_context.time_zone),
    }
