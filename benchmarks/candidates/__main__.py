"""``python -m benchmarks.candidates VENDOR_FOLDER --out DIR [--only NAME]``."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.candidates.catalogue import CANDIDATES, make
from benchmarks.candidates.method import FULL_EFFORT
from common.edge.errors import AuneError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Make candidates' folders; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.candidates", description=__doc__)
    parser.add_argument("vendor", type=Path, help="the folder PACK/vendor")
    parser.add_argument("--out", type=Path, required=True, help="where the candidates go")
    names = ", ".join(candidate.id for candidate in CANDIDATES)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help=names)
    parser.add_argument("--windows", type=int, default=FULL_EFFORT.windows, help="training days")
    parser.add_argument("--seed", type=int, default=FULL_EFFORT.seed)
    asked = parser.parse_args(arguments)
    try:
        effort = replace(FULL_EFFORT, windows=asked.windows, seed=asked.seed)
        for place in make(asked.vendor, asked.out, asked.only, effort):
            sys.stdout.write(f"{place}\n")
    except AuneError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
