"""Notices: signed, timestamped, tried again, to the next group when nobody answers, and with nothing in them."""

import base64
import hashlib
import hmac
from pathlib import Path

import orjson
import pytest

from contracts.errors import AilyusError
from server.app import App
from server.operations.approval_notifications import slack_text
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.server.operations.listener import noticing, told
from tests.until import until
from tests.world import MARIA, Sandbox, World, make_workspace


async def age(world: World, share: float) -> None:
    """As if so much of the time had passed."""
    back = int(share * 3_600_000)
    await world.app.store.write(
        lambda txn: txn.write("UPDATE actions SET created_ms = created_ms - ?1, expires_ms = expires_ms - ?1", back)
    )


async def test_a_notice_is_signed_and_says_almost_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    async with noticing(tmp_path / "w", sandbox) as (world, listener):
        listener.refuse = 1
        asked = await world.call("reset_user_mfa", MARIA)
        await until(lambda: len(listener.seen) == 2)
        first, second = listener.seen
        assert first[1]["webhook-id"] == second[1]["webhook-id"]
        for path, headers, body in listener.seen:
            assert path == "/leads"
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            expected = hmac.digest(b"0123456789abcdef0123456789abcdef", signed, hashlib.sha256)
            assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
            assert abs(int(headers["webhook-timestamp"]) - world.app.store.now_ms() // 1000) < 10
        assert orjson.loads(second[2]) == {
            "event": "waiting",
            "title": world.app.inbox.title("reset_user_mfa"),
            "risk": "high",
            "waiting": 1,
            "link": f"{world.app.console.origin}/approvals/{asked['action_id']}",
        }
        for value in (MARIA["user_id"], MARIA["reason"], MARIA["ticket"], "support-bot", "maria"):
            assert value.encode() not in second[2]
        await until(lambda: world.rows("SELECT count(*) FROM notices WHERE delivered_ms IS NOT NULL") == [(1,)])


async def test_a_reminder_then_the_next_group_then_the_end(tmp_path: Path, sandbox: Sandbox) -> None:
    async with noticing(tmp_path / "w", sandbox) as (world, listener):
        asked = await world.call("reset_user_mfa", MARIA)
        await until(lambda: len(listener.seen) == 1)
        # the sentence may name people, so a route says it only where its settings do
        leads = world.app.notices.routes_of("acme")["leads"].model_copy(update={"sentence": True})
        world.app.notices._routes = {**world.app.notices._routes, "leads": leads}
        await age(world, 0.4)
        await until(lambda: len(listener.seen) == 2)
        assert [b["event"] for b in listener.bodies()] == ["waiting", "reminder"]
        says = "Remove 2 MFA factors of maria@example.com"
        assert [b.get("says") for b in listener.bodies()] == [None, says]
        assert told(sandbox) == []
        await age(world, 0.3)
        await until(lambda: told(sandbox) != [])
        (message,) = told(sandbox)
        assert message["text"].startswith(f"Nobody answered: {says} (high risk)")
        assert f"<{world.app.console.origin}/approvals/{asked['action_id']}|Look and decide>" in message["text"]
        await age(world, 0.4)
        assert (await world.get(asked["action_id"]))["status"] == "expired"
        assert len(listener.seen) == 2


async def test_a_restart_tells_nobody_twice_and_forgets_nobody(tmp_path: Path, sandbox: Sandbox) -> None:
    async with noticing(tmp_path / "w", sandbox) as (world, listener):
        await world.call("reset_user_mfa", MARIA)
        await until(lambda: len(listener.seen) == 1)
        world.app.notices._told.clear()  # what a new process knows
        await world.app.notices.sweep()
        await world.app.notices.sweep()
        assert len(listener.seen) == 1
        await until(lambda: world.rows("SELECT 1 FROM notices WHERE delivered_ms IS NOT NULL"))
        # written down and not delivered when the process died: delivered by the next
        await world.app.store.write(lambda txn: txn.write("UPDATE notices SET delivered_ms = NULL, next_ms = 0"))
        await until(lambda: len(listener.seen) == 2)


async def test_what_reaches_nobody_stands_in_the_inbox(tmp_path: Path, sandbox: Sandbox) -> None:
    async with noticing(tmp_path / "w", sandbox) as (world, listener):
        listener.refuse = 1000
        asked = await world.call("reset_user_mfa", MARIA)
        await until(lambda: len(listener.seen) == 1)
        for _ in range(8):
            await world.app.store.write(
                lambda txn: txn.write("UPDATE notices SET next_ms = 0 WHERE tried < 8", rows=None)
            )
            await world.app.notices.sweep()
        assert await world.app.notices.failed("acme") == [{"action": asked["action_id"], "route": "leads"}]
        assert await world.app.notices.failed("globex") == []
        # given up is given up, also when the store's clock is taken back and everything that is due later is due now
        told = len(listener.seen)
        await world.app.store.write(lambda txn: txn.write("UPDATE notices SET next_ms = 0"))
        await world.app.notices.sweep()
        assert len(listener.seen) == told


def test_a_title_is_no_markup_in_slack() -> None:
    text = slack_text(
        "waiting", "Reset <!channel> & <http://evil.example|home>", "high", 2, "http://localhost:1/approvals/a"
    )
    assert text == (
        "Reset &lt;!channel&gt; &amp; &lt;http://evil.example|home&gt; (high risk) needs a person; 2 waiting."
        " <http://localhost:1/approvals/a|Look and decide>"
    )


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ('[notices.a]\nwebhook = "http://127.0.0.1:1/x"\n', "has no `secret`"),
        ('[notices.a]\nroles = ["SecurityLead"]\n', "needs a `webhook` or a `connection`"),
        ('[notices.a]\nconnection = "slack"\n', "has no `channel`"),
        ('[notices.a]\nconnection = "slack"\ntenant = "acme"\n', "has the tenant of its `connection`"),
        ('[notices.a]\nconnection = "slack"\nchannel = "#x"\nnext = "b"\n', "is no notice"),
    ],
)
def test_settings_that_could_not_work(tmp_path: Path, sandbox: Sandbox, extra: str, sentence: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra="\n" + extra)
    with pytest.raises(AilyusError, match=sentence):
        App(workspace, workspace.release())


