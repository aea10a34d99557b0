"""A program with sockets that were handed over, as systemd starts one: from descriptor 3 on, and named by variables."""

import os
import socket
import sys
from collections.abc import Sequence

_START = """
import fcntl, os, sys
given, pid, count, *command = sys.argv[1:]
away = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in given.split(",")]
for place, descriptor in enumerate(away, 3):
    os.dup2(descriptor, place)
    os.close(descriptor)
os.environ |= {"LISTEN_PID": pid or str(os.getpid()), "LISTEN_FDS": count, "LISTEN_FDNAMES": "a:b"}
os.execv(command[0], command)
"""


def handing_over(sockets: Sequence[socket.socket], command: Sequence[str], pid: str = "") -> list[str]:
    """The command line that starts this one so; its process must be passed the sockets (`pass_fds`)."""
    for each in sockets:
        os.set_inheritable(each.fileno(), True)
    given = ",".join(str(each.fileno()) for each in sockets)
    return [sys.executable, "-c", _START, given, pid, str(len(sockets)), *command]
