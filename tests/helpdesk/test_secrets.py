"""A secret that is typed into a page is in no picture, snapshot, log, receipt or file."""

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.helpdesk.desk import Desk, Site, desk_of
from tests.leaks import places
from tests.world import ROOT, Sandbox

PLAN = {
    "title": "A new password for the mailer",
    "reason": "the old password is due for rotation",
    "on_failure": "stop",
    "steps": [
        {"id": "issue", "contract": "issue_password", "inputs": {"account_name": "slack-alerts"}},
        {
            "id": "set",
            "contract": "set_helpdesk_password",
            "inputs": {"username": "mailer", "password": "${steps.issue.outputs.api_key}"},
        },
    ],
}
PASSWORD = "/password/"


@pytest.fixture
async def vault(tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str) -> AsyncIterator[Desk]:
    """A helpdesk beside an issuer whose secrets may become passwords of the helpdesk."""
    prepare = may_become_a_password
    async with desk_of(tmp_path / "w", sandbox, site, part=browser_part, prepare=prepare, seconds=6) as desk:
        yield desk


def may_become_a_password(folder: Path) -> None:
    text = (ROOT / "contracts/library/apikeys/create_api_key.yaml").read_text()
    text = text.replace("contract: create_api_key", "contract: issue_password")
    text = text.replace("update_integration_credential.credential", "set_helpdesk_password.password")
    (folder / "contracts/apikeys/issue_password.yaml").write_text(text)


def secrets_of(desk: Desk) -> list[str]:
    import httpx2

    url = f"http://127.0.0.1:{desk.world.sandbox.port}/_sandbox/secrets"
    return [str(s) for s in httpx2.get(url, trust_env=False, verify=False).json()]


async def test_a_password_is_set_and_nobody_has_seen_it(
    vault: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", "pw:api,pw:protocol")  # it would make the driver print what is typed
    caplog.set_level(logging.DEBUG)
    known = set(secrets_of(vault))
    said: list[Any] = [await vault.world.approved("run_plan", PLAN)]
    assert said[0]["status"] == "confirmed", said[0]
    printed, logged = capfd.readouterr(), caplog.text
    (secret,) = set(secrets_of(vault)) - known
    assert secret not in logged + printed.out + printed.err
    assert vault.site.accepts("mailer", secret)
    assert not vault.site.accepts("mailer", "mailer-pass-1")
    for step in vault.world.rows("SELECT id FROM statements WHERE kind = 'outcome'"):
        said.append(str(vault.world.proof(str(step[0])).receipt))
    assert places(vault.world, secret, said) == []
    assert vault.world.rows("SELECT count(*) FROM evidence WHERE label LIKE 'page/%'") == [(0,)]
    assert os.environ["DEBUG"]


@pytest.mark.parametrize("how", ["echoed", "stopped"])
async def test_also_when_the_page_misbehaves(vault: Desk, caplog: pytest.LogCaptureFixture, how: str) -> None:
    """The application shows the password, or the page changes after it was typed."""
    caplog.set_level(logging.DEBUG)
    typed: list[bytes] = []

    async def hook(request: Request, body: bytes) -> Response | None:
        if request.method != "POST" or PASSWORD not in request.url.path:
            return None
        typed.append(body)
        if how == "echoed":
            return Response(b"<main><h1>Saved: " + body + b"</h1></main>", media_type="text/html")
        return Response(status_code=502)

    vault.front.before = hook
    if how == "stopped":
        vault.front.rewrite(r"/admin/auth/user/\d+/password/", 'value="Change password"', 'value="Do it"')
    known = set(secrets_of(vault))
    answer = await vault.world.approved("run_plan", PLAN)
    assert answer["status"] in ("partial", "unknown"), answer
    logged = caplog.text
    (secret,) = set(secrets_of(vault)) - known
    assert places(vault.world, secret, [answer]) == []
    assert vault.world.rows("SELECT count(*) FROM evidence WHERE label LIKE 'page/%'") == [(0,)]
    assert secret not in logged
    assert bool(typed) is (how != "stopped")


async def test_the_login_is_in_no_record(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await desk.world.approved(
        "deactivate_helpdesk_account", {"username": "maria", "reason": "she left the company last week"}
    )
    assert answer["status"] == "confirmed"
    found = [place for place in places(desk.world, "ailyus-pass-1", [answer]) if ".ailyus/secrets/" not in place]
    assert found == []
    assert "ailyus-pass-1" not in caplog.text
    cookies = [
        c["value"] for s in desk.world.app.adapters.sessions._known.values() if s.state for c in s.state["cookies"]
    ]
    assert cookies
    for cookie in cookies:
        assert places(desk.world, cookie, [answer]) == []
