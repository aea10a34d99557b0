"""Pages that are not as expected: nothing is entered into the wrong record, nothing is sent twice, nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tests.helpdesk.desk import Before, Desk, Site, desk_of
from tests.helpdesk.pages import CHANGE, HEAD, kill, only_pages, stopped, then
from tests.world import Sandbox, cli


@pytest.fixture
def pages(desk: Desk) -> Desk:
    desk.front.before = only_pages
    return desk


async def test_a_renamed_selector(pages: Desk) -> None:
    pages.front.rewrite(CHANGE, "Priority:", "Urgency:")
    answer = await stopped(pages, "there is no element by its label")
    pictures = pages.pages(answer["receipt_id"])
    assert pictures["page/2/stopped.png"].startswith(b"\x89PNG")
    assert b"Urgency:" in pictures["page/2/stopped.aria"]


async def test_two_elements_where_one_is_meant(pages: Desk) -> None:
    pages.front.rewrite(CHANGE, "</form>", "</form><button>Save</button>")
    await stopped(pages, "more than one button")


async def test_swapped_labels_are_seen_when_read_back(pages: Desk) -> None:
    for old, new in (("2. High", "2. H_"), ("4. Low", "2. High"), ("2. H_", "4. Low")):
        pages.front.rewrite(CHANGE, old, new)
    answer = await pages.set_priority("high")
    assert answer["status"] == "diverged", answer
    assert answer["escalated_to"] == "support-oncall"
    assert pages.site.ticket()["priority"] == 4


async def test_killed_after_the_click(pages: Desk) -> None:
    async def hook(request: Request, body: bytes) -> Response | None:
        if request.method == "POST" and request.url.path == CHANGE:
            answer = await pages.front.passed(request, body)
            kill(pages)
            return answer
        return None

    pages.front.before = then(hook)
    answer = await pages.set_priority("high")
    assert answer["status"] == "confirmed", answer
    attempts = pages.world.proof(answer["receipt_id"]).receipt["attempts"]
    assert [a["delivery"] for a in attempts] == ["no_effect", "in_doubt"]
    assert pages.front.count("POST", CHANGE) == 1
    assert (await pages.set_priority("low"))["status"] == "confirmed"  # with a new browser


async def test_killed_before_the_click(pages: Desk) -> None:
    killed = []

    async def hook(request: Request, body: bytes) -> Response | None:
        if request.method == "GET" and request.url.path == CHANGE and not killed:
            killed.append(True)
            kill(pages)
        return None

    pages.front.before = then(hook)
    answer = await pages.set_priority("high")
    assert answer["status"] == "confirmed", answer
    attempts = pages.world.proof(answer["receipt_id"]).receipt["attempts"]
    assert [a["delivery"] for a in attempts] == ["no_effect", "not_sent", "answered"]
    assert pages.front.count("POST", CHANGE) == 1


@pytest.mark.parametrize("how", ["served", "redirected"])
async def test_a_deep_link_that_shows_another_record(pages: Desk, how: str) -> None:
    other = "/admin/helpdesk/ticket/2/change/"

    async def hook(request: Request, body: bytes) -> Response | None:
        if request.url.path != CHANGE:
            return None
        if how == "redirected":
            return RedirectResponse(other, 302)
        scope = {**request.scope, "path": other}
        return await pages.front.passed(Request(scope, request.receive), body)

    pages.front.before = then(hook)
    await stopped(pages, "the page shows another record")
    assert pages.site.ticket(2)["priority"] == 3


async def test_a_form_that_would_change_another_record(pages: Desk) -> None:
    """The page shows the right record, but its form leads elsewhere: the request itself is held back."""
    pages.front.rewrite(CHANGE, 'id="ticket_form"', 'id="ticket_form" action="/admin/helpdesk/ticket/2/change/"')
    answer = await stopped(pages, "sent nothing")
    attempt = pages.world.proof(answer["receipt_id"]).receipt["attempts"][1]
    assert "a POST was held back" in attempt["notes"]
    assert pages.site.ticket(2)["priority"] == 3


async def test_a_page_that_changes_under_the_hand(pages: Desk) -> None:
    """Another record slides into the page after its identity was read, before the click."""
    script = (
        "<script>addEventListener('change', () => {document.querySelector('#content > h2').textContent ="
        " '2 Printer 2 is out of toner'})</script>"
    )
    pages.front.rewrite(CHANGE, HEAD, script + HEAD)
    await stopped(pages, "the page shows another record")


async def test_the_session_ended_between_two_actions(pages: Desk) -> None:
    assert (await pages.set_priority("high"))["status"] == "confirmed"
    pages.site.sign_out()
    answer = await pages.set_priority("low")
    assert answer["status"] == "confirmed"
    assert len(pages.world.proof(answer["receipt_id"]).receipt["attempts"]) == 2
    assert pages.front.count("POST", "/login/") == 2


@pytest.mark.parametrize("code", ["no_credential", "credential_refused", "target_failed"])
async def test_pages_that_cannot_be_read_are_no_refusal(desk: Desk, code: str) -> None:
    async def broken(request: Request, body: bytes) -> Response | None:
        return Response("the database is away", 503) if code == "target_failed" else None

    desk.front.before = broken
    if code == "no_credential":
        (desk.world.workspace.private / "secrets" / "helpdesk-login").unlink()
    if code == "credential_refused":
        (desk.world.workspace.private / "secrets" / "helpdesk-login").write_text("ailyus:the-wrong-password")
    for _ in range(3):
        answer = await desk.world.call("get_helpdesk_account", {"username": "maria"})
        assert (answer["status"], answer["changed"]) == ("unavailable", False), answer
        predicate = desk.world.proof(answer["receipt_id"]).receipt
        assert predicate["unavailable"] == "helpdesk"
        if predicate["code"] != "unreachable":  # a sign-in of a busy machine may take longer than the 15 s of a look
            break
    assert predicate["code"] == code


async def test_the_session_ends_in_mid_flow(pages: Desk) -> None:
    ended = []

    async def hook(request: Request, body: bytes) -> Response | None:
        if request.method == "GET" and request.url.path == CHANGE and request.cookies.get("sessionid") and not ended:
            ended.append(True)
            answer = await pages.front.passed(request, body)
            await asyncio.to_thread(pages.site.sign_out)
            return answer
        return None

    pages.front.before = then(hook)
    answer = await pages.set_priority("high")
    assert answer["status"] == "confirmed", answer
    assert pages.front.count("POST", "/login/") == 2  # one for the first session, one new
    assert pages.site.ticket()["priority"] == 2


async def test_signed_out_again_and_again(pages: Desk) -> None:
    async def hook(request: Request, body: bytes) -> Response | None:
        if request.url.path == CHANGE:
            await asyncio.to_thread(pages.site.sign_out)
        return None

    pages.front.before = then(hook)
    await stopped(pages, "signs the account out")
    assert pages.front.count("POST", "/login/") == 2


async def test_a_second_factor_is_for_a_person(pages: Desk) -> None:
    async def hook(request: Request, body: bytes) -> Response | None:
        if request.method == "POST" and request.url.path == "/admin/login/":
            return Response("<label>Token: <input name=t></label>", media_type="text/html")
        return None

    pages.front.before = then(hook)
    await stopped(pages, "only a person can give")
    await stopped(pages, "only a person can give")
    assert pages.front.count("POST", "/login/") == 1  # and it is not tried again at once


async def test_a_wrong_password_is_not_tried_until_the_account_is_locked(pages: Desk) -> None:
    (pages.world.workspace.root / ".ailyus/secrets/helpdesk-login").write_text("ailyus:wrong-pass")
    await stopped(pages, "the sign-in failed")
    await stopped(pages, "the sign-in failed")
    assert pages.front.count("POST", "/login/") == 1


async def test_a_page_that_never_comes(tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str) -> None:
    async with short(tmp_path, sandbox, site, browser_part) as pages:

        async def hook(request: Request, body: bytes) -> Response | None:
            if request.url.path == "/static/hangs.js":
                await asyncio.sleep(30)
            return None

        pages.front.before = then(hook)
        pages.front.rewrite(CHANGE, HEAD, '<script src="/static/hangs.js"></script>' + HEAD)
        answer = await pages.set_priority("high", 1)
        assert answer["status"] == "not_applied"
        assert "does not load" in answer["summary"] or "did not settle" in answer["summary"]
        assert pages.site.ticket()["priority"] == 3


async def test_a_page_that_never_settles_is_used_all_the_same(pages: Desk) -> None:
    async def hook(request: Request, body: bytes) -> Response | None:
        if request.url.path == "/static/hangs.png":
            await asyncio.sleep(20)
        return None

    pages.front.before = then(hook)
    busy = "<script>setInterval(() => fetch('/api/tickets/1/'), 100)</script>"
    pages.front.rewrite(CHANGE, HEAD, busy + HEAD)
    pages.front.rewrite(CHANGE, "</form>", '<img src="/static/hangs.png"></form>')
    assert (await pages.set_priority("high"))["status"] == "confirmed"


async def test_an_answer_that_never_comes_is_in_doubt(
    tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str
) -> None:
    async with short(tmp_path, sandbox, site, browser_part) as pages:

        async def hook(request: Request, body: bytes) -> Response | None:
            if request.method == "POST" and request.url.path == CHANGE:
                await pages.front.passed(request, body)
                await asyncio.sleep(30)
            return None

        pages.front.before = then(hook)
        answer = await pages.set_priority("high")
        assert answer["status"] == "confirmed", answer
        attempts = pages.world.proof(answer["receipt_id"]).receipt["attempts"]
        assert attempts[1]["delivery"] == "in_doubt"
        assert pages.front.count("POST", CHANGE) == 1


async def test_what_a_page_does_on_its_own(pages: Desk) -> None:
    """Dialogs, popups, requests in the background, a question when leaving: the action is done all the same."""
    spoilt = """<script>
      alert('look here');
      addEventListener('DOMContentLoaded', () => open('/admin/'));
      addEventListener('beforeunload', e => e.preventDefault());
      fetch('/admin/helpdesk/ticket/2/delete/', {method: 'POST'});
      fetch('/api/tickets/2/', {method: 'DELETE'});
      navigator.sendBeacon('/api/tickets/', 'x');
      navigator.serviceWorker && navigator.serviceWorker.register('/static/w.js');
      try { new Worker('/static/w.js') } catch (e) { document.title = 'no worker' }
    </script>"""
    pages.front.rewrite(CHANGE, HEAD, spoilt + HEAD)
    answer = await pages.set_priority("high")
    assert answer["status"] == "confirmed", answer
    notes = pages.world.proof(answer["receipt_id"]).receipt["attempts"][1]["notes"]
    assert {"a dialog was dismissed", "a POST was held back", "a DELETE was held back"} <= set(notes)
    assert {path for method, path in pages.front.seen if method == "POST"} <= {CHANGE, "/admin/login/"}
    assert not any("w.js" in path for _, path in pages.front.seen)
    assert pages.front.count("DELETE") == 0


async def test_a_page_that_sends_twice(tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str) -> None:
    """The committed request leaves once, whatever the page's own code does with the click."""
    script = (
        "<script>addEventListener('submit', e => { for (const _ of [1, 2, 3])"
        " fetch(location.href, {method: 'POST', body: new FormData(e.target), keepalive: true}) })</script>"
    )
    async with short(tmp_path, sandbox, site, browser_part) as pages:
        pages.front.rewrite(CHANGE, HEAD, script + HEAD)
        answer = await pages.set_priority("high")
        assert pages.front.count("POST", CHANGE) == 1
        assert answer["status"] == "confirmed", answer
        assert "a POST was held back" in pages.world.proof(answer["receipt_id"]).receipt["attempts"][1]["notes"]


