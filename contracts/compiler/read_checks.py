"""The checks of a contract's reads: they show the resource, nothing late chooses them, and they prove the effect."""

import re
from collections.abc import Iterable, Mapping, Sequence

from contracts.compiler.check import Check
from contracts.compiler.flow_use import flows_of
from contracts.compiler.read_program import AnyRead, McpRead
from contracts.compiler.text_compiler import flat_pairs
from contracts.errors import AilyusError
from contracts.schema.contract import Contract
from contracts.schema.resource import Resource
from contracts.schema.route import Observe


class ReadChecks:
    """Refuses, with `AilyusError`, what the reads of one contract leave open."""

    def __init__(self, contract: Contract, observe: Mapping[str, Observe], reads: Sequence[AnyRead]) -> None:
        self._contract = contract
        self._observe = observe
        self._reads = reads

    def check_channel(self, expect: Iterable[Check]) -> None:
        """What matters much is not proved by the server's own word alone."""
        c = self._contract
        if c.risk not in ("high", "critical") or c.same_channel or not any(r.way == "mcp" for r in c.execute):
            return
        # only the reads that `expect` depends on: others may come from anywhere
        proof = {path.split(".")[1] for check in expect for path in check.expression.paths()}
        # guard: the server's own word
        if all(isinstance(r, McpRead) and r.target == c.target for r in self._reads if r.name in proof):
            hint = "observe it by `get` from the application itself, or say in `same_channel` why this is enough"
            sentence = f"at risk {c.risk} it is read back through the server that acted"
            raise AilyusError("bad_contract", sentence, hint=hint, field="expect")

    def check_shown(self, resource: Resource) -> None:
        """The resource is the one that the reads show: they ask for it by its id, or the record gives the same id."""
        if self._contract.kind == "read" or resource.shown is not None:
            return
        # INVARIANT 9: a record that nobody asked for by its id may be anybody's
        asked = self._addresses()
        for name in re.findall(r"\binputs\.(\w+)", resource.id):
            if not any(re.search(rf"\binputs\.{name}\b", text) for text in asked):
                hint = "read the record by it, or give the record's own id as `shown`, for example ${before.user.id}"
                raise AilyusError(
                    "bad_contract", f"no read shows that `{name}` is the resource", hint=hint, field="resource.id"
                )

    def check_late(self, resource: Resource) -> None:
        """What arrives late may not choose the resource or what is read."""
        # people approve before the late value exists, so it must not decide what it is about
        texts = [resource.id, resource.label or "", *(a.value for a in resource.attributes.values())]
        texts += self._addresses()
        for name, field in self._contract.inputs.items():
            if (field.late or field.type == "secret") and any(re.search(rf"\binputs\.{name}\b", t) for t in texts):
                raise AilyusError(
                    "bad_contract", "a late or secret input chooses the resource or a read", field=f"inputs.{name}"
                )
            if field.type == "secret" and (field.index or field.default is not None or field.enum):
                raise AilyusError("bad_contract", "a secret has no index, default or enum", field=f"inputs.{name}")

    def _addresses(self) -> list[str]:
        """Every text that says what is read."""
        # a flow asks by what it fills in and where it goes
        texts = [text for flow in flows_of(self._reads, ()) for text in flow.templates]
        for observe in self._observe.values():
            texts += [observe.get or observe.post or "", *(text for _, text in flat_pairs(observe.query))]
            texts += [text for _, text in flat_pairs(observe.form or {})]
            texts += [
                str(observe.json_body),
                *observe.headers.values(),
                str(observe.mcp.arguments if observe.mcp else ""),
                str(observe.python.arguments if observe.python else ""),
            ]
        return texts
