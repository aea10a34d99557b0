"""Microsoft Entra ID: Microsoft Graph v1.0 as the OpenAPI directory has it."""

from adapters.sandbox.entra import LEO, MARIA, SUPPORT
from tests.vendors.system import Allowed, System

USER = {"user_id": MARIA}

SYSTEM = System(
    kind="entra",
    files=("entra.json",),
    in_base_url="/v1.0",
    examples={
        "find_entra_user": {"user_name": "maria@example.com"},
        "find_entra_group": {"display_name": "support"},
        "list_entra_authentication_methods": USER,
        "delete_entra_authentication_method": USER
        | {"kind": "phoneMethods", "method_id": "3179e48a-750b-4051-897c-87b9720928f7", "ticket": "4711"},
        "revoke_entra_sessions": USER,
        "disable_entra_user": USER,
        "enable_entra_user": {"user_id": LEO},
        "add_entra_group_member": USER | {"group_id": SUPPORT},
        "remove_entra_group_member": {"user_id": LEO, "group_id": SUPPORT},
    },
    plans={"contain_entra_account": USER},
    allowed=(
        Allowed(
            pattern=r"GET /groups(/[0-9a-f-]{36}|/\{group\})?: the description has no such operation$",
            why="our part of the description has of groups only who is in them",
            page="https://learn.microsoft.com/graph/api/group-get",
            of_a_part=True,
        ),
        Allowed(
            pattern=r"\): ('@odata\.type' is a required property(; )?)+$",
            why="`@odata.type` is written only where an object is of another type than declared; no example has it",
            page="https://learn.microsoft.com/graph/api/user-get",
        ),
        Allowed(
            pattern="the description has no field `@odata.context`$",
            why="every answer of Graph names its metadata, which is OData's and none of the object's fields",
            page="https://learn.microsoft.com/graph/api/user-get",
        ),
        Allowed(
            pattern="answer 4[0-9][0-9]: the description has no field `error.innerError`$",
            why="an error writes `innerError`, in camel case, as the page on errors has it",
            page="https://learn.microsoft.com/graph/errors",
        ),
        Allowed(
            pattern=r"PATCH /users/\{user-id\}: answer 204: MissingData",
            why="a changed user is answered by 204 without a body; the description has any 2xx with the user",
            page="https://learn.microsoft.com/graph/api/user-update",
        ),
    ),
)
