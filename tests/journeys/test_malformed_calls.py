"""Two hundred calls that are wrong in every way we can think of: none reaches the target, each says what to change."""

from collections.abc import Iterator
from typing import Any

from contracts.errors import CODES
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
    yield "comment_on_ticket", {"ticket": "4711", "text": "x", "a": [["deep"] * 2000] * 40}
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
