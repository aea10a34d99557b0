"""Google Workspace: the Directory API of the Admin SDK, as the OpenAPI directory has it."""

from adapters.sandbox.google import LEO, MARIA
from tests.vendors.system import Allowed, System

USER = {"user_id": MARIA}
SUPPORT = {"group": "support@example.com"}

SYSTEM = System(
    kind="google",
    files=("google-directory.json",),
    scoped=True,
    examples={
        "find_google_user": {"email": "maria@example.com"},
        "turn_off_google_2sv": USER | {"ticket": "4711"},
        "sign_out_google_user": USER,
        "suspend_google_user": USER,
        "unsuspend_google_user": {"user_id": LEO},
        "add_google_group_member": USER | SUPPORT,
        "remove_google_group_member": {"user_id": LEO} | SUPPORT,
    },
    allowed=(
        Allowed(
            pattern="^[a-z_0-9]+: google .*: answer (204|401|403|404|409|429): ResponseNotFound",
            why="the description is made of Google's Discovery document, which has no statuses: it writes 200 for all",
            page="https://developers.google.com/workspace/admin/directory/v1/limits",
        ),
        Allowed(
            pattern="names the status (204|409), which the description does not$",
            why="the description is made of Google's Discovery document, which has no statuses: it writes 200 for all",
            page="https://developers.google.com/workspace/admin/directory/v1/guides/troubleshoot-error-codes",
        ),
        Allowed(
            pattern="the description has no field `response.body.error`$",
            why="without statuses it has no errors either; all Google APIs write them in the same form",
            page="https://cloud.google.com/apis/design/errors#http_mapping",
        ),
        Allowed(
            pattern="^google: no operation takes `https://www.googleapis.com/auth/admin.reports.audit.readonly`",
            why="the Reports API is another description, which the folder does not have; it takes this scope",
            page="https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list",
        ),
        Allowed(
            pattern="GET /admin/reports/v1/activity/users/all/applications/admin: the description has no such operation$",
            why="the Reports API is another description, which the folder does not have",
            page="https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list",
        ),
    ),
)
