"""Every environment variable that a deployment sets is a setting: a name that is none would end the gateway's start."""

import re

import pytest

from server.workspace.settings.keys import keys
from tests.settings_reference import FILE
from tests.world import ROOT

FOLDER = ROOT / "server" / "deploy"
OTHERS = {"AILYUS_IMAGE", "AILYUS_HOST"}
"""Of the compose file itself."""


def variables() -> list[str]:
    files = [path for path in FOLDER.rglob("*") if path.suffix in (".md", ".yaml", ".tpl", ".service") and path != FILE]
    return sorted({name for path in files for name in re.findall(r"\bAILYUS_[A-Z_]+\b", path.read_text())} - OTHERS)


@pytest.mark.parametrize("name", variables())
def test_a_variable_is_a_setting(name: str) -> None:
    assert name in {key.variable for key in keys()}


def test_there_are_variables() -> None:
    assert {"AILYUS_SERVER__TLS_TERMINATED_BY", "AILYUS_STORE__URL"} <= set(variables())
