"""A contract tried against faults: a gateway of its own, a target or its twin, and something bad in between."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import httpx2
import orjson
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import RequestParamsMeta
from pydantic import JsonValue

from adapters.router import AdapterRouter
from adapters.tls import no_trust
from contracts.action.observation import Observation, Reading, ReadOutage
from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram, PythonProgram
from contracts.errors import AilyusError
from policies.release import Release
from receipts.action.action_result import ActionResult
from receipts.reconciliation.comparison import evened
from server.app import App
from server.contract_testing.fault_result import Row
from server.contract_testing.faulty_hosts import FaultyHosts
from server.contract_testing.http_proxy import FAULTS, RETRY_AFTER_SECONDS, Proxy, proxied
from server.contract_testing.rehearsal_grants import lend_tokens
from server.contract_testing.rehearsal_secrets import lend_secrets
from server.contract_testing.rehearsal_workspace import rehearsal_workspace
from server.contract_testing.tcp_relay import ADAPTER_FAULTS, Relay, relayed
from server.gateway_process import running
from server.operations.halts import lift
from server.workspace.credentials import credentials_of
from server.workspace.settings.person import PersonPart
from server.workspace.workspace import Workspace

Between = Proxy | Relay
_TIMES_MS: Final = 1_000
"""Deadline and settle time of the rehearsal, at most."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where it is played: the contract at the real target, a gateway behind the proxy, and an agent of it."""

    program: Program
    release: Release
    connection: str
    looking: AdapterRouter
    address: str
    token: str
    person: str


async def rehearse(
    workspace: Workspace,
    name: str,
    inputs: Mapping[str, JsonValue],
    faults: Sequence[str],
    told: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Try a contract against each fault, or against all. In `inputs`, `{n}` is the number of the fault, and a text is
    read as the type that the contract declares.

    A secret input becomes a handle, new for each fault, of the value in `inputs` or of a random one.
    Where the connection is the sandbox's, a sandbox of its own is used and set back before each fault.
    """
    async with rehearsal_workspace(workspace) as (real, set_back):
        release = await asyncio.to_thread(real.release)
        program, route = _suitable(release, name)
        faults = _chosen(faults, FAULTS if isinstance(route, HttpProgram) else ADAPTER_FAULTS)
        connection = _connection(release, program, str(inputs.get("connection", "")))
        target = release.targets[connection]
        person = _person(real, target)
        async with _between(route, target) as (between, base_url):
            changed = {"base_url": base_url, "max_timeout": _TIMES_MS, "max_settle": _TIMES_MS}
            behind = {**real.settings.connections}
            behind[connection] = behind[connection].model_copy(update=changed)
            there = Workspace(real.root, real.settings.model_copy(update={"connections": behind}))
            hosts = FaultyHosts(credentials_of(there), between) if isinstance(between, Relay) else None
            app = App(there, await asyncio.to_thread(there.release), hosts)
            async with running(app, 0) as address:
                roles = frozenset(person.roles)
                owner = Caller("rehearsal", person.tenant, person.name, person.name, roles, roles)
                token = await app.agents.add("rehearsal", person.tenant, person.name, person.name, roles, False)
                both = (target, app.runner.release.targets[connection])
                await lend_tokens(workspace, app, workspace.targets()[connection], both, person.name)
                looking = app.systems(release)
                stage = _Stage(program, release, connection, looking, address, token, person.name)
                rows: list[Row] = []
                try:
                    for number, fault in enumerate(faults, 1):
                        await set_back()
                        between.begin(fault)
                        given = {k: _given(program, k, v, number) for k, v in inputs.items()}
                        given = await lend_secrets(app, program, owner, given)
                        rows.append(await _row(stage, between, given))
                        told(rows[-1])
                        if fault == "429":  # the gateway asks nothing until the pause is over that the target wanted
                            await asyncio.sleep(RETRY_AFTER_SECONDS + 0.1)
                        # three faults that end in doubt are no three strikes of one target: each is a run of its own
                        for made in app.runner.journal.controls.halts:
                            await lift(app.runner, made.scope, made.name, person.name)
                finally:
                    await looking.close()
        return rows


def _person(workspace: Workspace, target: Target) -> PersonPart:
    """Somebody of the connection's tenant, for whom the rehearsal asks. Raises `bad_settings` where there is nobody."""
    people = workspace.settings.people
    found = next((one for one in people if one.tenant == target.tenant), None)
    if found is None:
        tenants = ", ".join(sorted({f"`{one.tenant}`" for one in people})) or "none"
        sentence = f"nobody has the tenant `{target.tenant}` of the connection `{target.name}`; people have {tenants}"
        hint = "give the connection the tenant of those who ask, or declare a person of it under [[people]]"
        raise AilyusError("bad_settings", sentence, hint=hint)
    return found


def _given(program: Program, name: str, value: JsonValue, number: int) -> JsonValue:
    """An input of this fault: `{n}` is its number, and a text is read as the type that the contract declares."""
    if not isinstance(value, str):
        return value
    text, declared = value.replace("{n}", str(number)), program.contract.inputs.get(name)
    try:
        found: JsonValue = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    # `1` is text where text is declared, and `"1"` is so anywhere
    is_text = declared is None or declared.type in ("string", "secret")
    return text if is_text and not isinstance(found, str) else found


async def _row(stage: _Stage, between: Between, given: dict[str, JsonValue]) -> Row:
    program = stage.program
    if program.needs_reason:
        given.setdefault("reason", f"a rehearsal of the fault {between.fault}")
    params = {k: v for k, v in given.items() if k in program.contract.inputs}
    before = await _look(stage, params)
    answer = await _called(stage, given, between.fault)
    await asyncio.gather(*between.later)  # a late effect must be there before the target is asked what is so
    after = await _look(stage, params)
    target = stage.release.targets[stage.connection]
    scope = program.scope(params, target.tenant, target.environment)
    before, after = evened(program.reads, before, after)
    scope |= before.scope("before") | after.scope("after")
    done = all(check.expression.holds(scope) for check in program.expect)
    effects = int(done) if isinstance(between, Relay) else between.effects
    if program.made is not None:  # what an attempt left behind may have been taken back: what counts is what is there
        old, new = program.made.objects("before", scope) or [], program.made.objects("after", scope) or []
        known = {str(one[program.made.id]) for one in old}
        effects = sum(str(one[program.made.id]) not in known for one in new)
    return Row(between.fault, answer.status, between.sends, effects, done, between.note)


async def _look(stage: _Stage, params: Mapping[str, JsonValue]) -> Observation:
    """What the target itself says, past the proxy."""
    target = stage.release.targets[stage.connection]
    scope = stage.program.scope(params, target.tenant, target.environment)
    found: dict[str, Reading] = {}
    for read in stage.program.reads:
        beside = stage.release.beside(target, read.target)
        if beside is None:
            raise AilyusError("bad_settings", f"there is no connection of kind `{read.target}`")
        seen = await stage.looking.read(read, target, stage.person, scope, asyncio.get_running_loop().time() + 10)
        if isinstance(seen, Fault):
            hint = "are the inputs those of a record that exists?"
            if isinstance(seen, ReadOutage):
                hint = f"the connection `{seen.connection}` cannot be used from here; `ailyus doctor` says why"
            raise AilyusError("bad_contract", seen.sentence, hint=hint)
        found[read.name] = seen
    return Observation(found, 0, "separate_credential")


async def _called(stage: _Stage, given: Mapping[str, JsonValue], fault: str) -> ActionResult:
    headers = {"authorization": f"Bearer {stage.token}"}
    # a key of its own: else the same inputs would be the same action as at the fault before (invariant 5)
    meta: RequestParamsMeta = {"dev.ailyus/caller-key": fault}  # type: ignore[typeddict-unknown-key]  # ours
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60.0, trust_env=False, verify=no_trust()) as http,
        Client(streamable_http_client(stage.address, http_client=http)) as client,
    ):
        called = await client.call_tool(stage.program.name, dict(given), meta=meta)
        answer = ActionResult.of(called.structured_content or {})
        while answer.status == "running":
            waiting = {"action_id": answer.action_id, "wait_seconds": 45}
            answer = ActionResult.of((await client.call_tool("get_action", waiting)).structured_content or {})
    if answer.status in ("denied", "unavailable", "invalid", "approval_required"):
        field_ = answer.error.field if answer.error else ""
        raise AilyusError(
            "bad_contract",
            f"it is `{answer.status}` {field_}".strip(),
            hint="`ailyus doctor` says which system cannot be read"
            if answer.status == "unavailable"
            else "correct --input: is there such a record?",
        )
    return answer


