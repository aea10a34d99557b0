"""What works under one release, without a gateway: a real store, the real adapters, the sandbox's twins over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.browser.launch import BrowserSettings
from adapters.credentials.cache import Credentials
from adapters.sandbox.app import Sandbox
from contracts.action.request import Caller, ToolCall
from contracts.action.target import Target
from contracts.canonical import new_id
from contracts.compiler.catalog import load_catalog
from policies.approval import Binding, SignedApproval, sign_binding
from policies.budget import FILE
from policies.candidate import Candidate
from policies.decision import Permitted
from policies.principal import Key, People, Person, keyid_of
from policies.release import Release
from receipts.action.action import Action
from receipts.archive.archive_reader import ArchiveReader
from receipts.journal.halt import Scope, halt_statement, new_halt
from receipts.journal.journal import Journal
from receipts.statement.statement import SignedStatement
from receipts.store.row import Row, Value
from server.actions.live_release import LiveRelease
from server.actions.runner import ActionRunner
from server.approvals.inbox import Inbox
from server.approvals.keys import link_key
from server.execution.attempt import PendingEnd, PermittedAction, SentAttempt
from server.execution.executor import ActionExecutor
from server.execution.fair_limiter import FairLimiter
from server.execution.resolved_action import ResolvedAction
from server.execution.target_adapters import TargetAdapters
from server.workspace.free_port import free_port
from tests.free import free
from tests.receipts.making import SIGNER, store_at
from tests.world import ROOT, app_serving, nobody

PERMIT = '@id("permit-all") permit (principal, action, resource);'
LEAD = """
@id("lead-approves") forbid (principal, action == Action::"set_value", resource)
unless { context.approvals.Lead >= 1 };
"""
ROLES = ("Support", "Lead")
BOT = Caller("bot", "acme", "ann", "ann", frozenset({"Support"}), frozenset({"Support"}))
CONTRACTS = ROOT / "tests" / "vectors" / "records"
KEYS = {name: Ed25519PrivateKey.generate() for name in ("ann", "lead", "other")}
HOLDS = {"ann": {"Support"}, "lead": {"Lead"}, "other": {"Lead"}}
PEOPLE = People({n: Person(n, "local", n, "acme", frozenset(roles)) for n, roles in HOLDS.items()})


def target_at(root: Path, port: int, **more: Any) -> Target:
    """The connection to the sandbox's plain REST store; what is not confirmed at once settles in 30 ms."""
    known: dict[str, Any] = {"direct": True, "max_timeout_ms": 5_000, "max_settle_ms": 30}
    read, write = f"file:{root}/read", f"file:{root}/write"
    base = more.pop("base_url", f"http://127.0.0.1:{port}/acme/records")
    return Target("records", "records", base, "acme", "prod", read, write, "p", **(known | more))


def release_of(
    root: Path, port: int, *policies: str, contracts: Path = CONTRACTS, budgets: str = "", **more: Any
) -> Release:
    """The contracts of tests/vectors/records under these policies, which are by default a permission for all."""
    target = target_at(root, port, **more)
    text = "\n".join(policies or (PERMIT,))
    catalog = load_catalog(contracts)
    candidate = Candidate(
        catalog,
        {"test.cedar": text} | ({FILE: budgets} if budgets else {}),
        {"records": target},
        PEOPLE,
        ROLES,
        origin="o",
        development=True,
    )
    return Release.build(candidate)


