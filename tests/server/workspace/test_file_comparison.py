"""The difference of two sets of files, as people read it."""

from hypothesis import given
from hypothesis import strategies as st

from server.workspace.file_comparison import MAX_LINES, file_differences

FILES = st.dictionaries(st.sampled_from(["a.yaml", "b.cedar", "c.cedar"]), st.text(max_size=60).map(str.encode))


def test_what_came_went_and_changed() -> None:
    before = {"a": b"one\ntwo\n", "b": b"same\n", "gone": b"old\n"}
    a, came, gone = file_differences(before, {"a": b"one\nthree\n", "b": b"same\n", "came": b"new\n"})
    assert (a.name, a.lines, a.more) == ("a", ("@@ -1,3 +1,3 @@", " one", "-two", "+three", " "), 0)
    assert (came.name, came.lines[1]) == ("came", "+new")
    assert (gone.name, gone.lines[1]) == ("gone", "-old")


def test_a_long_one_says_how_much_is_not_shown() -> None:
    (long,) = file_differences({}, {"a": b"x\n" * 1000})
    assert (len(long.lines), long.more > 0) == (MAX_LINES, True)


@given(FILES, FILES)
def test_each_file_that_differs_is_named_and_no_other(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Also where only the end of a line differs, or a sign that some take for one."""
    named = {one.name for one in file_differences(before, after) if one.lines}
    both = before.keys() | after.keys()
    assert named == {name for name in both if before.get(name, b"") != after.get(name, b"")}
