"""Commands that run something: demo, init, serve, stdio, connect, doctor."""

import asyncio
import contextlib
import hashlib
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contracts.errors import AilyusError
from server.cli.output import Format, FormatOption, WorkspaceOption, show, told

if TYPE_CHECKING:
    from policies.release import Release
    from policies.signed_release import SignedRelease
    from server.app import App
    from server.workspace.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (demo, init, serve, stdio, connect, doctor):
        app.command()(told(command))
    app.command(hidden=True)(sandbox)


def demo(
    interactive: Annotated[bool, typer.Option(help="Leave the approvals to you.")] = False,
    format: FormatOption = Format.text,
) -> None:
    """Play the locked-out user on local twins: no account, no network, no question."""
    import uvloop

    from server.cli.demo import play

    raise typer.Exit(uvloop.run(play(format, interactive)))


def init(
    folder: Annotated[Path, typer.Argument(help="The new workspace's folder.")],
    target: Annotated[Literal["sandbox", "okta"], typer.Option(help="What it connects to.")] = "sandbox",
    template: Annotated[
        str, typer.Option(help="On the sandbox: everything, accounting-sync, back-office.")
    ] = "everything",
    sandbox_port: Annotated[int, typer.Option(help="The sandbox's port; 0 picks a free one.")] = 0,
    base_url: Annotated[str, typer.Option(help="With --target okta: https://YOUR.okta.com")] = "",
    read_env: Annotated[str, typer.Option(help="Variable that holds the read-only token.")] = "OKTA_READ_TOKEN",
    write_env: Annotated[str, typer.Option(help="Variable that holds the writing token.")] = "OKTA_WRITE_TOKEN",
) -> None:
    """Write a workspace: settings, contracts, policies with tests, and people to play."""
    from server.workspace.templates import init_okta, init_sandbox

    if target == "okta":
        base_url = base_url or typer.prompt("base URL")
        init_okta(folder, base_url, read_env, write_env)
    else:
        init_sandbox(folder, template, sandbox_port)
    typer.echo(f"wrote {folder}: ailyus.toml, contracts/, policies/\nnext: cd {folder} && ailyus serve")


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
    from server.workspace.releases import write_signed
    from server.workspace.workspace import Workspace

    space = Workspace.open(Path(workspace).resolve())
    signed = sign(space, as_, None, "", allow_wider) if as_ and not dev else None
    if signed is not None and not space.settings.development:
        write_signed(space, signed)
    with contextlib.suppress(KeyboardInterrupt):
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
    from server.app import App, answers_on, running, settle_collector, start_sandbox
    from server.cli.seed import seed_agent
    from server.workspace.log_key import open_log_key
    from server.workspace.release_checks import require_sound
    from server.workspace.releases import begin

    settings = workspace.settings
    signer = Signer(open_log_key(workspace))
    seen = await asyncio.to_thread(_digest_of_files, workspace.root) if dev else ""
    start = await asyncio.to_thread(partial(begin, workspace, signer, author, dev=dev))
    release = start.release
    # what an author signed was compared, and allowed, when it was signed
    allowed = allow_wider or signed is not None or start.signed is not None
    wider = await asyncio.to_thread(require_sound, workspace, release, allowed)
    app = App(workspace, release, signed=signed or start.signed, sources=start.sources)
    twin = None
    if settings.sandbox and not (settings.store and answers_on(settings.sandbox.port)):  # another replica's will do
        twin = start_sandbox(settings.sandbox.port, workspace.private / "sandbox.json")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with running(app, settings.server.port if port is None else port) as url:
            await seed_agent(app)
            governed = "" if release.governed else ", receipts say `governed: false`"
            settle_collector()
            for line in start.says:
                typer.echo(line, err=True)
            typer.echo(f"ailyus serves {len(release.catalog.programs)} contracts at {url}{governed}")
            for line in (*wider, *(f"{at.target.name}: {at.says}" for at in release.guards())):
                typer.echo(line)
            typer.echo(f"the console is at {app.console.origin}")
            await _first_link(app)
            look = asyncio.create_task(_say_unusable(workspace, release))
            watch = asyncio.create_task(_reload(app, workspace, author, seen)) if dev else None
            await stop.wait()
            look.cancel()
            if watch:
                watch.cancel()
    finally:
        if twin:
            twin.terminate()
            twin.wait()


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


