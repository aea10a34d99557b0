"""A twin of Okta's Users and Factors APIs v1: real paths, shapes and error codes; `okta_access.py` has the rest."""

import re
import uuid
from collections.abc import Mapping

from adapters.sandbox import okta_access
from adapters.sandbox.okta_answers import error, limits, log, missing, page, trace
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
okta_access.add(router)
_SEARCH = re.compile(r'profile\.(email|login) eq "((?:[^"\\]|\\.)*)"')
_CREATED = "2026-01-05T09:00:00.000Z"


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return error(401, "E0000011", "Invalid token provided")


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return error(403, "E0000006", "You do not have permission to perform the requested action")


def throttled() -> TwinResponse:
    """Too many requests in the window of this endpoint."""
    answer = error(429, "E0000047", "API call exceeded rate limit due to too many requests")
    return TwinResponse(429, answer.body, limits(0, seconds=1))


def headers() -> Mapping[str, str]:
    """What stands beside every answer."""
    return {"x-okta-request-id": uuid.uuid4().hex, **limits()}


def audit(before: Json, state: Json, request: Request, answered: Mapping[str, str]) -> None:
    """Say in the system log which request made what it says that this one did."""
    trace(state, len(before["logs"]), answered["x-okta-request-id"])


def seed() -> Json:
    """Five people of one org, two applications and three groups."""
    return {
        **okta_access.seed(),
        "logs": [],
        "users": {
            "00u1maria0001": _user("00u1maria0001", "Maria", "Silva", "maria@example.com", "ACTIVE"),
            "00u2leo000001": _user("00u2leo000001", "Leo", "Brandt", "leo@example.com", "LOCKED_OUT"),
            "00u3ceo000001": _user("00u3ceo000001", "Ada", "Okafor", "ada@example.com", "ACTIVE", "vip"),
            "00u4none00001": _user("00u4none00001", "Nils", "Berg", "nils@example.com", "ACTIVE"),
            "00u5tom000001": _user("00u5tom000001", "Tom", "Reyes", "tom@example.com", "SUSPENDED"),
        },
        "factors": {
            "00u1maria0001": [_factor("opf1mariapush", "push"), _factor("ost1mariatotp", "token:software:totp")],
            "00u2leo000001": [_factor("opf2leopush01", "push")],
            "00u3ceo000001": [_factor("fwf3ceokey001", "webauthn")],
            "00u4none00001": [],
            "00u5tom000001": [_factor("opf5tompush01", "push")],
        },
    }


def _user(uid: str, first: str, last: str, email: str, status: str, kind: str = "employee") -> Json:
    profile = {"firstName": first, "lastName": last, "email": email, "login": email, "userType": kind}
    return {"id": uid, "status": status, "created": _CREATED, "profile": profile}


def _factor(fid: str, kind: str) -> Json:
    return {"id": fid, "factorType": kind, "provider": "OKTA", "status": "ACTIVE"}


def _missing(user: str) -> TwinResponse:
    return missing(user, "User")


@router.on("GET", "/api/v1/users")
def list_users(state: Json, request: Request) -> TwinResponse:
    """List users, by `search=profile.email eq "…"`, 200 a page."""
    search = _SEARCH.fullmatch(request.query.get("search", ""))
    users = list(state["users"].values())
    if search:
        value = re.sub(r"\\(.)", r"\1", search[2])
        users = [u for u in users if u["profile"][search[1]] == value]
    elif "search" in request.query:
        return error(400, "E0000031", "Invalid search criteria.")
    return page(request, users, 200)


@router.on("GET", "/api/v1/users/{user}")
def get_user(state: Json, request: Request, user: str) -> TwinResponse:
    """Get a user."""
    return TwinResponse(200, state["users"][user]) if user in state["users"] else _missing(user)


@router.on("GET", "/api/v1/users/{user}/factors")
def list_factors(state: Json, request: Request, user: str) -> TwinResponse:
    """List enrolled factors."""
    return TwinResponse(200, state["factors"][user]) if user in state["users"] else _missing(user)


@router.on("POST", "/api/v1/users/{user}/factors")
def enroll_factor(state: Json, request: Request, user: str) -> TwinResponse:
    """Enrol a factor."""
    if user not in state["users"]:
        return _missing(user)
    factor = _factor(request.body.get("id", f"opf{len(state['factors'][user])}new"), request.body["factorType"])
    state["factors"][user].append(factor)
    log(state, "user.mfa.factor.activate", "SUCCESS", user)
    return TwinResponse(200, factor)


