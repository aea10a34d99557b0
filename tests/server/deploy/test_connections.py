"""The recipes for connections of the page: each loads, and gives a connection that may be used."""

import re
import tomllib
from typing import Any

import pytest

from server.workspace.connection_check import check_connection
from server.workspace.settings.settings import Settings
from server.workspace.targets import targets_of
from tests.world import ROOT

PAGE = ROOT / "server" / "deploy" / "CONNECTIONS.md"
RECIPES = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", RECIPES, ids=lambda text: re.findall(r"connections\.(\w+)", text)[0])
def test_a_recipe_is_a_connection_that_signs_in(text: str) -> None:
    said: dict[str, Any] = tomllib.loads(text)
    (target,) = targets_of(Settings(origin="o", roles=(), **said)).values()
    check_connection(target)
    assert target.oauth2 is not None
    assert target.read.startswith("oauth2:")


def test_there_are_recipes_for_what_the_page_names() -> None:
    assert len(RECIPES) == len(re.findall(r"^\*\*", PAGE.read_text(), re.MULTILINE)) - 1, "the last one has none"
