"""The catalog of all metrics, from which `uv run python -m tests.metrics_reference` writes `server/deploy/METRICS.md`.

A label holds a name that the release declares, a status, or a number: never a person, a record, or what somebody wrote.
"""

from collections.abc import Mapping
from typing import Final

from server.observability.metric import Metric

TOOL, CONTRACT, CONNECTION = "gen_ai.tool.name", "ailyus.contract", "ailyus.connection"
STATUS, DECISION, VERDICT = "ailyus.status", "ailyus.decision", "ailyus.approval.verdict"
STEP, ATTEMPT, DELIVERY = "ailyus.step", "ailyus.attempt", "ailyus.delivery"
OUTAGE, HTTP_STATUS, SCOPE, BY = "ailyus.outage", "http.response.status_code", "ailyus.halt.scope", "ailyus.halt.by"
SHADOW_OUTCOME = "ailyus.shadow.outcome"
POOL, SESSION, CREDENTIAL = "ailyus.pool", "ailyus.session", "ailyus.credential"
EXPORT = "ailyus.export"

LABELS: Final[Mapping[str, str]] = {
    TOOL: "a tool that the release declares, `get_action`, `find_receipts` or `run_plan`; `other` for all other names",
    CONTRACT: "a contract or a plan that the release declares, or `run_plan`",
    CONNECTION: "a connection that the release declares",
    STATUS: "a public status of an action; `error` where the protocol answered with an error, or the client was gone",
    DECISION: "`permitted`, `approval`, `denied` or `unavailable`",
    SHADOW_OUTCOME: "`same`, `wider`, `narrower`, `unfit` (not decided again) or `dropped` (no time for it)",
    VERDICT: "`approve` or `refuse`",
    STEP: "`parse`, `early_decision`, `look`, `decide`, `intent`, `cosign`, `send`, `read_back` or `receipt`",
    ATTEMPT: "the number of the attempt: 1, 2 or 3",
    DELIVERY: "how a send ended (`contracts/action/observation.py` `Delivery`)",
    OUTAGE: "why a system could not be asked (`contracts/action/observation.py` `Outage`)",
    HTTP_STATUS: "the HTTP status of the refusal",
    SCOPE: "`all`, `connection`, `contract`, `agent` or `route`",
    BY: "`breaker` or `person`",
    POOL: "`browser_tabs`, `mcp_servers`, `adapter_processes` or `store_readers`",
    SESSION: "`console` or `mcp`",
    CREDENTIAL: "`read` or `write`",
    EXPORT: "an export that the settings declare",
}
"""Each attribute, and what it may hold."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LONG = (10.0, 30.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0)
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

CALLS = Metric("ailyus.calls", "counter", "{call}", (TOOL, STATUS), "Tool calls, by tool and by the status they told.")
CALL_SECONDS = Metric(
    "ailyus.call.duration", "histogram", "s", (TOOL,), "How long a tool call took to be answered.", _SECONDS
)
REFUSALS = Metric(
    "ailyus.requests.refused",
    "counter",
    "{request}",
    (HTTP_STATUS,),
    "Requests of agents refused before any was parsed.",
)
DECISIONS = Metric(
    "ailyus.decisions",
    "counter",
    "{decision}",
    (CONTRACT, DECISION),
    "Decisions of the policies, early denials included.",
)
SHADOW = Metric(
    "ailyus.shadow.decisions",
    "counter",
    "{decision}",
    (SHADOW_OUTCOME,),
    "Decisions that the shadow of the live release made beside it, by how they compare.",
)
VERDICTS = Metric(
    "ailyus.approvals", "counter", "{approval}", (CONTRACT, VERDICT), "Decisions that people signed and that count."
)
VERDICT_SECONDS = Metric(
    "ailyus.approval.duration", "histogram", "s", (CONTRACT,), "From the request to each person's decision.", _LONG
)
ACTIONS = Metric(
    "ailyus.actions",
    "counter",
    "{action}",
    (CONTRACT, STATUS),
    "Times that an action was carried until it ended or had to wait.",
)
ACTION_SECONDS = Metric(
    "ailyus.action.duration",
    "histogram",
    "s",
    (CONTRACT, STATUS),
    "How long an action was carried until it ended or had to wait.",
    _SECONDS,
)
OUTCOMES = Metric(
    "ailyus.outcomes", "counter", "{outcome}", (CONTRACT, STATUS), "Committed ends of actions, plans, steps and undos."
)
ATTEMPTS = Metric(
    "ailyus.attempts",
    "counter",
    "{attempt}",
    (CONTRACT, CONNECTION, ATTEMPT, DELIVERY),
    "Sends to a target, by how they ended.",
)
STEP_SECONDS = Metric(
    "ailyus.step.duration",
    "histogram",
    "s",
    (STEP, CONNECTION),
    "How long a step of the path took; looks and sends are told by connection.",
    _SECONDS,
)
UNAVAILABLE = Metric(
    "ailyus.reads.unavailable",
    "counter",
    "{read}",
    (CONNECTION, OUTAGE),
    "Reads of targets, and rounds of witnesses, without an answer.",
)
COMMIT_SECONDS = Metric(
    "ailyus.store.commit.duration", "histogram", "s", (), "How long the store took for a group, to its end.", _SHORT
)
GROUP_SIZE = Metric("ailyus.store.group.size", "histogram", "{entry}", (), "Entries that shared one commit.", _SIZES)
LOOP_LAG = Metric("ailyus.loop.lag", "histogram", "s", (), "How late the event loop ran what was due.", _LAG)

COMMITS = Metric("ailyus.store.commits", "counter", "{commit}", (), "Groups that the store committed.", read=True)
REPEATED = Metric(
    "ailyus.store.groups.repeated", "counter", "{group}", (), "Groups done again, since one entry failed.", read=True
)
QUEUED = Metric("ailyus.store.queue", "gauge", "{entry}", (), "Entries that wait for the store's writer.", read=True)
READABLE = Metric(
    "ailyus.store.readable", "gauge", "", (), "1 if the last reading of the store succeeded; else 0.", read=True
)
STORE_SIZE = Metric("ailyus.store.size", "gauge", "By", (), "What the store takes on its disk.", read=True)
LOG_SIZE = Metric("ailyus.log.statements", "gauge", "{statement}", (), "Signed statements in the log.", read=True)
WITNESSED = Metric(
    "ailyus.witness.statements",
    "gauge",
    "{statement}",
    (),
    "Statements that enough witnesses cosigned; none without any.",
    read=True,
)
REFUSING = Metric(
    "ailyus.witness.refusing", "gauge", "{witness}", (), "Witnesses that refuse the log; none without any.", read=True
)
EXPORT_LAG = Metric(
    "ailyus.export.lag", "gauge", "{statement}", (EXPORT,), "Leaves of the log that an export has not sent.", read=True
)
EXPORT_AGE = Metric(
    "ailyus.export.lag.age", "gauge", "s", (EXPORT,), "How long the oldest statement of them has waited.", read=True
)
EXPORT_STOPPED = Metric(
    "ailyus.export.stopped", "gauge", "", (EXPORT,), "1 if the export waits for a person; else 0.", read=True
)
WAITING = Metric(
    "ailyus.approvals.waiting", "gauge", "{action}", (CONTRACT,), "Actions that wait for people.", read=True
)
WAITING_AGE = Metric(
    "ailyus.approvals.waiting.age", "gauge", "s", (CONTRACT,), "How long the oldest of them has waited.", read=True
)
INTENTS = Metric(
    "ailyus.intents.open", "gauge", "{intent}", (CONNECTION,), "Intents whose outcome is not known yet.", read=True
)
INTENTS_AGE = Metric(
    "ailyus.intents.open.age", "gauge", "s", (CONNECTION,), "How old the oldest of them is.", read=True
)
INCIDENTS = Metric(
    "ailyus.incidents.open", "gauge", "{incident}", (), "Outcomes in doubt that nobody has resolved.", read=True
)
ESCALATIONS = Metric(
    "ailyus.escalations.open", "gauge", "{escalation}", (), "Escalations that nobody has acknowledged.", read=True
)
NOTICES = Metric("ailyus.notices.open", "gauge", "{notice}", (), "Notices that are not delivered yet.", read=True)
HALTS = Metric("ailyus.halts", "gauge", "{halt}", (SCOPE, BY), "Live halts, and who made them.", read=True)
CONNECTION_HALTED = Metric(
    "ailyus.connection.halted", "gauge", "", (CONNECTION,), "1 if the connection is halted; else 0.", read=True
)
CONTRACT_HALTED = Metric(
    "ailyus.contract.halted", "gauge", "", (CONTRACT,), "1 if the contract is halted; else 0.", read=True
)
RUNNING = Metric("ailyus.actions.running", "gauge", "{action}", (), "Actions that are carried here now.", read=True)
POOL_USED = Metric(
    "ailyus.pool.used", "gauge", "{member}", (POOL,), "Members of a pool that are there, or at work.", read=True
)
POOL_LIMIT = Metric("ailyus.pool.limit", "gauge", "{member}", (POOL,), "How many members a pool may have.", read=True)
SESSIONS = Metric(
    "ailyus.sessions",
    "gauge",
    "{session}",
    (SESSION,),
    "Sessions of people at the console, and of MCP clients here (at most: a client may go without a word).",
    read=True,
)
USABLE = Metric(
    "ailyus.credential.usable",
    "gauge",
    "",
    (CONNECTION, CREDENTIAL),
    "1 if the reference gives a credential that is in its time; else 0.",
    read=True,
)
EXPIRY = Metric(
    "ailyus.credential.expiry.timestamp",
    "gauge",
    "s",
    (CONNECTION, CREDENTIAL),
    "When a credential expires that says so itself, in seconds since the epoch.",
    read=True,
)
CERTIFICATE = Metric(
    "ailyus.certificate.expiry.timestamp",
    "gauge",
    "s",
    (),
    "When the certificate ends that the gateway serves, in seconds since the epoch; none without TLS of its own.",
    read=True,
)

METRICS: Final[tuple[Metric, ...]] = (
    CALLS,
    CALL_SECONDS,
    REFUSALS,
    DECISIONS,
    SHADOW,
    VERDICTS,
    VERDICT_SECONDS,
    ACTIONS,
    ACTION_SECONDS,
    OUTCOMES,
    ATTEMPTS,
    STEP_SECONDS,
    UNAVAILABLE,
    WAITING,
    WAITING_AGE,
    INTENTS,
    INTENTS_AGE,
    INCIDENTS,
    ESCALATIONS,
    NOTICES,
    HALTS,
    CONNECTION_HALTED,
    CONTRACT_HALTED,
    RUNNING,
    POOL_USED,
    POOL_LIMIT,
    SESSIONS,
    USABLE,
    EXPIRY,
    CERTIFICATE,
    COMMITS,
    REPEATED,
    COMMIT_SECONDS,
    GROUP_SIZE,
    QUEUED,
    READABLE,
    STORE_SIZE,
    LOG_SIZE,
    WITNESSED,
    REFUSING,
    EXPORT_LAG,
    EXPORT_AGE,
    EXPORT_STOPPED,
    LOOP_LAG,
)
"""All of them, in the order of the document."""
