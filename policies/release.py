"""A release: contracts, policies, schema, connections and people as one immutable object with one digest.

`Release.build` puts a `Candidate` together and refuses what does not fit; its `calls` and `plans` turn an agent's call
into one exact request under it. The workspace builds releases, `App` makes one live, and `Pipeline` and its parts work
under it. It does not say who may release (`accept` of the server does), and it reads no file and no store.

- Only the live release MUST decide; it is swapped as a whole (invariant 8).
- A call MUST become one exact request under a closed schema, or `AilyusError` with nothing sent (step 1 of the path).
- A connection of another tenant MUST give a request without a target, which is then denied (invariant 9).
- A connection's environment MUST be a declared one.
- A fallback by pages MUST NOT act by an account that may be wider than the first route's, as far as the settings tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.canonical import digest
from contracts.compiler.catalog import Catalog
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.schema.input import Input
from policies.bundle import ENGINE, Bundle, load_bundle
from policies.call_parser import CallParser
from policies.candidate import Candidate
from policies.decider import Decider
from policies.guards import GuardsAt, guards_at, unknown_people
from policies.plan_parser import PlanParser
from policies.principal import People, Person
from policies.published_schema import PublishedSchemas
from policies.targets import Targets


@lru_cache(maxsize=8)
def _decider_of(
    catalog: Catalog, policies: tuple[tuple[str, str], ...], roles: frozenset[str], environments: frozenset[str]
) -> Decider:
    """The decisions of one catalog under these policies, which are parsed and validated once.

    A release that changes only people or connections goes on with the same early decisions, so that the first
    `tools/list` after it is as quick as the last one before.
    """
    return Decider(load_bundle(dict(policies), catalog.programs, roles, environments), catalog.programs)


@dataclass(frozen=True)
class Release:
    """The only thing that decides. Swapped as a whole; files are candidates until they are released.

    `author` released it and may not approve under it; `governed` is false for what nobody signed, which only a
    development workspace serves. `releasers` are the roles that may release.
    """

    catalog: Catalog
    decider: Decider
    targets: Targets
    people: People
    digest: str
    origin: str
    author: str | None
    governed: bool
    development: bool
    change_freeze: bool = False
    releasers: frozenset[str] = frozenset()
    incident: bool = False
    time_zone: str = "UTC"
    session_hours: int = 8

    @classmethod
    def build(cls, candidate: Candidate, *, author: str | None = None, governed: bool = True) -> "Release":
        """Validate and freeze; raises `AilyusError` for whatever does not hold together. Run it off the loop."""
        catalog, people = candidate.catalog, candidate.people
        # first the environments: policies are checked against those that are declared
        candidate.check_environments()
        candidate.check_time_zone()
        texts = tuple(sorted(candidate.policies.items()))
        decider = _decider_of(catalog, texts, frozenset(candidate.roles), frozenset(candidate.environments))
        bundle = decider.bundle
        for name, person in unknown_people(bundle, people.by_name):
            hint = "correct the name, or declare the person under [[people]] in ailyus.toml"
            raise AilyusError("bad_policy", f"`{name}` guards against `{person}`, who is no declared person", hint=hint)
        if author is not None and people.get(author) is None:
            raise AilyusError("unknown_person", f"`{author}` releases this set and is no declared person")
        # last: it is about contracts and connections that are sound by themselves
        candidate.check_fallbacks()
        return cls(
            catalog,
            decider.among(people),
            Targets(candidate.targets),
            people,
            _digest(candidate, bundle),
            candidate.origin,
            author,
            governed,
            candidate.development,
            candidate.change_freeze,
            frozenset(candidate.releasers),
            candidate.incident,
            candidate.time_zone,
            candidate.session_hours,
        )

    @cached_property
    def schemas(self) -> PublishedSchemas:
        """The schemas of its tools, as agents see them."""
        return PublishedSchemas(self.targets)

    @cached_property
    def calls(self) -> CallParser:
        """The parser of calls of its contracts."""
        return CallParser(self.catalog, self.targets, self.schemas, self.decider.bundle.slices)

    @cached_property
    def plans(self) -> PlanParser:
        """The parser of calls of its plans."""
        return PlanParser(self.catalog, self.calls, self.schemas)

    def guards(self) -> tuple[GuardsAt, ...]:
        """Which guards hold at each connection."""
        return guards_at(self.decider.bundle, self.catalog.programs, self.targets.values())

    def target(self, request: ActionRequest) -> Target | None:
        """The connection of a request, if it is one of its tenant's."""
        return self.targets.of(request)

    def beside(self, target: Target, kind: str) -> Target | None:
        """The connection of another kind that belongs to a target."""
        return self.targets.beside(target, kind)

    def readable(self, contract: str) -> Program | PlanProgram:
        """What declares the reads of a contract or a plan."""
        return self.catalog.plans[contract] if contract in self.catalog.plans else self.catalog.programs[contract]

    def indexed(self, request: ActionRequest) -> dict[str, str]:
        """The inputs of a request that receipts can be found by."""
        program = self.catalog.programs.get(request.contract)
        fields: Mapping[str, Input] = program.contract.inputs if program else {}
        return {name: str(request.params[name]) for name, f in fields.items() if f.index and name in request.params}


def _digest(candidate: Candidate, bundle: Bundle) -> str:
    """The digest over everything that decides: who changes any of it has another release."""
    content: dict[str, object] = {
        "contracts": {name: program.digest for name, program in candidate.catalog.programs.items()},
        "bundle": bundle.digest,
        "engine": ENGINE,
        "targets": {name: target.digest for name, target in candidate.targets.items()},
        "people": {p.name: _person(p) for p in candidate.people.by_name.values()},
        "origin": candidate.origin,
        "development": candidate.development,
        "changeFreeze": candidate.change_freeze,
    }
    # what came later is left out where there is none, so that an older set keeps its digest
    if candidate.catalog.plans:
        content["plans"] = {name: plan.digest for name, plan in candidate.catalog.plans.items()}
    if candidate.incident:
        content["incident"] = True
    if candidate.time_zone != "UTC":
        content["timeZone"] = candidate.time_zone
    if candidate.session_hours != 8:
        content["sessionHours"] = candidate.session_hours
    if candidate.releasers:
        content["releasers"] = sorted(frozenset(candidate.releasers))
    return digest(content)


def _person(person: Person) -> list[object]:
    # whoever has no attributes has the digest that they had before there were any
    declared = person.attributes.declared
    return [person.issuer, person.subject, person.tenant, sorted(person.roles), *([declared] if declared else [])]
