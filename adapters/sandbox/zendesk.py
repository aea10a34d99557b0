"""A twin of Zendesk's Ticketing API v2, as far as support agents need it."""

from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return TwinResponse(401, {"error": "Couldn't authenticate you"})


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return TwinResponse(403, {"error": {"title": "Forbidden", "message": "You do not have access to this page."}})


def seed() -> Json:
    """Two open tickets and one that is closed."""
    people = [(1, "maria@example.com"), (2, "leo@example.com"), (3, "ada@example.com"), (4, "nils@example.com")]
    return {
        "users": {str(uid): {"id": uid, "email": email, "name": email.split("@")[0]} for uid, email in people},
        "tickets": {
            "4711": _ticket(4711, 1, "My phone was stolen, I cannot sign in", "open"),
            "4712": _ticket(4712, 2, "Locked out", "new"),
            "4713": _ticket(4713, 1, "Old request", "closed"),
            "4714": _ticket(4714, 3, "New phone", "open"),
            "4715": _ticket(4715, 4, "New phone", "open"),
        },
        "comments": {},
    }


def _ticket(number: int, requester: int, subject: str, status: str) -> Json:
    return {"id": number, "requester_id": requester, "subject": subject, "status": status, "priority": None}


def _missing() -> TwinResponse:
    return TwinResponse(404, {"error": "RecordNotFound", "description": "Not found"})


@router.on("GET", "/api/v2/tickets/{ticket}")
def show_ticket(state: Json, request: Request, ticket: str) -> TwinResponse:
    """Show a ticket, with its people by `include=users`."""
    if ticket not in state["tickets"]:
        return _missing()
    body = {"ticket": state["tickets"][ticket]}
    if "users" in request.query.get("include", ""):
        body["users"] = [state["users"][str(body["ticket"]["requester_id"])]]
    return TwinResponse(200, body)


@router.on("GET", "/api/v2/tickets/{ticket}/comments")
def list_comments(state: Json, request: Request, ticket: str) -> TwinResponse:
    """List a ticket's comments."""
    if ticket not in state["tickets"]:
        return _missing()
    comments = state["comments"].get(ticket, [])
    return TwinResponse(200, {"comments": comments, "count": len(comments)})


@router.on("PUT", "/api/v2/tickets/{ticket}")
def update_ticket(state: Json, request: Request, ticket: str) -> TwinResponse:
    """Update a ticket: a comment, a status."""
    if ticket not in state["tickets"]:
        return _missing()
    if state["tickets"][ticket]["status"] == "closed":
        return TwinResponse(422, {"error": "RecordInvalid", "description": "Record validation errors"})
    change = request.body["ticket"]
    if "comment" in change:
        comments = state["comments"].setdefault(ticket, [])
        comment = change["comment"]
        comments.append({"id": 9000 + len(comments), "body": comment["body"], "public": comment.get("public", True)})
    if "status" in change:
        state["tickets"][ticket]["status"] = change["status"]
    return TwinResponse(200, {"ticket": state["tickets"][ticket]})
