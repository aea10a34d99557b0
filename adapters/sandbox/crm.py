"""A twin of your own product's admin API, its sync with a CRM: a connection that expires, jobs, accounts."""

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
ACCOUNTS = 23
_RUNNING_LOOKS = 2
"""How many looks a job is still running."""


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return TwinResponse(401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return TwinResponse(403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": "insufficient access rights"}])


def _missing() -> TwinResponse:
    return TwinResponse(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])


def seed() -> Json:
    """A sync that failed because its connection expired, and 23 accounts that are behind."""
    accounts = {
        f"acc{n:04}": {"id": f"acc{n:04}", "sync": "stale", "synced_at": "2026-11-20T08:00:00.000Z"}
        for n in range(1, ACCOUNTS + 1)
    }
    connection = {"id": "crm-main", "health": "expired", "refreshed_at": "2026-11-19T08:00:00.000Z"}
    job = {
        "id": "nightly",
        "connection": "crm-main",
        "state": "Failed",
        "error": "expired access/refresh token",
        "looks": 0,
        "last_success_at": "2026-11-19T02:00:00.000Z",
    }
    return {"connections": {"crm-main": connection}, "jobs": {"nightly": job}, "accounts": accounts}


@router.on("GET", "/connections/{connection}")
def get_connection(state: Json, request: Request, connection: str) -> TwinResponse:
    """A connection's health."""
    found = state["connections"].get(connection)
    return TwinResponse(200, found) if found else _missing()


@router.on("POST", "/connections/{connection}/reauthenticate")
def reauthenticate(state: Json, request: Request, connection: str) -> TwinResponse:
    """Fetch a new session for the connection."""
    found = state["connections"].get(connection)
    if not found:
        return _missing()
    found |= {"health": "connected", "refreshed_at": stamp()}
    return TwinResponse(200, found)


@router.on("GET", "/jobs/{job}")
def get_job(state: Json, request: Request, job: str) -> TwinResponse:
    """A job's state; a running one ends after a few looks."""
    found = state["jobs"].get(job)
    if not found:
        return _missing()
    if found["state"] == "InProgress":
        found["looks"] += 1
        if found["looks"] > _RUNNING_LOOKS:
            found |= {"state": "JobComplete", "last_success_at": stamp(), "error": ""}
    return TwinResponse(200, found)


@router.on("POST", "/jobs/{job}/runs")
def start_job(state: Json, request: Request, job: str) -> TwinResponse:
    """Start a job: 202, whatever becomes of it."""
    found = state["jobs"].get(job)
    if not found:
        return _missing()
    expired = state["connections"][found["connection"]]["health"] != "connected"
    found |= {"looks": 0, "state": "Failed" if expired else "InProgress"}
    return TwinResponse(202, {"id": job, "accepted": True})


@router.on("GET", "/accounts/{account}")
def get_account(state: Json, request: Request, account: str) -> TwinResponse:
    """An account, and when it was synchronised."""
    found = state["accounts"].get(account)
    return TwinResponse(200, found) if found else _missing()


@router.on("POST", "/accounts/{account}/resync")
def resync(state: Json, request: Request, account: str) -> TwinResponse:
    """Synchronise one account again."""
    found = state["accounts"].get(account)
    if not found:
        return _missing()
    found |= {"sync": "current", "synced_at": stamp()}
    return TwinResponse(200, found)
