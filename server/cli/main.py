"""The command line. Heavy imports live in the commands that need them, so that the first line comes at once."""

import typer

app = typer.Typer(
    name="ailyus",
    help="Agent action control plane: let AI agents act, under policy, and prove what happened.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # what it draws costs 0.3 s for each help and each wrong option
)


def _register() -> None:
    if app.registered_commands:  # in one process several runs register once, as tests do
        return
    from server.cli import (
        action_commands,
        adapter_commands,
        agent_commands,
        approval_commands,
        connection_commands,
        contract_commands,
        control_commands,
        key_commands,
        policy_commands,
        receipt_commands,
        release_commands,
        run_commands,
        settings_commands,
        store_commands,
    )

    run_commands.register(app)
    release_commands.register(app)
    contract_commands.register(app)
    policy_commands.register(app)
    agent_commands.register(app)
    approval_commands.register(app)
    connection_commands.register(app)
    action_commands.register(app)
    receipt_commands.register(app)
    control_commands.register(app)
    adapter_commands.register(app)
    store_commands.register(app)
    key_commands.register(app)
    settings_commands.register(app)


def main() -> None:
    """The entry point of the console script."""
    import sys

    if sys.argv[1:2] == ["demo"] and not {"--help", "--format", "--format=json"} & set(sys.argv):
        # said before anything is imported: whoever tries the product should not look at nothing
        sys.stdout.write("ailyus demo: starting the sandbox, the gateway and a real MCP client on 127.0.0.1\n")
        sys.stdout.flush()
    _register()
    app()
