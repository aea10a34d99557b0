"""Two hundred calls that are wrong in every way we can think of: none reaches the target, each says what to change."""

from collections.abc import Iterator
from typing import Any

import orjson

from contracts.errors import CODES
from tests.web import web
from tests.world import MARIA, World

ID = MARIA["user_id"]
IDS = [
    "", ".", "..", "%2e%2e", "../../admin", "00u1maria0001/..", "00u1maria0001/", "/00u1maria0001", "00u1maria0001?x=1",
    "00u1maria0001#x", "00u1maria0001;x", "00u1maria0001\\x", "00u1maria0001%2f", "00u1maria0001\x00", "00u1maria0001\n",
    " 00u1maria0001", "00u1maria0001 ", "00u1m\u0430ria0001", "00u1maria\u200b0001", "00u1mari\u00e10001",
    "00u1mari\u0061\u03010001", "\u202e00u1maria0001", "\uff10\uff10u1maria0001", "00U1maria0001", "x" * 30_000,
    "00u1maria0001' or '1'='1", '00u1maria0001"', "${inputs.ticket}", "{{7*7}}", "\ufeff00u1maria0001", "00u", "0",
]  # fmt: skip
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    1.5,
    1e22,
    2**53,
    2**63,
    2**64,
    2**70,
    -(2**63),
    [],
    [ID],
    {},
    {"a": 1},
]
VALUES += [{"__entity": {"type": "OktaUser", "id": ID}}, {"__extn": {"fn": "ip", "arg": "1"}}, [[[[]]]]]


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for value in [*IDS, *VALUES]:
        yield "reset_user_mfa", {**MARIA, "user_id": value}
        yield "get_user", {"user_id": value}
        if value != "0":
            yield "reset_user_mfa", {**MARIA, "ticket": value}
    for key in (
        "extra",
        "__entity",
        "__extn",
        "__proto__",
        "constructor",
        "user_id ",
        "USER_ID",
        "us\u0435r_id",
        "",
        "x" * 300,
    ):
        yield "reset_user_mfa", {**MARIA, key: ID}
    for missing in MARIA:
        yield "reset_user_mfa", {k: v for k, v in MARIA.items() if k != missing}
    for reason in ("", "short", "x" * 301, "fine but \u202ehidden words", "a reason\x1b[2Jwith escape", 7, None):
        yield "reset_user_mfa", {**MARIA, "reason": reason}
    for email in (
        "",
        "maria",
        "@",
        "a@b@c",
        "maria@example.com\r\nX: y",
        "m\u0430ria@example.com\u200d",
        "x" * 300 + "@e.com",
        5,
    ):
        yield "find_user", {"email": email}
    for ticket in ("4711.json", "-1", "1e3", "٤٧١١", "0x10", "4711/comments", "9" * 13):
        yield "get_ticket", {"ticket": ticket}
    for name in ("", "no_such_tool", "reset_user_mfa ", "../reset_user_mfa", "Reset_User_MFA"):
        yield name, dict(MARIA)
    yield "comment_on_ticket", {"ticket": "4711", "text": "x" * 70_000}
    yield "comment_on_ticket", {"ticket": "4711", "text": "x", "a": [["deep"] * 2000] * 4}
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    yield "comment_on_ticket", {"ticket": "4711", "text": deep}


async def test_every_malformed_call_is_refused_before_the_target(world: World) -> None:
    count = 0
    async with world.client() as client:
        for tool, arguments in cases():
            result = await client.call_tool(tool, arguments)
            answer = result.structured_content or {}
            assert answer["status"] == "invalid", (tool, arguments, answer)
            assert result.is_error
            error = answer["error"]
            assert error["code"] in CODES, error
            assert error["hint"]
            assert error["field"].startswith("/") or error["code"] in ("unknown_tool", "too_large"), (arguments, error)
            assert (answer["action_id"], answer["receipt_id"]) == (None, None)
            count += 1
    assert count >= 200
    assert world.sandbox.log() == []
    assert world.rows("SELECT count(*) FROM actions") == [(0,)]


async def test_a_key_that_is_named_twice_is_no_call(world: World) -> None:
    """Whoever reads the call beside us may take the first value, and we the last: neither is sent."""
    call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "get_user", "arguments": "HERE"}}
    headers = {
        "authorization": f"Bearer {world.token}", "accept": "application/json, text/event-stream",
        "content-type": "application/json", "mcp-protocol-version": "2025-11-25",
    }  # fmt: skip
    other = b'"00u2leo000001"'
    twice = {
        "one after the other": b'{"user_id":%s,"user_id":"%s"}' % (other, ID.encode()),
        "by an escape": b'{"user_id":%s,"user\\u005fid":"%s"}' % (other, ID.encode()),
        "deep inside": b'{"user_id":"%s","more":[{"a":1,"a":1}]}' % ID.encode(),
        "more than is looked at on the loop": b'{"user_id":"%s","x":"%s","x":1}' % (ID.encode(), b"x" * 70_000),
    }
    async with web(headers=headers, timeout=60.0) as http:
        for what, arguments in twice.items():
            answer = await http.post(world.url, content=orjson.dumps(call).replace(b'"HERE"', arguments))
            said = answer.json()
            assert (answer.status_code, said["id"]) == (400, 7), (what, said)
            assert "twice; write each key once" in said["error"]["message"], (what, said)
        good = await http.post(
            world.url, content=orjson.dumps(call).replace(b'"HERE"', b'{"user_id":"%s"}' % ID.encode())
        )
        assert good.status_code == 200, good.text
    assert len(world.sandbox.log()) > 0
    assert world.rows("SELECT count(*) FROM actions") == [(1,)]
