"""What an action made is the one difference of two lists, if that is ours; else nobody says that it is."""

from typing import Any

import pytest

from contracts.action.observation import Observation, Reading
from contracts.compiler.catalog import load_catalog
from receipts.reconciliation.checks import CheckResult
from receipts.reconciliation.new_object import found_object, names_new
from receipts.reconciliation.verdict import Reason, Reconciliation
from tests.world import ROOT

PROGRAM = load_catalog(ROOT / "contracts" / "library").programs["create_access_key"]
MADE_AT = "2027-01-15T08:00:00Z"
AT_MS = 1_800_000_000_000
"""The same moment."""
OLD, NEW = "AKIA0000000000000001", "AKIA0000000000000002"
MET = (CheckResult("not one new key", True),)
UNMET, NOT_READ = (CheckResult("not one new key", False),), (CheckResult("x", False, fault="`keys` answered 503"),)


def key(name: str, at: str = MADE_AT) -> dict[str, str]:
    return {"AccessKeyId": name, "Status": "Active", "CreateDate": at}


def listed(*keys: Any) -> dict[str, Any]:
    return {"ListAccessKeysResponse": {"ListAccessKeysResult": {"AccessKeyMetadata": list(keys)}}}


def found(
    before: Any, after: Any, checks: tuple[CheckResult, ...] = MET, *, exclusive: bool = True, at_ms: int = AT_MS
) -> Reconciliation:
    assert PROGRAM.made is not None
    scope = {"before.keys": before, "after.keys": after, "inputs.user_name": "ci", "connection.exclusive": exclusive}
    look = Observation({}, at_ms, "separate_credential")
    return found_object(PROGRAM, PROGRAM.made, scope, checks, (look, look))


def test_one_new_object_of_ours_whose_outputs_are_lost_is_an_orphan() -> None:
    one = found(listed(key(OLD)), listed(key(OLD), key(NEW)))
    assert (one.verdict, one.changed, one.attribution, one.reason) == ("orphan", True, "ours", Reason.OUTPUTS_LOST)
    assert one.orphan == {"key_id": NEW}
    assert one.outputs == {}


def test_nothing_new_may_be_sent_again_unless_the_list_proves_nothing() -> None:
    assert found(listed(key(OLD)), listed(key(OLD)), UNMET).verdict == "again"
    assert found(listed(key(OLD)), listed(key(OLD)), NOT_READ).reason == Reason.UNSAID
    gone = found(listed(key(OLD)), listed(), UNMET)
    assert (gone.verdict, gone.reason) == ("contended", Reason.SOMEBODY_ELSE)


@pytest.mark.parametrize("list_", [{}, listed("text"), listed({"Status": "Active"}), None])
def test_a_list_that_cannot_be_read_proves_nothing(list_: Any) -> None:
    for one in (found(list_, listed(key(NEW))), found(listed(), list_)):
        assert (one.verdict, one.changed, one.reason) == ("contended", None, Reason.LIST_NOT_READ)


def test_two_new_ones_or_one_that_may_be_somebody_elses_are_not_ours() -> None:
    two = found(listed(), listed(key(OLD), key(NEW)))
    shared = found(listed(), listed(key(NEW)), exclusive=False)
    early = found(listed(), listed(key(NEW, "2027-01-15T07:59:57Z")))
    for one in (two, shared, early):
        assert (one.verdict, one.changed, one.attribution) == ("contended", None, "other")
        assert one.reason == Reason.PERHAPS_NOT_OURS


@pytest.mark.parametrize(("at", "verdict"), [("07:59:58", "orphan"), ("08:00:02", "orphan"), ("08:00:03", "contended")])
def test_clocks_differ_by_two_seconds_at_most(at: str, verdict: str) -> None:
    assert found(listed(), listed(key(NEW, f"2027-01-15T{at}Z"))).verdict == verdict


def test_the_answer_names_what_was_not_there_before() -> None:
    body = {"CreateAccessKeyResponse": {"CreateAccessKeyResult": {"AccessKey": {"AccessKeyId": NEW}}}}
    known = {"before.keys": listed(key(OLD)), "response.body": body}
    assert names_new(PROGRAM, known) == (True, "ours")
    assert names_new(PROGRAM, {**known, "before.keys": listed(key(NEW))}) == (None, None)
    assert names_new(PROGRAM, {**known, "response.body": {}}) == (None, None)
    other = load_catalog(ROOT / "contracts" / "library").programs["unlock_user"]
    assert names_new(other, known) == (None, None)


@pytest.mark.parametrize("whole", [(True, False), (False, True)])
def test_what_half_a_list_lacks_is_not_new(whole: tuple[bool, bool]) -> None:
    assert PROGRAM.made is not None
    lists = listed(key(OLD)), listed(key(OLD), key(NEW))
    seen = [
        Observation({"keys": Reading("keys", 200, one, b"", 1, whole=is_whole)}, AT_MS, "separate_credential")
        for one, is_whole in zip(lists, whole, strict=True)
    ]
    scope = {"before.keys": lists[0], "after.keys": lists[1], "inputs.user_name": "ci", "connection.exclusive": True}
    one = found_object(PROGRAM, PROGRAM.made, scope, MET, (seen[0], seen[1]))
    assert (one.verdict, one.reason, one.orphan) == ("contended", Reason.NOT_WHOLE, None)
    body = {"CreateAccessKeyResponse": {"CreateAccessKeyResult": {"AccessKey": {"AccessKeyId": NEW}}}}
    assert names_new(PROGRAM, scope | {"response.body": body}, frozenset({"before.keys"})) == (None, None)