@pytest.mark.parametrize("line", ['[notices.a]\nroles = ["Lead"]', '[console]\nadmins = ["Lead"]'])
def test_a_role_that_nobody_declared(tmp_path: Path, sandbox: Sandbox, line: str) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    path = workspace.root / FILE
    text = path.read_text()
    path.write_text(
        text.replace('admins = ["SecurityLead"]', 'admins = ["Lead"]') if "console" in line else f"{text}\n{line}\n"
    )
    with pytest.raises(AilyusError, match="`Lead` is no declared role"):
        Workspace.open(workspace.root)


TOLD = """
[notices.a]
webhook = "https://hooks.example.com/a"
secret = "env:S"
{}
[notices.b]
webhook = "https://hooks.example.com/b"
secret = "env:S"
{}
"""


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ('tenant = "acne"', "", "`acne` is no tenant"),
        ('next = "b"', 'tenant = "acme"', "`b` is told of the tenant `acme` alone"),
        ('next = "b"\ntenant = "globex"', 'tenant = "acme"', "`b` is told of the tenant `acme` alone"),
        ('next = "b"\ntenant = "acme"', 'tenant = "acme"', ""),
        ('next = "b"\ntenant = "acme"', "", ""),
    ],
)
def test_a_route_of_a_tenant(tmp_path: Path, sandbox: Sandbox, first: str, second: str, sentence: str) -> None:
    """It exists, and the route that follows is told of it too."""
    workspace = make_workspace(tmp_path / "w", sandbox)
    path = workspace.root / FILE
    path.write_text(path.read_text() + TOLD.format(first, second))
    if sentence:
        with pytest.raises(AilyusError, match=sentence):
            Workspace.open(workspace.root)
    else:
        assert Workspace.open(workspace.root).settings.notices["a"].next == "b"
