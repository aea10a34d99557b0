"""A workspace: the folder of `ailyus.toml`, and the release that its files make."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.action.http_request import check_base_url
from contracts.action.target import Mcp, PluginRef, Target, Ui
from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from contracts.text.source import Malformed, files_of, read_source
from policies.candidate import Candidate
from policies.policy_file import read_policies
from policies.principal import People, Person
from policies.release import Release
from server.workspace.settings import ConnectionPart, McpPart, Settings

FILE = "ailyus.toml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with `ailyus.toml`, `contracts/`, `policies/`, and what the gateway keeps in `.ailyus/`."""

    root: Path
    settings: Settings

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """Read the settings; raises `AilyusError` with what to change."""
        path = folder / FILE
        if not path.exists():
            raise AilyusError("no_workspace", f"there is no `{FILE}` in `{folder}`")
        try:
            content = tomllib.loads(read_source(path))
            settings = Settings(**content)
        except (tomllib.TOMLDecodeError, Malformed, RecursionError) as error:
            raise AilyusError("bad_settings", f"the file is no TOML: {error}", field=FILE) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            problem = message[:1].lower() + message[1:]
            raise AilyusError("bad_settings", f"`{where}`: {problem}", field=FILE) from None
        for name, connection in settings.connections.items():
            ui = connection.browser
            try:
                if connection.mcp is not None:
                    check_server(connection.mcp)
                if connection.adapter and connection.adapter not in settings.adapters:
                    hint = f"name it under [adapters.{connection.adapter}]; see `ailyus adapter list`"
                    raise AilyusError("bad_settings", f"there is no adapter `{connection.adapter}`", hint=hint)
                for url in (*_own_url(connection), *((ui.base_url or connection.base_url, *ui.origins) if ui else ())):
                    check_base_url(url)
            except AilyusError as error:
                raise AilyusError(
                    error.code, error.sentence, hint=error.hint, field=f"{FILE}: connections.{name}"
                ) from None
        oauth, oidc = settings.oauth, settings.console.oidc
        for place, url in (
            *((("oauth", oauth.issuer), ("oauth", oauth.keys or oauth.issuer)) if oauth else ()),
            *((("console.oidc", oidc.issuer),) if oidc else ()),
        ):
            try:
                check_base_url(url)
            except AilyusError as error:
                raise AilyusError(error.code, error.sentence, hint=error.hint, field=f"{FILE}: {place}") from None
        for where, named in (
            ("console: admins", settings.console.admins),
            ("release: roles", settings.release.roles),
            ("console.oidc: roles", tuple(oidc.roles.values()) if oidc else ()),
            *((f"notices.{name}: roles", notice.roles) for name, notice in settings.notices.items()),
        ):
            if unknown := sorted(set(named) - set(settings.roles)):
                hint = f"one of {', '.join(settings.roles)}"
                raise AilyusError(
                    "bad_settings", f"`{unknown[0]}` is no declared role", hint=hint, field=f"{FILE}: {where}"
                )
        if not settings.browser.sandbox and not settings.development:
            hint = "`sandbox = false` is for workspaces with `development = true`; see `user` under [browser]"
            raise AilyusError("bad_settings", "the browser keeps its sandbox", hint=hint, field=FILE)
        return cls(folder, settings)

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
        return {
            name: Target(
                name=name,
                kind=c.kind,
                base_url=c.base_url,
                tenant=c.tenant,
                environment=c.environment,
                read=c.read,
                write=c.write,
                principal=c.principal,
                header=c.header,
                scheme=c.scheme,
                direct=c.direct,
                origin_trusted=c.origin_trusted,
                max_timeout_ms=c.max_timeout,
                max_settle_ms=c.max_settle,
                auth=c.auth,
                region=c.region,
                service=c.service,
                max_in_flight=c.max_in_flight,
                per_minute=c.per_minute,
                exclusive=c.exclusive,
                rights=c.rights,
                ui=_ui(c),
                mcp=_mcp(c),
                plugin=self._plugin(c),
            )
            for name, c in self.settings.connections.items()
        }

    def _plugin(self, connection: ConnectionPart) -> PluginRef | None:
        part = self.settings.adapters.get(connection.adapter)
        return PluginRef(part.entry_point, part.digest) if part else None

    def policies(self, root: Path | None = None) -> dict[str, str]:
        """Policy files by name."""
        folder = (root or self.root) / "policies"
        for path in files_of(folder, "*"):
            # a wall that nobody loads is believed in all the same
            if path.suffix.lower() == ".cedar" and path.suffix != ".cedar":
                hint = "rename it so that its name ends in `.cedar`"
                raise AilyusError("bad_policy", "no policies are read from it", hint=hint, field=path.name)
        return {str(p.relative_to(folder)): read_policies(p) for p in files_of(folder, "*.cedar")}

    def release(self, author: str | None = None, *, dev: bool = False, files: Path | None = None) -> Release:
        """Build what the files say now as a release. Off the loop: it parses, validates and compiles everything.

        `files` is another folder with `contracts` and `policies`, such as what the store kept of the last release.
        """
        settings, folder = self.settings, files or self.root
        people = {
            p.name: Person(p.name, p.issuer, p.subject or p.name, p.tenant, frozenset(p.roles)) for p in settings.people
        }
        candidate = Candidate(
            load_catalog(folder / "contracts"),
            self.policies(folder),
            self.targets(),
            People(people),
            settings.roles,
            settings.environments,
            origin=settings.origin,
            development=settings.development,
            change_freeze=settings.change_freeze,
            releasers=settings.release.roles,
        )
        return Release.build(candidate, author=author, governed=author is not None and not dev)


_LAUNCHERS = {"uvx": "==", "npx": "@"}
"""What fetches a package by itself, and what stands before a version."""


def check_server(part: McpPart) -> None:
    """An MCP server has one way in, and a package that a launcher fetches has a version."""
    if bool(part.url) is bool(part.command):
        raise AilyusError("bad_settings", "an MCP server has either `url` or `command`")
    if part.url:
        check_base_url(part.url)
        return
    mark = _LAUNCHERS.get(Path(part.command[0]).name)
    packages = [word for word in part.command[1:] if not word.startswith("-")]
    if mark and not any(mark in word[1:] for word in packages):  # guard: packages have versions
        hint = f"name its version, for example `package{mark}1.2.3`"
        raise AilyusError("bad_settings", f"`{' '.join(part.command)}` is not pinned by version", hint=hint)


def _own_url(connection: ConnectionPart) -> tuple[str, ...]:
    """The URL to check: an MCP server or an adapter needs none, and an adapter may speak another protocol."""
    if not connection.base_url and (connection.mcp is not None or connection.adapter):
        return ()
    of_another = connection.adapter and not connection.base_url.startswith(("http:", "https:"))
    return () if of_another else (connection.base_url,)


def _mcp(connection: ConnectionPart) -> Mcp | None:
    part = connection.mcp
    if part is None:
        return None
    variables = tuple(sorted(part.variables.items()))
    return Mcp(part.url, part.command, variables, part.directory, part.start_timeout / 1000)


def _ui(connection: ConnectionPart) -> Ui | None:
    part = connection.browser
    if part is None:
        return None
    return Ui(
        base_url=part.base_url or connection.base_url,
        login=part.login,
        principal=part.principal,
        read_login=part.read_login,
        read_principal=part.read_principal or part.principal,
        origins=part.origins,
        rights=part.rights,
        max_timeout_ms=part.max_timeout,
    )
