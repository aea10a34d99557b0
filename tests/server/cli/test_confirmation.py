"""The question before something is signed: asked at a terminal only, and no answer of a pipe counts."""

import io
import sys

import pytest

from contracts.errors import AilyusError
from server.cli.confirmation import confirm


def test_where_nobody_can_be_asked_nothing_is_done_without_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(AilyusError, match="this is no terminal") as caught:
        confirm("sign it?", yes=False)
    assert "--yes" in caught.value.hint
    confirm("sign it?", yes=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "done"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_only_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch, answer: str, done: bool) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", Terminal())
    if done:
        confirm("sign it?", yes=False)
    else:
        with pytest.raises(AilyusError, match="the answer was no"):
            confirm("sign it?", yes=False)
