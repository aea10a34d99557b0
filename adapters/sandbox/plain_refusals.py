"""How the twins refuse that play an API of your own and no vendor's."""

from adapters.sandbox.system import TwinResponse


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return TwinResponse(401, {"error": "unauthorized"})


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return TwinResponse(403, {"error": "forbidden"})


def missing() -> TwinResponse:
    """There is no such record."""
    return TwinResponse(404, {"error": "not_found"})
