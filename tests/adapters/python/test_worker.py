"""The worker of an adapter: one answer for each call, and no word of what an adapter raises."""

import time
from typing import Any

import pytest

from adapters.plugin import NotSent, Refused
from adapters.python.worker import _answer, _loaded
from contracts.errors import AilyusError


class Groups:
    """An adapter that keeps what it was asked."""

    def __init__(self, gives: Any = None) -> None:
        self.gives = gives
        self.asked: list[Any] = []

    def read(self, operation: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((operation, arguments))
        if isinstance(self.gives, BaseException):
            raise self.gives
        return self.gives

    def write(self, operation: str, arguments: dict[str, Any], key: str) -> Any:
        self.asked.append((operation, arguments, key))
        return self.read(operation, arguments)


def answered(groups: Groups, **call: Any) -> dict[str, Any]:
    said: list[dict[str, Any]] = []
    whole = {
        "id": 7,
        "do": "read",
        "operation": "get",
        "arguments": {"a": 1},
        "key": "",
        "deadline": time.monotonic() + 60,
    }
    _answer(groups, {**whole, **call}, said.append)
    assert len(said) == 1
    assert said[0].pop("id") == 7
    return said[0]


@pytest.mark.parametrize("value", [None, {"a": [1, "x", True]}, "", 0])
def test_what_it_gives_is_the_answer(value: Any) -> None:
    assert answered(Groups(value)) == {"end": "answer", "value": value}


def test_a_write_has_its_key_and_a_read_has_none() -> None:
    groups = Groups()
    answered(groups, do="write", key="k1")
    assert groups.asked[0] == ("get", {"a": 1}, "k1")
    answered(groups)
    assert groups.asked[-1] == ("get", {"a": 1})


@pytest.mark.parametrize(
    ("raised", "end"),
    [(NotSent("s3cret"), "not_sent"), (Refused("s3cret"), "refused"), (ValueError("s3cret"), "failed"), (SystemExit("s3cret"), "failed"), (KeyboardInterrupt("s3cret"), "failed")],
)  # fmt: skip
def test_nothing_of_what_it_raises_is_kept(raised: BaseException, end: str) -> None:
    assert answered(Groups(raised)) == {"end": end}


@pytest.mark.parametrize("value", [{1, 2}, object(), {"a": b"x"}, 2**70, {1: "a"}])
def test_what_is_no_json_is_no_answer(value: Any) -> None:
    assert answered(Groups(value)) == {"end": "failed"}


def test_what_waited_too_long_is_not_begun() -> None:
    groups = Groups()
    assert answered(groups, deadline=time.monotonic() - 1) == {"end": "not_sent"}
    assert groups.asked == []


def test_arguments_that_are_no_object_are_not_sent() -> None:
    groups = Groups()
    for arguments in (None, [], "a"):
        assert answered(groups, arguments=arguments) == {"end": "not_sent"}
    assert groups.asked == []


def test_one_that_is_not_installed_is_said() -> None:
    first = {"entry_point": "no-such-adapter", "digest": "", "base_url": "", "principal": "", "credential": ""}
    found = _loaded(first)
    assert isinstance(found, AilyusError)
    assert (found.code, found.sentence) == (
        "no_adapter",
        "no distribution offers `no-such-adapter` in `ailyus.adapters`",
    )
