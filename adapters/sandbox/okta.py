"""A twin of Okta's Users and Factors APIs v1: real paths, real shapes, real error codes."""

import re
import time

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_FILTER = re.compile(r'([\w.]+) eq "([^"]*)"')
_SEARCH = re.compile(r'profile\.(email|login) eq "((?:[^"\\]|\\.)*)"')


def _error(status: int, code: str, summary: str) -> TwinResponse:
    return TwinResponse(status, {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorCauses": []})


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return _error(401, "E0000011", "Invalid token provided")


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return _error(403, "E0000006", "You do not have permission to perform the requested action")


def throttled() -> TwinResponse:
    """Too many requests in the window of this endpoint."""
    reset = str(int(time.time()) + 1)
    headers = {"x-rate-limit-limit": "600", "x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
    answer = _error(429, "E0000047", "API call exceeded rate limit due to too many requests")
    return TwinResponse(429, answer.body, headers)


def _missing(user: str) -> TwinResponse:
    return _error(404, "E0000007", f"Not found: Resource not found: {user} (User)")


def seed() -> Json:
    """Three people of one org."""
    return {
        "apps": {"0oa1sso000001": _app("0oa1sso000001", "Company SSO"), "0oa2wiki00001": _app("0oa2wiki00001", "Wiki")},
        "assigned": {
            "0oa1sso000001": {},
            "0oa2wiki00001": {"00u2leo000001": _app_user("00u2leo000001", "2026-01-05T09:00:00.000Z")},
        },
        "logs": [],
        "users": {
            "00u1maria0001": _user("00u1maria0001", "Maria", "Silva", "maria@example.com", "ACTIVE"),
            "00u2leo000001": _user("00u2leo000001", "Leo", "Brandt", "leo@example.com", "LOCKED_OUT"),
            "00u3ceo000001": _user("00u3ceo000001", "Ada", "Okafor", "ada@example.com", "ACTIVE", "vip"),
            "00u4none00001": _user("00u4none00001", "Nils", "Berg", "nils@example.com", "ACTIVE"),
        },
        "factors": {
            "00u1maria0001": [_factor("opf1mariapush", "push"), _factor("ost1mariatotp", "token:software:totp")],
            "00u2leo000001": [_factor("opf2leopush01", "push")],
            "00u3ceo000001": [_factor("fwf3ceokey001", "webauthn")],
            "00u4none00001": [],
        },
    }


def _app(app: str, label: str) -> Json:
    return {"id": app, "label": label, "status": "ACTIVE", "signOnMode": "SAML_2_0", "fragile": []}


def _app_user(user: str, created: str) -> Json:
    return {"id": user, "scope": "USER", "status": "ACTIVE", "created": created}


def _user(uid: str, first: str, last: str, email: str, status: str, kind: str = "employee") -> Json:
    profile = {"firstName": first, "lastName": last, "email": email, "login": email, "userType": kind}
    return {"id": uid, "status": status, "created": "2026-01-05T09:00:00.000Z", "profile": profile}


def _factor(fid: str, kind: str) -> Json:
    return {"id": fid, "factorType": kind, "provider": "OKTA", "status": "ACTIVE"}


@router.on("GET", "/api/v1/users")
def list_users(state: Json, request: Request) -> TwinResponse:
    """List users, by `search=profile.email eq "…"`."""
    search = _SEARCH.fullmatch(request.query.get("search", ""))
    users = list(state["users"].values())
    if search:
        value = re.sub(r"\\(.)", r"\1", search[2])
        users = [u for u in users if u["profile"][search[1]] == value]
    elif "search" in request.query:
        return _error(400, "E0000031", "Invalid search criteria.")
    return TwinResponse(200, users[:200])


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
    return TwinResponse(200, factor)


@router.on("DELETE", "/api/v1/users/{user}/factors/{factor}")
def unenroll_factor(state: Json, request: Request, user: str, factor: str) -> TwinResponse:
    """Remove one factor."""
    factors = state["factors"].get(user, [])
    if not any(f["id"] == factor for f in factors):
        return _error(404, "E0000007", f"Not found: Resource not found: {factor} (UserFactor)")
    state["factors"][user] = [f for f in factors if f["id"] != factor]
    return TwinResponse(204)


@router.on("POST", "/api/v1/users/{user}/lifecycle/reset_factors")
def reset_factors(state: Json, request: Request, user: str) -> TwinResponse:
    """Remove every factor."""
    if user not in state["users"]:
        return _missing(user)
    state["factors"][user] = []
    return TwinResponse(200)


@router.on("POST", "/api/v1/users/{user}/lifecycle/unlock")
def unlock(state: Json, request: Request, user: str) -> TwinResponse:
    """Unlock a locked-out user."""
    if user not in state["users"]:
        return _missing(user)
    if state["users"][user]["status"] != "LOCKED_OUT":
        return _error(403, "E0000032", "Unlock is not allowed for this user.")
    state["users"][user]["status"] = "ACTIVE"
    return TwinResponse(200)


@router.on("POST", "/api/v1/users/{user}/lifecycle/suspend")
def suspend(state: Json, request: Request, user: str) -> TwinResponse:
    """Suspend an active user."""
    if user not in state["users"]:
        return _missing(user)
    if state["users"][user]["status"] != "ACTIVE":
        return _error(400, "E0000001", "Api validation failed: suspendUser")
    state["users"][user]["status"] = "SUSPENDED"
    return TwinResponse(200)


@router.on("GET", "/api/v1/apps/{app}")
def get_app(state: Json, request: Request, app: str) -> TwinResponse:
    """An application."""
    found = state["apps"].get(app)
    return TwinResponse(200, {k: v for k, v in found.items() if k != "fragile"}) if found else _no_app(app)


def _no_app(app: str) -> TwinResponse:
    return _error(404, "E0000007", f"Not found: Resource not found: {app} (AppInstance)")


def _not_assigned(user: str) -> TwinResponse:
    return _error(404, "E0000007", f"Not found: Resource not found: {user} (AppUser)")


@router.on("GET", "/api/v1/apps/{app}/users/{user}")
def get_app_user(state: Json, request: Request, app: str, user: str) -> TwinResponse:
    """Whether a user is assigned to an application."""
    found = state["assigned"].get(app, {}).get(user)
    return TwinResponse(200, found) if found else _not_assigned(user)


@router.on("POST", "/api/v1/apps/{app}/users")
def assign_user(state: Json, request: Request, app: str) -> TwinResponse:
    """Assign a user to an application."""
    user = request.body["id"]
    if app not in state["apps"]:
        return _no_app(app)
    if user not in state["users"]:
        return _missing(user)
    assigned = _app_user(user, stamp())
    state["assigned"][app][user] = assigned
    _logged(state, "application.user_membership.add", "SUCCESS", user)
    if user in state["apps"][app]["fragile"]:
        _logged(state, "user.authentication.sso", "FAILURE", user)
    return TwinResponse(200, assigned)


@router.on("DELETE", "/api/v1/apps/{app}/users/{user}")
def unassign_user(state: Json, request: Request, app: str, user: str) -> TwinResponse:
    """Take a user's assignment away."""
    if state["assigned"].get(app, {}).pop(user, None) is None:
        return _not_assigned(user)
    _logged(state, "application.user_membership.remove", "SUCCESS", user)
    return TwinResponse(204)


@router.on("GET", "/api/v1/logs")
def list_logs(state: Json, request: Request) -> TwinResponse:
    """The system log, by event type and outcome."""
    wanted = dict(_FILTER.findall(request.query.get("filter", "")))
    return TwinResponse(
        200,
        [
            e
            for e in state["logs"]
            if wanted.get("eventType", e["eventType"]) == e["eventType"]
            and wanted.get("outcome.result", e["outcome"]["result"]) == e["outcome"]["result"]
        ],
    )


def _logged(state: Json, event: str, result: str, user: str) -> None:
    state["logs"].append(
        {
            "uuid": f"log{len(state['logs'])}",
            "published": stamp(),
            "eventType": event,
            "actor": {"displayName": "ailyus-writer"},
            "outcome": {"result": result},
            "target": [{"type": "User", "id": user}],
        }
    )


@router.on("GET", "/api/v1/apps")
def list_apps(state: Json, request: Request) -> TwinResponse:
    """Applications whose label begins with `q`."""
    start = request.query.get("q", "").lower()
    found = [a for a in state["apps"].values() if a["label"].lower().startswith(start)]
    return TwinResponse(200, [{k: v for k, v in a.items() if k != "fragile"} for a in found])
