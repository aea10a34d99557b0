"""Health, one finding per layer, each failure with the exact next command."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings, find_browser
from adapters.plugin import offered
from contracts.compiler.program import Program
from contracts.compiler.read_program import FlowRead
from contracts.compiler.route_program import BrowserProgram
from contracts.errors import AilyusError
from policies.release import Release
from receipts.log.signing import Signer
from receipts.store import health, wal
from receipts.store.row import Read
from receipts.store.store import MAX_CLOCK_BACK_MS
from server.admin.browser_install import install_browser
from server.admin.client import find_owner
from server.identity.token_issuer import Issuer
from server.workspace.contract_drafts import pins
from server.workspace.log_key import open_log_key
from server.workspace.probe import probe
from server.workspace.releases import begin, last_released
from server.workspace.stores import reading
from server.workspace.workspace import FILE, Workspace

UNASKED = "ailyus policy new require-approval --action ACTION; keep the policy `high-risk-needs-a-guard`"

_UNITS = ((31_536_000, "years"), (86_400, "days"), (3_600, "hours"), (60, "minutes"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One layer: whether it is well, what is seen, and what to do next."""

    layer: str
    ok: bool
    says: str
    next: str = ""


def examine(folder: Path) -> list[Finding]:
    """Look at every layer of a workspace without changing anything."""
    try:
        workspace = Workspace.open(folder)
    except AilyusError as error:
        return [Finding("workspace", False, error.sentence, error.hint)]
    findings = [Finding("workspace", True, str(folder))]
    release, found = _release(workspace)
    findings.extend(found)
    if release is None:
        return findings
    findings.extend(
        Finding(f"guards {at.target.name}", at.denied, at.says, "" if at.denied else UNASKED) for at in release.guards()
    )
    findings.append(_routes(workspace, release))
    findings.append(_browser(workspace, release))
    findings.extend(_servers(workspace))
    findings.extend(_adapters(workspace))
    findings.extend(_issuers(workspace, release))
    owner = find_owner(workspace)
    findings.extend(_connections(workspace, release, running=owner is not None))
    says = f"pid {owner.pid} at {owner.url}" if owner else "not running"
    findings.append(Finding("gateway", owner is not None, says, "" if owner else "ailyus serve"))
    findings.extend(_store(workspace, sorted(release.catalog.programs)))
    if workspace.settings.development:
        findings.append(Finding("keys", True, "development keys count here; receipts say `governed: false`"))
    findings.append(Finding("witness", True, "none: the log is attested by its own operator"))
    return findings


def _release(workspace: Workspace) -> tuple[Release | None, list[Finding]]:
    """What the files say and what was released last; the release that the gateway serves, or would."""
    findings, release = [], None
    try:
        release = workspace.release()
        count, policies = len(release.catalog.programs), len(release.decider.bundle.texts)
        says = f"{count} contracts, {policies} policy files, digest {release.digest[:12]}"
        findings.append(Finding("release", True, says))
    except AilyusError as error:
        following = "ailyus contract check; ailyus policy check"
        findings.append(Finding("release", False, str(error).split("\n")[0], following))
    try:
        signer = Signer(open_log_key(workspace, make=False))
        last = last_released(workspace, signer)
        if last is None:
            return release, [*findings, Finding("live", True, "nothing is released yet")]
        by = f" by {last.author}" if last.author else ""
        says = f"release {last.digest[:12]}{by}, {'signed' if last.signed else 'unsigned'}"
        if release is not None and release.digest == last.digest:
            return release, [*findings, Finding("live", True, f"{says}: what the files say")]
        following = "correct the files, or release them: ailyus release --as PERSON; then restart ailyus serve"
        findings.append(Finding("live", release is not None, f"{says}: NOT what the files say", following))
        return release or begin(workspace, signer).release, findings
    except AilyusError as error:
        findings.append(Finding("live", False, error.sentence, error.hint))
        return release, findings


