"""The command that serves: the gateway of a workspace, until it is ended."""

import asyncio
import contextlib
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.reload import digest_of_files, reload_on_save
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from policies.release import Release
    from policies.signed_release import SignedRelease
    from server.app import App
    from server.workspace.workspace import Workspace


def serve(
    workspace: WorkspaceOption = ".",
    as_: Annotated[str | None, typer.Option("--as", help="The person who releases what it starts with.")] = None,
    dev: Annotated[bool, typer.Option(help="Reload on save; receipts say `governed: false`.")] = False,
    port: Annotated[int | None, typer.Option(help="Listen on another port (0 picks a free one).")] = None,
    allow_wider: Annotated[
        bool, typer.Option("--allow-wider", help="Release although contracts leave guards that hold for them now.")
    ] = False,
) -> None:
    """Run the gateway of a workspace until it is ended; with --as, release what the files say first."""
    import uvloop

    from server.cli.release_commands import sign
    from server.workspace.release_files import write_signed

    space = open_workspace(workspace)
    signed = sign(space, as_, None, "", allow_wider) if as_ and not dev else None
    if signed is not None and not space.settings.development:
        write_signed(space, signed)
    with contextlib.suppress(KeyboardInterrupt):  # pressed before the handlers of the loop are there
        uvloop.run(_serve(space, as_, dev, port, signed, allow_wider))


async def _serve(
    workspace: "Workspace",
    author: str | None,
    dev: bool,
    port: int | None,
    signed: "SignedRelease | None",
    allow_wider: bool = False,
) -> None:
    from receipts.log.signing import Signer
    from server.app import App
    from server.cli.seed import seed_agent
    from server.contract_testing.sandbox_process import start_sandbox
    from server.gateway_process import answers_on, running, settle_collector
    from server.workspace.log_key import open_log_key
    from server.workspace.release_checks import require_sound
    from server.workspace.releases import begin

    settings = workspace.settings
    signer = Signer(open_log_key(workspace))
    # before the files are read: what is saved while they are compiled is then another digest
    seen = await asyncio.to_thread(digest_of_files, workspace.root) if dev else ""
    start = await asyncio.to_thread(partial(begin, workspace, signer, author, dev=dev))
    release = start.release
    # what an author signed was compared, and allowed, when it was signed
    allowed = allow_wider or signed is not None or start.signed is not None
    wider = await asyncio.to_thread(require_sound, workspace, release, allowed)
    app = App(workspace, release, signed=signed or start.signed, sources=start.sources)
    twin = None
    if settings.sandbox and not (settings.store and answers_on(settings.sandbox.port)):  # another replica's will do
        twin = start_sandbox(settings.sandbox.port, workspace.private / "sandbox.json")
    stop, hurry = _signals()
    try:
        async with running(app, settings.server.port if port is None else port) as url:
            await seed_agent(app)
            governed = "" if release.governed else ", receipts say `governed: false`"
            # after everything is imported and compiled: what stays for good is not looked at by the collector again
            settle_collector()
            for line in start.says:
                typer.echo(line, err=True)
            typer.echo(f"ailyus serves {len(release.catalog.programs)} contracts at {url}{governed}")
            for line in (*wider, *(f"{at.target.name}: {at.says}" for at in release.guards())):
                typer.echo(line)
            typer.echo(f"the console is at {app.console.url}")
            await _first_link(app)
            # beside it: a system that takes five seconds to answer keeps no other from being served
            look = asyncio.create_task(_say_unusable(workspace, release))
            watch = asyncio.create_task(reload_on_save(app, workspace, author, seen)) if dev else None
            await stop.wait()
            look.cancel()
            if watch:
                watch.cancel()
            app.health.end()  # a load balancer sends nobody any more, while what is sent is still served
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), settings.server.drain / 1000)
    finally:
        if twin:
            twin.terminate()
            twin.wait()


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Set when the process is told to end, and when it is told so again."""
    first, again = asyncio.Event(), asyncio.Event()

    def told_to_end() -> None:
        (again if first.is_set() else first).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end)
    return first, again


async def _say_unusable(workspace: "Workspace", release: "Release") -> None:
    """Warn of every connection that cannot be used; the gateway serves nevertheless, since others can."""
    import structlog

    from server.workspace.probe import probe

    for one in await probe(workspace, release):
        if not one.ok:
            structlog.get_logger().warning(f"{one.noun}_unusable", name=one.name, reason=one.says, next=one.next)


async def _first_link(app: "App") -> None:
    """Only a terminal is shown the first link: what is written to a log stays there for others to read."""
    if not sys.stdout.isatty():
        return
    if first := await app.console.first_run():
        typer.echo(f"nobody has a passkey yet; this link brings one for {first[0]}, once, within 10 minutes:")
        typer.echo(f"  {first[1]}")
