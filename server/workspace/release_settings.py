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
from policies.principal import People, Person
from policies.release import Release
from server.workspace.connection_check import check_connection
from server.workspace.settings.person import PERSON, TENANT
from server.workspace.settings.settings import Settings

SETTINGS: Final = "settings"
"""The label of a release's evidence that holds this."""
_RELEASED: Final = frozenset({"roles", "environments", "people", "connections", "adapters", "change_freeze", "release"})
"""The parts of the settings' file that go into it."""


class DeclaredPerson(BaseModel):
    """One person, as a release declares them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    subject: str
    tenant: str = Field(pattern=TENANT)
    roles: tuple[str, ...]


class ReleaseSettings(BaseModel):
    """What of the settings decides: whoever changes any of it has another release, limits of connections aside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[str, ...]
    environments: tuple[str, ...]
    releasers: tuple[str, ...]
    change_freeze: bool
    people: dict[Annotated[str, Field(pattern=PERSON)], DeclaredPerson]
    connections: dict[str, Target]

    @classmethod
    def of(cls, release: Release) -> "ReleaseSettings":
        """Those of a release."""
        bundle, people = release.decider.bundle, release.people.by_name
        return cls(
            roles=tuple(sorted(bundle.roles)),
            environments=tuple(sorted(bundle.environments)),
            releasers=tuple(sorted(release.releasers)),
            change_freeze=release.change_freeze,
            people={
                name: DeclaredPerson(issuer=p.issuer, subject=p.subject, tenant=p.tenant, roles=tuple(sorted(p.roles)))
                for name, p in sorted(people.items())
            },
            connections={t.name: t for t in sorted(release.targets.values(), key=lambda target: target.name)},
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
        return self.model_dump_json().encode()

    def candidate(self, catalog: Catalog, policies: Mapping[str, str], origin: str, *, development: bool) -> Candidate:
        """These settings with contracts and policies. Raises `AilyusError`."""
        for name, target in self.connections.items():
            if name != target.name:
                raise AilyusError("bad_settings", f"the connection `{name}` has another name inside")
            check_connection(target)
        people = {
            name: Person(name, p.issuer, p.subject, p.tenant, frozenset(p.roles)) for name, p in self.people.items()
        }
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
        )


def settings_for_restart(before: Settings, after: Settings) -> list[str]:
    """The parts of the settings that differ and are no part of a release: a process reads them when it starts."""
    names = sorted(Settings.model_fields.keys() - _RELEASED)
    return [name for name in names if getattr(before, name) != getattr(after, name)]
