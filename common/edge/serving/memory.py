"""Give back to the system what starting and loading took and no longer needs."""

import ctypes
import gc

__all__ = ["give_back", "keep_out_of_collections"]


def give_back() -> None:
    """Return freed memory to the system, where the C library can.

    Opening a bundle parses its graph several times over; glibc keeps those pages for later
    (``man 3 malloc_trim``). Elsewhere (musl, macOS) nothing happens.
    """
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return


def keep_out_of_collections() -> None:
    """Leave what was imported out of the garbage collections, which begin here.

    None of it ever dies, and a full collection then takes the time of what a server makes,
    not of its packages (``gc.freeze``). Asked for once, before a model is opened: models do
    come and go.
    """
    gc.freeze()
    gc.enable()
