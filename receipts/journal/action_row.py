"""The row of an action that is new, as the first commit about it writes it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from receipts.action.action import Action
from receipts.action.action_form import pack_caller, pack_request
from receipts.action.action_result import ActionResult
from receipts.action.status import Status
from receipts.action.word_index import beginnings, word_token
from receipts.store.transaction import Txn

MAX_NAME = 300


WORDS = "INSERT INTO action_words (tenant, word, action_id) VALUES (?, ?, ?)"
"""The words by which an action is found; its names with `=` before them, since only the whole name finds it."""
BEGINNINGS = "INSERT INTO word_beginnings (tenant, beginning, word) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """What a row says beside its action. Times are milliseconds; 0 means that there is none."""

    state: str
    status: Status
    result: ActionResult
    release: str
    fence: int = 0
    lease_until_ms: int = 0
    asked: bytes | None = None
    expires_ms: int = 0
    held_until_ms: int = 0
    sent_ms: int = 0
    spent: int = 0


def insert_action(txn: Txn, action: Action, row: ActionRow) -> None:
    """Inside a commit: the row of an action that is new."""
    request, step = action.request, action.step
    # INVARIANT 5: `actions_open` lets one open action have a call key; a read, a preview, a step and an undo are no
    # call that somebody could make again
    txn.keys.begin(request.tenant, action.id)
    seal = partial(txn.keys.seal, request.tenant, action.id)
    named = request.kind == "write" and step is None and not action.preview and not action.undoes
    txn.write_deferred(
        "INSERT INTO actions (id, call_key, tenant, agent, person, contract, state, status, fence, lease_until_ms,"
        " release, request, caller, asked, result, created_ms, updated_ms, expires_ms, held_until_ms, plan_id,"
        " position, undoes, plan, connection, sent_ms, spent, kind, risk, says)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        action.id,
        request.call_key if named else None,
        request.tenant,
        request.agent,
        request.person,
        request.contract,
        row.state,
        row.status,
        row.fence,
        row.lease_until_ms,
        row.release,
        seal(pack_request(request)),
        pack_caller(action.caller),  # budgets are counted by it
        None if row.asked is None else seal(row.asked),
        seal(row.result.packed),
        txn.now_ms,
        txn.now_ms,
        row.expires_ms,
        row.held_until_ms,
        step.plan_id if step else None,
        step.position if step else None,
        action.undoes,
        None if action.plan is None else seal(action.plan),
        request.connection,
        row.sent_ms,
        row.spent,
        request.kind,
        request.risk,
        txn.keys.seal_text(request.tenant, action.id, action.sentence.packed) if action.sentence else "",
    )
    words = action.sentence.words if action.sentence else frozenset()
    names = {f"={name.lower()}"[:MAX_NAME] for name in action.names if name}
    _index(txn, request.tenant, action.id, words, names)


def _index(txn: Txn, tenant: str, action_id: str, words: Collection[str], names: Collection[str]) -> None:
    key = txn.keys.word_key(tenant)
    tokens = {word: word_token(key, word) for word in sorted({*words, *names})}
    txn.write_many(WORDS, [(tenant, token, action_id) for token in tokens.values()])
    fresh = [word for word in words if txn.keys.is_new_word(tenant, tokens[word])]
    txn.write_many(BEGINNINGS, [(tenant, *pair) for word in fresh for pair in beginnings(key, word)])
