"""`ailyus demo`: a locked-out user, a key rotation, broken syncs; a real MCP client over HTTP, twins with faults."""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import orjson
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import JsonValue

from adapters.tls import nobody
from contracts.errors import AilyusError
from policies.approval import sign_binding
from policies.approval_document import render, visible
from policies.principal import keyid_of
from receipts.action.action_result import ActionResult
from receipts.audit.proof import write_proof
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from receipts.log.signing import Envelope, load_key
from receipts.statement import entries
from server.admin.client import find_owner
from server.app import App, running, start_sandbox
from server.cli.output import Format
from server.cli.seed import SEEDED, seed_agent
from server.workspace.stores import reading
from server.workspace.templates import init_sandbox
from server.workspace.workspace import FILE, Workspace

Predicate = Mapping[str, JsonValue]
_PREFIX = "ailyus-demo-"
_STARTING_SECONDS = 120.0
MARIA = {"user_id": "00u1maria0001", "ticket": "4711", "reason": "Maria's phone was stolen, see the ticket."}
ROTATION = "rotate_api_key_and_update_slack"
ROTATE: dict[str, JsonValue] = {
    "account_name": "slack-alerts",
    "integration_name": "alerts",
    "reason": "The key is due for its rotation.",
}
WHY: dict[str, JsonValue] = {"reason": "The nightly sync failed, see the alert."}
ADA = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "Ada has a new phone, see the ticket."}
LEO = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "Leo has a new phone, see the ticket."}


@dataclass(slots=True)
class Scene:
    """One part of the story: what was asked, the status that came, and whether it is the expected one."""

    title: str
    status: str
    expected: str
    steps: list[dict[str, JsonValue]] = field(default_factory=list)
    answer: ActionResult | None = None


