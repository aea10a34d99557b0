"""A release is applied at one of two gateways over one database: both work under it at once, and what was out ends."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.errors import AilyusError
from policies.signed_release import document_of, sign_release
from receipts.log.signing import create_key, load_key
from receipts.statement import releases
from server.actions import runner
from server.operations import activation
from server.workspace.free_port import free_port
from server.workspace.release_acceptance import Acceptance, accept
from server.workspace.release_files import sources_of
from server.workspace.release_package import ReleasePackage, candidate_of
from server.workspace.release_statement import release_evidence, release_facts
from server.workspace.releases import now_ms
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.postgres import Postgres
from tests.replicas.database import with_database
from tests.replicas.pair import Pair, pair_of
from tests.until import until
from tests.world import Sandbox, World, add_records, ailyus, app_serving

STOP = '@id("no-events") forbid (principal, action == Action::"add_event", resource);\n'
PERMIT = '@id("more-{}") permit (principal in Role::"Support", action == Action::"add_event", resource);\n'


@dataclass
class Target:
    """A store of records whose writes can be held until somebody lets them go on."""

    port: int
    values: dict[str, str] = field(default_factory=lambda: {"r1": "old", "r2": "old"})
    free: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def record(self, request: Request) -> Response:
        name = request.path_params["record"]
        if request.method == "PUT":
            self.arrived.set()
            await self.free.wait()
            self.values[name] = (await request.json())["value"]
        value = self.values[name]
        return JSONResponse({"id": name, "value": value, "version": value, "events": []})


@asynccontextmanager
async def target() -> AsyncIterator[Target]:
    made = Target(free_port())
    app = Starlette(routes=[Route("/acme/records/records/{record}", made.record, methods=["GET", "PUT"])])
    async with app_serving(app, made.port):
        yield made


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> str:
    return postgres.database(re.sub(r"\W", "_", request.node.name)[-60:])


@pytest.fixture
async def pair(tmp_path: Path, sandbox: Sandbox, database: str) -> AsyncIterator[Pair]:
    async with pair_of(with_database(add_records(tmp_path / "w", sandbox), database), sandbox) as two:
        yield two


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


async def said(world: World, *arguments: str, ok: bool = True) -> Any:
    """What a command prints as JSON; behind it stands what it tells people."""
    text = await ailyus(world, *arguments, "--format", "json", ok=ok)
    return json.JSONDecoder().raw_decode(text)[0]


def served(world: World) -> str:
    return world.app.runner.release.digest


def release_of(world: World, receipt: str) -> str:
    """The release that a receipt names."""
    (row,) = world.rows("SELECT envelope FROM statements WHERE id = ?", receipt)
    return str(orjson.loads(base64.b64decode(orjson.loads(row[0])["payload"]))["predicate"]["release"])


async def test_a_contract_a_policy_and_a_connection_are_applied_at_both(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    workspace = with_database(add_records(tmp_path / "w", sandbox), database)
    async with target() as first, target() as second:
        second.free.set()
        edit(workspace.root, FILE, f":{sandbox.port}/acme/records", f":{first.port}/acme/records")
        settings = workspace.root / FILE
        head, records = settings.read_text().split("[connections.records]")
        settings.write_text(f"{head}[connections.records]{records.replace('max_timeout', '# max_timeout', 1)}")
        contract = "contracts/records/set_value.yaml"
        edit(workspace.root, contract, 'if_match: "${before.record.version}"', "timeout: 60s")
        async with pair_of(Workspace.open(workspace.root), sandbox) as pair:
            await changed_at_both(pair, first, second)


async def changed_at_both(pair: Pair, first: Target, second: Target) -> None:
    a, b, former = pair.a, pair.b, served(pair.a)
    root = a.workspace.root
    out = asyncio.create_task(b.call("set_value", {"record": "r1", "value": "x"}))
    await first.arrived.wait()
    edit(root, "contracts/records/set_value.yaml", "version: 1", "version: 2")
    edit(root, "contracts/records/set_value.yaml", "within: 300ms", "within: 400ms")
    (root / "policies" / "no-events.cedar").write_text(STOP)
    edit(root, FILE, f":{first.port}/acme/records", f":{second.port}/acme/records")
    found = await said(a, "release", "diff", ok=False)
    assert {(c["noun"], c["name"], c["event"], c["risk"], c["widens"]) for c in found["changes"]} == {
        ("contract", "set_value", "changed", "low", "maybe"),
        ("policy", "no-events", "added", "low", "no"),
        ("connection", "records", "changed", "low", "maybe"),
    }
    assert "lead is live" in await ailyus(a, "release", "apply", "--as", "lead", "--reason", "a move")
    assert served(a) == found["candidate"] != former
    await until(lambda: served(b) == served(a))
    # the other one's files are the old ones still
    assert not (b.workspace.root / "policies" / "no-events.cedar").exists()
    moved = await b.call("set_value", {"record": "r2", "value": "y"})
    assert (moved["status"], second.values["r2"], first.values["r2"]) == ("confirmed", "y", "old"), moved
    assert (await b.call("add_event", {"record": "r2", "name": "paid"}))["status"] == "denied"
    # what was out ends where it began: at its target, read back there, under the release that decided it
    first.free.set()
    ended = await out
    assert (ended["status"], first.values["r1"], second.values["r1"]) == ("confirmed", "x", "old"), ended
    assert release_of(b, ended["receipt_id"]) == former
    assert release_of(b, moved["receipt_id"]) == served(a)
    assert "nothing changes" in await ailyus(a, "release", "diff")


async def test_nonsense_changes_nothing_and_one_command_takes_a_release_back(pair: Pair) -> None:
    a, b, former = pair.a, pair.b, served(pair.a)
    policy = a.workspace.root / "policies" / "no-events.cedar"
    policy.write_text(STOP)
    await ailyus(a, "release", "apply", "--as", "lead", "--reason", "no events today")
    await until(lambda: served(b) == served(a) != former)
    applied = served(a)
    policy.write_text("permit (")
    for command in (("diff",), ("check",), ("apply", "--as", "lead")):
        assert "does not parse" in await ailyus(a, "release", *command, ok=False)
    assert not await a.app.releases.reload()
    assert (served(a), served(b)) == (applied, applied)
    told = await ailyus(a, "doctor", ok=False)
    assert "FAIL release: " in told
    assert "FAIL candidate: refused at " in told
    assert "the former release stays live" in told
    await until(lambda: "a candidate was refused (bad_policy)" in a.app.health.ready().model_dump_json())
    assert a.app.health.ready().ok
    assert "the files on disk are not changed" in await ailyus(a, "release", "rollback", "--as", "lead")
    assert served(a) == former
    await until(lambda: served(b) == former)
    assert policy.read_text() == "permit ("
    assert (await b.call("add_event", {"record": "r1", "name": "paid"}))["status"] == "confirmed"
    history = await said(a, "release", "history")
    assert [(one["release"], one["author"], one["signed"]) for one in history] == [
        (former, "lead", True),
        (applied, "lead", True),
        (former, None, False),
    ]
    assert [one["reason"] for one in history] == [f"back to release {former[:12]}", "no events today", ""]
    changes = [[(c["name"], c["event"]) for c in one["changes"] or ()] for one in history]
    assert changes == [[("no-events", "removed")], [("no-events", "added")], []]


async def test_limits_of_a_connection_reach_the_other_although_the_digest_is_the_same(pair: Pair) -> None:
    a, b, former = pair.a, pair.b, served(pair.a)
    edit(a.workspace.root, FILE, "direct = true\n", "direct = true\nper_minute = 7\n")
    assert "per_minute 0 → 7" in await ailyus(a, "release", "diff", ok=False)
    await ailyus(a, "release", "apply", "--as", "lead")
    await until(lambda: b.app.runner.release.targets["records"].per_minute == 7)
    assert served(a) == served(b) == former


async def test_no_call_fails_because_something_is_released(pair: Pair) -> None:
    a, b = pair.a, pair.b
    path = a.workspace.root / "policies" / "other.cedar"
    answers: list[dict[str, Any]] = []

    async def ask(world: World, record: str) -> None:
        for number in range(12):
            answers.append(await world.call("add_event", {"record": record, "name": "x" * (number + 1)}))

    async def release() -> None:
        for number in range(3):
            path.write_text(PERMIT.format(number))
            await a.app.releases.replace(await asyncio.to_thread(a.workspace.release))
            await until(lambda: served(b) == served(a))

    await asyncio.gather(ask(a, "r1"), ask(b, "r1"), release())
    assert [a for a in answers if a["status"] != "confirmed"] == []
    assert len(answers) == 24


async def test_a_call_waits_for_nothing_but_the_live_release(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CATCH_UP", 0.1)
    pair.a.app.releases._signed_only = True  # it takes nothing that nobody signed
    (pair.b.workspace.root / "policies" / "no-events.cedar").write_text(STOP)
    await pair.b.app.releases.replace(await asyncio.to_thread(pair.b.workspace.release))
    await until(lambda: pair.a.app.releases.behind is not None)
    refused = await pair.a.call("add_event", {"record": "r1", "name": "paid"})
    assert (refused["status"], refused["error"]["code"]) == ("invalid", "release_changed")
    assert "another replica has released" in refused["summary"]
    assert "FAIL replica: refused at" in await ailyus(pair.a, "doctor", ok=False)
    assert pair.a.sandbox.effects() == 0


@pytest.mark.parametrize("forged", ["signature", "nobody"])
async def test_a_release_whose_author_did_not_sign_it_is_not_taken(pair: Pair, tmp_path: Path, forged: str) -> None:
    """Whoever has the log's key and the database alone."""
    a, b, former = pair.a, pair.b, served(pair.b)
    (a.workspace.root / "policies" / "no-events.cedar").write_text(STOP)
    release = await asyncio.to_thread(a.workspace.release, "lead")
    key = create_key(tmp_path / "forged.pem")
    word = sign_release(document_of(release, "lead", "", now_ms()), key)
    if forged == "signature":
        known = next(k for k in (await a.app.journal.registry.keys()).values() if k.person == "lead")
        word = word.model_copy(update={"public": known.public.hex()})
    evidence = release_evidence(release, sources_of(a.workspace.root), word)
    facts, journal = release_facts(release, {}, word), a.app.journal
    search = (releases.MARK, release.digest)
    sealed = journal.notary.sign_gateway_statement(facts, "rcp_x", "", {"release": release.digest}, 1, evidence, search)
    await journal.registry.activate(release.digest, ["acme"], [], sealed)
    await until(lambda: b.app.releases.behind is not None)
    assert b.app.releases.behind is not None
    assert b.app.releases.behind.code == {"signature": "bad_signature", "nobody": "unlinked_key"}[forged]
    assert served(b) == former


