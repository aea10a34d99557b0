"""The help of every command, as it is printed: none of it is lost, and none of it changes unseen.

`uv run python -m tests.server.cli.test_help` writes `tests/vectors/help.txt` anew.
"""

import inspect
import re
from pathlib import Path

from typer.core import TyperCommand
from typer.testing import CliRunner

from server.cli.command_tree import TREE, load, words_of
from server.cli.root_command import app

FILE = Path(__file__).parents[2] / "vectors" / "help.txt"


def help_of(*words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "100", "TERM": "dumb"}, terminal_width=100)
    assert done.exit_code == 0, done.output
    return done.output.rstrip()


def snapshot() -> str:
    paths = [(), *((name,) for name in TREE), *(words for words, _ in words_of(load()) if len(words) > 1)]
    return "\n\n".join(f"$ {' '.join(['ailyus', *words])} --help\n{help_of(*words)}" for words in paths) + "\n"


def plain(text: str) -> str:
    """Without the spaces, which stand elsewhere where a line is wrapped, also behind a hyphen."""
    return re.sub(r"\s+", "", text)


def test_every_help_text_is_as_it_was() -> None:
    assert FILE.read_text(encoding="utf-8") == snapshot(), "look at the difference, then write the file anew"


def test_no_word_of_a_docstring_or_help_is_lost() -> None:
    """Brackets, backticks, braces and angle brackets are words like any others."""
    for words, command in words_of(load()):
        printed = plain(help_of(*words))
        assert plain(inspect.cleandoc(command.help or "")) in printed, words
        for part in command.params:
            assert plain(getattr(part, "help", None) or "") in printed, (words, part.name)


def test_no_line_of_a_list_of_commands_is_cut() -> None:
    for name, one in load().items():
        if not isinstance(one, TyperCommand):
            printed = plain(help_of(name))
            for own in words_of({name: one}):
                assert plain((own[1].help or "").split("\n")[0]) in printed, own[0]


if __name__ == "__main__":
    FILE.write_text(snapshot(), encoding="utf-8")