class Demo:
    """Plays the story on one running gateway."""

    def __init__(
        self, app: App, client: Client, control: httpx2.AsyncClient, format_: Format, interactive: bool
    ) -> None:
        self.app = app
        self.client = client
        self.control = control
        self.format = format_
        self.interactive = interactive
        self.scenes: list[Scene] = []

    async def play(self) -> None:
        """The scenes, in order."""
        await self.call("find the user by e-mail", "find_user", {"email": "maria@example.com"}, "confirmed")
        foreign = {**MARIA, "connection": "okta-globex"}
        await self.call("the same reset in another tenant", "reset_user_mfa", foreign, "denied")
        waiting = await self.call("reset the MFA in production", "reset_user_mfa", MARIA, "approval_required")
        action = str(waiting.action_id)
        await self.self_approval(action)
        await self.approve(action)
        done = await self.wait("a second person approved: reset and read back", action, "confirmed")
        self.offline(str(done.receipt_id))
        again = await self.client.call_tool("reset_user_mfa", dict(MARIA))
        same = ActionResult.of(again.structured_content or {}).action_id == action
        self.expect(f"the same call again is the same action: {action[:12]}…, nothing is sent", same)
        await self.fault("lying_200")
        lied_to = "a lying 200 for a VIP, whom two leads approve: the target says yes and does nothing"
        await self.approved(lied_to, ADA, "unknown", ("lead", "second-lead"))
        await self.fault("lost_reply")
        await self.approved("a lost reply: done, but the answer never comes", LEO, "confirmed")
        effects = [e for e in (await self.control.get("/log")).json() if e["effect"] and "reset_factors" in e["path"]]
        self.expect("two users were reset, each exactly once", len(effects) == 2)
        await self.rotation()
        await self.syncs()

    async def rotation(self) -> None:
        """Part 2: three steps over two systems; the second fails, so the first is undone. Then all of them."""
        self.say("\n-- part 2: rotate an API key and update Slack: one plan, one approval, confirmed by use")
        found = await self.call("which keys are there?", "get_api_keys", {"account_name": "slack-alerts"}, "confirmed")
        keys = _list((found.data or {})["keys"])
        rotate = {**ROTATE, "old_key_id": _object(keys[0])["id"]}
        await self.fault("503", "slack", "credential", times=9)
        await self.planned(
            "Slack is down: the new key is taken back, the old one works", ROTATION, rotate, "compensated"
        )
        await self.control.delete("/faults")
        await self.planned("Slack is up: the new key is in use, then the old one goes", ROTATION, rotate, "confirmed")
        slack = (await self.control.get("/state")).json()["acme"]["slack"]["integrations"]["alerts"]
        self.expect("Slack's last call was accepted by the issuer", slack["last_call"]["ok"])
        secret = slack["credential"].encode()
        files = [p for p in self.app.workspace.root.rglob("*") if p.is_file() and secret in p.read_bytes()]
        self.expect("the new secret stands in no file of the gateway", not files)

    async def syncs(self) -> None:
        """Part 3: a broken CRM sync, and the accounting exports that failed with it."""
        self.say("\n-- part 3: broken syncs: re-authenticate, restart, reconcile downstream")
        sync = {"connection_name": "crm-main", "job_name": "nightly"}
        await self.call("why does the sync not run?", "get_sync_status", sync, "confirmed")
        await self.planned("reauthenticate, restart, and wait for a newer success", "recover_sync", {**sync, **WHY})
        listed = await self.call("which exports failed?", "list_failed_exports", {}, "confirmed")
        exports = [_object(e)["export_id"] for e in _list((listed.data or {})["exports"])]
        await self.fault("lost_reply", "ledger", "rerun", times=2)
        arguments: dict[str, JsonValue] = {"connection_name": "books", "exports": exports, **WHY}
        await self.planned("reconnect, book each export once, compare the totals", "recover_accounting", arguments)
        books = (await self.control.get("/state")).json()["acme"]["ledger"]
        invoices = [entry["invoice"] for entry in books["entries"]]
        self.expect(
            f"{len(invoices)} invoices are booked, none of them twice", len(set(invoices)) == len(invoices) == 12
        )

    async def planned(
        self, title: str, tool: str, arguments: Mapping[str, JsonValue], expected: str = "confirmed"
    ) -> None:
        """A plan, its approval if one is asked for, and its end."""
        result = await self.client.call_tool(tool, dict(arguments))
        answer = ActionResult.of(result.structured_content or {})
        if answer.status == "approval_required":
            await self.approve(str(answer.action_id), quiet=True)
        while answer.status in ("approval_required", "running"):
            waited = {"action_id": answer.action_id, "wait_seconds": 45}
            answer = ActionResult.of((await self.client.call_tool("get_action", waited)).structured_content or {})
        await self.tell(title, answer, expected)

    async def call(self, title: str, tool: str, arguments: Mapping[str, JsonValue], expected: str) -> ActionResult:
        """One tool call through the client."""
        result = await self.client.call_tool(tool, dict(arguments))
        return await self.tell(title, ActionResult.of(result.structured_content or {}), expected)

    async def wait(self, title: str, action: str, expected: str) -> ActionResult:
        """Wait for an action to end, as an agent would."""
        result = await self.client.call_tool("get_action", {"action_id": action, "wait_seconds": 45})
        return await self.tell(title, ActionResult.of(result.structured_content or {}), expected)

    async def approved(
        self, title: str, arguments: Mapping[str, JsonValue], expected: str, people: Sequence[str] = ("lead",)
    ) -> None:
        """A call, its approvals, and its end."""
        result = await self.client.call_tool("reset_user_mfa", dict(arguments))
        action = str(ActionResult.of(result.structured_content or {}).action_id)
        for person in people:
            await self.approve(action, person, quiet=True)
        await self.wait(title, action, expected)

    async def self_approval(self, action: str) -> None:
        """The requester tries to approve their own request."""
        try:
            await self.sign(action, "requester")
            code = "accepted"
        except AilyusError as error:
            code = error.code
        self.expect(f"the requester may not approve it: {code}", code == "self_approval")

    async def approve(self, action: str, person: str = "lead", quiet: bool = False) -> None:
        """Another person approves what they are shown."""
        if self.interactive:
            self.say(
                f"  your turn: ailyus approval approve {action} --as {person} --workspace {self.app.workspace.root}"
            )
            if first := await self.app.console.first_run():
                self.say(f"  or with a passkey at the console, as {first[0]}: {first[1]}")
            else:
                self.say(f"  or at the console: {self.app.console.origin}/approvals/{action}")
            with self.app.journal.watching(action) as watch:
                await watch.change(3600.0)
            return
        shown = await self.sign(action, person)
        if not quiet:
            self.say("  what the approver sees and signs:")
            self.say("\n".join(f"    {line}" for line in shown.split("\n")))

    async def sign(self, action: str, person: str) -> str:
        """Sign with a person's key, as the command line does."""
        binding, asked = await self.app.inbox.binding(action, person, "SecurityLead", "approve", "")
        key = load_key(self.app.workspace.key_file(person))
        await self.app.inbox.decide(sign_binding(binding, key, keyid_of(key.public_key().public_bytes_raw())))
        return render(asked.display)

    async def fault(self, kind: str, system: str = "okta", match: str = "reset_factors", times: int = 1) -> None:
        """Set one fault at a twin."""
        body = {"system": system, "match": match, "fault": kind, "times": times}
        await self.control.post("/faults", json=body)

    def offline(self, receipt: str) -> None:
        """Write the proof file, verify it offline with the roots, then with one bit changed."""
        workspace = self.app.workspace
        with reading(workspace) as read:
            data = write_proof(read, receipt, None, disclose=True).encoded()
        (workspace.root / "proof.json").write_bytes(data)
        roots = read_roots(workspace.root / "roots.json")
        verified = verify(data, roots)
        self.expect(
            f"the receipt verifies offline: {len(verified.statements)} statements, log of {verified.checkpoint.size}",
            True,
        )
        middle = len(data) // 2
        tampered = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        try:
            verify(tampered, roots)
            refused = False
        except (AilyusError, ValueError):
            refused = True
        self.expect("a receipt with one bit changed is refused", refused)

    async def tell(self, title: str, answer: ActionResult, expected: str) -> ActionResult:
        """Print one scene and its timeline, which is read from the signed receipts."""
        scene = Scene(title, answer.status, expected, await self.timeline(answer), answer)
        self.scenes.append(scene)
        mark = "ok" if scene.status == expected else f"EXPECTED {expected}"
        self.say(f"\n{title}: {scene.status} [{mark}]")
        for step in scene.steps:
            self.say(f"  {step['ms']:>6} ms  {visible(str(step['what']))}")
        self.say(f"          → {answer.summary}")
        return answer

    async def timeline(self, answer: ActionResult) -> list[dict[str, JsonValue]]:
        """The steps of an action from its receipts, in milliseconds since it was first heard of."""
        found = await entries.with_steps(self.app.store, str(answer.action_id))
        predicates = [orjson.loads(Envelope.decode(one.envelope).payload)["predicate"] for one in found]
        steps = sorted((step for p in predicates for step in _steps(p)), key=lambda step: step[0])
        return [{"ms": at - steps[0][0], "what": what} for at, what in steps]

    def expect(self, what: str, holds: bool) -> None:
        """One claim of the story."""
        self.scenes.append(Scene(what, "confirmed" if holds else "unknown", "confirmed"))
        self.say(f"\n{what} [{'ok' if holds else 'NOT SO'}]")

    def say(self, line: str) -> None:
        """Print while it works; JSON is printed whole at the end."""
        if self.format is Format.text:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def _steps(predicate: Predicate) -> list[tuple[int, str]]:
    """What one statement says, as (milliseconds since the epoch, sentence)."""
    at, kind, status = _number(predicate["atMs"]), predicate["kind"], predicate["status"]
    receipt, tool = str(predicate["receipt"])[:12], _object(predicate["contract"])["id"]
    if status == "approved":
        return [(at, f"approved as {predicate.get('role')}, bound to this exact action ({receipt}…)")]
    attempt = predicate.get("attempt", 0)
    steps: list[tuple[int, str]] = []
    if "calledMs" in predicate and kind != "intent":
        steps.append((_number(predicate["calledMs"]), f"{tool} called by {predicate['agent']}: arguments parsed"))
    steps += _looks(predicate, "before", "looked at")
    for sent in map(_object, _list(predicate.get("attempts"))):
        came = f"answered {sent['status']}" if sent["status"] else f"no answer ({sent['fault']}): in doubt"
        steps.append((_number(sent["startedMs"]), f"{sent['method']} sent as {sent['identity']}"))
        steps.append((_number(sent["endedMs"]), came))
    steps += _looks(predicate, "after", "read back")
    policies = _object(_object(predicate.get("decision")).get("policies"))
    by = " for agent and person by " + ", ".join(sorted({str(i) for ids in policies.values() for i in _list(ids)}))
    checks = [_object(c) for c in _list(predicate.get("checks"))]
    if kind == "intent":
        end = f"permitted{by}; intent {attempt} signed and logged before anything is sent"
    elif checks:
        end = f"{sum(c['met'] is True for c in checks)} of {len(checks)} checks met: {status}, signed and logged"
    else:
        end = f"{status}{by if policies else ' before anything was looked at'}; signed and logged"
    return [*steps, (at, f"{end} ({receipt}…)")]


