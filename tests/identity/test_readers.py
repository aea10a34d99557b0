"""Who reads receipts, who reads evidence, and who decides: people at the console, programs at the HTTP API."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import orjson
import pytest
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from contracts.errors import AilyusError
from policies.principal import keyid_of
from policies.signed_resolution import Resolution, sign_resolution
from receipts.audit.bundle import bundled
from receipts.log.signing import load_key
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.console.visitor import visitor
from tests.log_lines import heard
from tests.web import web
from tests.world import LEO, Sandbox, World, gateway, make_workspace

PEOPLE = """
[[people]]
name = "nora"
tenant = "acme"
roles = ["Analyst"]

[[people]]
name = "outsider"
tenant = "globex"
roles = ["Auditor"]
"""


@pytest.fixture
async def audited(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A gateway whose lead is an auditor by now, and where nora is an analyst."""
    workspace = make_workspace(tmp_path / "w", sandbox, extra=PEOPLE)
    path = workspace.root / FILE
    text = path.read_text().replace(
        '"SecurityLead"]\nenvironments', '"SecurityLead", "Auditor", "Analyst"]\nenvironments'
    )
    before = 'name = "lead"\ntenant = "acme"\nroles = ["SecurityLead"]'
    assert before in text
    path.write_text(text.replace(before, before.replace("]", ', "Auditor"]')))
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        yield world


async def test_an_auditor_reads_everything_and_decides_nothing(audited: World) -> None:
    read = await audited.call("find_user", {"email": "leo@example.com"})
    action, receipt = read["action_id"], read["receipt_id"]
    waiting = (await audited.call("reset_user_mfa", LEO))["action_id"]
    async with visitor(audited, "lead") as lead:
        for path in ("/receipts", f"/receipts/{receipt}", f"/actions/{action}", f"/actions/{action}/changes"):
            await lead.get(path)
        assert (await lead.json(f"/actions/{action}.json"))["params"] == [["email", "leo@example.com"]]
        await lead.get(f"/receipts/{receipt}/proof")
        await lead.get(f"/approvals/{waiting}")
        # every form decides something, but for what is one's own
        form = await lead.form("/connections", "/halts", scope="all")
        refused = await lead.post("/halts", {**form, "reason": "x"})
        assert (refused.status_code, "you may look, and decide nothing" in refused.text) == (403, True)
        assert (await lead.post(f"/approvals/{waiting}/decide", {})).status_code == 403
        assert (await lead.submit("/", "/sign-out")).status_code == 303
    assert audited.app.journal.controls.halts == ()
    with pytest.raises(AilyusError) as wrong:
        await audited.approve(waiting)
    assert wrong.value.code == "wrong_role"
    with pytest.raises(AilyusError, match="decide nothing"):
        await audited.app.resolutions.resolve(word(audited, action))


def word(world: World, action: str) -> object:
    """The lead's signed word about an action."""
    said = Resolution(
        purpose="ailyus-resolution-v1",
        origin=world.app.runner.release.origin,
        action_id=action,
        asserted="applied",
        comment="seen",
        person="lead",
        at_ms=int(time.time() * 1000),
    )
    key = load_key(world.workspace.key_file("lead"))
    return sign_resolution(said, key, keyid_of(key.public_key().public_bytes_raw()))


async def test_an_analyst_reads_no_evidence(audited: World) -> None:
    read = await audited.call("find_user", {"email": "leo@example.com"})
    action, receipt = read["action_id"], read["receipt_id"]
    waiting = (await audited.call("reset_user_mfa", LEO))["action_id"]
    async with visitor(audited, "nora") as nora:
        for path in ("/receipts", f"/receipts/{receipt}", f"/actions/{action}", "/inbox", "/questions/denied"):
            await nora.get(path)
        shown = await nora.json(f"/actions/{action}.json")
        assert (shown["params"], shown["told"], shown["reason"]) == ([], [], "")
        assert (await nora.json("/inbox.json"))["cards"] == []
        for path in (
            f"/receipts/{receipt}/proof",
            f"/receipts/{receipt}/verify",
            f"/actions/{action}/changes",
            f"/evidence/{receipt}/params",
            f"/questions/approved-by?receipt={receipt}",
            f"/approvals/{waiting}",
        ):
            assert "policies/receipts.cedar" in await nora.get(path, 403), path
        asked = await nora.json(f"/questions/policies.json?receipt={receipt}")
        assert (asked["answer"], asked["fault"]["sentence"]) == (None, "you may not read evidence")


