"""What an approver sees: nothing hidden, nothing invisible, nothing that pretends."""

import pytest

from contracts.text.visible_text import visible
from policies.approval_document import Display, Line, render


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("a\x1b[2Jb", "a\\u{001B}[2Jb"),
        ("a\u202eb", "a\\u{202E}b"),
        ("a\u200bb", "a\\u{200B}b"),
        ("p\u0430ypal", "p\\u{0430}ypal"),
        ("Привет мир", "Привет мир"),
        ("Zoë", "Zoë"),
        ("[red]x[/red]", "[red]x[/red]"),
        ("a\nb", "a\\u{000A}b"),
    ],
)
def test_every_character_is_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_what_does_not_fit_cannot_be_approved() -> None:
    assert not Display(lines=(Line(label="x", value="y" * 2001, origin="agent"),)).fits


def test_the_digest_is_over_labels_values_and_origins() -> None:
    line = Line(label="a", value="b", origin="agent")
    digests = {
        Display(lines=lines).digest
        for lines in (
            (line,),
            (line, line),
            (line.model_copy(update={"origin": "policy"}),),
            (line.model_copy(update={"label": "c"}),),
        )
    }
    assert len(digests) == 4


def test_the_agents_words_are_marked() -> None:
    assert render(Display(lines=(Line(label="reason", value="please", origin="agent"),))).endswith(
        "(the agent's words)"
    )
