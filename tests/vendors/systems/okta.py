"""Okta: okta/okta-management-openapi-spec."""

from tests.vendors.system import Allowed, System

MARIA = {"user_id": "00u1maria0001"}
SSO = {"app_id": "0oa1sso000001"}

SYSTEM = System(
    kind="okta",
    files=("okta.json",),
    scoped=True,
    examples={
        "find_user": {"email": "maria@example.com"},
        "get_user": MARIA,
        "list_factors": MARIA,
        "find_app": {"label": "Company SSO"},
        "list_recent_changes": {"event_type": "application.user_membership.remove"},
        "assign_app_user": SSO | MARIA,
        "unassign_app_user": {"app_id": "0oa2wiki00001", "user_id": "00u2leo000001"},
        "reset_user_mfa": MARIA | {"ticket": "4711"},
        "reset_user_mfa_for_conversation": MARIA | {"conversation_id": "215470001"},
        "suspend_user": MARIA,
        "unsuspend_user": {"user_id": "00u5tom000001"},
        "deactivate_user": MARIA,
        "reset_user_password": MARIA,
        "clear_user_sessions": MARIA,
        "reset_user_factor": MARIA | {"factor_id": "opf1mariapush", "ticket": "4711"},
        "find_okta_group": {"name": "supp"},
        "add_okta_group_member": MARIA | {"group_id": "00g2support01"},
        "remove_okta_group_member": {"user_id": "00u2leo000001", "group_id": "00g2support01"},
        "unlock_user": {"user_id": "00u2leo000001"},
    },
    plans={"restore_account_access": MARIA, "restore_sso_access": {}},
    allowed=(
        Allowed(
            pattern="^[a-z_]+: okta .*: answer 401: ResponseNotFound",
            why="the description names no 401, which every operation gives for a token that is not valid (E0000011)",
            page="https://developer.okta.com/docs/reference/error-codes/",
        ),
    ),
)
