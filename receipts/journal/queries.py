"""Reading the journal: actions, their intents, and what is known of them. Nothing here changes a row."""

from collections import OrderedDict
from collections.abc import Mapping

from pydantic import JsonValue

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.canonical import first_id
from contracts.hiding import Hiding
from policies.approval import SignedApproval
from policies.decision import Rate
from receipts.action.action import Action, Intent, PlanStep, state_of
from receipts.action.action_form import unpack_caller, unpack_observation, unpack_request
from receipts.action.action_result import ActionResult
from receipts.action.sentence import ActionSentence
from receipts.action.status import status_of
from receipts.journal.budget_count import BudgetCount, BudgetScope
from receipts.journal.intent import IntentCommit, rate_in, rate_query, rooms_of
from receipts.journal.registry import Registry
from receipts.statement.signed_rows import approval_is_said, is_about, is_ended_by
from receipts.store.row import Read, Row, blob, integer
from receipts.store.store import Store

YOUNG_MS = 1_000
CLOCKS_MS = 60_000
"""How far the clocks of replicas, which make ids, may be apart from the store's."""
_MAX_APPROVED = 10_000
_ACTION = (
    "SELECT id, request, caller, state, status, fence, release, asked, result, created_ms, expires_ms, held_until_ms,"
    " plan_id, position, undoes, plan, sent_ms, updated_ms, cancel_requested_ms, says FROM actions"
)


