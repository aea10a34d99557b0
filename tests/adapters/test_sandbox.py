"""The twins act on whole requests only."""

import socket

from tests.world import MARIA, Sandbox


def test_half_a_request_has_no_effect(sandbox: Sandbox) -> None:
    user = f"/acme/okta/api/v1/users/{MARIA['user_id']}"
    head = (
        f"POST {user}/lifecycle/reset_factors HTTP/1.1\r\nhost: okta\r\nauthorization: SSWS okta-write-acme\r\n"
        "content-type: application/json\r\ncontent-length: 2\r\n\r\n"
    )
    before = sandbox.factors()
    assert before
    with socket.create_connection(("127.0.0.1", sandbox.port)) as cut:
        cut.sendall(head.encode())
    whole = head + "{}"
    with socket.create_connection(("127.0.0.1", sandbox.port)) as asked:
        asked.sendall(whole.replace("reset_factors", "reset_nothing").encode())
        assert asked.recv(100).startswith(b"HTTP/1.1 404")
    assert [entry["path"].rpartition("/")[2] for entry in sandbox.log()] == ["reset_nothing"]
    assert sandbox.factors() == before
