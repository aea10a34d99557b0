"""A twin of Slack's Web API: channels, user groups, sessions and tokens, with `200 {"ok": false}` for every refusal."""

import time

from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
TEAM = "T0ACME00001"
BOT = "U0AILYUS001"
_BOT_ID = "B0AILYUS001"
READS = ("/admin.users.session.list",)
"""What is read by POST."""
_PAGE = 100
"""Items that a list gives at once where no `limit` is asked for."""
_IMAGES = {f"image_{size}": f"https://avatars.example/{size}.png" for size in (24, 32, 48, 72, 192, 512)}


def _refused(error: str, **more: Json) -> TwinResponse:
    return TwinResponse(200, {"ok": False, "error": error, **more})


def unauthorized() -> TwinResponse:
    """No or a wrong token: 200, as for every refusal."""
    return _refused("invalid_auth")


def forbidden() -> TwinResponse:
    """A token without the scope."""
    return _refused("missing_scope", needed="chat:write", provided="channels:read")


def throttled() -> TwinResponse:
    """Too many calls of a method: the one refusal that is not 200."""
    return TwinResponse(429, {"ok": False, "error": "ratelimited"})


def seed() -> Json:
    """Two channels, a user group, three users of whom one has two sessions, and a bot whose token is valid."""
    people = (("U0MARIA0001", "maria", "Maria Diaz"), ("U0LEO000001", "leo", "Leo Park"), (BOT, "ailyus", "Ailyus"))
    users = {uid: _user(uid, name, real) for uid, name, real in people}
    channels = {
        "C0SECURITY1": _channel("C0SECURITY1", "security", [BOT, "U0LEO000001"]),
        "C0INCIDENT1": _channel("C0INCIDENT1", "incident-42", [BOT, "U0LEO000001"]),
    }
    groups = {"S0ONCALL001": _group("S0ONCALL001", "oncall", ["U0LEO000001", BOT])}
    sessions = {"U0MARIA0001": [_session("U0MARIA0001", 7001, "iPhone"), _session("U0MARIA0001", 7002, "MacBook")]}
    return {
        "users": users,
        "channels": channels,
        "groups": groups,
        "sessions": sessions,
        "messages": [{"channel": cid, "message": _message("A new channel.", "1700000000.000100")} for cid in channels],
        "revoked": False,
    }


def _user(uid: str, name: str, real: str) -> Json:
    texts = ("title", "phone", "skype", "status_text", "status_emoji")
    profile = {
        "real_name": real,
        "real_name_normalized": real,
        "display_name": name,
        "display_name_normalized": name,
        "avatar_hash": "g0123456789a",
        "email": f"{name}@example.com",
        "fields": {},
        "team": TEAM,
        **dict.fromkeys(texts, ""),
        **_IMAGES,
    }
    flags = {"deleted": False, "is_bot": uid == BOT, "is_app_user": False, "is_admin": False, "is_owner": False}
    return {
        "id": uid,
        "team_id": TEAM,
        "name": name,
        "real_name": real,
        "profile": profile,
        "updated": 1700000000,
    } | flags


def _channel(cid: str, name: str, members: list[str]) -> Json:
    words = {"value": "", "creator": "", "last_set": 0}
    words_of = ("archived", "private", "mpim", "shared", "org_shared", "general", "group", "im")
    flags = {f"is_{word}": False for word in words_of}
    return {
        "id": cid,
        "name": name,
        "name_normalized": name,
        "created": 1700000000,
        "creator": "U0LEO000001",
        "is_channel": True,
        "is_member": True,
        "members": members,
        "topic": words,
        "purpose": words,
        **flags,
    }


def _group(gid: str, handle: str, users: list[str]) -> Json:
    fixed = {"is_usergroup": True, "is_subteam": True, "is_external": False, "auto_type": None, "auto_provision": False}
    dates = {"date_create": 1700000000, "date_update": 1700000000, "date_delete": 0}
    who = {"created_by": "U0LEO000001", "updated_by": "U0LEO000001", "deleted_by": None}
    names = {"id": gid, "team_id": TEAM, "name": "On call", "description": "", "handle": handle}
    more = {"enterprise_subteam_id": "", "prefs": {"channels": [], "groups": []}, "users": users}
    return names | fixed | dates | who | more | {"user_count": len(users)}


