"""Old reads, lost replies and refusals in front of moto and django-helpdesk: nothing is done twice, nothing is invented."""

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from receipts.log.signing import Envelope
from tests.aws import Aws, aws_workspace
from tests.helpdesk.desk import Desk
from tests.journeys.directory import until
from tests.wire_between import between
from tests.world import Sandbox, cli, gateway

NEW_KEY = {"user_name": "ci", "reason": "the key is due for its rotation"}


def created(writes: list[str]) -> int:
    return sum("Action=CreateAccessKey" in write for write in writes)


async def test_a_new_key_that_is_listed_late_is_found_with_its_secret(
    tmp_path: Path, sandbox: Sandbox, aws: Aws
) -> None:
    async with (
        between(aws.port) as proxy,
        gateway(aws_workspace(tmp_path / "w", sandbox, aws, proxy.port), sandbox) as world,
    ):
        asked = await world.call("create_access_key", NEW_KEY)
        proxy.stale = True
        await world.approve(asked["action_id"])
        answer = await world.get(asked["action_id"])
        # the answer itself named a new key
        assert (answer["status"], answer["changed"]) == ("unknown", True)
        assert "outputs" not in answer
        assert "once more" not in answer["next"]
        again = await world.call("create_access_key", NEW_KEY)
        assert again["action_id"] == asked["action_id"]
        proxy.stale = False
        found = await until(world, asked["action_id"], "confirmed")
        assert found["outputs"]["key_id"] in set(aws.keys())
        assert found["outputs"]["secret"].startswith("sec_")
        assert (created(proxy.writes), len(aws.keys())) == (1, 2)


async def test_a_lost_reply_and_old_reads_make_no_second_key(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    async with (
        between(aws.port) as proxy,
        gateway(aws_workspace(tmp_path / "w", sandbox, aws, proxy.port), sandbox) as world,
    ):
        asked = await world.call("create_access_key", NEW_KEY)
        proxy.stale, proxy.lose = True, 1
        await world.approve(asked["action_id"])
        answer = await world.get(asked["action_id"])
        assert (answer["status"], answer["changed"]) == ("unknown", None)
        assert (created(proxy.writes), len(aws.keys())) == (1, 2)
        proxy.stale = False
        # the key is there and its secret was lost: looked at again, it stays a matter for a person, and nothing is sent
        with pytest.raises(AssertionError, match="unknown"):
            await asyncio.to_thread(cli, "receipt", "recheck", asked["action_id"], cwd=world.workspace.root)
        looked = world.rows("SELECT envelope FROM statements WHERE kind = 'recheck' ORDER BY leaf_index DESC LIMIT 1")
        assert b"its outputs are lost" in Envelope.decode(looked[0][0]).payload
        assert (created(proxy.writes), len(aws.keys())) == (1, 2)


async def test_a_refused_key_is_refused_once(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    async with (
        between(aws.port) as proxy,
        gateway(aws_workspace(tmp_path / "w", sandbox, aws, proxy.port), sandbox) as world,
    ):
        proxy.refuse = (400, "<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>")
        answer = await world.approved("create_access_key", NEW_KEY)
        assert (answer["status"], answer["changed"]) == ("not_applied", False)
        assert answer["next"].startswith("Do not call create_access_key again with the same arguments")
        assert world.rows("SELECT count(*) FROM intents") == [(1,)]
        assert set(aws.keys()) == {aws.old[0]}


async def test_a_ticket_that_is_read_late_is_unknown_and_then_found(desk: Desk) -> None:
    old = JSONResponse(desk.site.ticket())
    late = True

    async def before(request: Request, body: bytes) -> Response | None:
        return old if late and request.method == "GET" and request.url.path == "/api/tickets/1/" else None

    desk.front.before = before
    answer = await desk.set_priority("high")
    assert (answer["status"], answer["changed"]) == ("unknown", None)
    assert (desk.site.ticket()["priority"], desk.front.count("PATCH")) == (2, 1)
    late = False
    found = await until(desk.world, answer["action_id"], "confirmed")
    assert (found["changed"], desk.front.count("PATCH")) == (True, 1)


async def test_a_ticket_that_is_refused_is_not_called_once_more(desk: Desk) -> None:
    async def before(request: Request, body: bytes) -> Response | None:
        return JSONResponse({"detail": "no such queue"}, 422) if request.method == "PATCH" else None

    desk.front.before = before
    answer = await desk.set_priority("high")
    assert (answer["status"], answer["changed"]) == ("not_applied", False)
    assert "once more" not in answer["next"]
    assert desk.front.count("PATCH") == 1


async def test_a_lost_reply_and_late_reads_are_unknown_and_then_found(desk: Desk) -> None:
    """The reply of the API is lost, the reads are behind, so the pages do it once more; later looks find it."""
    old = JSONResponse(desk.site.ticket())
    late = True

    async def before(request: Request, body: bytes) -> Response | None:
        if request.method == "PATCH":
            await desk.front.passed(request, body)
            return Response(status_code=502)
        return old if late and request.method == "GET" and request.url.path == "/api/tickets/1/" else None

    desk.front.before = before
    answer = await desk.set_priority("high")
    assert (answer["status"], answer["changed"]) == ("unknown", None), answer
    sent = desk.front.count("PATCH")
    late = False
    found = await until(desk.world, answer["action_id"], "confirmed")
    assert (found["changed"], desk.front.count("PATCH"), desk.site.ticket()["priority"]) == (True, sent, 2)