async def test_halted_while_the_page_is_open(pages: Desk) -> None:
    """The last question is asked when the request is about to leave, not when the browser starts."""

    async def hook(request: Request, body: bytes) -> Response | None:
        if request.method == "GET" and request.url.path == CHANGE:
            root = pages.world.workspace.root
            how = ("halt", "add", "connection", "helpdesk", "--as", "lead", "--reason", "an incident")
            await asyncio.to_thread(cli, *how, cwd=root)
        return None

    pages.front.before = then(hook)
    answer = await pages.set_priority("high")
    assert answer["status"] == "not_applied", answer
    assert pages.site.ticket()["priority"] == 3
    assert pages.front.count("POST", CHANGE) == 0


async def test_a_form_that_opens_a_popup(pages: Desk) -> None:
    """What a popup sends cannot be seen, so there is none: nothing leaves."""
    pages.front.rewrite(CHANGE, 'id="ticket_form"', 'id="ticket_form" target="_blank"')
    answer = await pages.set_priority("high")
    assert answer["status"] == "not_applied", answer
    assert pages.front.count("POST", CHANGE) == 0


async def test_a_question_that_the_flow_does_not_know(pages: Desk) -> None:
    pages.front.rewrite(CHANGE, 'id="ticket_form"', 'id="ticket_form" onsubmit="return confirm(\'Sure?\')"')
    answer = await stopped(pages, "sent nothing")
    assert "a dialog was dismissed" in pages.world.proof(answer["receipt_id"]).receipt["attempts"][1]["notes"]