async def test_of_two_releases_at_once_the_older_signature_does_not_end_as_the_live_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are accepted before either is live; the one that was signed earlier commits last."""
    a, b = pair.a, pair.b
    older, newer = signed(a, STOP), signed(a, STOP.replace("add_event", "set_value"))
    accepted: list[Acceptance] = []

    async def overtaken(*arguments: Any) -> Acceptance:
        found = await accept(*arguments)
        accepted.append(found)
        if len(accepted) == 1:
            await b.app.releases.apply(newer)
        return found

    monkeypatch.setattr(activation, "accept", overtaken)
    with pytest.raises(AilyusError, match="something newer was released"):
        await a.app.releases.apply(older)
    await until(lambda: served(a) == served(b))
    assert (await a.call("set_value", {"record": "r1", "value": "x"}))["status"] == "denied"
    assert (await a.call("add_event", {"record": "r1", "name": "paid"}))["status"] == "confirmed"


def signed(world: World, policy: str) -> ReleasePackage:
    """The files with this policy, signed by a lead."""
    workspace = world.workspace
    (workspace.root / "policies" / "no-events.cedar").write_text(policy)
    release, package = candidate_of(workspace)
    word = sign_release(document_of(release, "lead", "", now_ms()), load_key(workspace.key_file("lead")))
    return package.model_copy(update={"signed": word})
