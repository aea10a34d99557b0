"""The test of one connection while the gateway runs: its declared harmless read, else a read of a contract."""

from dataclasses import asdict, dataclass

from adapters.credentials.cache import Credentials
from contracts.action.target import Target
from contracts.errors import AilyusError
from policies.release import Release
from server.operations.connections.account import account_of
from server.workspace.probe import probe_check, probe_target


@dataclass(frozen=True, slots=True)
class ConnectionFinding:
    """What came of it. `account` is as which account it answered, where the connection's `check` says so."""

    connection: str
    ok: bool
    says: str
    next: str = ""
    account: str = ""

    def document(self) -> dict[str, object]:
        """As it is printed and answered."""
        return asdict(self)


async def check_connection(
    release: Release, credentials: Credentials, target: Target, person: str
) -> ConnectionFinding:
    """Ask it with the credential that reads. Nothing is written, and no other credential is tried."""
    if not target.check:
        found = await probe_target(release, credentials, target, person)
        return ConnectionFinding(target.name, found.ok, found.says, found.next)
    try:
        credential = await credentials.value(target.read, person)
    except AilyusError as error:
        return ConnectionFinding(target.name, False, error.sentence, error.hint)
    found, answer = await probe_check(target, credential)
    if answer is None:
        return ConnectionFinding(target.name, False, found.says, found.next)
    declared = target.oauth2.account if target.oauth2 is not None else ""
    account = account_of(declared, {"check": answer.body}) if declared.startswith("check.") else ""
    says = f"it answered `{target.check}` with {answer.status}" + (f" as {account}" if account else "")
    return ConnectionFinding(target.name, True, says, account=account)
