"""What one operation of an API description sends: each parameter at its place, in the form that the description says.

Whatever a contract cannot say stands there as a `TODO`, by its name; nothing is guessed and nothing is left out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from contracts.drafts.credentials import IDEMPOTENCY, names_a_secret
from contracts.drafts.draft_inputs import Inputs, lost_parts
from contracts.drafts.openapi_body import BodyWriter
from contracts.drafts.openapi_pairs import PairWriter, optional
from contracts.drafts.openapi_parameter import Parameter, style_of, text_input, text_of
from contracts.drafts.request_draft import RequestDraft
from contracts.text.todo import TODO

HOLE: Final = re.compile(r"\{([^{}]+)\}")
_NOT_PARAMETERS: Final = ("accept", "content-type", "authorization")
"""Names of header parameters that OpenAPI tells everybody to ignore: other parts of the description say them."""
_NOT_FOR_CONTRACTS: Final = ("host", "content-length", "cookie", "transfer-encoding")
_CREDENTIAL: Final = f"{TODO} a credential: give it to the connection (`header`, `scheme`), then delete the line"


class Writer:
    """Writes the request of one operation.

    `where` is `path`, or `read` for a request that only reads back what another one changed: then `shared` are the
    places of that one's path, and with `needed_only` optional parameters are left out and listed.
    """

    def __init__(self, inputs: Inputs, where: str, shared: Sequence[str], *, needed_only: bool) -> None:
        self.sent = RequestDraft()
        self._inputs = inputs
        self._where = where
        self._shared = shared
        self._needed_only = needed_only
        self._pairs = PairWriter(inputs, where)
        self.body = BodyWriter(self.sent, inputs, self._pairs)

    def parameters(self, path: str, parameters: Sequence[Parameter]) -> None:
        """Path, query, headers and cookies."""
        plain, _, query = path.partition("?")
        self.sent.query |= dict(parse_qsl(query, keep_blank_values=True))
        self.sent.path = self._path(plain, {p.name: p for p in parameters if p.where == "path"})
        for parameter in parameters:
            if parameter.where in ("query", "header", "cookie") and self._wanted(parameter):
                {"query": self._query, "header": self._header, "cookie": self._cookie}[parameter.where](parameter)
        for where, kept in (("query", self.sent.query), ("header", self.sent.headers)):
            if lost := self._pairs.lost.get(where):
                kept[TODO] = lost_parts(lost)

    def _wanted(self, parameter: Parameter) -> bool:
        place = self._pairs.place(parameter.where, parameter.name)
        if parameter.needed or self._inputs.fixed(place):
            return True
        if self._needed_only:
            self.sent.left_out.append(parameter.name)
            return False
        return not self._inputs.leaves_out(place)

    # -- path ------------------------------------------------------------------------------

    def _path(self, path: str, known: Mapping[str, Parameter]) -> str:
        wrong: list[str] = []

        def filled(hole: re.Match[str]) -> str:
            value = self._hole(path, hole, known.get(hole[1]))
            if value is None:
                wrong.append(hole[0])
            return value or hole[0]

        out = HOLE.sub(filled, path)
        if wrong or "#" in path:
            what = ", ".join(wrong) or "a `#`"
            return f"{TODO} {what} in a path is nothing that a contract can say: {path}"
        return out

    def _hole(self, path: str, hole: re.Match[str], parameter: Parameter | None) -> str | None:
        name = hole[1]
        above = HOLE.sub("{}", path[: path.index(hole[0])])  # a name that is there twice is one parameter
        place = ("path" if above in self._shared else self._where, name)
        if fixed := self._inputs.fixed(place):
            return text_of(fixed[0])
        if re.search(r"[+*]", name):
            return None
        if parameter is None:
            said = f"{TODO} the description declares no parameter of this name: say what it is"
            return self._inputs.take(place, {"type": "string", "description": said}, ("path", above))
        if parameter.part.get("style", "simple") != "simple" or "content" in parameter.part:
            return None
        field_ = text_input(parameter.schema)
        if field_ is None:
            return None
        return self._pairs.listed(field_, "form", place, ("path", above))

    # -- query, headers, cookies ------------------------------------------------------------------------------

    def _query(self, parameter: Parameter) -> None:
        name, part = parameter.name, parameter.part
        if names_a_secret(name):
            self.sent.query[name] = _CREDENTIAL
            return
        style, explode = style_of(part)
        if "content" in part:
            style = "content"
        self._pairs.write(self.sent.query, parameter, style, explode)

    def _header(self, parameter: Parameter) -> None:
        name, lower, place = parameter.name, parameter.name.lower(), self._pairs.place("header", parameter.name)
        if lower in _NOT_PARAMETERS:
            return
        if lower in IDEMPOTENCY:
            self.sent.idempotency_key = name
        elif lower == "if-match":
            self.sent.if_match = f'{TODO} the version as the read shows it, for example "${{before.state.version}}"'
        elif fixed := self._inputs.fixed(place):
            self.sent.headers[name] = text_of(fixed[0])
        elif names_a_secret(name):
            self.sent.headers[name] = _CREDENTIAL
        elif lower in _NOT_FOR_CONTRACTS:
            self.sent.headers[name] = f"{TODO} this header is not for contracts: delete the line"
        elif (field_ := text_input(parameter.schema)) is not None and "content" not in parameter.part:
            optional(field_, parameter.needed)
            self.sent.headers[name] = self._pairs.listed(field_, "form", place, None)
        elif parameter.needed:
            self.sent.headers[name] = f"{TODO} a value that no input can hold: write it out"
        else:
            self._pairs.lost.setdefault("header", []).append(name)

    def _cookie(self, parameter: Parameter) -> None:
        name = re.sub(r"[^A-Za-z0-9_.-]", "?", parameter.name)[:60]
        if parameter.needed:
            self.sent.headers["Cookie"] = f"{TODO} the cookie `{name}` is needed, and no contract sends cookies"
        else:
            self._pairs.lost.setdefault("header", []).append(f"the cookie {name}")
