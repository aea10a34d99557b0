"""`TODO`: every text that begins with it is found with its place and what is asked."""

from contracts.text.todo import todos


def test_every_text_that_begins_with_the_word_is_found_with_its_place() -> None:
    content = {
        "risk": "TODO low, medium, high or critical",
        "expect": [{"that": "a == 1", "else": "TODO"}, "TODO\n  more  "],
        "resource": {"type": "TODO: the type"},
        7: ["TODO x"],
    }
    assert dict(todos(content)) == {  # type: ignore[arg-type]  # YAML has numbers as keys too
        ("risk",): "low, medium, high or critical",
        ("expect", "0", "else"): "",
        ("expect", "1"): "more",
        ("resource", "type"): ": the type",
        ("7", "0"): "x",
    }


def test_no_other_text_key_or_value_is_to_do() -> None:
    assert not list(todos({"TODO": "a", "b": "a TODO", "c": "todo", "d": 7, "e": None, "f": True, "g": []}))
    assert list(todos("TODO all of it")) == [((), "all of it")]
