"""A YAML file in pieces for a page: keys and comments, told from the rest by PyYAML's own scanner."""

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

import yaml

Kind = Literal["", "key", "comment"]
Piece = tuple[Kind, str]
MAX_TEXT: Final = 64 * 1024
"""Characters beyond which a file is shown as it is: the scanner takes a millisecond for each thousand."""


def yaml_lines(text: str) -> list[list[Piece]]:
    """The lines of a file, each in its pieces; joined they are the text. What is no YAML is one piece a line."""
    pieces: list[Piece] = [("", text)]
    if len(text) <= MAX_TEXT:
        # a file of an earlier version of the format, or a half of one, is shown without colours
        with contextlib.suppress(yaml.YAMLError):
            pieces = list(_pieces(text))
    lines: list[list[Piece]] = [[]]
    for kind, piece in pieces:
        first, *others = piece.split("\n")
        if first:
            lines[-1].append((kind, first))
        lines += [[(kind, line)] if line else [] for line in others]
    return lines


def _pieces(text: str) -> Iterator[Piece]:
    done = 0
    for before, token in pairwise(yaml.scan(text, Loader=yaml.SafeLoader)):
        if isinstance(token, yaml.ScalarToken):
            yield from _between(text[done : token.start_mark.index])
            done = token.end_mark.index
            yield "key" if isinstance(before, yaml.KeyToken) else "", text[token.start_mark.index : done]
    yield from _between(text[done:])


def _between(text: str) -> Iterator[Piece]:
    """Marks and white space, in which comments stand: no scalar holds this text, so each `#` begins one."""
    while "#" in text:
        plain, _, rest = text.partition("#")
        comment, newline, text = rest.partition("\n")
        yield from (("", plain), ("comment", f"#{comment}"))
        text = newline + text
    if text:
        yield "", text
