"""A contract tried against faults: a gateway of its own, a target or its twin, and something bad in between."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import RequestParamsMeta
from pydantic import JsonValue
from starlette.types import Receive, Scope, Send

from adapters.http import HttpAdapter
from adapters.wall import accept_no_more
from contracts.errors import AilyusError
from contracts.expressions import Fault
from contracts.program import HttpProgram, Program, Read
from policies.release import Release
from server.app import App, QuietServer, free_port, listen, running, start_sandbox
from server.settings import PersonPart, Workspace

FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": "nothing is wrong",
        "lost reply": "it is done, and the connection is cut before the answer",
        "late effect": "the connection is cut, and it is done a moment later",
        "lie": "the answer says yes, and nothing is done",
        "stale read": "it is done, and reads show the former state for a while",
        "429": "too many requests, once",
        "5xx": "an error before anything is done, once",
        "5xx after": "an error after it is done",
        "partial": "it is done, and half of the answer comes",
        "retrying proxy": "a proxy sends it twice, and gives the second answer",
    }
)
_TIMES_MS: Final = 1_000
"""Deadline and settle time of the rehearsal, at most."""
_LATE_SECONDS: Final = 0.6
_STALE_SECONDS: Final = 0.5
_HOP: Final = ("connection", "transfer-encoding", "content-length", "content-encoding", "host", "accept-encoding")


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one fault. `done` is what the target itself says.

    `effects` are the sends of ours that took effect, or the new objects that are left, where an action makes one.
    """

    fault: str
    status: str
    sends: int
    effects: int
    done: bool

    @property
    def wrong(self) -> str:
        """What must never be, or nothing."""
        if self.effects > 1:
            return "done twice"
        if self.status == "confirmed" and not self.done:
            return "confirmed, and it is not so"
        return "not_applied, and it is so" if self.status == "not_applied" and self.done else ""


@dataclass
class _Between:
    """The proxy: it lets everything through, but what one fault does to the write."""

    origin: str
    write: re.Pattern[str]
    method: str
    fault: str = "none"
    sends: int = 0
    effects: int = 0
    stale_until: float = 0.0
    seen: dict[str, httpx2.Response] = field(default_factory=dict)
    later: set[asyncio.Task[None]] = field(default_factory=set)
    http: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(trust_env=False, timeout=10))

    def begin(self, fault: str) -> None:
        """The next fault."""
        self.fault, self.sends, self.effects, self.stale_until = fault, 0, 0, 0.0
        self.seen.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = [(k, v) for k, v in scope["headers"] if k.decode("latin-1") not in _HOP]
        query = scope["query_string"].decode()
        path = scope.get("raw_path", b"").decode() or scope["path"]
        url = f"{self.origin}{path}" + (f"?{query}" if query else "")

        async def forward() -> httpx2.Response:
            return await self.http.request(scope["method"], url, headers=headers, content=body)

        if scope["method"] == self.method and self.write.fullmatch(path):
            await self._write(forward, send)
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self.stale_until and url in self.seen:
            await _answer(send, self.seen[url])
            return
        answer = await forward()
        if not self.sends:
            self.seen[url] = answer
        await _answer(send, answer)

    async def _write(self, forward: Callable[[], Awaitable[httpx2.Response]], send: Send) -> None:
        self.sends += 1
        first = self.sends == 1
        if self.fault == "lie":
            return await _answer(send, httpx2.Response(200, json={}))
        if first and self.fault == "429":
            return await _answer(send, httpx2.Response(429, headers={"retry-after": "1"}, json={"error": "slow down"}))
        if first and self.fault == "5xx":
            return await _answer(send, httpx2.Response(503, json={"error": "not now"}))
        if first and self.fault == "late effect":
            task = asyncio.create_task(self._late(forward))
            self.later.add(task)
            return await _cut(send, 200, b"", 1)
        answer = await forward()
        self.effects += answer.is_success
        if self.fault == "retrying proxy":
            answer = await forward()
        if self.fault == "stale read" and first:
            self.stale_until = asyncio.get_running_loop().time() + _STALE_SECONDS
        if first and self.fault == "lost reply":
            return await _cut(send, 200, b"", 1)
        if first and self.fault == "5xx after":
            return await _answer(send, httpx2.Response(502, json={"error": "bad gateway"}))
        if first and self.fault == "partial":
            return await _cut(
                send, answer.status_code, answer.content[: len(answer.content) // 2], len(answer.content) + 1
            )
        return await _answer(send, answer)

    async def _late(self, forward: Callable[[], Awaitable[httpx2.Response]]) -> None:
        await asyncio.sleep(_LATE_SECONDS)
        self.effects += (await forward()).is_success


async def _answer(send: Send, answer: httpx2.Response) -> None:
    headers = [(k, v) for k, v in answer.headers.raw if k.lower().decode("latin-1") not in _HOP]
    headers.append((b"content-length", str(len(answer.content)).encode()))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})


