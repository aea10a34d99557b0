"""What every part of the settings is: closed, frozen, and each key with a sentence about itself.

The sentence is the string below the key. The JSON Schema for editors and the reference of the settings show it; it is
read from the source when they are made, since Pydantic's own reading of it costs every command 50 ms.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

REFERENCE: Final = r"^(env|file):.+$"
"""What a reference to a secret looks like: the name of an environment variable, or of a file below the workspace."""
REFERENCE_FORMAT: Final = "credential-reference"
"""The `format` of such a key in the JSON Schema."""
Reference = Annotated[str, Field(json_schema_extra={"format": REFERENCE_FORMAT})]
"""A key that refers to a secret, so that whoever writes the secret itself there does not see it shown."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a whole number counts."""

    name: str

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema with the unit, under a keyword that editors do not know and leave alone."""
        return {**handler(core_schema), "x-unit": self.name}


class Documented(BaseModel):
    """A model in whose JSON Schema each key is described by the string below it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema with the descriptions."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for name, says in _docs(cls):
            properties[name]["description"] = says
        return schema


class SettingsPart(Documented):
    """One table of `ailyus.toml`: an unknown key is an error, and what was read never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _docs(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    tree = ast.parse(inspect.getsource(inspect.getmodule(model) or model))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == model.__name__)
    for key, below in pairwise(body):
        if not (isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield key.target.id, inspect.cleandoc(str(below.value.value)).replace("\n", " ")
