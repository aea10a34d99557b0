"""Contracts: compiled as a whole, with a digest of their content and the paths that an approval is about."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.compiler.compile import compile_contract
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram
from contracts.schema.contract import Contract, System
from contracts.schema.flow import Flow
from tests.contracts.making import LOOK, READ, WRITE, contract, flow, flows, program, refused

SYSTEM = System.model_validate(
    {
        "system": "records",
        "observe": {"record": {"get": "/records/${inputs.record}"}},
        "resource": {"type": "Record", "id": "${inputs.record}", "label": "${before.record.name}"},
    }
)
SHARED = {"observe": {"record": "system"}, "resource": "system"}


def test_what_a_system_shares_is_taken_over() -> None:
    made = program(system=SYSTEM, **SHARED)
    assert [(read.name, read.target) for read in made.reads] == [("record", "records")]
    assert made.resource_label is not None
    assert made.resource_label.source == "${before.record.name}"
    other = SYSTEM.model_copy(update={"resource": None})
    with refused("resource", "`_system.yaml` declares no `resource`"):
        program(system=other, **SHARED)
    for system in (None, System.model_validate({"system": "records"})):
        with refused("observe.record", "`_system.yaml` observes no `record`"):
            program(system=system, **SHARED)


def test_a_systems_limits_are_those_of_its_own_requests() -> None:
    system = System.model_validate({"system": "records", "rates": [{"remaining": "X-Remaining"}]})
    beside = {"record": WRITE["observe"]["record"], "other": {"get": "/x/${inputs.record}", "target": "other"}}
    made = program(system=system, observe=beside)
    assert [len(read.rates) for read in made.reads if isinstance(read, Read)] == [1, 0]
    assert [len(route.rates) for route in made.routes if isinstance(route, HttpProgram)] == [1]
    # a system without limits is written as before, so that its contracts keep their digest
    assert "rates" not in System.model_validate({"system": "records"}).model_dump(mode="json")


@pytest.mark.parametrize(
    ("key", "paths"),
    [("shows", ["before.record.a", "other.b"]), ("unchanged", ["record.a", "others.b"]), ("disclose", ["record.a", "after.x"]), ("not_secret", ["record.a", "x"])],
)  # fmt: skip
def test_a_path_begins_with_a_read(key: str, paths: list[str]) -> None:
    with refused(f"{key}.1", f"`{paths[1]}` is observed nowhere"):
        program(**{key: paths})
    assert program(**{key: paths[:1]})


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("resource.id", {"resource": {"type": "Record", "id": "${after.record.id}"}}),
        ("resource.label", {"resource": {"type": "Record", "id": "x", "label": "${response.status}"}}),
        ("resource.attributes.vip", {"resource": {"type": "Record", "id": "x", "attributes": {"vip": {"type": "Bool", "value": "${x}"}}}}),
        ("says", {"says": "${after.record.x}"}),
        ("require.0.that", {"require": [{"that": "after.record.x == 1", "else": "no"}]}),
        ("expect.0.that", {"expect": [{"that": "outputs.was == 1", "else": "no"}]}),
        ("widens", {"widens": "after.record.x == 1"}),
        ("spends", {"spends": "before.record.x"}),
        ("request.verified", {"request": {"verified": "after.record.x == 1", "requester_is_subject": "true"}}),
        ("outputs.is", {"outputs": {"is": "${later.x}"}}),
        ("undo.inputs", {"undo": {"contract": "set_value", "inputs": {"value": "${after.record.x}"}}}),
        ("new_object.ours", {"detect": "new_object", "new_object": {"in": "record.keys", "id": "id", "ours": "before.record.x == 1"}}),
        ("new_object.in.0", {"detect": "new_object", "new_object": {"in": "others.keys", "id": "id", "ours": "it.id == 1"}}),
        ("observe.record.get", {"observe": {"record": {"get": "/records/${before.record.x}"}}}),
    ],
)  # fmt: skip
def test_a_name_that_is_not_known_in_its_phase_is_refused(field: str, changes: dict[str, Any]) -> None:
    code = "bad_contract" if field.startswith("new_object.in") else "bad_expression"
    with refused(field, "", code):
        program(**changes)


def test_an_approval_pins_what_the_action_depends_on_and_what_people_saw() -> None:
    made = program(
        require=[{"that": "before.record.open", "else": "no"}],
        shows=["before.record.shown"],
        unchanged=["record.name"],
        execute=[{"http": {"put": "/records/${inputs.record}", "if_match": "${before.record.version}"}, "ok": "response.body.ok"}],
    )  # fmt: skip
    assert made.pinned == ("before.record.open", "before.record.shown", "before.record.version")
    assert made.probed == (*sorted({*made.pinned, "before.record.value", "before.record.name"}),)


def test_an_undo_takes_what_is_known_only_after_the_send_late() -> None:
    undo = {"contract": "set_value", "inputs": {"record": "${inputs.record}", "value": "${outputs.was}"}}
    made = program(undo=undo).undo
    assert made is not None
    assert (made.contract, made.late) == ("set_value", {"value"})
    assert program(undo="none").undo is None


def test_a_users_own_words_are_marked() -> None:
    attributes = {
        "vip": {"type": "Bool", "value": "${before.record.vip}", "default": True},
        "nick": {"type": "String", "value": "${before.record.nick}", "authority": "target_user"},
    }
    made = program(resource={"type": "Record", "id": "${inputs.record}", "attributes": attributes})
    assert [(a.name, a.type, a.default, a.user_editable) for a in made.attributes] == [
        ("vip", "Bool", True, False),
        ("nick", "String", None, True),
    ]


def test_a_read_gives_what_was_seen_before() -> None:
    made = program(READ)
    assert (made.routes, made.expect, [name for name, _ in made.outputs]) == ((), (), ["value"])
    with refused("outputs.value", "does not compile", "bad_expression"):
        program(READ, outputs={"value": "${after.record.value}"})


CHANGES: list[dict[str, Any]] = [
    {"version": 2},
    {"summary": "Another."},
    {"risk": "high"},
    {"says": "Set it"},
    {"expect": [{"that": "after.record.value == 'x'", "else": "no"}]},
    {"settle": "6s"},
    {"recheck": ["1h"]},
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_content_is_another_digest(change: dict[str, Any]) -> None:
    assert program().digest == program().digest != program(**change).digest


def test_the_digest_is_over_the_system_and_the_flows_in_use() -> None:
    observe = {"record": {"get": "/records/${inputs.record}"}, "page": {"browser": "look"}}

    def digest(system: System | None = None, look: Flow | None = None, **changes: Any) -> str:
        known = flows(*([look] if look else []))
        return compile_contract(Contract.model_validate({**WRITE, **changes}), system, known).digest

    assert digest() != digest(SYSTEM)
    changed = flow(LOOK, title="Another title")
    assert digest() == digest(look=changed)
    assert digest(observe=observe) != digest(observe=observe, look=changed)


@given(st.permutations(list(WRITE)))
@settings(max_examples=10)
def test_the_order_of_the_keys_is_no_part_of_the_digest(keys: list[str]) -> None:
    shuffled = Contract.model_validate({key: WRITE[key] for key in keys})
    assert compile_contract(shuffled, None).digest == compile_contract(contract(), None).digest
