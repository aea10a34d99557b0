"""What the log says of rows: each action with its ends and receipts, approvals and who used them."""

from typing import Any

from receipts.audit.row_words import RowWords


def said(kind: str, status: str, receipt: str = "rcp_1", action: str | None = "act_1", **more: Any) -> dict[str, Any]:
    predicate = {
        "kind": kind, "status": status, "receipt": receipt, "action": action, "tenant": "acme", "agent": "bot",
        "person": "p", "boundary": "network", "connection": "okta", "contract": {"id": "reset"}, "atMs": 1,
        "commitments": {}, **more,
    }  # fmt: skip
    return {"predicate": predicate, "subject": [{"name": action, "digest": {"sha256": "a" * 64}}]}


def heard(*statements: dict[str, Any]) -> RowWords:
    words = RowWords()
    for leaf, statement in enumerate(statements):
        words.hear(leaf, statement)
    return words


def test_an_action_is_what_its_first_statement_is_about() -> None:
    known = heard(
        said("decision", "approval_required", commitments={"asked": "c" * 64}),
        said("intent", "running", "rcp_2"),
        said("outcome", "confirmed", "rcp_3", answer="b" * 64),
    ).actions["act_1"]
    assert (known.digest, known.tenant, known.agent, known.contract) == ("a" * 64, "acme", "bot", "reset")
    assert (known.connection, known.person, known.boundary) == ("okta", "p", "network")
    assert (known.asked, known.ended, known.answer) == ("c" * 64, {"confirmed"}, "b" * 64)
    assert known.receipts == {"rcp_1", "rcp_2", "rcp_3"}


def test_a_later_look_adds_a_status_and_leaves_the_answer() -> None:
    known = heard(said("outcome", "unknown", answer="b" * 64), said("recheck", "confirmed")).actions["act_1"]
    assert (known.ended, known.answer) == ({"unknown", "confirmed"}, "b" * 64)


def test_an_approval_is_given_taken_back_and_used_by_its_plan() -> None:
    words = heard(
        said("decision", "approved", approval="apr_1"),
        said("decision", "approved", approval="apr_2"),
        said("decision", "withdrawn", approval="apr_2"),
        said("intent", "running", action="act_single", approvals=["apr_3"]),
        said("intent", "running", action="act_step", approvals=["apr_1"], plan={"action": "act_1"}),
    )
    assert set(words.approved) == {"apr_1", "apr_2"}
    assert words.withdrawn == {"apr_2"}
    assert words.used == {"apr_3": "act_single", "apr_1": "act_1"}
    assert words.actions["act_1"].ended == set(), "neither is an end of it"


def test_what_is_about_no_action_is_heard_as_what_it_controls() -> None:
    halt = said("halt", "", action=None, about={"event": "halted", "scope": "all", "name": "*"})
    words = heard(halt, {"predicate": None})
    assert (set(words.halts), words.actions) == ({("all", "*")}, {})
