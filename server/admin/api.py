"""The owner's local door: a Unix socket (mode 0600) for the command line. Nothing here is served over the network."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.errors import AilyusError
from policies.signed_resolution import SignedResolution
from receipts.tables import intents, passkeys
from receipts.tables.passkeys import PasskeyUse
from server.admin import access
from server.admin.approval_routes import ApprovalRoutes
from server.admin.connection_routes import ConnectionRoutes
from server.admin.export_routes import ExportRoutes
from server.admin.gateway_key_routes import GatewayKeyRoutes
from server.admin.release_routes import ReleaseRoutes
from server.admin.shadow_routes import ShadowRoutes
from server.approvals.inbox import Inbox
from server.approvals.keys import NewKey, link_new, revoke_key
from server.identity.agents import Agents
from server.observability.logs import bind_request
from server.operations.after_reviews import AfterReviews
from server.operations.archive_runs import ArchiveRuns, NewArchive, summary_document
from server.operations.candidates import Candidates
from server.operations.escalations import Escalations
from server.operations.halts import NewHalt, halt, lift
from server.operations.resolutions import Resolutions, open_incidents
from server.operations.shadow import Shadow


class NewAgent(BaseModel):
    """What `agent add` sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    tenant: str
    owner: str
    person: str | None = None
    roles: tuple[str, ...] = ()
    observe: bool = False


_MALFORMED = (
    "a value is missing, empty, too long or of another kind; the gateway and the command line are of one version"
)
Handler = Callable[[Request], Awaitable[object]]


