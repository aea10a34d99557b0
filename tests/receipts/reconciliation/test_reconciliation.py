"""Verdicts: no status code alone ever decides, and doubt is never sent again."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.action.observation import Delivery, Execution, Observation, Reading, Response
from contracts.compiler.catalog import load_catalog
from receipts.reconciliation.reconciliation import already_so, reconcile
from receipts.reconciliation.verdict import Reason
from tests.contracts.making import program
from tests.world import ROOT

PROGRAM = load_catalog(ROOT / "contracts" / "library").programs["reset_user_mfa"]
BASE = {"inputs.user_id": "00u1", "inputs.ticket": "1", "connection.tenant": "acme", "connection.environment": "prod"}
A, B, C = {"id": "a"}, {"id": "b"}, {"id": "c"}


def seen(*factors: Any, status: str = "ACTIVE", email: str = "m@example.com") -> Observation:
    user = {"status": status, "profile": {"email": email}}
    values: dict[str, Any] = {"user": user, "factors": list(factors), "ticket": {}}
    return Observation({n: Reading(n, 200, v, b"", 1) for n, v in values.items()}, 1, "separate_credential")


def sent(delivery: Delivery, status: int | None = None, request_id: str | None = None) -> Execution:
    response = Response(status, {}, {}, b"{}", request_id) if status else None
    return Execution(0, 1, delivery, 1, 2, "POST", "u", "d", response)


NOTHING = Observation({}, 1, "separate_credential", fault="500")


@pytest.mark.parametrize(
    ("delivery", "status", "after", "verdict", "changed"),
    [
        ("answered", 200, seen(), "confirmed", True),
        ("answered", 200, seen(C), "confirmed", True),
        ("answered", 200, seen(A, B), "contended", None),
        ("rejected", 422, seen(A, B), "not_applied", False),
        ("rejected", 404, seen(), "confirmed", True),
        ("rejected", 404, seen(C), "contended", None),
        ("rejected", 404, NOTHING, "contended", None),
        ("answered", 200, seen(B), "diverged", True),
        ("answered", 200, seen(status="SUSPENDED"), "diverged", True),
        ("answered", 200, seen(email="x@example.com"), "diverged", True),
        ("answered", 200, NOTHING, "contended", None),
        ("answered", 200, replace(seen(), fault="another read answered 500"), "contended", None),
        ("answered", 200, replace(seen(), missing=True), "contended", None),
        ("refused", 403, seen(A, B), "not_applied", False),
        ("refused", 403, seen(), "contended", None),
        ("declined", 404, seen(), "contended", None),
        ("no_effect", 400, seen(A, B), "next_route", False),
        ("no_effect", 400, seen(), "contended", None),
        ("in_doubt", None, seen(), "confirmed", True),
        ("in_doubt", 503, seen(), "confirmed", True),
        ("in_doubt", None, seen(A, B), "again", False),
        ("in_doubt", None, seen(B), "contended", None),
        ("in_doubt", None, seen(A, B, C), "contended", None),
        ("in_doubt", None, seen(C), "contended", None),
        ("in_doubt", None, seen(status="SUSPENDED"), "diverged", True),
        ("in_doubt", None, NOTHING, "contended", None),
        ("not_sent", None, seen(), "again", False),
        ("stopped", None, seen(A, B), "stopped", False),
        ("stopped", None, seen(), "contended", None),
    ],
)
def test_verdicts(
    delivery: Delivery, status: int | None, after: Observation, verdict: str, changed: bool | None
) -> None:
    outcome = reconcile(PROGRAM, BASE, seen(A, B), sent(delivery, status), after)
    assert (outcome.verdict, outcome.changed) == (verdict, changed)


def test_attribution() -> None:
    ours = reconcile(PROGRAM, BASE, seen(A), sent("answered", 200, "req-1"), seen())
    found = reconcile(PROGRAM, BASE, seen(A), sent("in_doubt"), seen())
    assert (ours.attribution, found.attribution) == ("ours", "state_only")


def test_never_confirmed_with_a_missing_output() -> None:
    from contracts.compiler.expressions import Names
    from contracts.compiler.template import Template

    missing = Template.compile("${response.body.key}", Names.of({"response.body": "dyn"}))
    program = replace(PROGRAM, outputs=(("key", missing),))
    assert reconcile(program, BASE, seen(A), sent("answered", 200), seen()).verdict == "contended"


@pytest.mark.parametrize("detect", ["none", "new_object"])
def test_what_a_probe_cannot_tell_is_not_sent_again(detect: str) -> None:
    program = replace(PROGRAM, contract=PROGRAM.contract.model_copy(update={"detect": detect}))
    assert reconcile(program, BASE, seen(A), sent("in_doubt"), seen(A)).verdict == "contended"


def test_already_so() -> None:
    assert already_so(PROGRAM, BASE, seen()) is not None
    assert already_so(PROGRAM, BASE, seen(A)) is None


@pytest.mark.parametrize(
    ("delivery", "pictures", "verdict"),
    [
        ("answered", ("before.png", "after.png"), "confirmed"),
        ("answered", ("before.png",), "contended"),
        ("answered", (), "contended"),
        ("in_doubt", (), "confirmed"),
    ],
)
def test_without_its_pictures_nothing_that_answered_is_confirmed(
    delivery: Delivery, pictures: tuple[str, ...], verdict: str
) -> None:
    program = load_catalog(ROOT / "contracts" / "library").programs["deactivate_helpdesk_account"]
    before, after = (
        Observation(
            {"account": Reading("account", 200, {"active": on, "staff": False, "superuser": False}, b"", 1)},
            1,
            "same_channel",
        )
        for on in (True, False)
    )
    execution = replace(sent(delivery, 302), via="browser:x", evidence=dict.fromkeys(pictures, b"png"))
    assert reconcile(program, {"inputs.username": "maria"}, before, execution, after).verdict == verdict


CATALOG = load_catalog(ROOT / "contracts" / "library").programs
MEMBER = {"inputs.user_id": "u1", "inputs.group_id": "g1", "connection.tenant": "a", "connection.environment": "prod"}


def group(*members: str, whole: bool = True, **more: Any) -> Observation:
    value: dict[str, Any] = {"id": "g1", "displayName": "x", "meta": {"version": "1"}, **more}
    if members:
        value["members"] = [{"value": m} for m in members]
    readings = {
        "group": Reading("group", 200, value, b"", 1, whole=whole),
        "user": Reading("user", 200, {"id": "u1", "userName": "u", "active": True}, b"", 1),
    }
    return Observation(readings, 1, "separate_credential")


@pytest.mark.parametrize(
    ("name", "before", "after", "verdict", "met"),
    [
        ("remove_group_member", group("u1", "u2"), group("u2"), "confirmed", [True, True]),
        ("remove_group_member", group("u1"), group(), "confirmed", [True, True]),  # seen before, so an empty list now
        ("remove_group_member", group("u1", "u2"), group(), "diverged", [True, False]),  # wiped
        ("remove_group_member", group(), group(), "contended", [None, None]),  # nothing says who is in it
        ("remove_group_member", group(), group(Members=[]), "contended", [None, None]),
        ("remove_group_member", group("u1", "u2"), group("u2", whole=False), "contended", [None, None]),
        ("add_group_member", group(), group(), "contended", [None, None]),
        ("add_group_member", group(), group("u1"), "confirmed", [True, True]),
        ("add_group_member", group("u2"), group("u2"), "contended", [False, True]),  # accepted, and not seen yet
        ("add_group_member", group("u2"), group("u2", whole=False), "contended", [None, None]),
    ],
)
def test_what_is_not_there_proves_nothing(
    name: str, before: Observation, after: Observation, verdict: str, met: list[bool | None]
) -> None:
    outcome = reconcile(CATALOG[name], MEMBER, before, sent("answered", 204), after)
    assert (outcome.verdict, [c.fact["met"] for c in outcome.checks]) == (verdict, met)


def test_what_could_not_be_read_names_the_fault() -> None:
    outcome = reconcile(PROGRAM, BASE, seen(A), sent("answered", 200), replace(NOTHING, fault="`user` answered 503"))
    assert [c.fact for c in outcome.checks] == [
        {
            "that": "no factor seen before is still enrolled",
            "met": None,
            "else": "a factor seen before is still enrolled",
            "notRead": "`user` answered 503",
        }
    ]
    assert not outcome.checks[0].unmet


def test_nothing_already_is_so_where_it_cannot_be_read() -> None:
    remove = CATALOG["remove_group_member"]
    assert already_so(remove, MEMBER, group()) is None
    assert already_so(remove, MEMBER, group("u2", whole=False)) is None
    assert already_so(remove, MEMBER, group("u2")) is not None


def plain(delivery: Delivery, bounded: bool, **changes: Any) -> str:
    program = CATALOG["comment_on_ticket"]
    program = replace(program, contract=program.contract.model_copy(update=changes))
    values: dict[str, Any] = {"ticket": {"ticket": {"id": 1, "status": "open"}}, "comments": {"comments": []}}
    same = Observation({n: Reading(n, 200, v, b"", 1) for n, v in values.items()}, 1, "separate_credential")
    base = {"inputs.ticket": "1", "inputs.text": "x", "connection.tenant": "a", "connection.environment": "prod"}
    return reconcile(
        program, base, same, sent(delivery, 503 if delivery == "in_doubt" else 200), same, False, bounded
    ).verdict


@pytest.mark.parametrize(
    ("delivery", "bounded", "idempotent", "verdict"),
    [
        ("answered", False, None, "contended"),
        ("answered", True, None, "not_applied"),
        ("answered", False, "a reason", "contended"),
        ("in_doubt", False, None, "contended"),
        ("in_doubt", True, None, "again"),
        ("in_doubt", False, "a reason", "again"),
        ("rejected", False, None, "not_applied"),
    ],
)
def test_what_may_have_been_made_is_not_made_again(
    delivery: Delivery, bounded: bool, idempotent: str | None, verdict: str
) -> None:
    assert plain(delivery, bounded, idempotent=idempotent) == verdict


def test_the_answer_s_own_new_id_is_evidence() -> None:
    from contracts.compiler.program import Program

    program: Program = CATALOG["create_access_key"]
    listed = {"ListAccessKeysResponse": {"ListAccessKeysResult": {"AccessKeyMetadata": []}}}
    same = Observation({"keys": Reading("keys", 200, listed, b"", 1)}, 1, "separate_credential")
    key = {"AccessKeyId": "AKIA0000000000000001", "SecretAccessKey": "s"}
    body = {"CreateAccessKeyResponse": {"CreateAccessKeyResult": {"AccessKey": key}}}
    execution = replace(sent("answered", 200), response=Response(200, {}, body, b"", None))
    base = {"inputs.user_name": "ci", "connection.tenant": "a", "connection.environment": "prod"}
    outcome = reconcile(program, base, same, execution, same)
    assert (outcome.verdict, outcome.changed, outcome.attribution) == ("contended", True, "ours")
    assert outcome.outputs["key_id"] == "AKIA0000000000000001"
    # once it is listed, what the answer gave is still there
    shown = {"AccessKeyId": "AKIA0000000000000001", "Status": "Active", "CreateDate": "2026-11-28T00:00:00Z"}
    later = {"ListAccessKeysResponse": {"ListAccessKeysResult": {"AccessKeyMetadata": [shown]}}}
    after = Observation({"keys": Reading("keys", 200, later, b"", 2)}, 2, "separate_credential")
    lost = replace(execution, response=Response(200, {}, None, b"", None))
    found = reconcile(program, base, same, lost, after, False, False, outcome.outputs)
    assert (found.verdict, dict(found.outputs)) == ("confirmed", dict(outcome.outputs))


def half(value: str, whole: bool) -> Observation:
    record = {"value": value, "events": [{"by": "us"}]}
    return Observation({"record": Reading("record", 200, record, b"", 1, whole=whole)}, 1, "separate_credential")


HALF_BASE = {"inputs.record": "r1", "inputs.value": "new", "connection.tenant": "a", "connection.environment": "prod"}


@pytest.mark.parametrize(
    ("key", "declared", "delivery"),
    [
        ("unchanged", ["record.events"], "answered"),
        ("unchanged", ["record.events"], "in_doubt"),
        ("foreign", "after.record.events.exists(e, e.by != 'us')", "in_doubt"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_list_that_was_not_read_whole_shows_neither_that_it_stayed_nor_whose_hand_it_was(
    key: str, declared: Any, delivery: Delivery, whole: bool
) -> None:
    made = program(**{key: declared})
    outcome = reconcile(made, HALF_BASE, half("old", True), sent(delivery, 200), half("new", whole))
    assert outcome.verdict == ("confirmed" if whole else "contended")
    assert whole or outcome.reason == Reason.NOT_WHOLE


@pytest.mark.parametrize(("since", "verdict"), [(1, "again"), (-(10**7), "contended"), (None, "contended")])
def test_after_its_window_a_key_lets_nothing_be_sent_again(since: int | None, verdict: str) -> None:
    key = {"header": "Idempotency-Key", "within": "6m"}
    send = {"http": {"post": "/records/${inputs.record}", "idempotency_key": key}, "ok": "response.status == 200"}
    lost = replace(sent("in_doubt"), keyed=True, keyed_since_ms=since)
    outcome = reconcile(program(execute=[send]), HALF_BASE, half("old", True), lost, half("old", True))
    assert outcome.verdict == verdict
