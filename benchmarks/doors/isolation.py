"""Entry of the child process that runs a vendor's graph: isolate first, import after.

Standard library only, and run as a script (``python -I isolation.py FOLDER``), so that limits
and namespaces are in place before numpy or onnxruntime are loaded. Linux; elsewhere the limits
that exist are set and the rest is said not to be.
"""

import ctypes
import json
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["isolate"]

# linux/sched.h and linux/prctl.h
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_OPEN_FILES = 256
_GRACE_SECONDS = 5


def isolate(limits: Mapping[str, int]) -> str:
    """Bound this process and cut its network; return in French what was done.

    Parameters
    ----------
    limits
        ``memory_bytes``, ``cpu_seconds`` and ``file_bytes``.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux":
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    cut = _cut_network(libc)
    cpu = limits["cpu_seconds"]
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + _GRACE_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bounds = f"{limits['memory_bytes'] // 2**20} Mio de mémoire, {cpu} s de processeur, un fil"
    if cut:
        return f"processus séparé, réseau coupé par le noyau, {bounds}"
    return f"processus séparé seulement, réseau non coupé par le noyau, {bounds}"


def _cut_network(libc: ctypes.CDLL) -> bool:
    """Enter a network namespace without any interface up; as root, or as a user of its own."""
    if sys.platform != "linux" or not hasattr(libc, "unshare"):
        return False
    return not libc.unshare(_CLONE_NEWNET) or not libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    said = isolate(job["limits"])
    from benchmarks.doors.runner import run

    run(folder, job, said)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
