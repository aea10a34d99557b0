"""API first, the pages where the API provably did nothing, and never after the target's own refusal."""

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contracts.errors import AilyusError
from tests.helpdesk.desk import Before, Desk, Front, Site, desk_of, desk_workspace
from tests.world import Sandbox, cli

PNG = b"\x89PNG\r\n"


def patch(status: int, detail: str) -> Before:
    """The API answers every PATCH so, and nothing of it reaches the application."""

    async def answer(request: Request, body: bytes) -> Response | None:
        return JSONResponse({"detail": detail}, status) if request.method == "PATCH" else None

    return answer


async def hang(request: Request, body: bytes) -> Response | None:
    if request.method == "PATCH":
        await asyncio.sleep(3)
        return Response(status_code=504)
    return None


async def test_the_api_does_it_where_it_can(desk: Desk) -> None:
    answer = await desk.set_priority("high")
    assert (answer["status"], desk.site.ticket()["priority"]) == ("confirmed", 2)
    (attempt,) = desk.world.proof(answer["receipt_id"]).receipt["attempts"]
    assert (attempt["via"], attempt["identity"]) == ("http", "ailyus")
    assert desk.front.count("GET", "/admin/") == 0


@pytest.mark.parametrize(
    ("status", "detail"),
    [(405, 'Method "PATCH" not allowed.'), (429, "Request was throttled. Expected available in 40 seconds.")],
)
async def test_proven_without_effect_goes_through_the_pages(desk: Desk, status: int, detail: str) -> None:
    desk.front.before = patch(status, detail)
    answer = await desk.set_priority("critical")
    assert answer["status"] == "confirmed", answer
    assert desk.site.ticket()["priority"] == 1
    receipt = desk.world.proof(answer["receipt_id"]).receipt
    api, pages = receipt["attempts"]
    assert (api["via"], api["delivery"], api["identity"]) == ("http", "no_effect", "ailyus")
    assert (pages["via"], pages["delivery"]) == ("browser:helpdesk_set_priority", "answered")
    assert (pages["identity"], pages["method"], pages["status"]) == ("ailyus", "POST", 302)
    assert pages["endedMs"] > pages["startedMs"] >= api["endedMs"]
    assert receipt["observer"] == "separate_credential"  # done in pages, read back by the API
    pictures = desk.pages(answer["receipt_id"])
    assert set(pictures) == {"page/2/before.png", "page/2/before.aria", "page/2/after.png"}
    assert all(data.startswith(PNG) for label, data in pictures.items() if label.endswith("png"))
    assert b"1. Critical" in pictures["page/2/before.aria"]
    assert b"maria@acme.example" not in pictures["page/2/before.aria"]  # masked
    assert desk.front.count("POST", "/change/") == 1


async def test_probed_absent_goes_through_the_pages(desk: Desk) -> None:
    desk.front.before = hang
    answer = await desk.set_priority("low")
    assert answer["status"] == "confirmed", answer
    api, pages = desk.world.proof(answer["receipt_id"]).receipt["attempts"]
    assert (api["delivery"], pages["delivery"]) == ("in_doubt", "answered")
    assert (desk.front.count("PATCH"), desk.front.count("POST", "/change/")) == (1, 1)


async def test_an_api_that_did_it_and_lost_its_answer_sends_nothing_more(desk: Desk) -> None:
    async def lost(request: Request, body: bytes) -> Response | None:
        if request.method == "PATCH":
            await desk.front.passed(request, body)
            await asyncio.sleep(3)
        return None if request.method != "PATCH" else Response(status_code=504)

    desk.front.before = lost
    answer = await desk.set_priority("low")
    assert (answer["status"], desk.front.count("GET", "/admin/")) == ("confirmed", 0)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_is_never_taken_to_the_pages(desk: Desk, status: int) -> None:
    desk.front.before = patch(status, "You do not have permission to perform this action.")
    answer = await desk.set_priority("high")
    assert (answer["status"], desk.site.ticket()["priority"]) == ("not_applied", 3)
    assert desk.front.count("GET", "/admin/") == 0
    assert len(desk.world.proof(answer["receipt_id"]).receipt["attempts"]) == 1


async def test_the_pages_refuse_too(desk: Desk) -> None:
    async def forbidden(request: Request, body: bytes) -> Response | None:
        if "/ticket/1/change/" in request.url.path:
            return Response("no", 403)
        return await patch(405, "Method")(request, body)

    desk.front.before = forbidden
    answer = await desk.set_priority("high")
    assert answer["status"] == "not_applied", answer
    assert desk.world.proof(answer["receipt_id"]).receipt["attempts"][1]["delivery"] == "refused"


