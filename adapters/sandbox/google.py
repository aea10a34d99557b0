"""A twin of the Google Workspace Admin SDK: the Directory API v1, and the admin events of the Reports API v1."""

import re
from collections.abc import Mapping

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_DIRECTORY = "/admin/directory/v1"
_EVENTS = "/admin/reports/v1/activity/users/all/applications/admin"
_CUSTOMER = "C01acme01"


def _error(code: int, reason: str, message: str, **more: Json) -> TwinResponse:
    one = {"message": message, "domain": "global", "reason": reason}
    return TwinResponse(code, {"error": {"code": code, "message": message, "errors": [one], **more}})


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return _error(401, "authError", "Invalid Credentials", status="UNAUTHENTICATED")


def forbidden() -> TwinResponse:
    """A token without the scope to write."""
    return _error(403, "forbidden", "Not Authorized to access this resource/api")


def throttled() -> TwinResponse:
    """Too many requests."""
    return _error(429, "rateLimitExceeded", "Quota exceeded", status="RESOURCE_EXHAUSTED")


def headers() -> Mapping[str, str]:
    """What stands beside every answer: no id of the request, so that entity tags alone tie a change to it."""
    return {"vary": "Origin, X-Origin, Referer"}


def _missing(what: str) -> TwinResponse:
    return _error(404, "notFound", f"Resource Not Found: {what}")


MARIA = "101010000000000000001"
LEO = "101010000000000000002"
ADA = "101010000000000000003"


def seed() -> Json:
    """Three people and two groups of one customer; Leo is suspended, Ada is an administrator."""
    return {
        "users": {
            MARIA: _user(MARIA, "Maria", "Silva"),
            LEO: _user(LEO, "Leo", "Brandt", suspended=True, suspensionReason="ADMIN"),
            ADA: _user(ADA, "Ada", "Okafor", isAdmin=True),
        },
        "members": {"support@example.com": [LEO], "admins@example.com": [ADA]},
        "events": [],
    }


def _user(uid: str, first: str, last: str, **more: Json) -> Json:
    return {
        "kind": "admin#directory#user",
        "id": uid,
        "etag": f'"{uid}/1"',
        "primaryEmail": f"{first.lower()}@example.com",
        "name": {"givenName": first, "familyName": last, "fullName": f"{first} {last}"},
        "isAdmin": False,
        "isDelegatedAdmin": False,
        "creationTime": "2026-01-05T09:00:00.000Z",
        "lastLoginTime": "2026-11-20T08:00:00.000Z",
        "suspended": False,
        "archived": False,
        "changePasswordAtNextLogin": False,
        "customerId": _CUSTOMER,
        "orgUnitPath": "/",
        "isEnrolledIn2Sv": True,
        "isEnforcedIn2Sv": False,
        **more,
    }


def _find(state: Json, key: str) -> Json:
    """A user by id or by e-mail address, in whatever case."""
    return next((u for u in state["users"].values() if key.lower() in (u["id"], u["primaryEmail"])), None)


def _changed(user: Json) -> None:
    tag, _, version = user["etag"].strip('"').rpartition("/")
    user["etag"] = f'"{tag}/{int(version) + 1}"'


@router.on("GET", f"{_DIRECTORY}/users/{{user}}")
def get_user(state: Json, request: Request, user: str) -> TwinResponse:
    """A user."""
    found = _find(state, user)
    return TwinResponse(200, found) if found else _missing("userKey")


@router.on("PATCH", f"{_DIRECTORY}/users/{{user}}")
def patch_user(state: Json, request: Request, user: str) -> TwinResponse:
    """Suspend a user, or lift it."""
    found = _find(state, user)
    if found is None:
        return _missing("userKey")
    if "suspended" in request.body and request.body["suspended"] != found["suspended"]:
        found["suspended"] = bool(request.body["suspended"])
        found.pop("suspensionReason", None)
        found |= {"suspensionReason": "ADMIN"} if found["suspended"] else {}
        _changed(found)
    return TwinResponse(200, found)


