"""A workspace: the folder of `ailyus.toml`, and the release that its files make."""

from dataclasses import dataclass
from pathlib import Path

from contracts.action.target import Target
from contracts.compiler.catalog import Catalog, load_catalog
from contracts.errors import AilyusError
from contracts.text.source import files_of
from policies.budget import FILE as BUDGET_FILE
from policies.candidate import Candidate
from policies.policy_file import read_policies
from policies.principal import People, Person
from policies.release import Release
from server.workspace.release_settings import ReleaseSettings
from server.workspace.settings.file import read_settings
from server.workspace.settings.settings import Settings
from server.workspace.targets import targets_of


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with `ailyus.toml`, `contracts/`, `policies/`, and what the gateway keeps in `.ailyus/`."""

    root: Path
    settings: Settings

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """Read the settings; raises `AilyusError` with what to change."""
        return cls(folder, read_settings(folder))

    @property
    def private(self) -> Path:
        """What only the owner process reads: store, keys, tokens."""
        return self.root / ".ailyus"

    @property
    def store(self) -> Path:
        """The store file, or where a replica remembers what it saw of the database."""
        return self.private / "store.db"

    @property
    def owner_file(self) -> Path:
        """Where the running gateway says how to reach it."""
        return self.private / "owner.json"

    def owner_files(self) -> list[Path]:
        """The same, of every replica that runs in this folder, too."""
        return [self.owner_file, *sorted(self.private.glob("owner-*.json"))]

    def key_file(self, person: str) -> Path:
        """A person's key file."""
        return self.private / "keys" / f"{person}.pem"

    def token_file(self, agent: str) -> Path:
        """An agent's token, for the stdio bridge."""
        return self.private / "agents" / f"{agent}.token"

    def targets(self) -> dict[str, Target]:
        """The connections as targets."""
        return targets_of(self.settings)

    def people(self) -> dict[str, Person]:
        """The declared people by name."""
        return {
            p.name: Person(p.name, p.issuer, p.subject or p.name, p.tenant, frozenset(p.roles), p.attributes)
            for p in self.settings.people
        }

    def policies(self, root: Path | None = None) -> dict[str, str]:
        """Policy files by name, and the file of budgets beside them."""
        folder = (root or self.root) / "policies"
        for path in files_of(folder, "*"):
            # a wall that nobody loads is believed in all the same
            if path.suffix.lower() == ".cedar" and path.suffix != ".cedar":
                hint = "rename it so that its name ends in `.cedar`"
                raise AilyusError("bad_policy", "no policies are read from it", hint=hint, field=path.name)
        found = [*files_of(folder, "*.cedar"), *files_of(folder, BUDGET_FILE)]
        return {str(p.relative_to(folder)): read_policies(p) for p in found}

    def release(
        self,
        author: str | None = None,
        *,
        dev: bool = False,
        files: Path | None = None,
        settings: ReleaseSettings | None = None,
    ) -> Release:
        """Build what the files say now as a release. Off the loop: it parses, validates and compiles everything.

        `files` is another folder with `contracts` and `policies`, and `settings` are other people and connections, such
        as what the store kept of the last release.
        """
        folder = files or self.root
        catalog, policies = load_catalog(folder / "contracts"), self.policies(folder)
        if settings is None:
            candidate = self._candidate(catalog, policies)
        else:
            own = self.settings
            candidate = settings.candidate(catalog, policies, own.origin, development=own.development)
        # INVARIANT 8: under `--dev` nobody has released it, and receipts say so
        return Release.build(candidate, author=author, governed=author is not None and not dev)

    def _candidate(self, catalog: Catalog, policies: dict[str, str]) -> Candidate:
        settings = self.settings
        return Candidate(
            catalog,
            policies,
            self.targets(),
            People(self.people()),
            settings.roles,
            settings.environments,
            origin=settings.origin,
            development=settings.development,
            change_freeze=settings.change_freeze,
            releasers=settings.release.roles,
            incident=settings.incident,
            time_zone=settings.time_zone,
            session_hours=settings.session_hours,
        )
