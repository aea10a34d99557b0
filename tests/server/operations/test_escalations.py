"""Somebody is told: delivered by its route, tried again, handed on, and taken on by a person once."""

import base64
import hashlib
import hmac
from typing import Any

import orjson
import pytest

from adapters.credentials.cache import Credentials
from contracts.errors import AilyusError
from server.operations.escalations import MAX_TRIES, Escalations
from server.workspace.settings.notification import EscalationPart
from tests.adapters.raw_server import answer, raw_server
from tests.server.engine import Engine


def told_by(made: Engine, **routes: EscalationPart) -> Escalations:
    """`records-oncall` is the route that the contracts name."""
    ways = {name.replace("_", "-"): way for name, way in routes.items()}
    return Escalations(made.runner, ways, Credentials(made.root))


def route_to(webhook: str, **more: str | None) -> EscalationPart:
    """A route as the settings have it."""
    return EscalationPart.model_validate({"webhook": webhook, **more})


def oncall(made: Engine, following: str | None = None, after: str = "60s") -> EscalationPart:
    return route_to(f"http://127.0.0.1:{made.port}/_sandbox/oncall", next=following, after=after)


async def state(made: Engine) -> list[dict[str, Any]]:
    rows = await made.rows(
        "SELECT route, tried, delivered_ms, next_ms, acknowledged_by, handed_on_ms FROM escalations ORDER BY created_ms, id"
    )
    names = ("route", "tried", "delivered", "next", "by", "handed_on")
    return [dict(zip(names, row, strict=True)) for row in rows]


async def make_due(made: Engine) -> None:
    await made.journal.store.write(lambda txn: txn.write("UPDATE escalations SET next_ms = 1", rows=None))


async def test_a_notice_holds_names_and_ids_and_nothing_that_anybody_wrote(permissive: Engine) -> None:
    action = await permissive.unknown()
    escalations = told_by(permissive, records_oncall=oncall(permissive))
    await escalations.sweep()
    (notice,) = permissive.sandbox.notices
    assert set(notice) == {"escalation", "route", "action", "contract", "risk", "status", "receipt"}
    assert (notice["action"], notice["status"]) == (action.id, "unknown")
    (one,) = await state(permissive)
    assert one["delivered"] is not None
    assert one["next"] >= one["delivered"] + 60_000
    assert await permissive.rows("SELECT count(*) FROM statements WHERE kind = 'escalation'") == [(1,)]
    await escalations.sweep()  # nothing is due
    assert len(permissive.sandbox.notices) == 1
    await escalations.close()


async def test_a_route_says_the_sentence_where_its_settings_do_and_only_of_its_tenant(permissive: Engine) -> None:
    action = await permissive.unknown()
    others = oncall(permissive).model_copy(update={"tenant": "globex"})
    own = others.model_copy(update={"tenant": action.request.tenant, "sentence": True})
    for route, count in ((others, 0), (own, 1)):
        escalations = told_by(permissive, records_oncall=route)
        await make_due(permissive)
        await escalations.sweep()
        await escalations.close()
        assert len(permissive.sandbox.notices) == count
    (notice,) = permissive.sandbox.notices
    assert action.sentence is not None
    assert notice["says"] == action.sentence.quoted


async def test_a_route_with_a_secret_signs_what_it_sends(permissive: Engine) -> None:
    action = await permissive.unknown()
    (permissive.root / "hook").write_text("a secret\n")
    async with raw_server(answer(200)) as (port, seen):
        way = route_to(f"http://127.0.0.1:{port}/hook", after="60s", secret=f"file:{permissive.root}/hook")
        escalations = told_by(permissive, records_oncall=way)
        await escalations.sweep()
        await escalations.close()
    head, _, body = seen[0].partition(b"\r\n\r\n")
    said = {n.decode().lower(): v.decode() for n, _, v in (line.partition(b": ") for line in head.split(b"\r\n")[1:])}
    signed = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"a secret", signed, hashlib.sha256)).decode()
    assert said["webhook-signature"] == f"v1,{expected}"
    assert orjson.loads(body)["action"] == action.id


async def test_what_nobody_acknowledges_goes_on_to_the_next_route(permissive: Engine) -> None:
    await permissive.unknown()
    escalations = told_by(
        permissive, records_oncall=oncall(permissive, "security-oncall"), security_oncall=oncall(permissive)
    )
    await escalations.sweep()
    await make_due(permissive)
    await escalations.sweep()
    first, second = await state(permissive)
    assert (first["route"], second["route"]) == ("records-oncall", "security-oncall")
    assert first["handed_on"] is not None
    await escalations.sweep()
    assert [notice["route"] for notice in permissive.sandbox.notices] == ["records-oncall", "security-oncall"]
    await escalations.close()


async def test_without_a_next_route_the_same_one_is_told_again(permissive: Engine) -> None:
    await permissive.unknown()
    escalations = told_by(permissive, records_oncall=oncall(permissive))
    await escalations.sweep()
    await make_due(permissive)
    await escalations.sweep()
    await make_due(permissive)
    await escalations.sweep()
    assert [notice["route"] for notice in permissive.sandbox.notices] == ["records-oncall"] * 2
    await escalations.close()


async def test_a_pager_that_is_down_does_not_keep_the_next_person_from_being_called(permissive: Engine) -> None:
    await permissive.unknown()
    down = route_to("http://127.0.0.1:1/hook", next="security-oncall", after="60s")
    escalations = told_by(permissive, records_oncall=down, security_oncall=oncall(permissive))
    for _ in range(MAX_TRIES):
        await escalations.sweep()
        await make_due(permissive)
    assert [one["route"] for one in await state(permissive)] == ["records-oncall", "security-oncall"]
    await escalations.close()


async def test_a_route_that_is_not_in_the_settings_is_put_off_and_not_dropped(permissive: Engine) -> None:
    await permissive.unknown()
    escalations = told_by(permissive)
    await escalations.sweep()
    (one,) = await state(permissive)
    assert one["next"] > permissive.executor.now() + 3_000_000
    assert (one["delivered"], one["by"]) == (None, None)
    await escalations.close()


async def test_a_person_takes_it_on_once(permissive: Engine) -> None:
    await permissive.unknown()
    escalations = told_by(permissive, records_oncall=oncall(permissive))
    (listed,) = await escalations.listed("acme")
    assert await escalations.listed("globex") == []
    name = str(listed["escalation"])
    with pytest.raises(AilyusError, match="`nobody` is no declared person"):
        await escalations.acknowledge(name, "nobody")
    with pytest.raises(AilyusError, match="there is no escalation `esc_none`"):
        await escalations.acknowledge("esc_none", "lead")
    await escalations.acknowledge(name, "lead")
    assert await escalations.listed() == []
    with pytest.raises(AilyusError) as fault:
        await escalations.acknowledge(name, "other")
    assert fault.value.code == "not_waiting"
    await make_due(permissive)
    await escalations.sweep()
    assert permissive.sandbox.notices == []
    await escalations.close()


async def test_a_notice_leaves_only_for_an_address_that_is_safe(permissive: Engine) -> None:
    with pytest.raises(AilyusError):
        told_by(permissive, records_oncall=route_to("http://pager.example.com/hook", after="1ms"))
