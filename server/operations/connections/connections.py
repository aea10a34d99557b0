"""The connections of a running gateway, as people see and change them: list, test, connect, disconnect."""

from collections.abc import Callable, Mapping, Sequence

from adapters.credentials.cache import Credentials
from adapters.oauth.authorization_servers import AuthorizationServers
from adapters.oauth.client_tokens import ClientTokens, TokenTimes
from adapters.oauth.subject_tokens import SubjectTokens
from contracts.action.target import Target
from contracts.errors import AilyusError
from policies.release import Release
from receipts.journal.journal import Journal
from server.operations.connections.access_tokens import AccessTokens
from server.operations.connections.authorizations import Authorizations
from server.operations.connections.connection_check import ConnectionFinding, check_connection
from server.operations.connections.connection_list import ConnectionRow, connection_rows
from server.operations.connections.disconnection import Disconnection
from server.operations.connections.grants import Grants


def redirect_uri(console: str, name: str) -> str:
    """Where a vendor sends a browser back to. Each connection has its own: none gets a code of another (RFC 9700)."""
    return f"{console}/connections/{name}/back"


class Connections:
    """What the console and the command line ask for, over the parts that sign in and keep tokens.

    The gateway's credentials get their access tokens from here.
    """

    def __init__(
        self, journal: Journal, release: Callable[[], Release], credentials: Credentials, admins: Sequence[str]
    ) -> None:
        self._release = release
        self._credentials = credentials
        servers = AuthorizationServers(credentials)
        self.grants = Grants(journal.store, journal.handles)
        self.subjects = SubjectTokens()
        self._fetched = ClientTokens(servers, self.subjects)
        self.access_tokens = credentials.tokens = AccessTokens(self._fetched, self.grants)
        self.authorizations = Authorizations(journal, release, admins, servers, self.grants)
        self.disconnection = Disconnection(journal, release, servers, self.grants)

    async def close(self) -> None:
        """Give connections back."""
        await self.authorizations.close()

    def target(self, name: str) -> Target:
        """The connection of this name in the live release. Raises `not_found`."""
        targets = self._release().targets
        if name not in targets:
            hint = f"one of {', '.join(sorted(targets))}"
            raise AilyusError("not_found", f"there is no connection `{name}`", hint=hint)
        return targets[name]

    async def rows(self) -> list[ConnectionRow]:
        """Every connection of every tenant."""
        return connection_rows(self._release().targets.values(), await self.grants.rows(), self._times())

    async def rows_of(self, target: Target) -> list[ConnectionRow]:
        """One connection."""
        return connection_rows((target,), await self.grants.rows(target.name), self._times())

    def _times(self) -> Mapping[str, TokenTimes]:
        return self._fetched.times(self.grants.store.now_ms())

    async def test(self, name: str, person: str = "") -> ConnectionFinding:
        """Ask one connection; a person is needed where each has an account of their own."""
        target = self.target(name)
        if target.oauth2 is not None and target.oauth2.per_person is not bool(person):
            needs = (
                "each person has an account of their own there" if not person else "one account is used by all there"
            )
            hint = "name the person: `--person`" if not person else "leave `--person` away"
            raise AilyusError("unknown_person", needs, hint=hint)
        return await check_connection(self._release(), self._credentials, target, person)
