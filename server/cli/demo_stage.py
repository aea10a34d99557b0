"""The stage of the demo: one running gateway, its client, its people, and the faults of its twins."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx2
import orjson
from mcp.client.client import Client
from pydantic import JsonValue

from contracts.errors import AilyusError
from contracts.text.visible_text import visible
from policies.approval import sign_binding
from policies.approval_document import render
from policies.principal import keyid_of
from receipts.action.action_result import ActionResult
from receipts.audit.proof import write_proof
from receipts.audit.roots import read_roots
from receipts.audit.verify import verify
from receipts.log.signing import Envelope, load_key
from receipts.statement import entries
from server.app import App
from server.cli.output import Format
from server.cli.timeline import timeline_of
from server.workspace.stores import reading


@dataclass(slots=True)
class Scene:
    """One part of the story: what was asked, the status that came, and whether it is the expected one."""

    title: str
    status: str
    expected: str
    steps: list[dict[str, JsonValue]] = field(default_factory=list)
    answer: ActionResult | None = None

    def row(self) -> dict[str, str]:
        """A line of the summary; a claim of the story, which asked for nothing, holds or does not."""
        as_expected = self.status == self.expected
        if self.answer is None:
            status, receipt = "holds" if as_expected else "does not hold", ""
        else:
            status, receipt = self.status, str(self.answer.receipt_id or "")
        said = "yes" if as_expected else f"NO: {self.expected}"
        return {"as expected": said, "status": status, "receipt": receipt, "what": self.title}


class Stage:
    """One running gateway, and all that the story does to it."""

    def __init__(
        self, app: App, client: Client, control: httpx2.AsyncClient, format_: Format, interactive: bool
    ) -> None:
        self.app = app
        self.client = client
        self.control = control
        self.format = format_
        self.interactive = interactive
        self.scenes: list[Scene] = []

    async def planned(
        self, title: str, tool: str, arguments: Mapping[str, JsonValue], expected: str = "confirmed"
    ) -> None:
        """A plan, its approval if one is asked for, and its end."""
        result = await self.client.call_tool(tool, dict(arguments))
        answer = ActionResult.of(result.structured_content or {})
        if answer.status == "approval_required":
            await self.approve(str(answer.action_id), quiet=True)
        # as an agent does it: an answer that waits is followed by its action, and never by the same call
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
                self.say(f"  or at the console: {self.app.console.url}/approvals/{action}")
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
        steps = timeline_of([orjson.loads(Envelope.decode(one.envelope).payload)["predicate"] for one in found])
        return [{"ms": at - steps[0][0], "what": what} for at, what in steps]

    def expect(self, what: str, holds: bool) -> None:
        """One claim of the story."""
        self.scenes.append(Scene(what, "confirmed" if holds else "unknown", "confirmed"))
        self.say(f"\n{what} [{'ok' if holds else 'NOT SO'}]")

    def say(self, line: str) -> None:
        """Print while it works; JSON is printed whole at the end."""
        if self.format is Format.table:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
