"""Whether connections can be used: each credential reference gives a value, and one harmless read is answered.

What this can tell: that the system is reachable, and that it does not refuse the read credential. A write credential is
only looked up, since nothing is written to try it. MCP servers, adapters in Python and pages are looked at elsewhere.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pydantic import JsonValue

from adapters.credentials.cache import Credentials
from adapters.http.adapter import HttpAdapter
from adapters.http.check import CheckAnswer, checked
from contracts.action.dispatch import Dispatch
from contracts.action.http_request import render_read
from contracts.action.observation import Outage, ReadOutage
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program, placeholder
from contracts.compiler.read_program import Read
from contracts.errors import CODES, AilyusError
from policies.release import Release
from server.workspace.clock import now_ms
from server.workspace.credentials import credentials_of
from server.workspace.workspace import Workspace

SECONDS = 5.0
"""How long one connection may take to answer."""
_NEXT: dict[Outage, str] = {
    "no_credential": "set the environment variable or write the file that the reference names, or its program",
    "not_connected": "connect it: `ailyus connection sign-in NAME`",
    "credential_refused": "renew the credential that `read` names",
    "unreachable": "correct `base_url`, or start the system",
    "target_failed": "look at the system itself, then ask again",
}


_REFUSED = (401, 403)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one connection said, or one reference of the settings gave; `next` where something is to be done."""

    name: str
    ok: bool
    says: str
    next: str = ""
    noun: str = "connection"


def _next(lack: AilyusError) -> str:
    """What to do for a credential that is missing: of a connection that signs in, what its server said leads there."""
    is_told = lack.hint != CODES["no_credential"]
    return lack.hint if is_told else _NEXT["no_credential"]


def _each(words: list[str]) -> str:
    """Each sentence once."""
    return "; ".join(dict.fromkeys(words))


class ShutGate:
    """The gate of an adapter that only reads: nothing passes."""

    def enter(self, dispatch: Dispatch) -> str | None:
        """Refuse every order."""
        return "nothing is sent here"

    async def reveal(self, dispatch: Dispatch, handle: str, destination: str) -> str | None:
        """Give no secret."""
        return None


async def probe(workspace: Workspace, release: Release) -> list[ProbeResult]:
    """Look up every reference, and ask every connection that a contract reads over HTTP, side by side."""
    credentials = credentials_of(workspace)
    adapter = HttpAdapter(release, ShutGate(), credentials, now_ms)
    try:
        signs_in = [t for t in release.targets.values() if t.oauth2 is not None and t.oauth2.is_stored]
        others = [t for t in release.targets.values() if t not in signs_in]
        found = await asyncio.gather(*(_probed(adapter, credentials, release, target) for target in others))
        # their tokens are in the store, which the gateway has
        says = "people sign in to it: `ailyus connection list` and `ailyus connection test NAME` say how it stands"
        found += [ProbeResult(target.name, True, says.replace("NAME", target.name)) for target in signs_in]
        found += [one async for one in _of_settings(workspace, credentials)]
    finally:
        await adapter.close()
        await credentials.close()
    return found


async def probe_target(release: Release, credentials: Credentials, target: Target, person: str = "") -> ProbeResult:
    """The same of one connection, with the credentials of a gateway that runs, and the account of this person."""
    adapter = HttpAdapter(release, ShutGate(), credentials, now_ms)
    try:
        return await _probed(adapter, credentials, release, target, person)
    finally:
        await adapter.close()


