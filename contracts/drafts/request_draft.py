"""The request of a draft: its parts as they stand in a contract under `execute` or `observe`."""

from dataclasses import dataclass, field

from pydantic import JsonValue

from contracts.drafts.openapi_parameter import Part


@dataclass(slots=True)
class RequestDraft:
    """The parts of one request as they stand in a contract."""

    path: str = ""
    query: Part = field(default_factory=dict)
    headers: Part = field(default_factory=dict)
    json: JsonValue = None
    form: Part | None = None
    idempotency_key: str = ""
    if_match: str = ""
    left_out: list[str] = field(default_factory=list)

    def written(self, method: str) -> Part:
        """The request as a part of `execute` or `observe`; its method is a key."""
        parts: Part = {
            method: self.path,
            "query": self.query,
            "headers": self.headers,
            "idempotency_key": self.idempotency_key,
            "if_match": self.if_match,
        }
        out: Part = {key: value for key, value in parts.items() if value}
        if self.form is not None:
            out["form"] = self.form
        elif self.json is not None:
            out["json"] = self.json
        return out
