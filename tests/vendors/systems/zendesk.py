"""Zendesk: it publishes no description to check against, so its documentation pages are the reference."""

from tests.vendors.system import System

TICKET = {"ticket": "4711"}

SYSTEM = System(
    kind="zendesk",
    files=(),
    examples={
        "get_ticket": TICKET,
        "find_zendesk_user": {"email": "maria@example.com"},
        "list_requested_tickets": {"requester_id": "1"},
        "comment_on_ticket": TICKET | {"text": "We removed the lost phone."},
        "reply_to_ticket": TICKET | {"text": "You can sign in again."},
        "assign_ticket": TICKET | {"assignee_id": "102"},
        "set_ticket_status": TICKET | {"status": "pending"},
        "close_ticket": {"ticket": "4716"},
        "add_ticket_tag": TICKET | {"tag": "mfa"},
        "remove_ticket_tag": TICKET | {"tag": "web"},
    },
)
