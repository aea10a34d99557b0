"""`uv run python -m tests.benchmarks.against FOLDER`: governed read and write beside another checkout's, in one run.

FOLDER is a checkout of the commit to compare with. Both gateways run at once before the same target and are measured in
turns, so that what the machine does meanwhile strikes both. A process is up to 5 % faster or slower than the next one
of the same code, all its life, so several pairs are begun anew. It prints p50 in µs, and this checkout's as a multiple.
"""

import argparse
import itertools
import statistics
from pathlib import Path

from server.workspace.free_port import free_port
from tests.benchmarks.__main__ import Process, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    port = free_port()
    target = Process("tests.benchmarks.target", str(port))
    times: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for _ in range(given.pairs):
        for case, found in pair(given.folder, f"http://127.0.0.1:{port}", given.rounds).items():
            times.setdefault(case, []).append(found)
    for (callers, name), found in times.items():
        before, after = (statistics.median(one) for one in zip(*found, strict=True))
        ratios = [here / there for there, here in found]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        ratio = statistics.median(ratios)
        print(f"{callers:2} callers, {name:5}: {before:6.0f} µs there, {after:6.0f} here: {ratio:.3f}x ({spread})")
    target.close()


def pair(folder: Path, base: str, rounds: int) -> dict[tuple[int, str], tuple[float, float]]:
    """The p50 of both, for each number of callers and tool, over the rounds of one pair of processes."""
    gateway = ("tests.benchmarks.servers", "gateway", base)
    there, here = Process(*gateway, folder=folder), Process(*gateway)
    records, numbers = itertools.cycle([f"r{i}" for i in range(16)]), itertools.count()
    cases = {
        "read": ("get_value", lambda: {"record": next(records)}),
        "write": ("set_value", lambda: {"record": f"w{next(numbers)}", "value": f"v{next(numbers)}"}),
    }
    times: dict[tuple[int, str], tuple[float, float]] = {}
    for callers in (1, 16):
        for name, (tool, arguments) in cases.items():
            both: tuple[list[float], list[float]] = ([], [])
            for number in range(rounds):
                for index in (0, 1) if number % 2 else (1, 0):  # neither is always the first
                    url, token = (there, here)[index].first
                    both[index].append(measure(url, token, tool, arguments, callers, 200)[0])
            times[callers, name] = statistics.median(both[0]), statistics.median(both[1])
    here.close()
    there.close()
    return times


if __name__ == "__main__":
    main()