async def _reload(app: "App", workspace: "Workspace", author: str | None, seen: str) -> None:
    """Release what the files say whenever they say something else; nothing that happens to a file ends this."""
    from server.workspace.widening import wider_than_live
    from server.workspace.workspace import Workspace

    while True:
        await asyncio.sleep(0.5)
        now = await asyncio.to_thread(_digest_of_files, workspace.root)
        if now == seen:
            continue
        seen = now
        try:
            fresh = await asyncio.to_thread(Workspace.open, workspace.root)
            release = await asyncio.to_thread(partial(fresh.release, author, dev=True))
            wider = await asyncio.to_thread(wider_than_live, fresh, release)
            await app.replace(release)
            typer.echo("\n".join(["reloaded", *(change.says for change in wider)]))
        except Exception as error:  # a file that vanished meanwhile, a store that is full: the next change is seen too
            said = str(error) if isinstance(error, AilyusError) else type(error).__name__.lower()
            typer.echo(f"not reloaded, the last good set stays live\n{said}", err=True)


def _digest_of_files(root: Path) -> str:
    """What stands in the files of a release now: another name, content or absence is another digest."""
    from contracts.canonical import digest
    from contracts.text.source import files_of

    found: dict[str, str | None] = {}
    try:
        paths = [p for part in ("contracts", "policies") for p in files_of(root / part, "*")]
    except AilyusError as error:  # told when it is loaded
        return digest([str(error)])
    for path in [*paths, root / "ailyus.toml"]:
        try:
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:  # a folder, a link that leads nowhere, a file that vanished
            found[str(path)] = None
    return digest(sorted(found.items()))


def stdio(
    agent: Annotated[str, typer.Option(help="The agent whose token file is used.")] = "support-bot",
    workspace: WorkspaceOption = ".",
) -> None:
    """Bridge an MCP client on standard input and output to the workspace's gateway."""
    from server.admin.client import ensure_owner
    from server.cli.bridge import Bridge, token_for
    from server.workspace.workspace import Workspace

    space = Workspace.open(Path(workspace).resolve())
    ensure_owner(space)

    async def run() -> None:
        await Bridge(space, token_for(space, agent)).run()

    asyncio.run(run())


def connect(
    client: Annotated[
        Literal["print", "claude-code", "claude-desktop", "cursor", "vscode"],
        typer.Argument(help="The MCP client; `print` shows an entry for any other."),
    ],
    agent: Annotated[str, typer.Option(help="The agent that the client is.")] = "support-bot",
    name: Annotated[str, typer.Option(help="What the client calls this server.")] = "ailyus",
    remove: Annotated[bool, typer.Option("--remove", help="Take the entry out again.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Only show what would be written.")] = False,
    workspace: WorkspaceOption = ".",
) -> None:
    """Connect an MCP client to this workspace: write its own configuration where it is found, else print it."""
    import orjson

    from server.cli.clients import client_of, command
    from server.workspace.workspace import Workspace

    found = client_of("cursor" if client == "print" else client)
    if remove:
        if client == "print" or not found.is_found:
            raise AilyusError("bad_settings", f"`{found.file}` is not there", hint="there is nothing to take out")
        changed = found.put(name, None)
        typer.echo(f"took `{name}` out of {found.file}" if changed else f"`{name}` was not in {found.file}")
        return
    space = Workspace.open(Path(workspace).resolve())
    program, before = command()
    entry = found.entry(program, [*before, "stdio", "--agent", agent, "--workspace", str(space.root)])
    if client == "print" or only_print or not found.is_found:
        if client != "print" and not only_print:
            typer.echo(f"{client} was not found here; put this into its {found.file.name}:", err=True)
        typer.echo(orjson.dumps({found.key: {name: entry}}, option=orjson.OPT_INDENT_2).decode())
        return
    changed = found.put(name, entry)
    typer.echo(f"wrote `{name}` into {found.file}" if changed else f"`{name}` is in {found.file} already")
    typer.echo(f"restart the client; `ailyus connect {client} --remove` takes it out again")


def doctor(
    workspace: WorkspaceOption = ".",
    fix: Annotated[bool, typer.Option(help="Install what is missing: a browser, where contracts use one.")] = False,
    format: FormatOption = Format.text,
) -> None:
    """One line per layer; on failure, the exact next command."""
    from server.admin.doctor import examine, repair

    folder = Path(workspace).resolve()
    if fix:
        repair(folder, partial(typer.echo, err=True))
    findings = examine(folder)
    show(
        format,
        [{"layer": f.layer, "ok": f.ok, "says": f.says, "next": f.next} for f in findings],
        [
            f"{'OK  ' if f.ok else 'FAIL'} {f.layer}: {f.says}" + (f"\n     next: {f.next}" if f.next else "")
            for f in findings
        ],
    )
    if not all(f.ok for f in findings):
        raise typer.Exit(1)


def sandbox(
    port: Annotated[int, typer.Option()] = 0,
    state: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Run the local twins until standard input ends."""
    from adapters.sandbox.server import serve as serve_sandbox

    serve_sandbox(port, state, watch_stdin=True)
