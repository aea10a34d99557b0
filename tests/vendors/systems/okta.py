"""Okta: okta/okta-management-openapi-spec."""

from tests.vendors.system import Allowed, System

MARIA = {"user_id": "00u1maria0001"}
SSO = {"app_id": "0oa1sso000001"}

SYSTEM = System(
    kind="okta",
    files=("okta.json",),
    examples={
        "find_user": {"email": "maria@example.com"},
        "get_user": MARIA,
        "list_factors": MARIA,
        "find_app": {"label": "Company SSO"},
        "list_recent_changes": {"event_type": "application.user_membership.remove"},
        "assign_app_user": SSO | MARIA,
        "unassign_app_user": {"app_id": "0oa2wiki00001", "user_id": "00u2leo000001"},
        "reset_user_mfa": MARIA | {"ticket": "4711"},
        "suspend_user": MARIA,
        "unlock_user": {"user_id": "00u2leo000001"},
    },
    allowed=(
        Allowed(
            pattern="^[a-z_]+: okta .*: answer 401: ResponseNotFound",
            why="the description names no 401, which every operation gives for a token that is not valid (E0000011)",
            page="https://developer.okta.com/docs/reference/error-codes/",
        ),
    ),
)
