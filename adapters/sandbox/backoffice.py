"""A small back office such as teams write for themselves: users, their API keys and integrations; an API and a page."""

from collections.abc import Mapping
from html import escape

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_NAMES = ("Ada Stone", "Ben Ode", "Cleo Park", "Dana Lind")


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return TwinResponse(401, {"error": "sign in first"})


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return TwinResponse(403, {"error": "this token only reads"})


def _missing() -> TwinResponse:
    return TwinResponse(404, {"error": "no such thing"})


def seed() -> Json:
    """Four users with a key each, and two integrations of which one has stopped."""
    users = {
        f"u-{n}": {"id": f"u-{n}", "name": name, "status": "active", "note": "", "changed_at": ""}
        for n, name in enumerate(_NAMES, 1)
    }
    keys = {f"k-{n}": {"id": f"k-{n}", "user_id": f"u-{n}", "label": "laptop"} for n in range(1, len(_NAMES) + 1)}
    integrations = {
        "i-1": {"id": "i-1", "name": "billing", "state": "running", "error": ""},
        "i-2": {"id": "i-2", "name": "mail", "state": "stopped", "error": "too many bounces"},
    }
    return {"users": users, "keys": keys, "integrations": integrations}


@router.on("GET", "/api/users")
def list_users(state: Json, request: Request) -> TwinResponse:
    """Every user."""
    return TwinResponse(200, {"users": list(state["users"].values())})


@router.on("GET", "/api/users/{user}")
def get_user(state: Json, request: Request, user: str) -> TwinResponse:
    """One user."""
    found = state["users"].get(user)
    return TwinResponse(200, found) if found else _missing()


@router.on("POST", "/api/users/{user}/lock")
def lock(state: Json, request: Request, user: str) -> TwinResponse:
    """Lock a user, with a note."""
    return _set(state, request, user, "locked")


@router.on("POST", "/api/users/{user}/unlock")
def unlock(state: Json, request: Request, user: str) -> TwinResponse:
    """Let a locked user in again."""
    return _set(state, request, user, "active")


def _set(state: Json, request: Request, user: str, status: str) -> TwinResponse:
    found = state["users"].get(user)
    if not found:
        return _missing()
    found |= {"status": status, "note": str((request.body or {}).get("note", "")), "changed_at": stamp()}
    return TwinResponse(200, found)


@router.on("GET", "/api/users/{user}/keys")
def list_keys(state: Json, request: Request, user: str) -> TwinResponse:
    """The API keys of a user."""
    return TwinResponse(200, {"keys": [key for key in state["keys"].values() if key["user_id"] == user]})


@router.on("DELETE", "/api/users/{user}/keys/{key}")
def revoke_key(state: Json, request: Request, user: str, key: str) -> TwinResponse:
    """Revoke one API key."""
    if state["keys"].get(key, {}).get("user_id") != user:
        return _missing()
    del state["keys"][key]
    return TwinResponse(204)


@router.on("GET", "/api/integrations/{integration}")
def get_integration(state: Json, request: Request, integration: str) -> TwinResponse:
    """One integration."""
    found = state["integrations"].get(integration)
    return TwinResponse(200, found) if found else _missing()


@router.on("POST", "/api/integrations/{integration}/restart")
def restart(state: Json, request: Request, integration: str) -> TwinResponse:
    """Start an integration again."""
    found = state["integrations"].get(integration)
    if not found:
        return _missing()
    found |= {"state": "running", "error": ""}
    return TwinResponse(202, found)


def audit(before: Json, state: Json, request: Request, answered: Mapping[str, str]) -> None:
    """One event for each change: who, what, to which records, by which request."""
    _, _, kind, *rest = request.path.split("/")
    verb = rest[-1] if request.method == "POST" else "revoke"
    objects = [part for part in rest if part[1:2] == "-"]
    events = state.setdefault("audit", [])
    events.append(
        {
            "id": f"e-{len(events) + 1}",
            "at": stamp(),
            "actor": {"id": "ailyus-writer"},
            "action": f"{kind}.{verb}",
            "objects": objects,
            "request": answered["x-request-id"],
        }
    )


@router.on("GET", "/api/audit")
def list_audit(state: Json, request: Request) -> TwinResponse:
    """The events between two times, 50 a page."""
    since, until = request.query.get("since", ""), request.query.get("until", "9")
    newest = stamp(-state.get("audit_after_ms", 0))
    found = [e for e in state.get("audit", []) if since <= e["at"] < until and e["at"] <= newest]
    start = int(request.query.get("cursor", "0"))
    following = {"next": str(start + 50)} if start + 50 < len(found) else {}
    return TwinResponse(200, {"events": found[start : start + 50], "page": following})


@router.on("GET", "/users/{user}")
def user_page(state: Json, request: Request, user: str) -> TwinResponse:
    """The page that people use."""
    found = state["users"].get(user)
    if not found:
        return TwinResponse(404, "<h1>No such user</h1>", {"content-type": "text/html; charset=utf-8"})
    keys = "".join(f"<li>{escape(k['label'])}</li>" for k in state["keys"].values() if k["user_id"] == user)
    page = (
        f"<!doctype html><title>{escape(found['name'])}</title><h1>{escape(found['name'])}</h1>"
        f"<p>Status: <strong>{escape(found['status'])}</strong></p><ul>{keys}</ul>"
    )
    return TwinResponse(200, page, {"content-type": "text/html; charset=utf-8"})