def _message(text: str, ts: str) -> Json:
    return {"type": "message", "text": text, "user": BOT, "bot_id": _BOT_ID, "team": TEAM, "ts": ts}


def _session(user: str, number: int, device: str) -> Json:
    created = {"device_hardware": device, "os": "", "os_version": "", "slack_client_version": "", "ip": "192.0.2.7"}
    return {"user_id": user, "team_id": TEAM, "session_id": number, "created": created, "recent": created}


def _said(request: Request, name: str) -> str:
    """A parameter, which a method takes from the query, a form or a JSON body."""
    given = request.body if isinstance(request.body, dict) else {}
    return str(given.get(name, request.query.get(name, "")))


def _page(request: Request, items: list[Json]) -> tuple[list[Json], Json]:
    """The items from a cursor on, and the cursor of those after them."""
    start, size = int(_said(request, "cursor") or 0), int(_said(request, "limit") or _PAGE)
    following = str(start + size) if start + size < len(items) else ""
    return items[start : start + size], {"next_cursor": following}


@router.on("POST", "/chat.postMessage")
def post_message(state: Json, request: Request) -> TwinResponse:
    """A message in a channel, which is named by id or by name."""
    named = _said(request, "channel").removeprefix("#")
    found = next((c for c in state["channels"].values() if named in (c["id"], c["name"])), None)
    if found is None:
        return _refused("channel_not_found")
    if found["is_archived"]:
        return _refused("is_archived")
    if not _said(request, "text"):
        return _refused("no_text")
    ts = f"{time.time():.6f}"
    message = _message(_said(request, "text"), ts)
    state["messages"].append({"channel": found["id"], "message": message})
    return TwinResponse(200, {"ok": True, "channel": found["id"], "ts": ts, "message": message})


@router.on("GET", "/conversations.history")
def history(state: Json, request: Request) -> TwinResponse:
    """The newest messages of a channel, the newest first."""
    channel = _said(request, "channel")
    if channel not in state["channels"]:
        return _refused("channel_not_found")
    found = [m["message"] for m in reversed(state["messages"]) if m["channel"] == channel]
    shown, following = _page(request, found)
    more = {"response_metadata": following} if following["next_cursor"] else {}
    body = {"ok": True, "messages": shown, "has_more": bool(more), "pin_count": 0, "channel_actions_ts": None}
    return TwinResponse(200, body | {"channel_actions_count": 0} | more)


@router.on("GET", "/conversations.list")
def list_channels(state: Json, request: Request) -> TwinResponse:
    """The channels, by pages."""
    shown, following = _page(request, [_shown(c) for c in state["channels"].values()])
    return TwinResponse(200, {"ok": True, "channels": shown, "response_metadata": following})


@router.on("GET", "/conversations.info")
def channel_info(state: Json, request: Request) -> TwinResponse:
    """One channel."""
    found = state["channels"].get(_said(request, "channel"))
    return TwinResponse(200, {"ok": True, "channel": _shown(found)}) if found else _refused("channel_not_found")


def _shown(channel: Json) -> Json:
    return {k: v for k, v in channel.items() if k != "members"}


@router.on("GET", "/conversations.members")
def channel_members(state: Json, request: Request) -> TwinResponse:
    """The ids of a channel's members, by pages."""
    found = state["channels"].get(_said(request, "channel"))
    if not found:
        return _refused("channel_not_found")
    shown, following = _page(request, found["members"])
    return TwinResponse(200, {"ok": True, "members": shown, "response_metadata": following})


@router.on("POST", "/conversations.invite")
def invite(state: Json, request: Request) -> TwinResponse:
    """Add one member to a channel; a member is `already_in_channel`."""
    found, user = state["channels"].get(_said(request, "channel")), _said(request, "users")
    if not found:
        return _refused("channel_not_found")
    if user not in state["users"]:
        return _refused("user_not_found")
    if user in found["members"]:
        return _refused("already_in_channel")
    found["members"].append(user)
    return TwinResponse(200, {"ok": True, "channel": _shown(found)})


