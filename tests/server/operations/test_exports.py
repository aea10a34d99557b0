"""The exports of a gateway: its settings, its commands, what it says of them, and what leaves over HTTP."""

from pathlib import Path

import orjson
import pytest

from contracts.errors import AilyusError
from server.admin.export_health import export_findings
from server.admin.health.export_check import export_check
from server.observability import metric_catalog as catalog
from server.workspace.settings.export import ExportPart
from server.workspace.settings.file import read_settings
from server.workspace.workspace import Workspace
from tests.server.operations.listener import Listener, listening
from tests.until import until
from tests.world import MARIA, Sandbox, World, ailyus, gateway, make_workspace

SETTINGS = """
[export.siem]
url = "http://127.0.0.1:{port}/siem"
format = "ocsf"
token = "file:.ailyus/secrets/siem"
tenant = "acme"
interval = "20ms"
escalate = "siem-people"
[export.kept]
file = "out/kept.jsonl"
begin = "first"
interval = "20ms"
[escalations.siem-people]
webhook = "http://127.0.0.1:{port}/people"
"""


def lines(listener: Listener) -> list[dict[str, object]]:
    bodies = [body for path, _, body in listener.seen if path == "/siem"]
    return [orjson.loads(line) for body in bodies for line in body.splitlines()]


def workspace_at(folder: Path, sandbox: Sandbox, port: int) -> Workspace:
    workspace = make_workspace(folder, sandbox, extra=SETTINGS.format(port=port))
    (workspace.root / ".ailyus" / "secrets" / "siem").write_text("siem-secret-1\n")
    return workspace


async def test_what_agents_do_is_in_the_siem_and_in_the_file(tmp_path: Path, sandbox: Sandbox) -> None:
    async with listening() as listener:
        workspace = workspace_at(tmp_path / "w", sandbox, listener.port)
        async with gateway(workspace, sandbox) as world:
            answer = await world.reset(MARIA)
            await until(lambda: any(one["metadata"]["uid"] == answer["receipt_id"] for one in lines(listener)))  # type: ignore[index]
            kept = workspace.root / "out" / "kept.jsonl"
            await until(lambda: kept.exists() and answer["receipt_id"] in _payloads(kept))
            _, headers, body = next(one for one in listener.seen if one[0] == "/siem")
            assert headers["authorization"] == "Bearer siem-secret-1"
            assert all(one["metadata"]["tenant_uid"] == "acme" for one in lines(listener))  # type: ignore[index]
            assert b"maria" not in body.lower()
            await _lists_tests_and_resumes(world, listener)


async def _lists_tests_and_resumes(world: World, listener: Listener) -> None:
    listed = orjson.loads(await ailyus(world, "export", "list", "--format", "json"))
    assert [(one["export"], one["state"], one["format"]) for one in listed] == [
        ("siem", "going", "ocsf"),
        ("kept", "going", "statements"),
    ]
    assert "was taken" in await ailyus(world, "export", "test", "siem")
    assert "there is no export `sim`" in await ailyus(world, "export", "test", "sim", ok=False)
    assert "is not stopped" in await ailyus(world, "export", "resume", "kept", "--as", "lead", ok=False)
    listener.status = 400
    await world.call("get_user", {"user_id": MARIA["user_id"]})
    exports = world.app.exports
    await until(lambda: exports.standings["siem"].stopped and any(path == "/people" for path, _, _ in listener.seen))
    assert "stopped  it answered 400 to the statements at leaves" in await ailyus(world, "export", "list", ok=False)
    (told,) = [orjson.loads(body) for path, _, body in listener.seen if path == "/people"]
    assert (told["event"], told["export"], told["status"]) == ("export", "siem", "stopped")
    assert (await export_check(exports).look()).says == "1 of 2 exports are stopped: see `ailyus export list`"
    finding = next(one for one in export_findings(world.workspace) if one.layer == "export siem")
    assert (finding.ok, finding.next) == (False, "ailyus export resume siem --as PERSON")
    listener.status = 204
    assert "siem goes on" in await ailyus(world, "export", "resume", "siem", "--as", "lead")
    await until(lambda: not exports.standings["siem"].behind and not exports.standings["siem"].stopped)


def _payloads(path: Path) -> str:
    from receipts.log.signing import Envelope

    found = [orjson.dumps(orjson.loads(line)["envelope"]) for line in path.read_bytes().splitlines()]
    return "\n".join(Envelope.decode(one).payload.decode() for one in found)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ('url = "https://a.example"\nfile = "b"', "an export goes to a `url` or to a `file`"),
        ("", "an export goes to a `url` or to a `file`"),
        ('file = "b"\ntoken = "env:A"', "a file takes no `token`"),
        ('url = "http://a.example"', "would send credentials in clear"),
        ('url = "https://a.example"\ntoken = "secret"', "it does not refer to a secret"),
        ('file = "b"\nformat = "cef"', "format"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, part: str, says: str) -> None:
    (tmp_path / "ailyus.toml").write_text(f'origin = "a"\nroles = ["R"]\n[export.siem]\n{part}\n')
    with pytest.raises(AilyusError, match=says):
        read_settings(tmp_path)


async def test_an_escalation_that_is_not_there_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra='\n[export.a]\nfile = "b"\nescalate = "nobody"\n')
    with pytest.raises(AilyusError, match="there is no escalation `nobody`"):
        async with gateway(workspace, sandbox):
            pass


def test_every_default_is_one_that_a_reader_expects() -> None:
    part = ExportPart(url="https://a.example")
    assert (part.format, part.begin, part.header, part.scheme) == ("statements", "now", "authorization", "Bearer")
    assert catalog.EXPORT_STOPPED.series == "ailyus_export_stopped"