async def _cut(send: Send, status: int, body: bytes, promised: int) -> None:
    """Less than was promised: the server then cuts the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(promised).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where it is played: the contract at the real target, a gateway behind the proxy, and an agent of it."""

    program: Program
    release: Release
    connection: str
    looking: HttpAdapter
    address: str
    token: str


async def rehearse(
    workspace: Workspace,
    name: str,
    inputs: Mapping[str, JsonValue],
    faults: Sequence[str],
    told: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Try a contract against each fault. In `inputs`, `{n}` is the number of the fault.

    Where the connection is the sandbox's, a sandbox of its own is used and set back before each fault.
    """
    async with _apart(workspace) as (real, set_back):
        release = await asyncio.to_thread(real.release)
        program, route = _suitable(release, name)
        connection = _connection(release, program, str(inputs.get("connection", "")))
        target = release.targets[connection]
        parts = urlsplit(target.base_url)
        between = _Between(f"{parts.scheme}://{parts.netloc}", _pattern(route, parts.path), route.method)
        async with _served(between) as port:
            changed = {
                "base_url": f"http://127.0.0.1:{port}{parts.path}",
                "max_timeout": _TIMES_MS,
                "max_settle": _TIMES_MS,
            }
            behind = {**real.settings.connections}
            behind[connection] = behind[connection].model_copy(update=changed)
            there = Workspace(real.root, real.settings.model_copy(update={"connections": behind}))
            app = App(there, await asyncio.to_thread(there.release))
            async with running(app, 0) as address:
                person = next(p for p in real.settings.people if p.tenant == target.tenant)
                roles = frozenset(person.roles)
                token = await app.agents.add("rehearsal", person.tenant, person.name, person.name, roles, False)
                looking = HttpAdapter(release, app.journal, real.root, app.store.now_ms)
                stage = _Stage(program, release, connection, looking, address, token)
                rows: list[Row] = []
                try:
                    for number, fault in enumerate(faults, 1):
                        await set_back()
                        between.begin(fault)
                        given = {
                            k: v.replace("{n}", str(number)) if isinstance(v, str) else v for k, v in inputs.items()
                        }
                        rows.append(await _row(stage, between, given))
                        told(rows[-1])
                finally:
                    await looking.close()
        return rows


async def _row(stage: _Stage, between: _Between, given: dict[str, JsonValue]) -> Row:
    program = stage.program
    if program.needs_reason:
        given.setdefault("reason", f"a rehearsal of the fault {between.fault}")
    params = {k: v for k, v in given.items() if k in program.contract.inputs}
    before = await _look(stage, params)
    answer = await _called(stage, given, between.fault)
    await asyncio.gather(*between.later)
    after = await _look(stage, params)
    target = stage.release.targets[stage.connection]
    scope = program.scope(params, target.tenant, target.environment)
    scope |= {f"before.{n}": v for n, v in before.items()} | {f"after.{n}": v for n, v in after.items()}
    done = all(check.expression.holds(scope) for check in program.expect)
    effects = between.effects
    if program.made is not None:  # what an attempt left behind may have been taken back: what counts is what is there
        old, new = program.made.objects("before", scope) or [], program.made.objects("after", scope) or []
        known = {str(one[program.made.id]) for one in old}
        effects = sum(str(one[program.made.id]) not in known for one in new)
    return Row(between.fault, str(answer["status"]), between.sends, effects, done)


async def _look(stage: _Stage, params: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What the target itself says, past the proxy."""
    target = stage.release.targets[stage.connection]
    scope = stage.program.scope(params, target.tenant, target.environment)
    found: dict[str, JsonValue] = {}
    for read in stage.program.reads:
        beside = stage.release.beside(target, read.target)
        if not isinstance(read, Read) or beside is None:
            raise AilyusError("bad_contract", f"`{read.name}` is no read over HTTP", hint="only those can be rehearsed")
        seen = await stage.looking.read(read, beside, scope, asyncio.get_running_loop().time() + 10)
        if isinstance(seen, Fault):
            raise AilyusError("bad_contract", seen.sentence, hint="are the inputs those of a record that exists?")
        found[read.name] = seen.value
    return found


async def _called(stage: _Stage, given: Mapping[str, JsonValue], fault: str) -> dict[str, JsonValue]:
    headers = {"authorization": f"Bearer {stage.token}"}
    meta: RequestParamsMeta = {"dev.ailyus/caller-key": fault}  # type: ignore[typeddict-unknown-key]  # ours
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60.0, trust_env=False) as http,
        Client(streamable_http_client(stage.address, http_client=http)) as client,
    ):
        answer = (await client.call_tool(stage.program.name, dict(given), meta=meta)).structured_content or {}
        while answer.get("status") == "running":
            waiting = {"action_id": answer["action_id"], "wait_seconds": 45}
            answer = (await client.call_tool("get_action", waiting)).structured_content or {}
    if answer.get("status") in ("denied", "invalid", "approval_required"):
        error = answer.get("error")
        field_ = error.get("field") if isinstance(error, dict) else ""
        raise AilyusError(
            "bad_contract",
            f"it is `{answer['status']}` {field_ or ''}".strip(),
            hint="correct --input: is there such a record?",
        )
    return dict(answer)


