"""``python -m benchmarks.serving``: our server and four others, in one run.

Installs each server in an environment of its own (once), starts it, asks it in its own protocol
over connections that stay open, and prints goals, ratios and figures as Markdown. Every answer's
status is checked, and one answer of each window is compared with onnxruntime's own.

A quick look at a change of ours: ``--only ours,fastapi --rounds 6 --starts 0``, and the same
with ``--at HEAD`` for what it was.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.environments import OURS, PEERS, lock
from benchmarks.serving.report.record import Run
from benchmarks.serving.report.table import markdown
from benchmarks.serving.rounds import Options, measure
from benchmarks.serving.servers import SERVERS
from common.edge.errors import AuneError

__all__ = ["main"]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, or show what was measured; return the exit code."""
    given = _parser().parse_args(words)
    try:
        if given.lock:
            for name in (OURS, *sorted(path.parent.name for path in PEERS.glob("*/*.in"))):
                sys.stdout.write(f"{lock(name)}\n")
            return 0
        run = Run.load(given.show) if given.show else _measured(given)
    except AuneError as error:
        sys.stderr.write(f"benchmarks.serving: {error}\n")
        return error.exit_code
    sys.stdout.write(markdown(run))
    return 0


def _measured(given: argparse.Namespace) -> Run:
    options = Options(
        servers=tuple(given.only.split(",")),
        rounds=given.rounds,
        seconds=given.seconds,
        starts=given.starts,
        rows=tuple(int(rows) for rows in given.rows.split(",")),
        connections=given.connections,
        folder=given.folder,
        at=given.at,
    )
    run = measure(options, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    output = given.output or given.folder / "latest.json"
    output.write_text(run.to_json(), "utf-8")
    sys.stderr.write(f"written: {output}\n")
    return run


def _parser() -> argparse.ArgumentParser:
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="benchmarks.serving",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", default=",".join(SERVERS), help="servers, by commas; all: %(default)s"
    )
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="(%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=usual.seconds, help="of a window (%(default)s)"
    )
    parser.add_argument(
        "--starts", type=int, default=usual.starts, help="of each server (%(default)s)"
    )
    parser.add_argument("--rows", default="1,100", help="of a request, by commas (%(default)s)")
    parser.add_argument("--connections", type=int, default=usual.connections, help="(%(default)s)")
    parser.add_argument("--folder", type=Path, default=usual.folder, help="of the model")
    parser.add_argument("--at", default="", help="commit of ours; the working tree")
    parser.add_argument("--output", type=Path, help="JSON file; latest.json of the folder")
    parser.add_argument("--show", type=Path, help="print a run measured before")
    parser.add_argument("--lock", action="store_true", help="write every lock anew")
    return parser


if __name__ == "__main__":
    sys.exit(main())
