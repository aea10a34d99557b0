"""The reference of the commands is what the commands say, and every command, argument and option says something."""

import os
import subprocess
import sys

from tests.cli_reference import COMMAND, FILE, groups, reference, unexplained
from tests.world import ROOT


def test_the_reference_of_the_commands_is_what_they_say() -> None:
    assert FILE.read_text() == reference(), f"the commands say something else than {FILE.name}; run `{COMMAND}`"


def test_every_command_argument_and_option_explains_itself() -> None:
    assert list(unexplained()) == []


def test_the_reference_names_every_group_and_no_hidden_command() -> None:
    found = groups()
    assert {group.name for group in found} >= {"", "contract", "policy", "approval", "action", "receipt", "store"}
    assert sum(len(group.commands) for group in found) >= 55
    assert "### ailyus sandbox" not in reference()
    assert "### ailyus contract draft" in reference()


def test_the_reference_is_the_same_in_every_terminal() -> None:
    program = "from tests.cli_reference import reference; print(reference(), end='')"
    narrow = {**os.environ, "COLUMNS": "40", "TERM": "dumb", "FORCE_COLOR": "1", "LC_ALL": "C"}
    ran = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program], cwd=ROOT, env=narrow, check=True, stdout=subprocess.PIPE
    )
    assert ran.stdout.decode() == reference()
