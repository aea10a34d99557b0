"""Words of a shell: as bash reads them, and nothing is run."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.drafts.shell import words_of
from contracts.errors import AilyusError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"""curl $'{"note":"it\'s done"}'""", ["curl", """{"note":"it's done"}"""]),
        (r"$'\x41\u00e9\t\101\cA\\'", ["Aé\tA\x01\\"]),
        ("a \\\r\n b \\\n c", ["a", "b", "c"]),
        ('a \'b c\'"d $X ${Y} \\" \\n"e\\ f', ["a", 'b cd {X} {Y} " \\ne f']),
        ("'$X'", ["$X"]),
        ("a # b", ["a"]),
        ("https://d.example/<id>", ["https://d.example/<id>"]),
        ("'' \"\"", ["", ""]),
    ],
)
def test_the_words_of_a_shell(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    "text",
    ["curl 'a", 'curl "a', "curl $'a", "curl \"$(id)\"", "curl \"`id`\"", "curl ${X:-y}", "curl $((1+1))", "curl a; rm b", "curl a && b", "(curl a)", "curl <(id)", "curl a\\"],
)  # fmt: skip
def test_what_would_run_or_is_not_ended_is_refused(text: str) -> None:
    with pytest.raises(AilyusError) as caught:
        words_of(text)
    assert caught.value.code == "bad_curl"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12), min_size=1, max_size=4))
@settings(max_examples=60)
def test_words_that_a_shell_would_quote_are_read_back(words: list[str]) -> None:
    assert words_of(f"curl {shlex.join(words)}")[1:] == words