@router.on("POST", f"{_DIRECTORY}/users/{{user}}/twoStepVerification/turnOff")
def turn_off(state: Json, request: Request, user: str) -> TwinResponse:
    """Forget a user's second step."""
    found = _find(state, user)
    if found is None:
        return _missing("userKey")
    if found["isEnrolledIn2Sv"]:
        found["isEnrolledIn2Sv"] = False
        _changed(found)
        _happened(state, "TURN_OFF_2_STEP_VERIFICATION", found)
    return TwinResponse(204)


@router.on("POST", f"{_DIRECTORY}/users/{{user}}/signOut")
def sign_out(state: Json, request: Request, user: str) -> TwinResponse:
    """End every session of a user; the admin events alone show it."""
    found = _find(state, user)
    if found is None:
        return _missing("userKey")
    _happened(state, "RESET_SIGNIN_COOKIES", found)
    return TwinResponse(204)


def _happened(state: Json, name: str, user: Json) -> None:
    parameters = [{"name": "USER_EMAIL", "value": user["primaryEmail"]}]
    state["events"].append(
        {
            "kind": "admin#reports#activity",
            "id": {
                "time": stamp(),
                "uniqueQualifier": str(7_000_000_000 + len(state["events"])),
                "applicationName": "admin",
                "customerId": _CUSTOMER,
            },
            "actor": {"callerType": "USER", "email": "ailyus-writer@example.com"},
            "events": [{"type": "USER_SETTINGS", "name": name, "parameters": parameters}],
        }
    )


@router.on("GET", _EVENTS)
def list_events(state: Json, request: Request) -> TwinResponse:
    """Admin events, newest first, by name and by `filters=USER_EMAIL==…`; without any there is no `items`."""
    wanted = re.fullmatch(r"USER_EMAIL==(.*)", request.query.get("filters", ""))
    found = [
        one
        for one in reversed(state["events"])
        if request.query.get("eventName", one["events"][0]["name"]) == one["events"][0]["name"]
        and (wanted is None or one["events"][0]["parameters"][0]["value"] == wanted[1])
    ]
    limit = min(int(request.query.get("maxResults", "1000")), 1000)
    start = int(request.query.get("pageToken", "0"))
    body: Json = {"kind": "admin#reports#activities"}
    if found:
        body["items"] = found[start : start + limit]
    if start + limit < len(found):
        body["nextPageToken"] = str(start + limit)
    return TwinResponse(200, body)


@router.on("GET", f"{_DIRECTORY}/groups/{{group}}/members/{{user}}")
def get_member(state: Json, request: Request, group: str, user: str) -> TwinResponse:
    """One who is in a group."""
    found = _find(state, user)
    if group not in state["members"]:
        return _missing("groupKey")
    if found is None or found["id"] not in state["members"][group]:
        return _missing("memberKey")
    return TwinResponse(200, _member(group, found))


def _member(group: str, user: Json) -> Json:
    return {
        "kind": "admin#directory#member",
        "id": user["id"],
        "etag": f'"{group}/{user["id"]}"',
        "email": user["primaryEmail"],
        "role": "MEMBER",
        "type": "USER",
        "status": "SUSPENDED" if user["suspended"] else "ACTIVE",
    }


@router.on("POST", f"{_DIRECTORY}/groups/{{group}}/members")
def insert_member(state: Json, request: Request, group: str) -> TwinResponse:
    """Put somebody into a group; one who is in it already is refused."""
    found = _find(state, str(request.body.get("id") or request.body.get("email") or ""))
    if group not in state["members"]:
        return _missing("groupKey")
    if found is None:
        return _missing("memberKey")
    if found["id"] in state["members"][group]:
        return _error(409, "duplicate", "Member already exists.")
    state["members"][group].append(found["id"])
    return TwinResponse(200, _member(group, found))


@router.on("DELETE", f"{_DIRECTORY}/groups/{{group}}/members/{{user}}")
def delete_member(state: Json, request: Request, group: str, user: str) -> TwinResponse:
    """Take somebody out of a group; one who is not in it is not found."""
    found = _find(state, user)
    if group not in state["members"]:
        return _missing("groupKey")
    if found is None or found["id"] not in state["members"][group]:
        return _missing("memberKey")
    state["members"][group].remove(found["id"])
    return TwinResponse(204)
