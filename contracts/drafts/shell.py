"""The words of one command, as bash reads them. Nothing is run, expanded from the environment or read from a file."""

import re
from typing import Final

from contracts.errors import AilyusError

_SIMPLE: Final = {"a": 7, "b": 8, "e": 27, "E": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "?": 63}
_CODED: Final = re.compile(r"x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|c(.)", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
# bash would redirect here; a documentation's `<name>` is meant as a placeholder
_PLACEHOLDER: Final = re.compile(r"<[A-Za-z_][A-Za-z0-9_]*>")
_BRACES: Final = re.compile(r"\{[^{}\s'\"]*(?:,|\.\.)[^{}\s'\"]*\}")
_OPERATORS: Final = {
    "|": "what stands after `|` is another command",
    ";": "what stands after `;` is another command",
    "&": "a bare `&` ends the command",
    "(": "a bare `(` begins a command of its own",
    ")": "a bare `)` ends a command",
    ">": "`>` writes to a file",
    "<": "`<` reads from a file",
}


def words_of(text: str) -> list[str]:
    """The words of the one command in `text`; a variable `$NAME` becomes the placeholder `{NAME}`."""
    return _Reader(text.replace("\r\n", "\n").strip()).words()


class _Reader:
    """Reads one command from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._words: list[str] = []
        self._word: list[str] | None = None

    def words(self) -> list[str]:
        while self._at < len(self._text):
            self._step(self._text[self._at])
        self._end()
        return self._words

    def _step(self, char: str) -> None:
        # what is not understood is refused: a guess would draft another request than the line sends
        if char == "\n":
            self._end()
            if self._text[self._at :].strip() and self._words:
                raise _bad("the text holds more than one command", "end each line but the last with `\\`")
            self._at += 1
        elif char in " \t":
            self._end()
            self._at += 1
        # a `#` inside of a word, as in a URL, begins no comment
        elif char == "#" and self._word is None:
            self._at = (self._text + "\n").index("\n", self._at)
        elif char == "'":
            self._add(self._until_quote(self._at + 1))
        elif char == '"':
            self._double(self._at + 1)
        elif char == "$" and self._text[self._at + 1 : self._at + 2] in ("'", '"'):
            self._dollar_quoted()
        else:
            self._bare(char)

    def _bare(self, char: str) -> None:
        rest = self._text[self._at :]
        if char == "\\":
            self._escaped(rest)
        elif char == "^" and (
            rest[1:2] in ("", "\n", '"', "^", "{", "}", "&", "%") or rest[1:].lstrip(" \t")[:1] == "\n"
        ):
            raise _bad(
                "the line is written for cmd.exe (`^`)", "copy it as cURL for bash, or write it with `'` and `\\`"
            )
        elif char in "$`":
            self._variable()
        elif found := _PLACEHOLDER.match(rest):
            self._add(found[0], len(found[0]))
        elif char in _OPERATORS:
            raise _bad(_OPERATORS[char], "put the URL and every value in quotes, and leave out what is no part of curl")
        elif char == "{" and (found := _BRACES.match(rest)):
            raise _bad(f"the shell makes several words of `{found[0][:60]}`", "name one record, in quotes")
        else:
            self._add(char, 1)

    def _escaped(self, rest: str) -> None:
        if rest[1:2] == "\n":
            self._at += 2
        elif re.match(r"\\[ \t]+(\n|$)", rest):
            raise _bad("a blank stands between `\\` and the end of its line", "remove the blank")
        elif len(rest) == 1:
            raise _bad("the line ends with `\\`", "give the whole command")
        else:
            self._add(rest[1], 2)

    def _double(self, start: int) -> None:
        self._at = start
        self._add("")
        while (char := self._next('"')) != '"':
            following = self._text[self._at + 1 : self._at + 2]
            if char == "\\" and following == "\n":
                self._at += 2
            elif char == "\\" and following and following in '$`"\\':
                self._add(following, 2)
            elif char in "$`":
                self._variable()
            else:
                self._add(char, 1)
        self._at += 1

    def _dollar_quoted(self) -> None:
        if self._text[self._at + 1] == '"':
            self._double(self._at + 2)
            return
        self._at += 2
        out = bytearray()
        while (char := self._next("'")) != "'":
            if char != "\\":
                out += char.encode("utf-8", "surrogatepass")
                self._at += 1
                continue
            self._at += 1
            self._next("'")
            out += self._coded()
        self._at += 1
        try:
            text = out.decode()
        except UnicodeDecodeError:
            raise _bad("the text in `$'…'` is no UTF-8", "write the text itself") from None
        # bash cuts the text there, so the draft would differ from what was meant
        if "\0" in text:
            raise _bad("the text in `$'…'` holds NUL, where the shell ends it", "leave it out")
        self._add(text)

    def _coded(self) -> bytes:
        """One escape of `$'…'`; the reader stands after its backslash."""
        char = self._text[self._at]
        if char in _SIMPLE:
            self._at += 1
            return bytes([_SIMPLE[char]])
        found = _CODED.match(self._text, self._at)
        if found is None:
            self._at += 1
            return (char if char in "\\'\"" else f"\\{char}").encode()
        self._at = found.end()
        byte, octal, short, long, control = found.groups()
        if byte or octal:
            return bytes([(int(byte, 16) if byte else int(octal, 8)) & 255])
        if control is not None:
            return bytes([127 if control == "?" else ord(control.upper()) & 31])
        # surrogates are no characters, and bash writes bytes that no UTF-8 reader takes
        number = int(short or long, 16)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise _bad("an escape in `$'…'` is no character of Unicode", "write the text itself")
        return chr(number).encode()

    def _variable(self) -> None:
        """A variable is a placeholder; what the shell would compute is refused, since nothing is run."""
        found = _VARIABLE.match(self._text, self._at)
        following = self._text[self._at + 1 : self._at + 2]
        if found:
            self._add(f"{{{found[1] or found[2]}}}", len(found[0]))
        elif self._text[self._at] == "`" or (following and (following in "({*@?$!#-" or following.isdigit())):
            raise _bad("the shell would compute a part of the line", "write the value, or a placeholder such as {name}")
        else:
            self._add("$", 1)

    def _until_quote(self, start: int) -> str:
        end = self._text.find("'", start)
        if end < 0:
            raise _unclosed("'")
        self._at = end + 1
        return self._text[start:end]

    def _next(self, quote: str) -> str:
        if self._at >= len(self._text):
            raise _unclosed(quote)
        return self._text[self._at]

    def _add(self, text: str, width: int = 0) -> None:
        self._word = self._word if self._word is not None else []
        self._word.append(text)
        self._at += width

    def _end(self) -> None:
        if self._word is not None:
            self._words.append("".join(self._word))
            self._word = None


def _bad(sentence: str, hint: str) -> AilyusError:
    return AilyusError("bad_curl", f"the line is not understood: {sentence}", hint=hint)


def _unclosed(quote: str) -> AilyusError:
    hint = "close it; inside of `'…'` a `'` is written `'\\''`"
    return AilyusError("bad_curl", f"the line is not quoted as a shell wants it: a `{quote}` is not closed", hint=hint)
