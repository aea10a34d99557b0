"""The composition root: opens the store, releases what the files say, serves agents and the command line.

`App` makes every part of one gateway over one workspace and gives each what it needs; `running` serves it where the
settings say, and on the Unix socket of the command line. `ailyus serve`, the demo and rehearsals start it. It holds no
rule about actions: the release decides, and what was done stands in the journal. `Releases` swaps the live release, and
what is on its way ends under the former one.

- Nothing MUST be served before the release that it starts with is accepted and live (invariant 8).
- Agents MUST stop being served before the Unix socket does, so that whoever may halt goes last.
- The file of trusted roots MUST NOT be overwritten; a rotation of the log's key extends it, and a person.
"""

import asyncio
import contextlib
import importlib.metadata
from collections.abc import Coroutine, Mapping
from functools import cached_property

from adapters.python.pool import Hosts
from adapters.router import AdapterRouter
from contracts.errors import AilyusError
from policies.release import Release
from policies.signed_release import SignedRelease
from receipts.archive.archive_reader import ArchiveReader
from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from receipts.store.transaction import Conflict
from receipts.tables.input_names import KEEP_SECONDS, keep_input_names
from server.actions.chore import Chore
from server.actions.live_release import LiveRelease
from server.actions.recovery import SCAN_SECONDS, RecoveryLoop
from server.actions.runner import ActionRunner
from server.admin.api import AdminApi
from server.admin.connection_routes import ConnectionRoutes
from server.admin.export_routes import ExportRoutes
from server.admin.health.check import HealthCheck
from server.admin.health.export_check import export_check
from server.admin.health.gateway_checks import health_of
from server.admin.health.witness_check import witness_check
from server.approvals.inbox import Inbox
from server.approvals.keys import NewKey, link_new
from server.console.console import Console
from server.execution.fair_limiter import FairLimiter
from server.execution.target_adapters import TargetAdapters
from server.identity.access_tokens import Tokens
from server.identity.agents import Agents
from server.mcp.gateway import Gateway
from server.observability.gauges import GatewayParts
from server.observability.logs import configure
from server.observability.monitor import Monitor
from server.operations.activation import Activation
from server.operations.approval_notifications import ApprovalNotifications
from server.operations.archive_runs import ArchiveRuns
from server.operations.candidates import Candidates
from server.operations.connections.connections import Connections
from server.operations.escalations import Escalations
from server.operations.exports import Exports
from server.operations.releases import Releases
from server.operations.resolutions import Resolutions
from server.operations.shadow import FOLLOW_SECONDS, Shadow
from server.operations.synchronous_rounds import SynchronousRounds
from server.operations.witness_rounds import WitnessRounds
from server.workspace.archives import archive_folder
from server.workspace.credentials import credentials_of
from server.workspace.log_key import open_log_key
from server.workspace.release_files import sources_of
from server.workspace.roots import check_roots, write_roots
from server.workspace.stores import open_store, sealing_key
from server.workspace.workspace import Workspace

VERSION = importlib.metadata.version("ailyus")


