"""What gives access in Okta's twin: groups and applications with who is in them; and the system log."""

import re

from adapters.sandbox.clock import stamp
from adapters.sandbox.okta_answers import error, log, missing, page
from adapters.sandbox.system import Json, Request, Router, TwinResponse

_FILTER = re.compile(r'([\w.]+) eq "([^"]*)"')
_SEARCH = re.compile(r'profile\.name eq "((?:[^"\\]|\\.)*)"')
_CREATED = "2026-01-05T09:00:00.000Z"


def seed() -> Json:
    """Two applications and three groups, with who is in them."""
    return {
        "apps": {"0oa1sso000001": _app("0oa1sso000001", "Company SSO"), "0oa2wiki00001": _app("0oa2wiki00001", "Wiki")},
        "assigned": {"0oa1sso000001": {}, "0oa2wiki00001": {"00u2leo000001": _app_user("00u2leo000001", _CREATED)}},
        "groups": {
            "00g1everyone1": _group("00g1everyone1", "Everyone", "BUILT_IN"),
            "00g2support01": _group("00g2support01", "support", "OKTA_GROUP"),
            "00g3admins001": _group("00g3admins001", "admins", "OKTA_GROUP"),
        },
        "members": {
            "00g1everyone1": ["00u1maria0001", "00u2leo000001", "00u3ceo000001", "00u4none00001", "00u5tom000001"],
            "00g2support01": ["00u2leo000001"],
            "00g3admins001": ["00u3ceo000001"],
        },
    }


def _app(app: str, label: str) -> Json:
    return {"id": app, "label": label, "status": "ACTIVE", "signOnMode": "SAML_2_0", "fragile": []}


def _app_user(user: str, created: str) -> Json:
    return {"id": user, "scope": "USER", "status": "ACTIVE", "created": created}


def _group(group: str, name: str, kind: str) -> Json:
    profile = {"name": name, "description": f"The group {name}"}
    return {"id": group, "created": _CREATED, "lastUpdated": _CREATED, "type": kind, "profile": profile}


def add(router: Router) -> None:
    """Register every handler."""
    for method, path, handler in (
        ("GET", "/api/v1/groups", list_groups),
        ("GET", "/api/v1/groups/{group}", get_group),
        ("GET", "/api/v1/groups/{group}/users", list_members),
        ("GET", "/api/v1/users/{user}/groups", list_groups_of),
        ("PUT", "/api/v1/groups/{group}/users/{user}", add_member),
        ("DELETE", "/api/v1/groups/{group}/users/{user}", remove_member),
        ("GET", "/api/v1/apps", list_apps),
        ("GET", "/api/v1/apps/{app}", get_app),
        ("GET", "/api/v1/apps/{app}/users/{user}", get_app_user),
        ("POST", "/api/v1/apps/{app}/users", assign_user),
        ("DELETE", "/api/v1/apps/{app}/users/{user}", unassign_user),
        ("GET", "/api/v1/logs", list_logs),
    ):
        router.on(method, path)(handler)


def list_groups(state: Json, request: Request) -> TwinResponse:
    """Groups by `search=profile.name eq "…"`, or by the beginning of the name (`q`)."""
    search = _SEARCH.fullmatch(request.query.get("search", ""))
    groups = list(state["groups"].values())
    if search:
        groups = [g for g in groups if g["profile"]["name"] == re.sub(r"\\(.)", r"\1", search[1])]
    elif "search" in request.query:
        return error(400, "E0000031", "Invalid search criteria.")
    start = request.query.get("q", "").lower()
    return page(request, [g for g in groups if g["profile"]["name"].lower().startswith(start)], 10_000)


def get_group(state: Json, request: Request, group: str) -> TwinResponse:
    """A group."""
    return TwinResponse(200, state["groups"][group]) if group in state["groups"] else missing(group, "UserGroup")


def list_members(state: Json, request: Request, group: str) -> TwinResponse:
    """The users of a group."""
    if group not in state["groups"]:
        return missing(group, "UserGroup")
    return page(request, [state["users"][u] for u in state["members"][group]], 1000)


