"""What a command prints with `--format json` is what its published schema says."""

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema_rs
import orjson
import pytest

from contracts.compiler.catalog import load_catalog
from server.cli.answer import document_of
from server.cli.command_tree import load, words_of
from server.cli.document_part import DocumentPart
from server.cli.document_schema import schema_of
from tests.world import MARIA, ROOT, World, ailyus, cli

DOCUMENTS = {
    " ".join(words): document
    for words, command in words_of(load())
    if (document := document_of(command.callback)) is not None
}
BY_STREAM = {"demo", "serve", "stdio", "connect", "receipt export", "receipt tail", "completion", "witness serve"}
"""What prints no document: a story, a log, an entry for another program, lines of the log, a script."""


def values(of: Any) -> list[Any]:
    """A few values of a type: each alternative, and an empty list beside a full one."""
    origin, parts = get_origin(of), get_args(of)
    if origin is Annotated:
        # its values are those of a model elsewhere; what is printed of them is looked at below
        assert isinstance(parts[1], DocumentPart)
        return []
    if origin in (Union, types.UnionType):
        return [value for part in parts for value in values(part)]
    if origin is Literal:
        return list(parts)
    if origin is list:
        return [[], *([value] for value in values(parts[0]))]
    if origin is tuple:
        return [tuple(values(part)[0] for part in parts)]
    if origin is not None and issubclass(origin, Mapping):
        return [{}, *({"key": value} for value in values(parts[1]))]
    if is_dataclass(of) and isinstance(of, type):
        hints = get_type_hints(of, include_extras=True)
        columns = {field.name: values(hints[field.name]) for field in fields(of)}
        if not all(columns.values()):
            return []
        rows = range(max(map(len, columns.values())))
        return [of(**{name: some[row % len(some)] for name, some in columns.items()}) for row in rows]
    return {str: ["x"], int: [1], bool: [True], type(None): [None], object: [{"a": [1, None]}]}[of]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_document_fits_its_schema_and_nothing_else_does(name: str) -> None:
    validator = jsonschema_rs.validator_for(schema_of(DOCUMENTS[name]))
    some = values(DOCUMENTS[name])
    for value in some:
        assert validator.is_valid(orjson.loads(orjson.dumps(value))), value
    assert not validator.is_valid(7)


def test_every_command_prints_a_document_or_a_stream() -> None:
    every = {" ".join(words) for words, _ in words_of(load())}
    assert every - DOCUMENTS.keys() == BY_STREAM


def test_the_command_schema_prints_each() -> None:
    assert cli("schema").split("\n")[:-1] == list(DOCUMENTS)
    assert orjson.loads(cli("schema", "agent", "list")) == schema_of(DOCUMENTS["agent list"])
    assert "did you mean `agent list`?" in cli("schema", "agent", "lst", ok=False)


SCHEMAS = {"schema", "contract schema", "receipt schema"}
"""Commands whose document is a JSON Schema, or may be."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_schema_says_only_object(name: str) -> None:
    def open_parts(node: Any) -> list[Any]:
        if isinstance(node, list):
            return [found for one in node for found in open_parts(one)]
        if not isinstance(node, dict):
            return []
        own = [node] if node.get("type") == "object" and node.get("additionalProperties") is True else []
        return own + [found for one in node.values() for found in open_parts(one)]

    assert (name in SCHEMAS) is bool(open_parts(schema_of(DOCUMENTS[name])))


def test_every_contract_of_the_library_fits_what_contract_show_says() -> None:
    validator = jsonschema_rs.validator_for(schema_of(DOCUMENTS["contract show"]))
    catalog = load_catalog(ROOT / "contracts" / "library")
    shown = [program.contract for program in catalog.programs.values()]
    for one in [*shown, *(program.plan for program in catalog.plans.values())]:
        document = one.model_dump(mode="json", by_alias=True, exclude_none=True)
        assert validator.is_valid(document), document
        # a number is no title, and what is neither of the two is neither
        assert not validator.is_valid(document | {"title": 7})


async def test_what_is_printed_fits(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    read = await world.call("find_user", {"email": "leo@example.com"})
    action = asked["action_id"]
    for line in (
        "agent list", "approval list", f"approval show {action}", f"approval approve {action} --yes", "person list",
        "action list", "action list MFA --agent support-bot --since 1h", "action list --in-doubt", f"action show {action}", f"receipt show {read['receipt_id']}",
        "contract show reset_user_mfa", "contract show rotate_api_key_and_update_integration", "release history", "receipt find", "receipt denied", f"receipt approved-by {action}", f"receipt allowed-by {action}", "audit",
        "halt add connection okta --reason P1", "halt list", "halt lift connection okta", "escalation list",
        "connection list", "contract list", "contract library", "contract check", "connection test okta", "settings check", "settings show",
        f"receipt evidence {read['receipt_id']}", "receipt changed support-bot", "receipt unconfirmed", "receipt done-to leo@example.com", "policy explain reset_user_mfa", "policy check", "release check", "doctor", "key list", "release diff", "policy test",
    ):  # fmt: skip
        said = await ailyus(world, *line.split(), "--format", "json")
        printed = json.JSONDecoder().raw_decode(said)[0]  # standard error stands behind it
        name = next(one for one in DOCUMENTS if line == one or line.startswith(f"{one} "))
        faults = jsonschema_rs.validator_for(schema_of(DOCUMENTS[name])).iter_errors(printed)
        assert [fault.message for fault in faults] == [], line
