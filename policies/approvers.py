"""Approvals that nobody can give: a guard that waits for people who do not exist makes an action that never happens."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import cedarpy
import orjson
from cedarpy import pst

from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.bundle import Bundle
from policies.cedar_json import quoted
from policies.cedar_request import person_entity
from policies.folding import (
    Known,
    always_applies,
    attribute,
    bound_policies,
    entity,
    facts_of,
    never_applies,
    no_approvals,
)
from policies.principal import Person
from policies.release import Release
from policies.release_policy import FILE as RELEASE_FILE
from policies.unsatisfiable import fits_resource

Vector = tuple[tuple[str, int], ...]
NOBODY_CLAIMS: Mapping[str, frozenset[str]] = {}
NOTHING_KNOWN: Known = {}


@dataclass(frozen=True, slots=True)
class Unapprovable:
    """A guard whose approvals nobody can give, for one contract at one connection, and why."""

    guard: str
    contract: str
    connection: str
    why: str
    hint: str

    @property
    def error(self) -> AilyusError:
        """The same as an error."""
        sentence = f"`{self.guard}` asks for approvals of `{self.contract}` that nobody can give: {self.why}"
        return AilyusError("bad_policy", sentence, hint=self.hint, field=f"connections.{self.connection}")


def unapprovable(release: Release, claims: Mapping[str, frozenset[str]] = NOBODY_CLAIMS) -> tuple[Unapprovable, ...]:
    """The first contract of each guard that no people can satisfy; `claims` are the roles that a provider may give.

    A contract that nobody may ask for is left out: nobody waits there.
    """
    found: dict[str, Unapprovable] = {}
    inquiry = _Inquiry(release.decider.bundle)
    for program in sorted(release.catalog.programs.values(), key=lambda p: p.name):
        if program.is_write:
            for target in sorted(release.targets.values(), key=lambda t: t.name):
                if target.kind == program.contract.target:
                    for fault in _faults(_Place(release, program, target, claims, inquiry)):
                        found.setdefault(fault.guard, fault)
    return tuple(found.values())


def unapprovable_release(release: Release, claims: Mapping[str, frozenset[str]] = NOBODY_CLAIMS) -> AilyusError | None:
    """The policies about releases ask for more people than there are beside an author: then nothing could follow."""
    policies = release.decider.bundle.releases
    roles = {p.name: claims.get(p.issuer, p.roles) for p in release.people.by_name.values()}
    most = policies.vectors[-1] if policies.vectors else ()
    givers = {role: sorted(name for name, held in roles.items() if role in held) for role, _ in most}
    authors = [name for name, held in roles.items() if held & release.releasers]
    # guard: a release that people can approve
    if any(n for _, n in most) and authors and not any(_can_give(most, givers, author) for author in authors):
        needed = ", ".join(f"{n} {role}" for role, n in most if n)
        sentence = f"policies ask for {needed} to approve a release, and beside its author there are too few"
        hint = "declare more people who hold the roles, or ask for fewer"
        return AilyusError("bad_policy", sentence, hint=hint, field=RELEASE_FILE)
    return None


@dataclass(frozen=True, slots=True)
class _Place:
    """One contract at one connection, and the people of its tenant."""

    release: Release
    program: Program
    target: Target
    claims: Mapping[str, frozenset[str]]
    inquiry: "_Inquiry"

    @property
    def bundle(self) -> Bundle:
        return self.release.decider.bundle

    @property
    def known(self) -> Known:
        return facts_of(self.target.tenant, self.target.environment)

    def people(self) -> Iterator[tuple[Person, frozenset[str]]]:
        """Everybody of the tenant, and the roles that they hold or may be given."""
        for person in self.release.people.by_name.values():
            if person.tenant == self.target.tenant:
                yield person, self.claims.get(person.issuer, person.roles) & self.bundle.roles

    def may(self, person: Person, roles: frozenset[str], action: str, known: Known) -> bool:
        """Could Cedar permit it for some record and some parameters?"""
        return self.inquiry.may(person, roles, action, known)


class _Inquiry:
    """Questions to Cedar about one bundle, in which each person and each set of policies is read once."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._entities: dict[bytes, cedarpy.Entities] = {}
        self._policies: dict[tuple[str, frozenset[tuple[pst.Expr, pst.Expr]]], cedarpy.PolicySet] = {}

    def may(self, person: Person, roles: frozenset[str], action: str, known: Known) -> bool:
        """Could Cedar permit it for some record and some parameters?"""
        document = orjson.dumps([person_entity(person, roles)])
        if document not in self._entities:
            self._entities[document] = self._bundle.entities(document)
        request = {"principal": f"Person::{quoted(person.name)}", "action": f'Action::"{action}"'}
        result = cedarpy.is_authorized_partial(request, self._bound(action, known), self._entities[document])
        return result.decision is not cedarpy.Decision.Deny and not result.diagnostics.errors

    def _bound(self, action: str, known: Known) -> cedarpy.PolicySet:
        sliced = self._bundle.slices[action]
        # by its digest: most actions share their slice with others
        key = sliced.digest, frozenset(known.items())
        if key not in self._policies:
            self._policies[key] = bound_policies(sliced.nodes, known)
        return self._policies[key]