async def test_a_download_is_refused(pages: Desk) -> None:
    async def hook(request: Request, body: bytes) -> Response | None:
        if request.url.path == CHANGE:
            return Response(b"MZ", headers={"content-disposition": "attachment; filename=x.exe"})
        return None

    pages.front.before = then(hook)
    await stopped(pages, "no page of this application")


async def test_the_application_says_no(pages: Desk) -> None:
    pages.front.rewrite(CHANGE, '<option value="2">2. High', '<option value="77">2. High')
    answer = await pages.set_priority("high")
    assert answer["status"] == "not_applied", answer
    attempts = pages.world.proof(answer["receipt_id"]).receipt["attempts"]
    assert [a["delivery"] for a in attempts] == ["no_effect", "declined"]


async def test_no_other_origin_is_reached(pages: Desk) -> None:
    """By image, script, frame, fetch, redirect, socket or prefetch: the wall lets none of it out."""
    came: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(200))
        writer.close()

    server = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    there = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def hook(request: Request, body: bytes) -> Response | None:
        return RedirectResponse(f"{there}/leak", 302) if request.url.path == "/static/leads.away" else None

    pages.front.before = then(hook)
    spoilt = (
        f"<img src='{there}/a'><script src='{there}/b'></script><link rel=prefetch href='{there}/c'>"
        f"<link rel=preconnect href='{there}'><iframe src='{there}/d'></iframe><img src='/static/leads.away'>"
        f"<iframe src='/static/leads.away'></iframe><script>fetch('{there}/e', {{method: 'POST', mode: 'no-cors'}});"
        f"try {{ new WebSocket('{there.replace('http', 'ws')}/f') }} catch (e) {{}}; new EventSource('{there}/g');"
        f"navigator.sendBeacon('{there}/h')</script>"
    )
    pages.front.rewrite(CHANGE, "</form>", "</form>" + spoilt)
    answer = await pages.set_priority("high")
    assert answer["status"] == "confirmed", answer
    assert came == []
    pages.front.rewrites.clear()
    pages.front.before = then(_away(there))
    answer = await pages.set_priority("low")
    assert (answer["status"], came) == ("not_applied", [])
    server.close()


def _away(there: str) -> Before:
    async def hook(request: Request, body: bytes) -> Response | None:
        return RedirectResponse(f"{there}/page", 302) if request.url.path == CHANGE else None

    return hook


@asynccontextmanager
async def short(tmp_path: Path, sandbox: Sandbox, site: Site, part: str) -> AsyncIterator[Desk]:
    """With 6 seconds for a flow, signed in and warm: for what waits until they are over."""
    async with desk_of(tmp_path / "short", sandbox, site, seconds=6, part=part) as desk:
        await desk.world.call("get_helpdesk_account", {"username": "maria"})
        desk.front.before = only_pages
        yield desk
