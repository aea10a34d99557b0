"""The composition root: opens the store, releases what the files say, serves agents and the command line.

`App` makes every part of one gateway over one workspace and gives each what it needs; `running` serves it where the
settings say, and on the Unix socket of the command line. `ailyus serve`, the demo and rehearsals start it. It holds no
rule about actions: the release decides, and what was done stands in the journal. `Releases` swaps the live release, and
what is on its way ends under the former one.

- Nothing MUST be served before the release that it starts with is accepted and live (invariant 8).
- Agents MUST stop being served before the Unix socket does, so that whoever may halt goes last.
- The file of trusted roots MUST NOT be overwritten; a rotation of the log's key alone extends it.
"""

import asyncio
import contextlib
import importlib.metadata
from collections.abc import Coroutine, Mapping

from adapters.browser.account_session import BrowserSessions
from adapters.browser.adapter import BrowserAdapter
from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings
from adapters.http.adapter import HttpAdapter
from adapters.mcp.adapter import McpAdapter
from adapters.mcp.pool import Servers
from adapters.oauth.authorization_servers import AuthorizationServers
from adapters.oauth.client_tokens import ClientTokens
from adapters.python.adapter import PythonAdapter
from adapters.python.pool import Hosts
from adapters.router import AdapterRouter
from contracts.errors import AilyusError
from policies.release import Release
from policies.signed_release import SignedRelease
from receipts.archive.archive_reader import ArchiveReader
from receipts.journal.journal import Journal
from receipts.log.signing import Signer
from receipts.store.transaction import Conflict
from server.actions.live_release import LiveRelease
from server.actions.recovery import RecoveryLoop
from server.actions.runner import ActionRunner
from server.admin.api import AdminApi
from server.admin.connection_routes import ConnectionRoutes
from server.admin.health.gateway_checks import health_of
from server.approvals.inbox import Inbox
from server.approvals.keys import NewKey, link_new
from server.connections.access_tokens import AccessTokens
from server.connections.connections import Connections
from server.connections.grants import Grants
from server.console.console import Console
from server.execution.fair_limiter import FairLimiter
from server.identity.access_tokens import Tokens
from server.identity.agents import Agents
from server.mcp.gateway import Gateway
from server.observability import tracing
from server.observability.gauges import GatewayParts
from server.observability.logs import configure
from server.observability.monitor import Monitor
from server.operations.activation import Activation
from server.operations.approval_notifications import ApprovalNotifications
from server.operations.archive_runs import ArchiveRuns
from server.operations.candidates import Candidates
from server.operations.escalations import EscalationRoute, Escalations
from server.operations.releases import Releases
from server.operations.resolutions import Resolutions
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
        self.browser = Chromium(BrowserSettings(browser.path, browser.user, browser.sandbox, browser.pages))
        self._sessions = BrowserSessions(self.browser)
        self.servers = Servers(credentials)
        self.hosts = hosts or Hosts(credentials)
        self._limiter = FairLimiter()
        self.authorization_servers = AuthorizationServers(credentials)
        self.grants = Grants(self.store, self.journal.handles)
        self.access_tokens = credentials.tokens = AccessTokens(ClientTokens(self.authorization_servers), self.grants)
        oauth = workspace.settings.oauth
        self.tokens = Tokens(oauth) if oauth else None
        self.agents = Agents(self.journal, lambda: self.runner.release, self.tokens)
        archive = archive_folder(workspace)
        self.archive_runs = ArchiveRuns(self.journal, archive)
        self.runner = ActionRunner(self.journal, self._under(release), ArchiveReader(self.store, archive))
        self._activation = Activation(self.runner, self._under, self._released)
        self.releases = Releases(workspace, self._activation, signed_only=signed_only)
        self.candidates = Candidates(workspace, self.releases, lambda: self.console.url)
        self.inbox = Inbox(self.runner, lambda action: self.recovery.resume(action))
        self.resolutions = Resolutions(self.runner)
        ways = {
            n: EscalationRoute(e.webhook, e.next, e.after, e.secret) for n, e in workspace.settings.escalations.items()
        }
        self.escalations = Escalations(self.runner, ways, credentials)
        self.notices = ApprovalNotifications(
            self.inbox,
            workspace.settings.notices,
            credentials,
            lambda: self.console.url,
            workspace.settings.console.admins,
        )
        chores = (
            self.access_tokens.sweep,
            self.resolutions.recheck_due,
            self.escalations.sweep,
            self.notices.sweep,
        )
        self.recovery = RecoveryLoop(self.runner, self.inbox.expire, chores)
        self.gateway = Gateway(
            self.runner,
            self.agents,
            self.inbox,
            lambda: self.console.url,
            VERSION,
            workspace.settings.origin,
        )
        parts = (self.inbox, self.agents, self.resolutions, self.escalations)
        settings = workspace.settings.console
        self.connections = Connections(
            self.journal,
            lambda: self.runner.release,
            credentials,
            self.authorization_servers,
            self.grants,
            settings.admins,
        )
        self.console = Console(
            self.candidates, *parts, self.notices, self.connections, settings, credentials, workspace.root
        )
        connected = ConnectionRoutes(self.connections, lambda: self.runner.release, lambda: self.console.url)
        self.api = AdminApi(self.candidates, *parts, self.console.introduce, connected, self.archive_runs)
        self.health = health_of(self.releases, self.recovery, browser.path)

    def systems(self, release: Release) -> AdapterRouter:
        """Every way to the targets of a release."""
        self.access_tokens.declare(release.targets.values())
        reach = (release, self.journal, self.credentials, self.store.now_ms)
        mcp = McpAdapter(release, self.journal, self.store.now_ms, self.servers)
        python = PythonAdapter(release, self.journal, self.store.now_ms, self.hosts)
        http = HttpAdapter(*reach, tracing.outgoing)
        return AdapterRouter(release, http, BrowserAdapter(*reach, self._sessions), mcp, python)

    def _under(self, release: Release) -> LiveRelease:
        return LiveRelease.of(self.journal, release, self.systems(release), self.agents.current, self._limiter)

    async def start(self) -> None:
        """Activate the release, link the workspace's seeded keys, take over what a dead owner left."""
        await self.journal.load()
        await self.journal.follow()
        if self._sources is None:
            self._sources = await asyncio.to_thread(sources_of, self.workspace.root)
        await self._activation.begin(self._signed, self._sources)
        self.releases.start()
        self.servers.warm(self.runner.release.targets.values())
        await self.agents.adopt()
        await self._link_seeded_keys()
        await asyncio.to_thread(write_roots, self.workspace, self.store)
        await self.monitor.start(self._parts())
        await self.recovery.start()

    def _parts(self) -> GatewayParts:
        return GatewayParts(
            self.journal,
            lambda: self.runner.release,
            lambda: self.runner.count,
            lambda: self.gateway.subscriptions.count,
            self.browser,
            self.servers,
            self.hosts,
        )

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
        await self.escalations.close()
        await self.notices.close()
        if self.tokens is not None:
            await self.tokens.issuer.close()
        await self.releases.stop()
        await self.runner.retire(self.runner.live)
        await self.browser.close()
        await self.servers.close()
        await self.hosts.close()
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
