"""`python -m tests.imports`: 2,000 operations and 1,000 curl lines; exits 1 where a draft sends another request."""

import shutil
import sys

from tests.imports.curl_lines import lines
from tests.imports.operations import operations


def main(seed: int) -> int:
    found = operations(2_000, seed)
    print(f"operations: {found}", flush=True)
    told = lines(1_000, seed)
    for tool in ("curl", "bash"):
        print(
            f"{tool}: {'compared too' if shutil.which(tool) else 'not installed, so only its rules as we wrote them down'}"
        )
    print(f"curl lines: {told}")
    differences = [*found.differences, *told.differences]
    print("\n\n".join(differences[:10]))
    return 1 if differences or not found.compared or not told.compared else 0


sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 18))
