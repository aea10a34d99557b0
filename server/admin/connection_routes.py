"""The owner's local door to connections: list, test, the link to connect one, and its end."""

from collections.abc import Callable

import orjson
from starlette.requests import Request

from contracts.errors import AilyusError
from policies.release import Release
from server.operations.connections.connections import Connections, redirect_uri


class ConnectionRoutes:
    """Routes of the local door."""

    def __init__(self, connections: Connections, release: Callable[[], Release], console: Callable[[], str]) -> None:
        self._connections = connections
        self._release = release
        self._console = console

    async def connections(self, request: Request) -> object:
        """Every connection and what is connected there."""
        return [row.document() for row in await self._connections.rows()]

    async def link(self, request: Request) -> object:
        """The page where a person connects it. Who may do so is asked there, of whoever is signed in."""
        name = request.path_params["name"]
        target = self._connections.target(name)
        client = target.oauth2
        if client is None or not client.is_stored:
            hint = 'only a connection with `grant = "authorization_code"` is connected by a person'
            raise AilyusError("not_found", f"nobody signs in for `{name}`", hint=hint)
        person = str(orjson.loads(await request.body()).get("person", ""))
        self._require_person(person, per_person=client.per_person)
        if not self._console():
            raise AilyusError("no_owner", "the console is not served yet")
        rows = await self._connections.rows_of(target)
        known = {row.side: row.connected_at for row in rows if row.person == person}
        return {
            "link": f"{self._console()}/connections/{name}",
            "redirect_uri": redirect_uri(self._console(), name),
            "sides": list(client.sides),
            "connected": {side: known.get(side, "") for side in client.sides},
        }

    async def test(self, request: Request) -> object:
        """Its harmless read."""
        person = str(orjson.loads(await request.body()).get("person", ""))
        return (await self._connections.test(request.path_params["name"], person)).document()

    async def disconnect(self, request: Request) -> object:
        """Its tokens hold no more."""
        query = request.query_params
        name, by = request.path_params["name"], query.get("by", "")
        ended = await self._connections.disconnection.disconnect(name, query.get("person", ""), by)
        return [{"side": one.side, "person": one.person, "revoked": one.revoked} for one in ended]

    def _require_person(self, person: str, *, per_person: bool) -> None:
        if per_person and not person:
            raise AilyusError(
                "unknown_person", "each person connects an account of their own", hint="name them: `--person`"
            )
        if person and not per_person:
            raise AilyusError("unknown_person", "one account is used by all there", hint="leave `--person` away")
        if person and self._release().people.get(person) is None:
            raise AilyusError("unknown_person", f"`{person}` is no declared person")
