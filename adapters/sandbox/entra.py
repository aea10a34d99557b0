"""A twin of Microsoft Graph v1.0 for Entra ID: users, their authentication methods, and groups."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_CONTEXT = "https://graph.microsoft.com/v1.0/$metadata"
_USER_DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)
"""What Graph shows of a user without `$select`."""
_FILTER = re.compile(r"displayName eq '((?:[^']|'')*)'")
_KINDS = {
    "phoneMethods": "#microsoft.graph.phoneAuthenticationMethod",
    "microsoftAuthenticatorMethods": "#microsoft.graph.microsoftAuthenticatorAuthenticationMethod",
    "fido2Methods": "#microsoft.graph.fido2AuthenticationMethod",
}
_PASSWORD = {
    "@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
    "id": "28c10230-6103-485e-b985-444c60001490",  # the same for everybody, as Graph has it
    "createdDateTime": "2026-01-05T09:00:00Z",
}


def _error(status: int, code: str, message: str) -> TwinResponse:
    inner = {"date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}", "request-id": str(uuid.uuid4())}
    return TwinResponse(status, {"error": {"code": code, "message": message, "innerError": inner}})


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return _error(401, "InvalidAuthenticationToken", "Access token is empty.")


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return _error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def throttled() -> TwinResponse:
    """Too many requests."""
    return _error(429, "TooManyRequests", "Too many requests")


def headers() -> Mapping[str, str]:
    """What stands beside every answer."""
    return {"request-id": str(uuid.uuid4())}


def _missing(what: str) -> TwinResponse:
    sentence = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    return _error(404, "Request_ResourceNotFound", sentence)


MARIA = "5b1f6a10-3c3e-4d6a-9a55-0a1de0000001"
LEO = "5b1f6a10-3c3e-4d6a-9a55-0a1de0000002"
ADA = "5b1f6a10-3c3e-4d6a-9a55-0a1de0000003"
SUPPORT = "c2a4e6d8-1b2c-4f3a-8d4e-6f7080000001"
ADMINS = "c2a4e6d8-1b2c-4f3a-8d4e-6f7080000002"


def seed() -> Json:
    """Three people and two groups of one tenant; Leo cannot sign in."""
    return {
        "users": {
            MARIA: _user(MARIA, "Maria", "Silva", True),
            LEO: _user(LEO, "Leo", "Brandt", False),
            ADA: _user(ADA, "Ada", "Okafor", True),
        },
        "methods": {
            MARIA: [
                _PASSWORD,
                _method("phoneMethods", "3179e48a-750b-4051-897c-87b9720928f7", phoneType="mobile"),
                _method("microsoftAuthenticatorMethods", "6803c096-8f5e-4c38-9d4e-2b1000000001", phoneAppVersion="6.8"),
            ],
            LEO: [_PASSWORD],
            ADA: [_PASSWORD, _method("fido2Methods", "c3RpLWtleS0wMDAwMDE", model="YubiKey 5")],
        },
        "groups": {
            SUPPORT: _group(SUPPORT, "support", False),
            ADMINS: _group(ADMINS, "admins", True),
        },
        "members": {SUPPORT: [LEO], ADMINS: [ADA]},
    }


def _user(uid: str, first: str, last: str, enabled: bool) -> Json:
    mail = f"{first.lower()}@example.com"
    return {
        **dict.fromkeys(_USER_DEFAULT),
        "businessPhones": [],
        "id": uid,
        "displayName": f"{first} {last}",
        "givenName": first,
        "surname": last,
        "mail": mail,
        "userPrincipalName": mail,
        "accountEnabled": enabled,
        "userType": "Member",
        "onPremisesSyncEnabled": None,
        "signInSessionsValidFromDateTime": "2026-01-05T09:00:00Z",
    }


def _method(kind: str, method: str, **more: Json) -> Json:
    return {"@odata.type": _KINDS[kind], "id": method, **more}


def _group(group: str, name: str, privileged: bool) -> Json:
    return {
        "id": group,
        "displayName": name,
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
        "onPremisesSyncEnabled": None,
        "isAssignableToRole": privileged,
    }


def _selected(request: Request, found: Json, default: Sequence[str], context: str) -> TwinResponse:
    names = request.query.get("$select", "").split(",") if "$select" in request.query else default
    shown = {name: found[name] for name in names if name in found}
    return TwinResponse(200, {"@odata.context": f"{_CONTEXT}#{context}", **shown})


def _page(request: Request, found: Sequence[Json], context: str) -> TwinResponse:
    """One page of a list: `$top`, and a link to the next page while there is one."""
    limit = min(int(request.query.get("$top", "100")), 999)
    start = int(request.query.get("$skiptoken", "0"))
    body: Json = {"@odata.context": f"{_CONTEXT}#{context}", "value": list(found[start : start + limit])}
    if start + limit < len(found):
        rest = "".join(f"&{k}={v}" for k, v in request.query.items() if k not in ("$top", "$skiptoken"))
        body["@odata.nextLink"] = f"{request.base}{request.path}?$top={limit}&$skiptoken={start + limit}{rest}"
    return TwinResponse(200, body)


def _find(state: Json, user: str) -> Json:
    """A user by id or by user principal name, in whatever case."""
    wanted = user.lower()
    return next((u for u in state["users"].values() if wanted in (u["id"], u["userPrincipalName"].lower())), None)


@router.on("GET", "/users/{user}")
def get_user(state: Json, request: Request, user: str) -> TwinResponse:
    """A user."""
    found = _find(state, user)
    return _selected(request, found, _USER_DEFAULT, "users/$entity") if found else _missing(user)


@router.on("PATCH", "/users/{user}")
def update_user(state: Json, request: Request, user: str) -> TwinResponse:
    """Change whether a user may sign in; what a directory on premises keeps cannot be changed here."""
    found = _find(state, user)
    if found is None:
        return _missing(user)
    if found["onPremisesSyncEnabled"]:
        sentence = "Unable to update the specified properties for on-premises mastered Directory Sync objects."
        return _error(400, "Request_BadRequest", sentence)
    found.update({name: value for name, value in request.body.items() if name in ("accountEnabled", "displayName")})
    return TwinResponse(204)


@router.on("POST", "/users/{user}/microsoft.graph.revokeSignInSessions")
def revoke_sessions(state: Json, request: Request, user: str) -> TwinResponse:
    """End a user's sessions: what was signed in before now does not count."""
    found = _find(state, user)
    if found is None:
        return _missing(user)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    found["signInSessionsValidFromDateTime"] = now
    return TwinResponse(200, {"@odata.context": f"{_CONTEXT}#Edm.Boolean", "value": True})


