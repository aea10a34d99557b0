"""The first line of the command line comes at once: a help text loads nothing that only commands need."""

import subprocess
import sys

HEAVY = ("asyncpg", "cedarpy", "cel_expr_python", "cryptography", "httpx2", "jinja2", "mcp", "playwright", "rich")


def test_a_help_text_loads_nothing_that_only_commands_need() -> None:
    code = f"""if True:
        import sys
        sys.argv = ["ailyus", "--help"]
        from server.cli.main import main
        try:
            main()
        except SystemExit:
            print([name for name in {HEAVY} if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Agent action control plane" in done.stdout
