"""``python -m benchmarks.serving.soak``: a million requests, kills in between, nothing lost."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.serving.soak.audit import Audit
from benchmarks.serving.soak.memory import Stretch, slope_per_100k
from benchmarks.serving.soak.soak import Plan, run
from benchmarks.serving.soak.state import State
from common.edge.errors import AuneError

__all__ = ["main", "result"]

SLOPE_MB = 1.0
"""Largest slope of memory in the calm stretch, MB per 100,000 requests: ten times that, in a
million, is a fifth of what a server weighs."""
GROWTH_MB = 10.0
"""Largest growth over the reloads of one life: a version that stayed behind weighs more."""
OPEN_FILES = 2
"""Descriptors that may come and go in the calm stretch."""


def result(plan: Plan, state: State, found: Audit) -> dict[str, Any]:
    """Return what the result file holds, with every bound beside its figure."""
    calm = [one for one in state.stretches if one.kind == "calm"]
    reloads = [one for one in state.stretches if one.kind == "reloads"]
    own = [sample.own_mb for one in state.stretches for sample in one.samples]
    checks = _checks(state, found, calm, reloads)
    return {
        "requests": plan.requests,
        "seed": plan.seed,
        "answered": found.answered,
        "journal_lines": found.lines,
        "broken_off": state.tally.unanswered,
        "seconds": round(state.seconds, 1),
        "epochs": state.epoch,
        "events": dict(sorted(state.events.items())),
        "starts": len(state.starts_s),
        "median_start_s": statistics.median(state.starts_s) if state.starts_s else None,
        "reloads_in_one_life": max((one.reloads for one in reloads), default=0),
        "own_mb": [round(min(own), 1), round(max(own), 1)] if own else [],
        "calm_requests": calm[-1].answered if calm else 0,
        "faults": state.tally.faults,
        "checks": [
            {"what": what, "found": value, "expected": bound, "ok": ok}
            for what, (value, bound, ok) in checks.items()
        ],
        "ok": all(ok for _, _, ok in checks.values()),
    }


def _checks(
    state: State, found: Audit, calm: Sequence[Stretch], reloads: Sequence[Stretch]
) -> dict[str, tuple[Any, str, bool]]:
    """Return (figure, bound, whether it holds) by what is checked."""
    slope = slope_per_100k(calm[-1].samples) if calm else None
    growth = max((one.growth_mb for one in reloads), default=0.0)
    files = calm[-1].open_files if calm else (0, 0)
    refused = sum(state.tally.statuses.values())
    flat = slope is None or slope <= SLOPE_MB
    return {
        "wrong answers": (state.tally.wrong, "0", state.tally.wrong == 0),
        "refused requests": (refused, "0", refused == 0),
        "lost lines": (found.lost, "0", found.lost == 0),
        "doubled lines": (found.doubled, "0", found.doubled == 0),
        "lines of another number": (found.elsewhere, "0", found.elsewhere == 0),
        "lines of another value": (found.different, "0", found.different == 0),
        "findings of the chain": (list(found.findings), "none", not found.findings),
        "MB per 100,000 requests, calm": (
            None if slope is None else round(slope, 3),
            f"at most {SLOPE_MB:g}",
            flat,
        ),
        "MB over the reloads": (round(growth, 2), f"at most {GROWTH_MB:g}", growth <= GROWTH_MB),
        "open files, calm": (
            list(files),
            f"apart by at most {OPEN_FILES}",
            files[1] - files[0] <= OPEN_FILES,
        ),
    }


def main(words: Sequence[str] | None = None) -> int:
    """Run it and print the result; return 1 where a check fails."""
    given = _parser().parse_args(words)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="aune-soak-"))
    journal = given.journal or folder / "journal"
    try:
        plan = Plan(given.requests, given.seed, given.clients, given.every)
        state, found = run(plan, folder, journal, _say)
    except AuneError as error:
        sys.stderr.write(f"soak: {error}\n")
        return error.exit_code
    told = result(plan, state, found)
    text = json.dumps(told, indent=1, ensure_ascii=False)
    if given.output:
        given.output.write_text(text + "\n")
    _say(text)
    for check in told["checks"]:
        mark = "ok" if check["ok"] else "FAILED"
        _say(f"{mark:7} {check['what']}: {check['found']} ({check['expected']})")
    if not given.folder:
        shutil.rmtree(folder)
    return 0 if told["ok"] else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.serving.soak", description=main.__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000, help="answers wanted")
    parser.add_argument("--seed", type=int, default=1, help="of the disturbances")
    parser.add_argument("--clients", type=int, default=8, help="connections at a time")
    parser.add_argument("--every", type=int, default=4_000, help="answers between disturbances")
    parser.add_argument(
        "--folder", type=Path, help="where to keep its state: the same one takes it up again"
    )
    parser.add_argument("--journal", type=Path, help="folder of the journal; in --folder else")
    parser.add_argument("--output", type=Path, help="file for the result, JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
