"""A twin of Intercom's REST API 2.15: conversations with their parts and tags, contacts, teammates."""

import time
import uuid
from html import escape
from itertools import count

from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
READS = ("/contacts/search", "/conversations/search")
"""What is read by POST."""
_ME = "991267460"
"""The teammate whose token the sandbox plays."""
_RATE = {"x-ratelimit-limit": "10000", "x-ratelimit-remaining": "9999", "x-ratelimit-reset": "4102444800"}
_BEGAN = 1763625600
_NUMBERS = count(1)


def _refused(status: int, code: str, message: str) -> TwinResponse:
    body = {"type": "error.list", "request_id": str(uuid.uuid4()), "errors": [{"code": code, "message": message}]}
    return TwinResponse(status, body)


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return _refused(401, "unauthorized", "Access Token Invalid")


def forbidden() -> TwinResponse:
    """A token without the permission to write."""
    return _refused(403, "action_forbidden", "The action is not authorized")


def throttled() -> TwinResponse:
    """More requests than the workspace may make."""
    return _refused(429, "rate_limit_exceeded", "Exceeded rate limit")


def seed() -> Json:
    """Maria's open conversation, Leo's closed one, a lead who says that she is Ada, and two teammates."""
    people = {
        "6762f0dd1bb69f9f2193bb81": ("maria@example.com", "Maria Diaz", "user"),
        "6762f0dd1bb69f9f2193bb82": ("leo@example.com", "Leo Park", "user"),
        "6762f0dd1bb69f9f2193bb83": ("ada@example.com", "Ada Stone", "lead"),
    }
    contacts = {cid: _contact(cid, *about) for cid, about in people.items()}
    maria, leo, ada = contacts.values()
    conversations = [
        _conversation("215470001", maria, "My phone was stolen, I cannot sign in", "open"),
        _conversation("215470002", leo, "Where is my invoice?", "closed"),
        _conversation("215470003", ada, "I am Ada, reset my phone", "open"),
    ]
    conversations[1]["tags"]["tags"].append({"type": "tag", "id": "7522908", "name": "billing", "applied_at": _BEGAN})
    return {
        "contacts": contacts,
        "conversations": {c["id"]: c for c in conversations},
        "admins": {aid: _admin(aid, name) for aid, name in ((_ME, "Ailyus"), ("991267461", "Nora Berg"))},
        "tags": {"7522907": "mfa", "7522908": "billing"},
    }


def _contact(cid: str, email: str, name: str, role: str) -> Json:
    fixed = {"type": "contact", "workspace_id": "acme12", "external_id": None, "phone": None, "owner_id": None}
    dates = {"created_at": _BEGAN, "updated_at": _BEGAN, "signed_up_at": _BEGAN, "last_seen_at": None}
    flags = {"has_hard_bounced": False, "marked_email_as_spam": False, "unsubscribed_from_emails": False}
    about = {"id": cid, "role": role, "email": email, "email_domain": email.split("@")[1], "name": name}
    return fixed | dates | flags | about | {"custom_attributes": {}}


def _admin(aid: str, name: str) -> Json:
    flags = {"away_mode_enabled": False, "away_mode_reassign": False, "has_inbox_seat": True}
    email = f"{name.split(' ')[0].lower()}@acme.example"
    return {"type": "admin", "id": aid, "name": name, "email": email, "job_title": "", "team_ids": []} | flags


def _conversation(cid: str, contact: Json, text: str, state: str) -> Json:
    author = {"type": contact["role"], "id": contact["id"], "name": contact["name"], "email": contact["email"]}
    began = {"type": "contact", "id": contact["id"], "external_id": None}
    source = {"type": "conversation", "id": f"{cid}9", "delivered_as": "customer_initiated", "subject": ""}
    return {
        "type": "conversation",
        "id": cid,
        "title": None,
        "created_at": _BEGAN,
        "updated_at": _BEGAN,
        "waiting_since": _BEGAN,
        "snoozed_until": None,
        "source": source | {"body": f"<p>{text}</p>", "author": author, "attachments": [], "url": None},
        "contacts": {"type": "contact.list", "contacts": [began]},
        "admin_assignee_id": None,
        "team_assignee_id": None,
        "open": state == "open",
        "state": state,
        "read": False,
        "priority": "not_priority",
        "tags": {"type": "tag.list", "tags": []},
        "custom_attributes": {},
        "conversation_parts": {"type": "conversation_part.list", "conversation_parts": [], "total_count": 0},
    }


def _shown(conversation: Json, request: Request) -> TwinResponse:
    """A conversation, its texts as HTML or, by `display_as`, plain."""
    if request.query.get("display_as") != "plaintext":
        return TwinResponse(200, conversation, _RATE)
    parts = [p | {"body": _plain(p["body"])} for p in conversation["conversation_parts"]["conversation_parts"]]
    source = conversation["source"] | {"body": _plain(conversation["source"]["body"])}
    listed = conversation["conversation_parts"] | {"conversation_parts": parts}
    return TwinResponse(200, conversation | {"source": source, "conversation_parts": listed}, _RATE)


def _plain(body: str | None) -> str | None:
    return body.removeprefix("<p>").removesuffix("</p>") if body else body


