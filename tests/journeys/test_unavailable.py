"""An outage is told as an outage: nothing was sent, it is no refusal, and people learn the cause and the connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.errors import AilyusError
from server.workspace.free_port import free_port
from tests.log_lines import heard
from tests.plans.records import each, run, seeded, set_value, states
from tests.until import until
from tests.world import LEO, MARIA, Sandbox, World, cli, gateway, make_workspace

UNREAD = "a system that this depends on could not be read"


def without_credential(folder: Path, sandbox: Sandbox) -> None:
    (folder / ".ailyus" / "secrets" / "okta-read").unlink()


def refused_credential(folder: Path, sandbox: Sandbox) -> None:
    (folder / ".ailyus" / "secrets" / "okta-read").write_text("a-token-that-was-revoked\n")


def closed_port(folder: Path, sandbox: Sandbox) -> None:
    path = folder / "ailyus.toml"
    text = path.read_text()
    there = f"http://127.0.0.1:{sandbox.port}/acme/okta"
    assert there in text
    path.write_text(text.replace(there, f"http://127.0.0.1:{free_port()}/acme/okta"))


def failing(folder: Path, sandbox: Sandbox) -> None:
    sandbox.fault("503", "users", reads=True, times=99)


OUTAGES: dict[str, tuple[Callable[[Path, Sandbox], None], str]] = {
    "no_credential": (without_credential, "no usable credential at `file:.ailyus/secrets/okta-read`"),
    "credential_refused": (refused_credential, "the target answered 401"),
    "unreachable": (closed_port, "could not be read: connecterror"),
    "target_failed": (failing, "the target answered 503"),
}


@pytest.fixture(params=OUTAGES)
async def outage(
    request: pytest.FixtureRequest, tmp_path: Path, sandbox: Sandbox
) -> AsyncIterator[tuple[World, str, str]]:
    """A gateway whose directory cannot be read, in one of four ways."""
    spoil, sentence = OUTAGES[request.param]
    folder = tmp_path / "w"
    make_workspace(folder, sandbox)
    spoil(folder, sandbox)
    async with gateway(make_workspace_again(folder), sandbox) as world:
        yield world, request.param, sentence


def make_workspace_again(folder: Path) -> Any:
    from server.workspace.workspace import Workspace

    return Workspace.open(folder)


async def test_an_outage_is_no_refusal(outage: tuple[World, str, str], capfd: pytest.CaptureFixture[str]) -> None:
    world, code, sentence = outage
    answer = await world.call("reset_user_mfa", MARIA)
    assert (answer["status"], answer["changed"]) == ("unavailable", False), answer
    assert UNREAD in answer["summary"]
    assert "again later" in answer["next"]
    # the agent learns neither which system it is nor what it answered
    told = orjson.dumps(answer).decode()
    assert all(word not in told for word in ("credential", "401", "503", "okta", "port")), told
    # the receipt carries the code, and people read the reason first
    predicate = world.proof(answer["receipt_id"]).receipt
    assert (predicate["status"], predicate["code"], predicate["unavailable"]) == ("unavailable", code, "okta")
    root = world.workspace.root
    shown = await asyncio.to_thread(cli, "receipt", "show", answer["receipt_id"], cwd=root)
    assert shown.startswith("Unavailable: ")
    assert sentence in shown.split("\n")[0]
    assert sentence in await asyncio.to_thread(cli, "action", "show", answer["action_id"], cwd=root)
    # one line for whoever runs it
    lines = [orjson.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["event"] == "unavailable"]
    assert (line["connection"], line["outage"], line["contract"]) == ("okta", code, "reset_user_mfa")
    assert world.sandbox.writes() == 0


async def test_it_may_be_called_again(world: World) -> None:
    world.sandbox.fault("503", "users", reads=True, times=2)
    first = await world.call("reset_user_mfa", MARIA)
    assert first["status"] == "unavailable", first
    second = await world.call("reset_user_mfa", MARIA)
    assert second["status"] == "approval_required", second
    assert second["action_id"] != first["action_id"]


@pytest.mark.parametrize("status", ["404", "403"])
async def test_what_may_be_about_the_record_stays_a_denial(world: World, status: str) -> None:
    """Else an agent could tell by the status whether a record exists."""
    gone = {**MARIA, "user_id": "00u9nobody001"}
    if status == "403":
        world.sandbox.fault("refuse", "users", reads=True, times=9)
    answer = await world.call("reset_user_mfa", gone)
    assert answer["status"] == "denied", answer
    assert world.proof(answer["receipt_id"]).receipt["status"] == "denied"


async def test_a_read_action_is_unavailable_too(world: World) -> None:
    world.sandbox.fault("503", "users", reads=True, times=9)
    answer = await world.call("find_user", {"email": "maria@example.com"})
    assert answer["status"] == "unavailable", answer


async def test_an_approved_action_that_cannot_be_looked_at(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    world.sandbox.fault("503", "users", reads=True, times=2)
    with pytest.raises(AilyusError) as looked:
        await world.sign(asked["action_id"])
    assert looked.value.code == "unavailable"
    assert "503" in looked.value.sentence
    signed = await world.sign(asked["action_id"])
    world.sandbox.fault("503", "factors", reads=True, times=99)
    with pytest.raises(AilyusError, match="503"):
        await world.app.inbox.decide(signed)


async def test_an_approved_action_whose_write_credential_is_gone(world: World) -> None:
    """Nothing is sent and no intent is signed; when the credential is there again, it goes on with its approval."""
    secret = world.workspace.root / ".ailyus" / "secrets" / "okta-write"
    kept = secret.read_text()
    asked = await world.call("reset_user_mfa", MARIA)
    signed = await world.sign(asked["action_id"])
    secret.unlink()
    with heard() as lines:
        await world.app.inbox.decide(signed)
        await until(lambda: world.app.runner.running_action(asked["action_id"]))
        await asyncio.sleep(0.1)
        assert world.rows("SELECT state FROM actions") == [("ready",)]
        assert world.rows("SELECT count(*) FROM statements WHERE kind = 'intent'") == [(0,)]
        assert world.sandbox.writes() == 0
        secret.write_text(kept)
        assert (await world.get(asked["action_id"]))["status"] == "confirmed"
    assert world.sandbox.effects("reset_factors") == 1
    assert "unavailable" not in {line["event"] for line in lines}


async def test_a_plan_leaves_out_nothing_that_it_could_not_read(records: World) -> None:
    seeded(records, "a", "b", "c")
    records.sandbox.fault("503", "records/b", "records", reads=True, times=99)
    answer = await run(records, [each(["a", "b", "c"], skip_missing=True)])
    assert answer["status"] == "unavailable", answer
    assert "changed" not in answer or answer["changed"] is False
    assert records.sandbox.writes() == 0


async def test_a_step_that_cannot_be_looked_at_any_more(records: World) -> None:
    seeded(records, "a", "b")
    records.sandbox.fault("slow", "records/a", "records", ms=300)
    task = asyncio.create_task(run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")]))
    await until(lambda: records.sandbox.writes("records/a"))
    records.sandbox.fault("503", "records/b", "records", reads=True, times=99)
    answer = await task
    assert answer["status"] == "compensated", answer
    assert states(answer) == {"one": "undone", "two": "unavailable"}
    assert "ended unavailable" in answer["summary"]


# -- the reason of every denial ----------------------------------------------------------------------------------------


async def denied(world: World, tool: str, arguments: dict[str, Any], token: str | None = None) -> tuple[str, str]:
    """The receipt of a denial, and the first line that people read of it."""
    answer = await world.call(tool, arguments, token)
    assert answer["status"] == "denied", answer
    root = world.workspace.root
    shown = await asyncio.to_thread(cli, "receipt", "show", answer["receipt_id"], cwd=root)
    return str(answer["receipt_id"]), shown.split("\n")[0]


async def test_people_read_why_it_was_denied(world: World) -> None:
    reading = await world.app.agents.add("reader", "acme", "requester", None, frozenset({"SecurityLead"}), False)
    early, first = await denied(world, "reset_user_mfa", MARIA, reading)
    assert "the agent `reader` holds SecurityLead" in first
    assert "permits `reset_user_mfa` to Support only" in first
    missing, gone = await denied(world, "reset_user_mfa", {**MARIA, "user_id": "00u9nobody001"})
    assert "the target answered 404 to the read `user`" in gone
    elsewhere, foreign = await denied(world, "reset_user_mfa", {**MARIA, "connection": "okta-globex"})
    assert "no such connection" in foreign
    # an early denial keeps the question that Cedar was asked
    opened = dict(world.rows("SELECT label, data FROM evidence JOIN statements USING (leaf_index) WHERE id = ?", early))
    requests = orjson.loads(opened["cedar/requests"])
    assert requests[0] == {"principal": 'Agent::"reader"', "action": 'Action::"reset_user_mfa"'}
    assert b"SecurityLead" in opened["cedar/entities"]
    decision = world.proof(early).receipt["decision"]
    assert (decision["partial"], decision["policies"]["agent"]) == (True, [])
    # the list of denials says the reason of each
    root = world.workspace.root
    listed = await asyncio.to_thread(cli, "receipt", "denied", cwd=root)
    for receipt, reason in ((early, "holds SecurityLead"), (missing, "404"), (elsewhere, "no such connection")):
        (line,) = [line for line in listed.split("\n") if receipt in line]
        assert reason in line


async def test_an_agent_is_not_told_why(world: World) -> None:
    reading = await world.app.agents.add("reader", "acme", "requester", None, frozenset({"SecurityLead"}), False)
    texts = set()
    for arguments, token in ((MARIA, reading), ({**MARIA, "user_id": "00u9nobody001"}, None)):
        answer = await world.call("reset_user_mfa", arguments, token)
        texts.add((answer["status"], answer["summary"], answer["next"], "error" in answer))
    assert len(texts) == 1


async def test_a_name_that_nobody_has_is_an_error(world: World) -> None:
    await world.call("unlock_user", {"user_id": LEO["user_id"], "reason": "locked out since morning"})
    root = world.workspace.root
    for command, known in (
        (("receipt", "changed", "suport-bot"), "support-bot"),
        (("receipt", "find", "--agent", "suport-bot"), "support-bot"),
        (("receipt", "find", "--status", "confirmd"), "confirmed"),
        (("receipt", "find", "--contract", "unlock_usr"), "unlock_user"),
        (("receipt", "find", "--kind", "outcomes"), "outcome"),
    ):
        said = await asyncio.to_thread(cli, *command, cwd=root, ok=False)
        assert "there is no" in said, command
        assert known in said, command
    assert "none" in await asyncio.to_thread(cli, "receipt", "find", "--status", "unavailable", cwd=root)
    asked = await world.call("find_receipts", {"status": "confirmd"})
    assert asked["status"] == "invalid", asked