# -- what is around it -------------------------------------------------------------------------------------------------


def _suitable(release: Release, name: str) -> tuple[Program, HttpProgram]:
    program = release.catalog.programs.get(name)
    if program is None or not program.is_write:
        raise AilyusError("not_found", f"there is no action `{name}`", hint="`ailyus contract list`")
    route = program.routes[0]
    if not isinstance(route, HttpProgram):
        raise AilyusError(
            "bad_contract", f"the first route of `{name}` is not HTTP", hint="only those can be rehearsed"
        )
    same = [r for r in program.reads if isinstance(r, Read) and r.method == route.method]
    if any(r.path.source == route.path.source for r in same):
        raise AilyusError("bad_contract", "a read looks like the write", hint="such a contract cannot be rehearsed")
    return program, route


def _connection(release: Release, program: Program, named: str) -> str:
    kinds = [t.name for t in release.targets.values() if t.kind == program.contract.target]
    if named in kinds:
        return named
    if not kinds:
        raise AilyusError("bad_settings", f"there is no connection of kind `{program.contract.target}`")
    return kinds[0]


def _pattern(route: HttpProgram, base: str) -> re.Pattern[str]:
    """Paths that the route's template can give."""
    own = "".join(re.escape(part) if isinstance(part, str) else "[^/]+" for part in route.path.parts)
    return re.compile(re.escape(base.rstrip("/")) + own)


@asynccontextmanager
async def _served(between: _Between) -> AsyncIterator[int]:
    port = free_port()
    server = QuietServer(between, "off")
    task = asyncio.create_task(server.serve([listen("127.0.0.1", port)]))
    try:
        yield port
    finally:
        await accept_no_more(getattr(server, "servers", ()))
        server.should_exit = server.force_exit = True
        await task
        await between.http.aclose()


@asynccontextmanager
async def _apart(workspace: Workspace) -> AsyncIterator[tuple[Workspace, Callable[[], Awaitable[None]]]]:
    """A workspace of its own: the same contracts and credentials, a policy that permits, nobody who is called."""
    settings = workspace.settings
    twin, port = None, free_port()
    connections = dict(settings.connections)
    if settings.sandbox is not None:
        twin = start_sandbox(port, None)
        old, new = f"127.0.0.1:{settings.sandbox.port}", f"127.0.0.1:{port}"
        for name, part in connections.items():
            connections[name] = part.model_copy(update={"base_url": part.base_url.replace(old, new)})
    state: list[bytes] = []

    async def set_back() -> None:
        if twin is None:
            return
        async with httpx2.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}/_sandbox") as http:
            if not state:
                state.append((await http.get("/state")).content)
            await http.put("/state", content=state[0])

    people = settings.people or tuple(
        PersonPart(name="rehearsal", tenant=tenant) for tenant in sorted({c.tenant for c in connections.values()})
    )
    changed = {"connections": connections, "people": people, "sandbox": None, "escalations": {}, "notices": {}}
    try:
        with tempfile.TemporaryDirectory(prefix="ailyus-rehearsal-") as name:
            folder = Path(name)
            shutil.copytree(workspace.root / "contracts", folder / "contracts")
            (folder / "policies").mkdir()
            (folder / "policies" / "rehearsal.cedar").write_text(
                '@id("rehearsal")\npermit (principal, action, resource);\n'
            )
            (folder / ".ailyus").mkdir(mode=0o700)
            if (workspace.private / "secrets").exists():
                (folder / ".ailyus" / "secrets").symlink_to(workspace.private / "secrets")
            yield Workspace(folder, settings.model_copy(update=changed)), set_back
    finally:
        if twin is not None:
            twin.kill()
            twin.wait()
            for stream in (twin.stdin, twin.stdout):
                if stream:
                    stream.close()
