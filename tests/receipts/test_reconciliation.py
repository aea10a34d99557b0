"""Verdicts: no status code alone ever decides, and doubt is never sent again."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.catalog import load_catalog
from contracts.observation import Delivery, Execution, Observation, Reading, Response
from receipts.reconciliation import already_so, reconcile
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
        ("answered", 200, seen(A, B), "not_applied", False),
        ("answered", 200, seen(B), "diverged", True),
        ("answered", 200, seen(status="SUSPENDED"), "diverged", True),
        ("answered", 200, seen(email="x@example.com"), "diverged", True),
        ("answered", 200, NOTHING, "contended", None),
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
    from contracts.expressions import Names, Template

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
