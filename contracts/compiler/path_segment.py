"""The segment of a URL path (RFC 3986 section 3.3) that a value fills: checked, percent-encoded and told apart."""

import unicodedata
from urllib.parse import quote

from contracts.compiler.expressions import Fault

_BAD_IN_SEGMENT = frozenset("/\\?#%;")
_FOLDED = _BAD_IN_SEGMENT | frozenset(".\u2044\u2215\u29f8\u2571\u2216\u29f5\u2572\u3033")
"""What a character may neither be nor become where compatible characters are folded (Unicode NFKC)."""


def is_joint(text: str) -> bool:
    """Can a server not tell where one hole ends and the next begins?"""
    return not any(_is_mark(char) for char in text)


def _is_mark(char: str) -> bool:
    return not char.isalnum() and char != "\x00"


def segment_of(value: str, around: str) -> str | Fault:
    """A value as (a part of) one segment; `around` is the fixed text of the segment, with NUL for each value."""
    fault = segment_fault(value)  # guard: path check
    if fault is not None or around == "\x00":
        return fault or quote(value, safe="@:+,=!$&'()*~")
    if not _stays_apart(value, around):  # guard: parts of a path segment
        return Fault("the value holds a mark that separates the parts of its path segment")
    return quote(value, safe="")


def _stays_apart(value: str, around: str) -> bool:
    """Is a value in a segment with fixed text read back as this value, and as no part of another?

    INVARIANT: it holds no reserved mark of that text (`:`, `'`, `(`), and nothing that parts two holes, nor touches it.
    """
    if any(_is_mark(char) and char not in "-._~" and char in value for char in around):
        return False
    joints = around.split("\x00")[1:-1]
    return not any(joint in value or value[0] in joint or value[-1] in joint for joint in joints)


def segment_fault(value: str) -> Fault | None:
    """Why a value may not stand in a path, whatever its origin, or None.

    INVARIANT: clients resolve `..` even after percent-encoding, so such a value is refused, never encoded.
    """
    if value in ("", ".", "..") or _BAD_IN_SEGMENT & set(value):
        return Fault("the value is no plain path segment")
    # a target that folds its paths would read a dot or a slash there
    # guard: characters that fold to a dot or a slash
    if any(not c.isascii() and _FOLDED & set(c + unicodedata.normalize("NFKC", c)) for c in value):
        return Fault("the value holds a character that looks like a dot or a slash")
    if len(value) > 512 or not unicodedata.is_normalized("NFC", value):
        return Fault("the value is too long for a path, or not in Unicode NFC")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in value):
        return Fault("the value holds control or invisible characters")
    return None
