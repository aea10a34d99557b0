"""A vendor's OpenAPI description: openapi-core validates requests and answers, and this says what fields there are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema_path import SchemaPath
from openapi_core import Config, OpenAPI
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from openapi_core.testing import MockRequest, MockResponse

from tests.vendors.swagger2 import as_openapi3

HOST = "https://vendor.example"
NO_OPERATION = "the description has no such operation"


@dataclass(frozen=True)
class Sent:
    """One request as it leaves: `path` with the contract's own prefix, percent-encoded; headers in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, method: str, url: str, base: str, headers: Mapping[str, str], body: bytes) -> "Sent":
        parts = urlsplit(url.removeprefix(base))
        return cls(method, parts.path, tuple(parse_qsl(parts.query, keep_blank_values=True)), headers, body)


class Description:
    """One file. Swagger 2.0 is read as OpenAPI 3."""

    def __init__(self, spec: dict[str, Any], in_base_url: str = "") -> None:
        spec = as_openapi3(spec) if "swagger" in spec else spec
        prefix = (
            urlsplit(next(iter(spec.get("servers", [])), {}).get("url", "")).path.rstrip("/").removesuffix(in_base_url)
        )
        # openapi-core expects a body wherever there is `content`, also an empty one
        answers = (
            a
            for item in spec["paths"].values()
            for o in item.values()
            if "responses" in o
            for a in o["responses"].values()
        )
        for answer in answers:
            if answer.get("content") == {}:
                del answer["content"]
        self.spec = spec | {"servers": [{"url": HOST + prefix}]}
        self.version = str(spec["info"]["version"])
        self._root = SchemaPath.from_dict(self.spec)
        config = Config(spec_validator_cls=None, security_provider_factory=_NoSecurity())  # type: ignore[arg-type]
        self._api = OpenAPI(self._root, config)

    @classmethod
    def load(cls, path: Path, in_base_url: str = "") -> "Description":
        return cls(json.loads(path.read_bytes()), in_base_url)

    def operation(self, sent: Sent) -> tuple[str, Mapping[str, Any]] | None:
        """The path as the description writes it and the operation, or None where there is none."""
        try:
            found = APICallPathFinder(self._root).find(sent.method.lower(), HOST + sent.path)
        except PathError:
            return None
        path = list(found.path.parts)[-1]
        return str(path), self.spec["paths"][path][sent.method.lower()]

    def request_faults(self, sent: Sent) -> Iterator[str]:
        """What openapi-core says of a request, and parameters and fields that the description does not have."""
        found = self.operation(sent)
        if found is None:
            yield NO_OPERATION
            return
        path, operation = found
        for error in self._api.iter_request_errors(_request(sent)):
            yield f"request: {_told(error)}"
        known = {p["name"] for p in self._parameters(path, operation) if p["in"] == "query"}
        for name in dict(sent.query).keys() - known:
            yield f"request: the description has no query parameter `{name}`"
        if sent.body:
            content = self.resolved(operation.get("requestBody", {})).get("content", {})
            kind = sent.headers.get("content-type", "")
            if kind not in content:
                yield f"request: the description takes no body of type `{kind}`"
            elif "json" in kind:
                yield from (
                    f"request: {f}" for f in self.unknown_fields(content[kind].get("schema", {}), json.loads(sent.body))
                )

    def answer_faults(self, sent: Sent, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
        """What openapi-core says of an answer, and fields that the description does not have."""
        found = self.operation(sent)
        if found is None:
            return
        kind = headers.get("content-type", "").partition(";")[0]
        answer = MockResponse(data=body, status_code=status, headers=dict(headers), content_type=kind)
        for error in self._api.iter_response_errors(_request(sent), answer):
            yield f"answer {status}: {_told(error)}"
        schema = self.schema_of(found[1], status)
        if schema is not None and body:
            yield from (f"answer {status}: {f}" for f in self.unknown_fields(schema, json.loads(body)))
        elif schema is None and body not in (b"", b"{}") and self.names(found[1], status):
            yield f"answer {status}: the description has no body for it"

    def names(self, operation: Mapping[str, Any], status: int) -> bool:
        """Does the operation name this status?"""
        return bool({str(status), f"{status // 100}XX", "default"} & operation["responses"].keys())

    def schema_of(self, operation: Mapping[str, Any], status: int) -> Mapping[str, Any] | None:
        """The schema of an answer's JSON, or None where it has none."""
        answers = operation["responses"]
        keys = (str(status), f"{status // 100}XX", "default")
        answer = self.resolved(next((answers[k] for k in keys if k in answers), {}))
        content = answer.get("content", {})
        found = next((content[k] for k in content if "json" in k), None)
        return found.get("schema") if found else None

    def resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a `$ref` leads to."""
        while "$ref" in node:
            target: Any = self.spec
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def _parameters(self, path: str, operation: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        both = [*self.spec["paths"][path].get("parameters", []), *operation.get("parameters", [])]
        return [self.resolved(p) for p in both]

    # -- the fields of schemas -----------------------------------------------------------------------------------------

    def shapes(
        self, schema: Mapping[str, Any], seen: frozenset[int] = frozenset(), base: bool = False
    ) -> Iterator[Mapping[str, Any]]:
        """A schema and every schema that it is made of or may be; of a `base`, what else it may be counts not."""
        node = self.resolved(schema)
        if id(node) in seen:
            return
        seen |= {id(node)}
        yield node
        for part in node.get("allOf", ()):
            yield from self.shapes(part, seen, base or "$ref" in part)
        for part in (*node.get("oneOf", ()), *node.get("anyOf", ())):
            yield from self.shapes(part, seen, base)
        kinds = {} if base else node.get("discriminator", {}).get("mapping", {})
        for ref in kinds.values():
            if ref.startswith("#/"):
                yield from self.shapes({"$ref": ref}, seen)

    def below(self, schemas: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]] | None:
        """The schemas of a field (`[]` for an element), an empty list where the description has none, None if any may be."""
        found: list[Mapping[str, Any]] = []
        open_ = False
        for shape in (s for schema in schemas for s in self.shapes(schema)):
            if name == "[]":
                found += [shape["items"]] if "items" in shape else []
                open_ |= shape.keys() <= _WORDS_ABOUT
                continue
            if name in shape.get("properties", {}):
                found.append(shape["properties"][name])
            extra = shape.get("additionalProperties")
            if isinstance(extra, dict) and extra:
                found.append(extra)
            free = shape.get("type") == "object" and not {"properties", "allOf", "oneOf", "anyOf"} & shape.keys()
            open_ |= extra == {} or (free and extra is not False) or shape.keys() <= _WORDS_ABOUT
        return found or (None if open_ else [])

    def unknown_fields(self, schema: Mapping[str, Any], value: object, where: str = "") -> Iterator[str]:
        """Fields of a JSON value that the description does not have."""
        yield from self._unknown([schema], value, where)

    def _unknown(self, schemas: list[Mapping[str, Any]], value: object, where: str) -> Iterator[str]:
        pairs = (
            value.items() if isinstance(value, dict) else (("[]", v) for v in value) if isinstance(value, list) else ()
        )
        for name, one in pairs:
            found = self.below(schemas, name)
            if found == [] and name != "[]":
                yield f"the description has no field `{where}{name}`"
            elif found:
                yield from self._unknown(found, one, f"{where}{name}.")


_WORDS_ABOUT = frozenset({"description", "title", "nullable", "readOnly", "writeOnly", "deprecated", "example"})


class _NoSecurity:
    """Credentials are the connection's and no part of a contract."""

    def create(self, scheme: object) -> object:
        return lambda parameters: None


def _request(sent: Sent) -> MockRequest:
    kind = sent.headers.get("content-type", "")
    return MockRequest(
        HOST,
        sent.method.lower(),
        sent.path,
        args=dict(sent.query),
        headers=dict(sent.headers),
        data=sent.body,
        content_type=kind,
    )


def _told(error: Exception) -> str:
    causes = [e.message for e in getattr(error.__cause__, "schema_errors", ())]
    return f"{error}: {'; '.join(causes)}" if causes else f"{type(error).__name__}: {error}"
