"""A proposed release becomes the shadow of the live one at the console, by an admin, and ends there."""

from pathlib import Path

from receipts.tables import shadows
from receipts.tables.shadows import ShadowRecord
from server.workspace.workspace import Workspace
from tests.console.visitor import visitor
from tests.journeys.candidates import candidates, package
from tests.journeys.releases import SECOND, edit, widen
from tests.world import FILE, Sandbox, World, gateway, make_workspace


async def test_an_admin_begins_and_ends_a_shadow(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    edit(workspace, FILE, 'tenant = "globex"', 'tenant = "acme"')
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        widen(world.workspace)
        digest = (await candidates(world).propose(package(world))).record.digest
        page, begin = f"/releases/{digest}", f"/releases/{digest}/shadow"
        async with visitor(world, "requester") as requester:
            assert "let it decide as a shadow" not in await requester.get(page)
            session = await world.app.console._sessions.find(requester.client.headers["cookie"].partition("=")[2])
            assert session is not None
            for path in (begin, "/policies/shadow/end"):
                assert (await requester.post(path, {"token": session.token(path)})).status_code == 403
        assert await kept(world) is None
        async with visitor(world, "lead") as lead:
            told = (await lead.json(f"{page}/impact.json"))["impact"]
            assert (told["wider"], told["narrower"], told["is_whole"]) == (0, 0, True)
            assert (await lead.submit(page, begin)).headers["location"] == page
            found = await kept(world)
            assert found is not None
            assert (found.digest, found.by, found.ended_ms) == (digest, "lead", None)
            assert (await lead.json(f"{page}.json"))["shadow"]["by"] == "lead"
            assert "end the shadow" in await lead.get("/policies")
            await lead.submit(page, "/policies/shadow/end")
            found = await kept(world)
            assert found is not None
            assert (found.ended_by, found.ended_ms is None) == ("lead", False)
            assert (await lead.json(f"{page}.json"))["shadow"] is None


async def test_with_several_tenants_nobody_begins_one_or_reads_an_impact_here(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    async with gateway(workspace, sandbox) as world, visitor(world, "lead") as lead:
        widen(world.workspace)
        page = f"/releases/{(await candidates(world).propose(package(world))).record.digest}"
        said = await lead.get(page)
        assert "let it decide as a shadow" not in said
        assert f"{page}/impact" not in said
        await lead.get(f"{page}/impact", 403)
        session = await world.app.console._sessions.find(lead.client.headers["cookie"].partition("=")[2])
        assert session is not None
        answer = await lead.post(f"{page}/shadow", {"token": session.token(f"{page}/shadow")})
        assert (answer.status_code, await kept(world)) == (403, None)


async def kept(world: World) -> ShadowRecord | None:
    return await world.app.store.read_aside(shadows.current)