class JournalQueries:
    """Point reads over the store, for whoever makes transitions and for whoever only looks."""

    def __init__(self, store: Store, registry: Registry, hiding: Hiding) -> None:
        self.store = store
        self._registry = registry
        self.hiding = hiding
        self._approved: OrderedDict[str, Mapping[str, JsonValue]] = OrderedDict()

    @property
    def release(self) -> str:
        """The digest of the live release."""
        return self._registry.release

    async def latest(self, request: ActionRequest) -> tuple[Action | None, Action | None]:
        """The newest action of a call, whatever became of it; and one that a person refused, if that no still holds.

        A no is about what was asked for, not about the key by which the caller tells its calls apart.
        """
        rows = await self.store.read(
            f"SELECT * FROM ({_ACTION} WHERE call_key = ?1 ORDER BY created_ms DESC, rowid DESC LIMIT 1) AS newest"
            f" UNION ALL SELECT * FROM ({_ACTION} WHERE status = 'refused' AND tenant = ?2 AND agent = ?3"
            " AND contract = ?4 AND held_until_ms > ?5) AS held",
            request.call_key,
            request.tenant,
            request.agent,
            request.contract,
            self.store.now_ms(),
        )
        found = [_action(row) for row in rows]
        newest = next((a for a in found if a.request.call_key == request.call_key), None)
        alike = (a for a in found if a.status == "refused" and _same(a.request, request))
        return newest, next((a for a in alike if self.same_call(a)), None)

    def same_call(self, action: Action | None) -> Action | None:
        """The newest action of a call, if the call still is it: open, held after a no, or within its repeat window."""
        if action is None or action.state != "ended":
            return action
        if action.held_until_ms <= self.store.now_ms():
            return None
        held_by_policy = action.status in ("denied", "refused")
        return None if held_by_policy and action.release != self.release else action

    async def repeats(self, call_key: str, action_id: str) -> int:
        """How many earlier actions the same call had."""
        rows = await self.store.read(
            "SELECT (SELECT count(*) FROM actions WHERE call_key = ?1 AND id <> ?2)"
            # guard: repeats that are archived
            " + (SELECT count(*) FROM archive_actions WHERE call_key = ?1)",
            call_key,
            action_id,
        )
        return integer(rows[0][0])

    async def get(self, action_id: str) -> Action | None:
        """An action by id."""
        rows = await self.store.read(f"{_ACTION} WHERE id = ?", action_id)
        return _action(rows[0]) if rows else None

    async def resumable(self) -> list[Action]:
        """Every action whose turn it is, and nobody's else; the steps of a plan are their plan's business.

        What became ready a moment ago is left to the replica where it did.
        """
        sql = (
            f"{_ACTION} WHERE state <> 'ended' AND state IN ('ready', 'running') AND plan_id IS NULL"
            " AND (state = 'running' OR updated_ms <= ?) ORDER BY created_ms"
        )
        young = YOUNG_MS if self.store.shared else 0
        return [_action(row) for row in await self.store.read(sql, self.store.now_ms() - young)]

    async def expired(self) -> list[Action]:
        """Every action that waited for people too long."""
        sql = f"{_ACTION} WHERE state <> 'ended' AND state = 'waiting' AND expires_ms <= ? ORDER BY created_ms"
        return [_action(row) for row in await self.store.read(sql, self.store.now_ms())]

    async def waiting(self) -> list[Action]:
        """Every action that waits for people, oldest first."""
        sql = f"{_ACTION} WHERE state <> 'ended' AND state = 'waiting' AND plan_id IS NULL ORDER BY created_ms"
        return [_action(row) for row in await self.store.read(sql)]

    async def open(self) -> list[tuple[str, str]]:
        """Id and state of every action that has not ended, oldest first."""
        sql = "SELECT id, state FROM actions WHERE state <> 'ended' AND plan_id IS NULL ORDER BY created_ms"
        return [(str(row[0]), str(row[1])) for row in await self.store.read(sql)]

    async def has_room(self, wanted: IntentCommit) -> bool:
        """Would an intent that was `Busy` be let in by now?"""
        for room in rooms_of(wanted, self.store.now_ms()):
            rows = await self.store.read(room.sql, *room.values)
            if integer(rows[0][0]) >= room.most:
                return False
        return True

    async def rate_retry_after_ms(self, wanted: IntentCommit) -> int:
        """Milliseconds until a connection that was sent all that it takes a minute takes one more."""
        sql = "SELECT at_ms FROM intents WHERE connection = ? AND at_ms > 0 ORDER BY at_ms DESC LIMIT 1 OFFSET ?"
        rows = await self.store.read(sql, wanted.action.request.connection, wanted.limits.per_minute - 1)
        return max(0, integer(rows[0][0]) + 60_000 - self.store.now_ms()) if rows else 0

    async def steps(self, plan_id: str) -> list[Action]:
        """The actions that a plan has made so far, in order."""
        return [_action(r) for r in await self.store.read(f"{_ACTION} WHERE plan_id = ? ORDER BY rowid", plan_id)]

    async def state_after(self, action_id: str) -> Observation | None:
        """The state that a confirmed action left behind."""
        rows = await self.store.read(
            "SELECT after FROM intents WHERE action_id = ? AND after IS NOT NULL ORDER BY attempt DESC", action_id
        )
        return unpack_observation(blob(rows[0][0]), self.hiding) if rows else None

    async def being_undone(self, action_id: str) -> bool:
        """Is something taken back that this action, or a step of this plan, made? That settles first."""
        return bool(
            await self.store.read(
                "SELECT 1 FROM actions AS u WHERE u.state <> 'ended' AND u.plan_id IS NULL AND (u.undoes = ?1"
                " OR u.undoes IN (SELECT id FROM actions WHERE plan_id = ?1))",
                action_id,
            )
        )

    async def is_ours(self, action_id: str) -> bool:
        """Is the change of a confirmed action tied to our own request?"""
        return bool(await self.store.read("SELECT 1 FROM intents WHERE action_id = ? AND ours = 1", action_id))

    async def state_before(self, action_id: str) -> Observation | None:
        """The state before an action's last attempt."""
        rows = await self.store.read("SELECT before FROM intents WHERE action_id = ? ORDER BY attempt DESC", action_id)
        return unpack_observation(blob(rows[0][0]), self.hiding) if rows else None

    async def rate(self, action: Action) -> Rate:
        """How often and for how much, with what is in flight or in doubt."""
        sql, *values = rate_query(action, self.store.now_ms())
        return rate_in(await self.store.read(str(sql), *values))

    async def used(self, count: BudgetCount, action: Action) -> int:
        """What others took from a budget within its window, with what is in flight or in doubt."""
        scope = BudgetScope.of(action)
        sql, values = count.query(scope, self.store.now_ms())
        return count.used_in(await self.store.read(sql, *values), scope)

    async def shown(self, action: Action, since_ms: int) -> frozenset[str]:
        """The contracts whose data an action's agent was shown for its person since then, with what runs still."""
        request = action.request
        # INVARIANT: an end that shows nothing is named; of any other end something may have been read
        rows = await self.store.read(
            "SELECT DISTINCT contract FROM actions WHERE tenant = ? AND agent = ? AND person = ? AND id >= ?"
            " AND created_ms >= ? AND status NOT IN"
            " ('denied', 'unavailable', 'refused', 'expired', 'cancelled', 'approval_required') AND id <> ?",
            request.tenant,
            request.agent,
            request.person,
            # an id begins with its time, so that the index of the agent's actions is read from there
            first_id("act", since_ms - CLOCKS_MS),
            since_ms,
            action.id,
        )
        return frozenset(str(name) for (name,) in rows)

    async def lease_ended(self, action_id: str) -> bool:
        """May a running action be taken over?"""
        rows = await self.store.read("SELECT lease_until_ms FROM actions WHERE id = ?", action_id)
        return bool(rows) and integer(rows[0][0]) <= self.store.now_ms()

    async def open_intent(self, action_id: str) -> Intent | None:
        """The intent of an action whose outcome is not known yet."""
        rows = await self.store.read(
            "SELECT action_id, step, attempt, route, fence, deadline_ms, settle_ms, action_digest, target_digest,"
            " before, receipt_id FROM intents WHERE action_id = ? AND state = 'intent'",
            action_id,
        )
        if not rows:
            return None
        r = rows[0]
        return Intent(
            str(r[0]),
            integer(r[1]),
            integer(r[2]),
            integer(r[3]),
            integer(r[4]),
            integer(r[5]),
            integer(r[6]),
            str(r[7]),
            str(r[8]),
            unpack_observation(blob(r[9]), self.hiding),
            str(r[10]),
        )

    async def approvals(self, action_id: str) -> list[SignedApproval]:
        """The signed approvals given for an action."""
        rows = await self.store.read(
            "SELECT id, action_id, person, role, signed FROM approvals WHERE action_id = ? ORDER BY at_ms", action_id
        )
        if not rows:
            return []
        ledger = self._registry.ledger
        await ledger.follow()
        if any(str(row[0]) not in self._approved for row in rows):
            await self._read_approved(action_id)
        found = []
        for row in rows:
            said = self._approved.get(str(row[0]))
            # INVARIANT: an approval counts only by its signed statement, and no more once it was taken back
            stands = said is not None and str(row[0]) not in ledger.withdrawn  # guard: an approval that was taken back
            # guard: approvals count by their statement
            if said is None or not stands or not approval_is_said(row, said, self._registry.tenant_keys):
                ledger.tell("approvals", str(row[0]))
            else:
                found.append(SignedApproval.model_validate_json(blob(row[4])))
        return found

    async def _read_approved(self, action_id: str) -> None:
        """The signed statements of approvals of one action; each is verified once."""
        rows = await self.store.read(
            "SELECT envelope, leaf_index FROM statements"
            " WHERE action_id = ? AND kind = 'decision' AND status = 'approved'",
            action_id,
        )
        for envelope, leaf in rows:
            statement = self._registry.ledger.genuine(blob(envelope), integer(leaf))
            predicate = statement["predicate"] if statement else None
            if isinstance(predicate, dict) and (predicate["kind"], predicate["status"]) == ("decision", "approved"):
                self._approved[str(predicate.get("approval"))] = predicate
        while len(self._approved) > _MAX_APPROVED:
            self._approved.popitem(last=False)

    async def is_vouched(self, action: Action) -> bool:
        """Did this agent ask for exactly this, by a signed statement, and was nothing of it sent yet?

        Asked before an action that waits in the store, or is ready there, goes on.
        """
        ledger = self._registry.ledger
        rows = await self.store.read(
            "SELECT envelope, leaf_index FROM statements WHERE action_id = ?1 OR (?2 = 1 AND action_id IN"
            " (SELECT id FROM actions WHERE plan_id = ?1)) ORDER BY leaf_index",
            action.id,
            int(action.plan is not None),
        )
        asked = False
        for envelope, leaf in rows:
            statement = ledger.genuine(blob(envelope), integer(leaf))
            if statement is None:
                continue
            if is_ended_by(statement, action.id):
                asked = False
                break
            asked = asked or is_about(statement, action.request, action.id, self._registry.tenant_keys)
        if not asked:
            ledger.tell("actions", action.id)
        return asked

    async def used_by(self, approval_id: str) -> str | None:
        """The action that used an approval up, if one did."""
        rows = await self.store.read("SELECT action_id FROM approval_uses WHERE approval_id = ?", approval_id)
        return str(rows[0][0]) if rows else None


