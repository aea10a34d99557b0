"""The page that answers what would be decided: by which policies, which part of another fails, and what would turn it.

The live release's own decider answers. No record is read for it, nothing is sent, and nothing of it is kept; a question
about a receipt is logged as a reading of its evidence.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue, ValidationError

from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.text.document import read_document
from contracts.text.source import MalformedSource
from policies.case import Case
from policies.diagnosis import Diagnosis, diagnosis_of, with_givers
from policies.principal import Person
from policies.receipt_policy import EVIDENCE
from policies.release import Release
from receipts.statement.recorded_decisions import decision_of
from server.actions.runner import ActionRunner
from server.admin import access
from server.console.diagnosis_rows import answer_of
from server.console.estate import Inventory
from server.console.visit import ConsoleRequest, Page, View
from server.identity.agents import Agent
from server.results.budget_line import budget_line
from server.workspace.budget_uses import budget_uses, counted, scope_of
from server.workspace.recorded_test import recorded_case

_FIELDS: Final = ("agent", "person", "action", "connection", "record", "attributes", "inputs", "approvals", "receipt")
_LABEL: Final = "cedar/requests"


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, under which release, and who may neither approve it nor be asked."""

    release: Release
    case: Case
    barred: frozenset[str]
    connection: str


class PolicyQuestionPages:
    """What would happen, as one tenant may ask it about itself."""

    def __init__(self, runner: ActionRunner, estate: Inventory) -> None:
        self._runner = runner
        self._estate = estate
        # an answer takes a processor for a moment, which agents need too
        self._one_at_a_time = asyncio.Semaphore(1)

    def views(self) -> list[View]:
        """Where it is reached."""
        return [View("GET", "/questions/policies", self.question)]

    async def question(self, visit: ConsoleRequest) -> Page:
        """The form, and the answer to what it asks."""
        asked = {name: visit.asked(name) for name in _FIELDS}
        agents, programs = await self._estate.agents_of(visit.tenant), self._estate.programs(visit.tenant)
        choices = {
            "agents": sorted(agent.name for agent in agents if not agent.revoked),
            "people": sorted(p.name for p in self._people(visit.tenant)),
            "actions": [program.name for program in programs],
            "connections": [target.name for target in self._estate.targets(visit.tenant)],
        }
        body: dict[str, object] = {"asked": asked, **choices, "fault": None, "answer": None}
        try:
            if asked["receipt"] or asked["action"]:
                body["answer"] = await self._answer(visit, asked, agents, programs)
        except AilyusError as error:
            body["fault"] = {"sentence": error.sentence, "hint": error.hint}
        return Page("policy_question.html", "What would be decided?", body)

    def _people(self, tenant: str) -> list[Person]:
        return [person for person in self._estate.release.people.by_name.values() if person.tenant == tenant]

    async def _answer(
        self, visit: ConsoleRequest, asked: Mapping[str, str], agents: list[Agent], programs: list[Program]
    ) -> dict[str, object]:
        if asked["receipt"]:
            question = await self._recorded(visit, asked["receipt"], agents)
        else:
            question = await self._written(visit, asked, agents, programs)
        release, journal = question.release, self._runner.journal
        scope, now_ms = scope_of(question.case, question.connection), journal.store.now_ms()
        uses = await journal.store.read_aside(lambda read: budget_uses(read, release, question.case, scope, now_ms))
        case = counted(question.case, uses)
        # INVARIANT 9: of a policy that names another tenant nothing is told
        shown = frozenset(self._estate.policies_of(visit.tenant))
        people = [
            (person, await self._runner.journal.roles.last_known(person))
            for person in self._people(visit.tenant)
            if person.name not in question.barred
        ]
        decider, contracts = release.decider, release.catalog.programs

        def answered() -> Diagnosis:
            return with_givers(diagnosis_of(decider, contracts, case, shown), decider, contracts, case, people)

        async with self._one_at_a_time:
            found = await asyncio.to_thread(answered)
        return answer_of(found, release, case) | {"budgets": [budget_line(use) for use in uses]}

    async def _recorded(self, visit: ConsoleRequest, receipt: str, agents: list[Agent]) -> _Question:
        journal, release = self._runner.journal, self._estate.release
        recorded = await journal.store.read_aside(lambda read: decision_of(read, receipt))
        # INVARIANT 9: nobody asks about another tenant's receipt; a foreign id is not found
        if recorded is None or recorded.tenant != visit.tenant:  # guard: questions about receipts of one's own tenant
            hint = "take one of an action that was decided: see Receipts"
            raise AilyusError("not_found", "no receipt that you may see keeps such a decision", hint=hint)
        access.require(release, EVIDENCE, visit.person)  # guard: a recorded question is evidence
        await access.record(journal, receipt, _LABEL, visit.person.name)
        case = await asyncio.to_thread(recorded_case, release, recorded)
        return _Question(release, case, await self._barred(case, agents), recorded.connection)

    async def _written(
        self, visit: ConsoleRequest, asked: Mapping[str, str], agents: list[Agent], programs: list[Program]
    ) -> _Question:
        release, journal = self._estate.release, self._runner.journal
        program = next((one for one in programs if one.name == asked["action"]), None)
        agent = next((one for one in agents if one.name == asked["agent"] and not one.revoked), None)
        if program is None or agent is None:
            hint = "choose them from the lists"
            raise AilyusError("not_found", "there is no such agent or action in your tenant", hint=hint)
        person = release.people.get(asked["person"] or agent.person)
        if person is None or person.tenant != visit.tenant:
            raise AilyusError("unknown_person", "there is no such person in your tenant", hint="choose one of the list")
        target = self._target(release, program, visit.tenant, asked["connection"])
        roles, known = await journal.roles.last_known(person), person.attributes
        document: dict[str, JsonValue] = {
            "name": "asked",
            "action": program.name,
            "agent": {"name": agent.name, "tenant": agent.tenant, "roles": [*sorted(agent.roles)]},
            "person": {
                "name": person.name,
                "tenant": person.tenant,
                "roles": [*sorted(roles)],
                "subject": person.subject,
                "team": known.team,
                "manager": known.manager,
                "region": known.region,
                "employment": known.employment,
                "on_call": known.on_call,
            },
            "resource": {
                "tenant": target.tenant,
                "environment": target.environment,
                "attributes": _values("attributes", asked["attributes"]),
                **({"id": asked["record"]} if asked["record"] else {}),
            },
            "params": _values("inputs", asked["inputs"]),
            "approvals": _values("approvals", asked["approvals"]),
            "change_freeze": release.change_freeze,
            "incident": release.incident,
            "time_zone": release.time_zone,
            "now": datetime.fromtimestamp(journal.store.now_ms() / 1000, UTC).isoformat(),
            "expect": "permitted",
        }
        try:
            case = Case.model_validate(document)
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise AilyusError("bad_form", f"`{where}` has a value that it cannot have") from None
        return _Question(release, case, await self._barred(case, agents), target.name)

    def _target(self, release: Release, program: Program, tenant: str, name: str) -> Target:
        found = release.targets.candidates(program, tenant)
        target = next((one for one in found if not name or one.name == name), None)
        if target is None:
            names = ", ".join(one.name for one in found)
            raise AilyusError("not_found", f"`{program.name}` goes by no connection `{name[:100]}`", hint=names)
        return target

    async def _barred(self, case: Case, agents: list[Agent]) -> frozenset[str]:
        """Whom no policy lets approve it: who asks, the agent's owner, and the author of the release."""
        owners = {agent.owner for agent in agents if agent.name == case.agent.name}
        authors = self._runner.journal.registry.known_authors
        return frozenset({case.person.name, *owners, *authors, self._estate.release.author or ""})


def _values(name: str, text: str) -> dict[str, JsonValue]:
    """What stands in a field of the form, as YAML: one `name: value` a line."""
    if not text:
        return {}
    try:
        found = read_document(text)[1]
    except MalformedSource as error:
        raise AilyusError("bad_form", f"the {name} cannot be read: {error}", hint="one `name: value` a line") from None
    if not isinstance(found, dict):
        raise AilyusError("bad_form", f"the {name} are no list of names and values", hint="one `name: value` a line")
    return {str(key): value for key, value in found.items()}
