"""Text for people in which nothing is hidden, looks like something else or commands a terminal."""

import unicodedata


def visible(value: str) -> str:
    """Text with every control, invisible, direction-changing or look-alike character written as an escape.

    A word that mixes Latin letters with another script is escaped where it leaves Latin.
    """
    out = []
    for word in value.split(" "):
        # one script at a time: a Cyrillic letter in a Latin word looks like another word
        latin = any("a" <= c.lower() <= "z" for c in word)
        out.append("".join(_shown(c, latin) for c in word))
    return " ".join(out)


def _shown(char: str, latin: bool) -> str:
    if char.isascii() and char.isprintable():
        return char
    category = unicodedata.category(char)
    # combining marks change the letter before them, so they are escaped as well
    foreign = latin and category[0] == "L" and not unicodedata.name(char, "").startswith("LATIN")
    if category[0] in "CZ" or foreign or category == "Mn":
        return f"\\u{{{ord(char):04X}}}"
    return char