@dataclass
class Engine:
    """One release at work. `registered`: the agent still stands; else nobody acts for its person any more."""

    journal: Journal
    release: Release
    live: LiveRelease
    sandbox: Sandbox
    root: Path
    port: int = 0
    registered: bool = True

    def __post_init__(self) -> None:
        self.runner = ActionRunner(
            self.journal, self.live, ArchiveReader(self.journal.store, self.journal.store.path.parent)
        )
        self.inbox = Inbox(self.runner, nobody)  # type: ignore[arg-type]

    @property
    def executor(self) -> ActionExecutor:
        return self.live.executor

    @property
    def records(self) -> dict[str, Any]:
        """The records as they stand at the target."""
        found: dict[str, Any] = self.sandbox.state["acme"]["records"]["records"]
        return found

    def seed(self, *names: str) -> None:
        for name in names:
            self.records[name] = {"id": name, "version": "1", "value": "old", "events": []}

    def fault(self, kind: str, match: str = "", times: int = 1, **more: Any) -> None:
        """The next requests that match meet this fault."""
        fault = {"system": "records", "match": match, "fault": kind, "times": times, "ms": 500, **more}
        self.sandbox.faults.append(fault)

    def writes(self, match: str = "") -> list[str]:
        """The writes that arrived, as `METHOD path`."""
        seen = [f"{e['method']} {e['path']}" for e in self.sandbox.log if e["method"] != "GET"]
        return [one for one in seen if match in one]

    def action(self, contract: str = "set_value", caller: Caller = BOT, **arguments: Any) -> Action:
        """A call of an agent, parsed as every call is."""
        given = arguments or {"record": "r1", "value": "new"}
        request = self.release.calls.parse(ToolCall(name=contract, arguments=given), caller)
        return Action(new_id("act"), request, caller, created_ms=self.journal.store.now_ms(), first=True)

    async def permitted(self, action: Action) -> PermittedAction:
        """Steps 2 to 5: it must be permitted."""
        decided = await self.live.pipeline.decide(action)
        assert isinstance(decided, PermittedAction), decided
        return decided

    async def permitted_or_so(self, action: Action) -> PermittedAction | PendingEnd:
        """The action as it is permitted now, or its end where it already is so; the end is not committed."""
        resolved = self.executor.resolve(action)
        assert isinstance(resolved, ResolvedAction), resolved
        before = await self.executor.observe(resolved.permit)
        decision = await self.executor.decisions.decide(resolved, before)
        assert isinstance(decision, Permitted), decision
        ended = self.executor.ends.end_without_sending(resolved, before, decision.facts, decision.record)
        return ended or PermittedAction(resolved, before, decision, (), self.executor.basis)

    async def sent(self, action: Action) -> SentAttempt:
        """Steps 2 to 7: it must have left."""
        sent = await self.executor.send(await self.permitted(action))
        assert isinstance(sent, SentAttempt), sent
        return sent

    async def signed(
        self, action_id: str, person: str = "lead", verdict: str = "approve", comment: str = ""
    ) -> SignedApproval:
        """A person's signed decision about what waits."""
        binding, _ = await self.inbox.binding(action_id, person, "Lead", verdict, comment)
        return self.sign(binding, person)

    def sign(self, binding: Binding, person: str) -> SignedApproval:
        key = KEYS[person]
        return sign_binding(binding, key, keyid_of(key.public_key().public_bytes_raw()))

    def release_anew(self, release: Release) -> None:
        """From now on actions begin under this release."""
        executor = self.executor
        reach = (executor.adapter, executor.current, executor.limiter)
        self.live = LiveRelease.of(self.journal, release, *reach)
        self.runner.replace(self.live)

    async def waiting(self, **arguments: str) -> Action:
        """An action that waits for people, as it stands in the store."""
        answer = await self.live.pipeline.act(self.action(**arguments))
        assert answer.status == "approval_required", answer
        return await self.row(answer.action_id)

    async def unknown(self) -> Action:
        """An action that ended unknown: the target said yes, and the record does not show it."""
        self.fault("lying_200")
        answer = await self.live.pipeline.act(self.action())
        assert answer.status == "unknown", answer
        return await self.row(answer.action_id)

    async def row(self, action_id: str | None) -> Action:
        """An action as it stands in the store."""
        row = await self.journal.get(str(action_id))
        assert row is not None
        return row

    async def halt(self, scope: Scope, name: str, allow_undo: bool = False, by: str = "lead") -> None:
        halt = new_halt(scope, name, allow_undo, by, "an incident", self.journal.store.now_ms())
        await self.journal.controls.halt(halt, halt_statement(self.journal.notary, halt, "halted"))

    async def lift(self, scope: Scope, name: str) -> None:
        (halt,) = [one for one in self.journal.controls.halts if (one.scope, one.name) == (scope, name)]
        await self.journal.controls.unhalt(scope, name, halt_statement(self.journal.notary, halt, "lifted", "lead"))

    async def rows(self, sql: str, *values: Value) -> list[Row]:
        return await self.journal.store.read(sql, *values)


def predicate_of(sealed: SignedStatement) -> dict[str, Any]:
    """What a signed statement says."""
    found: dict[str, Any] = orjson.loads(sealed.envelope.payload)["predicate"]
    return found


def evidence_of(sealed: SignedStatement) -> dict[str, bytes]:
    """The evidence beside a statement, by label."""
    return {label: data for label, _, data in sealed.evidence}


@asynccontextmanager
async def engine(
    root: Path, *policies: str, contracts: Path = CONTRACTS, budgets: str = "", **more: Any
) -> AsyncIterator[Engine]:
    """A release of these policies at work on a new store; `more` are fields of its connection."""
    sandbox, port = Sandbox(), free_port()
    for use in ("read", "write"):
        (root / use).write_text(f"records-{use}-acme\n")
    release = release_of(root, port, *policies, contracts=contracts, budgets=budgets, **more)
    journal = Journal(store_at(root / "store.db"), SIGNER)
    await journal.load()
    sealed = journal.notary.sign_gateway_statement(
        free("release"), new_id("rcp"), "", {"r": "0" * 64}, journal.store.now_ms()
    )
    await journal.registry.activate(release.digest, ["acme"], [], sealed)

    async def current(caller: Caller) -> Caller | None:
        return caller if made.registered else None

    router = TargetAdapters(journal, Credentials(root), BrowserSettings()).router(release)
    made = Engine(
        journal, release, LiveRelease.of(journal, release, router, current, FairLimiter()), sandbox, root, port
    )
    try:
        async with app_serving(sandbox, port):
            for name, key in KEYS.items():
                public = key.public_key().public_bytes_raw()
                await link_key(made.runner, Key(keyid_of(public), public, name, "development"), "terminal")
            yield made
            await router.close()
    finally:
        await journal.store.aclose()
