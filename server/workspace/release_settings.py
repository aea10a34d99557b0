"""The part of `ailyus.toml` that a release consists of: roles, environments, people and connections.

It is kept in the log with the release's files, so that another replica takes the release from there, and an older one
can be released again. Everything else of the settings belongs to the process that reads them.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.action.target import Target
from contracts.compiler.catalog import Catalog
from contracts.errors import AilyusError
from policies.candidate import Candidate
from policies.principal import People, Person, PersonAttributes
from policies.release import Release
from server.workspace.connection_check import check_connection
from server.workspace.settings.person import PERSON, TENANT
from server.workspace.settings.settings import Settings

SETTINGS: Final = "settings"
"""The label of a release's evidence that holds this."""
_RELEASED: Final = frozenset(
    {
        "roles",
        "environments",
        "people",
        "connections",
        "adapters",
        "change_freeze",
        "release",
        "incident",
        "time_zone",
        "session_hours",
    }
)
_ATTRIBUTES: Final = ("team", "manager", "region", "employment", "on_call")
"""The parts of the settings' file that go into it."""


class DeclaredPerson(BaseModel):
    """One person, as a release declares them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    subject: str
    tenant: str = Field(pattern=TENANT)
    roles: tuple[str, ...]
    team: str = ""
    manager: str = ""
    region: str = ""
    employment: str = ""
    on_call: bool = False

    @classmethod
    def of(cls, person: Person) -> "DeclaredPerson":
        """One person of a release."""
        known = person.attributes
        return cls(
            issuer=person.issuer,
            subject=person.subject,
            tenant=person.tenant,
            roles=tuple(sorted(person.roles)),
            team=known.team,
            manager=known.manager,
            region=known.region,
            employment=known.employment,
            on_call=known.on_call,
        )

    def person(self, name: str) -> Person:
        """The same person for policies."""
        attributes = PersonAttributes(self.team, self.manager, self.region, self.employment, self.on_call)
        return Person(name, self.issuer, self.subject, self.tenant, frozenset(self.roles), attributes)


class ReleaseSettings(BaseModel):
    """What of the settings decides: whoever changes any of it has another release, limits of connections aside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[str, ...]
    environments: tuple[str, ...]
    releasers: tuple[str, ...]
    change_freeze: bool
    people: dict[Annotated[str, Field(pattern=PERSON)], DeclaredPerson]
    connections: dict[str, Target]
    incident: bool = False
    time_zone: str = "UTC"
    session_hours: int = 8

    @classmethod
    def of(cls, release: Release) -> "ReleaseSettings":
        """Those of a release."""
        bundle, people = release.decider.bundle, release.people.by_name
        return cls(
            roles=tuple(sorted(bundle.roles)),
            environments=tuple(sorted(bundle.environments)),
            releasers=tuple(sorted(release.releasers)),
            change_freeze=release.change_freeze,
            people={name: DeclaredPerson.of(person) for name, person in sorted(people.items())},
            connections={t.name: t for t in sorted(release.targets.values(), key=lambda target: target.name)},
            incident=release.incident,
            time_zone=release.time_zone,
            session_hours=release.session_hours,
        )

    @classmethod
    def decode(cls, data: bytes) -> "ReleaseSettings":
        """What the log keeps of a release. Raises `AilyusError` `store_corrupt`."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            sentence = "the settings of a release cannot be read"
            hint = "a newer version of ailyus may have written them: upgrade this one"
            raise AilyusError("store_corrupt", sentence, hint=hint) from None

    @property
    def encoded(self) -> bytes:
        """The form in which the log keeps them."""
        # what came later is left out where it says nothing: an older replica reads the same release
        own = {name: True for name in ("incident", "time_zone", "session_hours") if _is_default(self, name)}
        people = {name: {key for key in _ATTRIBUTES if _is_default(p, key)} for name, p in self.people.items()}
        return self.model_dump_json(exclude={**own, "people": people}).encode()

    def candidate(self, catalog: Catalog, policies: Mapping[str, str], origin: str, *, development: bool) -> Candidate:
        """These settings with contracts and policies. Raises `AilyusError`."""
        for name, target in self.connections.items():
            if name != target.name:
                raise AilyusError("bad_settings", f"the connection `{name}` has another name inside")
            check_connection(target)
        people = {name: declared.person(name) for name, declared in self.people.items()}
        return Candidate(
            catalog,
            policies,
            self.connections,
            People(people),
            self.roles,
            self.environments,
            origin=origin,
            development=development,
            change_freeze=self.change_freeze,
            releasers=self.releasers,
            incident=self.incident,
            time_zone=self.time_zone,
            session_hours=self.session_hours,
        )


def _is_default(part: BaseModel, name: str) -> bool:
    return bool(getattr(part, name) == type(part).model_fields[name].default)


def settings_for_restart(before: Settings, after: Settings) -> list[str]:
    """The parts of the settings that differ and are no part of a release: a process reads them when it starts."""
    names = sorted(Settings.model_fields.keys() - _RELEASED)
    return [name for name in names if getattr(before, name) != getattr(after, name)]
