"""Programs: what may be sent twice, what is absent, and which objects an action can have made."""

from typing import Any

import pytest

from contracts.compiler.expressions import Expression, Names
from contracts.compiler.program import CreatedObjectRule, placeholder, whole_forms
from contracts.schema.input import Input
from tests.contracts.making import READ, SECRET, WRITE, program

OURS = Expression.compile("it.id == 'a'", Names.of({"it": "dyn"}))
MADE = {"in": "record.keys", "id": "id", "ours": "it.name == inputs.record"}


def http(method: str, **more: object) -> list[dict[str, Any]]:
    return [{"http": {method: "/records/${inputs.record}", **more}, "ok": "response.status == 200"}]


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({}, True),
        ({"execute": http("delete")}, True),
        ({"execute": http("post")}, False),
        ({"execute": http("patch")}, False),
        ({"execute": http("post"), "idempotent": "it is the same state"}, True),
        ({"execute": http("post", idempotency_key="Idempotency-Key")}, True),
        ({"execute": http("patch", if_match="${before.record.version}")}, True),
        ({"expect": [{"that": "after.record.n == before.record.n + 1", "else": "not one more"}]}, False),
        ({"detect": "new_object", "new_object": MADE}, False),
        ({"execute": [{"python": {"operation": "set"}, "ok": "response.body.ok"}], "evidence": {"python": ["before", "after"]}}, False),
        ({"execute": [{"browser": {"flow": "press"}}], "evidence": {"browser": ["before", "after"]}}, False),
    ],
)  # fmt: skip
def test_only_what_is_clearly_harmless_is_sent_again(changes: dict[str, Any], again: bool) -> None:
    assert program(**changes).repeats(0) is again


@pytest.mark.parametrize(
    ("elapsed_ms", "again"), [(0, True), (529_000, True), (530_000, False), (10**9, False), (None, False)]
)
def test_a_key_counts_only_while_the_target_still_knows_it_when_the_next_send_ends(
    elapsed_ms: int | None, again: bool
) -> None:
    key = {"query": "requestid", "within": "10m"}
    made = program(execute=http("post", idempotency_key=key, timeout="10s"))
    assert made.repeats(0, elapsed_ms) is again


def test_what_is_left_out_is_absent_in_each_form() -> None:
    inputs = {
        **WRITE["inputs"],
        "tags": {"type": "array", "items": {"type": "string"}, "description": "D.", "optional": True},
    }
    made = program(inputs=inputs)
    assert made.absent({"record": "a", "value": "b", "tags": []}) == frozenset()
    assert made.absent({"record": "a", "tags": []}) == {"${inputs.value}"}
    assert made.absent({"record": "a", "value": "b"}) == set(whole_forms("tags", True))
    assert whole_forms("tags", True) == (
        "${inputs.tags}", "${list.commas(inputs.tags)}", "${list.pipes(inputs.tags)}", "${list.spaces(inputs.tags)}",
    )  # fmt: skip


def test_an_object_without_its_id_could_be_taken_for_another() -> None:
    made = CreatedObjectRule("user.keys", "id", OURS, ())

    def objects(keys: object) -> object:
        return made.objects("after", {"after.user": {"keys": keys}})

    assert objects([{"id": "a"}, {"id": "b"}]) == [{"id": "a"}, {"id": "b"}]
    assert objects([]) == []
    for keys in ([{"id": "a"}, {"name": "b"}], [{"id": ""}], [{"id": None}], ["a"], {"id": "a"}, None):
        assert objects(keys) is None, keys
    assert made.objects("before", {"after.user": {"keys": []}}) is None


def test_a_secret_makes_a_contract_secretive() -> None:
    plain, taking = program(), program(**SECRET)
    giving = program(outputs={"key": {"value": "${response.body.key}", "secret": {"to": ["set_value.key"]}}})
    assert (plain.secretive, plain.secret_inputs, plain.secret_outputs) == (False, frozenset(), {})
    assert (taking.secretive, taking.secret_inputs) == (True, {"key"})
    assert (giving.secretive, giving.secret_outputs) == (True, {"key": ("set_value.key",)})


@pytest.mark.parametrize(
    ("base", "risk", "needs"), [(WRITE, "low", False), (WRITE, "medium", True), (READ, "high", False)]
)
def test_a_reason_is_needed_for_a_write_from_risk_medium_on(base: dict[str, Any], risk: str, needs: bool) -> None:
    assert program(base, risk=risk).needs_reason is needs


def test_what_is_known_before_anything_was_read() -> None:
    assert program().scope({"record": "a"}, "acme", "prod") == {
        "inputs.record": "a",
        "connection.tenant": "acme",
        "connection.environment": "prod",
    }


def test_a_value_that_is_not_known_yet_has_its_type() -> None:
    kinds = {"string": "", "secret": "", "integer": 0, "boolean": False, "array": []}
    for kind, value in kinds.items():
        assert placeholder(Input.model_validate({"type": kind, "description": "D."})) == value
    assert placeholder(Input.model_validate({"type": "string", "enum": ["b", "a"], "description": "D."})) == "b"