async def _probed(
    adapter: HttpAdapter, credentials: Credentials, release: Release, target: Target, person: str = ""
) -> ProbeResult:
    # looked up first: a read without its credential would be told as a refusal of the system
    missing = [lack for reference in _references(target) if (lack := await credentials.lack(reference)) is not None]
    if missing:  # guard: references are looked up
        # reading and writing often lack the same thing
        says, following = _each([one.sentence for one in missing]), _each([_next(one) for one in missing])
        return ProbeResult(target.name, False, says, following)
    if target.mcp is not None or target.plugin is not None:
        return ProbeResult(target.name, True, "its references give values; it is not read here")
    if target.check:
        return (await probe_check(target, await credentials.value(target.read, person)))[0]
    chosen = _read_of(release, target)  # never a request of our own making: contracts say what may be asked
    if chosen is None:
        return ProbeResult(target.name, True, "its references give values; no contract offers a read to try")
    read, scope = chosen
    seen = await adapter.read(read, target, scope, time.monotonic() + SECONDS, person)
    if isinstance(seen, ReadOutage):  # guard: each connection is asked
        following = _renewal(target) if seen.outage == "credential_refused" else _NEXT.get(seen.outage, "")
        return ProbeResult(target.name, False, seen.sentence, following)
    if isinstance(seen, Fault):  # an answer that the contract cannot read is an answer all the same
        return ProbeResult(
            target.name, True, f"it is reachable, and does not answer the read that was tried: {seen.sentence}"
        )
    answered = "404, for a record that need not exist" if seen.status == 404 else str(seen.status)
    return ProbeResult(
        target.name, True, f"it answered the read `{read.name}` ({answered}); the write credential is not tried"
    )


async def probe_check(target: Target, credential: str | None) -> tuple[ProbeResult, CheckAnswer | None]:
    """Ask a connection by its declared harmless read, once; with the answer that it took, where it took it."""
    seen = await checked(target, credential)
    if isinstance(seen, Fault):
        return ProbeResult(
            target.name, False, seen.sentence, "correct `base_url` and `check`, or start the system"
        ), None
    said = f"it answered `{target.check}` with {seen.status}"
    if seen.is_taken:
        return ProbeResult(target.name, True, f"{said}; the write credential is not tried"), seen
    following = _renewal(target) if seen.status in _REFUSED else "correct `check`, or look at the system itself"
    return ProbeResult(target.name, False, said, following), None


def _renewal(target: Target) -> str:
    """What to do where a target refuses the credential that reads."""
    client = target.oauth2
    if client is None:
        return _NEXT["credential_refused"]
    if client.is_stored:
        return f"connect it anew: `ailyus connection sign-in {target.name}`"
    part = f"[connections.{target.name}.oauth2]"
    return f"are the `read_scopes` of {part} those that the read needs, and does the server give them?"


def _references(target: Target) -> list[str]:
    """Every reference of a connection. One that holds `{person}` is looked up when a person's session begins."""
    found = [target.read, target.write]
    if target.ui is not None:
        found += [target.ui.login, target.ui.read_login]
    if target.mcp is not None:
        found += [value for _, value in target.mcp.variables if not value.startswith("text:")]
    return [reference for reference in dict.fromkeys(found) if reference and "{person}" not in reference]


def _read_of(release: Release, target: Target) -> tuple[Read, dict[str, object]] | None:
    """A read to try: one that needs no input, else one with the inputs that its contract gives as examples."""
    found: list[tuple[bool, str, Read, dict[str, object]]] = []
    for program in release.catalog.programs.values():
        for read in program.reads:
            if not isinstance(read, Read) or read.target != target.kind:
                continue
            known: tuple[dict[str, JsonValue], ...] = ({}, _examples(program))
            for params in known:
                scope = program.scope(params, target.tenant, target.environment)
                if not isinstance(render_read(read, target.base_url, scope), Fault):
                    found.append((bool(params), f"{program.name}.{read.name}", read, scope))
                    break
    if not found:
        return None
    # the smallest by name, so that two runs try the same read
    _, _, read, scope = min(found, key=lambda one: one[:2])
    return read, scope


def _examples(program: Program) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, field in program.contract.inputs.items():
        value = field.examples[0] if field.examples else placeholder(field)
        found[name] = "0" if value == "" else value  # an empty part of a path would ask for the list above it
    return found


async def _of_settings(workspace: Workspace, credentials: Credentials) -> AsyncIterator[ProbeResult]:
    """The references that stand outside of connections."""
    settings = workspace.settings
    named = {f"escalations.{name}": part.secret for name, part in settings.escalations.items()}
    named |= {f"notices.{name}": part.secret for name, part in settings.notices.items()}
    if settings.console.oidc is not None:
        named["console.oidc"] = settings.console.oidc.client_secret
    if settings.metrics is not None:
        named["metrics"] = settings.metrics.token
    # looked up and not used: whoever is told by them is told nothing by a check
    for name, reference in named.items():
        if reference and (fault := await credentials.missing(reference)):
            yield ProbeResult(name, False, fault, _NEXT["no_credential"], "credential")
