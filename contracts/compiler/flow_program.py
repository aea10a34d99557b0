"""A compiled flow, and a flow rendered for one request: built before the intent, named by it, and carried out so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from contracts.canonical import digest
from contracts.compiler.expressions import Expression, Fault, Scope
from contracts.compiler.template import Template
from contracts.schema.flow import Commit, Flow, FlowStep
from contracts.schema.locator import Locator


@dataclass(frozen=True, slots=True)
class FlowProgram:
    """One compiled flow. `templates` holds every text of it by its source."""

    flow: Flow
    digest: str
    templates: Mapping[str, Template]
    login: "FlowProgram | None" = None

    @property
    def expressions(self) -> Iterator[Expression]:
        """Every expression of its texts."""
        for template in self.templates.values():
            yield from template.expressions

    def filled(self, scope: Scope, absent: frozenset[str] = frozenset()) -> tuple[FlowStep, ...] | Fault:
        """The steps with their values; a `fill` of an optional input that was left out is left out too."""
        steps: list[FlowStep] = []
        for step in self.flow.steps:
            if step.with_ in absent:
                continue
            values: dict[str, object] = {}
            for field in _TEXTS:
                if (source := getattr(step, field)) is not None:
                    values[field] = self._text(source, scope)
            if step.goto is not None:
                values["goto"] = self._path(step.goto, step.query, scope)
            if step.commit is not None:
                # INVARIANT 1: the one request is known before the intent, and the adapter lets no other leave
                path = self.templates[step.commit.path].path(scope)
                values["commit"] = (
                    path
                    if isinstance(path, Fault)
                    else Commit(**{step.commit.method.lower(): path, "confirms": step.commit.confirms})
                )
            field = "from_" if step.verb == "read" else step.verb
            if step.locator is not None:
                values[field] = self.located(step.locator, scope)
            fault = next((v for v in values.values() if isinstance(v, Fault)), None)
            if fault is not None:
                return fault
            steps.append(step.model_copy(update={**values, "query": {}}))
        return tuple(steps)

    def located(self, locator: Locator, scope: Scope) -> Locator | Fault:
        """A locator with its values."""
        values: dict[str, object] = {}
        for field in ("name", "label", "text"):
            if (source := getattr(locator, field)) is not None:
                values[field] = self._text(source, scope)
        if locator.within is not None:
            values["within"] = self.located(locator.within, scope)
        fault = next((v for v in values.values() if isinstance(v, Fault)), None)
        return fault or locator.model_copy(update=values)

    def _text(self, source: str, scope: Scope) -> str | Fault:
        return self.templates[source].text(scope)

    def _path(self, source: str, query: Mapping[str, str], scope: Scope) -> str | Fault:
        path = self.templates[source].path(scope)
        pairs = []
        for name, value in query.items():
            text = self._text(value, scope)
            if isinstance(text, Fault):
                return text
            pairs.append((name, text))
        return path if isinstance(path, Fault) or not pairs else f"{path}?{urlencode(pairs)}"


_TEXTS = ("is_", "with_", "option")


@dataclass(frozen=True, slots=True)
class FlowRequest:
    """A rendered flow: the pages' base URL and every step with its values. `digest` is what the intent names.

    Where a secret is typed stands its handle; `handles` are those with their destinations (`contract.input`). The value
    takes the handle's place only in the field.
    """

    program: FlowProgram
    base_url: str
    steps: tuple[FlowStep, ...]
    handles: tuple[tuple[str, str], ...] = ()

    @property
    def commit(self) -> Commit | None:
        """The one request that may leave."""
        return next((step.commit for step in self.steps if step.commit is not None), None)

    @property
    def method(self) -> str:
        """The method of the commit."""
        return self.commit.method if self.commit else "GET"

    @property
    def url(self) -> str:
        """The URL that the commit is sent to, or the first page of a read."""
        return self.base_url + (self.commit.path if self.commit else str(self.steps[0].goto))

    @property
    def digest(self) -> str:
        """Digest over the flow's digest, the base URL and every filled step."""
        # the base URL too: the same steps on another site are another request
        return digest([self.program.digest, self.base_url, [_plain(step) for step in self.steps]])

    @property
    def said(self) -> list[dict[str, object]]:
        """The filled steps as JSON."""
        return [_plain(step) for step in self.steps]


def _plain(step: FlowStep) -> dict[str, object]:
    return step.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def render_flow(
    program: FlowProgram,
    base_url: str,
    scope: Scope,
    absent: frozenset[str] = frozenset(),
    handles: tuple[tuple[str, str], ...] = (),
) -> FlowRequest | Fault:
    """The flow of one request, or the fault of the first text that has no safe value."""
    steps = program.filled(scope, absent)
    return steps if isinstance(steps, Fault) else FlowRequest(program, base_url.rstrip("/"), steps, handles)