class App:
    """One running gateway over one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        release: Release,
        hosts: Hosts | None = None,
        signed: SignedRelease | None = None,
        sources: Mapping[str, bytes] | None = None,
        *,
        signed_only: bool = False,
    ) -> None:
        configure(workspace.settings.logs)
        self.credentials = credentials = credentials_of(workspace)
        self.monitor = Monitor(workspace.settings, credentials, VERSION)
        self.workspace = workspace
        self._signed = signed
        self._sources = sources
        self.signer = Signer(open_log_key(workspace))
        self.store = open_store(workspace, self.signer)
        try:
            check_roots(workspace, self.store)
        except AilyusError:
            self.store.close()
            raise
        waiting = workspace.settings.approvals
        pending = (waiting.pending_per_agent, waiting.pending_per_tenant)
        self.journal = Journal(self.store, self.signer, sealing_key(workspace), pending)
        browser = workspace.settings.browser
        self.adapters = TargetAdapters(self.journal, credentials, browser.launch, hosts)
        self._limiter = FairLimiter()
        settings = workspace.settings.console
        self.connections = Connections(self.journal, self._live, credentials, settings.admins)
        oauth = workspace.settings.oauth
        self.tokens = Tokens(oauth) if oauth else None
        self.agents = Agents(self.journal, self._live, self.tokens, self.connections.subjects.keep)
        archive = archive_folder(workspace)
        self.archive_runs = ArchiveRuns(self.journal, archive)
        self.runner = ActionRunner(self.journal, self._under(release), ArchiveReader(self.store, archive))
        self._activation = Activation(self.runner, self._under, self._released)
        self.releases = Releases(workspace, self._activation, signed_only=signed_only)
        self.candidates = Candidates(workspace, self.releases, self._console_url, self.shadow)
        self.inbox = Inbox(self.runner, lambda action: self.recovery.resume(action))
        self.resolutions = Resolutions(self.runner)
        self.escalations = Escalations(self.runner, workspace.settings.escalations, credentials)
        self.notices = ApprovalNotifications(
            self.inbox, workspace.settings.notices, credentials, self._console_url, settings.admins
        )
        chores = (
            Chore("tokens", self.connections.access_tokens.sweep, SCAN_SECONDS),
            Chore("rechecks", self.resolutions.recheck_due, SCAN_SECONDS),
            Chore("escalations", self.escalations.sweep, SCAN_SECONDS),
            Chore("notices", self.notices.sweep, SCAN_SECONDS),
            *self._further_chores(),
        )
        self.recovery = RecoveryLoop(self.runner, self.inbox.expire, chores)
        self.gateway = Gateway(
            self.runner, self.agents, self.inbox, self._console_url, VERSION, workspace.settings.origin
        )
        parts = (self.inbox, self.agents, self.resolutions, self.escalations)
        self.console = Console(
            self.candidates, *parts, self.notices, self.connections, settings, credentials, workspace.root
        )
        connected = ConnectionRoutes(self.connections, self._live, self._console_url)
        self.api = AdminApi(self.candidates, *parts, self.console.introduce, connected, *self._further_doors())
        self.health = health_of(self.releases, self.recovery, browser.path, self._further_checks())

    @cached_property
    def shadow(self) -> Shadow:
        """The candidate that decides beside the live release, while one is on."""
        return Shadow(self.workspace)

    @cached_property
    def witnesses(self) -> WitnessRounds | None:
        """Who asks the witnesses of the settings; None where they name none."""
        settings = self.workspace.settings
        if settings.witness is None:
            return None
        rounds = WitnessRounds(self.journal, settings.witness, settings.escalations, self.credentials)
        self.journal.quorum = SynchronousRounds(self.journal, settings.witness, rounds)
        return rounds

    @cached_property
    def exports(self) -> Exports:
        """Who pushes statements to where the settings say."""
        settings, root = self.workspace.settings, self.workspace.root
        return Exports(self.journal, settings.export, settings.escalations, self.credentials, root, VERSION)

    def _further_checks(self) -> tuple[HealthCheck, ...]:
        witnessed = () if self.witnesses is None else (witness_check(self.witnesses),)
        return (*witnessed, export_check(self.exports)) if self.workspace.settings.export else witnessed

    def _further_doors(self) -> tuple[ArchiveRuns, Shadow, ExportRoutes]:
        return self.archive_runs, self.shadow, ExportRoutes(self.exports, self._live)

    def _further_chores(self) -> tuple[Chore, ...]:
        part, store = self.workspace.settings.witness, self.journal.store
        own = (
            Chore("shadow", self.shadow.follow, FOLLOW_SECONDS),
            Chore("input_names", lambda: keep_input_names(store), KEEP_SECONDS),
        )
        if part is None or self.witnesses is None:
            return (*own, *self.exports.chores)
        return (*own, Chore("witnesses", self.witnesses.round, part.interval / 1000), *self.exports.chores)

    def systems(self, release: Release) -> AdapterRouter:
        """Every way to the targets of a release."""
        self.connections.access_tokens.declare(release.targets.values())
        return self.adapters.router(release)

    def _live(self) -> Release:
        return self.runner.release

    def _console_url(self) -> str:
        return self.console.url

    def _under(self, release: Release) -> LiveRelease:
        systems, current = self.systems(release), self.agents.current
        return LiveRelease.of(self.journal, release, systems, current, self._limiter, self.shadow.observe)

    async def start(self) -> None:
        """Activate the release, link the workspace's seeded keys, take over what a dead owner left."""
        await self.journal.load()
        await self.journal.follow()
        if self._sources is None:
            self._sources = await asyncio.to_thread(sources_of, self.workspace.root)
        await self._activation.begin(self._signed, self._sources)
        self.releases.start()
        self.adapters.servers.warm(self.runner.release.targets.values())
        await self.agents.adopt()
        await self._link_seeded_keys()
        await asyncio.to_thread(write_roots, self.workspace, self.store)
        await self.monitor.start(self._parts())
        self.shadow.start(self.runner)
        await self.recovery.start()

    def _parts(self) -> GatewayParts:
        return GatewayParts(
            self.journal,
            self._live,
            lambda: self.runner.count,
            lambda: self.gateway.subscriptions.count,
            self.adapters.browser,
            self.adapters.servers,
            self.adapters.hosts,
            self._witnessed,
            lambda: self.exports.standings,
        )

    def _witnessed(self) -> tuple[int, int] | None:
        if self.witnesses is None:
            return None
        return self.witnesses.standing.size, self.witnesses.standing.refusing

    def _released(self, release: Release) -> Coroutine[None, None, None]:
        self.monitor.declare(release)
        return self.gateway.tools_changed()

    async def replace(self, release: Release) -> None:
        """Swap the live release as a whole (`--dev`); the old adapter serves what is on its way."""
        await self.releases.replace(release)

    async def stop(self) -> None:
        """Let actions and journal finish, then give everything up."""
        await self.health.stop()
        await self.archive_runs.stop()
        await self.recovery.stop()
        await self.shadow.stop()
        await self.escalations.close()
        await self.notices.close()
        await self.exports.close()
        if self.witnesses is not None:
            await self.witnesses.close()
        if self.tokens is not None:
            await self.tokens.issuer.close()
        await self.releases.stop()
        await self.runner.retire(self.runner.live)
        await self.adapters.close()
        await self.monitor.stop()
        await self.connections.close()
        await self.credentials.close()
        await self.store.aclose()

    async def _link_seeded_keys(self) -> None:
        """Keys that `init` made are linked once; in other workspaces people enrol theirs."""
        known = await self.journal.registry.keys()
        for path in sorted((self.workspace.private / "keys").glob("*.pub")):
            seeded = NewKey.model_validate_json(path.read_bytes())
            public = bytes.fromhex(seeded.public)
            if self.workspace.settings.development and not any(k.public == public for k in known.values()):
                with contextlib.suppress(Conflict):  # another replica was first
                    await link_new(self.runner, seeded)
