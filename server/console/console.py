"""The console put together: pages, sessions, live updates, as one ASGI application."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue
from starlette.routing import Route
from starlette.types import ASGIApp

from adapters.credentials.cache import Credentials
from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import Access
from receipts.tables import inventory
from server.admin import access
from server.approvals.inbox import Inbox
from server.console.actions import Actions
from server.console.agents import AgentPages
from server.console.approvals import Approvals
from server.console.bookmarks import BookmarkPages
from server.console.candidates import CandidatePages
from server.console.connections import ConnectionPages
from server.console.contracts import ContractPages
from server.console.design import DesignPages
from server.console.editor import PolicyEditor
from server.console.estate import Inventory
from server.console.home import HomePage
from server.console.inbox import InboxPages
from server.console.introductions import PasskeyInvitations
from server.console.live import Live
from server.console.log_audits import LogAudits
from server.console.notices import NoticePages
from server.console.people import PeoplePages
from server.console.policies import PolicyPages
from server.console.policy_edit import PolicyEditPages
from server.console.policy_question import PolicyQuestionPages
from server.console.provider import Provider
from server.console.receipt_reader import ReceiptReader
from server.console.receipts import ReceiptPages
from server.console.releases import ReleasePages
from server.console.search import SearchPage
from server.console.session import ConsoleSession, ConsoleSessions
from server.console.shadow import ShadowPages
from server.console.web import Web
from server.identity.agents import Agents
from server.operations.approval_notifications import ApprovalNotifications
from server.operations.candidates import Candidates
from server.operations.connections.connections import Connections
from server.operations.escalations import Escalations
from server.operations.policy_edit import PolicyEdits
from server.operations.resolutions import Resolutions
from server.workspace.public_address import PublicAddress
from server.workspace.settings.console import ConsolePart


class Console:
    """What people see."""

    def __init__(
        self,
        candidates: Candidates,
        inbox: Inbox,
        agents: Agents,
        resolutions: Resolutions,
        escalations: Escalations,
        notices: ApprovalNotifications,
        connections: Connections,
        settings: ConsolePart,
        credentials: Credentials,
        root: Path,
    ) -> None:
        self._runner = runner = candidates.releases.runner
        self._settings = settings
        self._connections = connections
        self._provider: Provider | None = None
        self._sessions = ConsoleSessions(runner, settings.session)
        self._introductions = PasskeyInvitations(runner, settings.admins)
        self._live = Live(runner, self._is_signed_in)
        self._estate = Inventory(runner, agents, connections)
        self._web = Web(self._sessions, self._navigation, lambda: runner.journal.store.now_ms(), self._permitted)
        reader, roots = ReceiptReader(inbox), root / "roots.json"
        self._audits = LogAudits(runner.journal.store, reader, roots)
        waiting = InboxPages(inbox, escalations, notices, self._live.mark, candidates.reviews)
        self._editor = PolicyEditor(root)
        self._views = [
            *HomePage(waiting, self._estate, notices, self._introductions).views(),
            *waiting.views(),
            *Approvals(inbox, self._live.mark).views(),
            *Actions(inbox, resolutions, self._live.mark).views(),
            *ReceiptPages(inbox, reader, self._audits, roots).views(),
            *self._estate.views(),
            *ContractPages(self._estate, agents).views(),
            *PolicyPages(self._estate, self._introductions.is_admin).views(),
            *PolicyEditPages(PolicyEdits(candidates), self._introductions.is_admin, self._editor).views(),
            *PolicyQuestionPages(runner, self._estate).views(),
            *AgentPages(runner, agents, self._introductions.is_admin).views(),
            *ReleasePages(candidates, self._introductions.is_admin).views(),
            *CandidatePages(candidates, self._introductions.is_admin).views(),
            *ShadowPages(candidates, self._introductions.is_admin).views(),
            *self._live.views(),
            *SearchPage(runner, self._estate).views(),
            *NoticePages(runner, notices, escalations, self._introductions.is_admin).views(),
            *BookmarkPages().views(),
            *DesignPages().views(),
        ]
        self._address: PublicAddress | None = None
        if settings.oidc is not None:
            self._provider = Provider(settings.oidc, runner, self._sessions, credentials)
            # asked again before an approval counts: a role may have been taken away at the provider meanwhile
            roles = runner.journal.roles
            roles.issuer, roles.reader = settings.oidc.issuer, self._provider.read_again

    @property
    def origin(self) -> str:
        """The origin of its pages; empty before it is served."""
        return self._address.console_origin if self._address else ""

    @property
    def url(self) -> str:
        """What stands before the path of a page, in every link to one; empty before it is served."""
        return self._address.console if self._address else ""

    def app(self, address: PublicAddress) -> ASGIApp:
        """The application, for browsers that reach it there."""
        self._address = address
        seconds = self._settings.session // 1000
        provided = self._provider.views(address, seconds) if self._provider else []
        known = (self._sessions, self._introductions)
        people = PeoplePages(self._runner, *known, address, seconds, has_provider=bool(provided))
        connected = ConnectionPages(self._connections, self._estate, self._introductions.is_admin, address)
        files = [Route("/static/editor/{name}", self._editor.file)]
        return self._web.app(address, [*self._views, *connected.views(), *people.views(), *provided], files)

    async def introduce(self, person: str) -> str:
        """The link by which a person brings a first passkey; for the terminal only."""
        if not self.url:
            raise AilyusError("no_owner", "the console is not served yet")
        return f"{self.url}/enrol/{await self._introductions.by_terminal(person)}"

    async def first_run(self) -> tuple[str, str] | None:
        """The first admin and their link, while nobody at all has a passkey."""
        runner = self._runner
        if any(key.kind == "passkey" for key in (await runner.journal.registry.keys()).values()):
            return None
        people = sorted(runner.release.people.by_name.values(), key=lambda person: person.name)
        admin = next((person for person in people if self._introductions.is_admin(person)), None)
        return (admin.name, await self.introduce(admin.name)) if admin else None

    def _permitted(self, needed: Access, person: Person) -> None:
        access.require(self._runner.release, needed, person)

    async def _is_signed_in(self, secret: str) -> bool:
        return await self._sessions.find(secret) is not None

    async def close(self) -> None:
        """End the live pages, and the audits that pages asked for."""
        await self._live.close()
        await self._audits.close()
        if self._provider is not None:
            await self._provider.close()

    async def _navigation(self, session: ConsoleSession) -> Mapping[str, JsonValue]:
        """What stands on every page: how many requests wait, and what is halted."""
        waiting = await inventory.waiting_count(self._runner.journal.store, session.person.tenant)
        halts = await self._estate.halts(session.person.tenant)
        halted = [f"{halt.scope} {halt.name}" if halt.name else "everything" for halt in halts]
        return {"waiting": waiting, "halted": list[JsonValue](halted)}
