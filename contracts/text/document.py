"""One YAML document that means what it says: no aliases, tags or merges, no key twice; a line for each complaint."""

from collections.abc import Iterator

import yaml

from contracts.text.source import MalformedSource

MAX_DEPTH = 64
"""Lists and objects that a document may hold within each other."""
_TOO_DEEP = f"more than {MAX_DEPTH} lists and objects within each other"
_MERGE = "tag:yaml.org,2002:merge"
_DATE = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """Plain values only, under keys that are words and are there once; a date is a text (YAML 1.2.2, 10.3)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                raise yaml.MarkedYAMLError(problem="a key must be a word, and not `<<`", problem_mark=key.start_mark)
            if key.value in seen:  # guard: keys of a document
                raise yaml.MarkedYAMLError(problem=f"duplicate key `{key.value}`", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except ValueError:  # an integer of 5,000 digits
            problem = f"`{str(node.value)[:40]}` is no number that exists; quote it if it is a text"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != _DATE]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_document(text: str) -> tuple[yaml.Node | None, object]:
    """The tree of a document (for lines) and its values; None twice where it is empty. Raises `MalformedSource`."""
    try:
        _check_events(text)
        loader = _Loader(text)
        try:
            node: yaml.Node | None = loader.get_single_node()
            return node, loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MalformedSource(str(error.problem), line) from None
    except (yaml.YAMLError, UnicodeEncodeError):
        raise MalformedSource("there is a character in it that YAML does not allow", 1) from None


def levelled(text: str | bytes) -> Iterator[tuple[yaml.Event, int]]:
    """Yield each event of a document and how many lists and objects hold it.

    Raises `yaml.YAMLError`. libyaml reads up to 1,024 characters ahead of the event that it yields, so it can meet its
    own bound of depth (1,000) before a caller has seen 65 levels. Such a document is refused here, in our words.
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            yield event, depth
    except yaml.MarkedYAMLError as error:
        if error.problem_mark and _open_brackets(text, error.problem_mark.index) > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=error.problem_mark) from None
        raise


def _open_brackets(text: str | bytes, end: int) -> int:
    """Count the brackets that are open before character `end`, quoted ones too: the document is refused anyway."""
    before = (text if isinstance(text, str) else text.decode(errors="replace"))[:end]
    return sum(before.count(bracket) for bracket in "[{") - sum(before.count(bracket) for bracket in "]}")


def _check_events(text: str) -> None:
    """Before anything is built, since what builds it calls itself for each level."""
    for event, depth in levelled(text):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):  # guard: anchors of a document
            raise MalformedSource("anchors and aliases are not allowed", line)
        if tag := getattr(event, "tag", None):  # guard: tags of a document
            raise MalformedSource(f"tags like `{str(tag)[:40]}` are not allowed", line)
        if depth > MAX_DEPTH:  # guard: depth of a document
            raise MalformedSource(_TOO_DEEP, line)
