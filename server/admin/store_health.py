"""The health of the store: it can be read, its clock, its write-ahead log, its standby, and what waits in it."""

import time
from pathlib import Path

from contracts.errors import AilyusError
from receipts.store import health, wal
from receipts.store.mark import is_copy
from receipts.store.row import Read
from receipts.store.store import MAX_CLOCK_BACK_MS
from server.admin.finding import Finding
from server.admin.machine_health import passkey_finding
from server.workspace.clock import now_ms
from server.workspace.stores import reading
from server.workspace.workspace import Workspace

_UNITS = ((31_536_000, "years"), (86_400, "days"), (3_600, "hours"), (60, "minutes"))


def _is_unwitnessed(read: Read) -> bool:
    from receipts.store.standby import is_unwitnessed  # asyncpg is an extra

    return is_unwitnessed(read)


def _behind_ms(read: Read, is_database: bool) -> int:
    """How far the store's last commit is ahead of the clock that counts: the database's, or this machine's."""
    last = health.last_commit_ms(read)
    if last is None:
        return 0
    now = health.database_ms(read) if is_database else now_ms()
    return last - now


def _long(milliseconds: int) -> str:
    seconds = milliseconds // 1000
    return next((f"{seconds // n} {unit}" for n, unit in _UNITS if seconds >= 2 * n), f"{seconds} seconds")


def wal_health(store: Path) -> Finding:
    """How large the write-ahead log is, and who keeps it from being written back."""
    size = wal.size_of(store)
    if size <= wal.LIMIT:
        return Finding("wal", True, f"the write-ahead log has {size / 1e6:.1f} MB")
    held = ", ".join(f"{holder.name} (pid {holder.pid})" for holder in wal.holders(store))
    following = f"end {held}, which reads an older state of the store" if held else "ailyus serve writes it back"
    return Finding("wal", False, f"the write-ahead log has {size / 1e6:.0f} MB", following)


def _attention(halts: int, incidents: int, calls: int) -> Finding:
    says = f"{halts} halts, {incidents} outcomes in doubt, {calls} escalations that nobody took on"
    if not (halts or incidents or calls):
        return Finding("attention", True, says)
    following = "ailyus halt list; ailyus action list --in-doubt; ailyus escalation list"
    return Finding("attention", True, says, following, warns=True)


def store_findings(workspace: Workspace, contracts: list[str]) -> list[Finding]:
    """What the store says of itself; `contracts` are the released ones, of which some were never exercised."""
    if not workspace.settings.has_database and not workspace.store.exists():
        return [Finding("store", True, "none yet; it is made by the first `ailyus serve`")]
    started = time.perf_counter()
    try:
        with reading(workspace) as read:
            counts = health.counts(read)
            people = health.passkey_holders(read)
            used = health.used_contracts(read)
            behind = _behind_ms(read, workspace.settings.has_database)
            alone = workspace.settings.has_database and _is_unwitnessed(read)
            copied = is_copy(read)
    except AilyusError:
        return [Finding("store", False, "the store cannot be read", "ailyus audit")]
    took = (time.perf_counter() - started) * 1000
    never = [name for name in contracts if name not in used]
    says = f"{counts.statements} statements, {counts.waiting} waiting, {counts.intents} open intents ({took:.1f} ms)"
    findings = [Finding("store", True, says)]
    if copied:
        following = 'ailyus store accept-loss --as PERSON --reason "…"'
        findings.append(Finding("copy", False, "the store came out of a backup: no gateway starts on it", following))
    if behind > MAX_CLOCK_BACK_MS:  # the journal refuses to commit behind its own last commit
        says = f"the store's last commit is {_long(behind)} ahead of the clock: nothing is sent until then"
        following = 'correct the clock; if it is right: ailyus store accept-clock --as PERSON --reason "…"'
        findings.append(Finding("clock", False, says, following))
    else:
        findings.append(Finding("clock", True, "it is not behind the store's last commit"))
    if not workspace.settings.has_database:  # a database has no write-ahead log of ours
        findings.append(wal_health(workspace.store))
    if alone:
        following = "set `synchronous_standby_names` on the server"
        findings.append(Finding("standby", False, "a standby streams, and no commit waits for it", following))
    findings.append(_attention(counts.halts, counts.incidents, counts.escalations))
    findings.append(passkey_finding(workspace, people))
    if never:
        findings.append(Finding("exercise", True, f"{len(never)} of {len(contracts)} contracts were never exercised"))
    return findings
