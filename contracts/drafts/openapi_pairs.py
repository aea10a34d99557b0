"""The pairs of a query or a form: each parameter of an OpenAPI operation in the style that the description says."""

from typing import Final

from contracts.drafts.draft_inputs import Inputs
from contracts.drafts.input_schema import is_a_choice
from contracts.drafts.openapi_parameter import Parameter, Part, text_input, texts_of
from contracts.text.todo import TODO

# the styles of OpenAPI 3 that join a list to one text
_MARKS: Final = {
    "form": ("list.commas", ","),
    "spaceDelimited": ("list.spaces", " "),
    "pipeDelimited": ("list.pipes", "|"),
}


class PairWriter:
    """Writes pairs. `lost` are the optional parameters that no input can hold, by the part of the request.

    `where` is `path`, or `read` for a request that only reads back what another one changed.
    """

    def __init__(self, inputs: Inputs, where: str) -> None:
        self._inputs = inputs
        self._where = where
        self.lost: dict[str, list[str]] = {}

    def place(self, where: str, name: str) -> tuple[str, ...]:
        """Where a parameter's input stands: a read back has its own inputs, apart from those of the write."""
        return (self._where if self._where != "path" else where, name)

    def write(self, kept: Part, parameter: Parameter, style: str, explode: bool) -> None:
        """One parameter of a query or a form, in the style that the description says."""
        name, schema, place = parameter.name, parameter.schema, self.place(parameter.where, parameter.name)
        fixed = self._inputs.fixed(place)
        if fixed:
            kept[name] = texts_of(fixed[0])
            return
        field_ = None if style in ("content", "deepObject") else text_input(schema)
        properties = schema.get("properties")
        whole = isinstance(properties, dict) and not is_a_choice(schema) and bool(properties)
        if field_ is not None and not (field_["type"] == "array" and explode and style != "form"):
            optional(field_, parameter.needed)
            repeated = explode or field_["type"] != "array"
            kept[name] = self._inputs.take(place, field_) if repeated else self.listed(field_, style, place, None)
        elif whole and isinstance(properties, dict) and (style == "deepObject" or (style == "form" and explode)):
            self._object(kept, parameter, properties, style)
        elif parameter.needed:
            kept[name] = f"{TODO} a value that no input can hold, in the style `{style}`: write it out"
        else:
            self.lost.setdefault(parameter.where, []).append(name)

    def _object(self, kept: Part, parameter: Parameter, properties: Part, style: str) -> None:
        required = parameter.schema.get("required")
        needed = required if isinstance(required, list) else []
        for name, schema in properties.items():
            key = f"{parameter.name}[{name}]" if style == "deepObject" else name
            place = (*self.place(parameter.where, parameter.name), name)
            field_ = text_input(schema) if isinstance(schema, dict) else None
            must = parameter.needed and name in needed
            if fixed := self._inputs.fixed(place):
                kept[key] = texts_of(fixed[0])
            elif not must and self._inputs.leaves_out(place):
                continue
            elif field_ is not None and field_["type"] != "array":
                optional(field_, must)
                kept[key] = self._inputs.take(place, field_)
            elif must:
                kept[key] = f"{TODO} a value that no input can hold, in the style `{style}`: write it out"
            else:
                self.lost.setdefault(parameter.where, []).append(f"{parameter.name}.{name}")

    def listed(self, field_: Part, style: str, place: tuple[str, ...], key: object) -> str:
        """The template of one value in a text; a list is joined by the mark of its style."""
        items = field_.get("items")
        if field_["type"] != "array" or not isinstance(items, dict):
            return self._inputs.take(place, field_, key)
        # an item that holds the mark would be read as two
        function, mark = _MARKS[style]
        if items["type"] == "string" and "enum" not in items:
            items["pattern"] = f"^[^{mark}]+$"
        return self._inputs.take(place, field_, key).replace("${", f"${{{function}(").replace("}", ")}")


def optional(field_: Part, needed: bool) -> None:
    """Mark an input that may be left out; one with a default is never absent."""
    if not needed and field_.get("default") is None:
        field_["optional"] = True
