"""Several answers as one: a no outweighs what cannot be said, and that outweighs a yes."""

from receipts.audit.proof_answer import no, of_all, unknown, yes


def test_the_weakest_of_several_answers_counts() -> None:
    assert of_all([yes("a"), yes("b")], "both") == yes("both")
    assert of_all([yes("a"), unknown("b"), unknown("c")], "all") == unknown("b")
    assert of_all([yes("a"), unknown("b"), no("c", contradicts=True)], "all") == no("c", contradicts=True)


def test_as_people_read_it() -> None:
    assert [one.said for one in (yes("a"), no("b"), unknown("c"))] == ["yes: a", "no: b", "cannot say: c"]
