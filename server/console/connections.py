"""One connection: the account that somebody connected, what may be asked there, and how it is connected or ended."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.responses import Response

from contracts.action.oauth_client import OAuthClient
from contracts.action.target import Target
from contracts.errors import AilyusError
from policies.principal import Person
from server.console.estate import UNUSED, Inventory
from server.console.redirection import redirect
from server.console.visit import ConsoleRequest, Page, View
from server.operations.connections.authorizations import AuthorizationAnswer, Visitor
from server.operations.connections.connection_check import ConnectionFinding
from server.operations.connections.connection_list import ConnectionRow
from server.operations.connections.connections import Connections, redirect_uri
from server.workspace.public_address import PublicAddress

_LONGEST = 2_000
"""Characters of one parameter of an answer."""


class ConnectionPages:
    """The pages of one connection each."""

    def __init__(
        self,
        connections: Connections,
        estate: Inventory,
        is_admin: Callable[[Person], bool],
        address: PublicAddress,
    ) -> None:
        self._estate = estate
        self._is_admin = is_admin
        self._connections = connections
        self._address = address

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("GET", "/connections/{name}", self.connection),
            View("POST", "/connections/{name}/authorize", self.authorize),
            View("GET", "/connections/{name}/back", self.back),
            View("POST", "/connections/{name}/test", self.test),
            View("POST", "/connections/{name}/disconnect", self.disconnect),
        ]

    async def connection(self, visit: ConsoleRequest) -> Page:
        """Who connected which account, with which scopes, until when, and what has to be done."""
        return await self._page(visit, self._target(visit), None)

    async def authorize(self, visit: ConsoleRequest) -> Page:
        """To the pages of the authorization server, by a link that says where it leads."""
        target = self._target(visit)
        client = _client(target)
        side = next((one for one in client.sides if one == visit.form["side"]), client.sides[0])
        url = await self._connections.authorizations.begin(target.name, side, self._visitor(visit, target))
        body = {"name": target.name, "url": url, "host": urlsplit(url).netloc, "scopes": list(client.scopes(side))}
        return Page("authorize.html", f"Connect {target.name}", body)

    async def back(self, visit: ConsoleRequest) -> Response:
        """From there: what was given is looked at and kept, or refused."""
        target, query = self._target(visit), visit.request.query_params
        answer = AuthorizationAnswer(
            state=query.get("state", "")[:_LONGEST],
            code=query.get("code", "")[:_LONGEST],
            error=query.get("error", "")[:_LONGEST],
            issuer=query.get("iss"),
            fields={name: value[:_LONGEST] for name, value in list(query.items())[:20]},
        )
        await self._connections.authorizations.complete(target.name, answer, self._visitor(visit, target))
        return redirect(f"/connections/{target.name}")

    async def test(self, visit: ConsoleRequest) -> Page:
        """Its harmless read, and what came of it."""
        target = self._target(visit)
        if not self._may_test(visit, target):  # guard: who tests a connection
            hint = "an admin does it: somebody with a role of `[console] admins`"
            raise AilyusError("no_authority", f"`{target.name}` is not yours to test", hint=hint)
        found = await self._connections.test(target.name, _holder(target, visit))
        return await self._page(visit, target, found)

    async def disconnect(self, visit: ConsoleRequest) -> Response:
        """Its tokens hold no more; of one's own account, or as an admin of the one that all use."""
        target = self._target(visit)
        self._require_authority(visit, target)
        await self._connections.disconnection.disconnect(target.name, _holder(target, visit), visit.person.name)
        return redirect(f"/connections/{target.name}")

    def _target(self, visit: ConsoleRequest) -> Target:
        target = self._connections.target(visit.named("name"))
        if target.tenant != visit.tenant:
            raise AilyusError(
                "not_found", "there is no such connection in your tenant", hint="see the list of connections"
            )
        return target

    def _may_test(self, visit: ConsoleRequest, target: Target) -> bool:
        """May this person send its harmless read: whoever may connect it, and an admin where nobody signs in for it?"""
        # the read goes out by the credential of the gateway, and not by one of the visitor
        connects = self._connections.authorizations.may_connect(target, visit.person)
        signs_in = target.oauth2 is not None and target.oauth2.is_stored
        return connects or (not signs_in and self._is_admin(visit.person))

    def _require_authority(self, visit: ConsoleRequest, target: Target) -> None:
        if not self._connections.authorizations.may_connect(target, visit.person):
            hint = "an admin does it: somebody with a role of `[console] admins`"
            raise AilyusError("no_authority", "only an admin does this with an account that all use", hint=hint)

    def _visitor(self, visit: ConsoleRequest, target: Target) -> Visitor:
        return Visitor(visit.person, visit.signed_in.secret, redirect_uri(self._address.console, target.name))

    async def _page(self, visit: ConsoleRequest, target: Target, tested: ConnectionFinding | None) -> Page:
        client, holder = target.oauth2, _holder(target, visit)
        rows = [row for row in await self._connections.rows_of(target) if row.person in ("", holder)]
        body: dict[str, object] = {
            "name": target.name,
            "kind": target.kind,
            "environment": target.environment,
            "base_url": target.base_url,
            "principal": target.principal,
            "grant": client.grant if client is not None else "",
            "server": (client.issuer or client.token_url) if client is not None else "",
            "per_person": client is not None and client.per_person,
            "may_connect": self._connections.authorizations.may_connect(target, visit.person),
            "sides": _sides(client, rows),
            "redirect_uri": redirect_uri(self._address.console, target.name),
            "may_test": self._may_test(visit, target),
            "halted": target.name in self._estate.halted("connection"),
            "health": (await self._estate.health(visit.tenant)).get(target.name, UNUSED),
            "tested": tested.document() if tested is not None else None,
        }
        return Page("connection.html", f"Connection {target.name}", body)


def _client(target: Target) -> OAuthClient:
    if target.oauth2 is None:
        hint = "its credential stands behind a reference of the settings"
        raise AilyusError("not_found", f"nobody signs in for `{target.name}`", hint=hint)
    return target.oauth2


def _holder(target: Target, visit: ConsoleRequest) -> str:
    """Whose account it is: the visitor's, where each person has one of their own."""
    return visit.person.name if target.oauth2 is not None and target.oauth2.per_person else ""


def _sides(client: OAuthClient | None, rows: list[ConnectionRow]) -> list[Mapping[str, object]]:
    """Each side with what is connected there for this visitor."""
    if client is None or not client.is_stored:
        return []
    found: list[Mapping[str, object]] = []
    for side in client.sides:
        known = next((row for row in rows if row.side == side and row.state != "not_connected"), None)
        found.append(
            {"side": side, "scopes": list(client.scopes(side)), "row": known.document() if known is not None else None}
        )
    return found
