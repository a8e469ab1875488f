"""Run the routing bench: ``python -m usecases.waste_collection.routing.bench --help``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.edge.errors import AuneError, UsageError
from usecases.waste_collection.routing.bench.instances import KINDS, find
from usecases.waste_collection.routing.bench.running import Limit, Result, run
from usecases.waste_collection.routing.bench.table import as_json, as_table

__all__ = ["main"]

BRIEF_X = (
    "X-n101-k25",
    "X-n153-k22",
    "X-n200-k36",
    "X-n256-k16",
    "X-n303-k21",
    "X-n359-k29",
    "X-n411-k19",
    "X-n513-k21",
    "X-n641-k35",
    "X-n1001-k43",
)
"""The ten fixed instances of brief 4.3."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Solve the instances asked for, write the table and, where asked, the JSON."""
    asked = _parser().parse_args(arguments)
    limit = Limit(asked.seconds, asked.cpu_seconds, asked.iterations)
    try:
        paths = _paths(asked.instances, asked.folder)
        results: list[Result] = []
        for path in paths:
            results += run(path, tuple(asked.seeds), limit)
            last = results[-1]
            sys.stderr.write(f"{last.instance} {last.gap_percent:.2f} %\n")
    except AuneError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(as_table(results, asked.language) + "\n")
    if asked.out is not None:
        asked.out.write_text(as_json(results, limit) + "\n", encoding="utf-8")
    return 0 if all(result.agrees and not result.broken for result in results) else 5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m usecases.waste_collection.routing.bench",
        description="Solve public routing instances with PyVRP; cost and feasibility are "
        "those of Aune's own checker, the gap is to the best known solution.",
    )
    parser.add_argument(
        "--instances",
        nargs="+",
        default=["brief"],
        help="names (C1_10_1 is in two kinds: PCVRPTW/C1_10_1), a kind "
        f"({', '.join(KINDS)}), or 'brief' for the ten X instances of the brief",
    )
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--seconds", type=float, help="wall time of each run")
    budget.add_argument("--cpu-seconds", type=float, help="processor time of each run")
    budget.add_argument("--iterations", type=int, help="iterations of each run; repeatable")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--folder", type=Path, help="instances of one's own, a folder per kind")
    parser.add_argument("--language", choices=("fr", "en"), default="fr")
    parser.add_argument("--out", type=Path, help="JSON file")
    return parser


def _paths(names: Sequence[str], folder: Path | None) -> list[Path]:
    """Return the files of the instances named, in the order asked."""
    held = {kind: find(kind, folder) for kind in KINDS if _holds(kind, folder)}
    by_name = {
        f"{kind}/{name}": path for kind, files in held.items() for name, path in files.items()
    }
    paths = []
    for asked in names:
        wanted = BRIEF_X if asked == "brief" else (asked,)
        for name in wanted:
            found = [
                path
                for full, path in by_name.items()
                if name in (full, full.partition("/")[0], full.partition("/")[2])
            ]
            if not found:
                raise UsageError(
                    f"no instance {name!r}", expected="a name, KIND/name, a kind, or brief"
                )
            paths += found
    return list(dict.fromkeys(paths))


def _holds(kind: str, folder: Path | None) -> bool:
    return folder is None or (folder / kind).is_dir()


if __name__ == "__main__":
    raise SystemExit(main())