@router.on("GET", "/users/{user}/authentication/methods")
def list_methods(state: Json, request: Request, user: str) -> TwinResponse:
    """How a user signs in."""
    found = _find(state, user)
    return _page(request, state["methods"][found["id"]], "authentication/methods") if found else _missing(user)


@router.on("DELETE", "/users/{user}/authentication/phoneMethods/{method}")
@router.on("DELETE", "/users/{user}/authentication/microsoftAuthenticatorMethods/{method}")
@router.on("DELETE", "/users/{user}/authentication/fido2Methods/{method}")
def delete_method(state: Json, request: Request, user: str, method: str) -> TwinResponse:
    """Take one way to sign in away; a password cannot be taken away."""
    found = _find(state, user)
    kind = request.path.split("/")[-2]
    if found is None:
        return _missing(user)
    methods = state["methods"][found["id"]]
    left = [m for m in methods if (m["@odata.type"], m["id"]) != (_KINDS[kind], method)]
    if len(left) == len(methods):
        return _missing(method)
    state["methods"][found["id"]] = left
    return TwinResponse(204)


@router.on("GET", "/groups")
def list_groups(state: Json, request: Request) -> TwinResponse:
    """Groups by `$filter=displayName eq '…'`."""
    groups = list(state["groups"].values())
    if "$filter" in request.query:
        wanted = _FILTER.fullmatch(request.query["$filter"])
        if wanted is None:
            return _error(400, "Request_BadRequest", "Invalid filter clause")
        groups = [g for g in groups if g["displayName"] == wanted[1].replace("''", "'")]
    return _page(request, groups, "groups")


@router.on("GET", "/groups/{group}")
def get_group(state: Json, request: Request, group: str) -> TwinResponse:
    """A group."""
    found = state["groups"].get(group)
    return _selected(request, found, tuple(found), "groups/$entity") if found else _missing(group)


@router.on("GET", "/groups/{group}/members")
def list_members(state: Json, request: Request, group: str) -> TwinResponse:
    """Who is in a group."""
    if group not in state["groups"]:
        return _missing(group)
    people = [{"@odata.type": "#microsoft.graph.user", "id": user} for user in state["members"][group]]
    return _page(request, people, "directoryObjects")


@router.on("POST", "/groups/{group}/members/$ref")
def add_member(state: Json, request: Request, group: str) -> TwinResponse:
    """Put somebody into a group; one who is in it already is refused."""
    user = str(request.body.get("@odata.id", "")).rpartition("/")[2]
    if group not in state["groups"] or user not in state["users"]:
        return _missing(group if group not in state["groups"] else user)
    if user in state["members"][group]:
        sentence = "One or more added object references already exist for the following modified properties: 'members'."
        return _error(400, "Request_BadRequest", sentence)
    state["members"][group].append(user)
    return TwinResponse(204)


@router.on("DELETE", "/groups/{group}/members/{user}/$ref")
def remove_member(state: Json, request: Request, group: str, user: str) -> TwinResponse:
    """Take somebody out of a group; one who is not in it is not found."""
    if user not in state["members"].get(group, []):
        return _missing(user)
    state["members"][group].remove(user)
    return TwinResponse(204)