async def test_a_route_whose_breaker_is_open_is_skipped(
    tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str
) -> None:
    async with desk_of(tmp_path / "w", sandbox, site, api="300ms", part=browser_part) as desk:
        came = []

        async def counted(request: Request, body: bytes) -> Response | None:
            came.append(request.method)
            return await hang(request, body)

        desk.front.before = counted
        for ticket in (1, 2, 3):
            assert (await desk.set_priority("low", ticket))["status"] == "confirmed"
        assert came.count("PATCH") == 3
        answer = await desk.set_priority("low", 4)
        assert (answer["status"], came.count("PATCH")) == ("confirmed", 3)
        receipt = desk.world.proof(answer["receipt_id"]).receipt
        assert receipt["skipped"] == [{"route": 0, "why": "breaker"}]
        assert [a["via"] for a in receipt["attempts"]] == ["browser:helpdesk_set_priority"]
        root = desk.world.workspace.root
        listed = await asyncio.to_thread(cli, "halt", "list", cwd=root)
        name = "helpdesk/set_ticket_priority/http:PATCH"
        assert name in listed
        desk.front.before = None
        await asyncio.to_thread(cli, "halt", "lift", "route", name, "--as", "lead", cwd=root)
        answer = await desk.set_priority("high", 4)
        assert [a["via"] for a in desk.world.proof(answer["receipt_id"]).receipt["attempts"]] == ["http"]


async def test_a_wider_account_is_refused_before_it_acts(tmp_path: Path, sandbox: Sandbox, site: Site) -> None:
    front = Front(site, site.url)
    wider = desk_workspace(tmp_path / "w", sandbox, front, account="root")
    with pytest.raises(AilyusError, match="may be wider"):
        wider.release()
    rights = 'rights = ["change_ticket", "view_ticket"]'
    narrow = desk_workspace(
        tmp_path / "n", sandbox, front, account="other", more=rights, browser='rights = ["change_ticket"]'
    )
    assert narrow.release()
    more = desk_workspace(
        tmp_path / "m", sandbox, front, account="other", more=rights, browser='rights = ["change_user"]'
    )
    with pytest.raises(AilyusError, match="may be wider"):
        more.release()


async def test_an_account_that_turns_out_wider_is_refused(
    tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str
) -> None:
    rights = 'rights = ["change_ticket"]'
    how = {"account": "root", "more": rights, "browser": rights, "part": browser_part}
    async with desk_of(tmp_path / "w", sandbox, site, **how) as desk:
        desk.front.before = patch(405, "Method")
        answer = await desk.set_priority("high")
        assert answer["status"] == "not_applied", answer
        assert "wider than declared" in answer["summary"]
        assert desk.front.count("POST", "/change/") == 0


async def test_the_pages_show_another_account(tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str) -> None:
    async with desk_of(tmp_path / "w", sandbox, site, part=browser_part) as desk:
        (desk.world.workspace.root / ".ailyus/secrets/helpdesk-login").write_text("reader:reader-pass-1")
        desk.front.before = patch(405, "Method")
        answer = await desk.set_priority("high")
        assert "another account" in answer["summary"]


async def test_what_only_pages_can_do_is_read_back_by_a_fresh_visit(desk: Desk) -> None:
    read = await desk.world.call("get_helpdesk_account", {"username": "maria"})
    assert read["data"]["active"] is True
    assert (await desk.world.call("get_helpdesk_account", {"username": "nobody"}))["status"] == "denied"
    arguments = {"username": "maria", "reason": "she left the company last week"}
    answer = await desk.world.approved("deactivate_helpdesk_account", arguments)
    assert answer["status"] == "confirmed", answer
    assert desk.world.proof(answer["receipt_id"]).receipt["observer"] == "same_channel"
    assert not desk.site.accepts("maria", "maria-pass-1")
    again = await desk.world.approved("deactivate_helpdesk_account", {**arguments, "username": "mailer"})
    assert again["status"] == "confirmed"


async def test_text_is_typed_as_it_is(desk: Desk) -> None:
    desk.front.before = patch(405, "Method")
    said = "New toner. <b>Ask</b> “Ann” & $(co) ${inputs.x} {{7*7}} next time"
    arguments = {"ticket_id": "2", "resolution": said, "reason": "the printer prints again"}
    answer = await desk.world.approved("resolve_ticket", arguments)
    assert answer["status"] == "confirmed", answer
    assert (desk.site.ticket(2)["status"], desk.site.ticket(2)["resolution"]) == (3, said)
