"""An expectation is met, unmet or not read; what was not read, or is one page of several, proves nothing."""

from typing import Any

import pytest

from contracts.action.observation import Observation, Reading
from contracts.compiler.check import Check, is_cut
from contracts.compiler.expressions import Expression, Names
from receipts.reconciliation.checks import CheckResult, are_cut, checks_of, stated

NAMES = Names.of({"after.user": "dyn", "after.keys": "dyn"})
PAGE = frozenset({"after.keys"})
KEYS: dict[str, Any] = {"after.keys": {"items": [{"id": "a"}, {"id": "b"}]}, "after.user": {"status": "ACTIVE"}}


def check(text: str, absent: str = "") -> Check:
    return Check(Expression.compile(text, NAMES), "it is not so", "it is so", absent)


def result(text: str, scope: dict[str, Any], cut: frozenset[str] = frozenset(), absent: str = "") -> CheckResult:
    (one,) = checks_of([check(text, absent)], scope, cut)
    return one


@pytest.mark.parametrize(
    ("text", "met", "fault"),
    [
        ("after.user.status == 'ACTIVE'", True, None),
        ("after.user.status == 'LOCKED'", False, None),
        ("after.user.nothing == 'x'", False, "`after.user.nothing` is not in the record"),
        ("after.user.status > 5", False, "whatever CEL says"),
        ("after.user.status", False, "it is neither true nor false"),
    ],
)
def test_what_cannot_be_evaluated_is_neither_met_nor_unmet(text: str, met: bool, fault: str | None) -> None:
    one = result(text, KEYS)
    assert (one.met, one.unmet) == (met, not met and fault is None)
    assert (one.fault is None) is (fault is None)
    if fault and "CEL" not in fault:
        assert one.fault == fault


def test_an_absence_that_the_contract_explains_is_met() -> None:
    assert result("after.user.nothing == 'x'", KEYS, absent="never set").met


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("after.keys.items.exists(k, k.id == 'a')", "met"),  # what a page shows is there
        ("after.keys.items.exists(k, k.id == 'z')", "one page"),
        ("!after.keys.items.exists(k, k.id == 'z')", "one page"),
        ("after.keys.items.all(k, k.id != 'z')", "one page"),
        ("size(after.keys.items) == 2", "one page"),
        ("after.user.status == 'ACTIVE'", "met"),
    ],
)
def test_one_page_of_several_proves_no_absence(text: str, says: str) -> None:
    assert result(text, KEYS).fault is None
    one = result(text, KEYS, PAGE)
    if says == "met":
        assert one.met
    else:
        assert (one.met, one.unmet, one.fault) == (False, False, "`after.keys.items` is one page of several")


def test_only_a_list_of_a_read_that_is_cut_is_cut() -> None:
    assert is_cut("after.keys.items", KEYS, PAGE)
    assert is_cut("after.keys", KEYS, PAGE)  # it holds the list
    assert not is_cut("after.user.status", KEYS, PAGE)
    assert not is_cut("after.keys.items", KEYS, frozenset({"before.keys"}))


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (False, False), (True, True)])
def test_a_list_that_is_not_whole_in_either_look_is_cut(first: bool, second: bool) -> None:
    looks = [
        Observation({"keys": Reading("keys", 200, {"items": []}, b"", 1, whole=whole)}, 1, "separate_credential")
        for whole in (first, second)
    ]
    assert are_cut(["before.keys.items"], *looks) is not (first and second)
    assert not are_cut(["before.keys.count"], *looks)


def test_a_statement_says_each_check_and_nothing_that_was_observed() -> None:
    checks = checks_of(
        [check("after.user.status == 'ACTIVE'"), check("after.user.secret == 'hunter2'")], KEYS, frozenset()
    )
    met, not_read = (fact.model_dump(by_alias=True, exclude_unset=True) for fact in stated(checks))
    assert met == {"that": "it is so", "met": True, "else": "it is not so"}
    assert not_read == {
        "that": "it is so", "met": None, "else": "it is not so",
        "notRead": "`after.user.secret` is not in the record",
    }  # fmt: skip
    assert CheckResult("plain", False).fact == {"that": "plain", "met": False}