# -- what is around it -------------------------------------------------------------------------------------------------


def _suitable(release: Release, name: str) -> tuple[Program, HttpProgram | PythonProgram]:
    program = release.catalog.programs.get(name)
    if program is None or not program.is_write:
        raise AilyusError("not_found", f"there is no action `{name}`", hint="`ailyus contract list`")
    if program.job is not None:
        raise AilyusError(
            "bad_contract", f"`{name}` starts a job", hint="only what takes effect at once can be rehearsed"
        )
    route = program.routes[0]
    if isinstance(route, PythonProgram):
        return program, route
    if not isinstance(route, HttpProgram):
        sentence = f"the first route of `{name}` is neither HTTP nor Python"
        raise AilyusError("bad_contract", sentence, hint="only those can be rehearsed")
    # the proxy tells reads from the write by method and path alone
    same = [r for r in program.reads if isinstance(r, Read) and r.method == route.method]
    if any(r.path.source == route.path.source for r in same):
        raise AilyusError("bad_contract", "a read looks like the write", hint="such a contract cannot be rehearsed")
    return program, route


def _chosen(wanted: Sequence[str], known: Mapping[str, str]) -> Sequence[str]:
    if unknown := [one for one in wanted if one not in known]:
        raise AilyusError("not_found", f"there is no fault `{unknown[0]}`", hint=f"one of {', '.join(known)}")
    if wanted and known is ADAPTER_FAULTS and wanted[0] != "none":
        return ("none", *wanted)  # a lie is what the adapter said when it was true
    return wanted or tuple(known)


def _between(route: HttpProgram | PythonProgram, target: Target) -> AbstractAsyncContextManager[tuple[Between, str]]:
    return proxied(route, target.base_url) if isinstance(route, HttpProgram) else relayed(target.base_url)


def _connection(release: Release, program: Program, named: str) -> str:
    kinds = [t.name for t in release.targets.values() if t.kind == program.contract.target]
    if named in kinds:
        return named
    if not kinds:
        raise AilyusError("bad_settings", f"there is no connection of kind `{program.contract.target}`")
    return kinds[0]
