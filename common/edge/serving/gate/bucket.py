"""Token buckets: how often each caller may ask."""

import math
import time
from collections.abc import Callable

__all__ = ["Buckets"]


class Buckets:
    """One bucket per caller; callers are keys, so there are few.

    Parameters
    ----------
    rate_per_second
        Tokens that come back; 0 for no bound.
    burst
        Tokens that a bucket holds.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> now = [0.0]
    >>> buckets = Buckets(1, 2, clock=lambda: now[0])
    >>> [buckets.wait("a") for _ in range(3)]  # two at once, the third in a second
    [0, 0, 1]
    >>> now[0] = 1.0
    >>> buckets.wait("a")
    0
    """

    def __init__(
        self,
        rate_per_second: float,
        burst: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._clock = rate_per_second, burst, clock
        self._levels: dict[str, tuple[float, float]] = {}

    def wait(self, caller: str) -> int:
        """Take a token; return 0, or after how many whole seconds there will be one."""
        if not self._rate:
            return 0
        now = self._clock()
        level, at = self._levels.get(caller, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate)
        if level < 1:
            self._levels[caller] = (level, now)
            return math.ceil((1 - level) / self._rate)
        self._levels[caller] = (level - 1, now)
        return 0
