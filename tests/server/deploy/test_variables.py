"""Every environment variable that a deployment sets is a setting: a name that is none would end the gateway's start."""

import re
import types
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from server.workspace.settings import Settings
from tests.world import ROOT

FOLDER = ROOT / "server" / "deploy"
OTHERS = {"AILYUS_IMAGE", "AILYUS_HOST"}
"""Of the compose file itself."""


def variables() -> list[str]:
    files = [path for path in FOLDER.rglob("*") if path.suffix in (".md", ".yaml", ".tpl", ".service")]
    return sorted({name for path in files for name in re.findall(r"\bAILYUS_[A-Z_]+\b", path.read_text())} - OTHERS)


def model_of(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *(get_args(annotation) if get_origin(annotation) in (types.UnionType,) else ())):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


@pytest.mark.parametrize("name", variables())
def test_a_variable_is_a_setting(name: str) -> None:
    model: type[BaseModel] | None = Settings
    for part in name.removeprefix("AILYUS_").lower().split("__"):
        assert model is not None, name
        assert part in model.model_fields, name
        model = model_of(model.model_fields[part].annotation)


def test_there_are_variables() -> None:
    assert {"AILYUS_SERVER__TLS_TERMINATED_BY", "AILYUS_STORE__URL"} <= set(variables())
