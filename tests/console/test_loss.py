"""A person whose only key is a passkey accepts what a restored store has lost, on the page that is served for it."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from contracts.errors import AilyusError
from server.console.loss import accept_loss_here
from server.workspace.workspace import Workspace
from tests.console.axe import no_faults
from tests.console.people import SECOND_LEAD, browsing
from tests.hostile import findings
from tests.world import FILE, LEO, Sandbox, ailyus, cli, gateway, make_workspace


def at_port(workspace: Workspace, port: int) -> Workspace:
    """The same, with a port of its own: a passkey answers at one origin."""
    path, own = workspace.root / FILE, workspace.settings.server.port
    path.write_text(path.read_text().replace(f"[server]\nport = {own}\n", f"[server]\nport = {port}\n"))
    return Workspace.open(workspace.root)


async def test_a_loss_is_accepted_with_a_passkey(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> None:
    workspace, backup = make_workspace(tmp_path / "w", sandbox, extra=SECOND_LEAD), tmp_path / "b.db"
    async with AsyncExitStack() as left:
        async with gateway(workspace, sandbox) as world:
            port = urlsplit(world.url).port or 0
            people = await left.enter_async_context(browsing(world))
            lead = await people.person("lead")
            await ailyus(world, "store", "backup", str(backup))
            await world.call("reset_user_mfa", LEO)
        for suffix in ("", "-wal", "-shm"):
            workspace.store.with_name(workspace.store.name + suffix).unlink(missing_ok=True)
        await asyncio.to_thread(cli, "store", "restore", str(backup), cwd=workspace.root)
        workspace.key_file("lead").unlink()
        workspace = at_port(workspace, port)
        with pytest.raises(AilyusError, match="`lead-two` had no passkey when the backup was taken"):
            await accept_loss_here(workspace, "lead-two", "the disk broke", print)
        told: asyncio.Queue[str] = asyncio.Queue()
        waiting = asyncio.create_task(accept_loss_here(workspace, "lead", "the <b>disk</b> broke", told.put_nowait))
        link = await told.get()
        stranger = await lead.context.request.get(link[:-1])
        assert stranger.status == 404
        await lead.page.goto(link)
        for width in (390, 1280):
            await lead.page.set_viewport_size({"width": width, "height": 900})
            await no_faults(lead.page, f"loss {width}")
            assert await lead.page.evaluate("document.documentElement.scrollWidth") <= width
        assert "the <b>disk</b> broke" in await lead.text()
        # a word about anything else than what is shown is not taken
        options = orjson.loads(str(await lead.page.locator("form").get_attribute("data-options")))
        other = {**options["word"], "restored_size": 1}
        sent = await lead.page.evaluate(
            "async ([word, keys]) => JSON.stringify(await signed('word', word, keys))", [other, options["keys"]]
        )
        origin = {"origin": world.app.console.origin}
        answer = await lead.context.request.post(link, form={"signed": sent}, headers=origin)
        assert (answer.status, "under another loss" in await answer.text()) == (409, True)
        assert not waiting.done()
        await lead.press("accept the loss with a passkey")
        assert "It is accepted" in await lead.text()
        done = await waiting
        assert done.remembered is not None
        assert done.remembered.size > done.restored.size
        lead.faults.clear()  # of the pages that were open while no gateway ran
        async with gateway(workspace, sandbox, port=port) as world:
            assert "restored from a backup" in await ailyus(world, "halt", "list")
            assert findings(workspace) == []
            assert "the <b>disk</b> broke" in await ailyus(world, "audit")
