"""The pages of contracts, plans, policies, connections and people, as somebody sees them who is signed in."""

from tests.console.visitor import visitor
from tests.world import MARIA, World


async def test_a_contract_says_how_it_is_written_and_how_it_went(world: World) -> None:
    done = await world.reset()
    await world.call("reset_user_mfa", {**MARIA, "ticket": "4712"})
    async with visitor(world, "requester") as requester:
        listed = {row["name"]: row for row in (await requester.json("/contracts.json"))["contracts"]}
        assert (listed["reset_user_mfa"]["went"], listed["unlock_user"]["went"]) == ("1 of 1 action confirmed", "")
        seen = await requester.json("/contracts/reset_user_mfa.json")
        assert seen["calls"] == {"confirmed": 1, "denied": 1}
        assert [one["status"] for one in seen["newest"]] == ["denied", "confirmed"]
        assert seen["newest"][1]["action"] == done["action_id"]
        assert "contract: reset_user_mfa" in seen["lines"]
        assert [one["difference"] for one in seen["versions"]] == [[]]
        page = await requester.get("/contracts/reset_user_mfa")
        assert f'href="/actions/{done["action_id"]}"' in page
        assert 'href="/policies/prod-high-needs-lead"' in page
        # what decided it, in words and in Cedar
        policy = await requester.json("/policies/prod-high-needs-lead.json")
        assert (policy["asked"], policy["effect"], policy["lifted"]) == (1, "forbid", True)
        assert policy["title"] in await requester.get("/policies/prod-high-needs-lead")
        assert policy["lines"][0] == '@id("prod-high-needs-lead")'
        assert "reset_user_mfa" in policy["contracts"]
        assert policy["at"].endswith((":3", ":4"))
        await requester.get("/policies/none", 404)
        # a plan has a page too
        (plan, *_) = (await requester.json("/contracts.json"))["plans"]
        assert plan["steps"] == (await requester.json(f"/plans/{plan['name']}.json"))["steps"]
        assert f'<span class="yaml-key">plan</span>: {plan["name"]}' in await requester.get(f"/plans/{plan['name']}")
        await requester.get("/plans/none", 404)
        # a release that changes the file brings a version, with what it changed
        file = next((world.workspace.root / "contracts").rglob("reset_user_mfa.yaml"))
        file.write_text(file.read_text().replace("Reset a user's MFA (Okta)", "Reset the MFA of a user (Okta)"))
        assert await world.app.releases.reload()
        newer, older = (await requester.json("/contracts/reset_user_mfa.json"))["versions"]
        assert older["difference"] == []
        assert [line for line in newer["difference"] if line[0] in "+-"] == [
            "-title: Reset a user's MFA (Okta)",
            "+title: Reset the MFA of a user (Okta)",
        ]
        assert "what it changed" in await requester.get("/contracts/reset_user_mfa")
        assert len((await requester.json("/contracts/unlock_user.json"))["versions"]) == 1


async def test_a_connection_is_tested_by_an_admin_and_says_how_it_went(world: World) -> None:
    await world.reset()
    async with visitor(world, "lead") as lead, visitor(world, "requester") as requester:
        (okta,) = [row for row in (await lead.json("/connections.json"))["connections"] if row["name"] == "okta"]
        assert okta["said"] == "1 of 1 action confirmed"
        assert okta["median"]
        answer = await lead.submit("/connections/okta", "/connections/okta/test")
        assert "the test passed" in answer.text
        assert "/connections/okta/test" not in await requester.get("/connections/okta")
        session = await world.app.console._sessions.find(requester.client.headers["cookie"].partition("=")[2])
        assert session is not None
        form = {"token": session.token("/connections/okta/test")}
        assert (await requester.post("/connections/okta/test", form)).status_code == 403
        await lead.submit("/connections/okta", "/halts", {"reason": "an incident"}, name="okta")
        assert "halted" in await requester.get("/connections/okta")
        await requester.submit("/connections/okta", "/halts/lift", name="okta")
        assert world.app.journal.controls.halts == ()
        # everybody's keys, and since when
        (mine,) = [row for row in (await lead.json("/people.json"))["people"] if row["name"] == "lead"]
        assert [(key["kind"], key["authority"], key["last"]) for key in mine["keys"]] == [
            ("development", "terminal", False)
        ]
        assert mine["keys"][0]["said_ms"] > world.app.store.now_ms() - 600_000
