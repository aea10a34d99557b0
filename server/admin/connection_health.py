"""The health of what the gateway connects to: targets, MCP servers, adapters in Python, token issuers."""

import asyncio

from adapters.plugin import offered
from contracts.errors import AilyusError
from policies.release import Release
from server.admin.finding import Finding
from server.identity.token_issuer import Issuer
from server.workspace.probe import probe
from server.workspace.settings.file import FILE
from server.workspace.tool_pins import pins
from server.workspace.workspace import Workspace


def issuer_findings(workspace: Workspace, release: Release) -> list[Finding]:
    """Whoever says who people are: do they answer, and are any of their people declared?"""
    settings = workspace.settings
    named = {
        "oauth": (settings.oauth.issuer, settings.oauth.keys) if settings.oauth else None,
        "sign-in": (settings.console.oidc.issuer, "") if settings.console.oidc else None,
    }
    findings = []
    for layer, where in named.items():
        if where is None:
            continue
        people = sum(person.issuer == where[0] for person in release.people.by_name.values())
        count = asyncio.run(_keys_of(*where))
        if not count:
            following = f"start {where[0]}, or correct its address in {FILE}"
            findings.append(Finding(layer, False, f"{where[0]} gives no keys", following))
        elif not people:
            following = f'give people `issuer = "{where[0]}"` and their `subject` in {FILE}'
            findings.append(Finding(layer, False, f"nobody is declared with the issuer {where[0]}", following))
        else:
            findings.append(Finding(layer, True, f"{where[0]}, {count} keys, {people} people"))
    return findings


async def _keys_of(issuer: str, keys: str) -> int:
    asked = Issuer(issuer, keys)
    try:
        await asked.refresh()
        return asked.count
    finally:
        await asked.close()


def server_findings(workspace: Workspace) -> list[Finding]:
    """Every MCP server, started and asked: are its tools those that were released?"""
    findings = []
    for name, connection in workspace.settings.connections.items():
        if connection.mcp is None:
            continue
        following = f"ailyus contract pins {name}"
        try:
            # INVARIANT 8: what a server says of its tools by now decides nothing; it is compared, and told
            rows, _ = pins(workspace, name, accept=False)
        except AilyusError as error:
            findings.append(Finding(f"server {name}", False, error.sentence, error.hint))
            continue
        other = sorted({str(row["tool"]) for row in rows if row["state"] != "as released"})
        says = f"{', '.join(other)}: not as released" if other else f"{len(rows)} calls of its tools, all as released"
        findings.append(Finding(f"server {name}", not other, says, following if other else ""))
    return findings


def adapter_findings(workspace: Workspace) -> list[Finding]:
    """Every adapter in Python that is named: is it installed, with the code that was named?"""
    # by name and digest: another build under the same name is another adapter
    here = {(one.entry_point, one.digest): one for one in offered()} if workspace.settings.adapters else {}
    findings = []
    for name, part in workspace.settings.adapters.items():
        one = here.get((part.entry_point, part.digest))
        says = f"{one.distribution} {one.version}" if one else f"`{part.entry_point}` with this digest is not installed"
        findings.append(Finding(f"adapter {name}", one is not None, says, "" if one else "ailyus adapter list"))
    return findings


def tenant_finding(workspace: Workspace, release: Release) -> Finding:
    """Can anybody use each connection? Who is of another tenant has no tool of it, and no agent acts for nobody.

    The sandbox's twins are left out: one of them is another tenant's, to show that it is out of reach.
    """
    peopled = {person.tenant for person in release.people.by_name.values()}
    twins = _twins(workspace, release)
    alone = {name: t.tenant for name, t in sorted(release.targets.items()) if t.tenant not in peopled}
    said = ", ".join(f"`{name}` is of `{tenant}`" for name, tenant in alone.items() if name not in twins)
    if not said:
        return Finding("tenants", True, "each connection is of a tenant that has people")
    tenants = " or ".join(f'`tenant = "{tenant}"`' for tenant in sorted(peopled))
    there = f"give the connection {tenants}" if peopled else "there are no people yet"
    following = f"{there}, or declare a person of its tenant under [[people]] in {FILE}"
    return Finding("tenants", True, f"no person is of the tenant, so nobody has a tool: {said}", following, warns=True)


def connection_findings(workspace: Workspace, release: Release, *, running: bool) -> list[Finding]:
    """Every connection, asked; the sandbox's twins only while the gateway that starts them runs."""
    twins = set() if running else _twins(workspace, release)
    findings = []
    for one in asyncio.run(probe(workspace, release)):
        # twins are no fault of the workspace: `ailyus serve` has not started them yet
        if one.name in twins and not one.ok:
            findings.append(Finding(f"connection {one.name}", True, "a twin, which `ailyus serve` starts"))
        else:
            findings.append(Finding(f"{one.noun} {one.name}", one.ok, one.says, one.next))
    return findings


def _twins(workspace: Workspace, release: Release) -> set[str]:
    """The connections whose systems are the sandbox's."""
    if workspace.settings.sandbox is None:
        return set()
    address = f"http://127.0.0.1:{workspace.settings.sandbox.port}/"
    return {target.name for target in release.targets.values() if target.base_url.startswith(address)}
