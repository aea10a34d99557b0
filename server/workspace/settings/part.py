"""What every part of the settings is: closed, frozen, and each key with a sentence about itself.

The sentence is the string below the key. The JSON Schema for editors and the reference of the settings show it; it is
read from the source when they are made, since Pydantic's own reading of it costs every command 50 ms.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from adapters.credentials.reference import FORMS, PATTERN

REFERENCE_FORMAT: Final = "credential-reference"
"""The `format` of such a key in the JSON Schema."""
TEXT: Final = "text:"
"""What stands before the value of a variable that is no secret."""


def _secret(text: str) -> str:
    if text == "none" or not re.fullmatch(PATTERN, text):
        raise ValueError(f"it does not refer to a secret: write {FORMS}")
    return text


def _secret_or_none(text: str) -> str:
    return text if text == "none" else _secret(text)


def _variable(text: str) -> str:
    return text if text.startswith(TEXT) else _secret_or_none(text)


_FORMAT: Final[JsonDict] = {"format": REFERENCE_FORMAT, "pattern": PATTERN}
Reference = Annotated[str, AfterValidator(_secret), Field(json_schema_extra=_FORMAT)]
"""A key that refers to a secret: whoever writes the secret itself there is refused, and does not see it shown."""
ReferenceOrNone = Annotated[str, AfterValidator(_secret_or_none), Field(json_schema_extra=_FORMAT)]
"""The same, where there may be no secret (`none`)."""
Variable = Annotated[str, AfterValidator(_variable)]
"""The value of an environment variable: a reference, or `text:…` for what is no secret."""


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