def _same(one: ActionRequest, other: ActionRequest) -> bool:
    """Do both ask for the same, whatever keys their caller gave them?"""
    return (one.person, one.connection, dict(one.params)) == (other.person, other.connection, dict(other.params))


def action_in(read: Read, action_id: str) -> Action | None:
    """An action by id, in a snapshot or in an archive."""
    rows = read(f"{_ACTION} WHERE id = ?", action_id)
    return _action(rows[0]) if rows else None


def _action(row: Row) -> Action:
    return Action(
        id=str(row[0]),
        request=unpack_request(blob(row[1])),
        caller=unpack_caller(blob(row[2])),
        state=state_of(row[3]),
        status=status_of(row[4]),
        fence=integer(row[5]),
        release=str(row[6]),
        asked=blob(row[7]) if row[7] is not None else None,
        result=ActionResult.unpacked(blob(row[8])),
        created_ms=integer(row[9]),
        expires_ms=integer(row[10]),
        held_until_ms=integer(row[11]),
        plan=blob(row[15]) if row[15] is not None else None,
        step=None if row[12] is None else PlanStep(str(row[12]), 0, integer(row[13]), 0, ""),
        undoes=str(row[14]) if row[14] is not None else None,
        sent_ms=integer(row[16]),
        updated_ms=integer(row[17]),
        is_cancel_requested=row[18] is not None,
        sentence=ActionSentence.unpacked(str(row[19])) if row[19] else None,
    )
