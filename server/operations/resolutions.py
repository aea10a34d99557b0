"""After the end of an action: what people assert about it, and looking again whether it still holds."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from pydantic import JsonValue

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.signed_resolution import SignedResolution
from receipts.action.action import Action
from receipts.action.status import Status
from receipts.journal.outcome import Escalation, acknowledge, escalate
from receipts.reconciliation.checks import checks_of, stated
from receipts.reconciliation.comparison import evened
from receipts.reconciliation.scope import scope_of
from receipts.statement.action_facts import RecheckFacts, ResolutionFacts
from receipts.store.transaction import Txn
from receipts.tables import incidents, rechecks
from server.actions.runner import ActionRunner
from server.execution.evidence import readings, seen
from server.execution.resolved_action import base_scope
from server.operations.recheck_answer import RecheckAnswer
from server.operations.rechecks import Recheck

CLOCK_SKEW_MS = 300_000
OPEN: frozenset[Status] = frozenset({"unknown", "diverged", "partial", "compensated"})


class Resolutions:
    """What happens to actions that have ended."""

    def __init__(self, runner: ActionRunner) -> None:
        self._runner = runner

    async def resolve(self, signed: SignedResolution) -> str:
        """Take a person's signed word about an outcome in doubt; their word is asserted, never `confirmed`."""
        runner, said = self._runner, signed.resolution
        journal, release = runner.journal, runner.release
        action = await journal.get(said.action_id)
        if action is None:
            raise AilyusError("not_found", f"there is no action `{said.action_id}`")
        key = (await journal.registry.keys()).get(signed.keyid)
        person = release.people.get(said.person)
        if key is None or key.revoked or key.person != said.person or person is None:
            raise AilyusError("unlinked_key", "the key is not linked to this person")
        if said.origin != release.origin or not signed.holds(key):
            raise AilyusError("bad_signature", "the signature does not hold")
        if abs(journal.store.now_ms() - said.at_ms) > CLOCK_SKEW_MS:
            raise AilyusError("expired", "the resolution was signed more than five minutes ago")
        # INVARIANT: nobody says for themselves that what they asked for happened
        if said.person in (action.request.person, action.request.owner) or person.tenant != action.request.tenant:
            raise AilyusError("self_approval", "somebody else of the same tenant must resolve it")
        deciding = replace(person, roles=await journal.roles.fresh(person))
        # guard: who only reads resolves nothing
        release.decider.bundle.receipts.require_decider(deciding)
        if key.kind == "development" and not release.development:
            raise AilyusError("weak_key", "a development key counts only in a workspace marked so")
        if action.state != "ended" or action.status not in OPEN:
            raise AilyusError("not_waiting", f"the action is `{action.status}`: nothing about it is open")
        status = f"asserted_{said.asserted}"
        who = journal.notary.pseudonym(action.request.tenant, "person", said.person)
        sealed = journal.notary.seal(
            ResolutionFacts(resolver=who, keyid=signed.keyid, was=action.status),
            new_id("rcp"),
            runner.executor.statements.about(action),
            status=status,
            changed=None,  # a person's word is no read: the statement does not say that anything changed
            at_ms=journal.store.now_ms(),
            evidence={"resolution": signed.model_dump_json().encode()},
        )

        def work(txn: Txn) -> None:
            incidents.resolve_all(txn, action.id)
            acknowledge(txn, action.id, said.person)
            sealed.insert(txn)

        await journal.commit(action, [work])
        return status

    async def recheck(self, action_id: str) -> RecheckAnswer:
        """Observe an action's resource again: does what was confirmed still hold, what became of what is unknown?"""
        runner = self._runner
        executor, journal = runner.executor, runner.journal
        action = await journal.get(action_id)
        if action is None:
            raise AilyusError("not_found", f"there is no action `{action_id}`")
        if action.plan is not None and action.state == "ended" and action.status == "unknown":
            return await self._recheck_plan(action)
        before = await journal.state_before(action_id)
        if action.state != "ended" or action.status not in ("confirmed", "unknown") or before is None:
            sentence = f"the action is `{action.status}`: only what was sent and is confirmed or unknown is looked at"
            raise AilyusError("not_waiting", sentence, hint="`ailyus action show` says what became of it")
        program = runner.release.catalog.programs.get(action.request.contract)
        target = runner.release.target(action.request)
        # another instance behind the same name holds other records: what it shows says nothing of this action
        if program is None or target is None or target.digest != action.request.target_digest:
            raise AilyusError("target_changed", "the contract or connection is not the one that was used")
        if action.status == "unknown":
            if program.digest != action.request.contract_digest:
                raise AilyusError("target_changed", "the contract is another one now, so it cannot judge this action")
            return await Recheck(runner).look(action, program, target)
        after = await runner.executor.observe(journal.may_check(action.request, 15.0))
        if not after.ok:
            raise AilyusError("not_found", "the record could not be read", hint="try again when the target answers")
        before, now = evened(program.reads, before, after)
        scope = scope_of(program, base_scope(program, action.request, target), before, now, None)
        # what reads the answer to the send can only be checked beside that send
        again = [c for c in program.expect if not c.expression.reads_answer]
        checks = checks_of(again, scope, before.cut("before") | now.cut("after"))
        # INVARIANT: what could not be read has not drifted
        holds = not any(c.unmet for c in checks)
        read = all(c.met for c in checks) or not holds
        receipt, status = new_id("rcp"), ("holds" if holds else "drifted") if read else "not_read"
        facts = RecheckFacts(checks=stated(checks), after=seen(after), observer=after.channel)
        evidence = {} if program.secretive else readings("after", after)
        about = executor.statements.about(action)
        sealed = journal.notary.seal(
            facts,
            receipt,
            about,
            status=status,
            changed=None,
            at_ms=journal.store.now_ms(),
            evidence=evidence,
        )
        # a drift is nobody's fault and changes no status: people are told, and nothing is repaired
        route = program.contract.escalate
        told = Escalation(new_id("esc"), route) if route and not holds else None
        await journal.commit(action, [_rechecked(action, sealed.insert, told)])
        return RecheckAnswer(action_id, receipt, status, checks)

    async def _recheck_plan(self, plan: Action) -> RecheckAnswer:
        """Look again at each step of a plan that is in doubt, then at what the plan came to."""
        runner = self._runner
        for step in await runner.journal.steps(plan.id):
            if step.state == "ended" and step.status == "unknown":
                await self.recheck(step.id)
        status = await runner.plans.look_again(plan.id)
        now = await runner.journal.get(plan.id)
        return RecheckAnswer(plan.id, now.receipt_id if now else None, status)

    async def recheck_due(self) -> None:
        """The looks that contracts asked for with `recheck`, and those at outcomes in doubt."""
        journal = self._runner.journal
        for one in await rechecks.due(journal.store):
            try:
                await self.recheck(one.action_id)
            except AilyusError as error:
                # an outcome in doubt has its next look ahead
                if error.code != "not_found" or one.status == "unknown":
                    await journal.store.write(partial(_done, action_id=one.action_id))


def _rechecked(action: Action, insert: Callable[[Txn], int], told: Escalation | None) -> Callable[[Txn], None]:
    def work(txn: Txn) -> None:
        insert(txn)
        _done(txn, action.id)
        if told:
            escalate(txn, told, action.id)

    return work


def _done(txn: Txn, action_id: str) -> None:
    rechecks.finish(txn, action_id, txn.now_ms)


async def open_incidents(runner: ActionRunner, tenant: str | None = None) -> list[Mapping[str, JsonValue]]:
    """Outcomes in doubt that nobody has resolved; of one tenant, or of all."""
    return [
        {
            "action": one.action_id,
            "contract": one.contract,
            "status": one.status,
            "agent": one.agent,
            "person": one.person,
            "says": one.says,
            "atMs": one.at_ms,
        }
        for one in await incidents.unresolved(runner.journal.store, tenant)
    ]
