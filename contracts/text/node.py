"""The node of a YAML document that stands at a path of keys: its line, its children, and the document without it."""

from collections.abc import Sequence

import yaml


def line_of(node: yaml.Node | None, path: Sequence[object]) -> int:
    """The line of the deepest part of the path that stands in the file, from 1."""
    if node is None:
        return 1
    line = node.start_mark.line + 1
    for part in path:
        child = child_of(node, str(part))
        # the nearest key above: a missing key has no line of its own
        if child is None:
            break
        node = child
        line = node.start_mark.line + 1
    return line


def child_of(node: yaml.Node, part: str) -> yaml.Node | None:
    """The value of a key, or the entry of a list by its index; None where there is none."""
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        found: yaml.Node = node.value[int(part)]
        return found
    return None


def without(content: object, node: yaml.Node, where: Sequence[str]) -> tuple[object, yaml.Node]:
    """The same object without what stands at a path, or as much of the path as there is."""
    name, deeper = where[0], where[1:]
    known = child_of(node, name)
    if known is None:
        return content, node
    if isinstance(content, dict) and isinstance(node, yaml.MappingNode):
        # a key of a file may be a number, and a path holds texts
        key = next(k for k in content if str(k) == name)
        inner, child = without(content[key], known, deeper) if deeper else (None, known)
        gone = not deeper or child is known
        pairs = [(k, child if v is known else v) for k, v in node.value if not (gone and v is known)]
        left = {k: inner if k == key else v for k, v in content.items() if not (gone and k == key)}
        return left, yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark)
    if isinstance(content, list) and isinstance(node, yaml.SequenceNode):
        index = int(name)
        items, nodes = list(content), list(node.value)
        del items[index], nodes[index]  # an entry of a list is left out whole
        return items, yaml.SequenceNode(node.tag, nodes, node.start_mark, node.end_mark)
    return content, node
