"""A twin of Zendesk's Ticketing API v2: tickets with comments and tags, users, safe updates, cursor pages."""

from datetime import UTC, datetime

from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_BASE = "https://acme.zendesk.com"
_RATE = {"ratelimit-limit": "700", "ratelimit-remaining": "699", "ratelimit-reset": "41"}
_STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
_AGENT = 101
"""The user whose API token the sandbox plays."""


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return TwinResponse(401, {"error": "Couldn't authenticate you"})


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return TwinResponse(403, {"error": {"title": "Forbidden", "message": "You do not have access to this page."}})


def throttled() -> TwinResponse:
    """More requests than the account may make in a minute."""
    sentence = "Number of allowed API requests per minute exceeded"
    return TwinResponse(429, {"error": "APIRateLimitExceeded", "description": sentence})


def seed() -> Json:
    """Four open tickets and one that is closed; four people who ask and two agents."""
    people = [(1, "maria@example.com"), (2, "leo@example.com"), (3, "ada@example.com"), (4, "nils@example.com")]
    agents = [(_AGENT, "ailyus@acme.example"), (102, "nora@acme.example")]
    users = [_user(uid, email, "end-user") for uid, email in people]
    users += [_user(uid, email, "agent") for uid, email in agents]
    return {
        "users": {str(user["id"]): user for user in users},
        "tickets": {
            "4711": _ticket(4711, 1, "My phone was stolen, I cannot sign in", "open"),
            "4712": _ticket(4712, 2, "Locked out", "new"),
            "4713": _ticket(4713, 1, "Old request", "closed"),
            "4714": _ticket(4714, 3, "New phone", "open"),
            "4715": _ticket(4715, 4, "New phone", "open"),
            "4716": _ticket(4716, 2, "Where is my invoice?", "solved"),
        },
        "comments": {},
    }


def _user(uid: int, email: str, role: str) -> Json:
    names = {"id": uid, "url": f"{_BASE}/api/v2/users/{uid}.json", "name": email.split("@")[0], "email": email}
    dates = {"created_at": "2026-01-05T08:00:00Z", "updated_at": "2026-01-05T08:00:00Z"}
    flags = {"active": True, "verified": True, "suspended": False, "shared": False}
    return names | dates | flags | {"role": role, "phone": None, "organization_id": None, "tags": []}


def _ticket(number: int, requester: int, subject: str, status: str) -> Json:
    lists = ("collaborator_ids", "follower_ids", "email_cc_ids", "sharing_agreement_ids", "followup_ids")
    empty = ("external_id", "type", "priority", "recipient", "assignee_id", "organization_id", "group_id", "due_at")
    return {
        "id": number,
        "url": f"{_BASE}/api/v2/tickets/{number}.json",
        "created_at": "2026-11-20T08:00:00Z",
        "updated_at": "2026-11-20T08:00:00Z",
        "subject": subject,
        "raw_subject": subject,
        "description": subject,
        "status": status,
        "requester_id": requester,
        "submitter_id": requester,
        "tags": ["web"],
        "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}},
        "custom_fields": [],
        "fields": [],
        "has_incidents": False,
        "is_public": True,
        "satisfaction_rating": None,
        **dict.fromkeys(empty),
        **{name: [] for name in lists},
    }


def _ok(body: Json) -> TwinResponse:
    return TwinResponse(200, body, _RATE)


def _missing() -> TwinResponse:
    return TwinResponse(404, {"error": "RecordNotFound", "description": "Not found"})


def _invalid(field: str, sentence: str) -> TwinResponse:
    details = {field: [{"description": sentence, "error": "InvalidValue"}]}
    return TwinResponse(422, {"error": "RecordInvalid", "description": "Record validation errors", "details": details})


def _conflict() -> TwinResponse:
    sentence = "Safe Update prevented the update due to outdated ticket data. Please fetch the latest and try again."
    return TwinResponse(409, {"error": "UpdateConflict", "description": sentence})


def _is_stale(ticket: Json, change: Json) -> bool:
    return bool(change.get("safe_update")) and change.get("updated_stamp") != ticket["updated_at"]


