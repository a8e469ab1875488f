"""``python -m benchmarks.serving.hostile``: attack a server, print what came of it."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.serving.hostile import bodies, callers, data, halfopen, installs, shapes
from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import Target, ready
from common.edge.errors import AuneError

__all__ = ["GROUPS", "main", "table"]

GROUPS: dict[str, Callable[[Target], list[Outcome]]] = {
    "shapes": shapes.attack,
    "data": data.attack,
    "bodies": bodies.attack,
    "callers": callers.attack,
    "installs": installs.attack,
    "halfopen": halfopen.attack,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run the attacks and print the table; return 1 where one succeeds."""
    given = _parser().parse_args(words)
    found: list[Outcome] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="aune-hostile-") as place,
            ready(Path(place), with_peer=not given.no_peer) as target,
        ):
            for name in given.only or GROUPS:
                found += GROUPS[name](target)
                sys.stderr.write(f"hostile: {name} done\n")
    except AuneError as error:
        sys.stderr.write(f"hostile: {error}\n")
        return error.exit_code
    sys.stdout.write(table(found))
    if given.output:
        text = json.dumps([one.to_object() for one in found], indent=1, ensure_ascii=False)
        given.output.write_text(text + "\n")
    failed = [one for one in found if not one.ok]
    sys.stdout.write(f"{len(found)} attacks, {len(failed)} not held off\n")
    return 1 if failed else 0


def table(found: Sequence[Outcome]) -> str:
    """Return a line for each attack: held off or not, what happened, what was expected.

    >>> print(table([Outcome("keys", "a guess", "401", "401", True)]), end="")
    | | attack | what happened | expected | plain uvicorn and Starlette |
    |---|---|---|---|---|
    | ok | keys: a guess | 401 | 401 |  |
    """
    lines = [
        "| | attack | what happened | expected | plain uvicorn and Starlette |",
        "|---|---|---|---|---|",
    ]
    for one in found:
        mark = "ok" if one.ok else "**FAILED**"
        lines.append(
            f"| {mark} | {one.group}: {one.attack} | {one.happened} | {one.expected} | {one.peer} |"
        )
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.serving.hostile", description=main.__doc__)
    parser.add_argument("--only", action="append", choices=sorted(GROUPS), help="group of attacks")
    parser.add_argument("--no-peer", action="store_true", help="leave the plain server out")
    parser.add_argument("--output", type=Path, help="file for the outcomes, JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
