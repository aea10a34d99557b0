"""How slow this machine is now, so that the deadlines of tests wait longer on a busy one.

`AILYUS_TEST_SLOWNESS` is a factor of at least 1. Where it is not set, `measure` sets it once, before the tests begin:
one process for each core counts to a fixed number, and the factor is how much longer that took than on an idle
machine. What begins beside the tests later counts too: the factor is at least the processes that want to run, for each
core (the system's load of the last minute), beyond those of our own workers. Deadlines that tests give to the product
(`max_timeout`, `patience`) and that they wait themselves are multiplied by it. On an idle machine it is 1, so that
nothing waits longer there.
"""

import os
import re
import subprocess
import sys

NAME = "AILYUS_TEST_SLOWNESS"
IDLE_SECONDS = 0.4
"""What `_COUNT` takes at most on a core that does nothing else."""
MOST = 6.0
PER_WORKER = 0.75
"""What one worker adds to the load by itself; what its gateways and browsers add beyond that lengthens deadlines, too."""
_MARGIN = 1.3
"""A busy machine gets at most 1.3 times as busy as it was when the tests began."""
_COUNT = """
import time
began, total = time.perf_counter(), 0
for number in range(3_200_000):
    total += number
print(time.perf_counter() - began)
"""
_DURATION = re.compile(r"([0-9]+)(ms|s)")


def measure() -> float:
    """Measure and keep the factor, for this process and those that it starts; what is set already stays."""
    if NAME not in os.environ:
        command = [sys.executable, "-c", _COUNT]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(os.cpu_count() or 1)]
        slowest = max(float(process.communicate()[0]) for process in running)
        factor = slowest / IDLE_SECONDS
        os.environ[NAME] = f"{1.0 if factor < 1.6 else min(factor * _MARGIN, MOST):.2f}"
    return slowness()


def slowness() -> float:
    """Return the factor now; the load of the machine alone where nothing was measured."""
    return max(1.0, float(os.environ.get(NAME, "1")), min(crowding(), MOST))


def crowding() -> float:
    """Return how many processes want each core, by the load of the last minute, beyond those of our own workers."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return (os.getloadavg()[0] - PER_WORKER * workers) / (os.cpu_count() or 1)


def scaled(seconds: float) -> float:
    """Return how many seconds a test waits here for what takes `seconds` on an idle machine."""
    return seconds * slowness()


def scaled_duration(text: str) -> str:
    """Return a duration of a contract or of settings (`500ms`, `12s`), as long as it must be here."""
    found = _DURATION.fullmatch(text)
    assert found is not None, text
    milliseconds = int(found[1]) * (1 if found[2] == "ms" else 1000)
    return f"{round(scaled(milliseconds))}ms"
