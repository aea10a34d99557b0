"""One contract against the descriptions: its requests, the statuses that it names, the fields that it reads."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram
from tests.vendors.description import Description, Sent
from tests.vendors.exchange import Exchange, Trial
from tests.vendors.expression_fields import FieldReader
from tests.vendors.scopes import Scopes
from tests.vendors.system import System

_WORDS = {"inputs", "summary", "use_when", "not_for", "title"}
_STATUS = re.compile(r"response\.status\s*(?:==|in)\s*(\[[\d,\s]*\]|\d+)")


class ContractCheck:
    """The descriptions of every system, and one contract at a time."""

    def __init__(
        self,
        systems: Mapping[str, System],
        descriptions: Mapping[str, tuple[Description, ...]],
        scopes: Mapping[str, Scopes],
    ) -> None:
        self._systems = systems
        self._descriptions = descriptions
        self._scopes = scopes

    async def mismatches(self, program: Program) -> list[str]:
        """Every mismatch of a contract and of the answers that the twins give it, sorted, each once."""
        system = self._systems[program.contract.target]
        example = system.examples.get(program.name)
        if example is None:
            return [f"{program.name}: there is no example for it in `tests/vendors/systems/{system.kind}.py`"]
        trial = await Trial(program, example, system.headers).run()
        found = {f"{program.name}: {fault}" for fault in trial.faults}
        for exchange in trial.exchanges:
            found |= {f"{program.name}: {line}" for line in self._exchange_faults(exchange)}
        found |= {f"{program.name}: {line}" for line in self._named(program, trial)}
        return sorted(found)

    async def plan_mismatches(self, plan: PlanProgram) -> list[str]:
        """Every mismatch of what a plan reads by itself, sorted, each once; nothing where no system is described."""
        reads = [r for r in plan.reads if isinstance(r, Read)]
        described = [self._systems[r.target] for r in reads if self._descriptions.get(r.target)]
        if not described:
            return []
        example = next((s.plans[plan.name] for s in described if plan.name in s.plans), None)
        if example is None:
            return [f"{plan.name}: there is no example for it in `tests/vendors/systems/{described[0].kind}.py`"]
        trial = await Trial(plan, example, {k: v for s in described for k, v in s.headers.items()}).look()
        found = {f"{plan.name}: {fault}" for fault in trial.faults}
        texts = list(_strings(plan.plan.model_dump(mode="json", exclude=_WORDS)))
        for read, exchange in zip(reads, trial.exchanges, strict=False):
            roots = {f"before.{read.name}": 200, f"after.{read.name}": 200}
            lines = (*self._exchange_faults(exchange), *self._fields(texts, exchange, roots))
            found |= {f"{plan.name}: {line}" for line in lines}
        return sorted(found)

    def _for(self, kind: str, sent: Sent) -> Description | None:
        """The description that has this operation, else the first; None where the system has none."""
        all_ = self._descriptions.get(kind, ())
        return next((d for d in all_ if d.operation(sent)), all_[0] if all_ else None)

    def _exchange_faults(self, exchange: Exchange) -> Iterator[str]:
        description = self._for(exchange.kind, exchange.sent)
        if description is None:
            return
        sent = exchange.sent
        status = self._systems[exchange.kind].as_status(exchange.status, exchange.body)
        for fault in (
            *description.request_faults(sent),
            *description.answer_faults(sent, status, exchange.headers, exchange.body),
        ):
            yield f"{exchange.kind} {sent.method} {_written(description, sent)}: {fault}"
        scopes, found = self._scopes.get(exchange.kind), description.operation(sent)
        if scopes is None or found is None or exchange.step == "refusal":
            return
        if fault := scopes.fault("write" if exchange.step == "write" else "read", found[1]):
            yield f"{exchange.kind} {sent.method} {found[0]}: {fault}"

    def _named(self, program: Program, trial: Trial) -> Iterator[str]:
        """The statuses that `ok` and its like name, and the fields that expressions read."""
        reads = [r for r in program.reads if isinstance(r, Read)]
        routes = [r for r in program.routes if isinstance(r, HttpProgram)]
        looks = [e for e in trial.exchanges if e.step == "before"]
        sends = [e for e in trial.exchanges if e.step == "write"]
        for read, exchange in zip(reads, looks, strict=False):  # what was not sent is a fault of the trial
            yield from self._fields(_texts(program), exchange, {f"before.{read.name}": 200, f"after.{read.name}": 200})
        for route, exchange in zip(routes, sends, strict=False):
            description = self._for(exchange.kind, exchange.sent)
            found = description.operation(exchange.sent) if description else None
            if description is None or found is None:
                continue
            said = f"{exchange.kind} {exchange.sent.method} {found[0]}"
            for expression in filter(None, (route.ok, route.declined, route.no_effect, route.stale)):
                for status in _statuses(expression.text):
                    if not description.names(found[1], status):
                        yield f"{said}: `{expression.text}` names the status {status}, which the description does not"
            yield from self._fields(_texts(program), exchange, {"response.body": 0})

    def _fields(self, texts: Sequence[str], exchange: Exchange, roots: Mapping[str, int]) -> Iterator[str]:
        description = self._for(exchange.kind, exchange.sent)
        found = description.operation(exchange.sent) if description else None
        if description is None or found is None:
            return
        # an answer's body may be that of any status: `declined` reads the words of a refusal
        statuses = [int(s.replace("X", "0")) for s in found[1]["responses"] if s[0].isdigit()] + [599]
        schemas: dict[str, list[Mapping[str, Any]]] = {}
        for root, status in roots.items():
            of = [description.schema_of(found[1], s) for s in ([status] if status else statuses)]
            schemas[root] = [one for one in of if one is not None]
        reader = FieldReader(description, schemas)
        for text in texts:
            for fault in reader.faults(text):
                yield f"{exchange.kind} {exchange.sent.method} {found[0]}: `{text}`: {fault}"


def _statuses(text: str) -> list[int]:
    return [int(n) for found in _STATUS.findall(text) for n in re.findall(r"\d+", found)]


def _written(description: Description, sent: Sent) -> str:
    found = description.operation(sent)
    return found[0] if found else sent.path


def _texts(program: Program) -> list[str]:
    """Every text of a contract that can read an answer, with its paths written out."""
    dumped = program.contract.model_dump(mode="json", exclude=_WORDS)
    texts = list(_strings(dumped))
    texts += [t.source for t in (program.resource_id, program.resource_label, program.resource_shown) if t]
    texts += [a.value.source for a in program.attributes]
    return [*texts, *(f"before.{path}" for path in program.contract.unchanged)]


def _strings(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _strings(one)
