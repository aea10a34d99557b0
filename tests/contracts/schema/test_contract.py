"""Contracts: a write says what proves its effect, a read changes nothing, and digests outlive newer keys."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.contract import Bound, Contract, System
from tests.contracts.making import READ, WRITE, contract

MADE = {"in": "record.keys", "id": "id", "ours": "it.id == '1'"}


@pytest.mark.parametrize("key", ["execute", "expect", "says", "evidence"])
def test_a_write_needs_what_it_does_and_what_proves_it(key: str) -> None:
    with pytest.raises(ValidationError, match=f"a write needs `{key}`"):
        contract(**{key: None})


@pytest.mark.parametrize("key", ["execute", "expect", "says", "shows", "require", "unchanged"])
def test_a_read_changes_nothing_and_asks_nobody(key: str) -> None:
    words = {"shows": ["before.record.a"], "unchanged": ["record.a"], "require": WRITE["expect"]}
    with pytest.raises(ValidationError, match=f"a read has no `{key}`"):
        contract(READ, **{key: words.get(key) or WRITE[key]})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"evidence": {"http": ["before", "response"]}}, "`evidence` of `http` needs at least `before` and `after`"),
        ({"evidence": {"http": ["after", "response"]}}, "`evidence` of `http` needs at least `before` and `after`"),
        ({"evidence": {"mcp": ["before", "after"]}}, "`evidence` of `http` needs at least `before` and `after`"),
        ({"evidence": {"http": ["before", "after", "snapshot"]}}, "only a `browser` route has screenshots"),
        ({"detect": "new_object"}, "`detect: new_object` needs `new_object`"),
        ({"detect": "new_object", "new_object": MADE, "idempotent": "it is"}, "is not `idempotent`"),
        ({"risk": "huge"}, "Input should be"),
        ({"version": 0}, "greater than or equal to 1"),
        ({"contract": "SetValue"}, "should match pattern"),
        ({"settle": "11m"}, "expected at most `10m`"),
        ({"settle": 5}, "expected a duration"),
        ({"settle": {"within": "5s"}}, "needs `within`, a duration up to `10m`, and `because`"),
        ({"settle": {"within": "11m", "because": "slow"}}, "needs `within`, a duration up to `10m`, and `because`"),
        ({"recheck": ["1h"] * 6}, "at most 5 items"),
        ({"undo": "set_value"}, "undo"),
    ],
)
def test_what_is_no_write(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        contract(**changes)


def test_a_read_gives_something_and_no_secret() -> None:
    with pytest.raises(ValidationError, match="a read needs `outputs`"):
        contract(READ, outputs={})
    with pytest.raises(ValidationError, match="a read gives no secrets"):
        contract(READ, outputs={"key": {"value": "${before.record.key}", "secret": {"to": []}}})


def test_only_a_declared_bound_makes_a_read_that_shows_nothing_a_proof() -> None:
    plain, bound = contract(settle="2s"), contract(settle={"within": "2s", "because": "reads are immediate"})
    assert (plain.settle_ms, plain.bound_ms) == (2000, None)
    assert (bound.settle_ms, bound.bound_ms) == (2000, 2000)
    assert isinstance(bound.settle, Bound)
    # a contract that was read from its own dump is the same
    assert contract().settle_ms == 5000


def test_a_contract_of_old_has_no_newer_key_in_its_digest() -> None:
    written = contract().model_dump(mode="json", by_alias=True)
    assert not set(written) & Contract.later
    assert {"so", "absent"}.isdisjoint(written["expect"][0])
    assert "refusal" in contract(refusal="response.body.message").model_dump(mode="json")


def test_a_contract_is_closed_at_every_level() -> None:
    for changes in (
        {"colour": "blue"},
        {"expect": [{**WRITE["expect"][0], "colour": "blue"}]},
        {"resource": {**WRITE["resource"], "colour": "blue"}},
        {"new_object": {**MADE, "colour": "blue"}},
        {"request": {"verified": "true", "requester_is_subject": "true", "colour": "blue"}},
    ):
        with pytest.raises(ValidationError, match="colour"):
            contract(**changes)
    with pytest.raises(ValidationError, match="colour"):
        System.model_validate({"system": "x", "colour": "blue"})
