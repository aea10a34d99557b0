"""Links to records at their own systems: only to the connection's host, and only where every input is there."""

import pytest
from pydantic import JsonValue, ValidationError

from contracts.schema.contract import System
from server.console.record_links import path_of
from tests.console.visitor import visitor
from tests.world import MARIA, World

PAGE = "/agent/tickets/${inputs.ticket}"


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"ticket": "4711"}, ("/agent/tickets/4711", "4711")),
        ({"ticket": 4711}, ("/agent/tickets/4711", "4711")),
        ({"ticket": "a b@c"}, ("/agent/tickets/a%20b@c", "a b@c")),
        ({}, None),
        ({"ticket": None}, None),
        ({"ticket": True}, None),
        ({"ticket": ".."}, None),
        ({"ticket": "1/../../x"}, None),
        ({"ticket": "1?x=y"}, None),
        ({"ticket": ""}, None),
    ],
)
def test_the_path_of_a_record(params: dict[str, JsonValue], found: tuple[str, str] | None) -> None:
    assert path_of(PAGE, params) == found


@pytest.mark.parametrize("page", [PAGE, "/tickets/${inputs.a}/b/${inputs.c_1}/"])
def test_a_page_is_a_path_of_inputs(page: str) -> None:
    assert System.model_validate({"system": "x", "page": page}).page == page


@pytest.mark.parametrize(
    "page",
    ["https://evil.example/${inputs.a}", "//evil.example", "/a?b", "/a-${inputs.b}", "/${before.x}", "a", "/a b"],
)
def test_another_host_or_an_expression_is_no_page(page: str) -> None:
    with pytest.raises(ValidationError):
        System.model_validate({"system": "x", "page": page})
    assert "page" not in System.model_validate({"system": "x"}).model_dump(mode="json")


async def test_an_approval_and_its_action_lead_to_the_ticket_and_to_the_policies(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    base = world.app.runner.release.targets["zendesk"].base_url
    link = {"words": "zendesk 4711", "url": f"{base}/agent/tickets/4711"}
    async with visitor(world, "lead") as lead:
        path = f"/approvals/{asked['action_id']}"
        assert (await lead.json(f"{path}.json"))["links"] == [link]
        page = await lead.get(path)
        assert f'href="{link["url"]}" target="_blank" rel="noopener noreferrer"' in page
        assert 'href="/policies/prod-high-needs-lead"' in page
        assert link["url"] in await lead.get(f"/actions/{asked['action_id']}")
        await lead.get("/policies/prod-high-needs-lead")
