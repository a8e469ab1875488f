"""Kill installs and rollbacks at every step, or before every call that touches the disk.

Run as a program by ``test_store_kill.py``: one process that has the packages imported forks
a child for each case, so a case costs milliseconds. Prints one JSON line for each case.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import onnxruntime  # noqa: F401 - imported once, before any fork

from common.edge.store.store import STEPS, Store

TASK = ("building_energy", "day_ahead")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Countdown:
    """Kill this process before the n-th call that touches a file below the root."""

    def __init__(self, root, number):
        self.root, self.left = str(root), number
        sys.addaudithook(self.audit)
        for name in ("fsync", "read"):
            setattr(os, name, self.counted(getattr(os, name)))

    def audit(self, event, given):
        touches = event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate")
        opens = event == "open" and isinstance(given[2], int) and given[2] & WRITING
        inside = str(given[0]).startswith(self.root) if given else False
        # shutil.rmtree names files relative to an open folder: only the store does that here.
        relative = event in ("os.remove", "os.rmdir") and given[1] != -1
        if (touches or opens) and (inside or relative):
            self.count()

    def counted(self, call):
        def counting(*words):
            self.count()
            return call(*words)

        return counting

    def count(self):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work):
    """Run work in a child; returns whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must read it
            say({"error": repr(error)})
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status)


def say(line):
    """Write one JSON line at once: a forked child leaves without closing its files."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def operate(root, order, **options):
    """Do what the order says: ``rollback``, or install a zip with a trusted key."""
    if order["zip"] is None:
        return Store(root, **options).rollback(*TASK)
    return Store(root, [Path(order["key"])], **options).install(order["zip"])


def report(root, order, case, killed):
    """Open what the kill left, as a server does; then do the same again and look twice."""
    left = sorted(path.name for path in (root / "staging").glob("*"))
    before = Store(root).open(*TASK).manifest.version if Store(root).installed() else None
    if killed and (order["zip"] is not None or before == order["from"]):
        operate(root, order)
    store = Store(root)
    shelf = store.get(*TASK).shelf
    store.gc()
    folders = sorted(path.parent.name for path in root.glob("versions/*/*/*/bundle.zip"))
    line = {
        "case": case,
        "killed": killed,
        "left": left,
        "before": before,
        "after": store.open(*TASK).manifest.version,
        "versions": sorted(shelf.versions),
        "folders": folders,
        "logged": store._log.last(*TASK) == shelf,
        "staging": sorted(path.name for path in (root / "staging").glob("*")),
    }
    say(line)


def run_case(place, order, case):
    """Copy the store, kill the operation in a child, examine in another."""
    root = place / f"case-{case}"
    if order["store"] is not None:
        shutil.copytree(order["store"], root)

    def work():
        if isinstance(case, int):
            Countdown(root, case)
            operate(root, order)
        else:
            operate(root, order, steps=lambda name: kill() if name == case else None)

    killed = forked(work)
    forked(lambda: report(root, order, case, killed))
    shutil.rmtree(root)
    return killed


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def main():
    """Take the order as JSON: store, zip, key, from, every (call rather than step)."""
    order = json.loads(sys.argv[1])
    place = Path(order["place"])
    if not order["every_call"]:
        for step in STEPS:
            run_case(place, order, step)
        return
    case = 0
    while run_case(place, order, case):
        case += 1


if __name__ == "__main__":
    main()
