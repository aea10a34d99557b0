"""JSON Schemas for editors, and the line by which a YAML file of a workspace names its schema.

The schemas come from the models that read the files, so a key that an editor marks is one that `ailyus contract check`
refuses. A schema says less than the check: conditions between keys, CEL and templates are looked at by the check alone.

They stand in `.ailyus/schema/`, which a workspace's `.gitignore` leaves out, because they belong to the version of
Ailyus that is installed and not to the files. `ailyus init` and the commands that write drafts and policy tests write
them; after a clone or an update `ailyus contract schema --write` does, without a store, a key or a running gateway.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import orjson
from pydantic import BaseModel, JsonValue

from contracts.compiler.catalog import SYSTEM_FILE
from contracts.errors import AilyusError
from contracts.schema.contract import Contract, System
from contracts.schema.fields import DURATION, as_duration
from contracts.schema.flow import Flow
from contracts.schema.plan import Plan
from policies.budget import FILE as BUDGET_FILE
from policies.budget import BudgetFile
from policies.case import CaseFile
from policies.proof.invariant import FILE as INVARIANTS_FILE
from policies.proof.invariant import InvariantFile
from server.workspace.settings.settings import Settings

FOLDER = Path(".ailyus", "schema")
KINDS: Mapping[str, type[BaseModel]] = {
    "contract": Contract,
    "plan": Plan,
    "flow": Flow,
    "system": System,
    "policy-test": CaseFile,
    "invariants": InvariantFile,
    "budgets": BudgetFile,
    "settings": Settings,
}
"""Each kind of file that people write, and the model that reads it."""
_LINE = re.compile(r"\A# yaml-language-server: \$schema=\S*\n")


@cache
def schema_of(kind: str) -> bytes:
    """Return the JSON Schema of one kind of file. Durations have the form that people write, in defaults too."""
    schema: JsonValue = KINDS[kind].model_json_schema(by_alias=True, mode="validation")
    return orjson.dumps(_as_written(schema), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _as_written(node: JsonValue) -> JsonValue:
    if isinstance(node, list):
        return [_as_written(one) for one in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, JsonValue] = {}
    for key, value in node.items():
        if key in ("properties", "$defs") and isinstance(value, dict):  # their keys are names, and no words of a schema
            out[key] = {name: _as_written(part) for name, part in value.items()}
        elif key != "default" or not isinstance(value, dict):  # the parts of an object have defaults of their own
            out[key] = _as_written(value)
    # settings hold milliseconds; people write `10s`, and an editor that offers 10000 would be refused
    default, ways = out.get("default"), out.get("anyOf")
    forms = [out, *(ways if isinstance(ways, list) else ())]
    if isinstance(default, int) and any(isinstance(form, dict) and form.get("pattern") == DURATION for form in forms):
        out["default"] = as_duration(default)
    return out


def write_schemas(root: Path) -> list[Path]:
    """Write the schema of every kind below a workspace. Returns the files."""
    folder = root / FOLDER
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
        for kind in KINDS:
            (folder / f"{kind}.json").write_bytes(schema_of(kind))
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        hint = "let its owner run `ailyus contract schema --write`"
        raise AilyusError("bad_settings", f"the folder `{folder}` cannot be written: {why}", hint=hint) from None
    return [folder / f"{kind}.json" for kind in KINDS]


def write_file(root: Path, path: Path, text: str) -> None:
    """Write a YAML file of a workspace, below the line that names its schema; and the schemas, where that is allowed.

    The folder `.ailyus/` may belong to the gateway's own user. A draft does not fail for that: only the editor misses
    its schema then.
    """
    with contextlib.suppress(AilyusError):
        write_schemas(root)
    path.write_text(with_line(root, path, text), encoding="utf-8")


def with_line(root: Path, path: Path, text: str) -> str:
    """Return the text of a YAML file with its first line, which names the schema from the file's own folder."""
    schema = os.path.relpath(root / FOLDER / f"{_kind_of(path, text)}.json", path.parent)
    return f"# yaml-language-server: $schema={Path(schema).as_posix()}\n{without_line(text)}"


def without_line(text: str) -> str:
    """Return the text of a YAML file without the line that names its schema."""
    return _LINE.sub("", text)


def _kind_of(path: Path, text: str) -> str:
    """Which kind of file it is: by its name, else by its first key, as those who load it tell."""
    if path.name.endswith(".test.yaml"):
        return "policy-test"
    if path.name == SYSTEM_FILE:
        return "system"
    if path.name == INVARIANTS_FILE:
        return "invariants"
    if path.name == BUDGET_FILE:
        return "budgets"
    first = next((line for line in text.splitlines() if line.strip() and line[0] not in "#-"), "")
    return next((kind for kind in ("plan", "flow") if first.startswith(f"{kind}:")), "contract")
