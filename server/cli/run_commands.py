"""Commands of one word: demo, init and doctor here, serve and what connects a client in modules of their own."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from server.cli.client_commands import connect, stdio
from server.cli.output import Format, FormatOption, report_errors, show
from server.cli.serve_command import serve
from server.cli.workspace_option import WorkspaceOption


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (demo, init, serve, stdio, connect, doctor):
        app.command()(report_errors(command))
    app.command(hidden=True)(sandbox)


def demo(
    interactive: Annotated[bool, typer.Option(help="Leave the approvals to you.")] = False,
    format: FormatOption = Format.text,
) -> None:
    """Play the locked-out user on local twins: no account, no network, no question."""
    import uvloop  # with httptools an echo takes 390 us, and 550 us without both

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


def doctor(
    workspace: WorkspaceOption = ".",
    fix: Annotated[bool, typer.Option(help="Install what is missing: a browser, where contracts use one.")] = False,
    url: Annotated[str, typer.Option(help="Look from outside: at the gateway behind this public address.")] = "",
    format: FormatOption = Format.text,
) -> None:
    """One line per layer; on failure, the exact next command."""
    from server.admin.doctor import examine, repair
    from server.admin.remote_health import examine_url

    folder = Path(workspace).resolve()
    if fix:
        repair(folder, partial(typer.echo, err=True))
    findings = examine_url(url) if url else examine(folder)
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
