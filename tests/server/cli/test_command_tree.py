"""The tree of commands: what is listed is what there is, wrong words are answered, old spellings are refused."""

import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from server.cli.command_tree import TREE, load, words_of
from server.cli.exit_code import MISUSED
from server.cli.main import FIRST_STEPS
from server.cli.old_spellings import MOVED
from server.cli.root_command import app
from tests.world import cli

HEAVY = (
    "asyncpg",
    "cedarpy",
    "cel_expr_python",
    "cryptography",
    "httpx2",
    "jinja2",
    "mcp",
    "playwright",
    "pydantic",
    "rich",
)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


def test_every_entry_of_the_tree_is_a_command_or_group_of_that_kind() -> None:
    for name, one in load().items():
        assert isinstance(one, TyperGroup | TyperCommand)
        assert one.name == name
        assert one.hidden is TREE[name].is_hidden or isinstance(one, TyperGroup)
        if isinstance(one, TyperGroup):
            assert list(one.commands), name


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_old_spelling_is_refused_with_the_new_one(old: tuple[str, ...], new: str) -> None:
    code, said = run(*old, "--reason", "P1")
    assert code == MISUSED
    assert f"`ailyus {' '.join(old)}` has another name now\n  hint: `ailyus {new}`" in said
    found = new.split()[:2]
    assert tuple(found) in {words for words, _ in words_of(load())}


def test_a_wrong_word_is_answered_with_the_nearest() -> None:
    assert run("agnt") == (MISUSED, "error: there is no command `ailyus agnt`\n  hint: did you mean `agent`?\n")
    assert run("agent", "lst") == (
        MISUSED,
        "error: there is no command `ailyus agent lst`\n  hint: did you mean `list`?\n",
    )
    code, said = run("agent", "\x1b[2J")
    assert (code, "\x1b" in said) == (MISUSED, False)


def test_a_group_has_no_option_but_help() -> None:
    assert run("agent")[0] == 0
    assert run("agent") == run("agent", "-h")
    code, said = run("agent", "--owner", "maria", "add")
    assert (code, said) == (
        MISUSED,
        "error: `ailyus agent` takes no option `--owner`\n  hint: `ailyus agent -h` says what it takes\n",
    )


def test_no_command_says_five_first_steps() -> None:
    code, said = run()
    assert (code, said) == (0, FIRST_STEPS)
    steps = [line.split("    ")[0].strip() for line in said.splitlines() if line.startswith("  ailyus")]
    assert len(steps) == 5
    known = {words[0] for words, _ in words_of(load())}
    assert {step.split()[1] for step in steps} <= known


def test_the_version_and_the_help_have_short_forms() -> None:
    assert cli("--version") == cli("-V") == f"ailyus {version('ailyus')}\n"
    assert cli() == FIRST_STEPS
    for words in ((), ("agent",), ("agent", "list"), ("audit",)):
        assert run(*words, "-h") == run(*words, "--help")


def test_what_is_asked_first_loads_nothing_that_only_commands_need() -> None:
    """The list of commands, of a group's, and the help of one."""
    for words in (["--help"], ["halt", "-h"], ["agent", "add", "-h"], ["receipt", "-h"], ["release", "-h"]):
        code = f"""if True:
            import sys
            sys.argv = ["ailyus", *{words}]
            from server.cli.main import main
            try:
                main()
            finally:
                print([name for name in {HEAVY} if name in sys.modules])
        """
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout.splitlines()[-1] == "[]", words
