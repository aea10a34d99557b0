"""Feature flags in a key-value store that speaks RESP, as Redis and Valkey do: an example of an adapter in Python.

Copy this folder and change it. An adapter is a class with `read` and `write`; the gateway runs it in a process of its
own, where it sees one credential and an empty environment. The comments say what an adapter must keep to, and why.
"""

import socket
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from pydantic import JsonValue

from adapters.plugin import Connection, NotSent, Refused

_PATIENCE = 5.0
"""Seconds to wait for the store. The order's deadline holds anyway: the gateway ends a process that overruns it."""
_NOT_ALLOWED = ("WRONGPASS", "NOAUTH", "NOPERM")


@dataclass(frozen=True, slots=True)
class _No:
    """The store's answer to a command that it did not carry out: the word with which its error begins."""

    word: str


class FlagStore:
    """The flags of one store, with the credential for reading or the one for writing: `user:password`."""

    def __init__(self, at: Connection) -> None:
        # Take apart what the settings say, and open nothing. The process lives on while the store goes away and comes
        # back, and its methods are called from several threads at once, so each call has a connection of its own.
        place = urlsplit(at.base_url)
        self._address = (place.hostname or "", place.port or 6379)
        self._user, _, self._password = at.credential.partition(":")

    def read(self, operation: str, arguments: dict[str, JsonValue]) -> JsonValue:
        """Look at one flag. None is an answer too: there is no such flag."""
        if operation != "flag":
            raise ValueError(operation)  # of a read, any other exception means that the target cannot be read
        value = self._carry_out("GET", f"flag:{arguments['name']}")
        if isinstance(value, _No):
            raise ValueError(value.word)
        return None if value is None else {"value": value}

    def write(self, operation: str, arguments: dict[str, JsonValue], key: str) -> JsonValue:
        """Set one flag, once. Nothing is tried again here: the gateway reads the flag back, and then decides.

        `key` is the same for each attempt of one action, for targets that recognise a repeated request. This one does
        not, and need not: the contract says `idempotent`, since the same value twice leaves what it leaves once.
        """
        if operation != "set":
            raise NotSent
        answer = self._carry_out("SET", f"flag:{arguments['name']}", str(arguments["value"]))
        # The contract's `ok` reads this. It says what the store said, and nothing about whether the flag is set now.
        return {"done": answer == "OK"}

    def _carry_out(self, *command: str) -> "str | _No | None":
        """Sign in and run one command, both in one request: what a lost answer leaves open is the same for both."""
        try:
            connection = socket.create_connection(self._address, timeout=_PATIENCE)
        except OSError:
            # Only here is it certain that not one byte was sent. From here on, an exception must be neither `NotSent`
            # nor `Refused`: the gateway then takes the action as in doubt, and looks.
            raise NotSent from None
        with connection, connection.makefile("rb") as answers:
            connection.sendall(_encoded("AUTH", self._user, self._password) + _encoded(*command))
            signed_in, answer = _answer(answers), _answer(answers)
        if isinstance(answer, _No) and answer.word in _NOT_ALLOWED:
            raise Refused  # the command itself was refused for want of a right, so nothing was done
        if isinstance(signed_in, _No):
            # The store did not know us, and ran the command nevertheless, as its default user. That is no refusal.
            raise PermissionError(signed_in.word)
        return answer


def _encoded(*words: str) -> bytes:
    """A command as RESP has it: the number of words, then each with its length."""
    parts = [f"*{len(words)}\r\n".encode()]
    for word in words:
        text = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(text), text))
    return b"".join(parts)


def _answer(answers: BinaryIO) -> "str | _No | None":
    """One whole answer. Half an answer is none, whatever it begins with."""
    line = answers.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError
    kind, text = line[:1], line[1:-2].decode()
    if kind == b"+":
        return text
    if kind == b"-":
        return _No(text.partition(" ")[0])
    if kind != b"$":
        raise ValueError(kind)
    size = int(text)
    if size < 0:
        return None
    value = answers.read(size + 2)
    if len(value) != size + 2:
        raise ConnectionError
    return value[:-2].decode()
