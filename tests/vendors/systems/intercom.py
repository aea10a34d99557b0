"""Intercom: intercom/Intercom-OpenAPI."""

from tests.vendors.system import Allowed, System

MARIA = {"conversation_id": "215470001"}
CLOSED = {"conversation_id": "215470002"}
_PAGES = "https://developers.intercom.com/docs/references/2.15/rest-api"

SYSTEM = System(
    kind="intercom",
    files=("intercom.json",),
    examples={
        "find_contact": {"email": "maria@example.com"},
        "list_contact_conversations": {"contact_id": "6762f0dd1bb69f9f2193bb81"},
        "list_teammates": {},
        "list_tags": {},
        "get_conversation": MARIA,
        "reply_to_conversation": MARIA | {"text": "You can sign in again."},
        "note_on_conversation": MARIA | {"text": "We removed the lost phone."},
        "assign_conversation": MARIA | {"assignee_id": "991267461"},
        "close_conversation": MARIA,
        "open_conversation": CLOSED,
        "tag_conversation": MARIA | {"tag_id": "7522907"},
        "untag_conversation": CLOSED | {"tag_id": "7522908"},
    },
    allowed=(
        Allowed(
            pattern="intercom (GET|POST) .*(: answer (401|429): ResponseNotFound|names the status 429)",
            why="the description names 401 for some operations only, and 429 for none",
            page=f"{_PAGES}/errors/http-responses",
        ),
        Allowed(
            pattern="POST /conversations/{conversation_id}/tags: answer 403: ResponseNotFound",
            why="the description leaves out the refusal of a token that may not tag",
            page=f"{_PAGES}/errors/http-responses",
        ),
        Allowed(
            pattern="no field `((before|after).conversation.|conversations.\\[\\].)?tags`",
            why="a conversation has its tags, which the cut-down description has lost",
            page=f"{_PAGES}/api.intercom.io/conversations/conversation",
            of_a_part=True,
        ),
        Allowed(
            pattern=r"(GET /tags|DELETE /conversations/([0-9]+|\{conversation\})/tags/([0-9]+|\{number\})): the description has no such operation",
            why="the cut-down description has neither; the contracts name the page",
            page=f"{_PAGES}/api.intercom.io/tags/detachtagfromconversation",
            of_a_part=True,
        ),
    ),
)