def repair(folder: Path, say: Callable[[str], None]) -> None:
    """Install what is missing: a browser, unless a workspace stands here whose contracts use none."""
    try:
        workspace = Workspace.open(folder)
        if _uses_pages(workspace.release()):
            install_browser(say, workspace.settings.browser.path)
    except AilyusError as error:
        if error.code == "no_browser":
            raise
        install_browser(say)


def _uses_pages(release: Release) -> bool:
    return any(_by_pages(p) or any(isinstance(r, FlowRead) for r in p.reads) for p in release.catalog.programs.values())


def _by_pages(program: Program) -> bool:
    return any(isinstance(route, BrowserProgram) for route in program.routes)


def _browser(workspace: Workspace, release: Release) -> Finding:
    settings = workspace.settings.browser
    found = find_browser(settings.path)
    if not _uses_pages(release):
        return Finding("browser", True, "no contract uses one")
    kinds = {part.target for p in release.catalog.programs.values() for part in p.reads if isinstance(part, FlowRead)}
    kinds |= {p.contract.target for p in release.catalog.programs.values() if _by_pages(p)}
    without = sorted(t.name for t in release.targets.values() if t.kind in kinds and t.ui is None)
    if without:
        following = f"add [connections.{without[0]}.browser] with `login` and `principal` to {FILE}"
        return Finding("browser", False, f"`{without[0]}` has no account for its pages", following)
    if found is None:
        return Finding("browser", False, "there is none", "ailyus doctor --fix")
    try:
        version = asyncio.run(_opened(BrowserSettings(settings.path, settings.user, settings.sandbox, settings.pages)))
    except AilyusError as error:
        return Finding("browser", False, error.sentence, error.hint)
    return Finding("browser", True, f"{found} {version}, {'in its sandbox' if settings.sandbox else 'NO SANDBOX'}")


def _issuers(workspace: Workspace, release: Release) -> list[Finding]:
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


def _servers(workspace: Workspace) -> list[Finding]:
    """Every MCP server, started and asked: are its tools those that were released?"""
    findings = []
    for name, connection in workspace.settings.connections.items():
        if connection.mcp is None:
            continue
        following = f"ailyus contract pins {name}"
        try:
            rows, _ = pins(workspace, name, accept=False)
        except AilyusError as error:
            findings.append(Finding(f"server {name}", False, error.sentence, error.hint))
            continue
        other = sorted({str(row["tool"]) for row in rows if row["state"] != "as released"})
        says = f"{', '.join(other)}: not as released" if other else f"{len(rows)} calls of its tools, all as released"
        findings.append(Finding(f"server {name}", not other, says, following if other else ""))
    return findings


def _adapters(workspace: Workspace) -> list[Finding]:
    """Every adapter in Python that is named: is it installed, with the code that was named?"""
    here = {(one.entry_point, one.digest): one for one in offered()} if workspace.settings.adapters else {}
    findings = []
    for name, part in workspace.settings.adapters.items():
        one = here.get((part.entry_point, part.digest))
        says = f"{one.distribution} {one.version}" if one else f"`{part.entry_point}` with this digest is not installed"
        findings.append(Finding(f"adapter {name}", one is not None, says, "" if one else "ailyus adapter list"))
    return findings


def _connections(workspace: Workspace, release: Release, *, running: bool) -> list[Finding]:
    """Every connection, asked; the sandbox's twins only while the gateway that starts them runs."""
    twins = set()
    if workspace.settings.sandbox and not running:
        address = f"http://127.0.0.1:{workspace.settings.sandbox.port}/"
        twins = {t.name for t in release.targets.values() if t.base_url.startswith(address)}
    findings = []
    for one in asyncio.run(probe(workspace, release)):
        if one.name in twins and not one.ok:
            findings.append(Finding(f"connection {one.name}", True, "a twin, which `ailyus serve` starts"))
        else:
            findings.append(Finding(f"{one.noun} {one.name}", one.ok, one.says, one.next))
    return findings


async def _opened(settings: BrowserSettings) -> str:
    chromium = Chromium(settings)
    try:
        async with chromium.tab(frozenset(), None) as tab:
            return tab.context.browser.version if tab.context.browser else ""
    finally:
        await chromium.close()


