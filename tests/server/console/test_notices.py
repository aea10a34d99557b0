"""The page of notices: which routes there are, when somebody was told by each, and a test that says that it is one."""

from pathlib import Path

from tests.console.visitor import Visitor, visitor
from tests.server.operations.listener import noticing, told
from tests.until import until
from tests.world import MARIA, Sandbox, World

OUTSIDER = """
[[people]]
name = "outsider"
tenant = "globex"
"""


async def test_routes_say_how_they_went_and_an_admin_tests_them(tmp_path: Path, sandbox: Sandbox) -> None:
    async with noticing(tmp_path / "w", sandbox, OUTSIDER) as (world, listener):
        await world.call("reset_user_mfa", MARIA)
        await until(lambda: world.rows("SELECT 1 FROM notices WHERE delivered_ms IS NOT NULL"))
        async with visitor(world, "lead") as lead, visitor(world, "requester") as requester:
            page = await lead.json("/notices.json")
            everybody, leads, operations = page["notices"]
            assert [one["name"] for one in (everybody, leads, operations)] == ["everybody", "leads", "operations"]
            assert everybody["where"] == "#security by the connection slack"
            assert everybody["second"]
            # the host alone: the path may be a secret
            assert leads["where"] == f"127.0.0.1:{listener.port}"
            assert leads["delivered_ms"] > world.app.store.now_ms() - 600_000
            assert (leads["open"], leads["failed"], leads["roles"], leads["next"]) == (
                0,
                0,
                ["SecurityLead"],
                "everybody",
            )
            assert operations["delivered_ms"] is None
            before = len(listener.seen)
            tested = await lead.submit("/notices", "/notices/test", noun="notices", name="operations")
            assert "the test was taken" in tested.text
            ((path, headers, _),) = listener.seen[before:]
            assert path == "/operations"
            assert headers["webhook-signature"].startswith("v1,")
            assert listener.bodies()[-1] == {
                "event": "test",
                "title": "A test of Ailyus: nothing waits",
                "link": f"{world.app.console.url}/notices",
            }
            await lead.submit("/notices", "/notices/test", noun="notices", name="everybody")
            assert told(sandbox)[-1]["text"].startswith("A test of Ailyus: nothing waits.")
            listener.refuse = 1
            refused = await lead.submit("/notices", "/notices/test", noun="notices", name="leads")
            assert "the test was not taken" in refused.text
            # what nobody sees, nobody sends
            assert "/notices/test" not in await requester.get("/notices")
            await _is_refused(world, requester, {"noun": "notices", "name": "leads"}, 403)
            await _is_refused(world, lead, {"noun": "notices", "name": "nobody"}, 404)
            await _is_refused(world, lead, {"noun": "notices", "name": "elsewhere"}, 404)
        async with visitor(world, "outsider") as outsider:
            names = [one["name"] for one in (await outsider.json("/notices.json"))["notices"]]
            assert names == ["elsewhere", "leads", "operations"]


async def _is_refused(world: World, who: Visitor, fields: dict[str, str], status: int) -> None:
    session = await world.app.console._sessions.find(who.client.headers["cookie"].partition("=")[2])
    assert session is not None
    assert (await who.post("/notices/test", fields | {"token": session.token("/notices/test")})).status_code == status


async def test_an_escalation_is_tested_without_an_action(world: World) -> None:
    async with visitor(world, "lead") as lead:
        page = await lead.json("/notices.json")
        assert page["notices"] == []
        route = page["escalations"][0]["name"]
        before = len(world.sandbox.notices())
        tested = await lead.submit("/notices", "/notices/test", noun="escalations", name=route)
        assert "the test was taken" in tested.text
        assert world.sandbox.notices()[before:] == [{"route": route, "event": "test"}]
        assert world.rows("SELECT count(*) FROM escalations") == [(0,)]
