"""Random operations, and what a reference client sends for them: OpenAPI's own rules of styles, written out once more."""

import random
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from contracts.drafts.openapi import Description
from tests.imports import Request, Tally, against

NAMES = (
    "id",
    "name",
    "city",
    "user_id",
    "state",
    "tags",
    "filter",
    "page",
    "X-Tenant-Id",
    "X-Mode",
    "role",
    "on",
    "items",
    "order-id",
    "größe",
    "reason",
)
TEXTS = ("a", "R&D", "it's", "ä ö", "50%", "u-42", "1+1", "x=y", "a/b?c#d")
PLAIN = ("a", "u-42", "v1", "ä", "x y")
STRING = {"type": "string"}


class Case:
    """One operation, and the request of a client that gives a random value to each parameter."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.parameters: list[dict[str, Any]] = []
        self.query: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        self.method = rng.choice(("post", "put", "patch", "delete"))
        self.swagger = rng.random() < 0.2
        self.path, self.sent_path = self._path()
        for _ in range(rng.randint(0, 3)):
            self._query()
        for name in rng.sample(
            ("X-Tenant-Id", "X-Mode", "If-Match", "Idempotency-Key", "X-Auth-Token"), rng.choice((0, 0, 0, 1, 2))
        ):
            self._header(name)
        if not self.swagger and rng.random() < 0.05:
            self.parameters.append({"name": "sid", "in": "cookie", "required": True, "schema": STRING})
        self.request_body: dict[str, Any] | None = None
        self.kind, self.body = "", b""
        if rng.random() < 0.8:
            self._swagger_form() if self.swagger else self._body()

    def _add(self, name: str, where: str, schema: dict[str, Any], **more: Any) -> bool:
        if any((p["name"], p["in"]) == (name, where) for p in self.parameters):
            return False
        own = schema if self.swagger else {"schema": schema}
        self.parameters.append({"name": name, "in": where, **own, **more})
        return True

    def _path(self) -> tuple[str, str]:
        path, sent = "", ""
        for _ in range(self.rng.randint(1, 3)):
            shape = self.rng.choice(
                (
                    "/users",
                    "/v1",
                    "/{0}",
                    "/{0}",
                    "/x-{0}",
                    "/{0}:cancel",
                    "/{0}...{1}",
                    "/{0}.{1}",
                    "/u('{0}')",
                    "/{0}/{0}",
                )
            )
            names = self.rng.sample(("id", "user_id", "orderId", "base", "head", "format"), 2)
            filled = shape
            for number, name in enumerate(names):
                if f"{{{number}}}" not in shape:
                    continue
                kind = self.rng.choice((STRING, STRING, {"type": "integer"}))
                value = "7" if kind != STRING else self.rng.choice(PLAIN)
                known = next((p for p in self.parameters if p["name"] == name), None)
                if known is not None:
                    value = known["x-value"]
                self._add(name, "path", kind, required=True, **{"x-value": value})
                filled = filled.replace(f"{{{number}}}", quote(value, safe=""))
            if "{" not in shape:
                path, sent = path + shape, sent + shape
                continue
            for number, name in enumerate(names):
                shape = shape.replace(f"{{{number}}}", f"{{{name}}}")
            path, sent = path + shape, sent + filled
        return path, sent

    def _scalar(self) -> tuple[dict[str, Any], str]:
        return self.rng.choice(
            (
                (STRING, self.rng.choice(TEXTS)),
                ({"type": "integer"}, "12"),
                ({"type": "boolean"}, "true"),
                ({"type": "number"}, "1.5"),
                ({"type": "string", "enum": ["a", "b"]}, "b"),
            )
        )

    def _pair(self, name: str, where: str, pairs: list[tuple[str, str]], required: bool) -> None:
        """One value of a query, in a random style; what is optional is given, or not."""
        shape = self.rng.random()
        given = required or self.rng.random() < 0.7
        more: dict[str, Any] = {"required": required}
        if shape < 0.5:
            schema, value = self._scalar()
            values = [(name, value)]
        elif shape < 0.8:
            schema = {"type": "array", "items": self.rng.choice((STRING, {"type": "integer"}))}
            items = ["1", "2"] if schema["items"] != STRING else self.rng.sample(("a", "b c", "ä"), 2)
            style, explode, mark = self.rng.choice(
                (
                    ("form", True, ""),
                    ("form", False, ","),
                    ("spaceDelimited", False, " "),
                    ("pipeDelimited", False, "|"),
                )
            )
            if schema["items"] == STRING and mark == " ":
                items = ["a", "b"]
            if self.swagger:
                more["collectionFormat"] = {"": "multi", ",": "csv", " ": "ssv", "|": "pipes"}[mark]
            else:
                more |= {"style": style, "explode": explode}
            values = [(name, mark.join(items))] if mark else [(name, item) for item in items]
        elif self.swagger:
            return
        elif shape < 0.95:
            inner = self.rng.sample(("state", "zone", "age"), self.rng.randint(1, 2))
            schema = {"type": "object", "required": inner, "properties": dict.fromkeys(inner, STRING)}
            style, explode = self.rng.choice((("deepObject", True), ("form", True), ("form", False)))
            more |= {"style": style, "explode": explode}
            values = [(f"{name}[{key}]" if style == "deepObject" else key, "a b") for key in inner]
            if style == "form" and not explode:
                values = [(name, ",".join(f"{key},a b" for key in inner))]
        else:
            schema, values = {"oneOf": [STRING, {"type": "object"}]}, [(name, "a")]
        if any(key in dict(pairs) for key, _ in values) or not self._add(name, where, schema, **more):
            return
        pairs += values if given else []

    def _query(self) -> None:
        self._pair(self.rng.choice(NAMES), "query", self.query, self.rng.random() < 0.5)

    def _header(self, name: str) -> None:
        schema, value = self._scalar()
        if schema == STRING:
            value = "abc"
        if self._add(name, "header", schema, required=self.rng.random() < 0.7):
            self.headers[name] = value

    def _tree(self, depth: int) -> tuple[dict[str, Any], Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        value: dict[str, Any] = {}
        for name in self.rng.sample(NAMES, self.rng.randint(0 if depth else 1, 4)):
            must = self.rng.random() < 0.6
            shape = self.rng.random()
            if shape < 0.7:
                schema, own = self.rng.choice(
                    (
                        (STRING, self.rng.choice(TEXTS)),
                        ({"type": "integer"}, 5),
                        ({"type": "boolean"}, False),
                        ({"type": ["string", "null"]}, "x"),
                        ({"allOf": [STRING]}, "y"),
                    )
                )
            elif shape < 0.82:
                schema, own = {"type": "array", "items": STRING}, ["a", "b"]
            elif shape < 0.9 and depth < 2:
                schema, own = self._tree(depth + 1)
            elif shape < 0.95 and depth < 2:
                inner, one = self._tree(depth + 1)
                schema, own = {"type": "array", "items": inner}, [one]
            elif shape < 0.975:
                schema, own = {"type": "number"}, 1.5
            else:
                schema, own = (
                    self.rng.choice(
                        (
                            {"oneOf": [STRING, {"type": "object"}]},
                            {"type": "object"},
                            {"$ref": "#/components/schemas/loop"},
                        )
                    ),
                    {},
                )
            properties[name] = schema
            required += [name] if must else []
            if must or self.rng.random() < 0.6:
                value[name] = own
        if self.rng.random() < 0.1:
            properties["made"] = {"type": "string", "readOnly": True}
        whole = {"type": "object", "required": required, "properties": properties}
        return ({"allOf": [whole, {"description": "x"}]}, value) if self.rng.random() < 0.2 else (whole, value)

    def _body(self) -> None:
        media = self.rng.choice(
            (
                "application/json",
                "application/json",
                "application/merge-patch+json",
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
                "text/plain",
            )
        )
        schema, value = self._tree(0)
        if self.rng.random() < 0.05:
            schema, value = (
                self.rng.choice(({"oneOf": [schema, {"type": "object"}]}, {"type": "array", "items": schema})),
                [value],
            )
        self.kind, self.body = media, orjson.dumps(value)
        if media == "application/x-www-form-urlencoded":
            pairs: list[tuple[str, str]] = []
            fields: dict[str, Any] = {}
            required = []
            for name in self.rng.sample(NAMES, 3):
                one, text = self._scalar()
                many = self.rng.random() < 0.3
                fields[name] = {"type": "array", "items": STRING} if many else one
                if self.rng.random() < 0.5:
                    required.append(name)
                elif self.rng.random() < 0.5:
                    continue
                pairs += [(name, "a"), (name, "b c")] if many else [(name, text)]
            schema = {"type": "object", "required": required, "properties": fields}
            self.body = "&".join(f"{quote(n)}={quote(v)}" for n, v in pairs).encode()
        self.request_body = {"required": True, "content": {media: {"schema": schema}}}

    def _swagger_form(self) -> None:
        pairs: list[tuple[str, str]] = []
        for name in self.rng.sample(NAMES, 2):
            self._pair(name, "formData", pairs, self.rng.random() < 0.5)
        self.kind, self.body = (
            "application/x-www-form-urlencoded",
            "&".join(f"{quote(n)}={quote(v)}" for n, v in pairs).encode(),
        )

    def description(self) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "operationId": "act",
            "parameters": self.parameters,
            "responses": {"200": {"description": "x"}},
        }
        if self.request_body is not None:
            operation["requestBody"] = self.request_body
        if self.swagger:
            operation["consumes"] = ["application/x-www-form-urlencoded"]
        loop = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/components/schemas/loop"}}}
        version = {"swagger": "2.0"} if self.swagger else {"openapi": self.rng.choice(("3.0.3", "3.1.0"))}
        return {
            **version,
            "info": {"title": "T", "version": "1"},
            "paths": {
                self.path: {self.method: operation},
                "/look": {"get": {"operationId": "look", "responses": {"200": {"description": "x"}}}},
            },
            "components": {"schemas": {"loop": loop}},
        }

    def request(self) -> Request:
        target = self.sent_path + (
            "?" + "&".join(f"{quote(n)}={quote(v)}" for n, v in self.query) if self.query else ""
        )
        headers = {**self.headers, **({"content-type": self.kind} if self.body else {})}
        return Request.of(self.method.upper(), target, headers, self.body)


def operations(count: int, seed: int = 18) -> Tally:
    """Compare `count` operations."""
    rng, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "api.json"
        for _ in range(count):
            case = Case(rng)
            file.write_bytes(orjson.dumps(case.description()))
            draft = Description.load(file).draft("act", "look", "d", {})
            against(draft, case.request(), tally, orjson.dumps(case.description()).decode())
    return tally
