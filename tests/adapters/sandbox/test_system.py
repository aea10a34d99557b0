"""The router of the twins: a path's parts are taken whole, and nothing else of a path is a pattern."""

import pytest

from adapters.sandbox.system import Request, Router, TwinResponse


def routed() -> Router:
    router = Router()
    for method, path in (("GET", "/users/{user}"), ("POST", "/users/{user}/lock"), ("GET", "/v1.0/{a}/x({b})")):

        @router.on(method, path)
        def handler(state: object, request: Request, **parts: str) -> TwinResponse:
            return TwinResponse(200, parts)

    return router


@pytest.mark.parametrize(
    ("method", "path", "parts"),
    [
        ("GET", "/users/u-1", {"user": "u-1"}),
        ("GET", "/users/a%2Fb", {"user": "a%2Fb"}),
        ("POST", "/users/u-1/lock", {"user": "u-1"}),
        ("GET", "/v1.0/one/x(two)", {"a": "one", "b": "two"}),
        ("POST", "/users/u-1", None),  # another method
        ("GET", "/users/", None),
        ("GET", "/users/u-1/", None),
        ("GET", "/users/u-1/lock", None),
        ("GET", "/a/users/u-1", None),
        ("GET", "/v1x0/one/x(two)", None),  # the dot is a dot
    ],
)
def test_a_path_leads_to_one_handler_with_its_parts(method: str, path: str, parts: dict[str, str] | None) -> None:
    found = routed().find(method, path)
    assert (found is None) is (parts is None)
    if found is not None:
        handler, given = found
        assert given == parts
        request = Request(method, path, {}, {}, None, writer=False)
        assert handler({}, request, **given).body == parts


def test_every_route_is_listed_as_it_was_registered() -> None:
    assert routed().paths == [("GET", "/users/{user}"), ("POST", "/users/{user}/lock"), ("GET", "/v1.0/{a}/x({b})")]
