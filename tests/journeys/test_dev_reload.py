"""`serve --dev` while files are edited: every change is seen, no file ends it, and nonsense ends no restart."""

import asyncio
import os
from pathlib import Path

from tests.until import until
from tests.world import Sandbox, Served, cli, make_workspace

EXTRA = '@id("never-at-nowhere")\nforbid (principal, action, resource) when { resource.tenant == "nowhere" };\n'


class Dev(Served):
    """The same, with --dev."""

    options = ("--dev",)

    def said(self, words: str) -> int:
        return (self.workspace.private / "serve.log").read_text().count(words)


async def test_every_change_is_seen_and_no_file_ends_it(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    policies = workspace.root / "policies"
    extra, guard = policies / "extra.cedar", policies / "approvals.cedar"
    extra.write_text(EXTRA)
    dev = Dev(workspace)
    await asyncio.to_thread(dev.start)
    try:
        (policies / ".#approvals.cedar").symlink_to("nobody@nowhere.1:2")  # as Emacs locks a file
        (policies / "._base.cedar").write_bytes(b"\0\5\26\7")  # as macOS leaves one
        guard.write_text(guard.read_text().replace("<= 900", "<= 800"))
        await until(lambda: dev.said("reloaded\n") == 1, 30)
        extra.unlink()
        await until(lambda: dev.said("reloaded\n") == 2, 30)
        guard.write_text(guard.read_text().replace("<= 800", "<= 700"))
        os.utime(guard, (1, 1))
        await until(lambda: dev.said("reloaded\n") == 3, 30)
        good = guard.read_text()
        guard.write_text("permit (")
        await until(lambda: dev.said("not reloaded, the last good set stays live") == 1, 30)
        said = await asyncio.to_thread(cli, "doctor", "-w", str(workspace.root), ok=False)
        assert "FAIL release: " in said
        assert "FAIL live: release " in said
        assert "OK   gateway: pid" in said  # it goes on behind what does not load
        dev.stop()
        await asyncio.to_thread(dev.start)  # with nonsense on disk
        await until(lambda: dev.said("NOT what the files say: the gateway serves the last release in its log") == 1, 30)
        guard.write_text(good.replace("<= 700", "<= 600"))
        await until(lambda: dev.said("reloaded\n") == 4, 30)
    finally:
        dev.stop()


def test_an_editors_files_are_no_policies_and_no_contracts(tmp_path: Path) -> None:
    cli("init", "w", cwd=tmp_path)
    for folder, name in (("policies", "approvals.cedar"), ("contracts", "x.yaml"), ("policies", "x.test.yaml")):
        (tmp_path / "w" / folder / f".#{name}").symlink_to("nobody@nowhere.1:2")
        (tmp_path / "w" / folder / f"._{name}").write_bytes(b"\0\5\26\7")
    cli("policy", "check", cwd=tmp_path / "w")
    assert "0 failed" in cli("policy", "test", cwd=tmp_path / "w")