def _is_unwitnessed(read: Read) -> bool:
    from receipts.store.standby import is_unwitnessed  # asyncpg is an extra

    return is_unwitnessed(read)


def _behind_ms(read: Read, is_database: bool) -> int:
    """How far the store's last commit is ahead of the clock that counts: the database's, or this machine's."""
    last = health.last_commit_ms(read)
    if last is None:
        return 0
    now = health.database_ms(read) if is_database else time.time_ns() // 1_000_000
    return last - now


def _long(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    return next((f"{seconds // n} {unit}" for n, unit in _UNITS if seconds >= 2 * n), f"{seconds} seconds")


def _wal(store: Path) -> Finding:
    size = wal.size_of(store)
    if size <= wal.LIMIT:
        return Finding("wal", True, f"the write-ahead log has {size / 1e6:.1f} MB")
    held = ", ".join(f"{holder.name} (pid {holder.pid})" for holder in wal.holders(store))
    following = f"end {held}, which reads an older state of the store" if held else "ailyus serve writes it back"
    return Finding("wal", False, f"the write-ahead log has {size / 1e6:.0f} MB", following)


def _attention(halts: int, incidents: int, calls: int) -> Finding:
    says = f"{halts} halts, {incidents} outcomes in doubt, {calls} escalations that nobody took on"
    following = "ailyus halts; ailyus action open; ailyus escalation list" if halts or incidents or calls else ""
    return Finding("attention", True, says + (f": {following}" if following else ""))


def _console(people: list[str]) -> Finding:
    if not people:
        return Finding("console", True, "nobody has a passkey yet: ailyus console link PERSON")
    return Finding("console", True, f"{', '.join(people)} can decide with a passkey")


def _routes(workspace: Workspace, release: Release) -> Finding:
    named = {p.contract.escalate for p in release.catalog.programs.values() if p.contract.escalate}
    named |= {p.plan.escalate for p in release.catalog.plans.values() if p.plan.escalate}
    missing = sorted(n for n in named if n not in workspace.settings.escalations)
    if not missing:
        return Finding("escalation", True, f"{len(named)} routes have somewhere to go")
    following = f"add [escalations.{missing[0]}] with a `webhook` to {FILE}"
    return Finding("escalation", True, f"nobody is told by {', '.join(f'`{m}`' for m in missing)}: {following}")


def _store(workspace: Workspace, contracts: list[str]) -> list[Finding]:
    if workspace.settings.store is None and not workspace.store.exists():
        return [Finding("store", True, "none yet; it is made by the first `ailyus serve`")]
    started = time.perf_counter()
    try:
        with reading(workspace) as read:
            counts = health.counts(read)
            people = health.passkey_holders(read)
            used = health.used_contracts(read)
            behind = _behind_ms(read, workspace.settings.store is not None)
            alone = workspace.settings.store is not None and _is_unwitnessed(read)
    except AilyusError:
        return [Finding("store", False, "the store cannot be read", "ailyus audit")]
    took = (time.perf_counter() - started) * 1000
    never = [name for name in contracts if name not in used]
    says = f"{counts.statements} statements, {counts.waiting} waiting, {counts.intents} open intents ({took:.1f} ms)"
    findings = [Finding("store", True, says)]
    if behind > MAX_CLOCK_BACK_MS:
        says = f"the store's last commit is {_long(behind)} ahead of the clock: nothing is sent until then"
        following = 'correct the clock; if it is right: ailyus store accept-clock --as PERSON --reason "…"'
        findings.append(Finding("clock", False, says, following))
    if workspace.settings.store is None:
        findings.append(_wal(workspace.store))
    if alone:
        following = "set `synchronous_standby_names` on the server"
        findings.append(Finding("standby", False, "a standby streams, and no commit waits for it", following))
    findings.append(_attention(counts.halts, counts.incidents, counts.escalations))
    findings.append(_console(people))
    if never:
        findings.append(Finding("exercise", True, f"{len(never)} of {len(contracts)} contracts were never exercised"))
    return findings
