"""Support in Intercom: a user asks for a reset in a conversation, it is done once, answered and closed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import Sandbox, World, gateway, make_workspace

RESET = "reset_user_mfa_for_conversation"
MARIA = {"user_id": "00u1maria0001", "conversation_id": "215470001", "reason": "the phone was stolen"}


@pytest.fixture
async def desk_world(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox, template="library"), sandbox) as running:
        yield running


async def test_who_began_the_conversation_gets_the_reset_an_answer_and_a_closed_conversation(desk_world: World) -> None:
    found = await desk_world.call("find_contact", {"email": "maria@example.com"})
    contact = found["data"]["contacts"][0]["contact_id"]
    listed = await desk_world.call("list_contact_conversations", {"contact_id": contact})
    (conversation,) = listed["data"]["conversations"]
    assert conversation["conversation_id"] == MARIA["conversation_id"]
    desk_world.sandbox.fault("lost_reply")
    done = await desk_world.approved(RESET, MARIA)
    assert (done["status"], done["changed"]) == ("confirmed", True)
    assert desk_world.sandbox.factors() == []
    assert desk_world.sandbox.effects("reset_factors") == 1
    about = {"conversation_id": MARIA["conversation_id"], "reason": "the phone was stolen"}
    desk_world.sandbox.fault("lost_reply", "reply", "intercom")
    told = await desk_world.call("reply_to_conversation", {**about, "text": "You can enrol your new phone now."})
    assert told["status"] == "confirmed", told
    closed = await desk_world.call("close_conversation", {"conversation_id": MARIA["conversation_id"]})
    assert closed["status"] == "confirmed", closed
    kept = desk_world.sandbox.state()["acme"]["intercom"]["conversations"][MARIA["conversation_id"]]
    parts = [part["part_type"] for part in kept["conversation_parts"]["conversation_parts"]]
    assert (parts, kept["state"]) == (["comment", "close"], "closed")


@pytest.mark.parametrize(
    ("user", "conversation"),
    [
        ("00u3ceo000001", "215470003"),  # a lead who gives Ada's address
        ("00u2leo000001", "215470002"),  # a conversation that is closed
        ("00u2leo000001", "215470001"),  # somebody else's conversation
    ],
)
async def test_nobody_else_is_reset_by_a_conversation(desk_world: World, user: str, conversation: str) -> None:
    asked = {"user_id": user, "conversation_id": conversation, "reason": "a new phone"}
    assert (await desk_world.call(RESET, asked))["status"] == "denied"
    assert desk_world.sandbox.writes("reset_factors") == 0
