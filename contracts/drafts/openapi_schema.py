"""The schemas of an API description: references within it followed (RFC 6901), and what `allOf` joins as one."""

from typing import Final

from pydantic import JsonValue

from contracts.drafts.draft_inputs import MAX_NESTING
from contracts.drafts.input_schema import CUT
from contracts.drafts.openapi_parameter import Part
from contracts.errors import AilyusError

MAX_REFS: Final = 64


class Schemas:
    """Every schema of one description. `circular` tells whether one of those that were asked for holds itself."""

    def __init__(self, content: Part) -> None:
        self._content = content
        self.circular = False

    def solved(self, part: JsonValue) -> Part:
        """A schema with its references followed, as deep as a request needs it; what holds itself is cut and marked."""
        return self._deep(part, frozenset(), 0, True)

    def _deep(self, part: JsonValue, trail: frozenset[str], depth: int, needed: bool) -> Part:
        out, trail = self.flat(part, trail)
        properties, required = out.get("properties"), out.get("required")
        if isinstance(properties, dict) and depth >= MAX_NESTING:
            return {**out, CUT: True}
        if isinstance(properties, dict) and needed:
            musts = required if isinstance(required, list) else []
            # what the other side sets itself is nothing to send
            out["properties"] = {
                name: solved
                for name, one in properties.items()
                if (solved := self._deep(one, trail, depth + 1, name in musts)).get("readOnly") is not True
            }
        if isinstance(out.get("items"), dict):
            out["items"] = self._deep(out["items"], trail, depth + 1, needed)
        return out

    def flat(self, part: JsonValue, trail: frozenset[str]) -> tuple[Part, frozenset[str]]:
        """One part with its own references followed and `allOf` joined, and the references that led to it."""
        if not isinstance(part, dict):
            return {}, trail
        whole: Part = part
        # a schema that refers to itself would be followed forever
        while (reference := whole.get("$ref")) is not None:
            if str(reference) in trail or len(trail) > MAX_REFS:
                return {CUT: True}, trail
            trail |= {str(reference)}
            whole = self._at(str(reference))
        out = {key: value for key, value in whole.items() if key not in ("allOf", "oneOf", "anyOf")}
        parts = whole.get("allOf")
        chosen = [(c, trail) for c in parts] if isinstance(parts, list) else []
        for key in ("oneOf", "anyOf"):
            choices = whole.get(key)
            if not isinstance(choices, list):
                continue
            real = [c for c in choices if not (isinstance(c, dict) and c.get("type") == "null")]
            if len(real) == 1:
                chosen.append((real[0], trail))
            else:
                out[key] = real
        for choice, above in chosen:
            own, below = self.flat(choice, above)
            self.circular = self.circular or CUT in own
            own.pop(CUT, None)
            out = _joined(own, out)
            trail |= below
        return out, trail

    def _at(self, reference: str) -> Part:
        """The part that a local reference (RFC 6901) names."""
        if not reference.startswith("#/"):  # guard: no reference leads out
            hint = "importers never fetch: put everything into one file"
            raise AilyusError("bad_description", f"`{reference[:200]}` leads out of the description", hint=hint)
        part: JsonValue = dict(self._content)
        for word in reference[2:].split("/"):
            # in this order (RFC 6901 section 4): `~01` is `~1`, and no slash
            word = word.replace("~1", "/").replace("~0", "~")
            part = part.get(word) if isinstance(part, dict) else None
        if not isinstance(part, dict):
            raise AilyusError("bad_description", f"`{reference[:200]}` leads nowhere")
        return part


def _joined(first: Part, second: Part) -> Part:
    """Two parts of one schema: the fields of both, and of the rest what the second says."""
    out = {**first, **second}
    for key in ("properties",):
        both = [part[key] for part in (first, second) if isinstance(part.get(key), dict)]
        if both:
            out[key] = {name: value for part in both if isinstance(part, dict) for name, value in part.items()}
    needed = [name for part in (first, second) if isinstance(named := part.get("required"), list) for name in named]
    if needed:
        out["required"] = needed
    return out
