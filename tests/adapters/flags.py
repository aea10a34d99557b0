"""A key-value store that speaks RESP over TCP, as much of it as the example adapter needs, with two users."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

READER, WRITER = ("reader", "may-read"), ("writer", "may-write")


@dataclass
class Store:
    """What is kept, and how often something was set. `open` is whether one who is not signed in may do everything."""

    port: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    sets: int = 0
    open: bool = False
    says_no: str = ""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def answer(self, words: list[str], user: str) -> tuple[bytes, str]:
        """The answer to a command, and as whom the connection is signed in afterwards."""
        match words:
            case ["AUTH", name, password]:
                known = (name, password) in (READER, WRITER)
                return (b"+OK\r\n", name) if known else (b"-WRONGPASS invalid pair\r\n", user)
            case _ if not user and not self.open:
                return b"-NOAUTH sign in first\r\n", user
            case ["GET", key]:
                value = self.kept.get(key)
                return (b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value.encode())), user
            case ["SET", key, value]:
                if user == READER[0]:
                    return b"-NOPERM it may only read\r\n", user
                if self.says_no:
                    return f"-{self.says_no}\r\n".encode(), user
                self.sets += 1
                self.kept[key] = value
                return b"+OK\r\n", user
        return b"-ERR unknown command\r\n", user


@contextmanager
def serving(store: Store) -> Iterator[Store]:
    """Serve the store on its port, or on a free one the first time."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            user = ""
            while line := self.rfile.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int(self.rfile.readline()[1:])
                    words.append(self.rfile.read(size + 2)[:-2].decode())
                said, user = store.answer(words, user)
                try:
                    self.wfile.write(said)
                except OSError:  # nobody hears it any more
                    return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A connection that a fault cut."""

    with Server(("127.0.0.1", store.port), Handler) as server:
        store.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()