def _looks(predicate: Predicate, phase: str, verb: str) -> list[tuple[int, str]]:
    seen = _object(predicate.get(phase))
    times = [_number(_object(reading)["atMs"]) for reading in seen.values()]
    return [(max(times), f"{verb} {', '.join(sorted(seen))} with the read-only credential")] if times else []


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _number(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


async def play(format_: Format, interactive: bool) -> int:
    """Run the demo; the exit code is 0 iff every scene ended as expected."""
    _forget_earlier()
    root = Path(tempfile.mkdtemp(prefix=_PREFIX)) / "demo"
    init_sandbox(root)
    toml = root / FILE
    # a negative read counts after one second here, so that the lie is found out while you watch
    toml.write_text(
        toml.read_text().replace('principal = "ailyus-writer"', 'principal = "ailyus-writer"\nmax_settle = "1s"')
    )
    workspace = Workspace.open(root)
    port = workspace.settings.sandbox.port if workspace.settings.sandbox else 0
    twin = await asyncio.to_thread(start_sandbox, port, None)
    try:
        app = App(workspace, await asyncio.to_thread(workspace.release))
        async with running(app, workspace.settings.server.port) as url:
            await seed_agent(app)
            token = workspace.token_file(SEEDED).read_text().strip()
            headers = {"authorization": f"Bearer {token}"}
            async with (
                httpx2.AsyncClient(headers=headers, timeout=60.0, trust_env=False, verify=nobody()) as http,
                httpx2.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}/_sandbox", trust_env=False, verify=nobody()
                ) as control,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                demo = Demo(app, client, control, format_, interactive)
                demo.say(f"gateway at {url}, MCP {client.protocol_version}, workspace {root}")
                await demo.play()
    finally:
        twin.kill()
        twin.wait()
        forget_keys(workspace)
    good = all(scene.status == scene.expected for scene in demo.scenes)
    _end(demo, root, good)
    return 0 if good else 1


