"""The command that serves: the gateway of a workspace, until it is ended."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import verb
from server.cli.choice import require_person
from server.cli.reload import Take, digest_of_files, release_unsigned, reload_on_change, reload_on_signal
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from policies.release import Release
    from policies.signed_release import SignedRelease
    from server.app import App
    from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What `serve` was told. `signed` is what `--as` has released just now."""

    author: str | None
    port: int | None
    dev: bool
    watch: bool
    signed_only: bool
    allow_wider: bool
    signed: "SignedRelease | None"


def register(run: typer.Typer) -> None:
    """Add the command."""
    verb(run, "serve")(serve)


def serve(
    workspace: WorkspaceOption = ".",
    as_: Annotated[str | None, typer.Option("--as", help="The person who releases what it starts with.")] = None,
    dev: Annotated[bool, typer.Option("--dev", help="Reload on save; receipts say `governed: false`.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Take what the files say when they change, as SIGHUP does once.")
    ] = False,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="Take nothing unsigned, also in a development workspace.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Listen on another port (0 picks a free one).")] = None,
    allow_wider: Annotated[
        bool, typer.Option("--allow-wider", help="Release although contracts leave guards that hold for them now.")
    ] = False,
) -> None:
    """Run the gateway of a workspace until it is ended; with --as, release what the files say first."""
    import uvloop

    from server.cli.release_signing import sign
    from server.workspace.release_files import write_signed

    if dev and (watch or require_signature):
        raise AilyusError(
            "bad_settings", "`--dev` takes what nobody signs, on every save", hint="leave one of them out"
        )
    space = open_workspace(workspace)
    # at once: what follows takes seconds, and whoever sees nothing ends it
    typer.echo(f"loading the contracts and policies of {space.root}")
    as_ = None if as_ is None else require_person(space, as_)
    signed = sign(space, as_, None, "", allow_wider) if as_ and not dev else None
    if signed is not None and (require_signature or not space.settings.development):
        write_signed(space.root, signed)
    options = ServeOptions(as_, port, dev, watch, require_signature, allow_wider, signed)
    with contextlib.suppress(KeyboardInterrupt):  # pressed before the handlers of the loop are there
        uvloop.run(_serve(space, options))


async def _serve(workspace: "Workspace", options: ServeOptions) -> None:
    from receipts.log.signing import Signer
    from server.app import App
    from server.cli.seed import seed_agent
    from server.contract_testing.sandbox_process import start_sandbox
    from server.gateway_process import answers_on, running, settle_interpreter
    from server.workspace.log_key import open_log_key
    from server.workspace.release_checks import require_sound
    from server.workspace.releases import begin

    settings = workspace.settings
    signer = Signer(open_log_key(workspace))
    # before the files are read: what is saved while they are compiled is then another digest
    seen = await asyncio.to_thread(digest_of_files, workspace.root)
    how = partial(begin, dev=options.dev, signed_only=options.signed_only)
    start = await asyncio.to_thread(how, workspace, signer, options.author)
    release = start.release
    # what an author signed was compared, and allowed, when it was signed
    signed = options.signed or start.signed
    allowed = options.allow_wider or signed is not None
    wider = await asyncio.to_thread(require_sound, workspace, release, allowed)
    app = App(workspace, release, signed=signed, sources=start.sources, signed_only=options.signed_only)
    twin = None
    if settings.sandbox and not (
        settings.has_database and answers_on(settings.sandbox.port)
    ):  # another replica's will do
        twin = start_sandbox(settings.sandbox.port, workspace.private / "sandbox.json")
    stop, hurry = _signals()
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told.set)
    try:
        async with running(app, settings.server.port if options.port is None else options.port) as url:
            await seed_agent(app)
            # after everything is imported and compiled: what stays for good is not looked at by the collector again
            settle_interpreter()
            _say_served(release, url, start.says, wider)
            typer.echo(f"the console is at {app.console.url}")
            await _first_link(app)
            # beside it: a system that takes five seconds to answer keeps no other from being served
            beside = [asyncio.create_task(work) for work in _beside(app, options, told, seen)]
            await stop.wait()
            for task in beside:
                task.cancel()
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


def _say_served(release: "Release", url: str, notes: Sequence[str], wider: Sequence[str]) -> None:
    governed = "" if release.governed else ", receipts say `governed: false`"
    for line in notes:
        typer.echo(line, err=True)
    typer.echo(f"ailyus serves {len(release.catalog.programs)} contracts at {url}{governed}")
    for line in (*wider, *(f"{at.target.name}: {at.says}" for at in release.guards())):
        typer.echo(line)


def _beside(app: "App", options: ServeOptions, told: asyncio.Event, seen: str) -> Iterator[Coroutine[None, None, None]]:
    """What runs beside the gateway: a look at its connections, and what takes a changed set of files."""
    workspace = app.workspace
    yield _say_unusable(workspace, app.runner.release)
    take: Take = partial(release_unsigned, app, workspace, options.author) if options.dev else app.releases.reload
    yield reload_on_signal(told, take)
    if options.dev or options.watch:
        yield reload_on_change(workspace.root, seen, take, settled=not options.dev)


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
