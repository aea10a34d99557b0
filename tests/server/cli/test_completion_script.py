"""The completion of command lines, in the shells themselves: every word is offered, and no program is started."""

import shutil
import subprocess

import pytest

from server.cli.command_tree import TREE, load, words_of
from server.cli.completion_script import script_of

CASES = (
    ("ailyus ", {"agent", "halt", "--version"}, {"sandbox"}),
    ("ailyus ag", {"agent"}, {"halt"}),
    ("ailyus agent ", {"list", "add", "promote", "revoke"}, {"agent"}),
    ("ailyus agent add --ow", {"--owner"}, {"--tenant"}),
    ("ailyus agent add bot --", {"--owner", "--quiet"}, {"list"}),
    ("ailyus halt add ", {"all", "connection", "--reason"}, {"lift"}),
    ("ailyus agent list --format ", {"table", "json", "jsonl"}, {"--quiet"}),
    ("ailyus connect claude", {"claude-code", "claude-desktop"}, {"cursor"}),
)
BASH = """\
PATH=/nowhere
%s
COMP_WORDS=(%s) COMP_CWORD=%d
_ailyus
printf '%%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """\
compdef() { : }
compadd() { shift; print -l -- "$@" }
_files() { : }
%s
words=(%s) CURRENT=%d
_ailyus
"""


def offered(shell: str, line: str) -> set[str]:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    if shell == "bash":
        program = BASH % (script_of("bash"), quoted, len(words) - 1)
    else:
        program = ZSH % (script_of("zsh"), quoted, len(words))
    done = subprocess.run([shutil.which(shell) or shell, *(["-f"] if shell == "zsh" else []), "-c", program],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(("line", "some", "none"), CASES)
def test_bash_offers_what_may_come_next(line: str, some: set[str], none: set[str]) -> None:
    found = offered("bash", line)
    assert some <= found
    assert not none & found


def test_zsh_offers_what_bash_does() -> None:
    if shutil.which("zsh") is None:
        assert "compdef _ailyus ailyus" in script_of("zsh")  # read only, where there is no zsh
        return
    for line, some, none in CASES:
        found = {word for word in offered("zsh", line) if word.startswith(line.split(" ")[-1])}
        assert some <= found, line
        assert not none & found, line


def test_both_scripts_know_every_command_and_option() -> None:
    for script in (script_of("bash"), script_of("zsh")):
        for words, command in words_of(load()):
            (case,) = [row for row in script.splitlines() if row.startswith(f"    '{' '.join(words)}') ")]
            for part in command.params:
                assert all(option in case for option in part.opts if option.startswith("--")), words
        assert all(name in script for name, entry in TREE.items() if not entry.is_hidden)
