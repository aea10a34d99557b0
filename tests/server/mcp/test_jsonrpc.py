"""JSON-RPC messages before the SDK: a key named twice is refused, and what `initialize` declares is read."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.mcp.jsonrpc import ASIDE_BYTES, declared_elicitation, repeated_key_error


@pytest.mark.parametrize("filling", [0, ASIDE_BYTES])
async def test_a_key_named_twice_is_refused_with_the_id_of_the_call(filling: int) -> None:
    body = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"a":1,"a":2,"b":"' + b"x" * filling + b'"}}'
    answer = await repeated_key_error(body)
    assert answer is not None
    assert answer.status_code == 400
    said = orjson.loads(bytes(answer.body))
    assert (said["id"], said["error"]["code"]) == (7, -32600)
    assert "`a` twice" in said["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1,"a":', b'{"a":{"b":1},"c":{"b":1}}', b"[]"])
async def test_what_names_no_key_twice_or_is_no_json_goes_on(body: bytes) -> None:
    assert await repeated_key_error(body) is None


@pytest.mark.parametrize(
    ("capabilities", "declared"),
    [({"elicitation": {"form": {}}}, {"form": {}}), ({"elicitation": True}, {}), ({}, {}), (None, None), ([], None)],
)
def test_what_a_client_declares_of_elicitation(capabilities: object, declared: object) -> None:
    message = {"method": "initialize", "params": {"capabilities": capabilities}}
    assert declared_elicitation(orjson.dumps(message)) == declared


def test_another_message_declares_nothing() -> None:
    other = {"method": "tools/call", "params": {"capabilities": {"elicitation": {}}, "name": "initialize"}}
    assert declared_elicitation(orjson.dumps(other)) is None


@given(st.binary(max_size=40))
def test_no_body_makes_it_fail(body: bytes) -> None:
    assert declared_elicitation(b'"initialize"' + body) is None