def list_groups_of(state: Json, request: Request, user: str) -> TwinResponse:
    """The groups of a user."""
    if user not in state["users"]:
        return missing(user, "User")
    return TwinResponse(200, [g for name, g in state["groups"].items() if user in state["members"][name]])


def add_member(state: Json, request: Request, group: str, user: str) -> TwinResponse:
    """Put a user into a group; one who is in it stays."""
    fault = _unchangeable(state, group, user)
    if fault is None and user not in state["members"][group]:
        state["members"][group].append(user)
        log(state, "group.user_membership.add", "SUCCESS", user, ("UserGroup", group))
    return fault or TwinResponse(204)


def remove_member(state: Json, request: Request, group: str, user: str) -> TwinResponse:
    """Take a user out of a group; one who is not in it stays out."""
    fault = _unchangeable(state, group, user)
    if fault is None and user in state["members"][group]:
        state["members"][group].remove(user)
        log(state, "group.user_membership.remove", "SUCCESS", user, ("UserGroup", group))
    return fault or TwinResponse(204)


def _unchangeable(state: Json, group: str, user: str) -> TwinResponse | None:
    if group not in state["groups"]:
        return missing(group, "UserGroup")
    if user not in state["users"]:
        return missing(user, "User")
    if state["groups"][group]["type"] != "OKTA_GROUP":
        return error(403, "E0000006", "You do not have permission to perform the requested action")
    return None


def get_app(state: Json, request: Request, app: str) -> TwinResponse:
    """An application."""
    found = state["apps"].get(app)
    return TwinResponse(200, _shown(found)) if found else missing(app, "AppInstance")


def _shown(app: Json) -> Json:
    return {k: v for k, v in app.items() if k != "fragile"}


def get_app_user(state: Json, request: Request, app: str, user: str) -> TwinResponse:
    """Whether a user is assigned to an application."""
    found = state["assigned"].get(app, {}).get(user)
    return TwinResponse(200, found) if found else missing(user, "AppUser")


def assign_user(state: Json, request: Request, app: str) -> TwinResponse:
    """Assign a user to an application."""
    user = request.body["id"]
    if app not in state["apps"]:
        return missing(app, "AppInstance")
    if user not in state["users"]:
        return missing(user, "User")
    assigned = _app_user(user, stamp())
    state["assigned"][app][user] = assigned
    log(state, "application.user_membership.add", "SUCCESS", user)
    if user in state["apps"][app]["fragile"]:
        log(state, "user.authentication.sso", "FAILURE", user)
    return TwinResponse(200, assigned)


def unassign_user(state: Json, request: Request, app: str, user: str) -> TwinResponse:
    """Take a user's assignment away."""
    if state["assigned"].get(app, {}).pop(user, None) is None:
        return missing(user, "AppUser")
    log(state, "application.user_membership.remove", "SUCCESS", user)
    return TwinResponse(204)


def list_apps(state: Json, request: Request) -> TwinResponse:
    """Applications whose label begins with `q`."""
    start = request.query.get("q", "").lower()
    return page(request, [_shown(a) for a in state["apps"].values() if a["label"].lower().startswith(start)], 200)


def list_logs(state: Json, request: Request) -> TwinResponse:
    """The system log, by time, event type, outcome and target; the newest first with `sortOrder=DESCENDING`.

    `logs_after_ms` of the state is how late its lines come.
    """
    newest = stamp(-state.get("logs_after_ms", 0))
    since, until = request.query.get("since", ""), request.query.get("until", "9")
    wanted = dict(_FILTER.findall(request.query.get("filter", "")))
    found = [
        e
        for e in state["logs"]
        if since <= e["published"] < until
        and e["published"] <= newest
        and wanted.get("eventType", e["eventType"]) == e["eventType"]
        and wanted.get("outcome.result", e["outcome"]["result"]) == e["outcome"]["result"]
        and ("target.id" not in wanted or any(t["id"] == wanted["target.id"] for t in e["target"]))
    ]
    if request.query.get("sortOrder") == "DESCENDING":
        found.reverse()
    return page(request, found, 1000 if "limit" in request.query else 100)
