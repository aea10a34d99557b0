"""The texts that policies compare an attribute with: all that they tell of it, where they read it no other way."""

from collections.abc import Iterable, Iterator, Mapping

from cedarpy import pst

Comparison = tuple[str, frozenset[str]]
"""The name of an attribute or a key, and the texts that it is compared with."""


def comparisons_of(node: pst.BinaryOp) -> Iterator[Comparison]:
    """The comparison with written texts that an operator is: `==`, `!=`, or `contains` of a set of texts."""
    match node:
        case pst.BinaryOp(op="eq" | "not_eq", left=pst.GetAttr(attr=name), right=pst.StringLit(value=text)):
            yield name, frozenset({text})
        case pst.BinaryOp(op="eq" | "not_eq", left=pst.StringLit(value=text), right=pst.GetAttr(attr=name)):
            yield name, frozenset({text})
        case pst.BinaryOp(op="contains", left=pst.Set(elements=elements), right=pst.GetAttr(attr=name)):
            texts = frozenset(one.value for one in elements if isinstance(one, pst.StringLit))
            # beside texts there may be an expression, whose value nobody knows here
            if len(texts) == len(elements):
                yield name, texts
        case _:
            return


def compared_texts(comparisons: Iterable[Comparison], reads: Mapping[str, int]) -> dict[str, frozenset[str]]:
    """The texts of each name that is read in comparisons alone; `reads` is how often each is read at all."""
    counts: dict[str, int] = {}
    texts: dict[str, frozenset[str]] = {}
    for name, written in comparisons:
        counts[name] = counts.get(name, 0) + 1
        texts[name] = texts.get(name, frozenset()) | written
    return {name: written for name, written in texts.items() if counts[name] == reads[name]}
