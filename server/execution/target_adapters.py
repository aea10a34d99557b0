"""The adapters of one gateway: what they share between releases, and the router of each release over all of them."""

from adapters.browser.account_session import BrowserSessions
from adapters.browser.adapter import BrowserAdapter
from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings
from adapters.credentials.cache import Credentials
from adapters.http.adapter import HttpAdapter
from adapters.mcp.adapter import McpAdapter
from adapters.mcp.pool import Servers
from adapters.python.adapter import PythonAdapter
from adapters.python.pool import Hosts
from adapters.router import AdapterRouter
from policies.release import Release
from receipts.journal.journal import Journal
from server.observability import tracing


class TargetAdapters:
    """A browser, MCP servers and processes of Python adapters, which outlive a release; `router` leads a release there.

    It decides nothing: every adapter asks the journal, its gate, before it sends.
    """

    def __init__(
        self, journal: Journal, credentials: Credentials, browser: BrowserSettings, hosts: Hosts | None = None
    ) -> None:
        self._journal = journal
        self._credentials = credentials
        self.browser = Chromium(browser)
        self.sessions = BrowserSessions(self.browser)
        self.servers = Servers(credentials)
        self.hosts = hosts or Hosts(credentials)

    def router(self, release: Release) -> AdapterRouter:
        """Every way to the targets of a release."""
        now_ms = self._journal.store.now_ms
        reach = (release, self._journal, self._credentials, now_ms)
        mcp = McpAdapter(release, self._journal, now_ms, self.servers)
        python = PythonAdapter(release, self._journal, now_ms, self.hosts)
        http = HttpAdapter(*reach, tracing.outgoing)
        return AdapterRouter(release, http, BrowserAdapter(*reach, self.sessions), mcp, python)

    async def close(self) -> None:
        """End the browser and the processes, give the connections back."""
        await self.browser.close()
        await self.servers.close()
        await self.hosts.close()