def _touch(ticket: Json) -> None:
    ticket["updated_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # a whole second, as Zendesk has it


def _listed(request: Request, name: str, items: list[Json]) -> TwinResponse:
    """A list by `page[size]` and `page[after]`, or else by numbered pages of 100."""
    if "page[size]" not in request.query:
        links = {"next_page": None, "previous_page": None}
        return _ok({name: items[:100], "count": len(items)} | links)
    start, size = int(request.query.get("page[after]", "0")), int(request.query["page[size]"])
    more = start + size < len(items)
    after = str(start + size) if more else None
    following = f"{request.base}{request.path}?page%5Bafter%5D={after}&page%5Bsize%5D={size}" if more else None
    meta = {"has_more": more, "after_cursor": after, "before_cursor": None}
    return _ok({name: items[start : start + size], "meta": meta, "links": {"next": following, "prev": None}})


@router.on("GET", "/api/v2/tickets/{ticket}")
def show_ticket(state: Json, request: Request, ticket: str) -> TwinResponse:
    """Show a ticket, with its people by `include=users`."""
    if ticket not in state["tickets"]:
        return _missing()
    body = {"ticket": state["tickets"][ticket]}
    if "users" in request.query.get("include", ""):
        who = {body["ticket"][name] for name in ("requester_id", "submitter_id", "assignee_id")} - {None}
        body["users"] = [state["users"][str(uid)] for uid in sorted(who)]
    return _ok(body)


@router.on("GET", "/api/v2/tickets/{ticket}/comments")
def list_comments(state: Json, request: Request, ticket: str) -> TwinResponse:
    """List a ticket's comments, the oldest first, or the newest by `sort=-created_at`."""
    if ticket not in state["tickets"]:
        return _missing()
    comments = state["comments"].get(ticket, [])
    return _listed(request, "comments", comments[::-1] if request.query.get("sort") == "-created_at" else comments)


@router.on("PUT", "/api/v2/tickets/{ticket}")
def update_ticket(state: Json, request: Request, ticket: str) -> TwinResponse:
    """Update a ticket: a comment, a status, an assignee; with `safe_update` only as it was at `updated_stamp`."""
    found = state["tickets"].get(ticket)
    if not found:
        return _missing()
    if found["status"] == "closed":
        return _invalid("status", "Status: closed prevents ticket update")
    change = request.body["ticket"]
    if _is_stale(found, change):
        return _conflict()
    if change.get("status", "open") not in _STATUSES:
        return _invalid("status", "Status is not valid")
    assignee = change.get("assignee_id")
    if assignee is not None and state["users"].get(str(assignee), {}).get("role") not in ("agent", "admin"):
        return _invalid("assignee", "Assignee is not an agent")
    if "comment" in change:
        comments = state["comments"].setdefault(ticket, [])
        comments.append(_comment(9000 + 10 * int(ticket) + len(comments), change["comment"]))
    found |= {name: change[name] for name in ("status", "assignee_id", "priority") if name in change}
    _touch(found)
    return _ok({"ticket": found})


def _comment(number: int, comment: Json) -> Json:
    body = comment["body"]
    return {
        "id": number,
        "type": "Comment",
        "author_id": comment.get("author_id", _AGENT),
        "body": body,
        "plain_body": body,
        "html_body": f'<div class="zd-comment" dir="auto">{body}</div>',
        "public": comment.get("public", True),
        "attachments": [],
        "audit_id": number + 1,
        "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@router.on("PUT", "/api/v2/tickets/{ticket}/tags")
def add_tags(state: Json, request: Request, ticket: str) -> TwinResponse:
    """Add tags to those that a ticket has."""
    return _retagged(state, request, ticket, lambda tags, given: sorted(tags | given))


@router.on("DELETE", "/api/v2/tickets/{ticket}/tags")
def remove_tags(state: Json, request: Request, ticket: str) -> TwinResponse:
    """Take tags from a ticket."""
    return _retagged(state, request, ticket, lambda tags, given: sorted(tags - given))


def _retagged(state: Json, request: Request, ticket: str, change: Json) -> TwinResponse:
    found = state["tickets"].get(ticket)
    if not found:
        return _missing()
    if found["status"] == "closed":
        return _invalid("status", "Status: closed prevents ticket update")
    if _is_stale(found, request.body):
        return _conflict()
    found["tags"] = change(set(found["tags"]), set(request.body["tags"]))
    _touch(found)
    return _ok({"tags": found["tags"]})


@router.on("GET", "/api/v2/users/search")
def search_users(state: Json, request: Request) -> TwinResponse:
    """Users by `query=email:…`."""
    email = request.query.get("query", "").removeprefix("email:").strip('"').lower()
    return _listed(request, "users", [u for u in state["users"].values() if u["email"] == email])


@router.on("GET", "/api/v2/users/{user}")
def show_user(state: Json, request: Request, user: str) -> TwinResponse:
    """Show a user."""
    found = state["users"].get(user)
    return _ok({"user": found}) if found else _missing()


@router.on("GET", "/api/v2/users/{user}/tickets/requested")
def requested_tickets(state: Json, request: Request, user: str) -> TwinResponse:
    """The tickets that a user asked for."""
    if user not in state["users"]:
        return _missing()
    return _listed(request, "tickets", [t for t in state["tickets"].values() if str(t["requester_id"]) == user])
