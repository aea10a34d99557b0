"""Commands of one word: demo, init and doctor here, serve and what connects a client in modules of their own."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from contracts.errors import AilyusError
from server.cli import client_commands, library_commands, serve_command
from server.cli.answer import Answer, FormatOption, group, verb
from server.cli.exit_code import DONE, REFUSED
from server.cli.library_commands import AddedContracts
from server.cli.output import Format, coloured, note
from server.cli.progress import working
from server.cli.workspace_option import WorkspaceOption

run = group("Commands of one word.")
_NEXT_STEP = {"sandbox": "ailyus serve", "okta": "ailyus serve", "http": "ailyus contract draft --help"}
"""What comes after `init`, by its target; after any other one a look into the library."""


@dataclass(frozen=True, slots=True)
class LayerFinding:
    """One layer of a workspace: how it is, what was seen, and the next command."""

    layer: str
    ok: bool
    level: Literal["OK", "WARN", "FAIL"]
    says: str
    next: str


@dataclass(frozen=True, slots=True)
class WrittenWorkspace:
    """The folder of a new workspace, and what was added to it out of the library."""

    folder: str
    added: AddedContracts | None


@verb(run, "demo")
def demo(
    interactive: Annotated[bool, typer.Option("--interactive", help="Leave the approvals to you.")] = False,
    console: Annotated[
        bool, typer.Option("--console", help="Keep it open afterwards, and decide one more request in your browser.")
    ] = False,
    format: FormatOption = Format.table,
) -> None:
    """Play the locked-out user on local twins: no account, no network, no question."""
    import uvloop  # with httptools an echo takes 390 us, and 550 us without both

    from server.cli.demo import play

    if console and format is not Format.table:
        sentence = "`--console` waits for a person, and `--format` writes for a program"
        raise AilyusError("bad_settings", sentence, hint="leave one of them out")
    raise typer.Exit(uvloop.run(play(format, interactive, console)))


@verb(run, "init")
def init(
    folder: Annotated[Path, typer.Argument(help="The new workspace's folder.")],
    target: Annotated[
        Literal["sandbox", "blank", "http", "okta"],
        typer.Option(
            help="sandbox: local twins to play with; blank: nothing yet; http: an API of yours; okta: your Okta."
        ),
    ] = "sandbox",
    template: Annotated[
        str, typer.Option(help="On the sandbox: everything, library, accounting-sync, back-office.")
    ] = "everything",
    sandbox_port: Annotated[int, typer.Option(help="The sandbox's port; 0 picks a free one.")] = 0,
    with_: Annotated[
        str, typer.Option("--with", help="Systems of the library besides, such as okta,zendesk; not on the sandbox.")
    ] = "",
    as_: Annotated[str, typer.Option("--as", help="With --target http: the connection's name.")] = "api",
    base_url: Annotated[str, typer.Option(help="With --target okta or http: https://YOUR.okta.com")] = "",
    header: Annotated[
        str, typer.Option(help="With --target http: the header of its credential, and the word before it, if any.")
    ] = "Authorization: Bearer",
    read_env: Annotated[str, typer.Option(help="Variable that holds the read-only token; else NAME_READ_TOKEN.")] = "",
    write_env: Annotated[str, typer.Option(help="Variable that holds the writing token; else NAME_WRITE_TOKEN.")] = "",
) -> Answer[WrittenWorkspace]:
    """Write a workspace: settings, contracts, policies with tests, and people to play."""
    from server.workspace.own_systems import OwnSystems, api_of, init_okta, init_own
    from server.workspace.templates import init_sandbox

    added = None
    systems = [name.strip() for name in with_.split(",") if name.strip()]
    name = "okta" if target == "okta" else as_
    read, write = (given or f"{name.upper()}_{use}_TOKEN" for given, use in ((read_env, "READ"), (write_env, "WRITE")))
    if target in ("okta", "http"):
        base_url = base_url or typer.prompt("base URL")
    if target == "sandbox":
        if systems:
            hint = "with --target blank, http or okta; --template library has every system's twin"
            raise AilyusError("bad_settings", "`--with` connects systems of your own", hint=hint)
        init_sandbox(folder, template, sandbox_port)
    elif target == "okta":
        added = init_okta(folder, base_url, read, write, systems)
    else:
        api = api_of(as_, base_url, header, read, write) if target == "http" else None
        added = init_own(folder, OwnSystems(systems, api=api))
    following = _NEXT_STEP.get(target, "ailyus contract library")
    return Answer(
        WrittenWorkspace(str(folder), library_commands.added_contracts(added) if added else None),
        says=[
            f"wrote {folder}: ailyus.toml, contracts/, policies/",
            *(library_commands.lines_of(added) if added else ()),
            f"next: cd {folder} && {following}",
        ],
    )


serve_command.register(run)
client_commands.register(run)


@verb(run, "doctor")
def doctor(
    workspace: WorkspaceOption = ".",
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Install what is missing: a browser, where contracts use one; the editor of policies, by npm.",
        ),
    ] = False,
    url: Annotated[str, typer.Option(help="Look from outside: at the gateway behind this public address.")] = "",
) -> Answer[list[LayerFinding]]:
    """One line per layer, OK, WARN or FAIL, with the exact next command; exit 1 if anything fails."""
    from server.admin.doctor import examine, repair
    from server.admin.remote_health import examine_url

    folder = Path(workspace).resolve()
    if fix:
        repair(folder, partial(note))
    with working("looking at every layer"):
        findings = examine_url(url) if url else examine(folder)
    rows = [LayerFinding(f.layer, f.ok, f.level, f.says, f.next) for f in findings]
    lines = [
        f"{coloured(f'{row.level:4}', row.level)} {row.layer}: {row.says}"
        + (f"\n     next: {row.next}" if row.next else "")
        for row in rows
    ]
    counts = {level: sum(row.level == level for row in rows) for level in ("OK", "WARN", "FAIL")}
    said = f"{counts['OK']} ok, {counts['WARN']} to look at, {counts['FAIL']} failed"
    return Answer(rows, lines, [said], REFUSED if counts["FAIL"] else DONE)


@verb(run, "sandbox", is_hidden=True)
def sandbox(
    port: Annotated[int, typer.Option(help="The port; 0 picks a free one.")] = 0,
    state: Annotated[Path | None, typer.Option(help="Where the twins keep what they hold.")] = None,
) -> None:
    """Run the local twins until standard input ends."""
    from adapters.sandbox.server import serve as serve_sandbox

    serve_sandbox(port, state, watch_stdin=True)
