"""An agent acts with the account of the person whom it acts for, which they connected themselves by its link."""

from pathlib import Path

from tests.connected import connected
from tests.world import Sandbox


async def test_a_person_connects_their_account_by_the_link_that_the_agent_gives(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with connected(tmp_path / "w", sandbox) as house:
        house.server.set(records={"r1": {"id": "r1", "value": "old", "version": 1}})
        call = {"record": "r1", "value": "new"}
        refused = await house.world.call("set_value", call)
        assert (refused["status"], refused["error"]["code"]) == ("unavailable", "not_connected"), refused
        link = refused["connect"]["url"]
        assert link == f"{house.console}/connections/records"
        assert "under connect" in refused["next"]
        # the page is the person's own: nobody else's account serves for them
        page = await house.visit(await house.session("requester"), link)
        assert page.status_code == 200
        assert "this is about yours" in page.text
        house.server.set(account="lead@example.com")
        for side in ("read", "write"):
            assert (await house.connect("lead", "records", side)).status_code == 303
        assert (await house.world.call("set_value", call))["status"] == "unavailable"
        house.server.set(account="rita@example.com")
        assert (await house.connect("requester", "records", "read")).status_code == 303
        # with the read side alone it is looked at, and not written: the link is given again
        half = await house.world.call("set_value", call)
        assert half["error"]["code"] == "not_connected", half
        assert house.server.state()["records"]["r1"]["value"] == "old"
        assert (await house.connect("requester", "records", "write")).status_code == 303
        done = await house.world.approved("set_value", call)
        assert done["status"] == "confirmed", done
        assert house.server.state()["records"]["r1"]["by"] == "rita@example.com"
