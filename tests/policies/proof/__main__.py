"""`uv run python -m tests.policies.proof [--policies N]`: the translation against Cedar, and every edit of `edits`."""

import argparse
import sys

from tests.policies.proof.disagreement import disagreements
from tests.policies.proof.edits import ask_all


def main() -> None:
    """Decide random requests under random policies by both, then ask the prover about every edit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", type=int, default=1000, help="how many random sets of policies")
    wanted = parser.parse_args().policies
    asked = granted = 0
    differ: list[str] = []
    for seed in range(wanted):
        one = disagreements(seed, 8)
        asked, granted = asked + one[0], granted + one[1]
        differ += one[2]
    print(
        *differ[:5], f"{asked} requests, {granted} permitted: {len(differ)} decided otherwise than by Cedar", sep="\n"
    )
    sys.exit(0 if ask_all() and not differ else 1)


if __name__ == "__main__":
    main()
