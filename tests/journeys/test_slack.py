"""Slack says no with 200: nothing is called done by a status, and what was posted is found among many messages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import Sandbox, World, gateway, make_workspace

INCIDENT = {"channel_id": "C0INCIDENT1"}
POST = {**INCIDENT, "text": "The incident is over.", "reason": "everybody waits for it"}
MARIA = {"user_id": "U0MARIA0001", "reason": "she helps with the incident"}


@pytest.fixture
async def chat(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox, template="library"), sandbox) as running:
        yield running


def texts(world: World) -> list[Any]:
    return [m["message"]["text"] for m in world.sandbox.state()["acme"]["slack"]["messages"]]


async def test_a_message_is_posted_once_to_a_channel_with_many(chat: World) -> None:
    state = chat.sandbox.state()
    old = state["acme"]["slack"]["messages"][-1]
    for number in range(150):
        message = {**old["message"], "ts": f"1700000{number:03}.000000", "text": POST["text"] if number == 149 else "x"}
        state["acme"]["slack"]["messages"].append({"channel": INCIDENT["channel_id"], "message": message})
    chat.sandbox.put(state)
    chat.sandbox.fault("lost_reply", "chat.postMessage", "slack")
    answer = await chat.call("post_slack_message", POST)
    assert answer["status"] == "confirmed", answer
    assert texts(chat).count(POST["text"]) == 2  # an older one with the same words, and ours
    assert chat.sandbox.effects("chat.postMessage") == 1


async def test_a_channel_of_many_pages_keeps_everybody(chat: World) -> None:
    state = chat.sandbox.state()
    members = state["acme"]["slack"]["channels"][INCIDENT["channel_id"]]["members"]
    members += [f"U0MANY{number:05}" for number in range(2_000)]
    chat.sandbox.put(state)
    answer = await chat.call("invite_to_slack_channel", {**INCIDENT, **MARIA})
    assert answer["status"] == "confirmed", answer
    left = chat.sandbox.state()["acme"]["slack"]["channels"][INCIDENT["channel_id"]]["members"]
    assert left == [*members, MARIA["user_id"]]


@pytest.mark.parametrize("fault", ["refuse", "lying_success"])
async def test_a_200_that_says_no_or_lies_is_never_confirmed(chat: World, fault: str) -> None:
    chat.sandbox.fault(fault, "conversations.invite", "slack", times=9)
    answer = await chat.call("invite_to_slack_channel", {**INCIDENT, **MARIA})
    assert answer["status"] == ("not_applied" if fault == "refuse" else "unknown"), answer
    assert chat.sandbox.effects() == 0


async def test_a_stolen_phone_ends_the_sessions_once_a_lead_agrees(chat: World) -> None:
    found = await chat.call("find_slack_user", {"email": "maria@example.com"})
    (maria,) = found["data"]["users"]
    asked = {"user_id": maria["user_id"], "team_id": maria["team_id"], "reason": "the phone was stolen"}
    answer = await chat.call("reset_slack_sessions", asked)
    assert answer["status"] == "approval_required"
    await chat.approve(answer["action_id"])
    done = await chat.get(answer["action_id"], 20)
    assert (done["status"], done["changed"]) == ("confirmed", True), done
    assert chat.sandbox.state()["acme"]["slack"]["sessions"]["U0MARIA0001"] == []
