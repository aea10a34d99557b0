"""`python -m tests.vendors [FOLDER]`: every contract of a described system against its vendor's description.

Without FOLDER it is `AILYUS_VENDOR_APIS`, else `../shared/vendor-apis`; where that is no folder, nothing is checked.
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

from tests.vendors.check import Report, check
from tests.world import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.vendors", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="the folder of the descriptions")
    parser.add_argument("--system", action="append", help="only this kind of system; may be repeated")
    given = parser.parse_args()
    folder = given.folder or Path(os.environ.get("AILYUS_VENDOR_APIS", ROOT.parent / "shared" / "vendor-apis"))
    if not given.folder and not folder.is_dir():
        print("not checked: the vendors' API descriptions are not here; tests/README.md says where to get them")
        return 0
    started = time.monotonic()
    report: Report = asyncio.run(check(folder, given.system or ()))
    for line in report.mismatches:
        print(line)
    for allowed, count in report.allowed.items():
        print(f"allowed {count} times: {allowed.why} ({allowed.page})")
    print(
        f"{report.contracts} contracts of {report.systems} systems, {len(report.mismatches)} mismatches,"
        f" {time.monotonic() - started:.0f} s"
    )
    return 1 if report.mismatches else 0


sys.exit(main())
