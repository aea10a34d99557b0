"""Releases: which connection, one digest, and what does not hold together."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.action.request import Caller, ToolCall
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from policies.candidate import Candidate
from policies.principal import People, Person
from policies.release import Release
from tests.world import ROOT

LIBRARY = load_catalog(ROOT / "contracts" / "library")
ONE = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
TWO = replace(ONE, name="okta-staging", environment="staging")
GLOBEX = replace(ONE, name="okta-globex", tenant="globex")
CALLER = Caller("bot", "acme", "ann", "ann", frozenset(), frozenset())
PEOPLE = People({"ann": Person("ann", "local", "ann", "acme", frozenset())})


def release(*targets: Target, **more: Any) -> Release:
    author = more.pop("author", None)
    fields: dict[str, Any] = {"origin": "o", **more}
    candidate = Candidate(LIBRARY, {}, {t.name: t for t in targets}, PEOPLE, ("Support",), **fields)
    return Release.build(candidate, author=author)


def connection(made: Release, **arguments: str) -> tuple[str, bool]:
    request = made.calls.parse(ToolCall(name="get_user", arguments={"user_id": "00u1maria0001", **arguments}), CALLER)
    return request.connection, made.target(request) is not None


def test_one_connection_is_taken_by_itself() -> None:
    assert connection(release(ONE, GLOBEX)) == ("okta", True)
    assert connection(release(ONE, GLOBEX), connection="okta") == ("okta", True)


def test_several_must_be_named() -> None:
    made = release(ONE, TWO, GLOBEX)
    schema = made.schemas.of_contract(LIBRARY.programs["get_user"], "acme").schema
    assert schema["properties"]["connection"]["enum"] == ["okta", "okta-staging"]  # type: ignore[index,call-overload]
    assert connection(made, connection="okta-staging") == ("okta-staging", True)
    with pytest.raises(AilyusError) as caught:
        connection(made)
    assert caught.value.code == "missing_field"


@pytest.mark.parametrize("targets", [(ONE, GLOBEX), (ONE, TWO, GLOBEX)])
def test_any_other_name_leads_nowhere(targets: tuple[Target, ...]) -> None:
    assert connection(release(*targets), connection="okta-globex") == ("okta-globex", False)
    assert connection(release(*targets), connection="nothing") == ("nothing", False)


def test_everything_that_decides_is_in_the_digest() -> None:
    base = release(ONE)
    others = [
        release(ONE, TWO),
        release(replace(ONE, base_url="http://127.0.0.1:2")),
        release(ONE, change_freeze=True),
        release(ONE, development=True),
        release(ONE, origin="other"),
    ]
    assert len({base.digest, *(o.digest for o in others)}) == 6
    assert base.digest == release(ONE).digest


def test_another_version_of_the_engine_is_another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    before = release(ONE).digest
    monkeypatch.setattr("policies.release.ENGINE", "cedarpy 4.99.0")
    assert release(ONE).digest != before


def test_an_author_is_a_declared_person() -> None:
    assert release(ONE, author="ann").author == "ann"
    with pytest.raises(AilyusError) as caught:
        release(ONE, author="nobody")
    assert caught.value.code == "unknown_person"


@pytest.mark.parametrize(
    ("name", "arguments"), [("get_user", {"user_id": "00u1maria0001"}), ("add_ticket_tag", {"ticket": "1", "tag": "x"})]
)
def test_a_reason_is_kept_where_nobody_asks_for_one(name: str, arguments: dict[str, str]) -> None:
    made = release(ONE, replace(ONE, name="zendesk", kind="zendesk"))
    without = made.calls.parse(ToolCall(name=name, arguments=arguments), CALLER)
    given = made.calls.parse(ToolCall(name=name, arguments={**arguments, "reason": "asked"}), CALLER)
    assert (without.reason, given.reason) == (None, "asked")
    assert (without.call_key, without.action_digest) == (given.call_key, given.action_digest)
    for wrong in ("x" * 301, 5, "a\u200b"):
        with pytest.raises(AilyusError) as caught:
            made.calls.parse(ToolCall(name=name, arguments={**arguments, "reason": wrong}), CALLER)
        assert caught.value.field == "/reason"


def test_a_reason_is_required_where_the_risk_asks_for_one() -> None:
    made, maria = release(ONE), {"user_id": "00u1maria0001"}
    schema = made.schemas.of_contract(LIBRARY.programs["unlock_user"], "acme").schema
    assert "reason" in schema["required"]  # type: ignore[operator]  # a list
    with pytest.raises(AilyusError) as caught:
        made.calls.parse(ToolCall(name="unlock_user", arguments={**maria, "reason": "short"}), CALLER)
    assert (caught.value.code, caught.value.field) == ("too_short", "/reason")
