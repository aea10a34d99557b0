"""`uv run python -m tests.benchmarks.against FOLDER`: governed read and write beside another checkout's, in one run.

FOLDER is a checkout of the commit to compare with. Both gateways run at once before the same target and are measured in
turns, so that what the machine does meanwhile strikes both. It prints p50 in µs, and this checkout's as a multiple.
"""

import argparse
import itertools
import statistics
from pathlib import Path

from server.serving import free_port
from tests.benchmarks.__main__ import Process, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    given = parser.parse_args()
    port = free_port()
    target = Process("tests.benchmarks.target", str(port))
    base = f"http://127.0.0.1:{port}"
    gateway = ("tests.benchmarks.servers", "gateway", base)
    there, here = Process(*gateway, folder=given.folder), Process(*gateway)
    records, numbers = itertools.cycle([f"r{i}" for i in range(16)]), itertools.count()
    cases = {
        "read": ("get_value", lambda: {"record": next(records)}),
        "write": ("set_value", lambda: {"record": f"w{next(numbers)}", "value": f"v{next(numbers)}"}),
    }
    for callers in (1, 16):
        for name, (tool, arguments) in cases.items():
            ratios, times = [], ([], [])
            for number in range(given.rounds):
                for index in (0, 1) if number % 2 else (1, 0):  # neither is always the first
                    url, token = (there, here)[index].first
                    times[index].append(measure(url, token, tool, arguments, callers, 200)[0])
                ratios.append(times[1][-1] / times[0][-1])
            before, after = statistics.median(times[0]), statistics.median(times[1])
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            median = statistics.median(ratios)
            print(f"{callers:2} callers, {name:5}: {before:6.0f} µs there, {after:6.0f} here: {median:.3f}x ({spread})")
    for process in (here, there, target):
        process.close()


if __name__ == "__main__":
    main()
