"""A target that does next to nothing: GET /records/ID answers its value, POST /records/ID sets it. Raw asyncio."""

import asyncio
import sys

VALUES: dict[bytes, bytes] = {}


class Target(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                if line[:15].lower() == b"content-length:":
                    length = int(line[15:])
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            method, path, _ = head.split(b" ", 2)
            if method == b"POST":
                VALUES[path] = body.rpartition(b'":"')[2][:-2]
            answer = b'{"id":"%s","value":"%s"}' % (path[9:], VALUES.get(path, b"none"))
            self.transport.write(  # type: ignore[attr-defined]
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (len(answer), answer)
            )


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Target, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
