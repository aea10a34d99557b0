"""Old spellings of commands: each leads to a command that there is, and is none itself."""

from server.cli.command_tree import TREE
from server.cli.old_spellings import MOVED, moved


def test_a_command_line_that_begins_with_an_old_spelling_is_told_the_new_one() -> None:
    assert moved(["halt", "all", "--reason", "x"]) == ("halt all", "halt add all")
    assert moved(["unhalt", "hlt_1"]) == ("unhalt", "halt lift")
    assert moved(["halt", "add", "all"]) is None
    assert moved(["halt"]) is None
    assert moved([]) is None


def test_no_new_spelling_is_an_old_one_and_each_begins_with_a_group() -> None:
    for new in MOVED.values():
        words = new.split()
        assert moved(words) is None, new
        assert words[0] in TREE, new
