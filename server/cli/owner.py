"""The running gateway, asked by a command; what it answers is checked against the document that is expected."""

from typing import TYPE_CHECKING, TypeVar

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

T = TypeVar("T")


def asked(space: "Workspace", method: str, path: str, document: type[T], body: object = None, **query: str) -> T:
    """What the gateway answers, as this document. Raises what it refuses with."""
    from pydantic import ValidationError

    from server.admin.client import ask_owner

    answer = ask_owner(space, method, path, body, **query)
    try:
        return decoded(document, answer)
    except ValidationError:
        hint = "let the gateway and the command line be of one version"
        raise AilyusError("internal", "the gateway's answer is malformed", hint=hint) from None


def decoded(document: type[T], facts: object) -> T:
    """Plain facts as this document; more than is known here is left out: they may be of the next version."""
    from pydantic import TypeAdapter

    return TypeAdapter(document).validate_python(facts)


def told(space: "Workspace", method: str, path: str, body: object = None, **query: str) -> None:
    """The same, where nothing is to be answered."""
    from server.admin.client import ask_owner

    ask_owner(space, method, path, body, **query)
