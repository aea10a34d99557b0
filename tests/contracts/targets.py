"""A target for tests, changed where a test needs it."""

from typing import Any

from contracts.action.target import Target, Ui

UI = Ui("https://pages.example/base", "env:LOGIN", "robot")


def target(**changes: Any) -> Target:
    fields: dict[str, Any] = {
        "name": "main",
        "kind": "records",
        "base_url": "https://api.example/v1",
        "tenant": "acme",
        "environment": "prod",
        "read": "env:READ",
        "write": "env:WRITE",
        "principal": "robot",
    }
    return Target(**{**fields, **changes})
