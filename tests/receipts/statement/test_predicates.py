"""The predicate of each kind of statement: one closed and strict model, with the facts of that kind."""

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from receipts.statement.facts import ActionFacts, GatewayFacts, Kind
from receipts.statement.predicates import Predicate

ANY: TypeAdapter[Any] = TypeAdapter(Predicate)
MODELS = {get_args(m.model_fields["kind"].annotation)[0]: m for m in get_args(get_args(Predicate)[0])}
HALT: dict[str, Any] = {
    "receipt": "rcp_1", "kind": "halt", "status": "", "changed": None, "atMs": 1, "origin": "o", "tenant": "",
    "agent": "", "contract": {"id": ""}, "action": None, "search": (), "commitments": {},
    "about": {"event": "halted", "scope": "all", "name": "*", "allowUndo": False, "by": "lead"},
}  # fmt: skip


def test_every_kind_has_one_model() -> None:
    assert sorted(MODELS) == sorted(get_args(Kind))
    assert len(get_args(get_args(Predicate)[0])) == len(MODELS)


def test_each_has_the_facts_of_its_kind() -> None:
    facts = {
        m.of_kind: m
        for m in (*ActionFacts.__subclasses__(), *GatewayFacts.__subclasses__())
        if m.__module__.startswith("receipts.")
    }
    for kind, model in MODELS.items():
        about = model.model_fields.get("about")
        assert facts[kind] in ((about.annotation,) if about else model.__mro__), kind


def test_a_document_is_read_as_what_its_kind_says() -> None:
    assert type(ANY.validate_python(HALT)) is MODELS["halt"]
    with pytest.raises(ValidationError, match="union_tag_invalid"):
        ANY.validate_python({**HALT, "kind": "pause"})


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"agent": "bot"},
        {"atMs": "1"},
        {"atMs": -1},
        {"commitments": {"reason": "no digest"}},
        {"about": {**HALT["about"], "reason": "in clear"}},
        {"about": {**HALT["about"], "allowUndo": 0}},
    ],
)
def test_what_was_not_declared_or_is_of_another_type_is_no_statement(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ANY.validate_python({**HALT, **change})
