"""Signing in: sessions in session storage, accounts that no page shows, and sign-ins that fail."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contracts.compiler.catalog import Complaints, load_catalog
from tests.helpdesk.desk import Desk, Site, desk_of
from tests.helpdesk.pages import CHANGE, HEAD, only_pages, stopped, then
from tests.world import ROOT, Sandbox

SHOWN = "account: {role: strong, within: {role: banner}}"
LOGIN = "helpdesk/flow_login.yaml"


def changed(old: str, new: str) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        path = folder / "contracts" / LOGIN
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return prepare


@pytest.mark.parametrize("kept", [True, False])
async def test_a_session_in_session_storage(
    tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str, kept: bool
) -> None:
    """The application puts a token there when it signs in, and asks for a sign-in on every page without it."""
    prepare = changed("kind: login\n", "kind: login\nsession_storage: true\n") if kept else changed(SHOWN, SHOWN)
    async with desk_of(tmp_path / "w", sandbox, site, prepare, part=browser_part) as pages:
        pages.front.before = only_pages
        pages.front.rewrite("/admin/", HEAD, "<script>sessionStorage.setItem('token', 'of-one-tab')</script>" + HEAD)
        guard = "<script>if (!sessionStorage.getItem('token')) location.replace('/admin/login/')</script>"
        pages.front.rewrite(CHANGE, HEAD, guard + HEAD)
        if kept:
            answer = await pages.set_priority("high")
            assert answer["status"] == "confirmed", answer
            assert pages.front.count("POST", "/login/") == 1
        else:
            await stopped(pages, "")


def telling(body: Any) -> Any:
    async def hook(request: Request, _: bytes) -> Response | None:
        if request.url.path != "/api/me":
            return None
        return JSONResponse(body, 200 if request.cookies.get("sessionid") else 401)

    return then(hook)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"user": {"name": "ailyus"}}, ""),
        ({"user": {"name": "somebody"}}, "another account"),
        ({"user": "ailyus"}, "does not say who is signed in"),
        ({"user": {"name": 7}}, "does not say who is signed in"),
    ],
)
async def test_an_account_that_no_page_shows(
    tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str, body: Any, words: str
) -> None:
    prepare = changed(SHOWN, "account_from: {get: /api/me, field: user.name}")
    async with desk_of(tmp_path / "w", sandbox, site, prepare, part=browser_part) as pages:
        pages.front.before = telling(body)
        if words:
            await stopped(pages, words)
        else:
            answer = await pages.set_priority("high")
            assert answer["status"] == "confirmed", answer


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("", "a login needs `account` or `account_from`"),
        (f"{SHOWN}\naccount_from: {{get: /api/me, field: name}}", "a login needs `account` or `account_from`"),
        ("account_from: {get: /api/me, field: 'a..b'}", "account_from.field"),
    ],
)
def test_a_login_says_once_who_is_signed_in(tmp_path: Path, new: str, words: str) -> None:
    import shutil

    shutil.copytree(ROOT / "contracts" / "library" / "helpdesk", tmp_path / "contracts" / "helpdesk")
    changed(SHOWN, new)(tmp_path)
    with pytest.raises(Complaints) as refused:
        load_catalog(tmp_path / "contracts")
    assert words in str(refused.value)


@pytest.mark.parametrize("echoed", [False, True])
async def test_a_sign_in_that_fails_names_its_step_and_keeps_a_picture(desk: Desk, echoed: bool) -> None:
    """Where the page shows what was typed, there is no picture."""

    async def hook(request: Request, body: bytes) -> Response | None:
        if echoed and request.method == "POST" and request.url.path == "/admin/login/":
            return Response("<p>wrong-pass is not your password</p>", media_type="text/html")
        return None

    root = desk.world.workspace.root
    await asyncio.to_thread((root / ".ailyus/secrets/helpdesk-login").write_text, "ailyus:wrong-pass")
    desk.front.before = then(hook)
    answer = await stopped(desk, "the sign-in failed (step 4: there is no button)")
    picture = root / ".ailyus" / "sign-in" / "helpdesk.png"
    if echoed:
        assert not picture.exists()
        return
    assert ".ailyus/sign-in/helpdesk.png" in answer["summary"]
    assert (await asyncio.to_thread(picture.read_bytes)).startswith(b"\x89PNG")
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
