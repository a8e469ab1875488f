"""Hold a vendor's ranked answers against ours: ``python -m``, this module, and a file.

Without a file, the answers of a commercial engine that Etalab published in 2021 are converted and
scored: the first real vendor (``briefs/citizen_requests.md`` 0, finding 2).
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.lab.pages.french import number
from usecases.citizen_requests.answers.collections import NAMES, Collection, collection
from usecases.citizen_requests.answers.comparison_page import comparison_page
from usecases.citizen_requests.answers.ranking import (
    Interval,
    difference,
    rank_in_list,
    summary,
)
from usecases.citizen_requests.answers.vendor_run import VendorRun, from_lists, read_run
from usecases.citizen_requests.requests.measurement import cnil_questions

__all__ = ["Comparison", "compare", "eptica_run", "main"]

ENGINE = "Eptica (juillet 2021)"
MAIN = "R@10"


@dataclass(frozen=True)
class Comparison:
    """A vendor's run beside ours, on the same questions.

    Parameters
    ----------
    collection
        French title of what is asked.
    run
        As read.
    n_questions, n_sheets
        How many are asked, of how many sheets: what is drawn again in the intervals.
    ours, theirs, gain
        Measure to mean and interval; ``gain`` is ours minus theirs, question by question.
    """

    collection: str
    run: VendorRun
    n_questions: int
    n_sheets: int
    ours: Mapping[str, Interval]
    theirs: Mapping[str, Interval]
    gain: Mapping[str, Interval]

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``undetermined``: where the interval of the gain lies."""
        low, high = self.gain[MAIN].low, self.gain[MAIN].high
        return "better" if low > 0 else "worse" if high < 0 else "undetermined"


def compare(held: Collection, run: VendorRun) -> Comparison:
    """Score a run and ours; questions that the run leaves out count as not found."""
    asked = held.asked
    pairs = list(zip(asked["question_id"], asked["sheet_id"], strict=True))
    theirs = [rank_in_list(run.ranked.get(question, ()), sheet) for question, sheet in pairs]
    ours = held.ranks()
    sheets = asked["sheet_id"].tolist()
    return Comparison(
        collection=held.title,
        run=run,
        n_questions=len(asked),
        n_sheets=len(set(sheets)),
        ours=summary(ours, sheets),
        theirs=summary(theirs, sheets),
        gain=difference(ours, theirs, sheets),
    )


def eptica_run(held: Collection) -> VendorRun:
    """Return the published answers of the commercial engine as a run."""
    published = cnil_questions()
    lists = dict(zip(published["question_id"], published["vendor_run"], strict=True))
    digest = hashlib.sha256(json.dumps(lists, sort_keys=True).encode()).hexdigest()
    asked = set(held.asked["question_id"])
    return from_lists(
        ENGINE, {one: ids for one, ids in lists.items() if one in asked}, held.ids, digest
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Score a file and write a French page; return 0.

    Raises
    ------
    TableError
        The file is refused; names its lines.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="JSON Lines or TREC run")
    parser.add_argument("--collection", choices=NAMES, default="cnil")
    parser.add_argument("--out", type=Path, default=Path("comparison.html"))
    order = parser.parse_args(arguments)
    held = collection(order.collection)
    if order.file is None:
        run = eptica_run(held)
    else:
        run = read_run(order.file, set(held.asked["question_id"]), set(held.ids))
    found = compare(held, run)
    order.out.write_text(comparison_page(found), encoding="utf-8")
    gain = found.gain[MAIN]
    print(  # noqa: T201 - a command
        f"{found.run.system}: {found.verdict}, {MAIN} {number(gain.value, 3)} "
        f"[{number(gain.low, 3)} ; {number(gain.high, 3)}]\n{order.out}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