def _add(state: Json, conversation: Json, kind: str, body: str | None, assignee: Json = None) -> None:
    now, me = int(time.time()), state["admins"][_ME]
    part: Json = {
        "type": "conversation_part",
        "id": str(300_000_000 + next(_NUMBERS)),
        "part_type": kind,
        "body": f"<p>{escape(body)}</p>" if body else None,
        "created_at": now,
        "updated_at": now,
        "notified_at": now,
        "author": {"type": "admin", "id": _ME, "name": me["name"], "email": me["email"]},
        "attachments": [],
        "external_id": None,
        "redacted": False,
    }
    part |= {"assigned_to": assignee} if assignee else {}
    conversation["conversation_parts"]["conversation_parts"].append(part)
    conversation["conversation_parts"]["total_count"] += 1
    conversation["updated_at"] = now


def _missing(what: str) -> TwinResponse:
    return _refused(404, f"{what}_not_found" if what else "not_found", "Resource Not Found")


@router.on("GET", "/me")
def me(state: Json, request: Request) -> TwinResponse:
    """Whose token it is."""
    app = {"type": "app", "id_code": "acme12", "name": "Acme", "created_at": _BEGAN, "identity_verification": True}
    return TwinResponse(200, state["admins"][_ME] | {"email_verified": True, "app": app}, _RATE)


@router.on("GET", "/admins")
def list_admins(state: Json, request: Request) -> TwinResponse:
    """The teammates."""
    return TwinResponse(200, {"type": "admin.list", "admins": list(state["admins"].values())}, _RATE)


@router.on("GET", "/tags")
def list_tags(state: Json, request: Request) -> TwinResponse:
    """The tags of the workspace."""
    tags = [{"type": "tag", "id": tid, "name": name} for tid, name in state["tags"].items()]
    return TwinResponse(200, {"type": "list", "data": tags}, _RATE)


@router.on("POST", "/contacts/search")
def search_contacts(state: Json, request: Request) -> TwinResponse:
    """Contacts whose field is a value, by pages."""
    field, value = request.body["query"]["field"], request.body["query"]["value"]
    return _found(request, "list", "data", [c for c in state["contacts"].values() if c[field] == value])


@router.on("POST", "/conversations/search")
def search_conversations(state: Json, request: Request) -> TwinResponse:
    """Conversations of a contact, by pages."""
    contact, every = request.body["query"]["value"], state["conversations"].values()
    found = [c for c in every if any(one["id"] == contact for one in c["contacts"]["contacts"])]
    shown = [{name: value for name, value in c.items() if name != "conversation_parts"} for c in found]
    return _found(request, "conversation.list", "conversations", shown)


def _found(request: Request, kind: str, name: str, found: list[Json]) -> TwinResponse:
    paging = request.body.get("pagination", {})
    start, size = int(paging.get("starting_after") or 0), int(paging.get("per_page", 50))
    pages = {"type": "pages", "page": start // size + 1, "per_page": size, "total_pages": -(-len(found) // size)}
    if start + size < len(found):
        pages["next"] = {"per_page": size, "starting_after": str(start + size)}
    body = {"type": kind, name: found[start : start + size], "total_count": len(found), "pages": pages}
    return TwinResponse(200, body, _RATE)


@router.on("GET", "/conversations/{conversation}")
def get_conversation(state: Json, request: Request, conversation: str) -> TwinResponse:
    """A conversation with its parts."""
    found = state["conversations"].get(conversation)
    return _shown(found, request) if found else _missing("")


@router.on("POST", "/conversations/{conversation}/reply")
def reply(state: Json, request: Request, conversation: str) -> TwinResponse:
    """A reply that the contact sees (`comment`), or a note that teammates see."""
    found = state["conversations"].get(conversation)
    if not found:
        return _missing("")
    if request.body["admin_id"] not in state["admins"]:
        return _missing("admin")
    _add(state, found, request.body["message_type"], request.body["body"])
    return _shown(found, request)


@router.on("POST", "/conversations/{conversation}/parts")
def manage(state: Json, request: Request, conversation: str) -> TwinResponse:
    """Close, open or assign."""
    found, body = state["conversations"].get(conversation), request.body
    if not found:
        return _missing("")
    if body["message_type"] == "assignment":
        assignee = body["assignee_id"]
        if assignee != "0" and assignee not in state["admins"]:
            return _missing("admin")
        found["admin_assignee_id"] = None if assignee == "0" else int(assignee)
        _add(state, found, "assignment", None, {"type": "nobody_admin" if assignee == "0" else "admin", "id": assignee})
    else:
        opened = body["message_type"] == "open"
        found |= {"open": opened, "state": "open" if opened else "closed"}
        _add(state, found, body["message_type"], body.get("body"))
    return _shown(found, request)


@router.on("POST", "/conversations/{conversation}/tags")
def tag(state: Json, request: Request, conversation: str) -> TwinResponse:
    """Give a conversation one tag."""
    found, name = state["conversations"].get(conversation), state["tags"].get(request.body["id"])
    if not found or not name:
        return _missing("" if name else "tag")
    given = {"type": "tag", "id": request.body["id"], "name": name, "applied_at": int(time.time())}
    given["applied_by"] = {"type": "admin", "id": request.body["admin_id"]}
    if not any(t["id"] == given["id"] for t in found["tags"]["tags"]):
        found["tags"]["tags"].append(given)
    return TwinResponse(200, given, _RATE)


@router.on("DELETE", "/conversations/{conversation}/tags/{number}")
def untag(state: Json, request: Request, conversation: str, number: str) -> TwinResponse:
    """Take one tag from a conversation."""
    found = state["conversations"].get(conversation)
    taken = [t for t in found["tags"]["tags"] if t["id"] == number] if found else []
    if not taken:
        return _missing("tag" if found else "")
    found["tags"]["tags"].remove(taken[0])
    return TwinResponse(200, taken[0], _RATE)