@router.on("POST", "/conversations.kick")
def kick(state: Json, request: Request) -> TwinResponse:
    """Take one member out of a channel; who is no member is `not_in_channel`."""
    found, user = state["channels"].get(_said(request, "channel")), _said(request, "user")
    if not found:
        return _refused("channel_not_found")
    if user not in state["users"]:
        return _refused("user_not_found")
    if user == BOT:
        return _refused("cant_kick_self")
    if user not in found["members"]:
        return _refused("not_in_channel")
    found["members"].remove(user)
    return TwinResponse(200, {"ok": True})


@router.on("GET", "/usergroups.list")
def list_groups(state: Json, request: Request) -> TwinResponse:
    """The user groups."""
    hidden = () if _said(request, "include_users") == "true" else ("users",)
    shown = [{k: v for k, v in g.items() if k not in hidden} for g in state["groups"].values()]
    return TwinResponse(200, {"ok": True, "usergroups": shown})


@router.on("GET", "/usergroups.users.list")
def group_users(state: Json, request: Request) -> TwinResponse:
    """The ids of a user group's members."""
    found = state["groups"].get(_said(request, "usergroup"))
    return TwinResponse(200, {"ok": True, "users": found["users"]}) if found else _refused("no_such_subteam")


@router.on("POST", "/usergroups.users.update")
def update_group(state: Json, request: Request) -> TwinResponse:
    """Replace the members of a user group by those that are named."""
    found, users = state["groups"].get(_said(request, "usergroup")), _said(request, "users").split(",")
    if not found:
        return _refused("no_such_subteam")
    if any(user not in state["users"] for user in users):
        return _refused("invalid_users")
    found |= {"users": users, "user_count": len(users), "date_update": int(time.time()), "updated_by": BOT}
    return TwinResponse(200, {"ok": True, "usergroup": found})


@router.on("GET", "/users.info")
def user_info(state: Json, request: Request) -> TwinResponse:
    """One user."""
    found = state["users"].get(_said(request, "user"))
    return TwinResponse(200, {"ok": True, "user": found}) if found else _refused("user_not_found")


@router.on("GET", "/users.lookupByEmail")
def lookup(state: Json, request: Request) -> TwinResponse:
    """The user with an e-mail address."""
    email = _said(request, "email").lower()
    found = [u for u in state["users"].values() if u["profile"]["email"] == email]
    return TwinResponse(200, {"ok": True, "user": found[0]}) if found else _refused("users_not_found")


@router.on("POST", "/admin.users.session.list")
def list_sessions(state: Json, request: Request) -> TwinResponse:
    """The sessions of one user of one workspace."""
    if not _said(request, "team_id") or not _said(request, "user_id"):
        return _refused("invalid_arguments")
    if _said(request, "user_id") not in state["users"]:
        return _refused("user_not_found")
    shown, following = _page(request, state["sessions"].get(_said(request, "user_id"), []))
    return TwinResponse(200, {"ok": True, "active_sessions": shown, "response_metadata": following})


@router.on("POST", "/admin.users.session.reset")
def reset_sessions(state: Json, request: Request) -> TwinResponse:
    """End every session of a user."""
    if _said(request, "user_id") not in state["users"]:
        return _refused("user_not_found")
    state["sessions"][_said(request, "user_id")] = []
    return TwinResponse(200, {"ok": True})


@router.on("GET", "/auth.test")
def auth_test(state: Json, request: Request) -> TwinResponse:
    """Whom the token acts as."""
    if state["revoked"]:  # the sandbox's two words, for reading and for writing, stand for one token here
        return _refused("token_revoked")
    body = {"ok": True, "url": "https://acme.slack.com/", "team": "Acme", "user": "ailyus", "team_id": TEAM}
    return TwinResponse(200, body | {"user_id": BOT, "bot_id": _BOT_ID})


@router.on("POST", "/auth.revoke")
def revoke(state: Json, request: Request) -> TwinResponse:
    """Revoke the token that asks."""
    if state["revoked"]:
        return _refused("token_revoked")
    state["revoked"] = True
    return TwinResponse(200, {"ok": True, "revoked": True})
