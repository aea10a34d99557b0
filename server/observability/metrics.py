"""What is counted and measured as it happens, by whoever does it. Off unless somebody watches; then nothing of it runs.

`[metrics]` and `[telemetry]` switch it on. The definitions stand in the catalog; a label that would be one too many is
counted under `other`, so that nothing grows without a bound whatever comes.
"""

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from types import TracebackType
from typing import Final, Literal, get_args

from contracts.action.dispatch import Dispatch
from contracts.action.observation import Execution, Outage, ReadOutage
from receipts.action.status import Status
from server.observability import metric_catalog as catalog
from server.observability.metric import Label, Metric
from server.observability.recorder import Recorder

Step = Literal["parse", "early_decision", "look", "decide", "intent", "cosign", "send", "read_back", "receipt"]
OTHER: Final = "other"
"""The label of what has no name of its own."""
MAX_SERIES: Final = 2_000
"""Sets of labels of one metric; the next ones are `other`."""
DOUBTFUL: Final[tuple[Status, ...]] = ("unknown", "diverged")
SHADOW_OUTCOMES: Final = ("same", "wider", "narrower", "unfit", "dropped")
REFUSALS: Final = (401, 403, 408, 413, 429, 503)
_OUTAGES: Final[tuple[Outage, ...]] = get_args(Outage)


class _Metrics:
    """All recorders as one, with a bound on labels."""

    def __init__(self, recorders: tuple[Recorder, ...]) -> None:
        self._recorders = recorders
        self._known: dict[str, set[tuple[Label, ...]]] = {}

    def count(self, metric: Metric, *labels: Label, amount: int = 1) -> None:
        bounded = self._bounded(metric, labels)
        for recorder in self._recorders:
            recorder.count(metric, bounded, amount)

    def measure(self, metric: Metric, amount: float, *labels: Label) -> None:
        bounded = self._bounded(metric, labels)
        for recorder in self._recorders:
            recorder.measure(metric, amount, bounded)

    def _bounded(self, metric: Metric, labels: tuple[Label, ...]) -> tuple[Label, ...]:
        known = self._known.setdefault(metric.name, set())
        if labels in known:
            return labels
        if len(known) >= MAX_SERIES:  # guard: bound of labels
            return (OTHER,) * len(labels)
        known.add(labels)
        return labels


class _StepTimer:
    """The time that a step takes, also where it raises."""

    __slots__ = ("_begun", "_labels", "_metrics")

    def __init__(self, metrics: _Metrics, labels: tuple[Label, ...]) -> None:
        self._metrics = metrics
        self._labels = labels
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._metrics.measure(catalog.STEP_SECONDS, time.perf_counter() - self._begun, *self._labels)


_on: _Metrics | None = None
_NOT_TIMED: Final = nullcontext()


def use(*recorders: Recorder) -> None:
    """Switch it on, for this process."""
    global _on
    _on = _Metrics(recorders)


def off() -> None:
    """Switch it off again."""
    global _on
    _on = None


def is_on() -> bool:
    """Does anybody watch?"""
    return _on is not None


def declare_series(contracts: Iterable[str], connections: Iterable[str]) -> None:
    """Begin at 0 what is rare and must not be missed: a counter that appears with 1 has not grown, to Prometheus."""
    if _on is None:
        return
    for contract, status in product(contracts, DOUBTFUL):
        _on.count(catalog.OUTCOMES, contract, status, amount=0)
    for connection, outage in product(connections, _OUTAGES):
        _on.count(catalog.UNAVAILABLE, connection, outage, amount=0)
    for outcome in SHADOW_OUTCOMES:
        _on.count(catalog.SHADOW, outcome, amount=0)
    for code in REFUSALS:
        _on.count(catalog.REFUSALS, code, amount=0)


def record_call(tool: str, status: str, seconds: float) -> None:
    """A tool call was answered."""
    if _on is not None:
        _on.count(catalog.CALLS, tool, status)
        _on.measure(catalog.CALL_SECONDS, seconds, tool)


def record_refusal(status: int) -> None:
    """A request of an agent was refused before any of it was parsed."""
    if _on is not None:
        _on.count(catalog.REFUSALS, status)


def record_shadow(outcome: str, amount: int) -> None:
    """The shadow of the live release decided, or had no time to."""
    if _on is not None:
        _on.count(catalog.SHADOW, outcome, amount=amount)


def record_decision(contract: str, decision: str) -> None:
    """The policies decided."""
    if _on is not None:
        _on.count(catalog.DECISIONS, contract, decision)


def record_approval(contract: str, verdict: str, seconds: float) -> None:
    """A person's decision counts; `seconds` since they were asked."""
    if _on is not None:
        _on.count(catalog.VERDICTS, contract, verdict)
        _on.measure(catalog.VERDICT_SECONDS, max(0.0, seconds), contract)


def record_action(contract: str, status: str, seconds: float) -> None:
    """An action was carried until it ended or had to wait."""
    if _on is not None:
        _on.count(catalog.ACTIONS, contract, status)
        _on.measure(catalog.ACTION_SECONDS, seconds, contract, status)


def record_outcome(contract: str, status: str) -> None:
    """The end of an action, a plan, a step or an undo is committed."""
    if _on is not None:
        _on.count(catalog.OUTCOMES, contract, status)


def record_attempt(dispatch: Dispatch, execution: Execution) -> None:
    """A request was sent, or was not, after all."""
    if _on is not None:
        request = dispatch.request
        _on.count(catalog.ATTEMPTS, request.contract, request.connection, dispatch.attempt, execution.delivery)


def record_outage(outage: ReadOutage | None) -> None:
    """A read was answered, or was not."""
    if _on is not None and outage is not None:
        _on.count(catalog.UNAVAILABLE, outage.connection, outage.outage)


def record_group(entries: int, seconds: float) -> None:
    """The store's writer has done with a group. In its thread."""
    if _on is not None:
        _on.measure(catalog.GROUP_SIZE, entries)
        _on.measure(catalog.COMMIT_SECONDS, seconds)


def record_lag(seconds: float) -> None:
    """The event loop ran what was due so much too late."""
    if _on is not None:
        _on.measure(catalog.LOOP_LAG, max(0.0, seconds))


def time_step(name: Step, connection: str = "") -> AbstractContextManager[None]:
    """A step of the path, and how long it takes. `connection` where it waits for one."""
    return _NOT_TIMED if _on is None else _StepTimer(_on, (name, connection))