def may(bundle: Bundle, person: Person, roles: Iterable[str], action: str, known: Known = NOTHING_KNOWN) -> bool:
    """Could Cedar permit an action to a person with these roles, for some record and some parameters?"""
    return _Inquiry(bundle).may(person, frozenset(roles), action, known)


def _faults(place: _Place) -> Iterator[Unapprovable]:
    sliced = place.bundle.slices[place.program.name]
    guards = {n: p for n, p in sliced.nodes.items() if n in sliced.guards}
    guards = {n: p for n, p in guards.items() if fits_resource(p, place.program.resource_type)}
    guards = {n: p for n, p in guards.items() if not never_applies(p, place.known)}
    if not guards:
        return
    askers = [p.name for p, roles in place.people() if place.may(p, roles, place.program.name, place.known)]
    if not askers:
        return
    givers: dict[str, list[str]] = {}
    for name, policy in sorted(guards.items()):
        vectors = _lifting(policy, place)
        for role in {role for vector in vectors for role, _ in vector} - givers.keys():
            givers[role] = _givers(place, role)
        # guard: somebody can approve
        if vectors and not any(_can_give(v, givers, asker) for v in vectors for asker in askers):
            why, hint = _why(place, vectors[0], givers)
            yield Unapprovable(name, place.program.name, place.target.name, why, hint)


def _givers(place: _Place, role: str) -> list[str]:
    known = {**place.known, attribute("context", "role"): entity("Role", role)}
    action = f"approve:{place.program.name}"
    return [p.name for p, roles in place.people() if role in roles and place.may(p, roles, action, known)]


def _lifting(policy: pst.Template, place: _Place) -> list[Vector]:
    """The vectors of approvals that lift a guard, whatever the rest is; else those that change anything about it."""
    zeros = {**place.known, **no_approvals(place.bundle.roles)}
    vectors = [tuple((r, n) for r, n in v if n) for v in place.bundle.slices[place.program.name].vectors]
    facts = {v: {**zeros, **{attribute("context", "approvals", r): pst.LongLit(n) for r, n in v}} for v in vectors if v}
    sure = [v for v, known in facts.items() if never_applies(policy, known)]
    return sure or [v for v, known in facts.items() if always_applies(policy, known) != always_applies(policy, zeros)]


def _can_give(vector: Vector, givers: Mapping[str, Iterable[str]], asker: str) -> bool:
    """Are there different people for all that is asked for, none of whom asked? (Augmenting paths.)"""
    seats = [[p for p in givers[role] if p != asker] for role, n in vector for _ in range(n)]
    taken: dict[str, int] = {}

    def sit(seat: int, tried: set[str]) -> bool:
        for person in seats[seat]:
            if person not in tried:
                tried.add(person)
                if person not in taken or sit(taken[person], tried):
                    taken[person] = seat
                    return True
        return False

    return all(sit(seat, set()) for seat in range(len(seats)))


def _why(place: _Place, vector: Vector, givers: Mapping[str, list[str]]) -> tuple[str, str]:
    tenant, contract = place.target.tenant, place.program.name
    for role, count in vector:
        holders = [p.name for p, roles in place.people() if role in roles]
        if not holders:
            hint = f'give people of `{tenant}` the role: `roles = ["{role}"]` under [[people]] in ailyus.toml'
            return f"nobody in `{tenant}` holds the role `{role}`", hint
        if not givers[role]:
            hint = f"`ailyus policy new require-approval --action {contract} --role {role}` writes the permit"
            return f"no policy permits `approve:{contract}` in the role `{role}`", hint
        if len(givers[role]) < count:
            hint = "ask for fewer, or declare more people who hold the role"
            return f"{count} {role} are needed, and only {', '.join(givers[role])} may approve", hint
    hint = "declare more people who hold the roles: who asks does not approve, and everybody counts once"
    return "too few people are left beside whoever asks", hint
