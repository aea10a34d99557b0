"""Slack: slackapi/slack-api-specs, the last that Slack published, and its documentation for what came later."""

import json

from tests.vendors.system import Allowed, System

MARIA = {"user_id": "U0MARIA0001"}
LEO = {"user_id": "U0LEO000001"}
INCIDENT = {"channel_id": "C0INCIDENT1"}
ONCALL = {"group_id": "S0ONCALL001"}


def _as_described(status: int, body: bytes) -> int:
    """Slack says no with 200; the description has what it says then as the default answer."""
    return status if status != 200 or json.loads(body).get("ok") is True else 599


SYSTEM = System(
    kind="slack",
    files=("slack.json",),
    examples={
        "find_slack_user": {"email": "maria@example.com"},
        "find_slack_channel": {"name": "incident-42"},
        "find_slack_user_group": {"handle": "oncall"},
        "list_slack_channel_members": INCIDENT,
        "get_slack_token": {},
        "post_slack_message": INCIDENT | {"text": "The incident is over."},
        "invite_to_slack_channel": INCIDENT | MARIA,
        "remove_from_slack_channel": INCIDENT | LEO,
        "add_to_slack_user_group": ONCALL | MARIA,
        "remove_from_slack_user_group": ONCALL | LEO,
        "reset_slack_sessions": MARIA | {"team_id": "T0ACME00001"},
        "revoke_slack_token": {"user_id": "U0AILYUS001"},
    },
    as_status=_as_described,
    allowed=(
        Allowed(
            pattern="Missing required (query|header) parameter: token$",
            why="the token goes as `Authorization: Bearer`, which the description does not have",
            page="https://docs.slack.dev/apis/web-api/#authentication",
        ),
        Allowed(
            pattern="answer 429: .*ratelimited",
            why="the description has no answer to too many calls",
            page="https://docs.slack.dev/apis/web-api/rate-limits",
        ),
        Allowed(
            pattern="answer 599: (.*missing_scope|the description has no field `(needed|provided)`)",
            why="most methods leave out the refusal that all have",
            page="https://docs.slack.dev/reference/methods/conversations.kick",
        ),
        Allowed(
            pattern="answer 599: .*(no_such_subteam|invalid_users)",
            why="the description leaves out the refusals of an unknown group or user",
            page="https://docs.slack.dev/reference/methods/usergroups.users.update",
        ),
        Allowed(
            pattern="no field `(before.found|after.token|response.body).error`|answer (429|599): .* no field `error`",
            why="a refusal comes with 200, and the description has it as the default answer",
            page="https://docs.slack.dev/reference/methods/users.lookupByEmail",
        ),
        Allowed(
            pattern="POST /(admin.users.session.list|auth.revoke): the description has no such operation",
            why="the list is younger than the description, which also has `auth.revoke` with GET alone",
            page="https://docs.slack.dev/reference/methods/admin.users.session.list",
        ),
    ),
    in_base_url="/api",
)