def forget_keys(workspace: Workspace) -> None:
    """Remove every key, token and credential of a demo that has ended; its receipts can still be read and verified."""
    keys = [workspace.private / "log.pem", workspace.private / "store.secrets"]
    for folder in ("keys", "secrets", "agents"):
        keys += [path for path in (workspace.private / folder).rglob("*") if path.is_file()]
    for path in keys:
        path.unlink(missing_ok=True)


def _forget_earlier() -> None:
    """The same for demos of ours that were killed; one that began just now has no owner's file yet."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/demo"):
        with contextlib.suppress(OSError, AilyusError):
            found = folder.stat()
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > _STARTING_SECONDS:
                earlier = Workspace.open(folder)
                if find_owner(earlier) is None:
                    forget_keys(earlier)


def _end(demo: Demo, root: Path, good: bool) -> None:
    last = next(str(s.answer.receipt_id) for s in reversed(demo.scenes) if s.answer)
    commands = [
        "ailyus init w",
        "ailyus connect claude-code --workspace w",
        f"ailyus receipt show {last} --workspace {root}",
    ]
    if demo.format is Format.json:
        scenes = [
            {
                "title": s.title,
                "status": s.status,
                "expected": s.expected,
                "steps": s.steps,
                "answer": s.answer.document() if s.answer else {},
            }
            for s in demo.scenes
        ]
        sys.stdout.write(
            orjson.dumps({"ok": good, "scenes": scenes, "next": commands}, option=orjson.OPT_INDENT_2).decode() + "\n"
        )
        return
    demo.say(f"\n{'every scene ended as expected' if good else 'SOMETHING WAS NOT AS EXPECTED'}. Next:\n")
    for command in commands:
        demo.say(f"  {command}")
