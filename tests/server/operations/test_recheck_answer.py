"""What a later look tells whoever asked for it."""

from receipts.reconciliation.checks import CheckResult
from server.operations.recheck_answer import RecheckAnswer


def test_its_document_names_the_action_the_receipt_and_each_check() -> None:
    check = CheckResult("the record has another value", False, "the value is new", "503")
    answer = RecheckAnswer("act_1", "rcp_1", "not_read", (check,))
    assert answer.document == {
        "action": "act_1",
        "receipt": "rcp_1",
        "status": "not_read",
        "checks": [check.fact],
    }


def test_without_checks_there_are_none() -> None:
    assert RecheckAnswer("act_1", None, None).document == {
        "action": "act_1",
        "receipt": None,
        "status": None,
        "checks": [],
    }