class AdminApi:
    """Routes of the local door."""

    def __init__(
        self,
        candidates: Candidates,
        inbox: Inbox,
        agents: Agents,
        resolutions: Resolutions,
        escalations: Escalations,
        introduce: Callable[[str], Awaitable[str]],
        connections: ConnectionRoutes,
        archive_runs: ArchiveRuns,
        shadow: Shadow,
        exports: ExportRoutes,
    ) -> None:
        self._shadow = ShadowRoutes(shadow)
        self._exports = exports
        self._archive_runs = archive_runs
        self._candidates = candidates
        self._runner = candidates.releases.runner
        self._inbox = inbox
        self._agents = agents
        self._resolutions = resolutions
        self._escalations = escalations
        self._introduce = introduce
        self._connections = connections

    def app(self) -> Starlette:
        """The ASGI application."""
        asked, released = ApprovalRoutes(self._runner, self._inbox), ReleaseRoutes(self._candidates)
        own_keys = GatewayKeyRoutes(self._candidates.releases.workspace, self._runner.journal)
        routes = [
            ("GET", "/status", released.status),
            ("POST", "/releases", released.apply),
            ("POST", "/candidates", released.propose),
            ("POST", "/candidates/{candidate}", released.apply_proposed),
            ("DELETE", "/candidates/{candidate}", released.withdraw),
            ("POST", "/shadow", self._shadow.begin),
            ("DELETE", "/shadow", self._shadow.end),
            ("GET", "/approvals", asked.approvals),
            ("GET", "/approvals/{action}", asked.binding),
            ("POST", "/approvals", asked.decide),
            ("DELETE", "/actions/{action}", asked.cancel),
            ("POST", "/actions/{action}/recheck", self.recheck),
            ("POST", "/resolutions", self.resolve),
            ("GET", "/incidents", self.incidents),
            ("GET", "/halts", self.halts),
            ("POST", "/halts", self.halt),
            ("DELETE", "/halts/{scope}/{name:path}", self.unhalt),
            ("GET", "/escalations", self.escalations),
            ("POST", "/escalations/{escalation}", self.acknowledge),
            ("POST", "/escalations/{escalation}/close", self.close_review),
            ("GET", "/agents", self.agents),
            ("POST", "/agents", self.add_agent),
            ("PATCH", "/agents/{agent}", self.change_agent),
            ("GET", "/keys", self.keys),
            ("POST", "/keys", self.add_key),
            ("DELETE", "/keys/{keyid}", self.revoke_key),
            ("POST", "/gateway-keys/log", own_keys.rotate_log),
            ("POST", "/introductions", self.introduce),
            ("GET", "/connections", self._connections.connections),
            ("POST", "/connections/{name}/link", self._connections.link),
            ("POST", "/connections/{name}/test", self._connections.test),
            ("DELETE", "/connections/{name}", self._connections.disconnect),
            ("POST", "/access", self.access),
            ("POST", "/exports/{name}/test", self._exports.test),
            ("POST", "/exports/{name}/resume", self._exports.resume),
            ("GET", "/archives", self.archives),
            ("POST", "/archives", self.begin_archive),
        ]
        return Starlette(
            routes=[Route(path, _answering(handler), methods=[method]) for method, path, handler in routes]
        )

    async def recheck(self, request: Request) -> object:
        """Look again: whether what was confirmed still holds, what became of what is unknown."""
        return (await self._resolutions.recheck(request.path_params["action"])).document

    async def resolve(self, request: Request) -> object:
        """Take a person's signed word about an outcome in doubt."""
        signed = SignedResolution.model_validate_json(await request.body())
        return {"status": await self._resolutions.resolve(signed)}

    async def incidents(self, request: Request) -> object:
        """Outcomes in doubt that nobody has resolved."""
        return await open_incidents(self._runner)

    async def halts(self, request: Request) -> object:
        """What is halted, and what is on the wire nevertheless."""
        journal = self._runner.journal
        wire = await intents.on_the_wire(journal.store)
        return {
            "halts": [asdict(halt) for halt in journal.controls.halts],
            "on_the_wire": [{"action": one.action_id, "connection": one.connection} for one in wire],
        }

    async def halt(self, request: Request) -> object:
        """Stop everything, a connection, a contract or an agent, from now on."""
        await halt(self._runner, self._agents, NewHalt.model_validate_json(await request.body()))
        return await self.halts(request)

    async def unhalt(self, request: Request) -> object:
        """Lift a halt; what waited goes on where it stopped."""
        scope, name = request.path_params["scope"], request.path_params["name"]
        # `-` stands for the halt of everything, which has no name and would leave the path empty
        await lift(self._runner, scope, "" if name == "-" else name, request.query_params.get("by", ""))
        return {}

    async def escalations(self, request: Request) -> object:
        """What nobody has acknowledged."""
        return await self._escalations.listed()

    async def acknowledge(self, request: Request) -> object:
        """A person takes an escalation on."""
        body = orjson.loads(await request.body())
        await self._escalations.acknowledge(request.path_params["escalation"], str(body["person"]))
        return {}

    async def close_review(self, request: Request) -> object:
        """A person closes a review after the fact with what they found."""
        body = orjson.loads(await request.body())
        reviews = AfterReviews(self._runner)
        await reviews.close(request.path_params["escalation"], str(body["person"]), str(body["comment"]))
        return {}

    async def agents(self, request: Request) -> object:
        """Every agent."""
        return [{**asdict(agent), "roles": sorted(agent.roles)} for agent in await self._agents.list()]

    async def add_agent(self, request: Request) -> object:
        """Register an agent; its token is answered once."""
        new = NewAgent.model_validate_json(await request.body())
        roles = frozenset(new.roles)
        token = await self._agents.add(new.name, new.tenant, new.owner, new.person, roles, new.observe)
        return {"token": token}

    async def change_agent(self, request: Request) -> object:
        """Revoke or promote an agent."""
        await self._agents.change(
            request.path_params["agent"], revoke=orjson.loads(await request.body())["revoke"] is True
        )
        return {}

    async def add_key(self, request: Request) -> object:
        """Link a public key to a declared person."""
        new = NewKey.model_validate_json(await request.body())
        return {"keyid": await link_new(self._runner, new)}

    async def keys(self, request: Request) -> object:
        """Every key and whose it is."""
        keys = (await self._runner.journal.registry.keys()).values()
        used = await passkeys.uses(self._runner.journal.store)
        return [
            {"keyid": k.keyid, "person": k.person, "kind": k.kind, "revoked": k.revoked}
            | asdict(used.get(k.keyid, PasskeyUse()))
            for k in keys
        ]

    async def revoke_key(self, request: Request) -> object:
        """Revoke a key: from now on it approves nothing."""
        await revoke_key(self._runner, request.path_params["keyid"])
        return {}

    async def access(self, request: Request) -> object:
        """Log that somebody at the command line reads the evidence of a receipt."""
        body = orjson.loads(await request.body())
        await access.record(self._runner.journal, str(body["receipt"]), str(body["label"]), None)
        return {}

    async def begin_archive(self, request: Request) -> object:
        """Begin to archive closed actions, beside all else."""
        self._archive_runs.begin(NewArchive.model_validate_json(await request.body()))
        return await self.archives(request)

    async def archives(self, request: Request) -> object:
        """How the last run of the archive stands; its error is answered as one."""
        state = self._archive_runs.state
        if state.fault is not None:
            raise state.fault
        summary = None if state.summary is None else summary_document(state.summary)
        return {"running": state.running, "summary": summary}

    async def introduce(self, request: Request) -> object:
        """A link by which a declared person brings a passkey, while fewer than two admins have one."""
        return {"link": await self._introduce(str(orjson.loads(await request.body())["person"]))}


def _answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        bind_request()
        try:
            body, status = await handler(request), 200
        except AilyusError as error:
            body, status = {"code": error.code, "sentence": error.sentence, "hint": error.hint}, 409
        except (ValidationError, ValueError, KeyError):  # the text of these would quote what was sent
            body, status = {"code": "not_an_object", "sentence": "the request is malformed", "hint": _MALFORMED}, 400
        return Response(orjson.dumps(body), status, media_type="application/json")

    return endpoint
