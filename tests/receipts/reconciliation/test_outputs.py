"""All declared outputs in their declared form, or the name of the one that is missing; and a refusal's own words."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.action.observation import Execution, Response
from contracts.compiler.catalog import load_catalog
from contracts.compiler.expressions import Fault
from contracts.schema.output import MAX_SECRET, Output
from receipts.reconciliation.outputs import MAX_REFUSAL, filled, outputs_of, refusal_of
from tests.world import ROOT

PROGRAMS = load_catalog(ROOT / "contracts" / "library").programs
KEYS = PROGRAMS["create_access_key"]
ID = "AKIA0000000000000001"


def scope(key_id: Any = ID, given: Any = "hunter2") -> dict[str, Any]:
    key = {"AccessKeyId": key_id, "SecretAccessKey": given}
    return {"response.body": {"CreateAccessKeyResponse": {"CreateAccessKeyResult": {"AccessKey": key}}}}


def test_every_output_is_given() -> None:
    assert outputs_of(KEYS, scope()) == {"key_id": ID, "secret": "hunter2"}


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (scope(key_id="BKIA0000000000000001"), "key_id"),
        (scope(key_id=ID + "\n"), "key_id"),
        (scope(key_id=7), "key_id"),
        (scope(given=""), "secret"),
        (scope(given="s" * (MAX_SECRET + 1)), "secret"),
        (scope(given=["s"]), "secret"),
        ({"response.body": None}, "key_id"),
        ({}, "key_id"),
    ],
)
def test_one_that_is_missing_or_ill_formed_is_named_and_not_quoted(found: dict[str, Any], missing: str) -> None:
    assert outputs_of(KEYS, found) == Fault(f"the output `{missing}` is missing")


def test_what_an_answer_gave_once_counts_where_no_later_read_has_it() -> None:
    kept = {"key_id": ID, "secret": "hunter2"}
    assert outputs_of(KEYS, {}, kept) == kept
    assert outputs_of(KEYS, scope(given="newer"), kept) == {"key_id": ID, "secret": "newer"}
    assert filled(KEYS.outputs, {}, {"key_id": ID}) == Fault("the output `secret` is missing")


def test_an_output_of_listed_values_is_one_of_them() -> None:
    outputs = {"key_id": Output(value="${x}", enum=(ID, "other")), "secret": KEYS.contract.outputs["secret"]}
    program = replace(KEYS, contract=KEYS.contract.model_copy(update={"outputs": outputs}))
    assert outputs_of(program, scope()) == {"key_id": ID, "secret": "hunter2"}
    assert outputs_of(program, scope(key_id="third")) == Fault("the output `key_id` is missing")


def refused(body: Any, contract: str = "add_group_member") -> str | None:
    response = Response(409, {}, body, b"")
    return refusal_of(PROGRAMS[contract], {}, Execution(0, 1, "declined", 1, 2, "PATCH", "u", "d", response))


def test_a_refusals_words_are_given_where_the_contract_lets_them() -> None:
    assert refused({"detail": "the group is full"}) == "the group is full"
    assert refused({"detail": "x" * 1_000}) == "x" * MAX_REFUSAL
    assert refused({"detail": "the group is full"}, "unlock_user") is None
    for body in ({"detail": ""}, {"detail": 7}, {"detail": {"a": "b"}}, {}, None):
        assert refused(body) is None
    nothing = Execution(0, 1, "in_doubt", 1, 2, "PATCH", "u", "d", None)
    assert refusal_of(PROGRAMS["add_group_member"], {}, nothing) is None