@router.on("DELETE", "/api/v1/users/{user}/factors/{factor}")
def unenroll_factor(state: Json, request: Request, user: str, factor: str) -> TwinResponse:
    """Remove one factor."""
    factors = state["factors"].get(user, [])
    if not any(f["id"] == factor for f in factors):
        return missing(factor, "UserFactor")
    state["factors"][user] = [f for f in factors if f["id"] != factor]
    log(state, "user.mfa.factor.deactivate", "SUCCESS", user)
    return TwinResponse(204)


@router.on("POST", "/api/v1/users/{user}/lifecycle/reset_factors")
def reset_factors(state: Json, request: Request, user: str) -> TwinResponse:
    """Remove every factor."""
    if user not in state["users"]:
        return _missing(user)
    state["factors"][user] = []
    log(state, "user.mfa.factor.reset_all", "SUCCESS", user)
    return TwinResponse(200)


@router.on("POST", "/api/v1/users/{user}/lifecycle/unlock")
def unlock(state: Json, request: Request, user: str) -> TwinResponse:
    """Unlock a locked-out user."""
    if user not in state["users"]:
        return _missing(user)
    if state["users"][user]["status"] != "LOCKED_OUT":
        return error(403, "E0000032", "Unlock is not allowed for this user.")
    state["users"][user]["status"] = "ACTIVE"
    log(state, "user.account.unlock", "SUCCESS", user)
    return TwinResponse(200)


@router.on("POST", "/api/v1/users/{user}/lifecycle/suspend")
def suspend(state: Json, request: Request, user: str) -> TwinResponse:
    """Suspend an active user."""
    return _moved(state, user, ("ACTIVE",), "SUSPENDED", "suspend")


@router.on("POST", "/api/v1/users/{user}/lifecycle/unsuspend")
def unsuspend(state: Json, request: Request, user: str) -> TwinResponse:
    """Let a suspended user sign in again."""
    return _moved(state, user, ("SUSPENDED",), "ACTIVE", "unsuspend")


def _moved(state: Json, user: str, before: tuple[str, ...], after: str, operation: str) -> TwinResponse:
    if user not in state["users"]:
        return _missing(user)
    if state["users"][user]["status"] not in before:
        return error(400, "E0000001", f"Api validation failed: {operation}User")
    state["users"][user]["status"] = after
    log(state, f"user.lifecycle.{operation}", "SUCCESS", user)
    return TwinResponse(200)


@router.on("POST", "/api/v1/users/{user}/lifecycle/deactivate")
def deactivate(state: Json, request: Request, user: str) -> TwinResponse:
    """End a user's account: assignments and factors go, and an activation begins it anew."""
    if user not in state["users"]:
        return _missing(user)
    if state["users"][user]["status"] == "DEPROVISIONED":
        return forbidden()
    state["users"][user]["status"] = "DEPROVISIONED"
    state["factors"][user] = []
    for assigned in state["assigned"].values():
        assigned.pop(user, None)
    log(state, "user.lifecycle.deactivate", "SUCCESS", user)
    return TwinResponse(200)


@router.on("POST", "/api/v1/users/{user}/lifecycle/reset_password")
def reset_password(state: Json, request: Request, user: str) -> TwinResponse:
    """Send a user a link to a new password, until they follow it nobody signs in as them."""
    if user not in state["users"]:
        return _missing(user)
    if "sendEmail" not in request.query or state["users"][user]["status"] in ("DEPROVISIONED", "SUSPENDED", "STAGED"):
        return error(403, "E0000017", "Password reset failed")
    state["users"][user]["status"] = "RECOVERY"
    log(state, "user.account.reset_password", "SUCCESS", user)
    link = {"resetPasswordUrl": f"{request.base}/reset_password/token"}
    return TwinResponse(200, {} if request.query["sendEmail"] == "true" else link)


@router.on("DELETE", "/api/v1/users/{user}/sessions")
def clear_sessions(state: Json, request: Request, user: str) -> TwinResponse:
    """End every session of a user; the system log alone shows it."""
    if user not in state["users"]:
        return _missing(user)
    log(state, "user.session.clear", "SUCCESS", user)
    return TwinResponse(204)