@dataclass
class Program:
    """A program with an agent's token. Each answer is held against the gateway's own description."""

    client: httpx2.AsyncClient
    spec: OpenAPI
    token: str

    async def get_plain(self, path: str, status: int) -> Any:
        """An answer that no description has a path or a query for."""
        answer = await self.client.get(path, headers={"authorization": f"Bearer {self.token}"} if self.token else {})
        assert answer.status_code == status, (path, answer.text)
        return answer

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.get_plain(path, status)
        where, _, query = path.partition("?")
        request = MockRequest(str(self.client.base_url).rstrip("/"), "get", where, args=dict(parse_qsl(query)))
        response = MockResponse(answer.content, status, dict(answer.headers), "application/json")
        self.spec.validate_response(request, response)
        return answer.json()


@asynccontextmanager
async def programs(world: World) -> AsyncIterator[Callable[..., Awaitable[Program]]]:
    origin = world.app.console.origin
    async with web(base_url=origin, timeout=60.0) as client:
        said = (await client.get("/api/openapi.json")).json()
        spec = OpenAPI.from_dict(said)

        async def made(name: str, tenant: str, owner: str, *roles: str) -> Program:
            agents = world.app.agents
            return Program(client, spec, await agents.add(name, tenant, owner, None, frozenset(roles), True))

        yield made


async def test_programs_read_their_tenants_receipts_and_nothing_else(audited: World) -> None:
    read = await audited.call("find_user", {"email": "leo@example.com"})
    action, receipt = read["action_id"], read["receipt_id"]
    async with programs(audited) as made:
        siem = await made("siem", "acme", "lead", "Auditor")
        found = await siem.get("/api/receipts?kind=outcome&contract=find_user&since=1h")
        assert [one["receipt"] for one in found["receipts"]] == [receipt]
        # pages, one by one, find what one page finds
        every = [one["log_index"] for one in (await siem.get("/api/receipts"))["receipts"]]
        paged: list[int] = []
        page = await siem.get("/api/receipts?limit=1")
        while True:
            paged += [one["log_index"] for one in page["receipts"]]
            if page["older"] is None:
                break
            page = await siem.get(f"/api/receipts?limit=1&before={page['older']}")
        assert paged == every
        assert len(paged) > 1
        one = await siem.get(f"/api/receipts/{receipt}")
        assert one["statement"]["predicate"]["receipt"] == receipt
        assert (await siem.get(f"/api/actions/{action}"))["inputs"] == {"email": "leo@example.com"}
        bundle = await siem.get(f"/api/receipts/{receipt}/bundle")
        assert bundled(orjson.dumps(bundle)) is not None
        last = audited.rows("SELECT kind FROM statements ORDER BY leaf_index DESC LIMIT 1")
        assert last == [("access",)]
        # no evidence for an analyst, and the list for whoever is none of both is closed
        analyst = await made("triage", "acme", "nora", "Analyst")
        assert (await analyst.get(f"/api/actions/{action}"))["inputs"] is None
        await analyst.get(f"/api/receipts/{receipt}/bundle", 403)
        await attempts(made, audited, siem, action, receipt)


async def attempts(
    made: Callable[..., Awaitable[Program]], world: World, siem: Program, action: str, receipt: str
) -> None:
    """Forty and more attempts at what is not theirs, and at what is no question."""
    own = (f"/api/receipts/{receipt}", f"/api/receipts/{receipt}/bundle", f"/api/actions/{action}")
    none = ("/api/receipts/rcp_none", "/api/receipts/rcp_none/bundle", "/api/actions/act_none")
    refused = 0
    with heard() as lines:
        # another tenant's ids are answered as ids that nobody ever had
        outside = await made("outside", "globex", "outsider", "Auditor")
        for there, nowhere in zip(own, none, strict=True):
            assert await outside.get(there, 404) == await outside.get(nowhere, 404)
            refused += 2
        for query in (
            f"action={action}",
            "agent=support-bot",
            "words=leo",
            "record=leo@example.com",
            "person=requester",
        ):
            assert (await outside.get(f"/api/receipts?{query}"))["receipts"] == []
        # agents without a role of readers: the one that acts, and a new one
        plain = await made("plain", "acme", "lead")
        for program in (plain, replace(siem, token=world.token)):
            for path in ("/api/receipts", *own, *none, "/api/nothing"):
                await program.get_plain(path, 403)
                refused += 1
        # no token, half of one, one more letter, and the token of a revoked agent
        await world.app.agents.change("plain", revoke=True)
        for token in ("", siem.token[:-1], siem.token + "x", plain.token):
            for path in ("/api/receipts", *own):
                await replace(siem, token=token).get(path, 401)
                refused += 1
        for query in ("limit=x", "before=-1", "before=1&after=2", "since=never", "tenant=globex", "status=a&status=b"):
            await siem.get_plain(f"/api/receipts?{query}", 400)
            refused += 1
        other = await siem.client.post("/api/receipts", headers={"authorization": f"Bearer {siem.token}"})
        assert other.status_code == 405
        elsewhere = await siem.client.get("/api/receipts", headers={"host": "evil.example"})
        assert elsewhere.status_code == 421
    assert refused >= 40
    assert sum(line["event"] == "api_refused" for line in lines) == refused
