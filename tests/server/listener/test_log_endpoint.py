"""The log over HTTP: where the settings say so, for everybody, with what caches must know; else it is not there."""

from pathlib import Path

from starlette.responses import PlainTextResponse

from receipts.audit.roots import read_roots
from receipts.log.checkpoint import Checkpoint
from receipts.log.signing import open_note
from server.listener.log_endpoint import LogEndpoint
from server.workspace.free_port import free_port
from tests.receipts.making import SIGNER, journal_at
from tests.web import web
from tests.world import Sandbox, World, ailyus, app_serving, gateway, make_workspace


async def test_checkpoint_and_tiles_are_given_to_everybody_and_kept_by_caches(tmp_path: Path) -> None:
    journal, port = await journal_at(tmp_path / "store.db"), free_port()
    app = LogEndpoint(journal.store, PlainTextResponse("the console"))
    async with app_serving(app, port), web() as http:
        base = f"http://127.0.0.1:{port}/log/"
        found = await http.get(f"{base}checkpoint")
        assert found.headers["content-type"] == "text/plain; charset=utf-8"
        assert found.headers["cache-control"] == "public, max-age=2"
        size = Checkpoint.parse(open_note(found.text, "ailyus.test", SIGNER.public)).size
        for path, length in ((f"tile/0/000.p/{size}", 32 * size), ("tile/0/000.p/1", 32)):
            tile = await http.get(base + path)
            assert (len(tile.content), tile.headers["content-type"]) == (length, "application/octet-stream")
            assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
        for path in ("tile/0/000", f"tile/0/000.p/{size + 1}", "tile/x", "", "tile/entries/999"):
            none = await http.get(base + path)
            assert (none.status_code, none.headers["cache-control"]) == (404, "no-store"), path
        assert (await http.post(f"{base}checkpoint")).status_code == 405
        assert (await http.get(f"http://127.0.0.1:{port}/")).text == "the console"
    await journal.store.aclose()


async def test_a_gateway_shows_its_log_only_if_the_settings_say_so_and_writes_it_as_files(
    world: World, tmp_path: Path, sandbox: Sandbox
) -> None:
    async with web() as http:
        assert (await http.get(f"{world.url.removesuffix('/mcp')}/log/checkpoint")).status_code == 307
        workspace = make_workspace(tmp_path / "shown", sandbox, extra="\n[log]\npublic = true\n")
        async with gateway(workspace, sandbox) as shown:
            note = (await http.get(f"{shown.url.removesuffix('/mcp')}/log/checkpoint")).text
            trusted = read_roots(workspace.root / "roots.json")
            checkpoint, _ = trusted.trusted.signed(note, trusted.origin)
            said = await ailyus(shown, "store", "tiles", "files")
            assert f"a log of {checkpoint.size} statements" in said
            again = await ailyus(shown, "store", "tiles", "files")
            assert "wrote 1 files" in again
    assert (workspace.root / "files" / "checkpoint").read_text() == note
    entries = workspace.root / "files" / "tile" / "entries" / f"000.p/{checkpoint.size}"
    assert entries.read_bytes()[2:3] == b"{"
