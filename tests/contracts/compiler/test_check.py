"""Checks: a condition is met, unmet or not known, and a value that is not there is never one that is."""

from contracts.compiler.check import ABSENT, Check, lookup
from contracts.compiler.expressions import Expression, Fault, Names

NAMES = Names.of({"before.user": "dyn", "after.user": "dyn"})
SCOPE = {"before.user": {"a": {"b": None, "on": False}, "list": [1]}}


def check(that: str, so: str = "", absent: str = "") -> Check:
    return Check(Expression.compile(that, NAMES), "the user is off", so, absent)


def test_a_path_leads_to_its_value_or_to_absence() -> None:
    assert lookup("before.user", SCOPE) == SCOPE["before.user"]
    assert lookup("before.user.a.on", SCOPE) is False
    # null is a value
    assert lookup("before.user.a.b", SCOPE) is None
    for path in ("before.user.x", "before.user.a.b.c", "before.user.list.0", "after.user", "after.user.a"):
        assert lookup(path, SCOPE) is ABSENT, path
    assert repr(ABSENT) == "absent"


def test_a_check_is_met_unmet_or_not_known() -> None:
    assert check("!before.user.a.on").value(SCOPE) is True
    assert check("before.user.a.on").value(SCOPE) is False
    assert isinstance(check("before.user.x").value(SCOPE), Fault)


def test_what_is_neither_true_nor_false_is_a_fault() -> None:
    assert check("before.user.list").value(SCOPE) == Fault("it is neither true nor false")
    assert check("before.user.a.b").value(SCOPE) == Fault("it is neither true nor false")


def test_absence_counts_as_met_only_where_the_contract_says_why() -> None:
    said = check("before.user.x == 1", absent="old users have none")
    assert said.value(SCOPE) is True
    assert said.value({"before.user": {"x": 2}}) is False
    # another fault than absence stays one
    assert isinstance(check("before.user.list > 3", absent="old users have none").value(SCOPE), Fault)
    assert isinstance(check("before.user.a.b > 3", absent="old users have none").value(SCOPE), Fault)


def test_what_is_said_when_it_holds() -> None:
    assert check("true", so="the user is on").said == "the user is on"
    assert check("true").said == "not the case: the user is off"
